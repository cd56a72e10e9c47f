import { createHmac } from "node:crypto";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { GATEWAY_KEY } from "../support/tokens.ts";

/** The moment at which all tokens are looked at, in seconds: it stands still, so that an input has the same answer each time. */
export const NOW_S = 1_767_600_000;

export const standingClock: Clock = { ...systemClock, now: () => NOW_S * 1000 };

/** What comes before the rest of an input, and says what is made of it. */
const MODES = ["as it is", "Bearer", "signed", "signed, standard alphabet"] as const;

/** Between the header and the claims of an input that is to be signed. */
const BETWEEN = "\n";

export function input(mode: (typeof MODES)[number], ...parts: readonly string[]): Buffer {
  return Buffer.from(`${String(MODES.indexOf(mode))}${parts.join(BETWEEN)}`);
}

/**
 * The token that an input stands for. Most are signed with the right key, whatever is in them: else nothing that is
 * mutated would ever get past the signature.
 */
export function tokenFrom(bytes: Buffer): string {
  const mode = MODES[(bytes[0] ?? 0) % MODES.length] ?? "as it is";
  const rest = bytes.subarray(1);
  if (mode === "as it is") return rest.toString("latin1");
  if (mode === "Bearer") return `Bearer ${rest.toString("latin1")}`;
  const at = rest.indexOf(BETWEEN);
  const encoding = mode === "signed" ? "base64url" : "base64";
  const [header, claims] = [rest.subarray(0, Math.max(0, at)), rest.subarray(at + 1)];
  const signed = `${header.toString(encoding)}.${claims.toString(encoding)}`;
  return `Bearer ${signed}.${macOf(signed).toString(encoding)}`;
}

/** Whether the gateway's key has signed these three segments, in whichever alphabet: written out by hand once more. */
export function isSigned(token: string): boolean {
  const [header = "", payload = "", signature = "", ...more] = token.split(".");
  return more.length === 0 && macOf(`${header}.${payload}`).equals(Buffer.from(signature, "base64"));
}

function macOf(signed: string): Buffer {
  return createHmac("sha256", Buffer.from(GATEWAY_KEY, "base64")).update(signed).digest();
}
