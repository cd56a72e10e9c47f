import { expect } from "chai";
import { parseJson } from "../lib/json.ts";

describe("JSON of strangers", () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text);

  it("is read", () => {
    expect(parseJson(bytes('{"a":["é",1]}'))).to.deep.equal({ a: ["é", 1] });
  });

  it("may come with a byte order mark", () => {
    expect(parseJson(bytes('\uFEFF{"a":1}'))).to.deep.equal({ a: 1 });
  });

  it("is handed through whoever wants to see each value", () => {
    const shown = parseJson(bytes('{"a":"secret"}'), (_, value) => (value === "secret" ? "…" : value));
    expect(shown).to.deep.equal({ a: "…" });
  });

  for (const [what, given] of [
    ["is no UTF-8", Buffer.from([0x22, 0xc3, 0x28, 0x22])],
    ["is cut short", bytes('{"a":')],
    ["is empty", bytes("")],
  ] as const) {
    it(`is refused where it ${what}`, () => {
      expect(() => parseJson(given)).to.throw();
    });
  }
});
