import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { seeded } from "../support/random.ts";
import { callRaw } from "../support/sockets.ts";
import { claimsOf, sfuKey, token } from "../support/tokens.ts";
import { ADMIN_TOKEN } from "./hostile/mint.ts";

type Said = 200 | "missing_token" | "invalid_token";

const STATUSES: Readonly<Record<Said, number>> = { 200: 200, missing_token: 401, invalid_token: 401 };

/** Header lines with the right secret in them, and what is said to Odoo and to an administrator who send them. */
const ROWS: Readonly<Record<string, readonly [lines: (secret: string) => string, odoo: Said, admin: Said]>> = {
  "no header": [() => "", "missing_token", "missing_token"],
  "an empty header": [() => "Authorization:", "missing_token", "missing_token"],
  "a scheme alone": [() => "Authorization: Bearer", "missing_token", "missing_token"],
  "a scheme and spaces": [() => "Authorization: Bearer   ", "missing_token", "missing_token"],
  "the secret alone": [(secret) => `Authorization: ${secret}`, "missing_token", "missing_token"],
  "the scheme in lower case": [(secret) => `Authorization: bearer ${secret}`, 200, 200],
  "the scheme in upper case": [(secret) => `AUTHORIZATION: BEARER ${secret}`, 200, 200],
  // Odoo's older releases say jwt, and the SFUs heed no scheme.
  "another scheme": [(secret) => `Authorization: jwt ${secret}`, 200, "missing_token"],
  "a scheme with a colon": [(secret) => `Authorization: Bearer: ${secret}`, 200, "missing_token"],
  "several spaces": [(secret) => `Authorization: Bearer     ${secret}`, 200, 200],
  "spaces around it all": [(secret) => `Authorization: \t  Bearer ${secret} \t `, 200, 200],
  "a tab for the space": [(secret) => `Authorization: Bearer\t${secret}`, "missing_token", "missing_token"],
  "a tab behind the space": [(secret) => `Authorization: Bearer \t${secret}`, "invalid_token", "invalid_token"],
  "a no-break space": [(secret) => `Authorization: Bearer \u00a0${secret}`, "invalid_token", "invalid_token"],
  "an equals sign": [(secret) => `Authorization: Bearer=${secret}`, "missing_token", "missing_token"],
  "two schemes": [(secret) => `Authorization: Bearer Bearer ${secret}`, "invalid_token", "invalid_token"],
  "the secret twice": [(secret) => `Authorization: Bearer ${secret} ${secret}`, "invalid_token", "invalid_token"],
  "a comma behind it": [(secret) => `Authorization: Bearer ${secret},`, "invalid_token", "invalid_token"],
  "a list": [(secret) => `Authorization: Bearer ${secret}, Bearer ${secret}`, "invalid_token", "invalid_token"],
  "a parameter": [(secret) => `Authorization: Bearer ${secret};x=1`, "invalid_token", "invalid_token"],
  "a parameter by name": [(secret) => `Authorization: Bearer token="${secret}"`, "invalid_token", "invalid_token"],
  quotes: [(secret) => `Authorization: Bearer "${secret}"`, "invalid_token", "invalid_token"],
  "an escaped space": [(secret) => `Authorization: Bearer%20${secret}`, "missing_token", "missing_token"],
  "15 KB of spaces": [(secret) => `Authorization: Bearer ${" ".repeat(15_000)}${secret}`, 200, 200],
  "15 KB of something": [() => `Authorization: Bearer ${"x".repeat(15_000)}`, "invalid_token", "invalid_token"],
  "15 KB of dots": [() => `Authorization: Bearer ${".".repeat(15_000)}`, "invalid_token", "invalid_token"],
  "15 KB of scheme": [() => `Authorization: ${"x".repeat(15_000)}`, "missing_token", "missing_token"],
  "letters outside ASCII": [() => "Authorization: Bearer \u00e9\u00ff", "invalid_token", "invalid_token"],
  "a letter outside ASCII behind it": [
    (secret) => `Authorization: Bearer ${secret}\u00e9`,
    "invalid_token",
    "invalid_token",
  ],
  "one character less": [(secret) => `Authorization: Bearer ${secret.slice(0, -1)}`, "invalid_token", "invalid_token"],
  "another header": [(secret) => `Proxy-Authorization: Bearer ${secret}`, "missing_token", "missing_token"],
  "an underscore in its name": [(secret) => `X_Authorization: Bearer ${secret}`, "missing_token", "missing_token"],
  "a cookie": [(secret) => `Cookie: Authorization=Bearer ${secret}; token=${secret}`, "missing_token", "missing_token"],
  "the words of a mistake": [() => "Authorization: Bearer undefined", "invalid_token", "invalid_token"],
};

