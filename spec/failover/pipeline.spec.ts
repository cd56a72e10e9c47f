import { expect } from "chai";
import { createAffinity, type Affinity } from "../../lib/balancing/affinity.ts";
import type { Ledger } from "../../lib/balancing/ledger.ts";
import { createRank, type Rank } from "../../lib/balancing/rank.ts";
import type { Placement } from "../../lib/balancing/strategy.ts";
import { GatewayError, SfuError } from "../../lib/errors.ts";
import { type AttemptEvent, Events } from "../../lib/events.ts";
import { type Breakers, createBreakers } from "../../lib/failover/breakers.ts";
import { type Call, createFailover, type Served } from "../../lib/failover/pipeline.ts";
import { sleep, withDeadline } from "../../lib/clock.ts";
import type { AttemptBounds, SfuClient } from "../../lib/sfu/client.ts";
import { availability, type Sfu } from "../../lib/sfu/sfu.ts";
import { createMemoryHub, createMemoryStore } from "../../lib/store/memory.ts";
import type { Assignment, Turn } from "../../lib/store/store.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuOf } from "../support/fleet.ts";

const SETTINGS = { maxRetries: 3, retryTimeoutMs: 2500, attemptTimeoutMs: 1000 };
const BREAKER = { errorThresholdPercent: 50, minimumRequests: 5, windowMs: 10_000, resetTimeoutMs: 10_000 };

/** What an SFU does with a join: fail so, answer after so many milliseconds, or never. */
type Behaviour = SfuError | { readonly afterMs: number } | "hangs";

