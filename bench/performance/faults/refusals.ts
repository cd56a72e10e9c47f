import { readFileSync } from "node:fs";
import { type Cancel, systemClock } from "../../../lib/clock.ts";
import { moment } from "./moment.ts";

const EVERY_MS = 50;

/** How many connections the kernel has refused since the machine was started, in this network namespace. */
export function refusedSoFar(): number {
  const [names, values] = readFileSync("/proc/net/snmp", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("Tcp:"))
    .map((line) => line.split(" "));
  return Number(values?.[names?.indexOf("AttemptFails") ?? -1]);
}

/** Calls `onRefused` for each connection that is refused from now on, with its moment to some fifty milliseconds. */
export function watchRefusals(onRefused: (atMs: number) => void): Cancel {
  let known = refusedSoFar();
  return systemClock.every(EVERY_MS, () => {
    const now = refusedSoFar();
    for (; known < now; known++) onRefused(moment() - EVERY_MS / 2);
  });
}
