import { expect } from "chai";
import { createHmac, generateKeyPairSync, sign as signWith } from "node:crypto";
import { inspect } from "node:util";
import { type AuthKey, parseKey } from "../../lib/auth/keys.ts";
import { createVerifier as verifierOf, type Verified } from "../../lib/auth/verify.ts";
import type { Clock } from "../../lib/clock.ts";
import { GatewayError } from "../../lib/errors.ts";
import { asJoseHasIt } from "../support/jose.ts";
import { claimsOf, GATEWAY_KEY, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";

const nowS = 1_767_600_000;

/** Stands still; nothing here waits. */
function clockAt(ms: number): Clock {
  const never = (): never => expect.fail("verifying needs no timer");
  return { now: () => ms, monotonic: () => ms, after: never, every: never };
}

/** A refusal is a rejection here; and what is taken, jose has to take as well. */
function createVerifier(keys: readonly AuthKey[], clock: Clock): (authorization?: string) => Promise<Verified> {
  const verify = verifierOf(keys, clock);
  return async (authorization = "") => {
    const verified = verify(authorization);
    const text = authorization.slice(authorization.indexOf(" ")).trim();
    const key = KEYS.find((one) => parseKey(one).equals(verified.key)) ?? expect.fail("a key that nobody has");
    expect(await asJoseHasIt(text, key, clock.now())).to.deep.equal(verified.claims);
    return verified;
  };
}

const KEYS = [GATEWAY_KEY, OTHER_KEY, sfuKey(1), "sfu1-secret-key"];

const gatewayKey = parseKey(GATEWAY_KEY);
const verify = createVerifier([gatewayKey], clockAt(nowS * 1000));

const iss = "https://odoo.example.com:channel:7";
const claims = { ...claimsOf(iss), iss, exp: nowS + 30 };

function bearer(text: string): Promise<Verified> {
  return verify(`Bearer ${text}`);
}

async function refusal(promise: Promise<unknown>): Promise<GatewayError> {
  try {
    await promise;
  } catch (error) {
    expect(error).to.be.instanceOf(GatewayError);
    return error as GatewayError;
  }
  expect.fail("it was accepted");
}

async function expectRefused(text: string, message: RegExp): Promise<void> {
  const error = await refusal(bearer(text));
  expect(error).to.include({ code: "invalid_token", status: 401 });
  expect(error.message).to.match(message);
}

/** Signs any header and payload segments, however odd. */
function tokenOf(header: string | Buffer, payload: string | Buffer, encoding: BufferEncoding = "base64url"): string {
  const signed = `${Buffer.from(header).toString(encoding)}.${Buffer.from(payload).toString(encoding)}`;
  const mac = createHmac("sha256", Buffer.from(GATEWAY_KEY, "base64")).update(signed);
  return `${signed}.${mac.digest().toString(encoding)}`;
}

const hs256 = JSON.stringify({ alg: "HS256", typ: "JWT" });

describe("a verifier", () => {
  it("takes a token as Odoo signs it and says who signed what", async () => {
    const verified = await bearer(token({ claims }));
    expect(verified.conference).to.equal("https://odoo.example.com:channel:7");
    expect(verified.claims).to.deep.equal(claims);
    expect(Buffer.from(verified.payload).toString()).to.equal(JSON.stringify(claims));
    expect(verified.key).to.equal(gatewayKey);
  });

  for (const scheme of ["Bearer", "bearer", "jwt", "JWT", "Anything"]) {
    it(`takes the scheme word ${scheme}`, async () => {
      expect(await verify(`${scheme} ${token({ claims })}`)).to.have.property("conference", claims.iss);
    });
  }

  it("takes more than one space before the token", async () => {
    expect(await verify(`Bearer   ${token({ claims })}`)).to.have.property("conference", claims.iss);
  });

  it("takes a token of 12 KB, and refuses a longer one before it looks at it", async () => {
    const lengthOf = (padding: number): number => token({ claims: { ...claims, x: "x".repeat(padding) } }).length;
    let padding = 8000;
    while (lengthOf(padding + 1) <= 12 * 1024) padding++;
    expect(await bearer(token({ claims: { ...claims, x: "x".repeat(padding) } }))).to.have.property("conference", iss);
    await expectRefused(token({ claims: { ...claims, x: "x".repeat(padding + 1) } }), /longer than 12288 characters/);
  });

  for (const header of [undefined, "", "Bearer", "Bearer ", "Bearer    ", token({ claims })]) {
    it(`misses the token in ${header === undefined ? "no header at all" : `'${header.slice(0, 12)}'`}`, async () => {
      expect(await refusal(verify(header))).to.include({ code: "missing_token", status: 401 });
    });
  }

  describe("with several keys, while one is rotated", () => {
    const keys = [OTHER_KEY, sfuKey(1), GATEWAY_KEY].map(parseKey);
    const verifyAny = createVerifier(keys, clockAt(nowS * 1000));

    for (const encoding of ["base64url", "base64"] as const) {
      it(`takes any of them and says which, in ${encoding}`, async () => {
        for (const [index, key] of [OTHER_KEY, sfuKey(1), GATEWAY_KEY].entries()) {
          expect((await verifyAny(`Bearer ${token({ claims, key, encoding })}`)).key).to.equal(keys[index]);
        }
      });

      it(`refuses what fits none of them, in ${encoding}`, async () => {
        const error = await refusal(verifyAny(`Bearer ${token({ claims, key: sfuKey(2), encoding })}`));
        expect(error).to.include({ code: "invalid_token", status: 401 });
        expect(error.message).to.match(/fits none of the gateway's keys/);
      });
    }

    it("says that a token has expired, whichever key it was signed with", async () => {
      const text = token({ claims: { ...claims, exp: nowS - 1 }, key: GATEWAY_KEY });
      expect((await refusal(verifyAny(`Bearer ${text}`))).message).to.match(/expired/);
    });
  });

  it("takes what was signed with a key as short as the guide's sample", async () => {
    const verifyShort = createVerifier([parseKey("sfu1-secret-key")], clockAt(nowS * 1000));
    expect(await verifyShort(`Bearer ${token({ claims, key: "sfu1-secret-key" })}`)).to.have.property(
      "conference",
      iss,
    );
  });

  it("refuses everything where it has no key", async () => {
    const error = await refusal(createVerifier([], clockAt(nowS * 1000))(`Bearer ${token({ claims })}`));
    expect(error).to.include({ code: "invalid_token", status: 401 });
  });

  describe("with a token of odoo/sfu's own signer, in the standard alphabet", () => {
    it("takes it whatever its padding", async () => {
      for (const room of ["r", "ro", "roo", "room", "??>>~~", "ÿÿÿÿ"]) {
        const text = token({ claims: { ...claims, iss: room }, encoding: "base64" });
        expect(await bearer(text), text).to.have.property("conference", room);
      }
    });

    it("hands on the very bytes of its claims", async () => {
      const payload = ` {"iss":"??>>~~","exp":${nowS + 30}.0,"n":9007199254740993} `;
      const text = tokenOf(hs256, payload, "base64");
      expect(text).to.match(/[+/]/);
      expect(Buffer.from((await bearer(text)).payload).toString()).to.equal(payload);
    });

    it("checks everything else as in any token", async () => {
      const standard = (parts: object): string => token({ claims, encoding: "base64", ...parts });
      await expectRefused(standard({ claims: { ...claims, exp: nowS - 1 } }), /expired/);
      await expectRefused(standard({ header: { alg: "HS384", typ: "JWT" } }), /not HS256/);
      await expectRefused(standard({ key: OTHER_KEY }), /fits none/);
      await expectRefused(standard({ claims: { ...claims, iat: nowS + 61 } }), /'iat'/);
      expect(await refusal(bearer(standard({ claims: { exp: nowS + 30 } })))).to.include({ code: "missing_issuer" });
    });

    it("refuses a signature with something behind it", async () => {
      const text = token({ claims, encoding: "base64" });
      for (const more of ["A", "==", "=AAAA", "!", "+"]) await expectRefused(text + more, /fits none|well-formed/);
    });

    it("refuses a signature that was cut short", async () => {
      const text = token({ claims, encoding: "base64" });
      for (let cut = 2; cut < 44; cut += 3) await expectRefused(`${text.slice(0, -cut)}=`, /fits none|well-formed/);
    });

    it("refuses claims that were changed after signing", async () => {
      const [header, , signature] = token({ claims, encoding: "base64" }).split(".");
      const forged = Buffer.from(JSON.stringify({ ...claims, iss: "other" })).toString("base64");
      await expectRefused(`${String(header)}.${forged}.${String(signature)}`, /fits none/);
    });

    it("refuses '=' inside a segment", async () => {
      const [header, payload] = token({ claims, encoding: "base64" }).split(".");
      const signed = `${String(header)}.=${String(payload)}`;
      const mac = createHmac("sha256", Buffer.from(GATEWAY_KEY, "base64")).update(signed).digest("base64");
      await expectRefused(`${signed}.${mac}`, /well-formed/);
    });

    it("is not kept busy by a long row of padding", async () => {
      await expectRefused(`a.b.${"=".repeat(12_000)}x`, /well-formed/);
    });
  });

  describe("about time", () => {
    it("refuses an expired token, and one in the very second of its exp", async () => {
      await expectRefused(token({ claims: { ...claims, exp: nowS - 1 } }), /expired: compare the clocks/);
      await expectRefused(token({ claims: { ...claims, exp: nowS } }), /expired/);
      expect(await bearer(token({ claims: { ...claims, exp: nowS + 1 } }))).to.have.property("conference");
    });

    it("refuses a token that never expires", async () => {
      const { exp, ...rest } = claims;
      expect(exp).to.equal(nowS + 30);
      await expectRefused(token({ claims: rest }), /no 'exp' claim/);
    });

    for (const exp of ["soon", null, String(nowS + 30), true, [nowS + 30], {}]) {
      it(`refuses an exp that is ${JSON.stringify(exp)}`, async () => {
        await expectRefused(token({ claims: { ...claims, exp } }), /'exp' claim is not valid/);
      });
    }

    it("takes a fractional exp", async () => {
      expect(await bearer(token({ claims: { ...claims, exp: nowS + 29.75 } }))).to.have.property("conference");
    });

    for (const ahead of [-86_400, 0, 59, 60]) {
      it(`takes an iat ${ahead} s ahead`, async () => {
        expect(await bearer(token({ claims: { ...claims, iat: nowS + ahead } }))).to.have.property("conference");
      });
    }

    for (const ahead of [60.5, 61, 3600, 1e15]) {
      it(`refuses an iat ${ahead} s ahead, which the SFUs would`, async () => {
        await expectRefused(
          token({ claims: { ...claims, iat: nowS + ahead } }),
          /'iat' is more than 60 s in the future/,
        );
      });
    }

    it("refuses an iat that is no number", async () => {
      await expectRefused(token({ claims: { ...claims, iat: "now" } }), /'iat' claim is not valid/);
    });

    for (const name of ["exp", "nbf", "iat"]) {
      for (const time of ["1e999", "-1e999", "1e300", "9007199254740993"]) {
        it(`refuses an ${name} of ${time}, which not every reader sees alike`, async () => {
          const text = `{"iss":"room","exp":${String(nowS + 30)},"${name}":${time}}`.replace(/"exp":\d+,("exp")/, "$1");
          await expectRefused(token({ claims: text }), new RegExp(`'${name}' claim is not valid`));
        });
      }
    }

    it("refuses a token before its nbf", async () => {
      await expectRefused(token({ claims: { ...claims, nbf: nowS + 1 } }), /'nbf' claim is not valid/);
      expect(await bearer(token({ claims: { ...claims, nbf: nowS } }))).to.have.property("conference");
    });
  });

  describe("about form", () => {
    it("refuses a token signed with another key", async () => {
      await expectRefused(token({ claims, key: OTHER_KEY }), /fits none of the gateway's keys/);
    });

    it("refuses a token without a signature, alg none included", async () => {
      const [header, payload] = token({ claims }).split(".");
      const none = Buffer.from('{"alg":"none"}').toString("base64url");
      await expectRefused(`${String(header)}.${String(payload)}.`, /fits none|well-formed/);
      await expectRefused(`${none}.${String(payload)}.`, /not HS256|well-formed/);
      await expectRefused(token({ header: { alg: "none" }, claims }), /not HS256/);
    });

    for (const alg of ["HS384", "HS512", "RS256", "hs256", "", null, 256]) {
      it(`refuses alg ${JSON.stringify(alg)}`, async () => {
        await expectRefused(token({ header: { alg, typ: "JWT" }, claims }), /not HS256|well-formed/);
      });
    }

    it("refuses a token that is really signed with RS256", async () => {
      const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
      const signed = `${encode({ alg: "RS256" })}.${encode(claims)}`;
      const signature = signWith("sha256", Buffer.from(signed), privateKey).toString("base64url");
      await expectRefused(`${signed}.${signature}`, /not HS256/);
    });

    const misleading: Readonly<Record<string, unknown>> = {
      crit: ["x"],
      b64: false,
      zip: "DEF",
      enc: "A256GCM",
      cty: "JWT",
      jwk: { kty: "oct", k: GATEWAY_KEY },
      "x5t#S256": "c2Vl",
    };
    for (const [name, value] of Object.entries(misleading)) {
      it(`refuses a header with '${name}', which other readers heed`, async () => {
        await expectRefused(token({ header: { alg: "HS256", [name]: value }, claims }), new RegExp(`'${name}'`));
      });
    }

    for (const typ of ["JWE", "at+jwt", "", null, 7, ["JWT"]]) {
      it(`refuses the type ${JSON.stringify(typ)}`, async () => {
        await expectRefused(token({ header: { alg: "HS256", typ }, claims }), /type is not JWT/);
      });
    }

    for (const header of [
      {},
      { typ: "jwt" },
      { typ: "application/JWT" },
      { kid: "../../dev/null" },
      { kid: 7, x: {} },
    ]) {
      it(`takes the header members ${JSON.stringify(header)}, which say nothing of how to read it`, async () => {
        const text = token({ header: { alg: "HS256", ...header }, claims });
        expect(await bearer(text)).to.have.property("conference", iss);
      });
    }

    const [header, payload, signature] = token({ claims }).split(".") as [string, string, string];
    const misshapen: readonly string[] = [
      "garbage",
      ".",
      "..",
      "....",
      `${header}.${payload}`,
      `${header}.${payload}.${signature}.x.y`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `${header}.${payload}.${signature}\u00e9`,
      `${header} ${payload} ${signature}`,
      "null",
      "a+b",
      "a+b.c",
      "+/=.+/=.+/=",
      "%",
      "x".repeat(12_000),
      ".".repeat(12_000),
    ];
    for (const [index, text] of misshapen.entries()) {
      it(`refuses what is no JWT, example ${index + 1}: ${text.slice(0, 12)}`, async () => {
        await expectRefused(text, /well-formed|fits none/);
      });
    }

    const payloads: readonly (readonly [what: string, payload: string | Buffer])[] = [
      ["an array", "[]"],
      ["a string", '"room"'],
      ["a number", "7"],
      ["null", "null"],
      ["nothing", ""],
      ["JSON that ends too soon", '{"iss":"room"'],
      ["two objects", "{}{}"],
      ["invalid UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ];
    for (const [what, text] of payloads) {
      for (const encoding of ["base64url", "base64"] as const) {
        it(`refuses claims that are ${what}, in ${encoding}`, async () => {
          await expectRefused(tokenOf(hs256, text, encoding), /well-formed|no 'exp'/);
        });
      }
    }

    for (const text of ["", "null", "[]", '"HS256"', "{", '{"typ":"JWT"}']) {
      it(`refuses the header ${text === "" ? "of no text" : text}`, async () => {
        await expectRefused(tokenOf(text, JSON.stringify(claims)), /well-formed|not HS256/);
      });
    }
  });

  const nameless: readonly unknown[] = [undefined, "", null, 7, false, {}, ["room"]];
  for (const iss of nameless) {
    it(`knows no conference by the iss ${iss === undefined ? "that is missing" : JSON.stringify(iss)}`, async () => {
      const error = await refusal(bearer(token({ claims: { ...claims, iss } })));
      expect(error).to.include({ code: "missing_issuer", status: 403 });
    });
  }

  it("asks for the signature before it tells what a token lacks", async () => {
    await expectRefused(token({ claims: { exp: nowS - 1 }, key: OTHER_KEY }), /fits none/);
  });

  it("takes an iss that looks like something of JavaScript's for a name like any other", async () => {
    for (const iss of ["__proto__", "constructor", "0"]) {
      expect(await bearer(token({ claims: { ...claims, iss } }))).to.have.property("conference", iss);
    }
  });

  it("holds no part of the token in what it says", async () => {
    const secret = { iss: "TheSecretRoom", key: "VGhlU2VjcmV0S2V5" };
    const refused = [
      token({ claims: { ...secret, exp: nowS - 1 } }),
      token({ claims: { ...secret } }),
      token({ claims: { ...secret, exp: "TheSecretRoom" } }),
      token({ claims: { ...secret, exp: nowS + 30 }, key: OTHER_KEY }),
      token({ claims: { ...secret, exp: nowS + 30, iat: nowS + 100 } }),
      token({ header: { alg: "TheSecretRoom" }, claims: { ...secret, exp: nowS + 30 } }),
      token({ claims: { ...secret, iss: { TheSecretRoom: 1 }, exp: nowS + 30 } }),
      token({ claims: "TheSecretRoom" }),
      "TheSecretRoom",
      "TheSecretRoom.TheSecretRoom.TheSecretRoom",
    ];
    for (const text of refused) {
      const { message } = await refusal(bearer(text));
      expect(message).not.to.match(/Secret|VGhl/);
      for (const segment of text.split(".")) expect(message).not.to.include(segment);
    }
  });

  it("keeps a refused token's text and claims out of everything that hangs on the error", async () => {
    for (const text of [token({ claims, key: OTHER_KEY }), token({ claims: { ...claims, exp: nowS - 1 } })]) {
      const shown = inspect(await refusal(bearer(text)), { depth: Infinity, showHidden: true });
      expect(shown).not.to.include(text.slice(-20)).and.not.to.include(claimsOf(iss).key);
    }
  });
});
