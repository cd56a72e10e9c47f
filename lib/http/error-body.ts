import type { ErrorAnswer } from "../api/error.ts";
import type { GatewayError } from "../errors.ts";

/** The body of every answer that is not what was asked for. */
export function errorBody(
  { code, message }: Pick<GatewayError, "code" | "message">,
  requestId: string,
): Readonly<Record<keyof ErrorAnswer, string>> {
  return { error: code, message, requestId };
}

/** Where no middleware sets it. */
export const JSON_TYPE = "application/json; charset=utf-8";
