import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { systemClock } from "../../lib/clock.ts";
import { useCleanup } from "./cleanup.ts";

/** What becomes of the bytes on their way, from now on and on connections that stand already. */
export type Fault =
  | { readonly kind: "none" }
  /** They wait, and go on when it is over: what a broken line does. */
  | { readonly kind: "hang"; readonly way: Way }
  | { readonly kind: "delay"; readonly ms: number }
  /** Every connection is reset, and each new one at once. */
  | { readonly kind: "cut" }
  /** One by one. */
  | { readonly kind: "dribble" }
  /** The answers are this in their place. */
  | { readonly kind: "garbage"; readonly text: string };

/** From whom bytes come that hang. */
export type Way = "client" | "server" | "both";

/** A line that fails as a spec wants it to: one port of loopback before another. */
export interface FaultProxy {
  readonly port: number;
  /** How many connections are open. */
  readonly open: number;
  /** How many there have been. */
  readonly connections: number;
  set(fault: Fault): void;
}

/** Starts such lines, and ends each after its spec. */
export function useFaultProxies(): (upstream: number) => Promise<FaultProxy> {
  const cleanUp = useCleanup();
  return async (upstream) => {
    let fault: Fault = { kind: "none" };
    let connections = 0;
    const lines = new Set<Line>();
    const server = createServer({ noDelay: true }, (socket) => {
      connections++;
      if (fault.kind === "cut") {
        socket.resetAndDestroy();
        return;
      }
      const line = openLine(socket, upstream, () => fault);
      lines.add(line);
      socket.once("close", () => lines.delete(line));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const set = (next: Fault): void => {
      fault = next;
      for (const line of lines) {
        if (next.kind === "cut") line.reset();
        else line.goOn();
      }
    };
    cleanUp(async () => {
      const closed = once(server, "close");
      server.close();
      set({ kind: "cut" });
      await closed;
    });
    return {
      port,
      get open() {
        return lines.size;
      },
      get connections() {
        return connections;
      },
      set,
    };
  };
}

interface Line {
  /** Looks anew at what waits. */
  goOn(): void;
  reset(): void;
}

function openLine(client: Socket, upstream: number, fault: () => Fault): Line {
  const server = connect({ port: upstream, host: "127.0.0.1", noDelay: true });
  const ways = [oneWay("client", client, server, fault), oneWay("server", server, client, fault)];
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on("error", () => other.destroy());
    one.once("close", () => other.destroy());
  }
  return {
    goOn: () => {
      for (const goOn of ways) goOn();
    },
    reset() {
      client.resetAndDestroy();
      server.resetAndDestroy();
    },
  };
}

/** @returns looks anew at what waits */
function oneWay(way: Exclude<Way, "both">, from: Socket, to: Socket, fault: () => Fault): () => void {
  const waiting: Buffer[] = [];
  let isDelivering = false;
  const deliver = async (): Promise<void> => {
    if (isDelivering) return;
    isDelivering = true;
    for (let bytes = waiting[0]; bytes !== undefined && !to.destroyed; bytes = waiting[0]) {
      const present = fault();
      if (present.kind === "hang" && (present.way === way || present.way === "both")) break;
      waiting.shift();
      await pass(bytes, present);
    }
    isDelivering = false;
  };
  const pass = async (bytes: Buffer, present: Fault): Promise<void> => {
    if (present.kind === "dribble") {
      for (const byte of bytes) {
        to.write(Buffer.of(byte));
        await moment(0);
      }
    } else if (present.kind === "garbage" && way === "server") to.write(present.text, "latin1");
    else if (present.kind === "delay") {
      // Each for itself, so that none waits for the one before it.
      systemClock.after(present.ms, () => {
        if (!to.destroyed) to.write(bytes);
      });
    } else to.write(bytes);
  };
  from.on("data", (bytes) => {
    waiting.push(bytes);
    void deliver();
  });
  return () => void deliver();
}

function moment(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.after(ms, resolve));
}
