import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { token } from "../../spec/support/tokens.ts";

/** Tokens that were made beforehand, a line each. */
export interface TokenFile {
  readonly path: string;
  /** Of every line, with its end. */
  readonly width: number;
}

/** Some of its lines, in their order. */
export interface TokenRange {
  readonly first: number;
  readonly count: number;
}

/** Longer than any bench takes. */
const VALID_S = 3600;

/** Each line of another conference, as Odoo would ask for it (contract.md). */
export function writeTokens(folder: string, key: string, count: number): TokenFile {
  const exp = Math.floor(systemClock.now() / 1000) + VALID_S;
  const channelKey = Buffer.from("the key of a channel of this bench").toString("base64");
  const path = join(folder, "tokens");
  const file = openSync(path, "w", 0o600);
  let width = 0;
  for (let number = 0; number < count; number++) {
    // All of one length, so that a line is found by its number.
    const iss = `https://odoo.example.com:channel:${String(1_000_000 + number)}`;
    const line = `${token({ key, claims: { iss, key: channelKey, exp } })}\n`;
    width = line.length;
    writeSync(file, line);
  }
  closeSync(file);
  return { path, width };
}
