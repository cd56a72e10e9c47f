import { parseKey } from "../auth/keys.ts";
import { signClaims } from "../auth/resign.ts";
import { systemClock } from "../clock.ts";
import { ConfigError, type Fault } from "../config/fault.ts";
import { readEnvironment } from "../config/env.ts";
import { toError } from "../errors.ts";
import { CliError, EXIT_OK, EXIT_USAGE, type Io, printJson } from "./io.ts";

export interface TokenOptions {
  readonly iss: string;
  /** Seconds. */
  readonly ttl: number;
  readonly json?: boolean;
}

/** Prints a token as Odoo would sign it, with the first of `SFU_GATEWAY_KEY`: for trying things with curl. */
export async function token({ iss, ttl, json }: TokenOptions, io: Io): Promise<number> {
  const faults: Fault[] = [];
  const [text] = readEnvironment(io.env, faults, []).keys;
  if (faults.length > 0) throw new ConfigError(faults);
  if (text === undefined) {
    throw new CliError("SFU_GATEWAY_KEY: missing, expected the base64 key to sign the token with", EXIT_USAGE);
  }
  const key = parse(text);
  const exp = Math.floor(systemClock.now() / 1000) + ttl;
  // Odoo always sends a channel key, o-sfu insists on one, and for one conference it must stay the same.
  const channelKey = key.hmac(`channel key of ${iss}`).toString("base64");
  const signed = await signClaims({ iss, key: channelKey, exp }, key);
  if (json === true) printJson(io, { token: signed, expiresAt: new Date(exp * 1000).toISOString() });
  else io.stdout(`${signed}\n`);
  return EXIT_OK;
}

function parse(text: string): ReturnType<typeof parseKey> {
  try {
    return parseKey(text);
  } catch (error) {
    throw new CliError(`SFU_GATEWAY_KEY: ${toError(error).message}`, EXIT_USAGE);
  }
}