describe("failover", () => {
  const clock = useFakeClock();
  const staying = new AbortController().signal;
  const fleet = [1, 2, 3, 4].map((number) => sfuOf(number));
  let behaviours: Behaviour[];
  let asked: { readonly sfu: Sfu; readonly timeoutMs: number; readonly signal: AbortSignal | undefined }[];
  let events: Events;
  let breakers: Breakers;
  let affinity: Affinity;
  let claims: Sfu[];
  let full: Set<Sfu>;
  let onRank: (placement: Placement) => void;
  let failovers: string[];
  let faults: string[];

  beforeEach(() => {
    behaviours = fleet.map(() => ({ afterMs: 0 }));
    asked = [];
    events = new Events();
    failovers = [];
    faults = [];
    events.on("failover", ({ from }) => failovers.push(`${from.sfu.address} ${from.error?.failure ?? ""}`));
    events.on("fault", ({ sfu }) => faults.push(sfu.address));
    breakers = createBreakers(BREAKER, clock, events);
    affinity = createAffinity(60_000, createMemoryStore(clock));
    claims = [];
    full = new Set();
    onRank = () => undefined;
  });
  afterEach(() => breakers.close());

  const join = (sfu: Sfu, _: unknown, { timeoutMs, signal }: AttemptBounds): Promise<{ uuid: string; url: string }> => {
    asked.push({ sfu, timeoutMs, signal });
    const behaviour = behaviours[fleet.indexOf(sfu)]!;
    const onTimeout = (): SfuError => new SfuError("timeout", "did not answer");
    return withDeadline({ clock, timeoutMs, signal, onTimeout }, async (deadline) => {
      if (behaviour instanceof SfuError) throw behaviour;
      if (behaviour === "hangs") return new Promise<never>(() => undefined);
      if (behaviour.afterMs > 0) await sleep(clock, behaviour.afterMs, deadline);
      return { uuid: `uuid of ${sfu.address}`, url: sfu.address };
    }).catch((error: unknown) => {
      // As the client does.
      throw signal?.aborted === true ? new SfuError("aborted", "was given up") : error;
    });
  };

  /** In the order of the list; `admits` in place of what the breakers say. */
  const rankOf = (sfus: readonly Sfu[], admits: Breakers["admits"] = (sfu) => breakers.admits(sfu)): Rank =>
    createRank({
      fleet: { all: () => sfus, get: (address) => sfus.find((sfu) => sfu.address === address) ?? null },
      availabilityOf: (sfu) =>
        availability({
          health: { state: "healthy", sinceMs: 0 },
          admits: admits(sfu),
          isDraining: false,
          overload: full.has(sfu) ? "is overloaded" : null,
        }),
      mayBeTried: (sfu) => breakers.mayBeTried(sfu),
      strategy(list, placement) {
        onRank(placement);
        return list;
      },
    });
  const registry = { get: (address: string) => fleet.find((sfu) => sfu.address === address) ?? null };
  const ledger: Ledger = {
    claim(sfu) {
      claims.push(sfu);
      return () => claims.splice(claims.indexOf(sfu), 1);
    },
    placedSinceReport: () => 0,
    expectedSessions: () => 0,
    averageSize: () => 4,
  };

  interface Outcome {
    readonly result: Served | Error;
    readonly attempts: readonly AttemptEvent[];
    readonly tookMs: number;
  }

  /** Runs one call while so much time passes; `settings` and `sfus` as the spec needs them. */
  const call = async (
    parts: {
      readonly settings?: Partial<typeof SETTINGS>;
      readonly sfus?: readonly Sfu[];
      readonly conference?: string;
      readonly budgetMs?: number;
      readonly signal?: AbortSignal;
      readonly elapseMs?: number;
      readonly lagMs?: number;
    } = {},
  ): Promise<Outcome> => {
    const settings = { ...SETTINGS, ...parts.settings };
    const client = { join } as Partial<SfuClient> as SfuClient;
    const rank = rankOf(parts.sfus ?? fleet);
    const lagSince = (): number => parts.lagMs ?? 0;
    const tools = { clock, events, registry, rank, affinity, ledger, breakers, client, lagSince };
    const failover = createFailover(settings, tools);
    const startedMs = clock.monotonic();
    const request: Call = {
      conference: parts.conference ?? "room",
      placement: { region: null, place: null },
      join: { payload: Buffer.from("{}"), query: "", callerAddress: "203.0.113.9", requestId: "r1" },
      deadlineMs: startedMs + (parts.budgetMs ?? settings.retryTimeoutMs),
    };
    let tookMs = NaN;
    const { attempts, result } = failover(request, parts.signal ?? staying);
    const running = result
      .catch((error: unknown) => error as Error)
      .finally(() => (tookMs = clock.monotonic() - startedMs));
    await clock.elapse(parts.elapseMs ?? settings.retryTimeoutMs + 100);
    return { result: await running, attempts, tookMs };
  };

  const refused = new SfuError("refused", "refused the connection");
  const failed500 = new SfuError("status_5xx", "answered with status 500", 500);
  const codeOf = ({ result }: Outcome): string => (result instanceof GatewayError ? result.code : "served");
  const whoServed = ({ result }: Outcome): string =>
    "sfu" in result ? (result.sfu?.address ?? "a stranger") : "nobody";

  it("asks the best candidate and nobody else when that serves", async () => {
    const outcome = await call();
    expect(whoServed(outcome)).to.equal("http://sfu1.test");
    expect(asked).to.have.length(1);
    expect(failovers).to.deep.equal([]);
  });

  it("walks the candidates in ranked order until one serves, and tells what it tried", async () => {
    behaviours.splice(0, 2, refused, "hangs");
    const outcome = await call();
    expect(whoServed(outcome)).to.equal("http://sfu3.test");
    expect(outcome.attempts.map(({ sfu, error }) => [sfu.address, error?.failure ?? "ok"])).to.deep.equal([
      ["http://sfu1.test", "refused"],
      ["http://sfu2.test", "timeout"],
      ["http://sfu3.test", "ok"],
    ]);
    expect(failovers).to.deep.equal(["http://sfu1.test refused", "http://sfu2.test timeout"]);
  });

  it("asks at most max_retries different SFUs", async () => {
    behaviours.fill(refused);
    const outcome = await call();
    expect(asked.map(({ sfu }) => sfu.address)).to.deep.equal(fleet.slice(0, 3).map(({ address }) => address));
    expect(codeOf(outcome)).to.equal("all_candidates_failed");
    expect(outcome.result).to.include({ status: 503, retryAfterS: 1 });
  });

  it("asks one SFU once where max_retries is 1", async () => {
    behaviours.fill(refused);
    expect(codeOf(await call({ settings: { maxRetries: 1 } }))).to.equal("all_candidates_failed");
    expect(asked).to.have.length(1);
  });

  it("does not ask an SFU twice where there are fewer than max_retries", async () => {
    behaviours.fill(refused);
    const outcome = await call({ sfus: fleet.slice(0, 2) });
    expect(asked).to.have.length(2);
    expect(codeOf(outcome)).to.equal("all_candidates_failed");
  });

  it("says at once that nobody can be asked", async () => {
    const outcome = await call({ sfus: [] });
    expect(codeOf(outcome)).to.equal("no_sfu_available");
    expect(outcome.result).to.include({ status: 503, retryAfterS: 1 });
    expect(outcome.tookMs).to.equal(0);
  });

  describe("the budget", () => {
    it("is shared fairly: hanging SFUs leave the later ones their part, and all end inside it", async () => {
      behaviours.fill("hangs");
      const outcome = await call();
      expect(asked.map(({ timeoutMs }) => timeoutMs)).to.deep.equal([833, 833, 834]);
      expect(outcome.tookMs).to.equal(2500);
      expect(codeOf(outcome)).to.equal("all_candidates_failed");
    });

    it("gives what a quick failure left over to the later attempts, up to attempt_timeout_ms", async () => {
      behaviours.splice(0, 3, refused, "hangs", "hangs");
      await call();
      expect(asked.map(({ timeoutMs }) => timeoutMs)).to.deep.equal([833, 1000, 1000]);
    });

    it("is not saved up for candidates that do not exist", async () => {
      behaviours.fill("hangs");
      await call({ sfus: fleet.slice(0, 1) });
      expect(asked.map(({ timeoutMs }) => timeoutMs)).to.deep.equal([1000]);
    });

    it("lets an attempt have at most attempt_timeout_ms, however much is left", async () => {
      behaviours[0] = "hangs";
      const outcome = await call({ settings: { attemptTimeoutMs: 300 } });
      expect(asked[0]!.timeoutMs).to.equal(300);
      expect(outcome.tookMs).to.equal(300);
    });

    it("is what the request has left, not what it began with", async () => {
      behaviours.fill("hangs");
      const outcome = await call({ budgetMs: 600 });
      expect(asked.map(({ timeoutMs }) => timeoutMs)).to.deep.equal([200, 200, 200]);
      expect(outcome.tookMs).to.equal(600);
    });

    it("asks nobody once it is used up", async () => {
      expect(codeOf(await call({ budgetMs: 0 }))).to.equal("no_sfu_available");
      expect(asked).to.deep.equal([]);
    });

    it("serves a slow SFU's answer that comes in time", async () => {
      behaviours[0] = { afterMs: 800 };
      const outcome = await call();
      expect(whoServed(outcome)).to.equal("http://sfu1.test");
      expect(outcome.tookMs).to.equal(800);
    });
  });

  describe("answers that are not a channel", () => {
    for (const status of [400, 409]) {
      it(`passes an SFU's ${String(status)} through and asks nobody else`, async () => {
        behaviours[0] = new SfuError("status_4xx", `answered with status ${String(status)}`, status);
        const outcome = await call();
        expect(outcome.result).to.include({ code: "refused_by_sfu", status });
        expect(asked).to.have.length(1);
        expect(faults).to.deep.equal([]);
      });
    }

    it("blames an SFU for a 500 where another one serves the same request", async () => {
      behaviours[0] = failed500;
      await call();
      expect(faults).to.deep.equal(["http://sfu1.test"]);
    });

    it("blames nobody for a timeout where the gateway was too busy to hear the answer", async () => {
      behaviours[0] = "hangs";
      expect(whoServed(await call({ lagMs: SETTINGS.attemptTimeoutMs }))).to.equal("http://sfu2.test");
      expect(faults).to.deep.equal([]);
      await call({ conference: "another" });
      expect(faults).to.deep.equal(["http://sfu1.test"]);
    });

    it("blames nobody for a request that draws 500 from everyone", async () => {
      behaviours.fill(failed500);
      expect(codeOf(await call())).to.equal("all_candidates_failed");
      expect(faults).to.deep.equal([]);
    });

    it("opens no breaker for a tenant whose requests draw 500 from every SFU", async () => {
      behaviours.fill(failed500);
      for (let count = 0; count < 30; count++) await call({ conference: "odd", elapseMs: 0 });
      expect(fleet.map((sfu) => breakers.state(sfu))).to.deep.equal(["closed", "closed", "closed", "closed"]);
    });

    it("opens the breaker of an SFU that draws 500 from requests which others serve", async () => {
      behaviours[0] = failed500;
      for (let count = 0; count < 5; count++) await call({ conference: String(count), elapseMs: 0 });
      expect(breakers.state(fleet[0]!)).to.equal("open");
      expect(breakers.state(fleet[1]!)).to.equal("closed");
    });

    it("goes on past a 401 and past a 404", async () => {
      behaviours.splice(
        0,
        2,
        new SfuError("unauthorized", "refused the token", 401),
        new SfuError("status_4xx", "answered with status 404", 404),
      );
      expect(whoServed(await call())).to.equal("http://sfu3.test");
    });

    it("stops at an error that is no SFU's, and hands it on as it is", async () => {
      behaviours[0] = new TypeError("a bug") as unknown as SfuError;
      const client = { join: () => Promise.reject(new TypeError("a bug")) } as Partial<SfuClient> as SfuClient;
      const failover = createFailover(SETTINGS, {
        clock,
        events,
        registry,
        rank: rankOf(fleet),
        affinity,
        ledger,
        breakers,
        client,
      });
      const request: Call = {
        conference: "room",
        placement: { region: null, place: null },
        join: { payload: Buffer.from("{}"), query: "", callerAddress: "203.0.113.9", requestId: "r1" },
        deadlineMs: clock.monotonic() + 2500,
      };
      const thrown = await failover(request, staying).result.catch((error: unknown) => error);
      expect(thrown).to.be.instanceOf(TypeError);
    });
  });

  describe("breakers", () => {
    it("skips an SFU whose breaker another request opened in between, without counting it as an attempt", async () => {
      behaviours.splice(0, 4, { afterMs: 0 }, { afterMs: 0 }, { afterMs: 0 }, { afterMs: 0 });
      const opening = async (): Promise<void> => {
        for (let count = 0; count < 5; count++) {
          await breakers
            .run(fleet[0]!, () => Promise.reject(refused), { verdictOf: () => "fault" })
            .catch(() => undefined);
        }
        await clock.elapse(0);
      };
      await opening();
      // A ranking that was made before: the pipeline finds the breaker open only when it fires it.
      const rank = rankOf(fleet, () => "all");
      const client = { join } as Partial<SfuClient> as SfuClient;
      const failover = createFailover(
        { ...SETTINGS, maxRetries: 1 },
        { clock, events, registry, rank, affinity, ledger, breakers, client },
      );
      const { attempts, result } = failover(
        {
          conference: "room",
          placement: { region: null, place: null },
          join: { payload: Buffer.from("{}"), query: "", callerAddress: "203.0.113.9", requestId: "r1" },
          deadlineMs: clock.monotonic() + 2500,
        },
        staying,
      );
      const served = await result;
      expect(served.sfu).to.equal(fleet[1]);
      expect(attempts).to.have.length(1);
      expect(failovers).to.deep.equal([]);
    });
  });

  describe("a half-open breaker", () => {
    const open = async (sfu: Sfu): Promise<void> => {
      for (let count = 0; count < 5; count++) {
        await breakers.run(sfu, () => Promise.reject(refused), { verdictOf: () => "fault" }).catch(() => undefined);
      }
      await clock.elapse(BREAKER.resetTimeoutMs);
      expect(breakers.state(sfu)).to.equal("half_open");
    };

    it("opens again where the trial draws a 500 and nobody else answers: one word proves nothing", async () => {
      await open(fleet[0]!);
      behaviours.splice(0, 4, failed500, refused, refused, refused);
      await call();
      expect(breakers.state(fleet[0]!)).to.equal("open");
    });

    it("closes where the trial draws a 500 and another SFU answers alike: it is the request that is odd", async () => {
      await open(fleet[0]!);
      behaviours.fill(failed500);
      await call();
      expect(breakers.state(fleet[0]!)).to.equal("closed");
    });

    it("opens again where the caller leaves before anybody has contradicted the trial's 500", async () => {
      await open(fleet[0]!);
      behaviours.splice(0, 2, failed500, "hangs");
      const caller = new AbortController();
      clock.after(10, () => caller.abort(new Error("the caller hung up")));
      expect(codeOf(await call({ signal: caller.signal }))).to.equal("caller_gone");
      expect(breakers.state(fleet[0]!)).to.equal("open");
    });
  });

  describe("the load that a call brings", () => {
    const underWay = { budgetMs: 2500, elapseMs: 5 };

    it("is counted from the moment when the SFU is asked, before it answers", async () => {
      behaviours[0] = { afterMs: 500 };
      const running = call({ elapseMs: 1000 });
      await clock.elapse(0);
      expect(claims).to.deep.equal([fleet[0]]);
      await running;
      expect(claims).to.deep.equal([fleet[0]]);
    });

    it("is taken back from an SFU that failed, and counted for the one that served", async () => {
      behaviours[0] = refused;
      await call();
      expect(claims).to.deep.equal([fleet[1]]);
    });

    it("is counted once for a conference, however many join it", async () => {
      await call(underWay);
      await call(underWay);
      expect(claims).to.deep.equal([fleet[0]]);
    });

    it("is counted where the conference moves to", async () => {
      await call(underWay);
      behaviours[0] = refused;
      await call(underWay);
      await call(underWay);
      expect(claims).to.deep.equal([fleet[0], fleet[1]]);
    });
  });

  describe("where nobody may be asked", () => {
    it("says so, where all are full, and asks for more patience", async () => {
      for (const sfu of fleet) full.add(sfu);
      const outcome = await call();
      expect(codeOf(outcome)).to.equal("overloaded");
      expect(outcome.result).to.include({ status: 503, retryAfterS: 10 });
      expect(asked).to.have.length(0);
    });

    it("still serves a conference that is on a full SFU", async () => {
      await call();
      for (const sfu of fleet) full.add(sfu);
      expect(whoServed(await call())).to.equal("http://sfu1.test");
      expect(codeOf(await call({ conference: "another" }))).to.equal("overloaded");
    });

    const openAll = async (sfus = fleet): Promise<void> => {
      for (const sfu of sfus) {
        for (let count = 0; count < 5; count++) {
          await breakers.run(sfu, () => Promise.reject(refused), { verdictOf: () => "fault" }).catch(() => undefined);
        }
      }
      await clock.elapse(0);
    };

    it("asks those whose breakers are open, where all are, and the first that serves is back", async () => {
      await openAll();
      behaviours[0] = refused;
      expect(whoServed(await call())).to.equal("http://sfu2.test");
      expect(breakers.state(fleet[0]!)).to.equal("open");
      expect(breakers.state(fleet[1]!)).to.equal("closed");
    });

    it("asks those whose breakers are open where the last one that was in has just died", async () => {
      await openAll(fleet.slice(1));
      behaviours[0] = refused;
      behaviours[1] = refused;
      expect(whoServed(await call())).to.equal("http://sfu3.test");
      expect(breakers.state(fleet[2]!)).to.equal("closed");
    });

    it("does so within the budget, where that one hangs", async () => {
      await openAll(fleet.slice(1));
      behaviours.fill("hangs");
      const outcome = await call();
      expect(codeOf(outcome)).to.equal("all_candidates_failed");
      expect(asked.map(({ timeoutMs }) => timeoutMs)).to.deep.equal([1000, 750, 750]);
      expect(outcome.tookMs).to.be.at.most(2500);
    });

    describe("for all but the one that has just died", () => {
      const CALLS = 9;
      const callMany = (): Promise<Outcome>[] =>
        Array.from({ length: CALLS }, (_, number) => call({ conference: String(number), elapseMs: 0 }));
      beforeEach(async () => {
        await openAll(fleet.slice(1));
        behaviours.fill("hangs");
        behaviours[0] = refused;
      });

      it("lets all who had asked that one wait for what the first of them find out", async () => {
        behaviours[3] = { afterMs: 20 };
        const calls = callMany();
        await clock.elapse(2500);
        const outcomes = await Promise.all(calls);
        expect(outcomes.map(whoServed)).to.deep.equal(Array(CALLS).fill("http://sfu4.test"));
        expect(
          outcomes.filter(({ tookMs }) => tookMs <= 40),
          "all but those who try the ones that hang",
        ).to.have.length(CALLS - 2);
      });

      it("lets them wait for a tenth of a second in all, where nobody is back", async () => {
        const outcomes = callMany();
        await clock.elapse(2500);
        const refusals = await Promise.all(outcomes);
        expect(refusals.map(codeOf)).to.deep.equal(Array(CALLS).fill("all_candidates_failed"));
        expect(refusals.filter(({ tookMs }) => tookMs <= 100)).to.have.length(CALLS - 3);
      });

      it("lets nobody wait who hangs up", async () => {
        const caller = new AbortController();
        const outcomes = callMany();
        const leaving = call({ conference: "leaving", signal: caller.signal, elapseMs: 0 });
        await clock.elapse(10);
        caller.abort();
        await clock.elapse(0);
        expect(codeOf(await leaving)).to.equal("caller_gone");
        await clock.elapse(2500);
        await Promise.all(outcomes);
      });
    });

    it("lets one call at a time do so, and the others get their 503 at once", async () => {
      await openAll();
      behaviours.fill("hangs");
      const hanging = call({ settings: { maxRetries: 1 }, elapseMs: 0 });
      const others = [1, 2, 3].map((number) => call({ conference: String(number), elapseMs: 0 }));
      await clock.elapse(0);
      expect(asked.map(({ sfu }) => sfu)).to.have.members(fleet);
      const late = call({ conference: "late", elapseMs: 0 });
      expect(codeOf(await late)).to.equal("no_sfu_available");
      expect((await late).tookMs).to.equal(0);
      expect(asked).to.have.length(4);
      await clock.elapse(2500);
      await Promise.all([hanging, ...others]);
    });
  });

  describe("the assignment", () => {
    it("sends the conference's next request to the same SFU", async () => {
      behaviours[0] = refused;
      await call();
      behaviours[0] = { afterMs: 0 };
      expect(whoServed(await call())).to.equal("http://sfu2.test");
    });

    it("moves when its SFU fails", async () => {
      await call();
      behaviours[0] = refused;
      expect(whoServed(await call())).to.equal("http://sfu2.test");
      behaviours[0] = { afterMs: 0 };
      expect(whoServed(await call())).to.equal("http://sfu2.test");
    });

    it("stays where it is when nobody serves", async () => {
      behaviours.splice(0, 2, refused, { afterMs: 0 });
      await call();
      behaviours.fill(refused);
      await call();
      behaviours.fill({ afterMs: 0 });
      expect(whoServed(await call())).to.equal("http://sfu2.test");
    });
  });

  describe("beside other gateways", () => {
    const staysBy = { signal: staying, timeoutMs: 1e6 };
    let neighbour: Affinity;
    beforeEach(() => {
      const hub = createMemoryHub(clock);
      affinity = createAffinity(60_000, createMemoryStore(clock, hub));
      neighbour = createAffinity(60_000, createMemoryStore(clock, hub));
    });

    const turnOf = async (conference: string): Promise<Turn> => {
      const entry = await neighbour.enter(conference, staysBy);
      if (entry.kind !== "turn") throw new Error("no turn");
      return entry;
    };
    const served = (sfu: Sfu): Assignment => ({
      address: sfu.address,
      channel: { uuid: "the neighbour's", url: sfu.address },
      ttlMs: 60_000,
    });

    it("hands on the channel that another one is given meanwhile, and asks nobody", async () => {
      const turn = await turnOf("room");
      clock.after(300, () => void turn.end(served(fleet[3]!)));
      const outcome = await call();
      expect(outcome.result).to.deep.equal({ channel: served(fleet[3]!).channel, sfu: fleet[3] });
      expect(outcome.tookMs).to.equal(300);
      expect(asked).to.deep.equal([]);
    });

    it("hands it on even where it does not know the SFU", async () => {
      const turn = await turnOf("room");
      clock.after(1, () => void turn.end(served(sfuOf(99))));
      expect((await call()).result).to.deep.equal({ channel: served(sfuOf(99)).channel, sfu: null });
    });

    it("asks for itself when the other one has failed, where the conference was before", async () => {
      await (await turnOf("room")).end(served(fleet[2]!));
      const turn = await turnOf("room");
      clock.after(200, () => void turn.end(null));
      const outcome = await call();
      expect([whoServed(outcome), outcome.tookMs]).to.deep.equal(["http://sfu3.test", 200]);
    });

    it("waits for half of its budget at the most, and is served within it", async () => {
      await turnOf("room");
      const outcome = await call();
      expect([whoServed(outcome), outcome.tookMs]).to.deep.equal(["http://sfu1.test", 1250]);
    });

    it("waits for no other conference", async () => {
      await turnOf("another room");
      expect((await call()).tookMs).to.equal(0);
    });

    it("stops waiting when the caller hangs up", async () => {
      await turnOf("room");
      const caller = new AbortController();
      clock.after(100, () => caller.abort(new Error("the caller hung up")));
      const outcome = await call({ signal: caller.signal });
      expect(outcome.result).to.include({ code: "caller_gone", status: 499 });
      expect(outcome.tookMs).to.equal(100);
    });

    const endings: readonly (readonly [how: string, behaviour: Behaviour])[] = [
      ["is served", { afterMs: 0 }],
      ["is refused", refused],
      ["waits in vain", "hangs"],
      ["is refused by the SFU itself", new SfuError("status_4xx", "answered with status 400", 400)],
    ];
    for (const [how, behaviour] of endings) {
      it(`lets the next one have its turn when it ${how}`, async () => {
        behaviours.fill(behaviour);
        await call();
        const entry = await neighbour.enter("room", { signal: staying, timeoutMs: 1e6 });
        expect(entry.kind).to.equal("turn");
      });
    }

    it("lets the next one have its turn when its caller hangs up", async () => {
      behaviours.fill("hangs");
      const caller = new AbortController();
      clock.after(100, () => caller.abort(new Error("the caller hung up")));
      await call({ signal: caller.signal });
      expect((await neighbour.enter("room", staysBy)).kind).to.equal("turn");
    });

    it("answers in time where the end of its turn is not on record by then", async () => {
      const before = affinity;
      affinity = {
        ...before,
        async enter(...args) {
          const entry = await before.enter(...args);
          return entry.kind === "turn" ? { ...entry, end: () => new Promise<never>(() => undefined) } : entry;
        },
      };
      behaviours[0] = { afterMs: 700 };
      const outcome = await call({ budgetMs: 2300 });
      expect([whoServed(outcome), outcome.tookMs]).to.deep.equal(["http://sfu1.test", 2300]);
    });

    describe("that took it for dead, and have placed the conference elsewhere", () => {
      /** A turn whose end finds the conference there. */
      const overtakenBy = (home: string): void => {
        const before = affinity;
        affinity = {
          ...before,
          async enter(...args) {
            const entry = await before.enter(...args);
            return entry.kind === "turn" ? { ...entry, end: () => Promise.resolve(home) } : entry;
          },
        };
      };

      it("asks for the channel there, and hands that out", async () => {
        overtakenBy("http://sfu3.test");
        const outcome = await call();
        expect(whoServed(outcome)).to.equal("http://sfu3.test");
        expect(asked.map(({ sfu }) => sfu.address)).to.deep.equal(["http://sfu1.test", "http://sfu3.test"]);
      });

      it("hands out its own where that one fails it, and asks no third", async () => {
        overtakenBy("http://sfu3.test");
        behaviours[2] = refused;
        expect(whoServed(await call())).to.equal("http://sfu1.test");
        expect(asked).to.have.length(2);
      });

      it("hands out its own where it does not know that one", async () => {
        overtakenBy("http://sfu99.test");
        expect(whoServed(await call())).to.equal("http://sfu1.test");
        expect(asked).to.have.length(1);
      });

      it("hands out its own where that one is too slow for what is left of the budget", async () => {
        overtakenBy("http://sfu3.test");
        behaviours.splice(0, 3, { afterMs: 300 }, { afterMs: 0 }, "hangs");
        const outcome = await call({ budgetMs: 1200 });
        expect(whoServed(outcome)).to.equal("http://sfu1.test");
        expect(outcome.tookMs).to.equal(1200);
      });
    });

    it("says by what all agree where they cannot be asked", async () => {
      const agreed: (string | undefined)[] = [];
      const away = createMemoryStore(clock).assignments;
      affinity = createAffinity(60_000, {
        assignments: {
          ...away,
          async enter(...args) {
            const entry = await away.enter(...args);
            return entry.kind === "turn" ? { ...entry, isShared: false } : entry;
          },
        },
      });
      onRank = ({ agreeOn }) => agreed.push(agreeOn);
      await call({ conference: "room" });
      affinity = createAffinity(60_000, createMemoryStore(clock));
      await call({ conference: "room" });
      expect(agreed).to.deep.equal(["room", undefined]);
    });
  });

  describe("a caller that hangs up", () => {
    it("ends the attempt under way and begins no other", async () => {
      behaviours.fill("hangs");
      const caller = new AbortController();
      clock.after(100, () => caller.abort(new Error("the caller hung up")));
      const outcome = await call({ signal: caller.signal });
      expect(outcome.result).to.include({ code: "caller_gone", status: 499 });
      expect(outcome.tookMs).to.equal(100);
      expect(asked).to.have.length(1);
      expect(outcome.attempts.map(({ error }) => error?.failure)).to.deep.equal(["aborted"]);
    });

    it("counts against an SFU that it has waited for a second for: a healthy one takes milliseconds", async () => {
      behaviours.fill("hangs");
      for (let count = 0; count < 5; count++) {
        const caller = new AbortController();
        clock.after(1000, () => caller.abort(new Error("the caller hung up")));
        await call({
          signal: caller.signal,
          settings: { attemptTimeoutMs: 5000, retryTimeoutMs: 5000 },
          elapseMs: 1100,
        });
      }
      expect(faults).to.deep.equal(Array(5).fill("http://sfu1.test"));
      expect(breakers.state(fleet[0]!)).to.equal("open");
    });

    it("counts neither for nor against the SFU", async () => {
      behaviours.fill("hangs");
      for (let count = 0; count < 10; count++) {
        const caller = new AbortController();
        clock.after(10, () => caller.abort(new Error("the caller hung up")));
        await call({ signal: caller.signal, elapseMs: 20 });
      }
      expect(faults).to.deep.equal([]);
      expect(breakers.state(fleet[0]!)).to.equal("closed");
    });
  });
});
