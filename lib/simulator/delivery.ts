import { STATUS_CODES, type ServerResponse } from "node:http";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { sleep, type Clock } from "../clock.ts";

/** What goes over the wire. An empty body has no Content-Type, like the real one's. */
export interface Parcel {
  readonly status: number;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

const chunkBytes = 16 * 1024;

export function send(response: ServerResponse, parcel: Parcel): void {
  response.writeHead(parcel.status, headersOf(parcel));
  response.end(parcel.body);
}

export interface Drip {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Ends the dripping, with its reason. */
  readonly signal: AbortSignal;
}

/** The headers at once, then a byte of body an interval. Stops when the caller hangs up. */
export async function dripBody(response: ServerResponse, parcel: Parcel, drip: Drip): Promise<void> {
  response.writeHead(parcel.status, { ...headersOf(parcel), "Content-Length": Buffer.byteLength(parcel.body) });
  response.flushHeaders();
  if (await dripBytes(Buffer.from(parcel.body), response, drip)) response.end();
}

/** The status line and the headers byte by byte too. Resolves to whether the caller stayed to the end. */
export async function dripAll(response: ServerResponse, parcel: Parcel, drip: Drip): Promise<boolean> {
  const { socket } = response;
  if (socket === null) return false;
  const { status, body } = parcel;
  const headers = { ...headersOf(parcel), "Content-Length": String(Buffer.byteLength(body)), Connection: "close" };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n`;
  const isComplete = await dripBytes(Buffer.concat([Buffer.from(head), Buffer.from(body)]), socket, drip);
  if (isComplete) socket.end();
  return isComplete;
}

/** A valid channel answer of exactly so many bytes, as fast as the caller reads. */
export async function sendHuge(response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { "Content-Type": "application/json" });
  // The caller is expected to hang up half-way.
  await pipeline(Readable.from(hugeBody(bytes)), response).catch(() => undefined);
}

function* hugeBody(bytes: number): Generator<Buffer> {
  const head = '{"uuid":"00000000-0000-4000-8000-000000000000","url":"http://127.0.0.1","padding":"';
  const tail = '"}';
  yield Buffer.from(head);
  for (let left = bytes - head.length - tail.length; left > 0; left -= chunkBytes) {
    yield Buffer.alloc(Math.min(left, chunkBytes), "x");
  }
  yield Buffer.from(tail);
}

/** Resolves to whether there was somebody to write to until the end. */
async function dripBytes(bytes: Buffer, to: Writable, drip: Drip): Promise<boolean> {
  for (const byte of bytes) {
    await sleep(drip.clock, drip.intervalMs, drip.signal);
    if (to.destroyed) return false;
    to.write(Buffer.of(byte));
  }
  return !to.destroyed;
}

function headersOf({ body, headers }: Parcel): Readonly<Record<string, string>> {
  return body.length === 0 ? { ...headers } : { "Content-Type": "application/json", ...headers };
}
