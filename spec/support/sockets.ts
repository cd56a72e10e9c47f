import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { useCleanup } from "./cleanup.ts";

/** What an SFU that is not one does with the bytes that reach it: the how-manieth request, on which connection. */
export type RawHandler = (socket: Socket, arrival: RawArrival) => void;

export interface RawArrival {
  readonly text: string;
  /** From 1, over all connections. */
  readonly request: number;
  /** From 1. */
  readonly connection: number;
}

/** A TCP server that knows no HTTP. */
export interface RawServer {
  readonly address: string;
  readonly requests: readonly string[];
  /** How many connections there have been. */
  readonly connections: number;
  /** How many of them are still open. */
  readonly open: number;
}

/** Starts raw servers, and closes them after each spec of the suite that called this. */
export function useRawServers(): (handle: RawHandler) => Promise<RawServer> {
  const cleanUp = useCleanup();
  return async (handle) => {
    const sockets = new Set<Socket>();
    const requests: string[] = [];
    let connections = 0;
    const server = createServer((socket) => {
      const connection = ++connections;
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => undefined);
      socket.on("data", (bytes) => {
        const text = bytes.toString("latin1");
        requests.push(text);
        handle(socket, { text, request: requests.length, connection });
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanUp(() => stop(server, sockets));
    return {
      address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
      requests,
      get connections() {
        return connections;
      },
      get open() {
        return sockets.size;
      },
    };
  };
}

async function stop(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = once(server, "close");
  server.close();
  for (const socket of sockets) socket.destroy();
  await closed;
}

/** A whole HTTP answer as text. */
export function answer(body: string, status = "200 OK", headers = ""): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${String(Buffer.byteLength(body))}\r\n${headers}\r\n${body}`;
}

/** A connection of a caller who writes whatever he likes. */
export interface RawCaller {
  readonly socket: Socket;
  /** All that has come so far. */
  readonly received: () => string;
  /** Resolves when the other side, or this one, has closed. */
  readonly closed: Promise<void>;
}

export async function callRaw(url: string, text = ""): Promise<RawCaller> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.on("data", (bytes) => (received += bytes.toString("latin1")));
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await once(socket, "connect");
  if (text !== "") socket.write(text, "latin1");
  return { socket, received: () => received, closed };
}
