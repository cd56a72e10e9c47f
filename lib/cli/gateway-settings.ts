import { Secret } from "../auth/secret.ts";
import { type Environment, readEnvironment } from "../config/env.ts";
import { ConfigError, type Fault } from "../config/fault.ts";
import { httpUrl } from "../config/schema.ts";
import { CliError, EXIT_USAGE } from "./io.ts";

/** The option of every command that asks a gateway which is running. */
export interface UrlOption {
  readonly url?: string;
}

const gatewayUrlSchema = httpUrl("the gateway's URL, like http://127.0.0.1:8071");

/**
 * Where the gateway is: `url`, which is what `--url` says, else `SFU_GATEWAY_URL`, else this machine and `SFU_GATEWAY_PORT`.
 *
 * @returns origin and path without a slash at the end
 * @throws {CliError} where that is not a URL; {@link ConfigError} where the port is none
 */
export function gatewayUrl(url: string | undefined, env: Environment): string {
  const fromEnvironment = env.SFU_GATEWAY_URL?.trim() ?? "";
  const given = url ?? fromEnvironment;
  if (url === undefined && given === "") {
    return `http://127.0.0.1:${String(settingsOf(env, ["SFU_GATEWAY_PORT"]).port)}`;
  }
  const result = gatewayUrlSchema.safeParse(given);
  if (result.success) return result.data;
  const where = url === undefined ? "SFU_GATEWAY_URL" : "--url";
  throw new CliError(`${where}: ${result.error.issues[0]?.message ?? "not a URL"}`, EXIT_USAGE);
}

/**
 * The token of the admin routes, from `SFU_GATEWAY_ADMIN_TOKEN` or the file that is named in its `_FILE`.
 *
 * @throws {CliError} where there is none; {@link ConfigError} where it cannot be read
 */
export function adminToken(env: Environment): Secret {
  const name = "SFU_GATEWAY_ADMIN_TOKEN";
  const text = settingsOf(env, [name, `${name}_FILE`]).adminToken;
  if (text === null) throw new CliError(`${name}: missing, expected the token that the gateway has there`, EXIT_USAGE);
  if (/\p{Cc}/u.test(text)) throw new CliError(`${name}: expected one line of text`, EXIT_USAGE);
  return new Secret(text);
}

/** The other variables are the gateway's own, and their faults nobody's business here. */
function settingsOf(env: Environment, names: readonly string[]): ReturnType<typeof readEnvironment> {
  const faults: Fault[] = [];
  const settings = readEnvironment(env, faults, []);
  const relevant = faults.filter(({ where }) => names.includes(where));
  if (relevant.length > 0) throw new ConfigError(relevant);
  return settings;
}
