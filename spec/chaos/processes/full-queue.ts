import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { sleep, systemClock } from "../../../lib/clock.ts";

/** Loopback connects at once, or the queue is full. */
const CONNECT_MS = 100;

/** Connects to a process that is stopped, until its queue is full. @returns what keeps it full until it is destroyed */
export async function fillQueue(port: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let isFull = false; !isFull;) {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    sockets.push(socket);
    const connected = once(socket, "connect").then(() => true);
    isFull = !(await Promise.race([connected, sleep(systemClock, CONNECT_MS).then(() => false)]));
  }
  return sockets;
}
