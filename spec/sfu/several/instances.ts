import { createLedger, type Ledger } from "../../../lib/balancing/ledger.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Config } from "../../../lib/config/config.ts";
import { SfuError } from "../../../lib/errors.ts";
import { type EventMap, Events } from "../../../lib/events.ts";
import { type Breakers, createBreakers } from "../../../lib/failover/breakers.ts";
import { type ChannelHomes, createChannelHomes } from "../../../lib/sfu/channel-homes.ts";
import { heedPlacements } from "../../../lib/sfu/hearsay.ts";
import { createProber } from "../../../lib/sfu/prober.ts";
import { toHeartbeat } from "../../../lib/sfu/registration/heartbeat.ts";
import { createRegistry, type Registry } from "../../../lib/sfu/registry.ts";
import { createReportBoard } from "../../../lib/sfu/report-board.ts";
import { orderFor } from "../../../lib/rendezvous.ts";
import type { Health, Sfu } from "../../../lib/sfu/sfu.ts";
import { createShares } from "../../../lib/sfu/shares.ts";
import { createHeartbeats, type Heartbeats } from "../../../lib/sfu/sources/heartbeat.ts";
import { createRegistrations, type Registrations } from "../../../lib/sfu/sources/registrations.ts";
import { createStatsReader } from "../../../lib/sfu/stats-reader.ts";
import type { Notice, Store } from "../../../lib/store/store.ts";
import { sfuOf } from "../../support/fleet.ts";
import { seeded } from "../../support/random.ts";
import { FakeClient } from "../harness.ts";
import type { Room, RoomStore } from "./room.ts";

export const HEALTH: Config["health"] = {
  intervalMs: 2000,
  statsIntervalMs: 10_000,
  timeoutMs: 1000,
  unhealthyAfter: 2,
  healthyAfter: 1,
};
export const BREAKER = { errorThresholdPercent: 50, minimumRequests: 4, windowMs: 10_000, resetTimeoutMs: 5000 };
export const TTL_MS = 30_000;

export interface InstanceOptions {
  readonly sfus?: readonly Sfu[];
  readonly seed?: number;
  /** Its address rules: throws for an address that may not register. */
  readonly check?: (address: string) => Promise<void>;
}

/** What one gateway knows of the fleet, without its HTTP. */
export interface Instance {
  readonly store: RoomStore;
  readonly events: Events;
  readonly registry: Registry;
  /** How the SFUs are, seen from here. */
  readonly client: FakeClient;
  readonly breakers: Breakers;
  readonly ledger: Ledger;
  readonly homes: ChannelHomes;
  readonly heartbeats: Heartbeats;
  readonly registrations: Registrations;
  /** What it has told the others. */
  readonly told: readonly Notice[];
  /** To be emptied by a spec that has brought it about. */
  readonly unexpected: string[];
  /** Heartbeats that it did not take, from wherever. */
  readonly refused: readonly EventMap["heartbeat"][];
  readonly state: (sfu: Sfu) => Health["state"];
  /** A call that failed by the SFU's fault, as the pipeline has it. */
  fail(sfu: Sfu): Promise<void>;
  /** A call that was served. */
  serve(sfu: Sfu): void;
  /** `POST /v1/sfu`, behind its checks. */
  heartbeat(body: Readonly<Record<string, unknown>>): void;
  /** Ends without a word to the others but that it is gone. */
  stop(): Promise<void>;
}

export async function startInstance(clock: Clock, room: Room, options: InstanceOptions = {}): Promise<Instance> {
  const { sfus = [], seed = 1, check = () => Promise.resolve() } = options;
  const store = room.enter();
  const told: Notice[] = [];
  const spied: Store = {
    ...store,
    notices: {
      ...store.notices,
      tell(notice) {
        told.push(notice);
        store.notices.tell(notice);
      },
    },
  };
  const events = new Events();
  const unexpected: string[] = [];
  const refused: EventMap["heartbeat"][] = [];
  events.on("unexpected", ({ where, error }) => unexpected.push(`${where}: ${error.message}`));
  events.on("heartbeat", (event) => refused.push(event));
  const registry = createRegistry(clock, events);
  const client = new FakeClient(clock);
  const breakers = createBreakers(BREAKER, clock, events);
  const ledger = createLedger(clock, events, registry);
  const homes = createChannelHomes(registry, clock);
  const heartbeats = createHeartbeats({
    clock,
    events,
    registry,
    settings: { ttlMs: TTL_MS, maxSessions: 1000 },
    isAway: () => store.isAway(),
  });
  const registrations = createRegistrations({ clock, events, registry, heartbeats, rules: { check }, store: spied });
  const watching = { clock, events, registry, client };
  const reportsItself = ({ address }: Sfu): boolean => heartbeats.isFresh(address);
  const readings = createStatsReader(HEALTH, {
    ...watching,
    random: seeded(seed + 1000),
    homes,
    reportsItself,
    isMine: createShares(store),
    board: createReportBoard({ clock, registry, store: spied, reportsItself }),
  });
  const stopProbing = createProber(
    { health: HEALTH, breaker: BREAKER },
    { ...watching, random: seeded(seed), breakers, store: spied, readings },
  );
  heedPlacements({ clock, events, registry, ledger, homes, store });
  for (const sfu of sfus) registry.put(sfu);
  await store.open();
  await registrations.settled();

  return {
    store,
    events,
    registry,
    client,
    breakers,
    ledger,
    homes,
    heartbeats,
    registrations,
    told,
    unexpected,
    refused,
    state: (sfu) => registry.health(sfu).state,
    async fail(sfu) {
      const error = new SfuError("reset", "closed the connection");
      const verdictOf = (): "fault" => {
        events.emit("fault", { sfu, error });
        return "fault";
      };
      await breakers.run(sfu, () => Promise.reject(error), { verdictOf }).catch(() => undefined);
    },
    serve: (sfu) => events.emit("attempt", { requestId: "r", sfu, durationMs: 1, error: null }),
    heartbeat: (body) => void registrations.take(toHeartbeat(body), body),
    async stop() {
      heartbeats.close();
      readings.stop();
      stopProbing();
      breakers.close();
      await store.close();
    },
  };
}

/** Instances in one room, ended after each spec; none of them may have met with anything unexpected. */
export function useInstances(
  clock: Clock,
  room: () => Room,
): (count: number, options?: InstanceOptions) => Promise<Instance[]> {
  let running: Instance[] = [];
  afterEach(async () => {
    for (const instance of running) await instance.stop();
    const unexpected = running.flatMap((instance) => instance.unexpected);
    running = [];
    if (unexpected.length > 0) throw new Error(unexpected.join("; "));
  });
  return async (count, options = {}) => {
    const started: Instance[] = [];
    for (let n = 0; n < count; n++) {
      started.push(await startInstance(clock, room(), { seed: running.length + n + 1, ...options }));
    }
    running.push(...started);
    return started;
  };
}

export function fleetOf(count: number): readonly Sfu[] {
  return Array.from({ length: count }, (_, index) => sfuOf(index + 1));
}

/** Whose share an SFU is. */
export function ownerOf(sfu: Sfu, instances: readonly Instance[]): Instance {
  const [first] = orderFor(
    sfu.address,
    instances.map(({ store }) => store.instance),
  );
  return instances.find(({ store }) => store.instance === first)!;
}
