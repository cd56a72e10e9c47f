import { GatewayError } from "../errors.ts";

/** 401 `invalid_token`. `reason` ends the sentence «the token was refused: …» and holds no part of the token. */
export function invalid(reason: string): GatewayError {
  return new GatewayError("invalid_token", `the token was refused: ${reason}`, { status: 401 });
}

/** Of a token that nobody should have to make sense of. */
export function malformed(why: string): GatewayError {
  return invalid(`it is not a well-formed JWT: ${why}`);
}
