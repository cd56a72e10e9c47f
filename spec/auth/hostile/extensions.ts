import { deflateRawSync } from "node:zlib";
import { claims, encode, HS256, macOf, mint } from "./mint.ts";
import { type HostileToken, refused, taken } from "./token.ts";

/** What a header may ask of a reader. */
export const EXTENSIONS: readonly HostileToken[] = [
  ...[["x"], ["exp"], ["alg"], ["b64"], ["b64", "b64"], [], "b64", null, {}, [1], [""]].map((crit) =>
    refused(`crit ${JSON.stringify(crit)}`, (door) =>
      mint(door, { header: { ...HS256, crit, x: 1, exp: 1, b64: true } }),
    ),
  ),
  refused("b64 false, with claims that are not encoded", (door) => {
    const signed = `${encode({ alg: "HS256", b64: false, crit: ["b64"] })}.${claims(door)}`;
    return `${signed}.${macOf(signed, door).toString("base64url")}`;
  }),
  refused("b64 false, with claims that are", (door) =>
    mint(door, { header: { alg: "HS256", b64: false, crit: ["b64"] } }),
  ),
  refused("b64 false, not marked critical", (door) => mint(door, { header: { ...HS256, b64: false } })),
  refused("b64 true, not marked critical", (door) => mint(door, { header: { ...HS256, b64: true } })),
  refused("zip, with claims that are not compressed", (door) => mint(door, { header: { ...HS256, zip: "DEF" } })),
  refused("zip, with claims that are", (door) =>
    mint(door, { header: { ...HS256, zip: "DEF" }, payload: deflateRawSync(claims(door)) }),
  ),
  refused("enc", (door) => mint(door, { header: { ...HS256, enc: "A256GCM" } })),
  refused("cty JWT, with claims", (door) => mint(door, { header: { ...HS256, cty: "JWT" } })),
  refused("cty JWT, with a JWT in it", (door) => mint(door, { header: { ...HS256, cty: "JWT" }, payload: mint(door) })),
  ...["JWE", "at+jwt", "JOSE", "", "JWT\u0000", null, 7, ["JWT"], {}].map((typ) =>
    refused(`typ ${JSON.stringify(typ)}`, (door) => mint(door, { header: { alg: "HS256", typ } })),
  ),
  taken("no typ", (door) => mint(door, { header: { alg: "HS256" } })),
  taken("typ in lower case", (door) => mint(door, { header: { alg: "HS256", typ: "jwt" } })),
  taken("typ as a media type", (door) => mint(door, { header: { alg: "HS256", typ: "application/jwt" } })),
  taken("a header member that nobody knows", (door) => mint(door, { header: { ...HS256, x: { y: [] } } })),
];
