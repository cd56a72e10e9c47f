import { expect } from "chai";
import type { SfuReport } from "../../lib/api/fleet.ts";
import { SFU_FAILURES } from "../../lib/errors.ts";
import {
  channelLieNames,
  type Fault,
  oddTruths,
  type SimulatedRequest,
  type SimulatedSfu,
  statsLieNames,
  UNASKED_UUID,
  type WireTrick,
  wireTricks,
} from "../../lib/simulator/sfu.ts";
import { type FakeClock, useFakeClock } from "../support/clock.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";
import type { SimulatedFleet } from "../support/fleet.ts";
import type { Joined, LogLine, TestGateway } from "../support/gateway.ts";
import { type Office, useOffice } from "../support/office.ts";

/** Odoo's patience less a margin. */
const IN_TIME_MS = 2900;

/** As long as an SFU is waited for that goes silent: so little that it is always its share of the budget. */
const ATTEMPT_MS = 500;

/** What the system holds back of a flood for a reader who has gone. */
const MOST_BYTES_A_REQUEST = 12 * 1024 * 1024;

/** After the proper answer. */
const UNASKED_AFTER_MS = 2;

/** Odd, and not wrong: these serve like any other. */
const HARMLESS: readonly WireTrick[] = ["interim_few", "chunk_extension_few", "trailers_few", "second_answer_at_once"];

const LIARS: readonly (readonly [name: string, fault: Fault])[] = [
  ...wireTricks.filter((trick) => !HARMLESS.includes(trick)).map((trick) => [trick, { kind: "wire", trick }] as const),
  ...channelLieNames.filter((lie) => !oddTruths.includes(lie)).map((lie) => [lie, { kind: "lie", lie }] as const),
  ...(["gzip", "deflate", "br"] as const).map((by) => [`compressed ${by}`, { kind: "compressed", by }] as const),
  ["unasked, first", { kind: "unasked", when: "first" }],
  ["slow headers", { kind: "drip", intervalMs: 200, headers: true }],
];

const ODDITIES: readonly (readonly [name: string, fault: Fault])[] = [
  ...HARMLESS.map((trick) => [trick, { kind: "wire", trick }] as const),
  ...oddTruths.map((lie) => [lie, { kind: "lie", lie }] as const),
  ["unasked, later", { kind: "unasked", when: "later", delayMs: UNASKED_AFTER_MS }],
];

/** These go silent half-way, so that time has to pass. */
const SILENT: readonly string[] = ["chunk_vast", "chunks_unfinished", "length_too_large", "slow headers"];

const INSTANT = { sfu: { latencyMs: { min: 0, max: 0 } } };

describe("chaos: hostile SFUs", () => {
  const clock = useFakeClock();
  // The first fault opens a breaker, so that each is seen to do so.
  const office = useOffice(3, {
    ...INSTANT,
    gateway: { breaker: { minimumRequests: 1 }, failover: { attemptTimeoutMs: ATTEMPT_MS } },
  });

  for (const [name, fault] of LIARS) {
    it(`${name}: costs no call anything while one of three does it or two, and is a 503 while all do`, async () => {
      const { fleet, gateway } = office;
      const call = callsOf(office, clock, SILENT.includes(name));
      await turn(fleet.sfus[0]!, fault);
      for (const joined of await call(3)) expectServedBy(joined, fleet.sfus.slice(1));
      expect(fleet.sfus[0]!.requests, "the liar was asked").to.not.be.empty;
      const report = await firstReport(gateway);
      expect(report).to.include({ state: "failing", available: false, breaker: "open" });
      expect(report.reason).to.match(/^(answered|sent|closed|did not answer) [\x20-\x7e]{10,140}$/);

      await turn(fleet.sfus[1]!, fault);
      for (const joined of await call(3)) expectServedBy(joined, fleet.sfus.slice(2));

      await turn(fleet.sfus[2]!, fault);
      for (const { status, body, headers } of await call(1)) {
        expect(status).to.equal(503);
        expect(body).to.include({ error: "all_candidates_failed" });
        expect(headers.get("retry-after")).to.equal("1");
      }
      expectNoTrace(gateway, await shownBy(gateway));

      await Promise.all(fleet.sfus.map((sfu) => sfu.heal()));
      for (const joined of await call(1)) expectServedBy(joined, fleet.sfus);
      await expectNoConnections(office);
    });
  }

  for (const [name, fault] of ODDITIES) {
    it(`${name}: is served from like from any other, and nobody is blamed`, async () => {
      const { fleet, gateway } = office;
      const call = callsOf(office, clock, false);
      await fleet.break(fault, 0, 1, 2);
      for (const joined of await call(6)) {
        expectServedBy(joined, fleet.sfus);
        // What comes unasked comes a little later.
        await clock.elapse(UNASKED_AFTER_MS);
      }
      for (const { channels } of fleet.sfus) expect(channels).to.have.length(2);
      expect(await firstReport(gateway)).to.include({ state: "healthy", available: true, breaker: "closed" });
      expectNoTrace(gateway, await shownBy(gateway));
      await expectNoConnections(office);
    });
  }
});

