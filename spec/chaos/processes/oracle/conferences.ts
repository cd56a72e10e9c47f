import type { Call } from "../calls.ts";
import { overlaps } from "../fitness.ts";
import type { Seen } from "../stage.ts";
import { RECOVERY_MS } from "./limits.ts";

/**
 * One conference, one channel: whoever joins gets the channel of the answer before, unless since that call began
 *
 * - the SFU of that channel was out, or had been less than three seconds before (what was begun while it was out may fail
 *   for a while, and take the conference elsewhere),
 * - the gateway was restarted: it remembers by itself alone, or
 * - the machine kept somebody from running.
 *
 * @returns what breaks this
 */
export function splitConferences({ calls, made, gateway, stalls }: Seen): readonly string[] {
  const last = new Map<string, Call & { readonly uuid: string }>();
  const splits: string[] = [];
  for (const call of calls.toSorted((a, b) => a.endedMs - b.endedMs)) {
    if (call.answer.kind !== "channel") continue;
    const { uuid } = call.answer;
    const before = last.get(call.iss);
    last.set(call.iss, { ...call, uuid });
    if (before === undefined || before.uuid === uuid) continue;
    const { outages = [] } = made.get(before.uuid)?.sfu.fitness ?? {};
    const isMoved =
      overlaps(outages, before.begunMs - RECOVERY_MS, call.endedMs) ||
      overlaps(stalls, before.begunMs - RECOVERY_MS, call.endedMs) ||
      overlaps(gateway.fitness.outages, before.begunMs, call.endedMs);
    if (!isMoved) splits.push(`${call.iss} is split: ${before.id} got ${before.uuid}, ${call.id} got ${uuid}`);
  }
  return splits;
}
