import { expect } from "chai";
import { type PartedQuery, partQuery } from "../../lib/http/query.ts";

describe("the query of a channel request", () => {
  const none = { region: null, country: null };
  const cases: Readonly<Record<string, PartedQuery>> = {
    "": { ...none, forwarded: "" },
    "region=eu-west-3": { region: "eu-west-3", country: null, forwarded: "" },
    "country=BE": { region: null, country: "BE", forwarded: "" },
    "region=EU-West-3&country=be": { region: "eu-west-3", country: "BE", forwarded: "" },
    "webRTC=false": { ...none, forwarded: "webRTC=false" },
    "webRTC=false&region=eu&recordingAddress=https%3A%2F%2Fx": {
      region: "eu",
      country: null,
      forwarded: "webRTC=false&recordingAddress=https%3A%2F%2Fx",
    },
    // Order, encodings, duplicates, and what is no pair at all.
    "b=2&a=1&b=%32&c=+&d=%20&e=%2f&f=%2F": { ...none, forwarded: "b=2&a=1&b=%32&c=+&d=%20&e=%2f&f=%2F" },
    "a&b=&=c&&=&d=e=f": { ...none, forwarded: "a&b=&=c&&=&d=e=f" },
    "a=%zz&%=%&b=%C3%28": { ...none, forwarded: "a=%zz&%=%&b=%C3%28" },
    // The gateway's own under any encoding, and never twice.
    "%72egion=eu&re%67ion=us&x": { region: "eu", country: null, forwarded: "x" },
    "region=eu%2Dwest": { region: "eu-west", country: null, forwarded: "" },
    "region=the+moon": { region: "the moon", country: null, forwarded: "" },
    "region=&region=eu&country": { region: "eu", country: null, forwarded: "" },
    // What only looks like it.
    "Region=eu&regions=eu&region[]=eu&xregion=eu": {
      ...none,
      forwarded: "Region=eu&regions=eu&region[]=eu&xregion=eu",
    },
    "?region=eu&a=1&?country=be": { ...none, forwarded: "?region=eu&a=1&?country=be" },
    "a=1;region=eu": { ...none, forwarded: "a=1;region=eu" },
    "__proto__=1&constructor=2": { ...none, forwarded: "__proto__=1&constructor=2" },
  };
  for (const [query, parted] of Object.entries(cases)) {
    it(`parts "${query}"`, () => {
      expect(partQuery(query)).to.deep.equal(parted);
    });
  }

  it("is parted in no time, as long as it may be", () => {
    const query = "&".repeat(16_000);
    expect(partQuery(query).forwarded).to.equal(query);
  });
});
