import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { ChannelSettings } from "./family.ts";

export interface SimulatedSession {
  readonly id: number;
  readonly camera: boolean;
  readonly screen: boolean;
}

export interface SimulatedChannel extends ChannelSettings {
  readonly uuid: string;
  readonly iss: string;
  /** Whom the channel belongs to, see `Caller`. */
  readonly identity: string;
  /** ISO 8601. */
  readonly createDate: string;
  readonly sessions: readonly SimulatedSession[];
}

export interface SessionCounts {
  readonly count: number;
  /** How many of them have their camera on; 0. */
  readonly cameraCount?: number;
  /** How many of them share their screen; 0. */
  readonly screenCount?: number;
}

const noSettings: ChannelSettings = { key: null, webRtc: true, recordingAddress: null };

/** The channels of one life of the SFU. */
export class ChannelBook {
  readonly #clock: Clock;
  readonly #onMade: (channel: SimulatedChannel) => void;
  readonly #byUuid = new Map<string, SimulatedChannel>();
  readonly #uuidByOwner = new Map<string, string>();
  #background: SimulatedChannel | null = null;

  constructor(clock: Clock, onMade: (channel: SimulatedChannel) => void) {
    this.#clock = clock;
    this.#onMade = onMade;
  }

  get all(): readonly SimulatedChannel[] {
    return [...this.#byUuid.values()];
  }

  /** All of them and the background load, as `/v1/stats` has it. */
  get visible(): readonly SimulatedChannel[] {
    return this.#background === null ? this.all : [...this.all, this.#background];
  }

  find(identity: string, iss: string): SimulatedChannel | null {
    const uuid = this.#uuidByOwner.get(ownerOf(identity, iss));
    return uuid === undefined ? null : (this.#byUuid.get(uuid) ?? null);
  }

  /** A new channel, even where the `iss` has one by now: whoever looked it up too early splits the call. */
  make(identity: string, iss: string, settings: ChannelSettings): SimulatedChannel {
    const channel = this.#create(identity, iss, settings);
    this.#byUuid.set(channel.uuid, channel);
    this.#uuidByOwner.set(ownerOf(identity, iss), channel.uuid);
    this.#onMade(channel);
    return channel;
  }

  /**
   * Gives a channel sessions with the ids from 1, in place of those that it has.
   *
   * @throws {RangeError} for an unknown channel
   */
  setSessions(uuid: string, counts: SessionCounts): void {
    const channel = this.#byUuid.get(uuid);
    if (channel === undefined) throw new RangeError(`no channel ${uuid}`);
    this.#byUuid.set(uuid, { ...channel, sessions: sessionsOf(counts) });
  }

  /** So many sessions beside those of the known channels; only the statistics show them. */
  setLoad(sessions: number): void {
    const channel = this.#background ?? this.#create("simulator", "background load", noSettings);
    this.#background = sessions === 0 ? null : { ...channel, sessions: sessionsOf({ count: sessions }) };
  }

  /** Removes sessions. What does not exist, or is not `owner`'s (`null`: anybody's), is skipped. */
  disconnect(uuid: string, ids: readonly unknown[], owner: string | null): void {
    const channel = this.#byUuid.get(uuid);
    if (channel === undefined || (owner !== null && owner !== channel.identity)) return;
    const sessions = channel.sessions.filter(({ id }) => !ids.includes(id));
    this.#byUuid.set(uuid, { ...channel, sessions });
  }

  #create(identity: string, iss: string, settings: ChannelSettings): SimulatedChannel {
    const createDate = new Date(this.#clock.now()).toISOString();
    return { uuid: randomUUID(), iss, identity, createDate, ...settings, sessions: [] };
  }
}

function ownerOf(identity: string, iss: string): string {
  return `${identity}::${iss}`;
}

function sessionsOf({ count, cameraCount = 0, screenCount = 0 }: SessionCounts): readonly SimulatedSession[] {
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    camera: index < cameraCount,
    screen: index < screenCount,
  }));
}
