import { createServer, type Server } from "node:net";
import { systemClock } from "../../../lib/clock.ts";
import { SimulatedSfu } from "../../../lib/simulator/sfu.ts";
import { seeded } from "../../support/random.ts";
import type { News, Order, SfuSetup } from "./messages.ts";

/*
 * A simulated SFU as a process of its own, that can be killed and stopped: started by `fork` with its setup as JSON, told
 * what to do by messages. It ends with whoever has started it.
 */

const { port, key, seed } = JSON.parse(process.argv[2] ?? "") as SfuSetup;

const tell = (news: News): void => void process.send?.(news);

const sfu = new SimulatedSfu({
  key,
  port,
  clock: systemClock,
  random: seeded(seed),
  maxRequests: 10,
  onChannel: ({ uuid, iss }) => tell({ kind: "channel", uuid, iss }),
});

let narrow: Server | null = null;

async function obey(order: Order): Promise<void> {
  if (narrow !== null) await closeNarrow(narrow);
  switch (order.kind) {
    case "break":
      await sfu.break(order.fault);
      break;
    case "narrow":
      await sfu.break({ kind: "refuse" });
      narrow = await openNarrow(Number(new URL(sfu.address).port));
      break;
    case "heal":
      await sfu.heal();
  }
  tell({ kind: "done" });
}

function openNarrow(at: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy()).once("error", reject);
    server.listen({ port: at, host: "127.0.0.1", backlog: 1 }, () => resolve(server));
  });
}

function closeNarrow(server: Server): Promise<void> {
  narrow = null;
  return new Promise((resolve) => void server.close(() => resolve()));
}

process.on("disconnect", () => process.exit());
process.on("message", (order: Order) => void obey(order));
await sfu.listen();
tell({ kind: "listening", port: Number(new URL(sfu.address).port) });
