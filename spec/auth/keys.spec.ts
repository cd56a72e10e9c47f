import { expect } from "chai";
import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import { AuthKey, KeyError, parseKey } from "../../lib/auth/keys.ts";
import { createLogger } from "../../lib/logger.ts";
import { GATEWAY_KEY, OTHER_KEY } from "../support/tokens.ts";

/** What no HMAC under other bytes can equal. */
function fingerprint(bytes: Buffer): string {
  return createHmac("sha256", bytes).update("fingerprint").digest("hex");
}

describe("parseKey", () => {
  const bytes = Buffer.from([0xfb, 0xef, 0xbe, 0xff, 0xf0, 0x01, 0x7f]);
  const spellings: readonly (readonly [what: string, text: string])[] = [
    ["the standard alphabet with padding", "++++//ABfw=="],
    ["the standard alphabet without padding", "++++//ABfw"],
    ["the url-safe alphabet with padding", "----__ABfw=="],
    ["the url-safe alphabet without padding", "----__ABfw"],
    ["both alphabets in one text", "+-+-/_ABfw"],
    ["half of the padding", "++++//ABfw="],
  ];
  for (const [what, text] of spellings) {
    it(`reads ${what}`, () => {
      const key = parseKey(text);
      expect(key.length).to.equal(bytes.length);
      expect(key.hmac("fingerprint").toString("hex")).to.equal(fingerprint(bytes));
    });
  }

  it("gets the same bytes as Buffer.from, as Odoo and odoo/sfu do, whatever the length", () => {
    for (let length = 1; length <= 70; length++) {
      const text = Buffer.alloc(length, 0xa7 + length).toString("base64");
      for (const spelling of [text, text.replace(/=+$/, "")]) {
        expect(parseKey(spelling).hmac("fingerprint").toString("hex"), spelling).to.equal(
          fingerprint(Buffer.from(spelling, "base64")),
        );
      }
    }
  });

  it("takes the guide's sample for the 11 bytes that it encodes, never for UTF-8", () => {
    const key = parseKey("sfu1-secret-key");
    expect(key.length).to.equal(11);
    expect(key.hmac("fingerprint").toString("hex")).to.equal(fingerprint(Buffer.from("sfu1-secret-key", "base64")));
  });

  const refused: readonly (readonly [what: string, text: string, message: RegExp])[] = [
    ["an empty text", "", /got an empty string/],
    ["nothing but padding", "====", /nothing but padding/],
    ["a length of 1 modulo 4", "c2VjcmV0a", /no bytes encode to 9 characters/],
    ["a length of 1 modulo 4 under its padding", "c2VjcmV0a===", /no bytes encode to 9 characters/],
    ["a single character", "c", /no bytes encode to 1 characters/],
    ["'=' in the middle", "c2Vj=cmV0", /'=' before its end/],
    ["two keys glued together", "c2VjcmV0MQ==c2VjcmV0MQ==", /'=' before its end/],
    ["'=' at the start", "=c2VjcmV0", /'=' before its end/],
    ["a space", "c2Vj cmV0", /character 5 of 9 is in neither base64 alphabet/],
    ["a line break", "c2VjcmV0\n", /character 9 of 9/],
    ["a tab in front", "\tc2VjcmV0", /character 1 of 9/],
    ["a quote", '"c2VjcmV0"', /character 1 of 10/],
    ["a dot, as in a JWT", "c2Vj.cmV0", /character 5 of 9/],
    ["a letter outside ASCII", "c2VjcmVé", /character 8 of 8/],
    ["a NUL", "c2VjcmV\0", /character 8 of 8/],
    ["a full-width letter", "c2VjcmVＡ", /character 8 of 8/],
  ];
  for (const [what, text, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => parseKey(text)).to.throw(KeyError, message);
    });
  }

  it("tells nothing of a refused key", () => {
    const secret = "VGhpc0lzU2VjcmV0";
    for (const text of [`${secret}=x`, `${secret} `, `${secret}a`, ` ${secret}`, `${secret}!${secret}`]) {
      try {
        parseKey(text);
        expect.fail("the key was accepted");
      } catch (error) {
        expect(inspect(error))
          .to.match(/^KeyError/)
          .and.not.include("VGhp")
          .and.not.include("cmV0");
      }
    }
  });
});

describe("AuthKey", () => {
  const text = GATEWAY_KEY;
  const plain = Buffer.from(text, "base64").toString();
  const hex = Buffer.from(text, "base64").toString("hex");

  const exhibitions: readonly (readonly [how: string, show: (key: AuthKey) => string])[] = [
    ["JSON", (key) => JSON.stringify({ key, keys: [key] })],
    ["a template", (key) => `${String(key)} ${key.toString()} ${[key].join()}`],
    ["util.inspect", (key) => inspect({ key })],
    ["util.inspect with everything shown", (key) => inspect({ key }, { showHidden: true, depth: Infinity })],
    ["util.inspect past its own say", (key) => inspect(key, { showHidden: true, customInspect: false, getters: true })],
    ["its property list", (key) => JSON.stringify([Object.entries(key), Reflect.ownKeys(key)])],
    ["a structured clone", (key) => inspect(structuredClone(key))],
    [
      "a log line",
      (key) => {
        let lines = "";
        createLogger("info", { write: (line) => (lines += line) }).info({ key, nested: { keys: [key] } }, "hello");
        return lines;
      },
    ],
  ];
  for (const [how, show] of exhibitions) {
    it(`does not show itself in ${how}`, () => {
      const shown = show(parseKey(text));
      expect(shown).to.be.a("string").that.is.not.empty;
      for (const leak of [
        text,
        text.slice(0, 12),
        plain,
        plain.slice(0, 8),
        hex.slice(0, 16),
        "74 68 65 20",
        "116,104",
      ]) {
        expect(shown).not.to.include(leak);
      }
    });
  }

  it("does not show itself once it has signed, either", () => {
    const key = parseKey(text);
    key.cryptoKey();
    expect(inspect(key, { showHidden: true, customInspect: false })).not.to.include("74 68 65 20");
    expect(key.cryptoKey().extractable).to.be.false;
  });

  it("equals another key of the same bytes and no other", () => {
    expect(parseKey("++++").equals(parseKey("----"))).to.be.true;
    expect(parseKey(GATEWAY_KEY).equals(parseKey(OTHER_KEY))).to.be.false;
    expect(parseKey(GATEWAY_KEY).equals(new AuthKey(Buffer.from(plain)))).to.be.true;
  });
});
