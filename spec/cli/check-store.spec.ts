import { expect } from "chai";
import { parseKey } from "../../lib/auth/keys.ts";
import { systemClock, systemRandom } from "../../lib/clock.ts";
import { Events } from "../../lib/events.ts";
import { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { createRedisStore } from "../../lib/store/redis.ts";
import type { Store } from "../../lib/store/store.ts";
import { sfuTable, useFiles } from "../config/harness.ts";
import { freePort } from "../support/ports.ts";
import { seeded } from "../support/random.ts";
import { storeOn, useRedis } from "../support/redis.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../support/tokens.ts";
import { nodesOf, type Ran, runCli } from "./harness.ts";

const PASSWORD = "the-password-of-the-store";

describe("check, of a store", function () {
  this.timeout(20_000);
  const redis = useRedis();
  const files = useFiles();
  const gateways: Store[] = [];
  let sfu: SimulatedSfu;
  beforeEach(async () => {
    sfu = new SimulatedSfu({ key: sfuKey(1), clock: systemClock, random: seeded(1) });
    await sfu.listen();
  });
  afterEach(async () => {
    await Promise.all(gateways.splice(0).map((gateway) => gateway.close()));
    await sfu.close();
  });

  const check = async (url: string, ...args: readonly string[]): Promise<Ran> => {
    const secrets = files.write("secrets.toml", `[store]\nurl = "${url}"\n`);
    const ran = await runCli(["check", "--secrets", secrets, ...args], { SFU_GATEWAY_NODES: nodesOf(sfu.address) });
    expect(ran.stdout + ran.stderr).not.to.include(PASSWORD);
    return ran;
  };
  const last = ({ stdout }: Ran): string => stdout.trim().split("\n").at(-1)!;
  /** What is in the store already: a gateway with this key. */
  const join = async (key: string): Promise<void> => {
    const gateway = createRedisStore({
      clock: systemClock,
      random: systemRandom,
      events: new Events(),
      settings: storeOn(redis.port),
      password: null,
      sentinelPassword: null,
      ca: null,
      keys: () => [parseKey(key)],
    });
    gateways.push(gateway);
    await gateway.open();
    expect(gateway.isAway()).to.be.false;
  };

  it("says what kind it is, and connects to nothing unless it is asked to", async () => {
    const kinds = {
      "redis://127.0.0.1:1/3": "Redis, the keys begin with sfu-gateway:",
      "rediss+sentinel://127.0.0.1:1/m": "Redis by Sentinel by TLS, the keys begin with sfu-gateway:",
      "redis+cluster://127.0.0.1:1": "a Redis Cluster, the keys begin with sfu-gateway:",
    };
    for (const [url, kind] of Object.entries(kinds)) {
      const { exitCode, stdout } = await check(url);
      expect(exitCode).to.equal(0);
      expect(stdout).to.include(`  store         ${kind}\n`);
    }
  });

  it("is content where it answers, and counts the gateways that are there", async () => {
    const url = `redis://127.0.0.1:${String(redis.port)}`;
    expect(last(await check(url, "--live"))).to.equal("the store answers (0 gateways)");
    await join(GATEWAY_KEY);
    const ran = await check(url, "--live");
    expect(ran.exitCode).to.equal(0);
    expect(last(ran)).to.equal("the store answers (1 gateway)");
    const { store, ok } = JSON.parse((await check(url, "--live", "--json")).stdout) as Record<string, unknown>;
    expect({ store, ok }).to.deep.equal({
      store: { state: "fine", gateways: 1, detail: "the store answers (1 gateway)" },
      ok: true,
    });
  });

  it("says that gateways with another key are there", async () => {
    await join(OTHER_KEY);
    const ran = await check(`redis://127.0.0.1:${String(redis.port)}`, "--live");
    expect(ran.exitCode).to.equal(1);
    expect(last(ran)).to.match(
      /^the store answers \(0 gateways\), and holds what cannot be read: .*SFU_GATEWAY_KEY\?$/,
    );
  });

  it("says that nobody is there", async () => {
    const ran = await check(`redis://:${PASSWORD}@127.0.0.1:${String(await freePort())}`, "--live");
    expect(ran.exitCode).to.equal(1);
    expect(last(ran)).to.match(/^the store cannot be used: it .*\(ECONNREFUSED\)$/);
    const json = await check(`redis://:${PASSWORD}@127.0.0.1:${String(await freePort())}`, "--live", "--json");
    expect(JSON.parse(json.stdout))
      .to.deep.include({ ok: false })
      .and.to.have.nested.include({ "store.state": "away" });
  });

  it("says that it wants another password, or one at all", async () => {
    await redis.wantPassword("another-password");
    const at = `127.0.0.1:${String(redis.port)}`;
    expect(last(await check(`redis://:${PASSWORD}@${at}`, "--live"))).to.match(/cannot be used: it .*\(WRONGPASS\)$/);
    expect(last(await check(`redis://${at}`, "--live"))).to.match(/cannot be used: it .*\(NOAUTH\)$/);
    expect(last(await check(`redis://:another-password@${at}`, "--live"))).to.equal("the store answers (0 gateways)");
  });

  it("says that it takes no writes", async () => {
    await redis.ask("REPLICAOF", "127.0.0.1", await freePort());
    const ran = await check(`redis://127.0.0.1:${String(redis.port)}`, "--live");
    expect(ran.exitCode).to.equal(1);
    expect(last(ran)).to.match(/cannot be used: it .*replica.*\(READONLY\)$/);
  });

  it("asks whether it speaks TLS at all", async () => {
    const ran = await check(`rediss://127.0.0.1:${String(redis.port)}`, "--live");
    expect(ran.exitCode).to.equal(1);
    expect(last(ran)).to.match(/cannot be used: it .*; does it speak TLS there \(else redis\)\?$/);
  });

  it("does not wait for one that hangs", async () => {
    redis.hang();
    const startedMs = systemClock.monotonic();
    const ran = await check(`redis://127.0.0.1:${String(redis.port)}`, "--live");
    expect(systemClock.monotonic() - startedMs).to.be.below(4000);
    expect(last(ran)).to.match(/cannot be used: it .* in time.*; does it want TLS \(rediss\)\?$/);
  });

  it("says nothing of it where there is none", async () => {
    const secrets = files.write("secrets.toml", sfuTable());
    const { stdout } = await runCli(["check", "--live", "--json", "--secrets", secrets], {
      SFU_GATEWAY_NODES: nodesOf(sfu.address),
    });
    expect(JSON.parse(stdout)).to.deep.include({ store: null, ok: true });
  });
});
