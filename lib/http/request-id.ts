import { randomUUID } from "node:crypto";

/** An id that a proxy in front has given is kept, so that one search finds the request in both logs. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** @param given the `X-Request-Id` that the request came with; where there are several, there is none */
export function requestIdOf(given: string | readonly string[] | undefined): string {
  return typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
}
