import type { IncomingMessage } from "node:http";
import { sleep, type Clock, type Random } from "../clock.ts";
import { callerOf, type CallerSettings } from "./caller.ts";
import { ChannelBook, type SimulatedChannel } from "./channels.ts";
import type { FamilyRules } from "./family.ts";
import type { LogEntry } from "./request-log.ts";
import { route, type Answer } from "./routes.ts";
import { readBody, type Target } from "./target.ts";
import { claimsOf } from "./token.ts";

export interface LifeSettings {
  readonly family: FamilyRules;
  readonly authKey: Buffer;
  readonly diagnosticsToken: string | null;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a join takes once its `iss` has been looked up; a `max` of 0 sets no timer. */
  readonly latencyMs: { readonly min: number; readonly max: number };
  /** Told of each channel in the moment of its making. */
  readonly onChannel: (channel: SimulatedChannel) => void;
}

/** One run of the SFU process, from its start to its end: its channels and the work in its hands. */
export class Life {
  readonly channels: ChannelBook;
  readonly #settings: LifeSettings;
  readonly #end = new AbortController();

  constructor(settings: LifeSettings) {
    this.#settings = settings;
    this.channels = new ChannelBook(settings.clock, settings.onChannel);
  }

  /** Aborted when the process ends. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  end(): void {
    this.#end.abort(new Error("the simulated SFU process ended"));
  }

  /**
   * What a healthy SFU answers, apart from the faults that lie in the process itself.
   *
   * @throws the reason of `signal` when the process ends first
   */
  answer(request: IncomingMessage, target: Target, entry: LogEntry, settings: CallerSettings): Promise<Answer> {
    if (target.kind === "unparsable") return Promise.resolve({ kind: "silence" });
    const { family, authKey, diagnosticsToken, clock } = this.#settings;
    return route(
      {
        family,
        authKey,
        diagnosticsToken,
        channels: this.channels,
        nowMs: () => clock.now(),
        work: () => this.#work(),
      },
      {
        method: entry.method,
        path: target.path,
        query: target.query,
        authorization: request.headers.authorization,
        caller: callerOf(request, settings),
        fault: entry.fault,
        readBody: async () => {
          const body = await readBody(request);
          entry.claims = body === null ? null : claimsOf(body);
          return body;
        },
      },
    );
  }

  async #work(): Promise<void> {
    const { clock, random, latencyMs } = this.#settings;
    if (latencyMs.max === 0) return;
    await sleep(clock, latencyMs.min + random() * (latencyMs.max - latencyMs.min), this.signal);
  }
}
