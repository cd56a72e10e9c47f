import { expect } from "chai";
import { createHmac } from "node:crypto";
import { compactVerify } from "jose";
import { parseKey } from "../../lib/auth/keys.ts";
import { outgoingClaims, sign, signClaims } from "../../lib/auth/resign.ts";
import { createVerifier } from "../../lib/auth/verify.ts";
import { systemClock } from "../../lib/clock.ts";
import { GatewayError } from "../../lib/errors.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";

const verify = createVerifier([parseKey(OTHER_KEY), parseKey(GATEWAY_KEY)], systemClock);

/** What an SFU gets of these claims, as text. */
function outgoing(claims: string, options: { readonly key?: string } = {}): string {
  return Buffer.from(outgoingClaims(verify(`Bearer ${token({ claims, ...options })}`))).toString();
}

/** contract.md, «o-sfu»: key = base64(HMAC-SHA256(key: base64decode(gateway key), data: base64decode(keySeed))). */
function derived(seed: string, key = GATEWAY_KEY): string {
  return createHmac("sha256", Buffer.from(key, "base64")).update(Buffer.from(seed, "base64")).digest("base64");
}

describe("the claims that go to an SFU", () => {
  const untouched: readonly (readonly [what: string, claims: string])[] = [
    ["what Odoo sends", '{"iss":"room","key":"Y2hhbm5lbCBrZXk=","exp":4000000000}'],
    ["odd spacing and line breaks", ' {\n\t"iss" : "room" ,"exp":4000000000 }\r\n'],
    ["integers over 2^53", '{"iss":"room","exp":4000000000,"id":9007199254740993}'],
    ["a float exp", '{"iss":"room","exp":4000000000.0}'],
    ["exponents and negative zero", '{"iss":"room","exp":4e9,"z":-0,"tiny":1E-400}'],
    ["unicode, escaped and not", '{"iss":"r\\u00f6öm \\ud83d\\ude00 😀","exp":4000000000}'],
    ["unknown claims", '{"iss":"room","exp":4000000000,"x":{"y":[1,null,{}]},"sessionIdsByChannel":{}}'],
    [
      "claims with the names of JavaScript's own",
      '{"iss":"room","exp":4000000000,"__proto__":{"a":1},"constructor":2}',
    ],
    ["a key that is null", '{"iss":"room","exp":4000000000,"key":null}'],
    ["a key that is no base64", '{"iss":"room","exp":4000000000,"key":"!"}'],
  ];
  for (const [what, claims] of untouched) {
    it(`are byte for byte those that came: ${what}`, () => {
      expect(outgoing(claims)).to.equal(claims);
    });
  }

  it("have the channel key that Odoo derives in the place of keySeed", () => {
    const seed = Buffer.from("a seed of the channel").toString("base64");
    const claims = JSON.parse(outgoing(`{"iss":"room","keySeed":"${seed}","exp":4000000000}`)) as unknown;
    expect(claims).to.deep.equal({ iss: "room", exp: 4_000_000_000, key: derived(seed) });
  });

  it("have a derived key in the standard alphabet, with padding", () => {
    for (let seed = 0; seed < 20; seed++) {
      const text = Buffer.from(`seed ${seed}`).toString("base64url");
      const claims = JSON.parse(outgoing(`{"iss":"room","keySeed":"${text}","exp":4000000000}`)) as {
        key: string;
      };
      expect(claims.key)
        .to.match(/^[A-Za-z0-9+/]{43}=$/)
        .and.equal(derived(text));
    }
  });

  it("have a key that was derived with the gateway key that the caller uses", () => {
    const claims = outgoing('{"iss":"room","keySeed":"c2VlZA==","exp":4000000000}', { key: OTHER_KEY });
    expect(JSON.parse(claims)).to.have.property("key", derived("c2VlZA==", OTHER_KEY));
  });

  it("have the seed's key where both claims are there", () => {
    for (const claims of ['"key":"b2xk","keySeed":"c2VlZA"', '"keySeed":"c2VlZA","key":"b2xk"']) {
      const sent = JSON.parse(outgoing(`{"iss":"room",${claims},"exp":4000000000}`)) as unknown;
      expect(sent).to.deep.equal({ iss: "room", key: derived("c2VlZA"), exp: 4_000_000_000 });
    }
  });

  it("keep all other claims beside a seed, numbers as they were written", () => {
    const claims = '{"iss":"röm","exp":4000000000.0,"id":9007199254740993,"x":[1e2,{"y":-0}],"__proto__":{"a":1}';
    const sent = outgoing(`${claims},"keySeed":"c2VlZA=="}`);
    expect(sent).to.equal(`${claims},"key":"${derived("c2VlZA==")}"}`);
  });

  it("are untouched where keySeed is null, which is none", () => {
    const claims = '{"iss":"room","keySeed":null,"key":"a2V5","exp":4000000000}';
    const verified = verify(`Bearer ${token({ claims })}`);
    expect(Buffer.from(outgoingClaims(verified)).toString()).to.equal(claims);
  });

  const faulty: readonly (readonly [what: string, seed: string])[] = [
    ["no text", "7"],
    ["an object", "{}"],
    ["empty", '""'],
    ["outside both alphabets", '"not base64!"'],
    ["of a length that nothing encodes to", '"c2VlZ"'],
    ["broken by '='", '"c2=VlZA"'],
  ];
  for (const [what, seed] of faulty) {
    it(`are refused where keySeed is ${what}`, () => {
      const verified = verify(`Bearer ${token({ claims: `{"iss":"room","keySeed":${seed},"exp":4000000000}` })}`);
      expect(() => outgoingClaims(verified))
        .to.throw(GatewayError, /'keySeed'/)
        .that.includes({ code: "invalid_claims", status: 400 })
        .and.satisfies(({ message }: Error) => !/not base64!|c2VlZ|c2=/.test(message));
    });
  }
});

describe("claims that every SFU would refuse", () => {
  for (const key of ["7", "0", "true", "false", "[]", '["a2V5"]', "{}"]) {
    it(`are refused before one is asked: a key that is ${key}`, () => {
      const verified = verify(`Bearer ${token({ claims: `{"iss":"room","key":${key},"exp":4000000000}` })}`);
      expect(() => outgoingClaims(verified))
        .to.throw(GatewayError, "expected the claim 'key' to be base64 text")
        .that.includes({ code: "invalid_claims", status: 400 });
    });
  }

  it("are none where a seed takes the key's place", () => {
    expect(JSON.parse(outgoing('{"iss":"room","key":7,"keySeed":"c2VlZA","exp":4000000000}'))).to.have.property(
      "key",
      derived("c2VlZA"),
    );
  });
});

describe("sign", () => {
  it("makes a token that jose and an SFU accept, over the very bytes", async () => {
    const payload = Buffer.from(' {"iss":"röm","n":9007199254740993}');
    const text = sign(payload, parseKey(sfuKey(1)));
    expect(text).to.match(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    const verified = await compactVerify(text, Buffer.from(sfuKey(1), "base64"));
    expect(verified.protectedHeader).to.deep.equal({ alg: "HS256", typ: "JWT" });
    expect(Buffer.from(verified.payload).equals(payload)).to.be.true;
  });

  it("makes the token that Odoo would have made of the gateway's own claims", async () => {
    const claims = { iss: "room", exp: 4_000_000_000 };
    expect(await signClaims(claims, parseKey(sfuKey(1)))).to.equal(token({ claims, key: sfuKey(1) }));
  });
});
