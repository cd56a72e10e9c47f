import { createHash } from "node:crypto";
import type { Command } from "./session.ts";

/** Runs inside of Redis, all of it or nothing, with nothing else in between; its keys are in one hash slot. */
export interface Script {
  readonly name: string;
  readonly text: string;
  readonly hash: string;
}

export function call(script: Script, keys: readonly [string, ...string[]], args: readonly string[]): Command {
  return {
    name: script.name,
    key: keys[0],
    args: ["EVALSHA", script.hash, String(keys.length), ...keys, ...args],
    script,
  };
}

function script(name: string, text: string): Script {
  return { name, text, hash: createHash("sha1").update(text).digest("hex") };
}

/** How many entries the journal holds, roughly. */
const JOURNAL_ENTRIES = 20_000;

/** In milliseconds: so long the journal and the list of gateways stay where there is no gateway any more. */
const FLEET_MS = 86_400_000;

/** In milliseconds: so long what was posted stays likewise, drains that have no end above all. */
export const BOARD_MS = 30 * 86_400_000;

/**
 * home, turn; owner, lease, where the owner remembers that it is (empty: nowhere) and for how much longer → how long somebody
 * else's lease lasts, 0 where it is the owner's now; home. What the store has lost it has again; a turn without an end is
 * none that a gateway has taken.
 */
export const ENTER = script(
  "enter",
  `local home = redis.call('GET', KEYS[1])
if not home and ARGV[3] ~= '' then
  home = ARGV[3]
  redis.call('SET', KEYS[1], home, 'PX', ARGV[4])
end
local owner = redis.call('HGET', KEYS[2], 'owner')
local left = redis.call('PTTL', KEYS[2])
if owner and owner ~= ARGV[1] and left >= 0 then
  redis.call('HSET', KEYS[2], 'awaited', '1')
  return {math.max(1, left), home}
end
redis.call('HSET', KEYS[2], 'owner', ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {0, home}`,
);

/** turn; owner, lease. One that has run out while nobody wanted it is taken again. */
export const RENEW = script(
  "renew",
  `local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'owner', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`,
);

/**
 * home, turn; owner, address (empty: nobody served it), TTL (0: it is not assigned), what home was before → whether somebody
 * waits; home.
 */
export const END = script(
  "end",
  `local home = redis.call('GET', KEYS[1])
local awaited = 0
if redis.call('HGET', KEYS[2], 'owner') == ARGV[1] then
  if redis.call('HGET', KEYS[2], 'awaited') then awaited = 1 end
  redis.call('DEL', KEYS[2])
end
if ARGV[2] ~= '' and ARGV[3] ~= '0' and (not home or home == ARGV[2] or home == ARGV[4]) then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  home = ARGV[2]
end
return {awaited, home}`,
);

/** home; address, what is left of its TTL, what home was before it was moved (empty: it was not) → home. */
export const RESTORE = script(
  "restore",
  `local home = redis.call('GET', KEYS[1])
if not home or (ARGV[3] ~= '' and home == ARGV[3]) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]
end
if home == ARGV[1] and redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return home`,
);

/**
 * A topic, journal; instance, topic, and for each post: name, sealed, when (0: now), how long it holds (0: always) → when,
 * or empty where something younger is there.
 */
export const POST = script(
  "post",
  `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {}
for index = 3, #ARGV, 4 do
  local name, at, life = ARGV[index], tonumber(ARGV[index + 2]), tonumber(ARGV[index + 3])
  local last = tonumber(string.match(redis.call('HGET', KEYS[1], name) or '', '^%d+')) or 0
  if at == 0 then at = math.max(now, last + 1) else at = math.min(at, now) end
  if at > last then
    local expires = 0
    if life > 0 then expires = at + life end
    local text = string.format('%.0f|%.0f|', at, expires) .. ARGV[index + 1]
    redis.call('HSET', KEYS[1], name, text)
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', '${String(JOURNAL_ENTRIES)}', '*',
      'from', ARGV[1], 'kind', ARGV[2], 'name', name, 'text', text)
    table.insert(answer, string.format('%.0f', at))
  else
    table.insert(answer, '')
  end
end
redis.call('PEXPIRE', KEYS[1], ${String(BOARD_MS)})
redis.call('PEXPIRE', KEYS[2], ${String(FLEET_MS)})
return answer`,
);

/** A topic; name and text of each entry that is over, and goes unless it is another one by now. */
export const PURGE = script(
  "purge",
  `for index = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[index]) == ARGV[index + 1] then redis.call('HDEL', KEYS[1], ARGV[index]) end
end
return 0`,
);

/** instances; instance, sealed, life → now; whether it was there; name, sealed and end of each that lives. */
export const BEAT = script(
  "beat",
  `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local was = redis.call('HEXISTS', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f|', now + ARGV[3]) .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ${String(FLEET_MS)})
local answer = {string.format('%.0f', now), was}
local all = redis.call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  local ends, sealed = string.match(all[index + 1], '^(%d+)|(.*)$')
  if ends and tonumber(ends) > now then
    table.insert(answer, all[index])
    table.insert(answer, sealed)
    table.insert(answer, ends)
  else
    redis.call('HDEL', KEYS[1], all[index])
  end
end
return answer`,
);

/** journal; instance, kind, name, text: what others need not be told of at the same moment as anything else. */
export const TELL = script(
  "tell",
  `redis.call('XADD', KEYS[1], 'MAXLEN', '~', '${String(JOURNAL_ENTRIES)}', '*',
  'from', ARGV[1], 'kind', ARGV[2], 'name', ARGV[3], 'text', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ${String(FLEET_MS)})
return 0`,
);
