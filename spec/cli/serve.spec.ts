import { expect } from "chai";
import { createServer, type AddressInfo, type Server } from "node:net";
import { nodesOf, runCli, type Running, startCli } from "./harness.ts";

describe("serve", () => {
  let taken: Server;
  let running: Running[] = [];

  beforeEach(async () => {
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    for (const command of running) command.end();
    await Promise.all(running.map(({ exitCode }) => exitCode));
    running = [];
    await new Promise((resolve) => taken.close(resolve));
  });

  const env = {
    SFU_GATEWAY_NODES: nodesOf("http://127.0.0.1:1"),
    SFU_GATEWAY_PORT: "0",
    SFU_GATEWAY_BIND: "127.0.0.1",
  };
  const start = (more: Readonly<Record<string, string>> = {}, args: readonly string[] = ["serve"]): Running => {
    const command = startCli(args, { ...env, ...more });
    running.push(command);
    return command;
  };
  const portOf = async (command: Running): Promise<number> => (await command.line("listening on")).port as number;

  for (const args of [["serve"], []]) {
    it(`answers until it is told to end, and ends with 0: '${["sfu-gateway", ...args].join(" ")}'`, async () => {
      const gateway = start({}, args);
      const port = await portOf(gateway);
      expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()).to.deep.equal({ status: "ok" });
      gateway.end();
      expect(await gateway.exitCode).to.equal(0);
      expect(gateway.logs.map(({ msg }) => msg)).to.deep.equal([
        `listening on http://127.0.0.1:${port}`,
        "shutting down: no new requests, finishing those in flight",
        "shut down",
      ]);
      expect(await refuses(port)).to.be.true;
    });
  }

  it("says how large its fleet is", async () => {
    const line = await start({ SFU_GATEWAY_NODES: nodesOf("http://a", "http://b") }).line("listening on");
    expect(line).to.include({ sfus: 2, regions: 1 });
  });

  it("ends at once where it was told so before it had begun", async () => {
    const gateway = start();
    gateway.end();
    expect(await gateway.exitCode).to.equal(0);
  });

  it("writes the URL of an IPv6 address with brackets", async function () {
    const gateway = start({ SFU_GATEWAY_BIND: "::1" });
    const msg = await gateway.line("listening on").then(
      (line) => line.msg,
      () => this.skip(),
    );
    expect(msg).to.match(/^listening on http:\/\/\[::1\]:\d+$/);
  });

  it("logs the warnings about its configuration first", async () => {
    const gateway = start({ SFU_GATEWAY_PROT: "1" });
    await portOf(gateway);
    expect(gateway.logs[0]).to.include({
      level: "warn",
      where: "SFU_GATEWAY_PROT",
      msg: "SFU_GATEWAY_PROT: no such variable, did you mean SFU_GATEWAY_PORT?",
    });
  });

  it("says that the port is in use, ends with 1 and has started nothing", async () => {
    const { port } = taken.address() as AddressInfo;
    const { exitCode, stdout, stderr } = await runCli(["serve"], { ...env, SFU_GATEWAY_PORT: String(port) });
    expect(exitCode).to.equal(1);
    expect(stderr).to.equal(
      `sfu-gateway: cannot listen on 127.0.0.1:${port}: something else listens there (EADDRINUSE)\n`,
    );
    // It may have seen by then how an SFU is.
    expect(stdout).to.not.include("listening").and.not.include("shut");
  });

  it("says that the machine has no such address", async () => {
    const { exitCode, stderr } = await runCli(["serve"], { ...env, SFU_GATEWAY_BIND: "192.0.2.1" });
    expect(exitCode).to.equal(1);
    expect(stderr).to.match(/^sfu-gateway: cannot listen on 192\.0\.2\.1:0: this machine has no such address/);
  });

  it("starts nothing with a faulty configuration, and ends with 2", async () => {
    const { port } = taken.address() as AddressInfo;
    // The port is taken: had it tried to listen, it would have ended with 1.
    const { exitCode, stdout, stderr } = await runCli(["serve"], {
      ...env,
      SFU_GATEWAY_PORT: String(port),
      SFU_GATEWAY_NODES: "",
    });
    expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: "" });
    expect(stderr).to.match(/^sfu-gateway: 1 fault in the configuration:\n {2}configuration: \[\[sfu\]\]: no SFU/);
  });

  it("serves again after it has ended, in the same process", async () => {
    for (let time = 1; time <= 2; time++) {
      const gateway = start();
      const port = await portOf(gateway);
      expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).to.equal(200);
      gateway.end();
      expect(await gateway.exitCode).to.equal(0);
    }
  });
});

async function refuses(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/healthz`).then(
    () => false,
    () => true,
  );
}
