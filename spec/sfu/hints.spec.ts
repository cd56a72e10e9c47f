import { expect } from "chai";
import { Events } from "../../lib/events.ts";
import { createHints, type Hints, LOOKS_A_SECOND } from "../../lib/sfu/hints.ts";
import { createRegistry, type Registry } from "../../lib/sfu/registry.ts";
import type { Sfu } from "../../lib/sfu/sfu.ts";
import type { Heard } from "../../lib/store/store.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { configurationOf } from "../support/gateway.ts";

const INTERVAL_MS = 2000;
const RESET_MS = 5000;

/** How several gateways live with them is told in `several/probes.spec.ts`. */
describe("a hint of another gateway", () => {
  const clock = useFakeClock();
  const { config } = configurationOf({ sfus: [] });
  const settings = {
    ...config,
    health: { ...config.health, intervalMs: INTERVAL_MS },
    breaker: { ...config.breaker, resetTimeoutMs: RESET_MS },
  };
  const sfu = sfuOf(1);
  let events: Events;
  let registry: Registry;
  let hints: Hints;
  let looked: string[];
  /** Whether there is reason to probe anybody. */
  let looks: boolean;
  let hear: (notice: Heard) => void;
  beforeEach(() => {
    events = new Events();
    registry = createRegistry(clock, events);
    looked = [];
    looks = true;
    hints = createHints(settings, {
      clock,
      events,
      registry,
      store: { instances: () => ["a", "b"], notices: { tell: () => undefined, on: (listener) => (hear = listener) } },
      look({ address }) {
        looked.push(address);
        return looks;
      },
    });
    enter(sfu);
  });

  const enter = (one: Sfu): void => {
    registry.put(one);
    registry.setHealth(one, { state: "healthy", sinceMs: 0 });
  };
  const trouble = ({ ageMs = 0, isBreakerOpen = false, address = sfu.address } = {}): void =>
    hear({ kind: "trouble", address, isBreakerOpen, ageMs });

  it("has the SFU looked at, and is open until it is", () => {
    expect(hints.isOpen(sfu)).to.be.false;
    trouble();
    expect(looked).to.deep.equal([sfu.address]);
    expect(hints.isOpen(sfu)).to.be.true;
    hints.answer(sfu);
    expect(hints.isOpen(sfu)).to.be.false;
  });

  it("stays open where the SFU could not be looked at now", () => {
    looks = false;
    trouble();
    expect(hints.isOpen(sfu)).to.be.true;
  });

  for (const state of ["failing", "down", "misconfigured", "expired"] as const) {
    it(`changes nothing where the SFU is ${state}: that is looked at anyway`, () => {
      registry.setHealth(sfu, { state, sinceMs: 0, reason: "whatever" });
      trouble();
      expect(looked).to.deep.equal([]);
      expect(hints.isOpen(sfu)).to.be.false;
    });
  }

  it("makes nobody suspect, where no breaker has opened", () => {
    trouble();
    expect(hints.isSuspect(sfu)).to.be.false;
  });

  it("makes an SFU suspect for the rest of the reset time, where one has", async () => {
    trouble({ isBreakerOpen: true, ageMs: 1000 });
    await clock.elapse(RESET_MS - 1001);
    expect(hints.isSuspect(sfu)).to.be.true;
    await clock.elapse(1);
    expect(hints.isSuspect(sfu)).to.be.false;
  });

  it("does not make that shorter which another hint has made longer", async () => {
    trouble({ isBreakerOpen: true });
    trouble({ isBreakerOpen: true, ageMs: 4000 });
    await clock.elapse(RESET_MS - 1);
    expect(hints.isSuspect(sfu)).to.be.true;
  });

  it("makes suspect what is failing already, too", () => {
    registry.setHealth(sfu, { state: "failing", sinceMs: 0, reason: "whatever" });
    trouble({ isBreakerOpen: true });
    expect(hints.isSuspect(sfu)).to.be.true;
  });

  it("is no news after an interval", () => {
    trouble({ ageMs: INTERVAL_MS - 1 });
    expect(looked).to.have.length(1);
    hints.answer(sfu);
    trouble({ ageMs: INTERVAL_MS });
    expect(looked).to.have.length(1);
    expect(hints.isOpen(sfu)).to.be.false;
  });

  it("goes by the settings that there are now", async () => {
    events.emit("reconfigured", {
      from: settings,
      to: {
        ...settings,
        health: { ...settings.health, intervalMs: 10_000 },
        breaker: { ...settings.breaker, resetTimeoutMs: 20_000 },
      },
    });
    trouble({ isBreakerOpen: true, ageMs: INTERVAL_MS });
    expect(looked).to.have.length(1);
    await clock.elapse(20_000 - INTERVAL_MS - 1);
    expect(hints.isSuspect(sfu)).to.be.true;
  });

  it("among many has its SFU looked at in a later second, unless it was its turn by then", async () => {
    const many = Array.from({ length: LOOKS_A_SECOND + 1 }, (_, index) => sfuOf(index + 1));
    for (const one of many) enter(one);
    for (const { address } of many) trouble({ address });
    expect(looked).to.have.length(LOOKS_A_SECOND);
    expect(many.filter((one) => !hints.isOpen(one))).to.deep.equal([]);
    await clock.elapse(1000);
    trouble({ address: many.at(-1)!.address });
    expect(looked).to.have.length(LOOKS_A_SECOND + 1);
  });

  it("is forgotten with the SFU", () => {
    trouble({ isBreakerOpen: true });
    registry.remove(sfu.address, "static");
    enter(sfuOf(1));
    expect([hints.isOpen(sfu), hints.isSuspect(sfu)]).to.deep.equal([false, false]);
  });
});
