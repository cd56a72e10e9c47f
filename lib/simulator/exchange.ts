import type { ServerResponse } from "node:http";
import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib";
import { sleep, type Clock } from "../clock.ts";
import { dripAll, dripBody, send, sendHuge, type Parcel } from "./delivery.ts";
import type { Compression, Fault } from "./faults.ts";
import { lieFor } from "./lies.ts";
import type { Answer } from "./routes.ts";
import { sendScript, UNASKED_ANSWER, type WireScript, wireScript } from "./wire.ts";

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
const defaultBombBytes = 1024 * 1024;

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
    case "lie":
      await sendInstead(exchange, ({ body }) => ({ status: 200, ...lieFor(fault.lie, body) }));
      return;
    case "compressed":
      await sendInstead(exchange, ({ status, body }) => ({
        status,
        body: compressors[fault.by](body + " ".repeat(Math.max(0, (fault.bytes ?? defaultBombBytes) - body.length))),
        headers: { "Content-Encoding": fault.by },
      }));
      return;
    case "wire": {
      const answer = await exchange.answer();
      if (answer.kind === "answer") await sendRaw(exchange, wireScript(fault.trick, answer));
      return;
    }
    case "unasked":
    case "unauthorized":
    case "worker_hang":
    case undefined:
      break;
  }
  const answer = await exchange.answer();
  if (answer.kind === "answer") sendParcel(exchange, answer);
  if (fault?.kind === "unasked" && fault.when === "later") await sendUnasked(exchange, fault.delayMs);
}

const compressors: Readonly<Record<Compression, (text: string) => Buffer>> = {
  gzip: (text) => gzipSync(text),
  deflate: (text) => deflateSync(text),
  // The best quality would take seconds.
  br: (text) => brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
};

/** Something else where there is a 200; a refusal is a refusal. */
async function sendInstead(
  exchange: Exchange,
  make: (proper: Extract<Answer, { kind: "answer" }>) => Parcel,
): Promise<void> {
  const answer = await exchange.answer();
  if (answer.kind === "answer") sendParcel(exchange, answer.status === 200 ? make(answer) : answer);
}

async function sendRaw({ response, onStatus, onRawEnd }: Exchange, script: WireScript): Promise<void> {
  const { socket } = response;
  if (socket === null || response.destroyed) return;
  if (script.status !== null) onStatus(script.status);
  await sendScript(socket, script);
  if (script.then === "close") onRawEnd();
}

/** The response lets go of its connection when it is over. */
async function sendUnasked({ response, clock, life }: Exchange, delayMs: number): Promise<void> {
  const { socket } = response;
  await sleep(clock, delayMs, life);
  if (socket?.writable === true) socket.write(UNASKED_ANSWER);
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
