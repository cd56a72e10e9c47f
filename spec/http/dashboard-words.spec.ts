import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";
import { expect } from "chai";
import type { SfuReport, StoreReport } from "../../lib/api/fleet.ts";
import { company, drainProgress, duration, severity, standing } from "../../lib/cli/status/words.ts";
import { sfuReport } from "../support/reports.ts";

const FILE = new URL("../../lib/http/dashboard/words.js", import.meta.url);

/** The page's own words: a script of a browser, which imports nothing. */
interface Words {
  duration(ms: number): string;
  standingOf(sfu: SfuReport): string;
  drainProgress(sfu: SfuReport): string;
  company(store: StoreReport): string;
  weightOf(standing: string): { readonly urgency: number; readonly tone: string };
  plain(text: string): string;
}

const WELL = sfuReport({
  region: null,
  load: { sessions: 12, channels: 3, cpu: null, memory: null, maxSessions: 1000, expected: 0 },
});

const OUTS = ["down", "misconfigured", "expired", "breaker_open", "draining", "overloaded", "on_trial"] as const;
const STATES = ["unknown", "healthy", "failing", "down", "misconfigured", "expired"] as const;

describe("the dashboard's words", () => {
  let words: Words;
  before(() => {
    const scope = createContext({});
    runInContext(readFileSync(FILE, "utf8"), scope);
    words = scope as unknown as Words;
  });

  it("are those of sfu-gateway status", () => {
    for (const ms of [-1, 0, 999, 59_999, 60_000, 3_599_999, 3_600_000, 172_799_999, 172_800_000, 4e9]) {
      expect(words.duration(ms)).to.equal(duration(ms));
    }
    for (const out of [null, ...OUTS]) {
      for (const state of STATES) {
        const sfu = { ...WELL, out, state, available: out === null };
        expect(words.standingOf(sfu)).to.equal(standing(sfu));
        expect(words.weightOf(standing(sfu)).urgency).to.equal(severity(sfu));
      }
    }
    for (const [sessions, expected] of [
      [0, 0],
      [0, 0.4],
      [1, 0],
      [12, 3.2],
    ] as const) {
      const sfu = { ...WELL, load: { ...WELL.load!, sessions, expected } };
      expect(words.drainProgress(sfu)).to.equal(drainProgress(sfu));
    }
    for (const store of [
      { away: false, forSeconds: null, instances: 1 },
      { away: false, forSeconds: null, instances: 3 },
      { away: true, forSeconds: 130, instances: 1 },
    ]) {
      expect(words.company(store)).to.equal(company(store));
    }
    expect(words.drainProgress({ ...WELL, load: null })).to.equal(drainProgress({ ...WELL, load: null }));
  });

  it("have a tone each, and take what they do not know for bad", () => {
    const standings = ["available", "unknown", "draining", "on trial", "down", "of a later version"];
    const tones = standings.map((text) => words.weightOf(text).tone);
    expect(tones).to.deep.equal(["good", "quiet", "calm", "warn", "bad", "bad"]);
  });

  it("show what would hide itself or turn the reading direction", () => {
    expect(words.plain("sfu\u202e\u0007\u200bé")).to.equal("sfu???é");
  });
});
