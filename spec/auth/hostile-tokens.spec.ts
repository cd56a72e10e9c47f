import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { seeded } from "../support/random.ts";
import { ask, type Answered } from "../support/request.ts";
import { claimsOf, GATEWAY_KEY, sfuKey, token } from "../support/tokens.ts";
import { HOSTILE_TOKENS } from "./hostile-tokens.ts";
import { ADMIN_TOKEN, type Door, mint, REGISTRATION_KEY, STRANGERS, STRANGERS_TO_SFUS } from "./hostile/mint.ts";
import type { HostileToken, Verdict } from "./hostile/token.ts";

/** RFC 5737: nobody's. */
const STRANGE_SFU = "http://192.0.2.1:8070";

/** Parts of a token that are shorter are in any text. */
const TELLING = 10;

/** A door, and how one knocks. */
interface Knock {
  readonly door: Door;
  send(url: string, text: string, from?: string): Promise<Answered>;
  /** What an answer's status is by the verdict. */
  readonly statuses: Readonly<Record<Verdict, number>>;
}

const nowS = (): number => Math.floor(systemClock.now() / 1000);
/** Tells one good token from the next; always of one length. */
const once = (): string => randomBytes(6).toString("hex");

const channel: Knock = {
  door: {
    name: "a channel",
    key: GATEWAY_KEY,
    otherKeys: STRANGERS,
    members: () => `"iss":"room ${once()}","key":"Y2hhbm5lbCBrZXk="`,
    nowS,
  },
  send: (url, text, from) => ask(`${url}/v1/channel`, { headers: { authorization: `Bearer ${text}` }, ...at(from) }),
  statuses: { taken: 200, missing_token: 401, invalid_token: 401, missing_issuer: 403, invalid_claims: 400 },
};

const disconnect: Knock = {
  door: {
    name: "a disconnect",
    key: GATEWAY_KEY,
    otherKeys: STRANGERS,
    members: () => `"sessionIdsByChannel":{"${once()}":[1]}`,
    nowS,
  },
  send: (url, body, from) => ask(`${url}/v1/disconnect`, { method: "POST", body, ...at(from) }),
  statuses: { taken: 200, missing_token: 422, invalid_token: 422, missing_issuer: 422, invalid_claims: 422 },
};

const heartbeat: Knock = {
  door: {
    name: "a heartbeat",
    key: REGISTRATION_KEY,
    otherKeys: STRANGERS_TO_SFUS,
    members: () => `"jti":"${once()}"`,
    nowS,
  },
  send: (url, text, from) =>
    ask(`${url}/v1/sfu`, {
      method: "POST",
      headers: { authorization: `Bearer ${text}` },
      body: JSON.stringify({ status: "down", address: STRANGE_SFU }),
      ...at(from),
    }),
  statuses: { taken: 200, missing_token: 401, invalid_token: 401, missing_issuer: 401, invalid_claims: 401 },
};

function at(from: string | undefined): { readonly from?: string } {
  return from === undefined ? {} : { from };
}

/** Each from a caller of his own: whoever is refused too often hears nothing else any more. */
let callers = 0;
function somebody(): string {
  callers++;
  return `127.7.${String(callers >> 8)}.${String(callers & 255)}`;
}

const env = {
  SFU_GATEWAY_REGISTRATION_KEY: REGISTRATION_KEY,
  SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
};

