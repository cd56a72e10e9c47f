import { signedBy } from "./asymmetric.ts";
import { claims, type Door, encode, macOf, mint, segmentsOf } from "./mint.ts";
import { type HostileToken, refused } from "./token.ts";

function unsigned(door: Door, alg: unknown): string {
  return `${encode({ alg, typ: "JWT" })}.${encode(claims(door))}.`;
}

const NONES: readonly unknown[] = [
  "none",
  "None",
  "NONE",
  "nOnE",
  "none ",
  "none\u0000",
  "",
  null,
  false,
  ["none"],
  {},
];

const SPELT: readonly unknown[] = ["hs256", "HS256 ", " HS256", "HS256\u0000", "HS-256", "ＨＳ256", "HMAC-SHA256", 256];
const STRUCTURED: readonly unknown[] = [["HS256"], { alg: "HS256" }, true, null];

/** Who says by which algorithm the token is to be read. */
export const ALGORITHMS: readonly HostileToken[] = [
  ...NONES.map((alg) => refused(`alg ${JSON.stringify(alg)}, unsigned`, (door) => unsigned(door, alg))),
  refused("no alg at all, unsigned", (door) => `${encode({ typ: "JWT" })}.${encode(claims(door))}.`),
  refused("alg HS256, unsigned", (door) => unsigned(door, "HS256")),
  refused("alg none, signed with the right key", (door) => mint(door, { header: { alg: "none" } })),
  refused("no alg, signed with the right key", (door) => mint(door, { header: { typ: "JWT" } })),
  ...[...SPELT, ...STRUCTURED].map((alg) =>
    refused(`alg ${JSON.stringify(alg)}, signed with the right key`, (door) => mint(door, { header: { alg } })),
  ),
  ...["384", "512"].flatMap((bits) => [
    refused(`a true HS${bits}`, (door) => mint(door, { header: { alg: `HS${bits}` }, hash: `sha${bits}` })),
    refused(`HS256 with the signature of HS${bits}`, (door) => mint(door, { hash: `sha${bits}` })),
  ]),
  refused("HS256 with the first half of HS512's signature", (door) => {
    const [header, payload] = segmentsOf(mint(door));
    const mac = macOf(`${header}.${payload}`, door, { hash: "sha512" });
    return `${header}.${payload}.${mac.subarray(0, 32).toString("base64url")}`;
  }),
  ...(["RS256", "PS256", "ES256", "EdDSA"] as const).map((name) =>
    refused(`a true ${name}`, (door) => signedBy(door, name)),
  ),
  refused("a key management algorithm", (door) => mint(door, { header: { alg: "A256KW", enc: "A256GCM" } })),
];
