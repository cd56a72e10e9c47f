import { expect } from "chai";
import { inspect } from "node:util";
import { parseKey } from "../../lib/auth/keys.ts";
import { createHeartbeatVerifier } from "../../lib/auth/verify-heartbeat.ts";
import { GatewayError } from "../../lib/errors.ts";
import { START_MS, useFakeClock } from "../support/clock.ts";
import { GATEWAY_KEY, OTHER_KEY, token } from "../support/tokens.ts";

const nowS = START_MS / 1000;
const claims = { iat: nowS, exp: nowS + 60 };

describe("a verifier of heartbeats", () => {
  const verify = createHeartbeatVerifier(parseKey(GATEWAY_KEY), useFakeClock());

  const refusal = (authorization: string | undefined): GatewayError => {
    try {
      verify(authorization);
    } catch (error) {
      expect(error).to.be.instanceOf(GatewayError);
      return error as GatewayError;
    }
    expect.fail("it was accepted");
  };

  it("takes a token that is signed with the registration key, and says what it holds", () => {
    const given = { ...claims, jti: "1", iss: "agent" };
    const { payload, ...rest } = verify(`Bearer ${token({ claims: given })}`);
    expect(rest).to.deep.equal({ issuedAtS: nowS, expiresAtS: nowS + 60, id: "1", issuer: "agent" });
    expect(Buffer.from(payload).toString()).to.equal(JSON.stringify(given));
  });

  it("needs no claim but exp", () => {
    const { payload, ...rest } = verify(`Bearer ${token({ claims: { exp: nowS + 60 } })}`);
    expect(rest).to.deep.equal({ issuedAtS: null, expiresAtS: nowS + 60, id: null, issuer: null });
    expect(payload).not.to.be.empty;
  });

  for (const header of [undefined, "", "Bearer", "Bearer ", token({ claims })]) {
    it(`misses the token in ${header === undefined ? "no header at all" : `'${header.slice(0, 12)}'`}`, () => {
      expect(refusal(header)).to.include({ code: "missing_token", status: 401 });
    });
  }

  const refused: Readonly<Record<string, readonly [string, RegExp]>> = {
    "a token under another key": [token({ claims, key: OTHER_KEY }), /not signed with the registration key/],
    "alg none": [token({ header: { alg: "none" }, claims }), /not HS256/],
    "another algorithm": [token({ header: { alg: "HS512", typ: "JWT" }, claims }), /not HS256/],
    garbage: ["garbage", /well-formed/],
    "an expired token": [token({ claims: { ...claims, exp: nowS - 1 } }), /expired: compare the clocks/],
    "a token in the second of its exp": [token({ claims: { ...claims, exp: nowS } }), /expired/],
    "a token without exp": [token({ claims: { iat: nowS } }), /no 'exp' claim/],
    "an exp that is no number": [token({ claims: { ...claims, exp: "soon" } }), /'exp' claim is not valid/],
    "an exp over five minutes ahead": [token({ claims: { ...claims, exp: nowS + 311 } }), /'exp' is more than 300 s/],
    "an exp beyond all calendars": [token({ claims: { ...claims, exp: 1e300 } }), /'exp' claim is not valid/],
    "an iat over a minute ahead": [token({ claims: { ...claims, iat: nowS + 61 } }), /'iat' is more than 60 s/],
    "an iat that is no number": [token({ claims: { ...claims, iat: "now" } }), /'iat' claim is not valid/],
    "an nbf that is still to come": [token({ claims: { ...claims, nbf: nowS + 1 } }), /'nbf' claim is not valid/],
    "a jti that is no text": [token({ claims: { ...claims, jti: 7 } }), /'jti' claim is not valid/],
    "a jti that is an object": [token({ claims: { ...claims, jti: {} } }), /'jti' claim is not valid/],
    "an iss that is no text": [token({ claims: { ...claims, iss: ["a"] } }), /'iss' claim is not valid/],
  };
  for (const [what, [text, message]] of Object.entries(refused)) {
    it(`refuses ${what}, and shows nothing of it`, () => {
      const error = refusal(`Bearer ${text}`);
      expect(error).to.include({ code: "invalid_token", status: 401 });
      expect(error.message).to.match(message);
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.to.include(text.slice(-20));
    });
  }

  for (const [what, given] of Object.entries({
    "an exp of five minutes": { exp: nowS + 300 },
    "an exp of five minutes by a clock that is some seconds ahead": { exp: nowS + 310 },
    "an iat of a minute ahead": { ...claims, iat: nowS + 60 },
    "an nbf that has come": { ...claims, nbf: nowS },
  })) {
    it(`takes ${what}`, () => {
      expect(verify(`Bearer ${token({ claims: given })}`)).to.have.property("expiresAtS", given.exp);
    });
  }
});
