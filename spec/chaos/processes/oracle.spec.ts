import { expect } from "chai";
import type { Answer, Call } from "./calls.ts";
import { createFitness, type Window } from "./fitness.ts";
import type { ChaosGateway } from "./gateway.ts";
import type { LogLine } from "./log-line.ts";
import { judge } from "./oracle/judgement.ts";
import type { Scenario } from "./scenarios.ts";
import type { ChaosSfu, MadeChannel } from "./sfu.ts";
import type { Seen } from "./stage.ts";
import type { Vitals } from "./vitals.ts";

const SCENARIO: Scenario = { name: "made up", sfus: 3, servesAll: false, schedule: () => [] };

/** Three SFUs, and what is put into the oracle's mouth. Times in milliseconds. */
function stageOf(): {
  readonly sfus: readonly ChaosSfu[];
  out(sfu: number, fromMs: number, toMs: number): void;
  makes(sfu: number, uuid: string, iss: string, life?: MadeChannel["life"]): void;
  call(iss: string, begunMs: number, answer: Answer, tookMs?: number): void;
  seen(parts?: Omit<Partial<Seen>, "gateway"> & { readonly gateway?: Partial<ChaosGateway> }): Seen;
} {
  const unused = (): never => {
    throw new Error("nobody plays");
  };
  const sfus: ChaosSfu[] = [1, 2, 3].map((number) => ({
    address: `http://sfu${String(number)}.test`,
    key: "",
    pid: 0,
    fitness: createFitness(),
    break: unused,
    heal: unused,
    close: unused,
  }));
  const made = new Map<string, MadeChannel>();
  const calls: Call[] = [];
  return {
    sfus,
    out(sfu, fromMs, toMs) {
      sfus[sfu]!.fitness.begin("killed", fromMs);
      sfus[sfu]!.fitness.end(toMs);
    },
    makes: (sfu, uuid, iss, life = { fromMs: 0, toMs: Infinity }) =>
      void made.set(uuid, { sfu: sfus[sfu]!, iss, life }),
    call: (iss, begunMs, answer, tookMs = 5) =>
      void calls.push({ id: `chaos-${String(calls.length + 1)}`, iss, begunMs, endedMs: begunMs + tookMs, answer }),
    seen: ({ gateway = {}, ...parts } = {}) => ({
      scenario: SCENARIO,
      options: { seed: 1, seconds: 10, rate: 1 },
      calls,
      sfus,
      made,
      stalls: [],
      badReloads: 0,
      failovers: 0,
      ...parts,
      gateway: {
        port: 0,
        pid: 0,
        fitness: createFitness(),
        complaints: [],
        stderr: "",
        exitCodes: [0],
        vitals: [{ residentMb: 80, openFds: 20 }],
        start: unused,
        restart: unused,
        reload: unused,
        look: unused,
        failovers: unused,
        stop: unused,
        close: unused,
        pause: unused,
        ...gateway,
      },
    }),
  };
}

const REFUSAL: Answer = { kind: "refusal", status: 503, code: "no_sfu_available", retryAfter: "1" };
const channel = (uuid: string, sfu = 1): Answer => ({ kind: "channel", uuid, url: `http://sfu${String(sfu)}.test` });

