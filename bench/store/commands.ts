import type { RedisServer } from "../../spec/support/redis-server.ts";

/** How often each command was called from outside, by name; what scripts call counts as well, in its own names. */
export async function commandsOf(redis: RedisServer): Promise<ReadonlyMap<string, number>> {
  const text = String(await redis.ask("INFO", "commandstats"));
  const found = text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  return new Map(Array.from(found, ([, name = "", calls]) => [name, Number(calls)]));
}

const OWN = ["info", "config|resetstat"];

/** What has been called since. */
export function since(
  before: ReadonlyMap<string, number>,
  now: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const changes = Array.from(now, ([name, calls]) => [name, calls - (before.get(name) ?? 0)] as const);
  return new Map(changes.filter(([name, calls]) => calls > 0 && !OWN.includes(name)).toSorted());
}
