import { constants, generateKeyPairSync, type KeyObject, sign as signWith } from "node:crypto";
import { claims, type Door, encode } from "./mint.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed25519 = generateKeyPairSync("ed25519");

/** Public keys that a forger may try as if they were secrets. */
export const PUBLIC_KEYS: Readonly<Record<string, Buffer>> = {
  "an RSA public key as PEM": publicText(rsa.publicKey, "pem"),
  "an RSA public key as DER": publicText(rsa.publicKey, "der"),
  "an EC public key as PEM": publicText(ec.publicKey, "pem"),
};

export const RSA_JWK = rsa.publicKey.export({ format: "jwk" });

/** A token that is truly signed with a key pair. */
export function signedBy(door: Door, alg: "RS256" | "PS256" | "ES256" | "EdDSA", header: object = {}): string {
  const text = `${encode({ alg, typ: "JWT", ...header })}.${encode(claims(door))}`;
  return `${text}.${signers[alg](Buffer.from(text)).toString("base64url")}`;
}

const signers = {
  RS256: (text) => signWith("sha256", text, rsa.privateKey),
  PS256: (text) =>
    signWith("sha256", text, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
  ES256: (text) => signWith("sha256", text, { key: ec.privateKey, dsaEncoding: "ieee-p1363" }),
  EdDSA: (text) => signWith(null, text, ed25519.privateKey),
} satisfies Record<string, (text: Buffer) => Buffer>;

function publicText(key: KeyObject, format: "pem" | "der"): Buffer {
  return Buffer.from(format === "pem" ? key.export({ type: "spki", format }) : key.export({ type: "spki", format }));
}
