import type { DrainReport } from "../api/sfu.ts";
import { didYouMean } from "../config/nearest.ts";
import { sfuIdentity } from "../config/schema.ts";
import { GatewayError } from "../errors.ts";
import { parseJson } from "../json.ts";
import type { Drains } from "../sfu/drains.ts";
import type { Registry } from "../sfu/registry.ts";
import type { GatewayMiddleware } from "./context.ts";
import { readBody } from "./read-body.ts";

/** Many times any address. */
const MAX_BODY_BYTES = 16 * 1024;

/**
 * `POST /v1/sfu/drain` and `/v1/sfu/undrain`: no new conferences for an SFU, and conferences again. The address may be
 * spelt like any URL.
 *
 * @throws {GatewayError} 400 `invalid_body`, 404 `unknown_sfu`, 413 `body_too_large`
 */
export function drainSfu(
  { registry, drains }: { readonly registry: Registry; readonly drains: Drains },
  isDraining: boolean,
): GatewayMiddleware {
  return async ({ req, response }) => {
    const address = addressOf(await readBody(req, MAX_BODY_BYTES));
    const sfu = registry.get(address);
    // One that has left and would find itself drained when it comes back can be let off that.
    if (sfu === null && (isDraining || !drains.has(address))) throw unknownSfu(address, registry);
    const { changed, durable } = await drains.set(address, isDraining);
    const sessions = sfu === null ? null : (registry.report(sfu)?.sessions ?? null);
    const body: DrainReport = { address, draining: isDraining, changed, durable, sessions };
    response.body = body;
  };
}

function addressOf(body: Uint8Array): string {
  let json: unknown;
  try {
    json = parseJson(body);
  } catch {
    throw invalidBody("this is not JSON");
  }
  const { data, error } = sfuIdentity.safeParse(json);
  if (data !== undefined) return data.address;
  const [issue] = error.issues;
  throw invalidBody(issue === undefined || issue.path.length === 0 ? "not an object" : `address: ${issue.message}`);
}

function invalidBody(problem: string): GatewayError {
  return new GatewayError("invalid_body", `expected {"address": "<the SFU's URL>"}: ${problem}`, { status: 400 });
}

function unknownSfu(address: string, registry: Registry): GatewayError {
  const known = registry.all().map((sfu) => sfu.address);
  const hint = didYouMean(address, known);
  return new GatewayError("unknown_sfu", `no SFU of this address is in the fleet${hint}`, { status: 404 });
}
