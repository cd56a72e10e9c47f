import type { ServerResponse } from "node:http";
import { sleep, type Clock } from "../clock.ts";
import { dripAll, dripBody, send, sendHuge, type Parcel } from "./delivery.ts";
import type { Fault } from "./faults.ts";
import type { Answer } from "./routes.ts";

/** One request on its way through the simulator. */
export interface Exchange {
  readonly response: ServerResponse;
  readonly path: string;
  readonly fault: Fault | null;
  readonly clock: Clock;
  /** The life of the SFU process: aborted by a restart or a close. */
  readonly life: AbortSignal;
  /** What a healthy SFU answers, worked out when called. */
  readonly answer: () => Promise<Answer>;
  /** Notes the status that is about to be sent. */
  readonly onStatus: (status: number) => void;
  /** Notes that an answer has gone out past the response object. */
  readonly onRawEnd: () => void;
  /** Ends the connection with a TCP RST. */
  readonly reset: () => void;
}

const notJson = "<!doctype html><title>It works!</title>";
const defaultHugeBytes = 1024 * 1024;

/**
 * Answers a request as the fault has it.
 *
 * @throws the reason of `life` when that ends meanwhile; the connection is gone by then
 */
export async function perform(exchange: Exchange): Promise<void> {
  const { fault, response, clock, life, onStatus } = exchange;
  switch (fault?.kind) {
    case "refuse": // The request came in while the port was closing.
    case "reset":
      exchange.reset();
      return;
    case "hang":
      return;
    case "garbage":
      sendParcel(exchange, { status: 200, body: fault.body ?? notJson });
      return;
    case "redirect": {
      const location = fault.location ?? `http://elsewhere.invalid${exchange.path}`;
      sendParcel(exchange, { status: 302, body: "", headers: { Location: location } });
      return;
    }
    case "status":
      sendParcel(exchange, { status: fault.status, body: "" });
      return;
    case "huge":
      onStatus(200);
      await sendHuge(response, fault.bytes ?? defaultHugeBytes);
      return;
    case "drip":
      await drip(exchange, fault.intervalMs, fault.headers ?? false);
      return;
    case "slow":
      await sleep(clock, fault.delayMs, life);
      break;
    case "unauthorized":
    case "worker_hang":
    case undefined:
      break;
  }
  const answer = await exchange.answer();
  if (answer.kind === "answer") sendParcel(exchange, answer);
}

/** A caller that hung up gets nothing; the work was done all the same, as by the real one. */
function sendParcel({ response, onStatus }: Exchange, parcel: Parcel): void {
  if (response.destroyed) return;
  onStatus(parcel.status);
  send(response, parcel);
}

async function drip(exchange: Exchange, intervalMs: number, withHeaders: boolean): Promise<void> {
  const { response, clock, life: signal } = exchange;
  const answer = await exchange.answer();
  if (answer.kind === "silence" || response.destroyed) return;
  exchange.onStatus(answer.status);
  if (withHeaders) {
    if (await dripAll(response, answer, { clock, intervalMs, signal })) exchange.onRawEnd();
  } else {
    await dripBody(response, answer, { clock, intervalMs, signal });
  }
}