describe("the oracle of the chaos runs", () => {
  let stage: ReturnType<typeof stageOf>;
  beforeEach(() => {
    stage = stageOf();
    stage.makes(0, "u1", "a");
  });

  /** What it says that must not be, as one text. */
  const wrong = (parts?: Parameters<typeof stage.seen>[0]): string => judge(stage.seen(parts)).violations.join("\n");

  it("has nothing against a channel that an SFU has made", () => {
    stage.call("a", 0, channel("u1"));
    expect(wrong()).to.equal("");
  });

  for (const [what, answer, says] of [
    ["nobody has made", channel("u9"), "nobody has made"],
    ["has another SFU's URL", channel("u1", 2), "with the URL"],
  ] as const) {
    it(`sees a channel that ${what}`, () => {
      stage.call("a", 0, answer);
      expect(wrong()).to.include(says);
    });
  }

  it("sees another conference's channel", () => {
    stage.call("b", 0, channel("u1"));
    expect(wrong()).to.include("another conference");
  });

  it("sees a channel of a process that is no more", () => {
    stage.makes(0, "u1", "a", { fromMs: 0, toMs: 10_000 });
    stage.call("a", 10_700, channel("u1"));
    expect(wrong(), "answers are shared for a moment").to.equal("");
    stage.call("a", 11_000, channel("u1"));
    expect(wrong()).to.include("dead by then");
  });

  it("sees answers that come late, and those that never come", () => {
    stage.call("a", 0, channel("u1"), 2790);
    expect(wrong()).to.equal("");
    stage.call("a", 3000, channel("u1"), 2810);
    expect(wrong()).to.include("beyond its budget");
    stage.call("a", 6000, channel("u1"), 3010);
    expect(wrong()).to.include("Odoo has given up");
    stage.call("a", 10_000, { kind: "nothing", error: "ECONNRESET" });
    expect(wrong()).to.include("no answer: ECONNRESET");
  });

  it("sees a 200 that is no channel, and whatever else is neither 200 nor a proper 503", () => {
    stage.call("a", 0, { kind: "nonsense", body: "{}" });
    expect(wrong()).to.include("no channel");
    for (const refusal of [{ status: 500 }, { code: "overloaded" }, { retryAfter: null }]) {
      stage = stageOf();
      stage.call("a", 0, { ...REFUSAL, ...refusal });
      expect(wrong()).to.include("Retry-After");
    }
  });

  describe("takes a 503", () => {
    const refusedAt = (ms: number): ReturnType<typeof judge> => {
      stage.call("a", ms, REFUSAL);
      return judge(stage.seen());
    };

    it("for wrong where one SFU was there all the time", () => {
      stage.out(0, 0, 20_000);
      stage.out(1, 0, 20_000);
      expect(refusedAt(10_000).violations).to.have.length(1);
      expect(refusedAt(10_000).counts.wrong).to.equal(2);
    });

    it("for right while nobody was, and for three seconds after the first is back", () => {
      for (const sfu of [0, 1, 2]) stage.out(sfu, 0, 20_000 + sfu);
      expect(refusedAt(10_000).counts.nobody).to.equal(1);
      expect(refusedAt(22_900).counts.just_back).to.equal(1);
      const { counts, violations } = refusedAt(23_100);
      expect(counts.wrong).to.equal(1);
      expect(violations.join()).to.include("could have served it");
    });

    it("for right while as many have just died as a call may ask", () => {
      stage.sfus[0]!.fitness.begin("killed", 9000);
      const others = stageOf().sfus;
      stage.call("a", 10_000, REFUSAL);
      const seen = stage.seen({ sfus: [...stage.sfus, ...others] });
      expect(judge(seen).counts.wrong).to.equal(1);
      for (const { fitness } of stage.sfus) fitness.begin("killed", 9000);
      expect(judge(seen).counts.too_many).to.equal(1);
    });

    it("for nobody's fault while the machine let nobody run", () => {
      stage.call("a", 10_000, REFUSAL);
      const stalls: readonly Window[] = [{ fromMs: 8000, toMs: 9000, why: "no processor" }];
      expect(judge(stage.seen({ stalls })).counts.stalled).to.equal(1);
    });

    it("for wrong in a scenario in which every call has to be served", () => {
      for (const sfu of [0, 1, 2]) stage.out(sfu, 0, 20_000);
      stage.call("a", 10_000, REFUSAL);
      expect(wrong({ scenario: { ...SCENARIO, servesAll: true } })).to.include("1 calls were not served");
    });
  });

  describe("holds a conference together", () => {
    beforeEach(() => {
      stage.makes(1, "u2", "a");
      stage.call("a", 10_000, channel("u1"));
      stage.call("a", 20_000, channel("u2", 2));
    });

    it("where nothing has happened to its SFU", () => {
      expect(wrong()).to.include("a is split");
      stage.out(1, 15_000, 16_000);
      expect(wrong(), "another one's death is no reason").to.include("a is split");
    });

    it("unless its SFU was out since, or just before", () => {
      stage.out(0, 15_000, 16_000);
      expect(wrong()).to.equal("");
    });

    it("unless its SFU had come back just before", () => {
      stage.out(0, 5000, 7500);
      expect(wrong()).to.equal("");
    });

    it("unless the gateway was restarted", () => {
      const fitness = createFitness();
      fitness.begin("restarted", 15_000);
      fitness.end(16_000);
      expect(wrong({ gateway: { fitness } })).to.equal("");
    });
  });

  describe("reads the log", () => {
    const line = (fields: LogLine["fields"], atMs = 10_000): LogLine => ({
      atMs,
      fields: { level: "error", ...fields },
    });
    const complains = (...complaints: LogLine[]): string => {
      stage.call("a", 0, channel("u1"));
      return wrong({ gateway: { complaints } });
    };

    it("and takes no unexpected error for granted", () => {
      expect(complains(line({ msg: "unexpected error in the prober", where: "the prober" }))).to.include("the prober");
      expect(complains(line({ text: "Segmentation fault" }))).to.include("Segmentation");
    });

    it("and believes of an SFU only what was so", () => {
      stage.out(0, 9000, 9500);
      const of = (sfu: number): LogLine => line({ sfu: stage.sfus[sfu]!.address, msg: "is down" });
      expect(complains(of(0))).to.equal("");
      expect(complains(of(1))).to.include("is down");
    });

    it("and believes that of a call which was refused with a reason alone", () => {
      const of = (requestId: string): LogLine => line({ requestId, outcome: "no_sfu_available", msg: "no channel" });
      for (const sfu of [0, 1, 2]) stage.out(sfu, 0, 20_000);
      stage.call("a", 10_000, REFUSAL);
      expect(complains(of("chaos-1"))).to.equal("");
      expect(complains(of("chaos-2")), "that one was served").to.include("no channel");
      expect(complains(of("somebody else's"))).to.include("no channel");
    });

    it("and counts the reloads that could not succeed", () => {
      const reload = line({ msg: "not reloaded, nothing has changed", faults: [] });
      stage.call("a", 0, channel("u1"));
      expect(wrong({ badReloads: 1, gateway: { complaints: [reload] } })).to.equal("");
      expect(wrong({ badReloads: 1, gateway: { complaints: [reload, reload] } })).to.include("not reloaded");
    });
  });

  describe("measures how the service comes back", () => {
    beforeEach(() => {
      for (const sfu of [0, 1, 2]) stage.out(sfu, 10_000, 20_000 + 5000 * sfu);
      stage.call("a", 0, channel("u1"));
    });

    it("from the return of the first SFU to the first channel and the last 503", () => {
      stage.call("b", 20_200, REFUSAL, 100);
      stage.call("a", 20_100, channel("u1"), 50);
      expect(judge(stage.seen()).recoveries).to.deep.equal([
        { firstChannelMs: 150, lastRefusalMs: 300, isStalled: false },
      ]);
      expect(wrong()).to.equal("");
    });

    it("and says where that takes longer than three seconds", () => {
      stage.call("a", 23_000, channel("u1"), 100);
      expect(wrong()).to.include("back late: first channel after 3100 ms");
    });
  });

  describe("looks at the process", () => {
    const vitals = (...openFds: number[]): readonly Vitals[] =>
      openFds.map((fds) => ({ residentMb: 80, openFds: fds }));
    beforeEach(() => stage.call("a", 0, channel("u1")));

    it("and sees what is left open", () => {
      expect(wrong({ gateway: { vitals: vitals(20, 200, 35) } })).to.equal("");
      expect(wrong({ gateway: { vitals: vitals(20, 200, 36) } })).to.include("are open after the calls");
      expect(wrong({ gateway: { vitals: vitals(20, 301, 20) } })).to.include("301 open handles");
    });

    it("and sees a crash, and words on its standard error", () => {
      expect(wrong({ gateway: { exitCodes: [0, null] } })).to.include("it has ended with");
      expect(wrong({ gateway: { stderr: "FATAL ERROR" } })).to.include("FATAL ERROR");
    });
  });
});
