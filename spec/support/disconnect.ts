import { token, type TokenParts } from "./tokens.ts";

/** Channels by their uuids, and which of their sessions are to end. */
export type SessionIds = Readonly<Record<string, readonly unknown[]>>;

/** The body of a disconnect as Odoo sends it: `addons/mail`, `action_disconnect`. */
export function disconnectToken(sessionIdsByChannel: SessionIds, parts: TokenParts = {}): string {
  return token({ claims: { sessionIdsByChannel, exp: 4_000_000_000 }, ...parts });
}

/** Bytes, for of a text `fetch` would tell the type; Odoo does not. */
export function postOf(body: string, headers: Readonly<Record<string, string>> = {}): RequestInit {
  return { method: "POST", body: Buffer.from(body), headers };
}
