import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FleetReport } from "../../lib/api/fleet.ts";
import { makeAuthority, makeCertificate } from "../support/certificate.ts";
import { useCleanup } from "../support/cleanup.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";
import { useFleet } from "../support/fleet.ts";
import { type GatewayProcess, useGatewayProcesses } from "../support/process.ts";
import { useTlsEdges } from "../support/tls-edges.ts";
import { sfuKey } from "../support/tokens.ts";

describe("scenario: an authority of one's own is replaced", function () {
  this.timeout(60_000);
  const start = useGatewayProcesses();
  const openFleet = useFleet();
  const openEdge = useTlsEdges();
  const cleanUp = useCleanup();
  const [old, next] = [makeAuthority({ subject: "Old" }), makeAuthority({ subject: "Next" })];

  const stateOf = async ({ url }: GatewayProcess): Promise<unknown> => {
    const { sfus } = (await (await fetch(`${url}/v1/health`)).json()) as FleetReport;
    return sfus[0]!.state;
  };

  it("by writing the file: no signal, no restart, and what is no authority changes nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
    cleanUp(() => rmSync(folder, { recursive: true }));
    const write = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const fleet = await openFleet(1);
    const edge = await openEdge(fleet.sfus[0]!.address, makeCertificate({ by: old }));
    const address = `https://127.0.0.1:${String(edge.port)}`;
    const secrets = write("secrets.toml", `[[sfu]]\naddress = "${address}"\nkey = "${sfuKey(1)}"\n`);
    const config = write(
      "gateway.toml",
      `[tls]\nca_file = ${JSON.stringify(write("ca.pem", old.cert))}\n[health]\ninterval_ms = 500\n`,
    );
    const gateway = await start({ args: ["serve", "--secrets", secrets, "--config", config] });
    await eventually("it is healthy", async () => (await stateOf(gateway)) === "healthy", FOR_A_PROCESS);

    const refused = gateway.nextLine("not reloaded");
    write("ca.pem", "an authority, or so they say");
    expect(String((await refused).msg)).to.include("no certificate in it");
    expect(await stateOf(gateway)).to.equal("healthy");

    // The one that comes next is there before the servers have theirs from it: that costs nobody anything.
    const both = gateway.nextLine("reloaded");
    write("ca.pem", old.cert + next.cert);
    expect(JSON.stringify(await both)).to.include("[tls] ca_file: changed");
    edge.present(makeCertificate({ by: next }));
    const requests = fleet.sfus[0]!.requests.length;
    await eventually("it is probed", () => fleet.sfus[0]!.requests.length > requests + 4, FOR_A_PROCESS);
    expect(await stateOf(gateway)).to.equal("healthy");
  });
});
