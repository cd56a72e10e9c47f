import { expect } from "chai";
import { MAX_DEPTH, parseStrictly } from "../../lib/auth/strict-json.ts";
import { systemClock } from "../../lib/clock.ts";
import { GatewayError } from "../../lib/errors.ts";

const read = (text: string | Buffer): unknown => parseStrictly(Buffer.from(text), "payload");

/** Far more than it takes, far less than what grows with the square of the length. */
const PROMPT_MS = 2000;
const MANY = 500_000;

describe("strict JSON", () => {
  const clear: readonly string[] = [
    "{}",
    ' {\n\t"a" : 1 , "b":[ ] }\r\n',
    '{"a":{"x":1},"b":{"x":1},"x":[{"x":1},{"x":1}]}',
    '{"a":"b","b":"a","c":["a","a","c"]}',
    '{"a":"{\\"a\\":1,\\"a\\":2}","\\"a\\"":"}{][,:"}',
    '{"a\\\\":1,"a":2,"a\\\\\\"":3}',
    '{"A":1,"a":2,"é":3,"e\u0301":4}',
    '{"__proto__":{"a":1},"constructor":2,"a":3}',
    '{"":1," ":2}',
    '{"a":"\\ud83d\\ude00 😀 \\u0000"}',
  ];
  for (const text of clear) {
    it(`reads ${JSON.stringify(text)} as JSON.parse does`, () => {
      expect(JSON.stringify(read(text))).to.equal(JSON.stringify(JSON.parse(text)));
    });
  }

  const refused: Readonly<Record<string, readonly [text: string | Buffer, why: RegExp]>> = {
    "a member twice": ['{"a":1,"b":2,"a":1}', /a member twice/],
    "a member twice, with spaces": ['{"a" : 1 , "a"\n: 1}', /a member twice/],
    "a member twice, once escaped": ['{"a":1,"\\u0061":2}', /a member twice/],
    "a member twice, far inside": ['{"x":[[{"y":{"a":[],"a":{}}}]]}', /a member twice/],
    "a member twice, around an object that has it too": ['{"a":{"a":1},"a":2}', /a member twice/],
    "an empty name twice": ['{"":1,"":2}', /a member twice/],
    "__proto__ twice": ['{"__proto__":1,"__proto__":2}', /a member twice/],
    "half of a surrogate pair": ['{"a":"\\ud800"}', /surrogate/],
    "the other half": ['{"a":"x\\uDC00y"}', /surrogate/],
    "both halves the wrong way round": ['{"a":["\\udc00\\ud800"]}', /surrogate/],
    "half of a surrogate pair in a name": ['{"\\ud83d":1}', /surrogate/],
    "a byte order mark": ["\ufeff{}", /not JSON in UTF-8/],
    "UTF-16": [Buffer.from('{"a":1}', "utf16le"), /not JSON in UTF-8/],
    "a byte that is not UTF-8": [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), /not JSON in UTF-8/],
    "an overlong form": [Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), /not JSON in UTF-8/],
    "a surrogate in UTF-8": [Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]), /not JSON in UTF-8/],
    nothing: ["", /not JSON in UTF-8/],
    "an array": ["[]", /not a JSON object/],
    null: ["null", /not a JSON object/],
    "a text": ['"a"', /not a JSON object/],
  };
  for (const [what, [text, why]] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      expect(() => read(text))
        .to.throw(GatewayError, why)
        .that.includes({ code: "invalid_token", status: 401 });
    });
  }

  const nested = (depth: number): string => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

  it(`reads what is nested ${String(MAX_DEPTH)} deep, and nothing deeper`, () => {
    expect(read(nested(MAX_DEPTH))).to.have.property("a");
    expect(() => read(nested(MAX_DEPTH + 1))).to.throw(GatewayError, /nested too deeply/);
    expect(() => read(`${'{"a":'.repeat(MAX_DEPTH + 1)}1${"}".repeat(MAX_DEPTH + 1)}`)).to.throw(/nested too deeply/);
  });

  const endless: Readonly<Record<string, string>> = {
    "deep arrays": nested(MANY),
    "deep objects": `${'{"a":'.repeat(MANY)}1${"}".repeat(MANY)}`,
    "escapes without end": `{"a":"${"\\n".repeat(MANY)}","a":1}`,
    "quotes without end": `{"a":"${'\\"'.repeat(MANY)}","a":1}`,
    "spaces without end": `{"a"${" ".repeat(MANY)}:1,"a"${" ".repeat(MANY)}:1}`,
    "texts before spaces": `{"a":[${`"b"${" ".repeat(9)},`.repeat(MANY / 10)}1],"a":1}`,
    "members without end": `{${Array.from({ length: MANY / 10 }, (_, n) => `"n${String(n)}":1`).join()},"n0":1}`,
    "a text that does not end": `{"a":"${'\\"'.repeat(MANY)}`,
  };
  for (const [what, text] of Object.entries(endless)) {
    it(`is not kept busy by ${what}`, () => {
      const startedMs = systemClock.monotonic();
      expect(() => read(text)).to.throw(GatewayError);
      expect(systemClock.monotonic() - startedMs).to.be.below(PROMPT_MS);
    });
  }
});
