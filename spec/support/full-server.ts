import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { sleep, systemClock } from "../../lib/clock.ts";
import { useCleanup } from "./cleanup.ts";

/** Listens, has room for one connection in its queue, and takes none from there. */
const PROGRAM = `
  const server = require("node:net").createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    require("node:fs").writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

/** Loopback connects at once, or the queue is full. */
const CONNECT_MS = 100;

/**
 * Starts servers that nobody can connect to, and that do not refuse either: as a host that is gone looks from afar.
 * Ended after each spec of the suite that called this.
 *
 * @returns where one is
 */
export function useFullServers(): () => Promise<string> {
  const cleanUp = useCleanup();
  return async () => {
    const child = spawn(process.execPath, ["-e", PROGRAM], { stdio: ["ignore", "pipe", "inherit"] });
    const gone = once(child, "exit");
    cleanUp(async () => {
      child.kill("SIGKILL");
      await gone;
    });
    const [text] = (await once(child.stdout, "data")) as [Buffer];
    const port = Number(text.toString());
    for (let isFull = false; !isFull;) {
      const socket = connect(port, "127.0.0.1");
      cleanUp(() => socket.destroy());
      isFull = !(await connects(socket));
    }
    return `http://127.0.0.1:${String(port)}`;
  };
}

async function connects(socket: Socket): Promise<boolean> {
  socket.on("error", () => undefined);
  const connected = once(socket, "connect").then(() => true);
  return Promise.race([connected, sleep(systemClock, CONNECT_MS).then(() => false)]);
}
