import { isDeepStrictEqual } from "node:util";
import { parseKey } from "../../../lib/auth/keys.ts";
import { outgoingClaims } from "../../../lib/auth/resign.ts";
import { createVerifier } from "../../../lib/auth/verify.ts";
import { parseJson } from "../../../lib/json.ts";
import { asJoseHasIt } from "../../support/jose.ts";
import { GATEWAY_KEY } from "../../support/tokens.ts";
import { input, isSigned, NOW_S, standingClock, tokenFrom } from "../jwt.ts";
import { CANARY, must, outcomeOf, type Target } from "../target.ts";

const HEADER = '{"alg":"HS256","typ":"JWT"}';
const claims = (parts: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({ iss: "https://odoo.example.com:channel:7", key: CANARY, exp: NOW_S + 30, ...parts });

const verify = createVerifier([parseKey(GATEWAY_KEY)], standingClock);

/** The Authorization header of a request for a channel. */
export const tokens: Target = {
  name: "tokens",
  seeds: [
    input("signed", HEADER, claims()),
    input("signed", HEADER, claims({ keySeed: "c2VlZA==", iat: NOW_S, nbf: NOW_S, aud: ["a", { b: 1.0 }] })),
    input("signed", HEADER, claims({ keySeed: "=" })),
    input("signed", HEADER, claims({ iss: "" })),
    input("signed, standard alphabet", HEADER, claims({ iss: "房间 😀 \u007f" })),
    input("signed", '{"alg":"none"}', claims()),
    input("signed", HEADER, claims({ exp: NOW_S - 30 })),
    input("Bearer", tokenFrom(input("signed", HEADER, claims())).slice("Bearer ".length)),
    input("Bearer", `${CANARY}.${CANARY}.${CANARY}`),
    input("as it is", "jwt "),
    input("as it is", ""),
  ],
  words: [
    ...["alg", "HS256", "none", "RS256", "typ", "JWT", "crit", "b64", "kid", "jku", "zip", "exp", "nbf", "iat", "iss"],
    ...["aud", "key", "keySeed", "__proto__", "constructor", String(NOW_S), String(NOW_S + 60), "1e400", '"', "{", "}"],
    ...["[", "]", ":", ",", ".", "\n", "=", "==", "Bearer ", "c2VlZA==", "\\u0000", "\\ud800", "null", "true"],
  ],
  reaches: ["accepted", "missing_token", "invalid_token", "missing_issuer", "invalid_claims"],
  show: tokenFrom,
  run(bytes) {
    const authorization = tokenFrom(bytes);
    return outcomeOf(async () => {
      const verified = verify(authorization);
      // Whatever the code thinks of it, nobody gets in without the key, a name and a time.
      const text = authorization.slice(authorization.indexOf(" ")).trim();
      must(isSigned(text), "lets in what nobody has signed");
      const asJose = await asJoseHasIt(text, GATEWAY_KEY, standingClock.now()).catch(() => null);
      must(isDeepStrictEqual(asJose, { ...verified.claims }), "lets in what jose does not, or reads it in another way");
      const { iss, exp } = parseJson(verified.payload) as { readonly iss: unknown; readonly exp: unknown };
      must(typeof iss === "string" && iss !== "" && iss === verified.conference, "lets in who names no conference");
      must(typeof exp === "number" && exp > NOW_S, "lets in what has expired");
      const { keySeed, ...rest } = parseJson(outgoingClaims(verified)) as Readonly<Record<string, unknown>>;
      must((keySeed ?? null) === null, "hands on a seed");
      return String(Math.min(8, Object.keys(rest).length));
    });
  },
};
