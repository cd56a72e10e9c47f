import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";

/**
 * Why a connection was cut: `idle` to make room for another, `full` as there was no room to be made, `slow` because its
 * caller did not read his answer.
 */
export const CUTS = ["idle", "full", "slow"] as const;

export type Cut = (typeof CUTS)[number];

export interface ConnectionsOptions {
  readonly clock: Clock;
  /** How many there may be; asked for with each. */
  readonly max: () => number;
  readonly onCut: (why: Cut, address: string) => void;
}

/** The connections to callers, and who of them has to go when there are too many. */
export interface Connections {
  readonly open: number;
  opened(socket: Socket): void;
  requested(request: IncomingMessage, response: ServerResponse): void;
  /**
   * The parser has given up on this connection. When what was asked for before is answered, `answer` is called, unless
   * the request that could not be read to its end has got its answer already, and the connection is ended.
   */
  refuse(socket: Socket, answer: () => void): void;
  /** Nothing more is taken from this connection: its last request has been refused. */
  readonly isOver: (socket: Socket) => boolean;
  over(socket: Socket): void;
  cutSilent(): void;
  /** To be called when the server listens; @returns stops it */
  watch(): () => void;
}

/** How long a caller may take to read his answer: a page of 10,000 SFUs over a slow line. */
const ANSWER_TIME_MS = 30_000;

/** Between two looks at who reads. */
const LOOK_MS = 1000;

/** To let a caller read why he was refused: closed with his bytes unread, a connection would be reset under him. */
const LINGER_MS = 1000;

interface Line {
  /** What has been asked for and is not answered. */
  readonly answers: Set<ServerResponse>;
  last: ServerResponse | null;
  /** When the answer was first seen to be written and not read. */
  unreadSinceMs: number | null;
}

/**
 * At the limit the connection goes that has been idle for longest: else whoever holds idle ones, which costs him nothing,
 * would keep Odoo out. Idle is one for which the gateway does no work, and so also one whose request has yet to arrive as
 * a whole. They are all in one order, whether they have ever asked or not: with the silent ones first, of several calls
 * that connect at once each would push out the one before.
 */
export function createConnections({ clock, max, onCut }: ConnectionsOptions): Connections {
  const lines = new Map<Socket, Line>();
  /** In the order in which they fell idle. */
  const idle = new Set<Socket>();
  const ended = new WeakSet<Socket>();

  const forget = (socket: Socket): void => {
    lines.delete(socket);
    idle.delete(socket);
  };
  const cut = (socket: Socket, why: Cut): void => {
    const { remoteAddress = "" } = socket;
    forget(socket);
    socket.destroy();
    onCut(why, remoteAddress);
  };
  const rest = (socket: Socket): void => {
    idle.delete(socket);
    idle.add(socket);
  };
  const makeRoom = (newcomer: Socket): void => {
    for (const socket of idle) {
      if (lines.size <= max()) return;
      cut(socket, socket === newcomer ? "full" : "idle");
    }
  };
  const end = (socket: Socket): void => {
    socket.end();
    const cancel = clock.after(LINGER_MS, () => socket.destroy());
    socket.once("close", cancel);
  };
  const look = (): void => {
    const nowMs = clock.monotonic();
    for (const [socket, line] of lines) {
      const [current] = line.answers;
      if (current?.writableEnded !== true) {
        line.unreadSinceMs = null;
      } else if (line.unreadSinceMs === null) {
        line.unreadSinceMs = nowMs;
        rest(socket);
      } else if (nowMs - line.unreadSinceMs >= ANSWER_TIME_MS) cut(socket, "slow");
    }
  };

  return {
    get open() {
      return lines.size;
    },
    opened(socket) {
      const line: Line = { answers: new Set(), last: null, unreadSinceMs: null };
      lines.set(socket, line);
      idle.add(socket);
      socket.once("close", () => {
        forget(socket);
        // Of those that wait for their turn Node 22 says nothing, and work for them would go on and be counted for ever.
        queueMicrotask(() => {
          for (const one of line.answers) one.emit("close");
        });
      });
      makeRoom(socket);
    },
    requested(request, response) {
      const { socket } = request;
      const line = lines.get(socket);
      if (line === undefined) return;
      const { answers } = line;
      answers.add(response);
      line.last = response;
      const work = (): void => {
        if (answers.has(response)) idle.delete(socket);
      };
      if (hasBody(request)) request.once("end", work);
      else work();
      response.on("close", () => {
        answers.delete(response);
        line.unreadSinceMs = null;
        if (answers.size === 0 && lines.has(socket)) rest(socket);
      });
    },
    refuse(socket, answer) {
      if (ended.has(socket)) return;
      ended.add(socket);
      const { answers, last } = lines.get(socket) ?? { answers: new Set<ServerResponse>(), last: null };
      // The one that broke off will have no other answer than this.
      const broken = last?.req.complete === false ? last : null;
      const finish = (): void => {
        if ([...answers].some((one) => one !== broken)) return;
        for (const one of answers) one.off("close", finish);
        if (socket.writable && broken?.headersSent !== true) answer();
        end(socket);
      };
      for (const one of answers) one.once("close", finish);
      finish();
    },
    isOver: (socket) => ended.has(socket),
    over: (socket) => void ended.add(socket),
    cutSilent() {
      for (const socket of lines.keys()) if (socket.bytesRead === 0) socket.destroy();
    },
    watch: () => clock.every(LOOK_MS, look),
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}
