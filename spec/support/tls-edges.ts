import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from "node:tls";
import { useCleanup } from "./cleanup.ts";

/** What stands before an SFU and speaks TLS for it, as an nginx would: one port of loopback. */
export interface TlsEdge {
  readonly port: number;
  /** How many handshakes have come to their end on this side. */
  readonly handshakes: number;
  /** How many connections are open. */
  readonly open: number;
  /** Shows this from the next connection on. Those that have a session of before may resume it. */
  present(options: TlsOptions): void;
  /** Has something else happen to the next connections than TLS. */
  instead(handle: (socket: Socket) => void): void;
  close(): Promise<void>;
}

/** Of all edges and for good: what a server has that was only given another certificate. */
const TICKET_KEYS = Buffer.alloc(48, "ticket");

/** Starts edges, and closes them after each spec of the suite that called this. */
export function useTlsEdges(): typeof startTlsEdge {
  const cleanUp = useCleanup();
  return async (...parts) => {
    const edge = await startTlsEdge(...parts);
    cleanUp(() => edge.close());
    return edge;
  };
}

/** @param upstream the SFU's own address */
export async function startTlsEdge(upstream: string, options: TlsOptions): Promise<TlsEdge> {
  const { port } = new URL(upstream);
  const sockets = new Set<Socket>();
  let handshakes = 0;

  const forward = (shown: TLSSocket): void => {
    handshakes++;
    const onward = connect(Number(port), "127.0.0.1");
    onward.on("error", () => shown.destroy());
    shown.on("error", () => onward.destroy());
    shown.once("close", () => onward.destroy());
    shown.pipe(onward).pipe(shown);
  };
  const speaking = (spoken: TlsOptions): ((socket: Socket) => void) => {
    const server = createTlsServer({ ticketKeys: TICKET_KEYS, ...spoken }, forward);
    return (socket) => void server.emit("connection", socket);
  };

  let handle = speaking(options);
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    handle(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get handshakes() {
      return handshakes;
    },
    get open() {
      return sockets.size;
    },
    present: (next) => (handle = speaking(next)),
    instead: (next) => (handle = next),
    close: () => stop(server, sockets),
  };
}

async function stop(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await once(server.close(), "close");
}
