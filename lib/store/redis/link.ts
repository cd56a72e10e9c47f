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
  open(user: LinkUser): Promise<void>;
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
}

/** Who is there for its sake. */
export interface LinkUser {
  /** What has to succeed before it is up: that it takes writes, and what this gateway and the others have to tell. */
  prepare(session: Session): Promise<void>;
  onUp(session: Session): void;
  onAway(): void;
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

/** At most so often it is told that the reason is another one by now, in milliseconds. */
const TOLD_AGAIN_MS = 60_000;

/** It is away, and what has been told of that. */
interface Away {
  readonly sinceMs: number;
  readonly toldMs: number;
  readonly reason: string;
}

export function createLink(tools: LinkTools): Link {
  const { clock, random, events } = tools;
  const closing = new AbortController();
  let up: Session | null = null;
  let away: Away | null = null;
  let supervised: Promise<void> = Promise.resolve();

  const tellAway = (error: StoreError): void => {
    const nowMs = clock.monotonic();
    const reason = error.message;
    if (away !== null && (away.reason === reason || nowMs - away.toldMs < TOLD_AGAIN_MS)) return;
    away = { sinceMs: away?.sinceMs ?? nowMs, toldMs: nowMs, reason };
    events.emit("store", { isAway: true, error, forMs: nowMs - away.sinceMs });
  };

  const goUp = (session: Session, user: LinkUser): void => {
    if (session.signal.aborted) return;
    up = session;
    if (away !== null) events.emit("store", { isAway: false, error: null, forMs: clock.monotonic() - away.sinceMs });
    away = null;
    user.onUp(session);
  };

  /** One connection, from its beginning to its end. */
  const live = async (user: LinkUser, onFirst: () => void): Promise<number> => {
    let endpoint: Endpoint | null = null;
    const onEnd = (error: StoreError): void => {
      up = null;
      user.onAway();
      if (!closing.signal.aborted) tellAway(error);
    };
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
      await user.prepare(session);
      goUp(session, user);
      upMs = clock.monotonic();
    } catch (error) {
      session.fail(error);
    }
    onFirst();
    await ended;
    closing.signal.removeEventListener("abort", onClose);
    return clock.monotonic() - upMs;
  };

  const supervise = async (user: LinkUser, onFirst: () => void): Promise<void> => {
    let failures = 0;
    while (!closing.signal.aborted) {
      const forMs = await live(user, onFirst);
      failures = forMs > STEADY_MS ? 0 : failures + 1;
      const pauseMs = Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** Math.max(0, failures - 1));
      await sleep(clock, pauseMs * (0.5 + random() / 2), closing.signal).catch(() => null);
    }
  };

  return {
    isUp: () => up !== null,
    run: (command: Command) => up?.run(command) ?? Promise.reject(new StoreError("is away")),
    open(user) {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      supervised = supervise(user, () => resolve(undefined));
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
  const dial: Dial = (host, attempt) => {
    const life = attempt === undefined ? signal : AbortSignal.any([signal, attempt]);
    return connect(host, access, { signal: life, onLost: (error) => session.fail(error) });
  };
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
