import { expect } from "chai";
import { inspect } from "node:util";
import { parseKey } from "../../lib/auth/keys.ts";
import { createDisconnectVerifier } from "../../lib/auth/verify-disconnect.ts";
import { GatewayError } from "../../lib/errors.ts";
import { START_MS, useFakeClock } from "../support/clock.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";

const nowS = START_MS / 1000;
const claims = { sessionIdsByChannel: { "uuid-1": [1, 2] }, exp: nowS + 20 };

describe("a verifier of disconnects", () => {
  const verify = createDisconnectVerifier([parseKey(GATEWAY_KEY), parseKey(OTHER_KEY)], useFakeClock());

  const refusal = (text: string): GatewayError => {
    try {
      verify(text);
    } catch (error) {
      expect(error).to.be.instanceOf(GatewayError);
      return error as GatewayError;
    }
    expect.fail("it was accepted");
  };
  /** What the SFU of these channels, or of all, gets of these claims, as text. */
  const outgoing = (text: string, isHere: (uuid: string) => boolean = () => true): string => {
    const { channels, claimsFor } = verify(token({ claims: text }));
    return Buffer.from(claimsFor(channels.filter(([uuid]) => isHere(uuid)))).toString();
  };

  it("says which sessions of which channels are to end", () => {
    const byChannel = { "uuid-1": [1, 2], "uuid-2": [], "uuid-3": [7] };
    const { channels } = verify(token({ claims: { ...claims, sessionIdsByChannel: byChannel } }));
    expect(channels.map(([uuid, ids]) => [uuid, ids.length])).to.deep.equal([
      ["uuid-1", 2],
      ["uuid-2", 0],
      ["uuid-3", 1],
    ]);
  });

  it("takes a token under any of the keys", () => {
    for (const key of [GATEWAY_KEY, OTHER_KEY]) expect(verify(token({ claims, key })).channels).to.have.length(1);
  });

  it("takes a token with the spaces and line breaks that tools put around it", () => {
    expect(verify(` ${token({ claims })}\r\n`).channels).to.have.length(1);
  });

  it("takes a token in the standard alphabet, with padding", () => {
    expect(verify(token({ claims, encoding: "base64" })).channels).to.have.length(1);
  });

  it("takes a disconnect of nothing", () => {
    expect(verify(token({ claims: { ...claims, sessionIdsByChannel: {} } })).channels).to.deep.equal([]);
  });

  describe("writes claims that", () => {
    it("hold the channels of one SFU alone, and all others as they came", () => {
      const text = `{"a":{"b":[1,null]},"sessionIdsByChannel":{"x":[1],"y":[2],"z":[3]},"exp":4000000000}`;
      expect(outgoing(text, (uuid) => uuid !== "y")).to.equal(
        `{"a":{"b":[1,null]},"sessionIdsByChannel":{"x":[1],"z":[3]},"exp":4000000000}`,
      );
    });

    it("hold numbers in the very text in which they came", () => {
      const text = `{"sessionIdsByChannel":{"x":[9007199254740993,1.0,-0,1E400]},"exp":4e9,"id":18446744073709551615}`;
      expect(outgoing(text)).to.equal(text);
    });

    it("hold session ids that are no numbers", () => {
      const text = `{"sessionIdsByChannel":{"x":["1",null,{"a":[]},"é"]},"exp":4000000000}`;
      expect(outgoing(text)).to.equal(text);
    });

    for (const name of ["__proto__", "constructor", "toString", "", "0", "é\u2028", "a/b"]) {
      it(`hold a channel by the name of ${JSON.stringify(name)}, and not its neighbour`, () => {
        const text = `{"sessionIdsByChannel":{"neighbour":[1],${JSON.stringify(name)}:[2]},"exp":4000000000}`;
        expect(outgoing(text, (uuid) => uuid === name)).to.equal(
          `{"sessionIdsByChannel":{${JSON.stringify(name)}:[2]},"exp":4000000000}`,
        );
      });
    }

    it("hold a claim by the name of __proto__ as one of many", () => {
      const text = `{"__proto__":{"sessionIdsByChannel":{"y":[1]}},"sessionIdsByChannel":{"x":[1]},"exp":4000000000}`;
      expect(outgoing(text)).to.equal(text);
    });
  });

  const noToken: Readonly<Record<string, string>> = { nothing: "", "white space": " \r\n" };
  for (const [what, text] of Object.entries(noToken)) {
    it(`misses the token in ${what}`, () => {
      expect(refusal(text)).to.include({ code: "missing_token", status: 422 });
    });
  }

  const badTokens: Readonly<Record<string, readonly [string, RegExp]>> = {
    garbage: ["garbage", /well-formed/],
    "a token in a header's form": [`Bearer ${token({ claims })}`, /well-formed/],
    "claims that are not signed": [JSON.stringify(claims), /well-formed/],
    "a token under another key": [token({ claims, key: sfuKey(1) }), /none of the gateway's keys/],
    "alg none": [token({ header: { alg: "none" }, claims }), /not HS256/],
    "an expired token": [token({ claims: { ...claims, exp: nowS - 1 } }), /expired: compare the clocks/],
    "a token without exp": [token({ claims: { sessionIdsByChannel: {} } }), /no 'exp' claim/],
    "an iat over a minute ahead": [token({ claims: { ...claims, iat: nowS + 61 } }), /'iat' is more than 60 s/],
  };
  for (const [what, [text, message]] of Object.entries(badTokens)) {
    it(`refuses ${what}`, () => {
      const error = refusal(text);
      expect(error).to.include({ code: "invalid_token", status: 422 });
      expect(error.message).to.match(message);
    });
  }

  const badClaims: Readonly<Record<string, unknown>> = {
    "no sessionIdsByChannel": undefined,
    null: null,
    "a text": "uuid",
    "a number": 5,
    "an array": [[1]],
    "a channel with a number": { a: [1], b: 1 },
    "a channel with an object": { a: { 0: 1 } },
    "a channel with null": { a: null },
    "a channel with a text": { a: "12" },
  };
  for (const [what, sessionIdsByChannel] of Object.entries(badClaims)) {
    it(`refuses ${what} for the sessions`, () => {
      const error = refusal(token({ claims: { ...claims, sessionIdsByChannel } }));
      expect(error).to.include({ code: "invalid_claims", status: 422 });
      expect(error.message).to.contain("'sessionIdsByChannel'");
    });
  }

  it("refuses claims that are nested beyond reason, and lives", () => {
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    const error = refusal(token({ claims: `{"sessionIdsByChannel":{"a":${deep}},"exp":4000000000}` }));
    expect(error).to.include({ code: "invalid_token", status: 422 });
    expect(error.message).to.match(/nested too deeply/);
  });

  it("shows no part of a token that it refuses", () => {
    const texts = [...Object.values(badTokens).map(([text]) => text), token({ claims: { exp: nowS + 20, a: 1 } })];
    for (const text of texts) {
      const shown = inspect(refusal(text), { depth: 20, showHidden: true });
      for (const part of text.split(/[ .]/).filter((piece) => piece.length > 8)) expect(shown).not.to.contain(part);
    }
  });
});
