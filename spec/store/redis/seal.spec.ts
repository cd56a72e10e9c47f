import { expect } from "chai";
import { type AuthKey, parseKey } from "../../../lib/auth/keys.ts";
import { createSeal } from "../../../lib/store/redis/seal.ts";

const [OLD, NEW, FOREIGN] = ["old", "new", "foreign"].map((text) =>
  parseKey(Buffer.from(text.padEnd(32, ".")).toString("base64")),
) as [AuthKey, AuthKey, AuthKey];
const PLACE = ["post", "registrations", "http://sfu-a.example.com:8070"];

describe("what is sealed", () => {
  const sealOf = (...keys: readonly AuthKey[]): ReturnType<typeof createSeal> => createSeal(() => keys);

  it("is opened by another process that has the key", () => {
    for (const text of ["", "a", "größer ☎ 🎥", "\0", "x".repeat(100_000)]) {
      expect(sealOf(OLD).open(PLACE, sealOf(OLD).seal(PLACE, text))).to.equal(text);
    }
  });

  it("is opened by whoever has one of the keys", () => {
    const sealed = sealOf(OLD, NEW).seal(PLACE, "text");
    for (const keys of [[OLD], [NEW], [FOREIGN, NEW], [NEW, OLD]]) {
      expect(sealOf(...keys).open(PLACE, sealed)).to.equal("text");
    }
    expect(sealOf(FOREIGN).open(PLACE, sealed)).to.equal(null);
  });

  it("is current where the first key opens it", () => {
    const byBoth = sealOf(OLD, NEW).seal(PLACE, "text");
    const byOld = sealOf(OLD).seal(PLACE, "text");
    expect(sealOf(NEW, OLD).isCurrent(byBoth)).to.equal(true);
    expect(sealOf(NEW, OLD).isCurrent(byOld)).to.equal(false);
    expect(sealOf(OLD, NEW).isCurrent(byOld)).to.equal(true);
    expect(sealOf(NEW).isCurrent(byOld)).to.equal(false);
    expect(sealOf(NEW).isCurrent("")).to.equal(false);
  });

  it("heeds that the keys have changed", () => {
    const keys = [OLD];
    const seal = createSeal(() => keys);
    const before = seal.seal(PLACE, "text");
    expect(sealOf(NEW).open(PLACE, before)).to.equal(null);
    keys.splice(0, 1, NEW);
    expect(seal.open(PLACE, before)).to.equal(null);
    expect(sealOf(NEW).open(PLACE, seal.seal(PLACE, "text"))).to.equal("text");
    expect(sealOf(OLD).open(PLACE, seal.seal(PLACE, "text"))).to.equal(null);
    keys.push(OLD);
    expect(seal.open(PLACE, before)).to.equal("text");
  });

  it("is never the same twice", () => {
    const seal = sealOf(OLD);
    const sealed = Array.from({ length: 1000 }, () => seal.seal(PLACE, "text"));
    expect(new Set(sealed).size).to.equal(1000);
    const nonces = sealed.map((one) => Buffer.from(one.split(".")[1]!, "base64url").subarray(0, 12).toString("hex"));
    expect(new Set(nonces).size).to.equal(1000);
  });

  it("opens in no other place", () => {
    const sealed = sealOf(OLD).seal(PLACE, "text");
    for (const place of [[], PLACE.slice(1), [...PLACE, ""], ["post", "reports", PLACE[2]!], [PLACE.join()]]) {
      expect(sealOf(OLD).open(place, sealed), place.join()).to.equal(null);
    }
  });

  it("does not open where any of it was changed, and whatever else is there does no harm", () => {
    const seal = sealOf(OLD);
    const sealed = seal.seal(PLACE, "text");
    for (let index = 0; index < sealed.length; index++) {
      const other = sealed[index] === "A" ? "Q" : "A";
      const changed = sealed.slice(0, index) + other + sealed.slice(index + 1);
      // The last character of a base64 text may have bits that are nobody's.
      const isSameBytes = changed.split(".").every((part, which) => isSame(part, sealed.split(".")[which]!));
      if (!isSameBytes) expect(seal.open(PLACE, changed), String(index)).to.equal(null);
      expect(seal.open(PLACE, sealed.slice(0, index)), `the first ${index}`).to.equal(null);
    }
    for (const text of [
      "",
      ".",
      "..",
      "a.b",
      ".b",
      "a.",
      "\0",
      "é.é",
      `${sealed.split(".")[0]!}.`,
      "x".repeat(10_000),
    ]) {
      expect(seal.open(PLACE, text), text).to.equal(null);
    }
  });
});

function isSame(one: string, other: string): boolean {
  return Buffer.from(one, "base64url").equals(Buffer.from(other, "base64url"));
}
