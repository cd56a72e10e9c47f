import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { SimulatedSfu, type SfuFamily } from "../../lib/simulator/sfu.ts";
import { useFiles, sfuTable } from "../config/harness.ts";
import { seeded } from "../support/random.ts";
import { answer, useRawServers } from "../support/sockets.ts";
import { sfuKey } from "../support/tokens.ts";
import { nodesOf, runCli } from "./harness.ts";

interface Report {
  readonly ok: boolean;
  readonly warnings?: readonly string[];
  readonly faults?: readonly string[];
  readonly sfus?: readonly Readonly<Record<string, unknown>>[];
}

describe("check", () => {
  const files = useFiles();
  const listen = useRawServers();
  const twoNodes = { SFU_GATEWAY_NODES: nodesOf("http://a:1", "http://b:2") };

  it("says in a few lines what it has read", async () => {
    expect(await runCli(["check"], twoNodes)).to.deep.equal({
      exitCode: 0,
      stdout: [
        "the configuration is fine",
        "  SFUs          2",
        "  SFU list      none",
        "  store         none: this gateway shares nothing with others",
        "  authorities   the usual ones",
        "  registration  off, for SFU_GATEWAY_REGISTRATION_KEY is not set",
        "  admin routes  off, for SFU_GATEWAY_ADMIN_TOKEN is not set",
        "  keys          1 of the gateway",
        "  balancing     load",
        "  failover      up to 3 SFUs within 2500 ms",
        "",
      ].join("\n"),
      stderr: "",
    });
  });

  it("reads both files", async () => {
    const secrets = files.write("secrets.toml", sfuTable(1, 'region = "eu"\n') + sfuTable(2, 'region = "us"\n'));
    const config = files.write("gateway.toml", "[failover]\nmax_retries = 2\n");
    const { exitCode, stdout } = await runCli(["check", "--secrets", secrets, "--config", config]);
    expect(exitCode).to.equal(0);
    expect(stdout).to.include("SFUs          2 in 2 regions").and.include("up to 2 SFUs");
  });

  it("says what else is on", async () => {
    const secrets = files.write("secrets.toml", sfuTable(1, 'region = "eu"\n') + sfuTable(2));
    const config = files.write("gateway.toml", '[registry]\nurl = "https://list.example/sfus"\ninterval_ms = 500\n');
    const { stdout } = await runCli(["check", "--secrets", secrets, "--config", config], {
      SFU_GATEWAY_REGISTRATION_KEY: sfuKey(8),
      SFU_GATEWAY_ADMIN_TOKEN: "a-token-that-nobody-guesses",
    });
    expect(stdout)
      .to.include("SFUs          2 in 1 region\n")
      .and.include("SFU list      read every 500 ms\n")
      .and.include("registration  on\n")
      .and.include("admin routes  on\n");
  });

  it("tells warnings on stderr and is content all the same", async () => {
    const { exitCode, stderr } = await runCli(["check"], { ...twoNodes, SFU_GATEWAY_PROT: "1" });
    expect(exitCode).to.equal(0);
    expect(stderr).to.equal("warning: SFU_GATEWAY_PROT: no such variable, did you mean SFU_GATEWAY_PORT?\n");
  });

  it("tells all faults on stderr and nothing on stdout, with 2", async () => {
    const { exitCode, stdout, stderr } = await runCli(["check"], { SFU_GATEWAY_KEY: "=", SFU_GATEWAY_PORT: "x" });
    expect(exitCode).to.equal(2);
    expect(stdout).to.equal("");
    expect(stderr).to.match(
      /^sfu-gateway: 2 faults in the configuration:\n {2}SFU_GATEWAY_PORT: .*\n {2}SFU_GATEWAY_KEY: /,
    );
  });

  it("tells a script the same in JSON", async () => {
    const { exitCode, stdout, stderr } = await runCli(["check", "--json"], { ...twoNodes, SFU_GATEWAY_PROT: "1" });
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: "" });
    expect(JSON.parse(stdout)).to.deep.equal({
      ok: true,
      warnings: ["SFU_GATEWAY_PROT: no such variable, did you mean SFU_GATEWAY_PORT?"],
      sfus: [
        { address: "http://a:1", region: null },
        { address: "http://b:2", region: null },
      ],
    });
  });

  it("tells a script the faults in JSON, too", async () => {
    const { exitCode, stdout, stderr } = await runCli(["check", "--json"], { ...twoNodes, SFU_GATEWAY_PORT: "x" });
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 2, stderr: "" });
    expect(JSON.parse(stdout)).to.deep.equal({
      ok: false,
      faults: ["SFU_GATEWAY_PORT: expected a whole number from 0 to 65535"],
      warnings: [],
    });
  });

  it("shows no key, in either form", async () => {
    for (const args of [["check"], ["check", "--json"]]) {
      const { stdout, stderr } = await runCli(args, twoNodes);
      for (const number of [1, 2]) expect(stdout + stderr).not.to.include(sfuKey(number));
    }
  });

  describe("--live", () => {
    const running: SimulatedSfu[] = [];
    afterEach(async () => {
      await Promise.all(running.splice(0).map((sfu) => sfu.close()));
    });

    async function start(key: string, family: SfuFamily = "odoo-sfu"): Promise<SimulatedSfu> {
      const sfu = new SimulatedSfu({ key, family, clock: systemClock, random: seeded(1) });
      running.push(sfu);
      await sfu.listen();
      return sfu;
    }

    /** One that is fine, one with another key, one that is gone. */
    async function startFleet(family?: SfuFamily): Promise<readonly SimulatedSfu[]> {
      const fleet = [await start(sfuKey(1), family), await start(sfuKey(9), family), await start(sfuKey(3), family)];
      await fleet[2]!.break({ kind: "refuse" });
      return fleet;
    }

    const addresses = (fleet: readonly SimulatedSfu[]): string[] => fleet.map(({ address }) => address);

    for (const family of ["odoo-sfu", "o-sfu"] as const) {
      it(`tells fine, wrong key and unreachable apart, of ${family}`, async () => {
        const fleet = await startFleet(family);
        const { exitCode, stdout } = await runCli(["check", "--live", "--json"], {
          SFU_GATEWAY_NODES: nodesOf(...addresses(fleet)),
        });
        expect(exitCode).to.equal(1);
        const report = JSON.parse(stdout) as Report;
        expect(report.ok).to.be.false;
        expect(report.sfus).to.deep.equal([
          { address: fleet[0]!.address, region: null, state: "fine", detail: "it answers and accepts its key" },
          {
            address: fleet[1]!.address,
            region: null,
            state: "wrong key",
            detail:
              family === "o-sfu"
                ? "it answers and refuses its key: compare its AUTH_KEY with 'key'"
                : "it answers its key with 500, as odoo/sfu does: compare its AUTH_KEY with 'key'",
          },
          {
            address: fleet[2]!.address,
            region: null,
            state: "unreachable",
            detail: "it refused the connection (ECONNREFUSED)",
          },
        ]);
      });
    }

    it("tells the same in a table, an SFU a line", async () => {
      const fleet = await startFleet();
      const { exitCode, stdout } = await runCli(["check", "--live"], {
        SFU_GATEWAY_NODES: nodesOf(...addresses(fleet)),
      });
      expect(exitCode).to.equal(1);
      const states = ["fine", "wrong key", "unreachable"];
      expect(
        stdout
          .split("\n")
          .filter((line) => line.startsWith("http"))
          .map((line) => line.split(/ {2,}/).slice(0, 2)),
      ).to.deep.equal(fleet.map(({ address }, index) => [address, states[index]]));
    });

    for (const fault of [
      { kind: "status", status: 404 },
      { kind: "garbage" },
      { kind: "redirect" },
      { kind: "huge" },
    ] as const) {
      it(`tells something that is no SFU from one that cannot be reached: ${fault.kind}`, async () => {
        const sfu = await start(sfuKey(1));
        await sfu.break(fault);
        const { exitCode, stdout } = await runCli(["check", "--live", "--json"], {
          SFU_GATEWAY_NODES: nodesOf(sfu.address),
        });
        expect(exitCode).to.equal(1);
        expect((JSON.parse(stdout) as Report).sfus?.[0]).to.include({ state: "not an SFU" });
      });
    }

    it("is content with an SFU whose edge lets nothing else pass than calls", async () => {
      const edge = await listen((socket, { text }) => {
        socket.write(answer("", text.startsWith("GET /v1/channel") ? "403 Forbidden" : "404 Not Found"));
      });
      const { exitCode, stdout } = await runCli(["check", "--live", "--json"], {
        SFU_GATEWAY_NODES: nodesOf(edge.address),
      });
      expect((JSON.parse(stdout) as Report).sfus?.[0]).to.include({ state: "fine" });
      expect(exitCode).to.equal(0);
    });

    it("takes a proxy's 502 for an SFU that cannot be reached", async () => {
      const sfu = await start(sfuKey(1));
      await sfu.break({ kind: "status", status: 502 });
      const { stdout } = await runCli(["check", "--live"], { SFU_GATEWAY_NODES: nodesOf(sfu.address) });
      expect(stdout).to.include("unreachable  it answered with status 502");
    });

    it("is content where every SFU is fine, and makes no channel", async () => {
      const sfu = await start(sfuKey(1));
      const { exitCode, stdout } = await runCli(["check", "--live"], { SFU_GATEWAY_NODES: nodesOf(sfu.address) });
      expect(exitCode).to.equal(0);
      expect(stdout).to.include(`${sfu.address}  fine`);
      expect(sfu.channels).to.deep.equal([]);
      expect(sfu.requests.map(({ path }) => path)).to.deep.equal(["/v1/noop", "/v1/channel"]);
    });

    it("does not wait for an SFU that hangs", async () => {
      const sfu = await start(sfuKey(1));
      await sfu.break({ kind: "hang" });
      const config = files.write("gateway.toml", "[health]\ntimeout_ms = 20\n");
      const { exitCode, stdout } = await runCli(["check", "--live", "--config", config], {
        SFU_GATEWAY_NODES: nodesOf(sfu.address),
      });
      expect(exitCode).to.equal(1);
      expect(stdout).to.include("unreachable  it did not answer within 20 ms");
    });

    it("asks nobody where the configuration is faulty", async () => {
      const sfu = await start(sfuKey(1));
      const env = { SFU_GATEWAY_NODES: nodesOf(sfu.address), SFU_GATEWAY_PORT: "x" };
      expect(await runCli(["check", "--live"], env)).to.have.property("exitCode", 2);
      expect(sfu.requests).to.deep.equal([]);
    });

    it("asks a fleet of more than it asks at a time, and keeps its order", async () => {
      const sfu = await start(sfuKey(1));
      const entries = Array.from({ length: 45 }, (_, index) => ({
        address: `${sfu.address}/${index}`,
        key: sfuKey(1),
      }));
      const env = { SFU_GATEWAY_NODES: JSON.stringify({ sfu: entries }) };
      const report = JSON.parse((await runCli(["check", "--live", "--json"], env)).stdout) as Report;
      expect(report.sfus!.map(({ address }) => address)).to.deep.equal(entries.map(({ address }) => address));
    });
  });
});
