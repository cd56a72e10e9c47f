import type { Outcome } from "./answer.ts";

/** A heartbeat that the gateway has not taken. */
export type Failure = Exclude<Outcome, { readonly kind: "accepted" }>;

/** Whether somebody has to change something, where the others pass by themselves. */
export function isRefusal(failure: Failure): boolean {
  return failure.kind === "refused" && failure.status < 500;
}

/** What makes two failures the same trouble. */
export function kindOf(failure: Failure): string {
  return failure.kind === "refused" ? String(failure.status) : failure.kind;
}

export function fieldsOf(failure: Failure): Readonly<Record<string, string | number | null>> {
  return failure.kind === "refused"
    ? { httpStatus: failure.status, error: failure.code, message: failure.message }
    : { error: failure.kind };
}

/** Goes on after «it». */
export function explain(failure: Failure): string {
  if (failure.kind === "unreachable") return failure.why;
  const words = [failure.code, failure.message].filter((part) => part !== null).join(": ");
  return `answered ${String(failure.status)}${words === "" ? "" : ` ${words}`}`;
}

const COMPARE_KEYS = "compare SFU_GATEWAY_REGISTRATION_KEY here and on the gateway, and the clocks of both hosts";
const COMPARE_VERSIONS = "compare the versions of the agent and the gateway";

/** By the gateway's code, or by the status, which may be a proxy's. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ["invalid_token", COMPARE_KEYS],
  ["replayed", "the clock of this host may have gone back, or two agents send for one SFU_ADDRESS"],
  ["invalid_heartbeat", COMPARE_VERSIONS],
  ["address_not_allowed", "[registration] allow of the gateway has to let SFU_ADDRESS in"],
  ["fleet_full", "see who has registered at the gateway"],
  ["400", COMPARE_VERSIONS],
  ["401", COMPARE_KEYS],
  ["403", "[registration] allow of the gateway has to let SFU_ADDRESS in, and a proxy before it this host"],
  ["404", "SFU_GATEWAY_URL may be wrong, a proxy may not pass /v1/sfu on, or the gateway has no registration key"],
]);

/** What to do about it. */
export function adviceFor(failure: Failure): string {
  if (failure.kind === "unreachable") return "see whether the gateway runs and SFU_GATEWAY_URL is right";
  const { status, code } = failure;
  if (status < 300) return "SFU_GATEWAY_URL leads to something else than a gateway";
  if (status < 400) return "set SFU_GATEWAY_URL to where that leads, for redirects are not followed";
  const known = ADVICE.get(code ?? "") ?? ADVICE.get(String(status));
  if (known !== undefined) return known;
  return status < 500 ? "the log of the gateway tells more" : "the gateway, or a proxy before it, is in trouble";
}
