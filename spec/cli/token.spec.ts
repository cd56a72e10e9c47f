import { expect } from "chai";
import { jwtVerify } from "jose";
import { parseKey } from "../../lib/auth/keys.ts";
import { createVerifier } from "../../lib/auth/verify.ts";
import { systemClock } from "../../lib/clock.ts";
import { GATEWAY_KEY, OTHER_KEY } from "../support/tokens.ts";
import { runCli } from "./harness.ts";

describe("token", () => {
  const iss = "https://odoo.example.com:channel:7";

  it("prints a token that jose verifies, and nothing else", async () => {
    const { exitCode, stdout, stderr } = await runCli(["token", "--iss", iss]);
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: "" });
    expect(stdout).to.match(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const { payload, protectedHeader } = await jwtVerify(stdout.trim(), Buffer.from(GATEWAY_KEY, "base64"));
    expect(protectedHeader).to.deep.equal({ alg: "HS256", typ: "JWT" });
    expect(payload).to.have.all.keys("iss", "key", "exp").and.include({ iss });
    expect(Buffer.from(payload.key as string, "base64")).to.have.length(32);
  });

  it("prints a token that the gateway takes", async () => {
    const { stdout } = await runCli(["token", "--iss", iss]);
    const verify = createVerifier([parseKey(GATEWAY_KEY)], systemClock);
    expect(verify(`Bearer ${stdout.trim()}`)).to.have.property("conference", iss);
  });

  it("gives one conference one channel key, and another one another", async () => {
    const keyFor = async (conference: string): Promise<unknown> => {
      const { stdout } = await runCli(["token", "--iss", conference]);
      return (await jwtVerify(stdout.trim(), Buffer.from(GATEWAY_KEY, "base64"))).payload.key;
    };
    expect(await keyFor("a")).to.equal(await keyFor("a"));
    expect(await keyFor("a")).not.to.equal(await keyFor("b"));
  });

  it("tells a script when the token expires", async () => {
    const before = Math.floor(systemClock.now() / 1000);
    const { exitCode, stdout } = await runCli(["token", "--iss", iss, "--ttl", "3600", "--json"]);
    expect(exitCode).to.equal(0);
    const { token, expiresAt } = JSON.parse(stdout) as { token: string; expiresAt: string };
    const { payload } = await jwtVerify(token, Buffer.from(GATEWAY_KEY, "base64"));
    expect(payload.exp).to.be.within(before + 3600, before + 3660);
    expect(expiresAt).to.equal(new Date(payload.exp! * 1000).toISOString());
  });

  it("signs with the first of several keys", async () => {
    const { stdout } = await runCli(["token", "--iss", iss], { SFU_GATEWAY_KEY: `${OTHER_KEY},${GATEWAY_KEY}` });
    expect((await jwtVerify(stdout.trim(), Buffer.from(OTHER_KEY, "base64"))).payload.iss).to.equal(iss);
  });

  const faulty: readonly (readonly [what: string, env: Record<string, string | undefined>, message: RegExp])[] = [
    ["is missing", { SFU_GATEWAY_KEY: undefined }, /SFU_GATEWAY_KEY: missing/],
    ["is not base64", { SFU_GATEWAY_KEY: "Zk7qXw9 Zk7qXw9" }, /SFU_GATEWAY_KEY: expected base64 text/],
    ["is in two places", { SFU_GATEWAY_KEY_FILE: "/dev/null" }, /SFU_GATEWAY_KEY or SFU_GATEWAY_KEY_FILE, got both/],
    [
      "is in a file that is not there",
      { SFU_GATEWAY_KEY: undefined, SFU_GATEWAY_KEY_FILE: "/nowhere/Zk7qXw9" },
      /SFU_GATEWAY_KEY_FILE: cannot read the file: no such file/,
    ],
  ];
  for (const [what, env, message] of faulty) {
    it(`ends with 2 where the key ${what}, and does not show it`, async () => {
      const { exitCode, stdout, stderr } = await runCli(["token", "--iss", iss], env);
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: "" });
      expect(stderr)
        .to.match(/^sfu-gateway: /)
        .and.match(message)
        .and.not.include("Zk7qXw9");
    });
  }
});
