import { expect } from "chai";
import { format, inspect } from "node:util";
import { Secret } from "../../lib/auth/secret.ts";
import { createLogger } from "../../lib/logger.ts";

const TEXT = "the-operators-own-bearer-token";

describe("a Secret", () => {
  const exhibitions: readonly (readonly [how: string, show: (secret: Secret) => string])[] = [
    ["JSON", (secret) => JSON.stringify({ secret, secrets: [secret] })],
    ["a template", (secret) => `${String(secret)} ${secret.toString()} ${[secret].join()}`],
    ["a format", (secret) => format("%s %o %O %j", secret, secret, secret, secret)],
    ["util.inspect", (secret) => inspect({ secret })],
    ["util.inspect with everything shown", (secret) => inspect({ secret }, { showHidden: true, depth: Infinity })],
    [
      "util.inspect past its own say",
      (secret) => inspect(secret, { showHidden: true, customInspect: false, getters: true }),
    ],
    ["its property list", (secret) => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret)])],
    ["a structured clone", (secret) => inspect(structuredClone(secret))],
    ["a copy", (secret) => inspect(Object.assign({}, secret), { customInspect: false })],
    ["an error's cause", (secret) => inspect(new Error("it failed", { cause: { secret } }))],
    [
      "a log line",
      (secret) => {
        let lines = "";
        createLogger("info", { write: (line) => (lines += line) }).info({ secret, nested: [secret] }, "hello");
        return lines;
      },
    ],
  ];
  for (const [how, show] of exhibitions) {
    it(`does not show itself in ${how}`, () => {
      const shown = show(new Secret(TEXT));
      expect(shown).to.be.a("string").that.is.not.empty;
      for (const leak of [TEXT, TEXT.slice(0, 8), TEXT.slice(-8), Buffer.from(TEXT).toString("base64").slice(0, 12)]) {
        expect(shown).not.to.include(leak);
      }
    });
  }

  it("says that it is there", () => {
    expect(JSON.stringify({ token: new Secret(TEXT) })).to.equal('{"token":"[secret]"}');
    expect(inspect(new Secret(TEXT))).to.equal("[secret]");
  });

  it("reveals its text to who asks for that", () => {
    for (const text of [TEXT, "", " ", "a\nb", "é房间😀"]) expect(new Secret(text).reveal()).to.equal(text);
  });

  it("equals its own text and no other, of whatever length", () => {
    const secret = new Secret(TEXT);
    expect(secret.equals(TEXT)).to.equal(true);
    for (const other of [
      "",
      TEXT.slice(0, -1),
      `${TEXT} `,
      ` ${TEXT}`,
      `${TEXT}\0`,
      TEXT.toUpperCase(),
      TEXT.replace("o", "0"),
      "[secret]",
      "x".repeat(100_000),
    ]) {
      expect(secret.equals(other), JSON.stringify(other.slice(0, 50))).to.equal(false);
    }
  });

  it("tells texts apart that only look alike", () => {
    expect(new Secret("é").equals("e\u0301")).to.equal(false);
  });

  it("compares an empty text as any other", () => {
    expect(new Secret("").equals("")).to.equal(true);
    expect(new Secret("").equals("a")).to.equal(false);
  });
});
