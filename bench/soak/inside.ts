import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Vitals } from "./vitals.ts";

/*
 * Loaded into the gateway's process (`node --import`): says how it is whenever it is asked. Nothing of the gateway is
 * touched but its rubbish, which is collected first.
 */
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
let warnings = 0;
process.on("warning", () => warnings++);

function vitals(): Vitals {
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const timers = resources.filter((kind) => kind === "Timeout").length;
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name as string), 0);
  const files = readdirSync("/proc/self/fd").length;
  const toMb = (bytes: number): number => bytes / 2 ** 20;
  return {
    heapMb: toMb(heapUsed),
    externalMb: toMb(external),
    residentMb: toMb(rss),
    handles: resources.length - timers,
    timers,
    files,
    listeners,
    warnings,
  };
}

process.on("message", () => void process.send?.(vitals()));
// It is there for the gateway, and not the gateway for it.
process.channel?.unref();
