import { expect } from "chai";
import fc from "fast-check";
import { AuthKey, KeyError, parseKey } from "../../../lib/auth/keys.ts";
import { holds, letterOf } from "../property.ts";

const bytes = fc.uint8Array({ minLength: 1, maxLength: 100 }).map((array) => Buffer.from(array));

const standard = (key: Buffer): string => key.toString("base64");
const urlSafe = (text: string): string => text.replaceAll("+", "-").replaceAll("/", "_");
const unpadded = (text: string): string => text.replace(/=+$/, "");

/** Base64 and what nearly is: both alphabets, padding anywhere, strangers. */
const nearlyBase64 = fc.oneof(
  fc.string({ unit: letterOf("ABZaz09+/-_="), maxLength: 24 }),
  fc.string({ unit: letterOf("Aa0+/-_= \n\t.é\0"), maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.tuple(bytes.map(standard), fc.constantFrom("", "=", "==", " ", "\n", "A", "*")).map((parts) => parts.join("")),
);

/** contract.md, «Keys»: why a text is none; null where it is one. */
function refusalByContract(text: string): string | null {
  const body = unpadded(text);
  if (body.includes("=")) return "= before the end";
  if (Array.from(body).some((one) => !/[A-Za-z0-9+/_-]/.test(one))) return "a stranger";
  if (body.length % 4 === 1) return "1 modulo 4";
  return body === "" ? "nothing" : null;
}

const attempt = (text: string): AuthKey | Error => {
  try {
    return parseKey(text);
  } catch (error) {
    return error as Error;
  }
};

describe("keys, whatever their bytes", () => {
  holds(
    "are the same bytes in every spelling of their base64",
    500,
    fc.property(bytes, (key) => {
      const text = standard(key);
      const expected = new AuthKey(key);
      for (const spelling of [text, unpadded(text), urlSafe(text), urlSafe(unpadded(text))]) {
        const parsed = parseKey(spelling);
        expect(parsed.length).to.equal(key.length);
        expect(parsed.equals(expected), spelling).to.equal(true);
      }
    }),
  );

  holds(
    "differ where their bytes do",
    300,
    fc.property(bytes, bytes, (one, other) => {
      expect(parseKey(standard(one)).equals(parseKey(standard(other)))).to.equal(one.equals(other));
    }),
  );

  holds(
    "are refused by the contract's rules, and by no other",
    2000,
    fc.property(nearlyBase64, (text) => {
      const result = attempt(text);
      if (refusalByContract(text) !== null) expect(result).to.be.instanceOf(KeyError);
      else expect(result).to.be.instanceOf(AuthKey).with.property("length", Buffer.from(text, "base64").length);
    }),
  );

  holds(
    "are refused without a word of theirs",
    500,
    fc.property(bytes.map(standard), fc.nat(100), fc.constantFrom("=", "*", " ", "\u0000"), (key, at, stranger) => {
      const text = `${key.slice(0, at)}${stranger}${key.slice(at)}x`;
      const result = attempt(text);
      if (!(result instanceof KeyError)) return;
      for (let start = 0; start + 8 <= text.length; start++) {
        expect(result.message).not.to.include(text.slice(start, start + 8));
      }
    }),
  );
});
