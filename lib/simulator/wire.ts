import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";

/** Bytes that go over a connection past all that knows HTTP. */
export interface WireScript {
  /** The status that a reader would see, null where there is none to be seen. */
  readonly status: number | null;
  readonly bytes: string | Buffer;
  /** Sent over and over after them, as fast as somebody reads. */
  readonly endless?: string;
  /** What becomes of the connection then: it stays open in silence, or is closed in an orderly way. */
  readonly then: "keep" | "close";
}

/** The answer that a healthy SFU would have sent. */
interface Proper {
  readonly status: number;
  readonly body: string;
}

const vastHeaderBytes = 1024 * 1024;
const manyHeaders = 100_000;
const json = "Content-Type: application/json\r\n";
const ok = `HTTP/1.1 200 OK\r\n${json}`;
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;
/** Long enough that few of them make a flood, short enough that no single one is too long. */
const kilobyte = "x".repeat(1024);

/** By name: what is wrong with an answer whose body, where it has one, is the proper one. */
const tricks = {
  // Interim answers.
  interim_100_flood: () => endless("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(40)),
  interim_102_flood: () => endless("", "HTTP/1.1 102 Processing\r\n\r\n".repeat(40)),
  interim_103_flood: () => endless("", `HTTP/1.1 103 Early Hints\r\nLink: <${kilobyte}>\r\n\r\n`),
  interim_few: (proper) => done("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(3) + whole(proper)),

  // What comes before the body.
  blank_lines_endless: () => endless("", "\r\n".repeat(512)),
  status_line_endless: () => endless("HTTP/1.1 200 ", kilobyte),
  header_vast: (proper) => done(whole(proper, `X-Vast: ${"x".repeat(vastHeaderBytes)}\r\n`)),
  header_endless: () => endless(`${ok}X-Endless: `, kilobyte),
  headers_many: (proper) => done(whole(proper, "a: b\r\n".repeat(manyHeaders))),
  headers_endless: () => endless(ok, "a: b\r\n".repeat(100)),
  header_folded: (proper) => done(whole(proper, "X-Folded: a\r\n b\r\n")),
  header_with_nul: (proper) => done(whole(proper, "X-Nul: a\0b\r\n")),

  // Chunks.
  chunk_without_size: () => silent(`${chunked}zz\r\n`),
  chunk_negative: ({ body }) => silent(`${chunked}-5\r\n${body}\r\n0\r\n\r\n`),
  chunk_beyond_numbers: ({ body }) => silent(`${chunked}${"f".repeat(17)}\r\n${body}`),
  chunk_vast: ({ body }) => silent(`${chunked}${"f".repeat(12)}\r\n${body}`),
  chunk_zeros_endless: () => endless(chunked, "0".repeat(1024)),
  chunk_extension_few: ({ body }) => done(`${chunked.replace(ok, closing(ok))}${chunk(body, ";a=b")}0\r\n\r\n`),
  chunk_extension_endless: () => endless(`${chunked}5;a=`, kilobyte),
  chunk_extensions_endless: () => endless(chunked, chunk("x", `;${kilobyte}`)),
  chunks_tiny_endless: () => endless(chunked, chunk("x").repeat(200)),
  chunks_unfinished: ({ body }) => silent(`${chunked}${chunk(body)}`),
  chunks_compressed: ({ body }) => compressedChunks(body),

  // Lengths.
  length_too_large: (proper) => silent(lengthened(proper, 500)),
  length_too_large_closed: (proper) => done(lengthened(proper, 500)),
  length_too_small: ({ body }) => silent(`${ok}Content-Length: 5\r\n\r\n${body}`),
  length_twice: (proper) => silent(whole(proper, "Content-Length: 5\r\n")),
  length_negative: ({ body }) => silent(`${ok}Content-Length: -5\r\n\r\n${body}`),
  length_beyond_numbers: ({ body }) => silent(`${ok}Content-Length: ${"9".repeat(30)}\r\n\r\n${body}`),
  length_beside_chunks: ({ body }) =>
    silent(`${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(body)}0\r\n\r\n`),

  // Early closes.
  cut_before_anything: () => done("", null),
  cut_in_status_line: () => done("HTTP/1.1 20", null),
  cut_in_headers: () => done(ok.slice(0, -2)),
  cut_before_body: ({ body }) => done(`${ok}Content-Length: ${lengthOf(body)}\r\n\r\n`),
  cut_in_body: (proper) => done(whole(proper).slice(0, -1)),
  cut_in_body_without_length: ({ body }) => done(`${ok}Connection: close\r\n\r\n${body.slice(0, -1)}`),
  cut_in_chunk: ({ body }) => done(`${chunked}${chunk(body).slice(0, -3)}`),
  cut_before_last_chunk: ({ body }) => done(`${chunked}${chunk(body)}`),

  // What comes after the body.
  trailers_few: ({ body }) => done(`${chunked.replace(ok, closing(ok))}${chunk(body)}0\r\nX-Trailer: a\r\n\r\n`),
  trailer_endless: ({ body }) => endless(`${chunked}${chunk(body)}0\r\nX-Trailer: `, kilobyte),
  trailers_endless: ({ body }) => endless(`${chunked}${chunk(body)}0\r\n`, "a: b\r\n".repeat(100)),
  tail_of_garbage: (proper) => silent(`${whole(proper, "", "keep-alive")}and so on`),
  second_answer_at_once: (proper) => silent(whole(proper, "", "keep-alive") + UNASKED_ANSWER),

  // No HTTP, or hardly any.
  no_head: ({ body }) => done(body, null),
  bare_line_feeds: (proper) => done(whole(proper).replaceAll("\r\n", "\n")),
  ssh_banner: () => silent("SSH-2.0-OpenSSH_9.6\r\n", null),
  http2_frames: () => silent(Buffer.from("000000040000000000", "hex"), null),
  nuls_endless: () => endless("", "\0".repeat(1024)),

  // Statuses that have no body, with one, and such as do not exist.
  status_000: () => done("HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n", 0),
  status_101: () =>
    silent("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 101),
  status_101_and_an_answer: () => silent(`HTTP/1.1 101 Switching Protocols\r\n\r\n${UNASKED_ANSWER}`, 101),
  status_204_with_body: ({ body }) => silent(bodied("204 No Content", body), 204),
  status_204_and_an_answer: () => silent(`HTTP/1.1 204 No Content\r\n\r\n${UNASKED_ANSWER}`, 204),
  status_205_with_body: ({ body }) => done(bodied("205 Reset Content", body), 205),
  status_206: ({ body }) => done(bodied("206 Partial Content", body), 206),
  status_304_with_body: ({ body }) => silent(bodied("304 Not Modified", body), 304),
  status_304_and_an_answer: () => silent(`HTTP/1.1 304 Not Modified\r\n\r\n${UNASKED_ANSWER}`, 304),
  status_999: () => done("HTTP/1.1 999 Beyond\r\nContent-Length: 0\r\n\r\n", 999),
} as const satisfies Record<string, (proper: Proper) => WireScript>;

export type WireTrick = keyof typeof tricks;

/** Every trick, for tests that walk all of them. */
export const wireTricks = Object.keys(tricks) as readonly WireTrick[];

/** What no SFU has made and nobody may be given. */
export const UNASKED_UUID = "00000000-dead-4000-8000-000000000000";

/** A channel that would do, for somebody who takes it for the answer to something. */
export const UNASKED_ANSWER = whole(
  { status: 200, body: JSON.stringify({ uuid: UNASKED_UUID, url: "http://127.0.0.1" }) },
  "",
  "keep-alive",
);

/** What a server says that does not wait to be asked. */
export const UNASKED_GREETING = whole({ status: 200, body: '{"result":"ok"}' }, "", "keep-alive");

export function wireScript(trick: WireTrick, proper: Proper): WireScript {
  return tricks[trick](proper);
}

/** Resolves when all has been sent, or nobody is there any more. */
export async function sendScript(socket: Socket, { bytes, endless: more, then }: WireScript): Promise<void> {
  await write(socket, bytes);
  while (more !== undefined && !socket.destroyed) await write(socket, more);
  if (then === "close") socket.end();
}

/** Waits until the other side has read enough for more. */
async function write(socket: Socket, bytes: string | Buffer): Promise<void> {
  if (socket.destroyed || bytes.length === 0 || socket.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}

function silent(bytes: string | Buffer, status: number | null = 200): WireScript {
  return { status, bytes, then: "keep" };
}

function done(bytes: string, status: number | null = 200): WireScript {
  return { status, bytes, then: "close" };
}

function endless(begin: string, more: string): WireScript {
  return { status: begin === "" ? null : 200, bytes: begin, endless: more, then: "keep" };
}

function compressedChunks(body: string): WireScript {
  const zipped = gzipSync(body);
  const head = closing(ok) + `Transfer-Encoding: gzip, chunked\r\n\r\n${zipped.length.toString(16)}\r\n`;
  return {
    status: 200,
    bytes: Buffer.concat([Buffer.from(head), zipped, Buffer.from("\r\n0\r\n\r\n")]),
    then: "close",
  };
}

/** An answer in which nothing is wrong but what is added to it. */
function whole({ body }: Proper, headers = "", connection = "close"): string {
  return `${ok}${headers}Connection: ${connection}\r\nContent-Length: ${lengthOf(body)}\r\n\r\n${body}`;
}

function lengthened({ body }: Proper, by: number): string {
  return `${ok}Content-Length: ${String(Buffer.byteLength(body) + by)}\r\n\r\n${body}`;
}

function bodied(status: string, body: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${lengthOf(body)}\r\n\r\n${body}`;
}

function closing(head: string): string {
  return `${head}Connection: close\r\n`;
}

function chunk(body: string, extension = ""): string {
  return `${Buffer.byteLength(body).toString(16)}${extension}\r\n${body}\r\n`;
}

function lengthOf(body: string): string {
  return String(Buffer.byteLength(body));
}
