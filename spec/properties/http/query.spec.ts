import { expect } from "chai";
import fc from "fast-check";
import { partQuery } from "../../../lib/http/query.ts";
import { holds, letterOf } from "../property.ts";

type Own = "region" | "country";

interface Parameter {
  readonly text: string;
  /** What the gateway keeps of it; null where it is the SFU's. */
  readonly own: { readonly name: Own; readonly value: string } | null;
}

/** The bytes of a text, each as it is or percent-encoded. */
const spelled = (text: string): fc.Arbitrary<string> =>
  fc.array(fc.boolean(), { minLength: text.length, maxLength: text.length }).map((codes) =>
    Array.from(text)
      .map((letter, index) => (codes[index] === true ? percent(letter) : letter))
      .join(""),
  );

const percent = (letter: string): string => `%${letter.charCodeAt(0).toString(16).padStart(2, "0")}`;

const own: fc.Arbitrary<Parameter> = fc
  .record({
    name: fc.constantFrom<Own>("region", "country"),
    value: fc.string({ unit: letterOf("aBc-3é"), maxLength: 6 }),
  })
  .chain(({ name, value }) =>
    spelled(name).map((spelling) => ({ text: `${spelling}=${encodeURIComponent(value)}`, own: { name, value } })),
  );

/** Whatever else may stand between two "&", near misses among it. */
const foreign: fc.Arbitrary<Parameter> = fc
  .oneof(
    fc.string({ unit: letterOf("ab=%2f+?#;é\u0000"), maxLength: 12 }),
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom("", "=", "Region=eu", "regions=eu", "xcountry=be", "?region=eu", "region%00=eu", "country;=be"),
    fc.constantFrom("recordingAddress=https%3A%2F%2Fx", "webRTC=false", "region%5B%5D=eu", "%region=eu"),
  )
  .filter((text) => !text.includes("&") && !/^(r|%72)(e|%65)(g|%67)(i|%69)(o|%6f)(n|%6e)(=|$)/i.test(text))
  .map((text) => ({ text, own: null }));

const firstOf = (parameters: readonly Parameter[], name: Own): string | null =>
  parameters.find((one) => one.own?.name === name && one.own.value !== "")?.own?.value ?? null;

describe("the query, whatever is in it", () => {
  holds(
    "goes on byte for byte, but for the gateway's own parameters",
    2000,
    fc.property(fc.array(fc.oneof(own, foreign), { minLength: 1, maxLength: 8 }), (parameters) => {
      const parted = partQuery(parameters.map(({ text }) => text).join("&"));
      expect(parted).to.deep.equal({
        region: firstOf(parameters, "region")?.toLowerCase() ?? null,
        country: firstOf(parameters, "country")?.toUpperCase() ?? null,
        forwarded: parameters
          .filter((one) => one.own === null)
          .map(({ text }) => text)
          .join("&"),
      });
    }),
  );

  holds(
    "leaves nothing to be taken out of what goes on",
    1000,
    fc.property(fc.string({ unit: letterOf("region=county&%27e"), maxLength: 60 }), (query) => {
      const { forwarded } = partQuery(query);
      expect(partQuery(forwarded)).to.deep.equal({ region: null, country: null, forwarded });
    }),
  );
});
