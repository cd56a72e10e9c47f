import { systemClock } from "../../../lib/clock.ts";
import { SimulatedSfu } from "../../../lib/simulator/sfu.ts";
import { seeded } from "../../../spec/support/random.ts";
import type { SfuNews, SfuOrder } from "./messages.ts";

/*
 * A simulated SFU as a process of its own, that tells of each join as it arrives: one that is broken makes no channel to be
 * counted. Ends with its parent.
 */
const TELL_EVERY_MS = 50;

const even = seeded(Number(process.env.SEED ?? 1));
/** contract.md: 0.5 ms for half of the joins, 3 ms for the slowest of a hundred. */
const LATENCY = { latencyMs: { min: 0.3, max: 3 }, random: () => even() ** 4 };

const tell = (news: SfuNews): void => void process.send?.(news);

function open(port: number): SimulatedSfu {
  const made = new SimulatedSfu({ key: process.env.SFU_KEY ?? "", port, clock: systemClock, ...LATENCY });
  systemClock.every(TELL_EVERY_MS, () => tellJoins(made));
  return made;
}

function tellJoins(of: SimulatedSfu): void {
  // Probes have no such claim.
  const due = of.requests.map(({ claims }) => Number.parseFloat(String(claims?.jti)));
  of.clearRequests();
  const dueMs = due.filter((ms) => !Number.isNaN(ms));
  if (dueMs.length > 0) tell({ kind: "joins", dueMs });
}

let sfu: SimulatedSfu | null = null;

async function obey(order: SfuOrder): Promise<void> {
  switch (order.kind) {
    case "listen":
      sfu = open(order.port);
      await sfu.listen();
      break;
    case "break":
      await sfu?.break(order.fault);
      break;
    case "heal":
      await sfu?.heal();
  }
  if (sfu !== null) tell({ kind: "done", port: Number(new URL(sfu.address).port) });
}

process.on("message", (order: SfuOrder) => void obey(order));
process.once("disconnect", () => process.exit());
tell({ kind: "ready" });
