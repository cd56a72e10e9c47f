import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { useFiles } from "../config/harness.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";
import { type GatewayProcess, useGatewayProcesses } from "../support/process.ts";
import { useRedis } from "../support/redis.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { claimsOf, sfuKey, token } from "../support/tokens.ts";

/** What Odoo's request may take of the gateway (`retry_timeout_ms`). */
const BUDGET_MS = 2500;

/**
 * A turn that nobody renews lasts for half a second more; the rest is for a machine that has more to do. Who had to wait until
 * he goes ahead without it would need half his budget.
 */
const SOON_MS = 900;

describe("scenario: one of two gateways is killed while it asks an SFU", function () {
  this.timeout(60_000);
  const redis = useRedis();
  const startSfu = useSimulatedSfus();
  const startGateway = useGatewayProcesses();
  const files = useFiles();

  const metric = async ({ url }: GatewayProcess, series: string): Promise<number> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    const line = text.split("\n").find((candidate) => candidate.startsWith(`sfu_gateway_${series} `));
    return Number(line?.split(" ").at(-1) ?? 0);
  };
  const join = (gateway: GatewayProcess): Promise<Response> =>
    fetch(`${gateway.url}/v1/channel`, { headers: { authorization: `Bearer ${token({ claims: claimsOf("room") })}` } });

  it("the member who waits at the other one is served half a second later, within the budget", async () => {
    const sfu = await startSfu({ key: sfuKey(1) });
    const secrets = files.write("secrets.toml", `[store]\nurl = "redis://127.0.0.1:${String(redis.port)}"\n`);
    const config = files.write("gateway.toml", `[failover]\nretry_timeout_ms = ${String(BUDGET_MS)}\n`);
    const setup = {
      env: { SFU_GATEWAY_NODES: JSON.stringify({ sfu: [{ address: sfu.address, key: sfuKey(1) }] }) },
      args: ["serve", "--secrets", secrets, "--config", config],
    };
    const [killed, other] = await Promise.all([startGateway(setup), startGateway(setup)]);
    await eventually("they know each other", async () => (await metric(other, "instances")) === 2, FOR_A_PROCESS);
    const asked = (): number => sfu.requests.filter(({ path }) => path.startsWith("/v1/channel")).length;

    await sfu.break({ kind: "slow", delayMs: 60_000 });
    const lost = join(killed).then(
      () => "answered",
      () => "lost",
    );
    await eventually("it asks the SFU", () => asked() === 1);
    const joinedMs = systemClock.monotonic();
    const waiting = join(other);
    await eventually("the other one finds its turn taken", async () => {
      return (await metric(other, 'store_commands_total{command="enter",outcome="ok"}')) > 0;
    });
    expect(asked(), "it waits").to.equal(1);
    const killedMs = systemClock.monotonic();
    killed.kill("SIGKILL");
    await sfu.heal();

    const answer = await waiting;
    const servedMs = systemClock.monotonic();
    expect(await lost).to.equal("lost");
    expect(answer.status).to.equal(200);
    expect(servedMs - killedMs).to.be.below(SOON_MS);
    expect(servedMs - joinedMs).to.be.below(BUDGET_MS);
    expect(asked()).to.equal(2);
    const { uuid } = (await answer.json()) as { readonly uuid: string };
    expect(sfu.channels.map((channel) => channel.uuid)).to.deep.equal([uuid]);
  });
});
