import { createHmac, createSecretKey, type KeyObject, timingSafeEqual, type webcrypto } from "node:crypto";
import { inspect } from "node:util";

/** Keys shorter than this are accepted with a warning; o-sfu refuses them (contract.md, «Keys»). */
export const RECOMMENDED_KEY_BYTES = 32;

/**
 * An HMAC-SHA256 key. It shows itself nowhere: not in JSON, not in a log, not in an inspection.
 */
export class AuthKey {
  /** With the bytes themselves each HMAC would take five times as long: Node makes such an object of them every time. */
  readonly #key: KeyObject;
  #digested: Buffer | null = null;

  /** @param bytes at least one byte; from {@link parseKey} unless a spec needs something else */
  constructor(bytes: Buffer) {
    this.#key = createSecretKey(bytes);
  }

  get length(): number {
    return this.#key.symmetricKeySize ?? 0;
  }

  /** The form that jose works with; not extractable. */
  cryptoKey(): webcrypto.CryptoKey {
    return this.#key.toCryptoKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  }

  hmac(data: Uint8Array | string): Buffer {
    return createHmac("sha256", this.#key).update(data).digest();
  }

  /** The HMAC as a JWT has it, in the URL's base64 alphabet and without padding: as text it needs no memory of its own. */
  signature(signed: string): string {
    return createHmac("sha256", this.#key).update(signed).digest("base64url");
  }

  /** In constant time, so that an answer's delay tells nothing about the key. */
  equals(other: AuthKey): boolean {
    return timingSafeEqual(this.#digest(), other.#digest());
  }

  /** Made once: a reload compares every key of the fleet, and two HMACs each time are most of its cost. */
  #digest(): Buffer {
    return (this.#digested ??= this.hmac("equals"));
  }

  toJSON(): string {
    return "[key]";
  }

  toString(): string {
    return "[key]";
  }

  [inspect.custom](): string {
    return "[key]";
  }
}

/** Why a key was refused. The message never holds the key's text. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}

/**
 * Reads a key's base64 text as Odoo, odoo/sfu and o-sfu do: standard or url-safe alphabet, padded or not
 * (contract.md, «Keys»). What two of them would read as different bytes, or as none, is refused.
 *
 * @throws {KeyError} saying what was expected, never what was given
 */
export function parseKey(text: string): AuthKey {
  const unpadded = text.replace(/=+$/, "");
  if (text === "") {
    throw new KeyError("expected base64 text, got an empty string");
  }
  if (unpadded.includes("=")) {
    throw new KeyError("expected base64 text, got one with '=' before its end");
  }
  const stranger = /[^A-Za-z0-9+/_-]/.exec(unpadded);
  if (stranger) {
    const where = `character ${String(stranger.index + 1)} of ${String(text.length)} is in neither base64 alphabet`;
    throw new KeyError(`expected base64 text, but ${where}`);
  }
  if (unpadded.length % 4 === 1) {
    throw new KeyError(
      `expected base64 text, but no bytes encode to ${String(unpadded.length)} characters: is one missing or too many?`,
    );
  }
  const bytes = Buffer.from(unpadded, "base64");
  if (bytes.length === 0) {
    throw new KeyError("expected base64 text of at least one byte, got nothing but padding");
  }
  return new AuthKey(bytes);
}
