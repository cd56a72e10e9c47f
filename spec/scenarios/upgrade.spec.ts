import { expect } from "chai";
import { eventually } from "../support/eventually.ts";
import { type SimulatedFleet, useFleet } from "../support/fleet.ts";
import { failuresIn, type Load, useLoad } from "../support/load.ts";
import { freePort } from "../support/ports.ts";
import { type GatewayProcess, useGatewayProcesses } from "../support/process.ts";

describe("scenario: an upgrade, one instance after the other", function () {
  this.timeout(60_000);
  const start = useGatewayProcesses();
  const startFleet = useFleet();
  const startLoad = useLoad();
  let fleet: SimulatedFleet;
  let port: number;
  let load: Load;
  beforeEach(async () => {
    fleet = await startFleet(2);
    port = await freePort();
  });

  const startInstance = (): Promise<GatewayProcess> =>
    start({
      port,
      env: {
        SFU_GATEWAY_NODES: JSON.stringify({ sfu: fleet.entries }),
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
    const { ECONNRESET: reset = 0, ...others } = failuresIn(await load.stop());
    expect(others).to.deep.equal({});
    // Without net.ipv4.tcp_migrate_req the kernel may reset one in the moment in which a listener ends.
    expect(reset).to.be.at.most(2);
    for (const instance of running) {
      expect(
        instance.logs.some(({ outcome }) => outcome === "ok"),
        "each has served some",
      ).to.equal(true);
    }
  });
});
