import { claims, type Door, mint } from "./mint.ts";
import { type HostileToken, refused, taken } from "./token.ts";

/** JSON texts that are no time, whatever the claim. */
const NO_TIMES: readonly string[] = [
  "null",
  "true",
  "false",
  '""',
  '"soon"',
  '"2099-01-01T00:00:00Z"',
  '"NaN"',
  '"Infinity"',
  "[]",
  "[1]",
  "{}",
  "1e999",
  "-1e999",
  "1e300",
  "9007199254740993",
  "-9007199254740993",
  "123456789012345678901234567890",
];

/** JSON texts that are none. */
const NO_JSON: readonly string[] = [
  "NaN",
  "Infinity",
  "-Infinity",
  "0x7fffffff",
  "1_000",
  "09999999999",
  "+9999999999",
  "9999999999.",
];

function expires(door: Door, exp: string): string {
  return mint(door, { payload: claims(door, "", exp) });
}

function withTime(door: Door, name: string, text: string): string {
  return mint(door, { payload: claims(door, `"${name}":${text}`) });
}

const ahead = (door: Door, seconds: number): string => String(door.nowS() + seconds);

export const TIMES: readonly HostileToken[] = [
  refused("no exp", (door) => mint(door, { payload: `{${door.members()}}` })),
  refused("Exp for exp", (door) => mint(door, { payload: claims(door).replace('"exp"', '"Exp"') })),
  ...[...NO_TIMES, ...NO_JSON, "0", "-0", "-1", "1", "1e-400"].map((text) =>
    refused(`exp ${text}`, (door) => expires(door, text)),
  ),
  refused("an exp as text", (door) => expires(door, `"${ahead(door, 60)}"`)),
  refused("an exp in an array", (door) => expires(door, `[${ahead(door, 60)}]`)),
  refused("an exp of a second ago", (door) => expires(door, ahead(door, -1))),
  refused("an exp of this very second", (door) => expires(door, ahead(door, 0))),
  taken("a fractional exp", (door) => expires(door, `${ahead(door, 60)}.75`)),
  taken("an exp with an exponent", (door) => expires(door, `${String((door.nowS() + 60) / 1000)}e3`)),
  taken("an exp far ahead", (door) => expires(door, "4000000000"), ["a channel", "a disconnect"]),
  taken("an exp in milliseconds", (door) => expires(door, `${ahead(door, 60)}000`), ["a channel", "a disconnect"]),
  refused("an exp of six minutes", (door) => expires(door, ahead(door, 360)), ["a heartbeat"]),
  ...["nbf", "iat"].flatMap((name) => [
    ...NO_TIMES.map((text) => refused(`${name} ${text}`, (door) => withTime(door, name, text))),
    refused(`${name} as text`, (door) => withTime(door, name, `"${ahead(door, 0)}"`)),
    refused(`${name} an hour ahead`, (door) => withTime(door, name, ahead(door, 3600))),
    refused(`${name} in milliseconds`, (door) => withTime(door, name, `${ahead(door, 0)}000`)),
    taken(`${name} now`, (door) => withTime(door, name, ahead(door, 0))),
  ]),
  taken("an nbf of long ago", (door) => withTime(door, "nbf", "-1")),
  taken("an iat half a minute ahead", (door) => withTime(door, "iat", ahead(door, 30))),
];
