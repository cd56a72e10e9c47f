import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callersThatFit } from "../../lib/cli/open-files.ts";
import { useCleanup } from "../support/cleanup.ts";
import { useGatewayProcesses } from "../support/process.ts";

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max stack size            8388608              unlimited            bytes
Max open files            4001                 524288               files
`;

describe("the files of a process", () => {
  const start = useGatewayProcesses();
  const cleanUp = useCleanup();

  it("are enough for half as many callers", () => {
    expect(callersThatFit(LIMITS)).to.equal(2000);
  });

  it("are any number where the system does not tell, or says so", () => {
    expect(callersThatFit("")).to.equal(Infinity);
    expect(callersThatFit(LIMITS.replace("4001  ", "unlimited"))).to.equal(Infinity);
  });

  it("are what this process has", function () {
    if (process.platform !== "linux") this.skip();
    expect(callersThatFit()).to.be.above(100);
  });

  it("are warned about where the configuration asks for more", async function () {
    if (callersThatFit() >= 1_000_000) this.skip();
    const folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
    cleanUp(() => rmSync(folder, { recursive: true }));
    const config = join(folder, "gateway.toml");
    writeFileSync(config, "[limits]\nmax_connections = 1_000_000\n");
    const { logs } = await start({ env: { SFU_GATEWAY_NODES: '{"sfu":[]}' }, args: ["serve", "--config", config] });
    const line = logs.find(({ msg }) => String(msg).startsWith("the process may open files for"));
    expect(line).to.include({ level: "warn" });
  });
});
