import { request } from "node:http";
import { sleep, systemClock } from "../../../lib/clock.ts";
import { claimsOf, token } from "../../support/tokens.ts";
import type { Conferences } from "./conferences.ts";

/** What one caller got. */
export type Answer =
  | { readonly kind: "channel"; readonly uuid: string; readonly url: string }
  /** A 200 that Odoo's join would raise on. */
  | { readonly kind: "nonsense"; readonly body: string }
  | { readonly kind: "refusal"; readonly status: number; readonly code: string; readonly retryAfter: string | null }
  /** No answer: the code of the error. */
  | { readonly kind: "nothing"; readonly error: string };

/** One call, on the runner's monotonic clock. */
export interface Call {
  readonly id: string;
  readonly iss: string;
  readonly begunMs: number;
  readonly endedMs: number;
  readonly answer: Answer;
}

export interface CallLoad {
  /** Those that have ended. */
  readonly calls: readonly Call[];
  /** Begins no more. @returns all, when the last has ended */
  stop(): Promise<readonly Call[]>;
}

export interface CallLoadOptions {
  readonly port: number;
  /** Calls in a second, whatever becomes of them. */
  readonly rate: number;
  readonly conferences: Conferences;
}

/** Longer than Odoo waits: to see how late a late answer is. */
const PATIENCE_MS = 6000;

/** What the runner was too busy to begin on time is left out beyond this: it would come as one burst. */
const MOST_BEHIND = 20;

const TICK_MS = 5;

/** Each over a connection of its own, as Odoo's `requests.get` has it. */
export function startCalls({ port, rate, conferences }: CallLoadOptions): CallLoad {
  const calls: Call[] = [];
  const pending = new Set<Promise<void>>();
  const startedMs = systemClock.monotonic();
  let begun = 0;
  let ids = 0;

  const call = async (iss: string): Promise<void> => {
    const id = `chaos-${String(++ids)}`;
    const begunMs = systemClock.monotonic();
    const answer = await ask(port, id, token({ claims: claimsOf(iss) }));
    calls.push({ id, iss, begunMs, endedMs: systemClock.monotonic(), answer });
  };
  const stopBeginning = systemClock.every(TICK_MS, () => {
    const nowMs = systemClock.monotonic();
    const due = ((nowMs - startedMs) / 1000) * rate;
    begun = Math.max(begun, due - MOST_BEHIND);
    while (begun < due) {
      const { iss, members } = conferences.next(nowMs);
      begun += members;
      for (let member = 0; member < members; member++) {
        const done = call(iss).finally(() => pending.delete(done));
        pending.add(done);
      }
    }
  });
  return {
    calls,
    async stop() {
      stopBeginning();
      await Promise.all(pending);
      return calls;
    },
  };
}

export function ask(port: number, id: string, text: string): Promise<Answer> {
  const patience = new AbortController();
  return new Promise<Answer>((resolve) => {
    const headers = { authorization: `Bearer ${text}`, "x-request-id": id };
    const { signal } = patience;
    const fail = (error: NodeJS.ErrnoException): void =>
      resolve({ kind: "nothing", error: error.code ?? error.message });
    void sleep(systemClock, PATIENCE_MS, signal).then(
      () => sent.destroy(new Error("no answer")),
      () => undefined,
    );
    const sent = request({ host: "127.0.0.1", port, path: "/v1/channel", agent: false, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (part: string) => (body += part));
      response.on("error", fail);
      response.on("end", () =>
        resolve(answerOf(response.statusCode ?? 0, body, response.headers["retry-after"] ?? null)),
      );
    });
    sent.on("error", fail).end();
  }).finally(() => patience.abort());
}

function answerOf(status: number, body: string, retryAfter: string | null): Answer {
  const { uuid, url, error } = fieldsOf(body);
  if (status !== 200) return { kind: "refusal", status, code: String(error), retryAfter };
  if (typeof uuid !== "string" || typeof url !== "string") return { kind: "nonsense", body: body.slice(0, 200) };
  return { kind: "channel", uuid, url };
}

function fieldsOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
