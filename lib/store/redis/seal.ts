import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { AuthKey } from "../../auth/keys.ts";

/**
 * Keeps what is written from whoever can read or write the store, but has none of the gateway's keys: it shows nothing, and
 * nothing can be invented. What was sealed for one place opens in no other.
 */
export interface Seal {
  /** @param place what it is, and of whom: `["post", topic, name]` */
  seal(place: readonly string[], text: string): string;
  /** Null for what no key of this gateway opens. */
  open(place: readonly string[], sealed: string): string | null;
  /** Whether who knows the first of the keys alone can open it. */
  isCurrent(sealed: string): boolean;
}

const CIPHER = "aes-256-gcm";
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const WRAPPED_BYTES = KEY_BYTES + TAG_BYTES;

/** As many processes as will ever have written what is there; whoever floods it with others costs time and no memory. */
const MAX_HEADS = 1000;

/** What every text of one process begins with: a salt, and the process's own key, wrapped by each of the gateway's keys. */
interface Head {
  readonly keys: readonly AuthKey[];
  readonly text: string;
  readonly key: KeyObject;
}

/** The key of another process, and whether it was wrapped by the first of ours; null where by none of ours. */
type Unwrapped = { readonly key: KeyObject; readonly isCurrent: boolean } | { readonly key: null };

/**
 * AES-256-GCM by a key that each process draws for itself, so that counting makes its nonces unique. That key travels with the
 * text, once for each of the gateway's keys: while a key is rotated, gateways that know both and those that know one of them
 * understand each other, in either direction.
 *
 * @param keys of the gateway, at least one; may change
 */
export function createSeal(keys: () => readonly AuthKey[]): Seal {
  let head: Head | null = null;
  let nonces = 0n;
  const heads = new LRUCache<string, Unwrapped>({ max: MAX_HEADS });
  let headsKeys: readonly AuthKey[] = [];

  const headNow = (): Head => {
    const present = [...keys()];
    if (head === null || !isSame(head.keys, present)) head = makeHead(present);
    return head;
  };

  const unwrap = (text: string): Unwrapped => {
    const present = [...keys()];
    if (!isSame(headsKeys, present)) heads.clear();
    headsKeys = present;
    const known = heads.get(text);
    if (known !== undefined) return known;
    const found = unwrapHead(Buffer.from(text, "base64url"), present);
    heads.set(text, found);
    return found;
  };

  return {
    seal(place, text) {
      const { text: headText, key } = headNow();
      const nonce = Buffer.alloc(NONCE_BYTES);
      nonce.writeBigUInt64BE(++nonces, NONCE_BYTES - 8);
      return `${headText}.${encrypt(key, nonce, place, Buffer.from(text)).toString("base64url")}`;
    },
    open(place, sealed) {
      const [headText = "", bodyText = ""] = sealed.split(".", 2);
      if (headText === "" || bodyText === "") return null;
      const head = unwrap(headText);
      if (head.key === null) return null;
      return decrypt(head.key, place, Buffer.from(bodyText, "base64url"))?.toString() ?? null;
    },
    isCurrent(sealed) {
      const head = unwrap(sealed.split(".", 1)[0] ?? "");
      return head.key !== null && head.isCurrent;
    },
  };
}

function makeHead(keys: readonly AuthKey[]): Head {
  const salt = randomBytes(SALT_BYTES);
  const key = randomBytes(KEY_BYTES);
  // Each of them encrypts this one text and no other, so that its nonce need not differ.
  const wrapped = keys.map((one) => encrypt(wrapperOf(one, salt), Buffer.alloc(NONCE_BYTES), ["key"], key));
  const bytes = wrapped.map((one) => one.subarray(NONCE_BYTES));
  return { keys, key: createSecretKey(key), text: Buffer.concat([salt, ...bytes]).toString("base64url") };
}

function unwrapHead(bytes: Buffer, keys: readonly AuthKey[]): Unwrapped {
  const salt = bytes.subarray(0, SALT_BYTES);
  for (const [index, one] of keys.entries()) {
    const wrapper = wrapperOf(one, salt);
    for (let from = SALT_BYTES; from + WRAPPED_BYTES <= bytes.length; from += WRAPPED_BYTES) {
      const wrapped = bytes.subarray(from, from + WRAPPED_BYTES);
      const key = decrypt(wrapper, ["key"], Buffer.concat([Buffer.alloc(NONCE_BYTES), wrapped]));
      if (key !== null) return { key: createSecretKey(key), isCurrent: index === 0 };
    }
  }
  return { key: null };
}

/** HKDF (RFC 5869), from something that is derived for this purpose alone. */
function wrapperOf(key: AuthKey, salt: Buffer): KeyObject {
  const secret = key.hmac("sfu-gateway store 1");
  return createSecretKey(Buffer.from(hkdfSync("sha256", secret, salt, "sfu-gateway store 1: process key", KEY_BYTES)));
}

function encrypt(key: KeyObject, nonce: Buffer, place: readonly string[], data: Buffer): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(JSON.stringify(place)));
  return Buffer.concat([nonce, cipher.update(data), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: KeyObject, place: readonly string[], bytes: Buffer): Buffer | null {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(JSON.stringify(place)));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return null;
  }
}

function isSame(some: readonly AuthKey[], others: readonly AuthKey[]): boolean {
  return some.length === others.length && some.every((key, index) => key === others[index]);
}
