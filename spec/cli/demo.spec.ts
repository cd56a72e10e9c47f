import { expect } from "chai";
import { demo } from "../../lib/cli/demo/demo.ts";
import type { Pace } from "../../lib/cli/demo/fleet.ts";
import type { DemoSummary } from "../../lib/cli/demo/summary.ts";
import { run } from "../../lib/cli/program.ts";
import { eventually } from "../support/eventually.ts";
import { claimsOf, GATEWAY_KEY, token } from "../support/tokens.ts";

/** The demo's own pace is for reading along. */
const QUICK: Pace = {
  betweenCallsMs: 25,
  attemptTimeoutMs: 200,
  resetTimeoutMs: 500,
  windowMs: 1000,
  probeIntervalMs: 800,
};

function ioOf(env: Readonly<Record<string, string>> = {}): {
  readonly io: Parameters<typeof demo>[1];
  readonly out: string[];
  readonly err: string[];
  readonly end: AbortController;
} {
  const [out, err, end]: [string[], string[], AbortController] = [[], [], new AbortController()];
  const io = {
    env,
    stdout: (text: string) => void out.push(text),
    stderr: (text: string) => void err.push(text),
    color: false,
    screen: () => null,
    unread: new AbortController().signal,
    onHangup: () => () => undefined,
    signal: end.signal,
  };
  return { io, out, err, end };
}

describe("demo", () => {
  describe("from beginning to end", () => {
    let exitCodes: readonly number[];
    let summary: DemoSummary;
    let story: string;

    /** Both at the same time: they mostly wait. */
    before(async () => {
      const [asJson, asText] = [ioOf(), ioOf()];
      exitCodes = await Promise.all([demo({ json: true }, asJson.io, QUICK), demo({}, asText.io, QUICK)]);
      summary = JSON.parse(asJson.out.join("")) as DemoSummary;
      story = asText.out.join("");
    });

    it("serves every call through two outages, has them all back, and exits with 0", () => {
      expect(exitCodes).to.deep.equal([0, 0]);
      expect(summary.served).to.equal(summary.calls).and.to.be.above(100);
      expect(summary.upstreamRequestsForThem).to.equal(1);
      for (const name of ["paris-1", "virginia-1"]) {
        expect(summary.outages[name]?.[0]).to.be.oneOf(["open", "down"]);
        expect(summary.outages[name]?.at(-1)).to.be.oneOf(["closed", "healthy"]);
      }
      expect(summary.outages["paris-2"]).to.equal(undefined);
      expect(summary.stillOut).to.deep.equal([]);
      expect(summary.failovers).to.have.all.keys("timeout", "refused");
      expect(Object.values(summary.servedBy).reduce((sum, count) => sum + count, 0)).to.equal(summary.calls);
    });

    it("tells the story in lines that a person can read", () => {
      expect(story).to.match(/call +1 from eu-west-3 served by paris-[12] +\d+ ms/);
      expect(story).to.match(/served by paris-2 +\d+ ms {2}after paris-1 timeout/);
      expect(story).to.match(/breaker of paris-1: closed → open|paris-1 is down: it did not answer within/);
      expect(story).to.match(/breaker of paris-1: half_open → closed|paris-1 is healthy again/);
      expect(story).to.match(/calls served +(\d+) of \1 /);
      expect(story).to.include("Every call got its channel.");
    });
  });

  it("ends early, and cleanly, when it is told to", async () => {
    const { io, out, err, end } = ioOf();
    const running = run(["demo"], io);
    await eventually("it has begun", () => out.join("").includes("call   1"));
    end.abort();
    expect(await running).to.equal(1);
    expect(err.join("")).to.equal("the demo was ended before its end\n");
  });

  it("stays up on demand, with the key that it was given", async () => {
    const { io, out, err, end } = ioOf({ SFU_GATEWAY_KEY: GATEWAY_KEY, SFU_GATEWAY_PORT: "0" });
    const running = run(["demo", "--stay"], io);
    await eventually("it is up", () => err.join("").includes("gateway"));
    const url = /gateway +(http:\S+),/.exec(err.join(""))?.[1];
    const response = await fetch(`${url!}/v1/channel?region=us-east-1`, {
      headers: { authorization: `Bearer ${token({ claims: claimsOf("by hand") })}` },
    });
    expect(await response.json()).to.include({ url: "https://virginia-1.sfu.example" });
    expect(out.join("")).to.include("channel served by");
    end.abort();
    expect(await running).to.equal(0);
  });

  it("takes no fleet and no key's file from the environment that it runs in", async () => {
    const { io, err, end } = ioOf({ SFU_GATEWAY_KEY: "", SFU_GATEWAY_NODES_FILE: "/nowhere", SFU_GATEWAY_PORT: "0" });
    const running = run(["demo", "--stay"], io);
    await eventually("it is up", () => /export SFU_GATEWAY_KEY=\S{44}\n/.test(err.join("")));
    end.abort();
    expect(await running).to.equal(0);
  });

  it("says what is wrong with a key that it was given, and leaves nothing running", async () => {
    const { io, err } = ioOf({ SFU_GATEWAY_KEY: "no base64!", SFU_GATEWAY_PORT: "0" });
    expect(await run(["demo", "--stay"], io)).to.equal(2);
    expect(err.join("")).to.match(/SFU_GATEWAY_KEY: expected base64 text/);
    expect(err.join("")).to.not.include("no base64!");
  });
});
