import { PUBLIC_KEYS, RSA_JWK, signedBy } from "./asymmetric.ts";
import { type Door, encode, HS256, mint } from "./mint.ts";
import { type HostileToken, refused, taken } from "./token.ts";

const jwk = { kty: "oct", k: encode("the forger's") };
const FORGED = { key: Buffer.from("the forger's") };

function strangers(whose: string, only?: HostileToken["only"]): HostileToken {
  const make = (door: Door): string => {
    const key = door.otherKeys[whose];
    if (key === undefined) throw new RangeError(`${whose} key is no stranger to ${door.name}`);
    return mint(door, { key });
  };
  return refused(`${whose} key`, make, only);
}

/** Whose key it was. */
export const KEYS: readonly HostileToken[] = [
  ...["nobody's", "an SFU's", "the other SFU's", "the admin token's"].map((whose) => strangers(whose)),
  strangers("the registration", ["a channel", "a disconnect"]),
  strangers("the gateway's", ["a heartbeat"]),
  refused("the key's text in place of its bytes", (door) => mint(door, { key: Buffer.from(door.key) })),
  refused("the key's bytes as text in hex", (door) =>
    mint(door, { key: Buffer.from(Buffer.from(door.key, "base64").toString("hex")) }),
  ),
  refused("an empty key", (door) => mint(door, { key: Buffer.alloc(0) })),
  refused("a key of zeros", (door) => mint(door, { key: Buffer.alloc(32) })),
  refused("the beginning of the key", (door) => mint(door, { key: Buffer.from(door.key, "base64").subarray(0, 16) })),
  ...Object.entries(PUBLIC_KEYS).map(([name, key]) => refused(name, (door) => mint(door, { key }))),
  refused("a key that the header brings", (door) => mint(door, { header: { ...HS256, jwk }, ...FORGED })),
  refused("a key that the header points to", (door) =>
    mint(door, { header: { ...HS256, jku: "http://127.0.0.1/keys" }, ...FORGED }),
  ),
  refused("a certificate that the header brings", (door) =>
    mint(door, { header: { ...HS256, x5c: ["MIIB"] }, ...FORGED }),
  ),
  refused("a certificate that the header points to", (door) =>
    mint(door, { header: { ...HS256, x5u: "http://127.0.0.1/certificate" }, ...FORGED }),
  ),
  refused("RS256 with a jwk of its own", (door) => signedBy(door, "RS256", { jwk: RSA_JWK })),
  refused("a kid that is a path to an empty file", (door) =>
    mint(door, { header: { ...HS256, kid: "../../../../dev/null" }, key: Buffer.alloc(0) }),
  ),
  refused("a kid that is SQL", (door) =>
    mint(door, { header: { ...HS256, kid: "x' UNION SELECT 'the forger''s' --" }, ...FORGED }),
  ),
  refused("a kid that is a command", (door) => mint(door, { header: { ...HS256, kid: "key|/bin/true" }, ...FORGED })),
  refused("the kid of another key", (door) =>
    mint(door, { header: { ...HS256, kid: "sfu1" }, key: door.otherKeys["an SFU's"] ?? "" }),
  ),
  ...["jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256"].map((name) =>
    refused(`'${name}' in a header that the right key has signed`, (door) =>
      mint(door, { header: { ...HS256, [name]: name === "jwk" ? jwk : "x" } }),
    ),
  ),
  taken("a kid, whatever it is, under the right key", (door) =>
    mint(door, { header: { ...HS256, kid: "../../x'--" } }),
  ),
];
