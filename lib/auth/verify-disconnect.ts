import type { Clock } from "../clock.ts";
import { type ErrorCode, GatewayError } from "../errors.ts";
import type { AuthKey } from "./keys.ts";
import { parseKeepingNumbers } from "./resign.ts";
import { type Verified, verifyWithAny } from "./verify.ts";

/** One channel, and the sessions in it that are to end. */
export type ChannelSessions = readonly [uuid: string, sessionIds: readonly unknown[]];

/** What a disconnect's token asks for; its signature, algorithm, times and form have been checked. */
export interface DisconnectOrder {
  /** Each uuid once. */
  readonly channels: readonly ChannelSessions[];
  /** The claims as JSON in UTF-8 with these channels alone; all others, and the text of numbers, as they were sent. */
  readonly claimsFor: (channels: readonly ChannelSessions[]) => Buffer;
}

export type VerifyDisconnect = (token: string) => DisconnectOrder;

/**
 * A verifier for what Odoo sends to `/v1/disconnect`: a token as for a channel, without `iss`.
 *
 * @throws {GatewayError} 422 `missing_token`, `invalid_token` or `invalid_claims` (from the returned function): the
 *   SFUs' own status for all of these (contract.md). The message holds no part of the token.
 */
export function createDisconnectVerifier(keys: readonly AuthKey[], clock: Clock): VerifyDisconnect {
  return (text) => {
    const token = text.trim();
    if (token === "") throw refusal("missing_token", "expected a JWT as the body");
    return orderOf(verified(token, keys, clock));
  };
}

type Checked = Pick<Verified, "claims" | "payload">;

function verified(token: string, keys: readonly AuthKey[], clock: Clock): Checked {
  try {
    return verifyWithAny(token, keys, clock);
  } catch (error) {
    throw error instanceof GatewayError ? refusal(error.code, error.message) : error;
  }
}

function orderOf({ claims: { sessionIdsByChannel: byChannel }, payload }: Checked): DisconnectOrder {
  if (!isObject(byChannel)) throw refusal("invalid_claims", "expected the claim 'sessionIdsByChannel' to be an object");
  if (!Object.values(byChannel).every(Array.isArray)) {
    throw refusal("invalid_claims", "expected the claim 'sessionIdsByChannel' to hold an array for each channel");
  }
  const claims = parseKeepingNumbers(payload) as {
    readonly sessionIdsByChannel: Readonly<Record<string, readonly unknown[]>>;
  };
  return {
    channels: Object.entries(claims.sessionIdsByChannel),
    // A uuid or a claim by the name of __proto__ is one like the others here; assigned, it would not be.
    claimsFor: (channels) =>
      Buffer.from(JSON.stringify({ ...claims, sessionIdsByChannel: Object.fromEntries(channels) })),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refusal(code: ErrorCode, message: string): GatewayError {
  return new GatewayError(code, message, { status: 422 });
}
