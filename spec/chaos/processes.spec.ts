import { readFileSync } from "node:fs";
import { expect } from "chai";
import { BEGIN, END } from "./processes/document.ts";
import { FAULTS } from "./processes/faults.ts";
import { judge, type Judgement } from "./processes/oracle/judgement.ts";
import { COLUMNS, historyOf, rowOf } from "./processes/report.ts";
import { type Scenario, SCENARIOS } from "./processes/scenarios.ts";
import { inTurn, outages, type Schedule } from "./processes/schedule.ts";
import { play, type Seen } from "./processes/stage.ts";

/** Short, and gentle to a machine of two processors: most of it is waiting. A longer run is `npm run chaos`. */
const RATE = 15;
const SEED = 1;

const ofEachKind = (victims: number): Schedule =>
  inTurn(...Object.values(FAULTS).map((faults) => outages({ sfus: 3, victims, faults })));

const long = (name: string): Scenario => {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  return scenario;
};

/** What docs/reliability.md promises, and how many seconds each takes. */
const SHORT: readonly (readonly [scenario: Scenario, seconds: number])[] = [
  [{ name: "any one of three dead, hanging, lying", sfus: 3, servesAll: true, schedule: ofEachKind(1) }, 15],
  [{ name: "any two of three dead, hanging, lying", sfus: 3, servesAll: true, schedule: ofEachKind(2) }, 24],
  [{ name: "all of three dead, hanging, lying", sfus: 3, servesAll: false, schedule: ofEachKind(3) }, 24],
  [long("two flap"), 10],
  [long("reloads while one is out"), 8],
  [long("restarts while one is out"), 8],
  [long("anything, to one, two or all"), 20],
];

describe("chaos: whole processes, by schedule", () => {
  const results = new Map<string, { readonly seen: Seen; readonly judgement: Judgement }>();
  const failures = new Map<string, unknown>();
  const end = new AbortController();

  /** All at the same time. They take as long as the longest, unless the machine has very much to do. */
  before(async function () {
    this.timeout(240_000);
    const run = async ([scenario, seconds]: (typeof SHORT)[number]): Promise<void> => {
      try {
        const seen = await play(scenario, { seed: SEED, seconds, rate: RATE }, end.signal);
        results.set(scenario.name, { seen, judgement: judge(seen) });
      } catch (error) {
        failures.set(scenario.name, error);
      }
    };
    await Promise.all(SHORT.map(run));
  });

  after(() => end.abort(new Error("the suite is over")));

  for (const [{ name, servesAll }, seconds] of SHORT) {
    const what = servesAll ? "every call gets its channel" : "every call is answered in time, and a 503 has its reason";
    it(`${name}: ${what}`, () => {
      const result = results.get(name);
      if (result === undefined) throw failures.get(name);
      const { seen, judgement } = result;
      const row = rowOf(seen, judgement);
      const { violations, counts } = judgement;
      expect(violations, [...violations, ...historyOf(seen), JSON.stringify(row)].join("\n")).to.deep.equal([]);
      expect(row.calls).to.be.above(RATE * seconds * 0.5);
      // Where the machine let nobody run much more is excused.
      if (servesAll) expect(counts.served + counts.gateway_away + counts.stalled).to.equal(row.calls);
      if (!name.startsWith("all ")) return;
      expect(counts.nobody + counts.stalled, "it was really without").to.be.above(0);
      if (counts.stalled === 0) expect(judgement.recoveries).to.have.length.at.least(1);
    });
  }
});

describe("docs/reliability.md", () => {
  const text = readFileSync(new URL("../../docs/reliability.md", import.meta.url), "utf8");

  it("has the table of the last long run, scenario by scenario, without a violation", () => {
    const block = text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END));
    const [head = [], , ...rows] = block
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .map((line) =>
        line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    expect(head).to.deep.equal([...COLUMNS]);
    expect(rows.map(([name]) => name)).to.deep.equal(SCENARIOS.map(({ name }) => name));
    for (const row of rows) expect(row[COLUMNS.indexOf("wrong")]).to.equal("0");
    expect(block).to.match(/--seed \d+, \d+ s a scenario, \d+ calls\/s; Node [\d.]+, \d+ cores/);
  });
});
