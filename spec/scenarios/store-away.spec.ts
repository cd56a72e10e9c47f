import { expect } from "chai";
import { fleetReport, type StoreReport } from "../../lib/api/fleet.ts";
import { dashboardReport } from "../../lib/api/dashboard.ts";
import type { StoreSettings } from "../../lib/config/config.ts";
import { nodesOf, startCli } from "../cli/harness.ts";
import { useFiles } from "../config/harness.ts";
import { useCleanup } from "../support/cleanup.ts";
import { eventually } from "../support/eventually.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { useRedis } from "../support/redis.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { sfuKey } from "../support/tokens.ts";

const PASSWORD = "the-password-of-the-store";

describe("scenario: the store that gateways share goes away, and what they say of it", function () {
  this.timeout(30_000);
  const redis = useRedis();
  const startSfu = useSimulatedSfus();
  const cleanUp = useCleanup();
  const files = useFiles();

  const settings = (database = 0): StoreSettings => ({
    at: { kind: "single", host: { host: "127.0.0.1", port: redis.port }, database },
    isTls: false,
    username: null,
    prefix: "sfu-gateway",
  });
  const start = async (sfus?: readonly { address: string; key: string }[]): Promise<TestGateway> => {
    const fleet = sfus ?? [{ address: (await startSfu()).address, key: sfuKey(1) }];
    const gateway = await startGateway({ sfus: fleet, store: settings() });
    cleanUp(() => gateway.close());
    return gateway;
  };
  const readiness = async (gateway: TestGateway): Promise<string> => {
    const response = await gateway.get("/readyz");
    return `${String(response.status)} ${((await response.json()) as { status: string }).status}`;
  };
  const storeOf = async (gateway: TestGateway): Promise<StoreReport | null> =>
    fleetReport.parse(await (await gateway.get("/v1/health")).json()).store;
  const said = ({ logs }: TestGateway, start: string): number =>
    logs.filter(({ msg }) => String(msg).startsWith(start)).length;

  it("is degraded and serves calls, says so everywhere and once in the log, and is well again by itself", async () => {
    const [one, other] = [await start(), await start()];
    const both = [one, other];
    for (const gateway of both) {
      await eventually("it sees both", async () => (await storeOf(gateway))?.instances === 2);
      expect(await readiness(gateway)).to.equal("200 ready");
      expect([await gateway.metric("store_up"), await gateway.metric("instances")]).to.deep.equal([1, 2]);
    }

    await redis.stop();
    for (const gateway of both) {
      await eventually("it has noticed", async () => (await readiness(gateway)) === "200 degraded");
      expect((await gateway.join()).status).to.equal(200);
      expect(await storeOf(gateway)).to.include({ away: true, instances: 1 });
      await eventually("it counts the seconds", async () => (await storeOf(gateway))!.forSeconds! >= 1);
      const page = dashboardReport.parse(await (await gateway.get("/dashboard/data")).json());
      expect(page.fleet.store).to.include({ away: true });
      expect(await gateway.metric("store_up")).to.equal(0);
      expect(said(gateway, "the store is away: it ")).to.equal(1);
    }

    await redis.start();
    for (const gateway of both) {
      await eventually("it is back", async () => (await readiness(gateway)) === "200 ready");
      await eventually("it sees both again", async () => (await storeOf(gateway))?.instances === 2);
      expect(await storeOf(gateway)).to.deep.equal({ away: false, forSeconds: null, instances: 2 });
      expect(await gateway.metric("store_up")).to.equal(1);
      expect([said(gateway, "the store is away"), said(gateway, "the store is back after ")]).to.deep.equal([1, 1]);
    }
  });

  it("says once at the start that it is there, whether others are or not", async () => {
    const logged = ({ logs }: TestGateway): readonly string[] =>
      logs.map(({ msg }) => String(msg)).filter((msg) => msg.includes("the store"));
    const one = await start();
    expect(logged(one)).to.deep.equal(["the store can be used: no other gateway shares the store yet"]);
    const other = await start();
    expect(logged(other)).to.deep.equal(["2 gateways share the store"]);
    await eventually("the first has heard", () => logged(one).length === 2);
    expect(logged(one)[1]).to.equal("1 gateway has joined: 2 gateways share the store");
  });

  it("starts without it, and is not ready without an SFU for that reason", async () => {
    await redis.stop();
    const gateway = await start();
    expect(await readiness(gateway)).to.equal("200 degraded");
    expect(said(gateway, "the store is away: it ")).to.equal(1);
    const empty = await start([]);
    expect(await readiness(empty)).to.equal("503 no_sfu_available");
    await redis.start();
    await eventually("it has come", async () => (await readiness(gateway)) === "200 ready");
    expect(await readiness(empty)).to.equal("503 no_sfu_available");
  });

  it("goes on with the store that it was started with, whatever a reload says", async () => {
    const [one, other] = [await start(), await start()];
    one.reconfigure({ store: settings(7) });
    await eventually("they still see each other", async () => (await storeOf(other))?.instances === 2);
    expect(await storeOf(one)).to.deep.include({ away: false });
    expect(await readiness(one)).to.equal("200 ready");
  });

  it("says that its password is wrong, and not what it is", async () => {
    await redis.wantPassword("another-password");
    const at = `127.0.0.1:${String(redis.port)}`;
    const secrets = files.write("secrets.toml", `[store]\nurl = "redis://:${PASSWORD}@${at}"\n`);
    const env = { SFU_GATEWAY_NODES: nodesOf("http://127.0.0.1:9"), SFU_GATEWAY_PORT: "0" };
    const running = startCli(["serve", "--secrets", secrets], { ...env, SFU_GATEWAY_BIND: "127.0.0.1" });
    try {
      expect(String((await running.line("the store is away")).msg)).to.match(/: it [^;]+ \(WRONGPASS\); /);
      await running.line("listening");
    } finally {
      running.end();
      await running.exitCode;
    }
    expect(JSON.stringify(running.logs)).not.to.include(PASSWORD).and.not.include("another-password");
  });
});
