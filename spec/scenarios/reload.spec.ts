import { expect } from "chai";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { useCleanup } from "../support/cleanup.ts";
import { eventually } from "../support/eventually.ts";
import { type SimulatedFleet, useFleet } from "../support/fleet.ts";
import { failuresIn, type Load, useLoad } from "../support/load.ts";
import { type GatewayProcess, useGatewayProcesses } from "../support/process.ts";
import { seeded } from "../support/random.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../support/tokens.ts";

const PER_SECOND = 200;
const ADMIN_TOKEN = "an-admin-token-of-32-characters-";

describe("scenario: reloading under 200 calls a second", function () {
  this.timeout(30_000);
  const start = useGatewayProcesses();
  const startFleet = useFleet();
  const startLoad = useLoad();
  const cleanUp = useCleanup();
  let folder: string;
  let fleet: SimulatedFleet;
  let gateway: GatewayProcess;
  let load: Load;
  /** What Odoo signs with. */
  let odooKey: string;

  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    return path;
  };
  /** The fleet's entries as TOML, with keys of the spec's choice. */
  const fleetToml = (sfus: readonly number[], keyOf = (index: number): string => sfuKey(index + 1)): string =>
    sfus.map((index) => `[[sfu]]\naddress = "${fleet.sfus[index]!.address}"\nkey = "${keyOf(index)}"\n`).join("\n");

  beforeEach(async () => {
    const created = (folder = mkdtempSync(join(tmpdir(), "sfu-gateway-")));
    cleanUp(() => rmSync(created, { recursive: true }));
    fleet = await startFleet(3);
    odooKey = GATEWAY_KEY;
    gateway = await start({
      args: [
        "serve",
        "--secrets",
        write("secrets.toml", fleetToml([0, 1])),
        "--config",
        write("gateway.toml", '[balancing]\nstrategy = "round-robin"\n[health]\ninterval_ms = 200\n'),
      ],
      env: {
        SFU_GATEWAY_KEY: "",
        SFU_GATEWAY_KEY_FILE: write("key", GATEWAY_KEY),
        SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
      },
    });
    load = startLoad(gateway.url, { perSecond: PER_SECOND, key: () => odooKey });
    await served(20);
  });

  /** Waits until so many more calls have been answered. */
  const served = async (count: number): Promise<void> => {
    const until = load.outcomes.length + count;
    await eventually("calls are answered", () => load.outcomes.length >= until);
  };
  const hangUp = async (start: string): Promise<void> => {
    const line = gateway.nextLine(start);
    gateway.kill("SIGHUP");
    await line;
  };
  const admin = async (verb: "drain" | "undrain", address: string): Promise<void> => {
    const response = await fetch(`${gateway.url}/v1/sfu/${verb}`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ address }),
    });
    expect(response.status).to.equal(200);
  };
  const failures = async (): Promise<Readonly<Record<string, number>>> => failuresIn(await load.stop());

  it("loses none, whatever is reloaded", async () => {
    for (let round = 0; round < 5; round++) {
      write("secrets.toml", fleetToml(round % 2 === 0 ? [0, 1, 2] : [1, 2]));
      write("gateway.toml", `[balancing]\nstrategy = "${round % 2 === 0 ? "load" : "round-robin"}"\n`);
      await hangUp("reloaded: [[sfu]]");
      await served(40);
    }
    expect(await failures()).to.deep.equal({});
    expect(fleet.sfus[2]!.requests.length).to.be.above(0);
  });

  it("takes a changed file by itself", async () => {
    const line = gateway.nextLine("reloaded");
    write("gateway.toml", "[failover]\nmax_retries = 2\n");
    expect((await line).changes).to.include("[failover] max_retries: 3 → 2");
    await served(40);
    expect(await failures()).to.deep.equal({});
  });

  it("changes nothing for a broken file, and says why", async () => {
    write("secrets.toml", `${fleetToml([2])}\n[[sfu]]\naddress = "not a URL"\nkey = "=="\n`);
    write("gateway.toml", "[failover\n");
    const before = fleet.sfus[2]!.requests.length;
    const line = gateway.nextLine("not reloaded");
    gateway.kill("SIGHUP");
    expect((await line).faults).to.have.lengthOf.at.least(2);
    await served(100);
    expect(await failures()).to.deep.equal({});
    expect(fleet.sfus[2]!.requests.length).to.equal(before);
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).to.match(/^sfu_gateway_config_reloads_total{outcome="failed"} [1-9]/m);
  });

  it("rotates the gateway's key as the guide says, without a failed call", async () => {
    write("key", `${GATEWAY_KEY},${OTHER_KEY}`);
    await hangUp("reloaded: SFU_GATEWAY_KEY: changed, 2 keys");
    odooKey = OTHER_KEY;
    // Whoever has signed with the old one has been answered.
    await load.settled();
    await served(100);
    write("key", OTHER_KEY);
    await hangUp("reloaded: SFU_GATEWAY_KEY: changed, 1 key");
    await served(100);
    expect(await failures()).to.deep.equal({});
  });

  it("rotates the key of one SFU as the guide says, without a failed call", async () => {
    const [sfu] = fleet.sfus;
    const { address } = sfu!;
    await admin("drain", address);
    await served(40);

    await sfu!.close();
    const renewed = new SimulatedSfu({
      key: OTHER_KEY,
      port: Number(new URL(address).port),
      clock: systemClock,
      random: seeded(1),
    });
    cleanUp(() => renewed.close());
    await renewed.listen();
    await served(40);
    write(
      "secrets.toml",
      fleetToml([0, 1], (index) => (index === 0 ? OTHER_KEY : sfuKey(index + 1))),
    );
    await hangUp(`reloaded: [[sfu]] ${address}: key changed`);
    await admin("undrain", address);
    await eventually("it is given calls again", () => renewed.requests.some(({ claims }) => claims?.iss));
    await served(40);
    expect(await failures()).to.deep.equal({});
    expect(gateway.logs.filter(({ to }) => to === "misconfigured")).to.deep.equal([]);
  });
});
