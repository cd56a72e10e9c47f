import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import { SfuError } from "../errors.ts";
import { createTtlCache } from "../ttl-cache.ts";

/** One exchange, as far as its connection goes. */
export interface Watched {
  /** Where the request goes: scheme, host and port. */
  readonly origin: string;
  /** Of the body, in bytes. */
  readonly maxBytes: number;
  /** Ends the exchange. */
  readonly refuse: (error: SfuError) => void;
}

/** Watches all that comes over the connections to SFUs, and not only what HTTP makes of it. */
export interface ConnectionWatch {
  /**
   * Watches the connection of a request that is about to be sent.
   *
   * @returns whether its answer has begun
   */
  follow(sent: ClientRequest, bounds: Watched): () => boolean;
  /**
   * Whether connections there may be used again. Not where one brought what nobody had asked for: it is closed, but the next
   * thing like it might come just when a request is under way, be taken for the answer, and one conference would get
   * another's channel.
   */
  mayBeKept(origin: string): boolean;
}

/** A CDN's early hints are one or two, and no SFU sends any. */
const MAX_INTERIM = 16;

/** Headers and trailers, 16 KB each at most, and early hints, in bytes. */
const MOST_AROUND_A_BODY = 64 * 1024;

/** What a body becomes in chunks of no more than a line. */
const FRAMED = 1.25;

/** How long an origin is distrusted, in milliseconds; it costs a new connection for every request. */
const DISTRUST_MS = 600_000;

/** More SFUs than go wrong in this way at a time. */
const MAX_REMEMBERED = 1000;

interface Connection {
  /** The exchange under way, or the last one. */
  exchange: Watched & { readonly sent: ClientRequest; answer: IncomingMessage | null; leftBytes: number };
  /** Whether nothing is under way. */
  isIdle: boolean;
  /** What has come in exchanges. */
  answeredBytes: number;
}

export function createConnectionWatch(clock: Clock): ConnectionWatch {
  const connections = new WeakMap<Socket, Connection>();
  const distrusted = createTtlCache<string>(MAX_REMEMBERED, DISTRUST_MS, clock);

  const begin = (socket: Socket, exchange: Connection["exchange"]): Connection => {
    const connection: Connection = { exchange, isIdle: false, answeredBytes: 0 };
    connections.set(socket, connection);
    const distrust = (): void => void distrusted.set(connection.exchange.origin, "");
    socket.on("free", () => (connection.isIdle = true));
    socket.on("data", ({ length }: Buffer) => {
      if (connection.isIdle) {
        distrust();
        socket.destroy();
      } else {
        connection.answeredBytes += length;
        spend(connection.exchange, length);
      }
    });
    // Node closes one by itself that brings a second answer at once, and later versions of it one that does so while it is
    // idle; nobody is shown what came.
    socket.once("close", (hadError: boolean) => {
      const wasClosedHere = !socket.readableEnded && !hadError;
      if (wasClosedHere && hasSaidMore(connection, socket)) distrust();
    });
    return connection;
  };

  const take = (socket: Socket, exchange: Connection["exchange"]): void => {
    const connection = connections.get(socket) ?? begin(socket, exchange);
    connection.exchange = exchange;
    connection.isIdle = false;
  };

  return {
    follow(sent, bounds) {
      const leftBytes = FRAMED * bounds.maxBytes + MOST_AROUND_A_BODY;
      const exchange: Connection["exchange"] = { ...bounds, sent, answer: null, leftBytes };
      sent.on("response", (answer: IncomingMessage) => {
        exchange.answer = answer;
        // Without the header Upgrade it is none to Node, which would use the connection again.
        if (answer.statusCode === 101) bounds.refuse(switched());
      });
      if (sent.socket === null) sent.on("socket", (socket: Socket) => take(socket, exchange));
      else take(sent.socket, exchange);
      refuseOddities(sent, bounds.refuse);
      return () => exchange.answer !== null;
    },
    mayBeKept: (origin) => distrusted.get(origin) === undefined,
  };
}

/** Of a connection that this side has closed: whether that was for something beyond the answer. */
function hasSaidMore({ isIdle, exchange: { sent, answer }, answeredBytes }: Connection, socket: Socket): boolean {
  if (!isIdle) return answer?.complete === true && sent.shouldKeepAlive;
  // Of TLS more bytes are counted than those of answers.
  return !(socket instanceof TLSSocket) && socket.bytesRead > answeredBytes;
}

/** A limit on the body alone would let headers, interim answers, chunk sizes and blank lines come for ever. */
function spend(exchange: Connection["exchange"], bytes: number): void {
  const hadEnough = exchange.leftBytes < 0;
  exchange.leftBytes -= bytes;
  if (exchange.leftBytes >= 0 || hadEnough) return;
  exchange.refuse(new SfuError("too_large", "sent far more around its answer than an answer needs"));
}

function refuseOddities(sent: ClientRequest, refuse: (error: SfuError) => void): void {
  let interim = 0;
  sent.on("information", () => {
    if (++interim === MAX_INTERIM + 1) {
      refuse(new SfuError("garbage", "sent one interim answer (1xx) after another in place of an answer"));
    }
  });
  // Node hands over the connection and forgets it, and got would wait for an answer on it for ever.
  sent.on("upgrade", (_answer: IncomingMessage, connection: Duplex) => {
    connection.destroy();
    refuse(switched());
  });
}

function switched(): SfuError {
  return new SfuError("garbage", "answered with a switch to another protocol", 101);
}
