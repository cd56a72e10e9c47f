import { expect } from "chai";

interface Hooks {
  readonly beforeEach: () => void;
  readonly afterEach: () => void;
}

/** Fails a spec that leaves the global clock faked or process listeners behind. */
export function createSandboxChecks(): Hooks {
  const { setTimeout: realSetTimeout } = globalThis;
  let before: readonly string[] = [];
  return {
    beforeEach() {
      before = processListeners();
    },
    afterEach() {
      expect(globalThis.setTimeout, "the global clock is still faked").to.equal(realSetTimeout);
      expect(processListeners(), "listeners of the process").to.deep.equal(before);
    },
  };
}

function processListeners(): string[] {
  return process.eventNames().map((name) => `${String(name)}: ${String(process.listenerCount(name as string))}`);
}
