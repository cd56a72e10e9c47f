import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";

const host = "127.0.0.1";
/**
 * "Any free port" is picked below the range that systems hand out by themselves (Linux: from 32768). A refused port is
 * closed for a while, and an outgoing connection on this machine could be given it meanwhile.
 */
const anyPort = { from: 20_000, to: 32_768, attempts: 50 };

/** What has gone over the connections so far. */
export interface Traffic {
  /** How many connections there have been, and how many are open now. */
  readonly connections: number;
  readonly open: number;
  /** Handed to the system to be sent; it holds some megabytes a connection that the other side has not read. */
  readonly bytesSent: number;
}

/** The HTTP server on one port of the loopback interface, which can be closed and opened again. */
export class Listener {
  readonly #handle: RequestListener;
  readonly #maxHeaderBytes: number;
  readonly #sockets = new Set<Socket>();
  readonly #dropped = new WeakSet<Socket>();
  readonly #onConnection: (socket: Socket) => void;
  #port: number;
  #server: Server | null = null;
  #connections = 0;
  #bytesSent = 0;

  /** `port` 0: any free one, kept from the first `open` on. */
  constructor(
    port: number,
    maxHeaderBytes: number,
    handle: RequestListener,
    onConnection: (socket: Socket) => void = () => undefined,
  ) {
    this.#onConnection = onConnection;
    this.#port = port;
    this.#maxHeaderBytes = maxHeaderBytes;
    this.#handle = handle;
  }

  /** 0 before the first `open`, where any was asked for. */
  get port(): number {
    return this.#port;
  }

  get traffic(): Traffic {
    const open = [...this.#sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);
    return { connections: this.#connections, open: this.#sockets.size, bytesSent: this.#bytesSent + open };
  }

  /** @throws the system's error when the port is taken */
  async open(): Promise<void> {
    if (this.#server !== null) return;
    if (this.#port !== 0) {
      this.#server = await this.#listen(this.#port);
      return;
    }
    for (let attempt = 1; ; attempt++) {
      const port = randomInt(anyPort.from, anyPort.to);
      try {
        this.#server = await this.#listen(port);
        this.#port = port;
        return;
      } catch (error) {
        if (attempt === anyPort.attempts) throw error;
      }
    }
  }

  /** Closes the port and destroys every connection. */
  async shut(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) {
      this.#dropped.add(socket);
      socket.destroy();
    }
    await closed;
  }

  /** Ends every connection, in an orderly way or with a TCP RST; the port stays open. */
  hangUp(how: "close" | "reset"): void {
    for (const socket of this.#sockets) {
      if (how === "reset") this.reset(socket);
      else socket.end();
    }
  }

  /** Ends a connection with a TCP RST. */
  reset(socket: Socket): void {
    this.#dropped.add(socket);
    socket.resetAndDestroy();
  }

  /** Whether it was this side that ended the connection. */
  hasDropped(socket: Socket): boolean {
    return this.#dropped.has(socket);
  }

  async #listen(port: number): Promise<Server> {
    const server = createServer({ maxHeaderSize: this.#maxHeaderBytes, keepAliveTimeout: 5_000 }, this.#handle);
    server.on("connection", (socket: Socket) => {
      this.#connections += 1;
      this.#sockets.add(socket);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        this.#bytesSent += socket.bytesWritten;
      });
      this.#onConnection(socket);
    });
    server.listen(port, host);
    await once(server, "listening");
    return server;
  }
}
