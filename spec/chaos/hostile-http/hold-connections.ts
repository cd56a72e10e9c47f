import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

/**
 * Opens connections and holds them, in a process of its own, for the files of one are not enough for both sides. Each has
 * asked once, for else it would be cut for its silence. Reads how many it shall have opened, in hundreds, and says how
 * many of them are still open; 0 closes all and begins anew.
 *
 * Arguments: the port, on loopback.
 */
const port = Number(process.argv[2]);

/** So many at a time: fewer than the kernel's queue holds. */
const BATCH = 100;

/** Ports that one address has for connections to one other, with some to spare. */
const PORTS = 20_000;

const open = new Set<Socket>();
let opened = 0;
let everOpened = 0;

async function openOne(): Promise<void> {
  // Any of 127.0.0.0/8 is loopback.
  const localAddress = `127.0.1.${String(1 + Math.floor(everOpened++ / PORTS))}`;
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  socket.on("error", () => undefined);
  socket.on("close", () => open.delete(socket));
  socket.on("data", () => undefined);
  socket.write("GET /noop HTTP/1.1\r\nHost: x\r\n\r\n");
  await Promise.race([once(socket, "data"), once(socket, "close")]).catch(() => undefined);
  if (!socket.destroyed) open.add(socket);
}

for await (const line of createInterface({ input: process.stdin })) {
  const wanted = Number(line);
  for (; opened < wanted; opened += BATCH) await Promise.all(Array.from({ length: BATCH }, openOne));
  if (wanted === 0) {
    opened = 0;
    for (const socket of open) socket.destroy();
    open.clear();
  }
  process.stdout.write(`${String(open.size)}\n`);
}
