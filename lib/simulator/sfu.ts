import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { CallerSettings } from "./caller.ts";
import type { SessionCounts, SimulatedChannel } from "./channels.ts";
import { perform } from "./exchange.ts";
import type { Fault } from "./faults.ts";
import { Life, type LifeSettings } from "./life.ts";
import { Listener, type Traffic } from "./listener.ts";
import { lifeSettingsOf, type SimulatedSfuOptions } from "./options.ts";
import { arrival, RequestLog, type SimulatedRequest } from "./request-log.ts";
import { FaultScript, type Step } from "./script.ts";
import { targetOf } from "./target.ts";
import { UNASKED_GREETING } from "./wire.ts";

export type { SessionCounts, SimulatedChannel, SimulatedSession } from "./channels.ts";
export type { SfuFamily } from "./family.ts";
export { exampleFault, faultKinds, type Fault, type FaultKind } from "./faults.ts";
export { type ChannelLie, channelLieNames, oddTruths, type StatsLie, statsLieNames } from "./lies.ts";
export type { Traffic } from "./listener.ts";
export type { SimulatedSfuOptions } from "./options.ts";
export type { SimulatedRequest } from "./request-log.ts";
export type { Step } from "./script.ts";
export type { ChannelStats } from "./stats.ts";
export { UNASKED_UUID, type WireTrick, wireTricks } from "./wire.ts";

/**
 * A fake SFU over real HTTP that keeps contract.md to the letter, until it is told to misbehave. Channels get no
 * sessions by themselves: `setSessions` and `setLoad` stand in for the browsers.
 */
export class SimulatedSfu {
  readonly #settings: LifeSettings;
  readonly #origin: Omit<CallerSettings, "port">;
  readonly #listener: Listener;
  readonly #script: FaultScript;
  readonly #log: RequestLog;
  #life: Life;
  #isOn = false;
  /** Openings and closings of the port, one after the other. */
  #settling: Promise<void> = Promise.resolve();

  /** @throws {RangeError} for a key that the family refuses to start with */
  constructor(options: SimulatedSfuOptions) {
    this.#settings = lifeSettingsOf(options);
    this.#origin = { proxy: options.proxy ?? true, publicIp: options.publicIp ?? "127.0.0.1" };
    this.#listener = new Listener(
      options.port ?? 0,
      this.#settings.family.maxHeaderBytes,
      (request, response) => void this.#serve(request, response),
      (socket) => this.#greet(socket),
    );
    this.#script = new FaultScript(options.clock, () => void this.#settle().catch(() => undefined));
    this.#log = new RequestLog(options.maxRequests ?? 10_000);
    this.#life = new Life(this.#settings);
  }

  /** `http://127.0.0.1:PORT`; the same for good once `listen` has resolved. */
  get address(): string {
    if (this.#listener.port === 0) throw new Error("the simulated SFU has no address before it listens");
    return `http://127.0.0.1:${this.#listener.port}`;
  }

  /** What arrived lately, oldest first. Requests with headers over the limit (431) never get so far. */
  get requests(): readonly SimulatedRequest[] {
    return this.#log.entries;
  }

  /** What has gone over its connections since it was made. */
  get traffic(): Traffic {
    return this.#listener.traffic;
  }

  /** In the order of their making. */
  get channels(): readonly SimulatedChannel[] {
    return this.#life.channels.all;
  }

  /** The fault in force, `null` for none. */
  get fault(): Fault | null {
    return this.#script.fault;
  }

  /** @throws the system's error when the port is taken */
  async listen(): Promise<void> {
    this.#isOn = true;
    await this.#settle();
  }

  /** Leaves no socket, timer or script behind. Calling it again does nothing. */
  async close(): Promise<void> {
    this.#isOn = false;
    this.#script.set(null);
    this.#startLife();
    await this.#settle();
  }

  /** Misbehaves until further notice; resolves when the fault is in force. Ends a script. */
  async break(fault: Fault): Promise<void> {
    this.#script.set(fault);
    await this.#settle();
  }

  /**
   * Ends every fault and script; resolves when the port is open again. What hung goes on hanging.
   *
   * @throws the system's error when the port was taken meanwhile
   */
  async heal(): Promise<void> {
    this.#script.set(null);
    await this.#settle();
  }

  /**
   * Plays the steps and is healthy afterwards. The first one is in force at once; the promise resolves when the last
   * has ended or the script was replaced.
   *
   * @throws {RangeError} for a step that could never end
   */
  async play(script: readonly Step[]): Promise<void> {
    await this.#script.play(script);
    await this.#settle();
  }

  /** A crash and a new start on the same port: connections, channels and sessions are gone, a fault stays. */
  async restart(): Promise<void> {
    this.#startLife();
    await this.#enqueue(() => this.#listener.shut());
    await this.#settle();
  }

  clearRequests(): void {
    this.#log.clear();
  }

  /**
   * Gives a channel sessions with the ids from 1, in place of those that it has.
   *
   * @throws {RangeError} for an unknown channel
   */
  setSessions(uuid: string, counts: SessionCounts): void {
    this.#life.channels.setSessions(uuid, counts);
  }

  /** Shows so many sessions in `/v1/stats`, on top of those of the channels; until the next restart. */
  setLoad(sessions: number): void {
    this.#life.channels.setLoad(sessions);
  }

  /** Ends every connection, as an SFU does with idle ones; the port stays open. */
  hangUp(how: "close" | "reset"): void {
    this.#listener.hangUp(how);
  }

  #settle(): Promise<void> {
    return this.#enqueue(() => {
      const shouldListen = this.#isOn && this.#script.fault?.kind !== "refuse";
      return shouldListen ? this.#listener.open() : this.#listener.shut();
    });
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#settling.then(work);
    // Whoever asked for it hears of a failure; the next in the queue has a try of its own.
    this.#settling = done.catch(() => undefined);
    return done;
  }

  #greet(socket: Socket): void {
    const { fault } = this.#script;
    if (fault?.kind === "unasked" && fault.when === "first") socket.write(UNASKED_GREETING);
  }

  #startLife(): void {
    this.#life.end();
    this.#life = new Life(this.#settings);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock } = this.#settings;
    const life = this.#life;
    const { socket } = request;
    const target = targetOf(request);
    const fault = this.#script.take(target.path);
    const entry = arrival(request, target, fault, clock.now());
    this.#log.add(entry);
    let isOver = false;
    response.once("close", () => {
      entry.aborted = !isOver && !response.writableFinished && !this.#listener.hasDropped(socket);
    });
    try {
      await perform({
        response,
        path: target.path,
        fault,
        clock,
        life: life.signal,
        answer: () => life.answer(request, target, entry, { ...this.#origin, port: this.#listener.port }),
        onStatus: (status) => (entry.status = status),
        onRawEnd: () => (isOver = true),
        reset: () => this.#listener.reset(socket),
      });
    } catch (error) {
      if (!life.signal.aborted) throw error;
    }
  }
}
