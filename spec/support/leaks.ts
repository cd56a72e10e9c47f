import { expect } from "chai";

interface Hooks {
  beforeEach(): void;
  afterEach(): void;
}

/** Fails a spec that leaves the global clock faked or process listeners behind. */
export function createSandboxChecks(): Hooks {
  const { setTimeout: realSetTimeout } = globalThis;
  let listeners = 0;
  const countListeners = (): number =>
    process.eventNames().reduce((sum, name) => sum + process.listenerCount(name as string), 0);
  return {
    beforeEach() {
      listeners = countListeners();
    },
    afterEach() {
      expect(globalThis.setTimeout, "the global clock is still faked").to.equal(realSetTimeout);
      expect(countListeners(), "process listeners were left behind").to.be.at.most(listeners);
    },
  };
}