describe("chaos: what an SFU says too late, or unasked", () => {
  const clock = useFakeClock();
  const office = useOffice(2, INSTANT);

  it("is nobody's: not the caller's, not the next one's, and no assignment", async () => {
    const [late, good] = office.fleet.sfus as [SimulatedSfu, SimulatedSfu];
    await late.break({ kind: "slow", delayMs: 1500 });
    const joining = office.gateway.join({ iss: "weekly" });
    await eventually("it has been asked", () => late.requests.length === 1, FOR_A_PROCESS);
    await clock.elapse(1000);
    const { status, body } = await joining;
    expect(status).to.equal(200);
    expect(body.uuid).to.equal(good.channels[0]!.uuid);
    await eventually("nobody waits for it any more", () => late.requests[0]!.aborted, FOR_A_PROCESS);
    await clock.elapse(500);
    await eventually("it has made its channel", () => late.channels.length === 1, FOR_A_PROCESS);
    await late.heal();
    await clock.elapse(1000);
    expect((await office.gateway.join({ iss: "weekly" })).body, "the conference stays").to.deep.equal(body);
    for (const iss of ["a", "b", "c", "d"]) {
      const joined = await office.gateway.join({ iss });
      expectServedBy(joined, office.fleet.sfus);
      expect(joined.body.uuid).to.not.equal(late.channels[0]!.uuid);
    }
  });

  it("is no conference's, however many ask", async () => {
    for (const sfu of office.fleet.sfus) await sfu.break({ kind: "unasked", when: "later", delayMs: UNASKED_AFTER_MS });
    for (const iss of ["a", "b"]) await office.gateway.join({ iss });
    await clock.elapse(UNASKED_AFTER_MS);
    const isFoundOut = (): boolean => office.fleet.sfus.every(({ traffic }) => traffic.open === 0);
    await eventually("both have been found out", isFoundOut, FOR_A_PROCESS);
    const joining = Promise.all(
      Array.from({ length: 30 }, (_, number) => office.gateway.join({ iss: String(number) })),
    );
    const hasEnded = { isTrue: false };
    void joining.finally(() => (hasEnded.isTrue = true));
    await eventually(
      "all have been answered",
      async () => {
        await clock.elapse(1);
        return hasEnded.isTrue;
      },
      FOR_A_PROCESS,
    );
    const joined = await joining;
    for (const each of joined) expectServedBy(each, office.fleet.sfus);
    expect(new Set(joined.map(({ body }) => body.uuid))).to.have.property("size", 30);
  });
});

describe("chaos: SFUs that lie to the gateway itself", () => {
  const clock = useFakeClock();
  const office = useOffice(3, { ...INSTANT, gateway: { health: { intervalMs: 2000, statsIntervalMs: 10_000 } } });

  it("are balanced without a report where it is about their statistics, and take calls as ever", async () => {
    const [liar] = office.fleet.sfus as [SimulatedSfu];
    const told = (): readonly LogLine[] =>
      office.gateway.logs.filter(({ msg }) => String(msg).startsWith("the statistics of"));
    const call = callsOf(office, clock, false);
    for (const lie of statsLieNames) {
      await liar.break({ kind: "lie", lie });
      liar.clearRequests();
      const toldBefore = told().length;
      const isRead = async (): Promise<boolean> => {
        await clock.elapse(500);
        return liar.requests.some(({ path, fault }) => path === "/v1/stats" && fault === "lie");
      };
      await eventually(`${lie} has been read`, isRead, { ...FOR_A_PROCESS, pauseMs: 20 });
      for (const joined of await call(3)) expectServedBy(joined, office.fleet.sfus);
      if (toldBefore === 0) await eventually("it is told", () => told().length > 0, FOR_A_PROCESS);
    }
    for (const { sfu, msg } of told()) {
      expect(sfu).to.equal(liar.address);
      expect(msg).to.match(/cannot be read, its load is guessed: it answered (its statistics )?with /);
    }
    expect(await firstReport(office.gateway)).to.include({ state: "healthy", available: true });
    expectNoTrace(office.gateway, await shownBy(office.gateway));
  });

  it("are down where they flood their probes, and back when they stop", async () => {
    const [liar] = office.fleet.sfus as [SimulatedSfu];
    const becomes = (state: string): Promise<void> =>
      eventually(
        `it is ${state}`,
        async () => {
          await clock.elapse(100);
          return (await firstReport(office.gateway)).state === state;
        },
        { ...FOR_A_PROCESS, pauseMs: 20 },
      );
    await becomes("healthy");
    await liar.break({ kind: "wire", trick: "interim_102_flood" });
    await becomes("down");
    expect((await firstReport(office.gateway)).reason).to.match(/^sent one interim answer/);
    for (const joined of await callsOf(office, clock, false)(3)) expectServedBy(joined, office.fleet.sfus.slice(1));
    await liar.heal();
    await becomes("healthy");
  });
});

