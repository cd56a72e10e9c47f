import { expect } from "chai";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";
import {
  configOf,
  count,
  type Desk,
  inCountry,
  inRegion,
  nameOf,
  NOWHERE,
  openDesk,
  type Settings,
} from "./harness.ts";

const TURNS: Settings = { strategy: "round-robin" };

describe("the balancer after a reload", () => {
  const clock = useFakeClock();
  const fleet = [sfuOf(1), sfuOf(2), sfuOf(3)];

  let settings: Settings;
  const open = (initial: Settings, sfus = fleet): Desk => openDesk(clock, sfus, (settings = initial));
  const reconfigure = (desk: Desk, next: Settings, parts: Partial<ReturnType<typeof configOf>> = {}): void => {
    desk.events.emit("reconfigured", { from: configOf(settings), to: { ...configOf(next), ...parts } });
    settings = next;
  };
  const winner = (desk: Desk, placement = NOWHERE): string => nameOf(desk.strategy(desk.registry.all(), placement)[0]);

  it("goes on with whose turn it is, where nothing has changed that the turns hang on", () => {
    const desk = open(TURNS);
    let winners = "";
    for (let turn = 0; turn < 9; turn++) {
      winners += winner(desk);
      reconfigure(desk, { ...TURNS, overload: { maxCpu: 0.9 - turn / 100 }, weights: { cpu: turn } });
    }
    expect(winners).to.equal("123123123");
  });

  it("gives turns by the weights that there are now, from an entry that has changed as well", () => {
    const desk = open(TURNS);
    for (let turn = 0; turn < 7; turn++) winner(desk);
    desk.registry.put(sfuOf(1, { weight: 2 }));
    reconfigure(desk, { ...TURNS, overload: { maxCpu: 0.5 } });
    expect(count(Array.from({ length: 400 }, () => winner(desk)))).to.satisfy(
      (turns: Record<string, number>) => Math.abs(turns["1"]! - 200) <= 2 && Math.abs(turns["2"]! - 100) <= 2,
    );
  });

  it("has the strategy that there is now", () => {
    const desk = open(TURNS);
    for (const [index, sfu] of fleet.entries()) desk.report(sfu, { sessions: 100 * (3 - index) });
    expect([winner(desk), winner(desk), winner(desk)].join("")).to.equal("123");
    reconfigure(desk, { strategy: "load" });
    expect([winner(desk), winner(desk), winner(desk)].join("")).to.equal("333");
    reconfigure(desk, TURNS);
    expect([winner(desk), winner(desk), winner(desk)].join("")).to.equal("123");
  });

  it("ranks as many as a request may try now", () => {
    const desk = open({ ...TURNS, maxRetries: 1 });
    expect(desk.strategy(fleet, NOWHERE)).to.have.length(1);
    reconfigure(desk, { ...TURNS, maxRetries: 2 });
    expect(desk.strategy(fleet, NOWHERE)).to.have.length(2);
  });

  it("knows the places, and counts the distances, as they are now", () => {
    const [near, far] = [sfuOf(1, { region: "eu-west-3" }), sfuOf(2, { region: "here" })];
    const desk = open({ strategy: "load" }, [near, far]);
    desk.report(near, { sessions: 300 });
    desk.report(far);
    const who = (): string => winner(desk, inCountry("FR"));
    expect(who(), "nobody knows where «here» is").to.equal("1");
    reconfigure(desk, { strategy: "load" }, { regions: { here: { latitude: 48, longitude: 2 } } });
    expect(who()).to.equal("2");
    reconfigure(desk, { strategy: "load", weights: { distance: 0 } });
    expect(who(), "the distance counts for nothing").to.equal("2");
    expect(winner(desk, inRegion("eu-west-3"))).to.equal("1");
    const explained = desk.explainWith(() => ({ kind: "available" }))(inCountry("FR"), null);
    expect(explained.map(({ distance }) => distance)).to.deep.equal([0, 0]);
  });
});