/** No header at all, or more than one: nobody gets as far as looking for a token. */
const NO_HEADERS: Readonly<Record<string, (secret: string) => string>> = {
  "a NUL": (secret) => `Authorization: Bearer ${secret}\u0000`,
  "a NUL inside": (secret) => `Authorization: Bearer \u0000${secret}`,
  "a bare carriage return": (secret) => `Authorization: Bearer\r ${secret}`,
  "a space before the colon": (secret) => `Authorization : Bearer ${secret}`,
  // Of two, one program heeds the first and another the last.
  "the header twice, alike": (secret) => `Authorization: Bearer ${secret}\r\nAuthorization: Bearer ${secret}`,
  "the header twice, the first right": (secret) => `Authorization: Bearer ${secret}\r\nauthorization: Bearer x`,
  "the header twice, the last right": (secret) => `authorization: Bearer x\r\nAuthorization: Bearer ${secret}`,
  "20 KB": () => `Authorization: Bearer ${"x".repeat(20_000)}`,
};

describe("hostile Authorization headers", () => {
  let sfu: SimulatedSfu;
  let gateway: TestGateway;
  before(async () => {
    sfu = new SimulatedSfu({ key: sfuKey(1), clock: systemClock, random: seeded(1) });
    await sfu.listen();
    gateway = await startGateway({
      sfus: [{ address: sfu.address, key: sfuKey(1) }],
      env: { SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN, SFU_GATEWAY_TRUST_PROXY: "127.0.0.1/32" },
    });
  });
  after(async () => {
    await gateway.close();
    await sfu.close();
  });

  /** Each from a caller of his own: whoever is refused too often hears nothing else any more. */
  let callers = 0;
  const send = async (request: string, lines: string, body = ""): Promise<{ status: number; text: string }> => {
    callers++;
    const own = `Host: gateway\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.${String(callers % 256)}`;
    const length = body === "" ? "" : `\r\nContent-Length: ${String(body.length)}`;
    const { received, closed } = await callRaw(
      gateway.url,
      `${request} HTTP/1.1\r\n${own}${length}${lines === "" ? "" : `\r\n${lines}`}\r\n\r\n${body}`,
    );
    await closed;
    const text = received();
    return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0), text };
  };
  const odoosToken = (): string => token({ claims: claimsOf("room") });
  const drain = (lines: string): Promise<{ status: number; text: string }> =>
    send("POST /v1/sfu/drain", lines, JSON.stringify({ address: sfu.address }));

  const expectSaid = ({ status, text }: { status: number; text: string }, said: Said, secret: string): void => {
    expect(status, text).to.equal(STATUSES[said]);
    if (said === 200) return;
    expect(text).to.include(`"error":"${said}"`);
    expect(text).not.to.include(secret.slice(-20));
  };

  afterEach("a good call is served", async () => {
    expect(await send("GET /v1/channel", `Authorization: Bearer ${odoosToken()}`)).to.have.property("status", 200);
    expect(await send("GET /v1/explain", `Authorization: Bearer ${ADMIN_TOKEN}`)).to.have.property("status", 200);
  });

  for (const [what, [lines, odoo, admin]] of Object.entries(ROWS)) {
    it(`${what}: ${String(odoo)} for a channel`, async () => {
      const before = sfu.requests.length;
      expectSaid(await send("GET /v1/channel", lines(odoosToken())), odoo, odoosToken());
      if (odoo !== 200) expect(sfu.requests.length, "requests that an SFU has seen").to.equal(before);
    });

    it(`${what}: ${String(admin)} for an administrator`, async () => {
      expectSaid(await send("GET /v1/explain", lines(ADMIN_TOKEN)), admin, ADMIN_TOKEN);
      if (admin === 200) return;
      expectSaid(await drain(lines(ADMIN_TOKEN)), admin, ADMIN_TOKEN);
      expect(await (await gateway.get("/v1/health")).json()).to.have.nested.property("sfus[0].draining", false);
    });
  }

  for (const [what, lines] of Object.entries(NO_HEADERS)) {
    it(`${what}: no request at all`, async () => {
      const before = sfu.requests.length;
      for (const [request, secret] of [
        ["GET /v1/channel", odoosToken()],
        ["GET /v1/explain", ADMIN_TOKEN],
      ] as const) {
        const { status, text } = await send(request, lines(secret));
        expect(status, text).to.be.oneOf([400, 431]);
        expect(text).not.to.include(secret.slice(-20));
      }
      expect(sfu.requests.length).to.equal(before);
    });
  }

  const notTheAdmin: Readonly<Record<string, () => string>> = {
    "Odoo's token": odoosToken,
    "the token in upper case": () => ADMIN_TOKEN.toUpperCase(),
    "the token's bytes": () => Buffer.from(ADMIN_TOKEN, "base64").toString("latin1"),
    "the token encoded once more": () => Buffer.from(ADMIN_TOKEN).toString("base64"),
    "an SFU's key": () => sfuKey(1),
    "the token with a zero-width space": () => Buffer.from(`${ADMIN_TOKEN}\u200b`).toString("latin1"),
  };
  for (const [what, secret] of Object.entries(notTheAdmin)) {
    it(`${what} is not the admin token`, async () => {
      expectSaid(await send("GET /v1/explain", `Authorization: Bearer ${secret()}`), "invalid_token", secret());
    });
  }

  it("the admin token is none of Odoo's", async () => {
    const answered = await send("GET /v1/channel", `Authorization: Bearer ${ADMIN_TOKEN}`);
    expectSaid(answered, "invalid_token", ADMIN_TOKEN);
  });
});
