import { expect } from "chai";
import pLimit from "p-limit";
import { systemClock } from "../../lib/clock.ts";
import { exampleFault, type Fault, faultKinds } from "../../lib/simulator/sfu.ts";
import { useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { type SimulatedFleet, startFleet } from "../support/fleet.ts";
import { type Joined, type LogLine, startGateway } from "../support/gateway.ts";
import { useOffice } from "../support/office.ts";

/** Odoo's patience less a margin. */
const IN_TIME_MS = 2900;
const CALLS = 10;
const AT_A_TIME = 3;

/** What a fleet of three made of some calls, over real sockets and in real time. */
interface Outage {
  readonly answers: readonly { readonly joined: Joined; readonly ms: number }[];
  readonly fleet: SimulatedFleet;
}

describe("chaos: outages over real sockets", () => {
  const outages = new Map<string, Outage>();
  const started: { close(): Promise<void> }[] = [];

  /** Breaks some of three SFUs and calls. The defaults are the ones that an operator has. */
  const suffer = async (name: string, fault: Fault, broken: readonly number[], calls: number): Promise<void> => {
    const fleet = await startFleet(3);
    const gateway = await startGateway({ sfus: fleet.entries });
    started.push(gateway, fleet);
    await fleet.break(fault, ...broken);
    const answers = await Promise.all(
      Array.from({ length: calls }, async (_, index) => {
        const startedMs = systemClock.monotonic();
        const joined = await gateway.join({ iss: `room ${String(index)}` });
        return { joined, ms: systemClock.monotonic() - startedMs };
      }),
    );
    outages.set(name, { answers, fleet });
  };

  /** Several at a time: each is mostly waiting for time-outs, and all together would be late by themselves. */
  before(async function () {
    this.timeout(60_000);
    const limit = pLimit(AT_A_TIME);
    await Promise.all([
      ...faultKinds.map((kind) => limit(() => suffer(`two of three: ${kind}`, exampleFault(kind), [0, 1], CALLS))),
      limit(() => suffer("all: hang", { kind: "hang" }, [0, 1, 2], 1)),
      limit(() => suffer("all: worker_hang", { kind: "worker_hang" }, [0, 1, 2], 1)),
      limit(() => suffer("all: refuse", { kind: "refuse" }, [0, 1, 2], 1)),
    ]);
  });

  after(async () => {
    for (const part of started) await part.close();
  });

  for (const kind of faultKinds) {
    it(`serves every call in time while two of three SFUs fail by ${kind}`, () => {
      const { answers } = outages.get(`two of three: ${kind}`)!;
      expect(answers).to.have.length(CALLS);
      for (const { joined, ms } of answers) {
        expect(joined.status).to.equal(200);
        expect(joined.body).to.have.all.keys("uuid", "url");
        expect(ms).to.be.below(IN_TIME_MS);
      }
    });
  }

  for (const kind of ["hang", "worker_hang", "refuse"]) {
    it(`answers 503 in time, after no more attempts than allowed, while all fail by ${kind}`, () => {
      const { answers, fleet } = outages.get(`all: ${kind}`)!;
      for (const { joined, ms } of answers) {
        expect(joined.status).to.equal(503);
        expect(joined.headers.get("retry-after")).to.equal("1");
        expect(ms).to.be.below(IN_TIME_MS);
      }
      expect(fleet.joins()).to.equal(kind === "refuse" ? 0 : 3);
    });
  }
});

describe("chaos: callers over real sockets", () => {
  const office = useOffice(3);

  it("draws one request to an SFU for 50 simultaneous joins of one conference", async () => {
    const joined = await Promise.all(Array.from({ length: 50 }, () => office.gateway.join({ iss: "all hands" })));
    expect(office.fleet.joins()).to.equal(1);
    expect(joined.map(({ status }) => status)).to.deep.equal(Array(50).fill(200));
    expect(new Set(joined.map(({ body }) => body.uuid)).size).to.equal(1);
    expect(await office.gateway.metric("coalesced_total")).to.equal(49);
  });

  it("draws one chain of attempts for them where the first SFU fails, too", async () => {
    await office.fleet.break({ kind: "reset" }, 0);
    const joined = await Promise.all(Array.from({ length: 50 }, () => office.gateway.join({ iss: "all hands" })));
    expect(office.fleet.joins()).to.equal(2);
    expect(new Set(joined.map(({ body }) => body.uuid)).size).to.equal(1);
  });

  it("aborts the attempt when the caller hangs up, and tells no SFU off for it", async () => {
    await office.fleet.break({ kind: "hang" }, 0, 1, 2);
    const caller = new AbortController();
    const joining = office.gateway.join({ signal: caller.signal }).catch((error: unknown) => error);
    await eventually("the SFU was asked", () => office.fleet.joins() === 1);
    caller.abort();
    expect(await joining).to.have.property("name", "AbortError");
    const [request] = office.fleet.sfus.flatMap(({ requests }) => requests);
    await eventually("the SFU saw it hang up", () => request?.aborted === true);
    expect(office.fleet.joins(), "no other SFU is asked").to.equal(1);
    expect(await office.gateway.metric('channel_requests_total{outcome="caller_gone"}')).to.equal(1);
    expect(
      await office.gateway.metric(`attempts_total{sfu="${office.fleet.sfus[0]!.address}",outcome="aborted"}`),
    ).to.equal(1);
  });

  it("goes on for the others when the first of several callers hangs up", async () => {
    await office.fleet.break({ kind: "slow", delayMs: 150 }, 0, 1, 2);
    const caller = new AbortController();
    const first = office.gateway.join({ signal: caller.signal }).catch((error: unknown) => error);
    await eventually("the SFU was asked", () => office.fleet.joins() === 1);
    const second = office.gateway.join();
    await eventually("the second has joined", async () => (await office.gateway.metric("coalesced_total")) === 1);
    caller.abort();
    expect(await first).to.have.property("name", "AbortError");
    expect((await second).status).to.equal(200);
    expect(office.fleet.joins()).to.equal(1);
  });
});

describe("chaos: what is told of shared attempts", () => {
  const office = useOffice(2, { sfu: { family: "o-sfu" }, gateway: { failover: { attemptTimeoutMs: 150 } } });

  const lines = (): readonly LogLine[] => office.gateway.logs.filter(({ requestId }) => requestId !== undefined);
  const outcomesOf = (line: LogLine | undefined): unknown =>
    (line?.attempts as readonly { readonly outcome: string }[] | undefined)?.map(({ outcome }) => outcome);

  it("shows every member the whole trail, though the one who began it has left", async () => {
    await office.fleet.break({ kind: "hang" }, 0);
    const caller = new AbortController();
    const first = office.gateway.join({ signal: caller.signal }).catch((error: unknown) => error);
    await eventually("the SFU was asked", () => office.fleet.joins() === 1);
    const second = office.gateway.join();
    await eventually("the second has joined", async () => (await office.gateway.metric("coalesced_total")) === 1);
    caller.abort();
    await first;
    expect((await second).status).to.equal(200);
    const served = lines().find(({ outcome }) => outcome === "ok");
    expect(outcomesOf(served)).to.deep.equal(["timeout", "ok"]);
    expect(served).to.include({ coalesced: true, sfu: office.fleet.sfus[1]!.address, level: "warn" });
  });

  it("shows which SFU somebody was waiting for who hung up", async () => {
    await office.fleet.break({ kind: "hang" }, 0, 1);
    const caller = new AbortController();
    const joining = office.gateway.join({ signal: caller.signal }).catch((error: unknown) => error);
    await eventually("the SFU was asked", () => office.fleet.joins() === 1);
    caller.abort();
    await joining;
    await eventually("it is told", () => lines().length === 1);
    expect(lines()[0]).to.include({ outcome: "caller_gone", level: "warn" });
    expect(outcomesOf(lines()[0])).to.deep.equal(["aborted"]);
  });

  it("gives one member's refusal to nobody who asks otherwise", async () => {
    await office.fleet.break({ kind: "slow", delayMs: 80 }, 0, 1);
    const odd = office.gateway.join({ query: "webRTC=maybe" });
    await eventually("the odd one was asked for", () => office.fleet.joins() === 1);
    const [same, other] = await Promise.all([office.gateway.join({ query: "webRTC=maybe" }), office.gateway.join()]);
    expect((await odd).status).to.equal(400);
    expect(same.status).to.equal(400);
    expect(other.status).to.equal(200);
    expect(office.fleet.joins(), "the same refusal is shared").to.equal(2);
  });
});

describe("chaos: one conference over real sockets", () => {
  const clock = useFakeClock();
  const office = useOffice(3, { sfu: { latencyMs: { min: 0, max: 0 } } });

  /** Beyond what counts as simultaneous. @returns which SFU took the join */
  const join = async (iss: string): Promise<number> => {
    await clock.elapse(1000);
    for (const sfu of office.fleet.sfus) sfu.clearRequests();
    expect((await office.gateway.join({ iss })).status).to.equal(200);
    return office.fleet.sfus.findIndex(({ requests }) => requests.some(({ status }) => status === 200));
  };

  it("stays on its SFU while others are spread over the fleet", async () => {
    const home = await join("weekly");
    expect([await join("a"), await join("b")]).to.not.include(home);
    for (let count = 0; count < 5; count++) expect(await join("weekly")).to.equal(home);
  });

  it("moves when its SFU fails, and stays at the new one when the old one is back", async () => {
    const home = await join("weekly");
    await office.fleet.break({ kind: "refuse" }, home);
    const refuge = await join("weekly");
    expect(refuge).to.not.equal(home);
    await office.fleet.sfus[home]!.heal();
    expect(await join("weekly")).to.equal(refuge);
  });

  it("is free to go elsewhere once affinity.ttl_ms has passed without a join", async () => {
    const home = await join("weekly");
    await clock.elapse(60_000);
    expect(await join("weekly")).to.not.equal(home);
  });
});
