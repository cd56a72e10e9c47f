import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect } from "chai";
import { eventually } from "../support/eventually.ts";
import { type SimulatedFleet, startFleet } from "../support/fleet.ts";
import { type Load, startLoad } from "../support/load.ts";
import { type GatewayProcess, useGatewayProcesses } from "../support/process.ts";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("scenario: an upgrade, one instance after the other", () => {
  const start = useGatewayProcesses();
  let fleet: SimulatedFleet;
  let port: number;
  let load: Load;
  beforeEach(async () => {
    fleet = await startFleet(2);
    port = await freePort();
  });
  afterEach(async () => {
    await load.stop();
    await fleet.close();
  });

  const startInstance = (): Promise<GatewayProcess> =>
    start({
      env: {
        SFU_GATEWAY_NODES: JSON.stringify({ sfu: fleet.entries }),
        SFU_GATEWAY_PORT: String(port),
        SFU_GATEWAY_REUSE_PORT: "true",
      },
    });
  const served = async (count: number): Promise<void> => {
    const until = load.outcomes.length + count;
    await eventually("calls are answered", () => load.outcomes.length >= until);
  };

  it("loses no call under 200 a second", async () => {
    let running = [await startInstance(), await startInstance()];
    load = startLoad(running[0]!.url, { perSecond: 200 });
    await served(100);
    for (const old of running) {
      old.kill("SIGTERM");
      expect(await old.exitCode).to.equal(0);
      running = [...running.filter((instance) => instance !== old), await startInstance()];
      await served(40);
    }
    expect((await load.stop()).filter(({ status }) => status !== 200)).to.deep.equal([]);
    for (const instance of running) {
      expect(
        instance.logs.some(({ outcome }) => outcome === "ok"),
        "each has served some",
      ).to.equal(true);
    }
  }).timeout(30_000);
});
