import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import { expect } from "chai";
import type { FleetReport, SfuReport } from "../../lib/api/fleet.ts";
import { turnsOfTheLoop } from "../../lib/clock.ts";
import type { SimulatedSfuOptions } from "../../lib/simulator/sfu.ts";
import { SimulatedSfuList, type SimulatedSfuListOptions } from "../../lib/simulator/sfu-list.ts";
import type { Certificate } from "../support/certificate.ts";
import type { FakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { type SimulatedFleet, startFleet } from "../support/fleet.ts";
import { type GatewaySetup, type Joined, startGateway, type TestGateway } from "../support/gateway.ts";
import { startTlsEdge } from "../support/tls-edges.ts";
import { sfuKey, token } from "../support/tokens.ts";

export const REGISTRATION_KEY = Buffer.from("what the SFUs sign their heartbeats with").toString("base64");
export const ADMIN_TOKEN = "an admin token that nobody would guess";
export const LIST_TOKEN = "the-token-of-the-list";

/** The environment in which SFUs may register, and the operator may look behind the scenes. */
export const OPEN = {
  SFU_GATEWAY_REGISTRATION_KEY: REGISTRATION_KEY,
  SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
};

export type Entry = Readonly<Record<string, unknown>>;

/** What a heartbeat says; the rest is an SFU that idles. */
export interface Beat {
  readonly sessions?: number;
  readonly cpuUsage?: number;
  readonly memoryUsage?: number;
  readonly maxSessions?: number;
  readonly region?: string;
  /** What it is signed with. */
  readonly signedWith?: string;
}

/** A gateway in front of simulated SFUs, and lists of them, in a time that passes as the spec lets it. */
export interface Stage {
  readonly clock: FakeClock;
  readonly fleet: SimulatedFleet;
  readonly gateway: TestGateway;
  /** The entries of all SFUs, and of one. */
  readonly entries: readonly Entry[];
  readonly entry: (index: number, parts?: Entry) => Entry;
  /** Two, each serving the SFU of its number. */
  readonly lists: readonly SimulatedSfuList[];
  /** Lets time pass in small steps, with what arrives at the sockets meanwhile. */
  readonly pass: (ms: number) => Promise<void>;
  /** Lets time pass until this is over. */
  whenOver<T>(work: Promise<T>): Promise<T>;
  /** A new conference each time. */
  join(query?: string): Promise<Joined>;
  /** Which SFU serves a new conference: its index, or the error's code. */
  servedBy(query?: string): Promise<number | string>;
  /** The same, where that takes its time. */
  servedSlowlyBy(): Promise<number | string>;
  beat(index: number, says?: Beat): Promise<Response>;
  health(): Promise<readonly SfuReport[]>;
  /** Of one SFU, by its index; null where it is not in the fleet. */
  healthOf(index: number): Promise<SfuReport | null>;
  admin(path: string, post?: unknown): Promise<Response>;
  /** Requests for a channel, one after the other, while the first SFU answers 502 to each. */
  fail(times: number): Promise<void>;
  close(): Promise<void>;
}

export interface StageOptions {
  /** How many SFUs there are; one. */
  readonly sfus?: number;
  readonly sfu?: Partial<SimulatedSfuOptions>;
  readonly list?: Partial<SimulatedSfuListOptions>;
  /** What the SFUs show who asks; without one they speak plain HTTP. */
  readonly certificate?: Certificate;
}

/** Far less than anything in these specs waits for. */
const STEP_MS = 10;

/** Enough for answers that do not wait for time to pass themselves, in turns of the event loop. */
const PATIENCE = 100;

/** Where Node tells of every request that somebody begins, but for fetch. */
const REQUESTS = "http.client.request.created";

/** What the gateway begins with, for SFUs and lists whose addresses are known only when they listen. */
export type SetupOf = (entries: readonly Entry[], lists: readonly SimulatedSfuList[]) => GatewaySetup;

async function openStage(
  clock: FakeClock,
  setupOf: SetupOf,
  { sfus = 1, sfu = {}, list = {}, certificate }: StageOptions = {},
): Promise<Stage> {
  const fleet = await startFleet(sfus, { latencyMs: { min: 0, max: 0 }, ...sfu });
  const edges = await Promise.all(
    certificate === undefined ? [] : fleet.sfus.map(({ address }) => startTlsEdge(address, certificate)),
  );
  const entries = fleet.entries.map((entry, index) =>
    edges[index] === undefined ? entry : { ...entry, address: `https://127.0.0.1:${String(edges[index].port)}` },
  );
  const lists = entries.slice(0, 2).map((entry) => new SimulatedSfuList({ clock, entries: [entry], ...list }));
  await Promise.all(lists.map((one) => one.listen()));
  const gateway = await startGateway(setupOf(entries, lists));
  let conferences = 0;

  const underWay = new Set<ClientRequest>();
  const note = (message: unknown): void => {
    const { request } = message as { readonly request: ClientRequest };
    underWay.add(request);
    request.once("close", () => underWay.delete(request));
  };
  subscribe(REQUESTS, note);

  /** The sockets go on in real time: whoever has asked gets his answer before more time passes. */
  const step = async (ms: number): Promise<void> => {
    await clock.elapse(ms);
    await turnsOfTheLoop(4);
    for (let turn = 0; underWay.size > 0 && turn < PATIENCE; turn++) await turnsOfTheLoop(1);
  };
  const indexOf = (address: unknown): number => entries.findIndex((one) => one.address === address);
  const join = (query = ""): Promise<Joined> => gateway.join({ iss: `conference ${String(++conferences)}`, query });
  const outcome = ({ status, body }: Joined): number | string =>
    status === 200 ? indexOf(body.url) : String(body.error);
  const health = async (): Promise<readonly SfuReport[]> =>
    ((await (await gateway.get("/v1/health")).json()) as FleetReport).sfus;

  const stage: Stage = {
    clock,
    fleet,
    gateway,
    entries,
    lists,
    entry: (index, parts = {}) => ({ ...entries[index], ...parts }),
    async pass(ms) {
      for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS) await step(Math.min(STEP_MS, leftMs));
    },
    async whenOver(work) {
      const progress = { isOver: false };
      const over = (): boolean => (progress.isOver = true);
      work.then(over, over);
      while (!progress.isOver) await step(STEP_MS);
      return work;
    },
    join,
    servedBy: async (query) => outcome(await join(query)),
    async servedSlowlyBy() {
      const joins = fleet.joins();
      const joined = join();
      await eventually("an SFU is asked", () => fleet.joins() > joins);
      return outcome(await stage.whenOver(joined));
    },
    beat(index, { signedWith = REGISTRATION_KEY, ...says } = {}) {
      const nowS = Math.floor(clock.now() / 1000);
      const claims = { iat: nowS, exp: nowS + 60, jti: String(++conferences) };
      const { address } = fleet.sfus[index]!;
      const idle = { region: "eu", channels: 0, sessions: 0, cpuUsage: 0, memoryUsage: 0 };
      return gateway.get("/v1/sfu", {
        method: "POST",
        headers: { authorization: `Bearer ${token({ claims, key: signedWith })}` },
        body: JSON.stringify({ status: "up", address, key: sfuKey(index + 1), ...idle, ...says }),
      });
    },
    health,
    async healthOf(index) {
      return (await health()).find(({ address }) => indexOf(address) === index) ?? null;
    },
    admin: (path, post) =>
      gateway.get(path, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
        ...(post === undefined ? {} : { method: "POST", body: JSON.stringify(post) }),
      }),
    async fail(times) {
      await fleet.break({ kind: "status", status: 502 }, 0);
      for (let count = 0; count < times; count++) await join();
      await fleet.sfus[0]!.heal();
    },
    async close() {
      unsubscribe(REQUESTS, note);
      await gateway.close();
      await Promise.all([fleet.close(), ...[...lists, ...edges].map((one) => one.close())]);
    },
  };
  return stage;
}

/**
 * Opens stages, and closes them after each spec of the suite that called this. Nothing may have happened in them that
 * nothing in the code accounts for.
 */
export function useStages(clock: FakeClock): (setupOf: SetupOf, options?: StageOptions) => Promise<Stage> {
  const open: Stage[] = [];
  afterEach(async () => {
    const stages = open.splice(0);
    await Promise.all(stages.map((stage) => stage.close()));
    const lines = stages.flatMap(({ gateway }) => gateway.logs.map(({ msg }) => String(msg)));
    expect(lines.filter((line) => line.startsWith("unexpected"))).to.deep.equal([]);
  });
  return async (setupOf, options) => {
    const stage = await openStage(clock, setupOf, options);
    open.push(stage);
    return stage;
  };
}