/** Calls one after the other. Where somebody goes silent, as much time passes as each is waited for, and no more. */
function callsOf(
  { fleet, gateway }: Office,
  clock: FakeClock,
  mayGoSilent: boolean,
): (count: number) => Promise<readonly Joined[]> {
  let conferences = 0;
  const waitedFor = new Set<SimulatedRequest>();
  const nextSilence = (): SimulatedRequest | undefined =>
    fleet.sfus.flatMap(({ requests }) => requests).find((request) => request.fault !== null && !waitedFor.has(request));

  return async (count) => {
    const answers: Joined[] = [];
    for (let number = 0; number < count; number++) {
      const startedMs = clock.monotonic();
      const settled = { isTrue: false };
      const joining = gateway.join({ iss: `room ${String(++conferences)}` }).finally(() => (settled.isTrue = true));
      while (mayGoSilent && !settled.isTrue) {
        await eventually(
          "there is an answer, or a silence",
          () => settled.isTrue || nextSilence() !== undefined,
          FOR_A_PROCESS,
        );
        const silence = nextSilence();
        if (silence === undefined) continue;
        waitedFor.add(silence);
        await clock.elapse(ATTEMPT_MS + 1);
      }
      answers.push(await joining);
      expect(clock.monotonic() - startedMs).to.be.below(IN_TIME_MS);
    }
    return answers;
  };
}

/** Also for those that it has served well so far, by connections that it knows. */
async function turn(sfu: SimulatedSfu, fault: Fault): Promise<void> {
  await sfu.break(fault);
  if (fault.kind !== "unasked") return;
  sfu.hangUp("close");
  await eventually("it is called anew", () => sfu.traffic.open === 0, FOR_A_PROCESS);
}

/** Served with a channel that one of them has really made, and with nothing else. */
function expectServedBy({ status, body }: Joined, sfus: SimulatedFleet["sfus"]): void {
  expect(status).to.equal(200);
  expect(body).to.have.all.keys("uuid", "url");
  const maker = sfus.find(({ channels }) => channels.some(({ uuid }) => uuid === body.uuid));
  expect(maker?.address).to.equal(body.url);
}

async function firstReport(gateway: TestGateway): Promise<SfuReport> {
  const { sfus } = (await (await gateway.get("/v1/health")).json()) as { readonly sfus: readonly SfuReport[] };
  return sfus[0]!;
}

/** What anybody may see. */
async function shownBy(gateway: TestGateway): Promise<string> {
  const texts = ["/metrics", "/v1/health", "/dashboard/data"].map(async (path) => (await gateway.get(path)).text());
  return (await Promise.all(texts)).join("\n");
}

/** Nothing that an SFU says gets further than the words that the gateway has for it. */
function expectNoTrace({ logs }: TestGateway, shown: string): void {
  expect(logs.filter(({ msg }) => String(msg).startsWith("unexpected"))).to.deep.equal([]);
  for (const { attempts = [] } of logs) {
    for (const { outcome } of attempts as readonly { readonly outcome: string }[]) {
      expect(["ok", ...SFU_FAILURES]).to.include(outcome);
    }
  }
  const lines = logs.map((line) => JSON.stringify(line));
  for (const line of lines) expect(line.length).to.be.below(3000);
  for (const text of [...lines, shown]) {
    expect(text)
      .not.to.match(/forged|\\u00|xxxxxxxx|javascript|script>|passwd/)
      .and.not.to.contain(UNASKED_UUID);
  }
}

/** One may be kept for the next request, and none once the gateway has closed. */
async function expectNoConnections({ fleet: { sfus }, gateway }: Office): Promise<void> {
  await eventually(
    "no more than one each is kept",
    () => sfus.every(({ traffic }) => traffic.open <= 1),
    FOR_A_PROCESS,
  );
  await gateway.close();
  await eventually("none is left", () => sfus.every(({ traffic }) => traffic.open === 0), FOR_A_PROCESS);
  for (const { traffic, requests } of sfus) {
    expect(traffic.bytesSent, "no flood was read for long").to.be.below((requests.length + 1) * MOST_BYTES_A_REQUEST);
  }
}
