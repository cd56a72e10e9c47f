import { type Clock, type Random, sleep, withDeadline } from "../../clock.ts";
import type { StoreSettings } from "../../config/config.ts";
import { StoreError } from "../../errors.ts";
import type { Events } from "../../events.ts";
import { type Access, connect } from "./connection.ts";
import { openCluster } from "./cluster.ts";
import { type Dial, type Endpoint, openSingle, type Visit } from "./endpoint.ts";
import { openSentinel } from "./sentinel.ts";
import { type Command, createSession, type Run, type Session } from "./session.ts";

/** The way to Redis: it is up, or it is away and nobody waits for it. */
export interface Link {
  isUp(): boolean;
  /** @throws {StoreError} at once while it is away */
  readonly run: Run;
  /** Connects, and again for ever; resolves when the first attempt has ended. */
  open(): Promise<void>;
  /** Ends everything that is under way. */
  close(): Promise<void>;
}

export interface LinkTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly settings: StoreSettings;
  readonly access: Access;
  readonly sentinelAccess: Access;
  /** What has to succeed before it is up: that it takes writes, and what this gateway and the others have to tell. */
  readonly prepare: (session: Session) => Promise<void>;
  readonly onUp: (session: Session) => void;
  readonly onAway: () => void;
}

/** To find the server and connect, in milliseconds; a second for the connections, and some for asking sentinels. */
const OPEN_TIME_MS = 1500;

/** To ask a sentinel or a node of a cluster something, in milliseconds. */
const VISIT_TIME_MS = 400;

/** Between two attempts, in milliseconds, doubled with each, and jittered. */
const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

/** Who was up for so long begins with the shortest pause again; or one that dies of each command would flap. */
const STEADY_MS = 10_000;

export function createLink(tools: LinkTools): Link {
  const { clock, random, events, prepare, onUp, onAway } = tools;
  const closing = new AbortController();
  let up: Session | null = null;
  let awaySinceMs: number | null = null;
  let supervised: Promise<void> = Promise.resolve();

  const onEnd = (error: StoreError): void => {
    up = null;
    onAway();
    if (awaySinceMs !== null || closing.signal.aborted) return;
    awaySinceMs = clock.monotonic();
    events.emit("store", { isAway: true, error, forMs: 0 });
  };

  const goUp = (session: Session): void => {
    if (session.signal.aborted) return;
    up = session;
    if (awaySinceMs !== null) {
      events.emit("store", { isAway: false, error: null, forMs: clock.monotonic() - awaySinceMs });
    }
    awaySinceMs = null;
    onUp(session);
  };

  /** One connection, from its beginning to its end. */
  const live = async (onFirst: () => void): Promise<number> => {
    let endpoint: Endpoint | null = null;
    const session = createSession({ clock, events, onEnd }, () => {
      if (endpoint === null) throw new StoreError("is not connected");
      return endpoint;
    });
    const ended = new Promise<void>((resolve) => {
      session.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const onClose = (): void => session.fail(new StoreError("is not used any more"));
    closing.signal.addEventListener("abort", onClose, { once: true });
    let upMs = Infinity;
    try {
      const onTimeout = (): Error => new StoreError("could not be connected to in time", { isTimeout: true });
      const bounds = { clock, timeoutMs: OPEN_TIME_MS, signal: session.signal, onTimeout };
      endpoint = await withDeadline(bounds, () => openEndpoint(tools, session));
      await prepare(session);
      goUp(session);
      upMs = clock.monotonic();
    } catch (error) {
      session.fail(error);
    }
    onFirst();
    await ended;
    closing.signal.removeEventListener("abort", onClose);
    return clock.monotonic() - upMs;
  };

  const supervise = async (onFirst: () => void): Promise<void> => {
    let failures = 0;
    while (!closing.signal.aborted) {
      const forMs = await live(onFirst);
      failures = forMs > STEADY_MS ? 0 : failures + 1;
      const pauseMs = Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** Math.max(0, failures - 1));
      await sleep(clock, pauseMs * (0.5 + random() / 2), closing.signal).catch(() => null);
    }
  };

  return {
    isUp: () => up !== null,
    run: (command: Command) => up?.run(command) ?? Promise.reject(new StoreError("is away")),
    open() {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      supervised = supervise(() => resolve(undefined));
      return promise;
    },
    close() {
      closing.abort();
      return supervised;
    },
  };
}

function openEndpoint({ clock, settings, access, sentinelAccess }: LinkTools, session: Session): Promise<Endpoint> {
  const { at } = settings;
  const { signal } = session;
  const dial: Dial = (host) => connect(host, access, { signal, onLost: (error) => session.fail(error) });
  const visitBy =
    (by: Access): Visit =>
    (host, ask) => {
      const onTimeout = (): Error => new StoreError("does not answer", { isTimeout: true });
      return withDeadline({ clock, timeoutMs: VISIT_TIME_MS, signal, onTimeout }, async (limit) => {
        const connection = await connect(host, by, { signal: limit, onLost: () => null });
        return ask(connection).finally(() => connection.destroy());
      });
    };
  if (at.kind === "single") return openSingle(at.host, dial);
  if (at.kind === "cluster") return openCluster(at.nodes, visitBy(access), dial);
  const { sentinels, master } = at;
  return openSentinel({ sentinels, master, visitSentinel: visitBy(sentinelAccess), visit: visitBy(access), dial });
}