for (const family of ["odoo-sfu", "o-sfu"] as const) {
  describe(`hostile tokens, in front of ${family}`, () => {
    let sfu: SimulatedSfu;
    let gateway: TestGateway;
    before(async () => {
      const latencyMs = { min: 0, max: 0 };
      sfu = new SimulatedSfu({ key: sfuKey(1), clock: systemClock, random: seeded(1), family, latencyMs });
      await sfu.listen();
      gateway = await startGateway({ sfus: [{ address: sfu.address, key: sfuKey(1) }], env });
    });
    after(async () => {
      await gateway.close();
      await sfu.close();
    });

    /** What hangs on a request: what the caller gets, and what the logs have of it. */
    const expectNothingOf = (text: string, { body, headers }: Answered, logsBefore: number): void => {
      const shown = body + JSON.stringify(headers) + JSON.stringify(gateway.logs.slice(logsBefore));
      for (const part of text.split(/[.,\s]/).filter(({ length }) => length >= TELLING)) {
        expect(shown).not.to.include(part.slice(0, 40)).and.not.to.include(part.slice(-40));
      }
    };

    const expectGoodCall = async (): Promise<void> => {
      expect(await gateway.join({ iss: `good call ${once()}` })).to.have.property("status", 200);
    };

    const expectVerdict = async (knock: Knock, { make, verdict }: HostileToken): Promise<void> => {
      const text = make(knock.door);
      const before = sfu.requests.length;
      const logsBefore = gateway.logs.length;
      const answered = await knock.send(gateway.url, text, somebody());
      expect(answered.status, answered.body).to.equal(knock.statuses[verdict]);
      if (verdict !== "taken") {
        expect(JSON.parse(answered.body)).to.have.property("error", verdict);
        expect(sfu.requests.length, "requests that an SFU has seen").to.equal(before);
        expectNothingOf(text, answered, logsBefore);
      }
      await expectGoodCall();
    };

    // What is refused reaches no SFU of whatever kind: the second one is there for what is taken.
    const isFirst = family === "odoo-sfu";
    for (const knock of isFirst ? [channel, disconnect, heartbeat] : [channel]) {
      const isHere = ({ only, verdict }: HostileToken): boolean =>
        (only?.includes(knock.door.name) ?? true) && (isFirst || verdict === "taken");
      for (const [about, rows] of Object.entries(HOSTILE_TOKENS)) {
        describe(`for ${knock.door.name}, about ${about}`, () => {
          for (const row of rows.filter(isHere)) {
            it(`${row.verdict}: ${row.name}`, () => expectVerdict(knock, row));
          }
        });
      }
    }

    it("ask an SFU once for what is taken, and show it the claims byte for byte", async () => {
      const before = sfu.requests.length;
      const payload = ` {"iss":"\u202e room","key":"a2V5","x":[1.0,9007199254740993],"exp":${String(nowS() + 60)}}`;
      const { status } = await channel.send(gateway.url, mint(channel.door, { payload, encoding: "base64" }));
      expect(status).to.equal(200);
      const [request, ...more] = sfu.requests.slice(before);
      expect(more).to.be.empty;
      const sent = request?.headers.authorization?.split(/[ .]/)[2] ?? "";
      expect(Buffer.from(sent, "base64url").toString()).to.equal(payload);
    });

    it("that name conferences which look alike get a channel each", async () => {
      const names = [
        "café",
        "cafe\u0301",
        "саfé",
        "café ",
        "Café",
        "café\u0000",
        "caf\ufffd",
        "café\u200b",
        "\u202eéfac",
      ];
      const uuids = new Set<unknown>();
      for (const iss of names) uuids.add((await gateway.join({ iss })).body.uuid);
      expect(uuids.size).to.equal(names.length);
    });
  });
}

describe("hostile tokens, while a key is rotated", () => {
  const OLD = GATEWAY_KEY;
  const NEW = Buffer.from("the gateway's next key, known to Odoo alone").toString("base64");
  let gateway: TestGateway;
  let sfu: SimulatedSfu;
  before(async () => {
    sfu = new SimulatedSfu({ key: sfuKey(1), clock: systemClock, random: seeded(1) });
    await sfu.listen();
    gateway = await startGateway({ sfus: [{ address: sfu.address, key: sfuKey(1) }], env: { SFU_GATEWAY_KEY: OLD } });
  });
  after(async () => {
    await gateway.close();
    await sfu.close();
  });

  const statusOf = async (key: string, knock: Knock): Promise<number> =>
    (await knock.send(gateway.url, mint(knock.door, { key }), somebody())).status;

  const steps: readonly (readonly [keys: readonly string[], old: boolean, next: boolean])[] = [
    [[OLD], true, false],
    [[OLD, NEW], true, true],
    [[NEW, OLD], true, true],
    [[NEW], false, true],
  ];
  it("are those of whichever key is not in force", async () => {
    for (const [keys, old, next] of steps) {
      gateway.reconfigure({ env: { SFU_GATEWAY_KEY: keys.join(",") } });
      for (const knock of [channel, disconnect]) {
        const refused = knock.statuses.invalid_token;
        expect(await statusOf(OLD, knock), "the old key").to.equal(old ? 200 : refused);
        expect(await statusOf(NEW, knock), "the new key").to.equal(next ? 200 : refused);
      }
    }
  });

  it("stay refused under many keys, for either alphabet", async () => {
    const keys = Array.from({ length: 20 }, (_, number) => Buffer.from(`key number ${String(number)} of many`));
    gateway.reconfigure({ env: { SFU_GATEWAY_KEY: keys.map((key) => key.toString("base64")).join(",") } });
    for (const encoding of ["base64url", "base64"] as const) {
      const last = await channel.send(gateway.url, mint(channel.door, { key: keys.at(-1) ?? "", encoding }));
      expect(last.status).to.equal(200);
      const text = mint(channel.door, { encoding });
      expect(await channel.send(gateway.url, text, somebody())).to.have.property("status", 401);
      const forged = text.replace(/[^.]*$/, "") + (token({ claims: claimsOf("x"), encoding }).split(".")[2] ?? "");
      expect(await channel.send(gateway.url, forged, somebody())).to.have.property("status", 401);
    }
  });
});
