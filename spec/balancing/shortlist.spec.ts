import { expect } from "chai";
import { createRank, type Rank } from "../../lib/balancing/rank.ts";
import { createShortlist, FROM_SFUS, LENGTH } from "../../lib/balancing/shortlist.ts";
import type { Placement } from "../../lib/balancing/strategy.ts";
import type { Availability, Sfu } from "../../lib/sfu/sfu.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import { type Desk, inRegion, NOWHERE, openDesk, type Settings } from "./harness.ts";

const COUNT = FROM_SFUS + 44;

describe("the shortlist of a large fleet", () => {
  const clock = useFakeClock();
  let desk: Desk;
  let sfus: readonly Sfu[];
  let out: Set<Sfu>;
  let looks: number;
  let rank: Rank;

  const open = (count: number, settings: Settings = {}): void => {
    sfus = Array.from({ length: count }, (_, index) =>
      sfuOf(index + 1, { region: index % 10 === 0 ? "eu-west-3" : null }),
    );
    desk = openDesk(clock, sfus, { maxRetries: 3, ...settings });
    // The later, the emptier.
    sfus.forEach((sfu, index) => desk.report(sfu, { sessions: 800 - index, channels: 10 }));
    out = new Set();
    looks = 0;
    const availabilityOf = (sfu: Sfu): Availability => {
      looks++;
      return out.has(sfu) ? { kind: "out", why: "down", reason: "is down", mayReturn: false } : { kind: "available" };
    };
    const isAvailable = (sfu: Sfu): boolean => availabilityOf(sfu).kind === "available";
    const { strategy, shortlist: pick, registry: fleet } = desk;
    const shortlist = createShortlist({ clock, fleet, isAvailable, pick });
    rank = createRank({ fleet, availabilityOf, mayBeTried: () => true, strategy, shortlist });
  };
  const first = (placement: Placement = NOWHERE): Sfu | undefined => rank(placement, null).next()?.sfu;
  const place = (): void => {
    const sfu = first();
    if (sfu !== undefined) desk.ledger.claim(sfu);
  };
  const indexOf = (sfu: Sfu | undefined): number => (sfu === undefined ? -1 : sfus.indexOf(sfu));
  beforeEach(() => open(COUNT));

  it("spares calls the look at all of them", () => {
    first();
    expect(looks).to.be.at.least(COUNT);
    looks = 0;
    for (let call = 1; call < LENGTH / 2; call++) first();
    expect(looks / (LENGTH / 2 - 1)).to.be.at.most(2 * LENGTH);
  });

  it("has the best in it: each conference goes to one of those that the whole fleet's ranking would have at its top", () => {
    for (let call = 0; call < 200; call++) expect(indexOf(first())).to.be.at.least(COUNT - 20);
  });

  it("spreads what is placed as the whole fleet's ranking does: it counts here, too, what was placed just now", () => {
    for (let call = 0; call < 300; call++) place();
    const placed = sfus.map((sfu) => desk.ledger.placedSinceReport(sfu));
    expect(Math.max(...placed)).to.be.at.most(12);
    expect(placed.filter((count) => count > 0).length).to.be.at.least(30);
  });

  it("gives nobody who may not be asked any more", () => {
    first();
    for (const sfu of sfus.slice(-5)) out.add(sfu);
    for (let call = 0; call < 50; call++) expect(indexOf(first())).to.be.within(COUNT - 20, COUNT - 6);
  });

  it("does without where none of it may be asked, and hands out all that may", () => {
    first();
    const [alive] = sfus;
    for (const sfu of sfus) if (sfu !== alive) out.add(sfu);
    expect(first()).to.equal(alive);
    out.clear();
    const candidates = rank(NOWHERE, null);
    const given = new Set<Sfu>();
    for (let next = candidates.next(); next !== null; next = candidates.next()) given.add(next.sfu);
    expect(given.size).to.equal(COUNT);
  });

  it("is made anew after half as many conferences, after a quarter of a second, and for another fleet", async () => {
    const counted = (): number => {
      looks = 0;
      first();
      return looks;
    };
    first();
    for (let call = 1; call < LENGTH / 2; call++) expect(counted()).to.be.below(COUNT);
    expect(counted()).to.be.at.least(COUNT);
    expect(counted()).to.be.below(COUNT);
    await clock.elapse(250);
    expect(counted()).to.be.at.least(COUNT);
    expect(counted()).to.be.below(COUNT);
    desk.registry.put(sfuOf(COUNT + 1));
    expect(counted()).to.be.at.least(COUNT);
  });

  it("sees by then what has become better", async () => {
    first();
    const [best] = sfus;
    desk.report(best!, { sessions: 0 });
    await clock.elapse(250);
    expect(first()).to.equal(best);
  });

  it("is one for each place that callers name", () => {
    first();
    for (let call = 0; call < 20; call++) expect(first(inRegion("eu-west-3"))?.region).to.equal("eu-west-3");
    expect(indexOf(first())).to.be.at.least(COUNT - 20);
  });

  it("does not grow with the places that callers make up", () => {
    for (let number = 0; number < 100; number++) first({ region: `made-up-${String(number)}`, place: null });
    looks = 0;
    first({ region: "made-up-0", place: null });
    expect(looks, "forgotten").to.be.at.least(COUNT);
  });

  for (const [what, count, settings, placement] of [
    ["of a fleet that is not large", FROM_SFUS - 1, {}, NOWHERE],
    ["of SFUs that take turns", COUNT, { strategy: "round-robin" }, NOWHERE],
    ["where gateways have to agree", COUNT, {}, { ...NOWHERE, agreeOn: "a conference" }],
  ] as const) {
    it(`is none ${what}`, () => {
      open(count, settings);
      first(placement);
      looks = 0;
      first(placement);
      expect(looks).to.be.at.least(count);
    });
  }
});
