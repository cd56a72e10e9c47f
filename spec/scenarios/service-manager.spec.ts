import { expect } from "chai";
import { useReceiver } from "../cli/systemd/receiver.ts";
import { useFiles } from "../config/harness.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";
import { type LaunchedProcess, useProcesses } from "../support/process.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../support/tokens.ts";
import { needsTools } from "../support/tools.ts";

/** So many milliseconds may pass between two signs of life. Three come in this time. */
const WATCHDOG_MS = 600;

const fleet = (more = ""): string => `[[sfu]]\naddress = "http://127.0.0.1:1"\nkey = "${sfuKey(1)}"\n${more}`;

/** The whole process, the real systemd-notify, and one that listens in systemd's place. */
describe("scenario: under a service manager", function () {
  this.timeout(30_000);
  needsTools("systemd-notify", "perl");
  const receiver = useReceiver();
  const files = useFiles();
  const launch = useProcesses();

  const start = (args: readonly string[], env: Readonly<Record<string, string>>): LaunchedProcess =>
    launch({ args, env: { NOTIFY_SOCKET: receiver.socket, ...env }, stderr: "ignore" });
  const serve = (env: Readonly<Record<string, string>> = {}): LaunchedProcess =>
    start(["serve", "--secrets", files.write("secrets.toml", fleet())], {
      SFU_GATEWAY_KEY: GATEWAY_KEY,
      SFU_GATEWAY_PORT: "0",
      SFU_GATEWAY_BIND: "127.0.0.1",
      ...env,
    });
  const state = (): string[] =>
    receiver.messages.flatMap((message) => ["READY", "RELOADING", "STOPPING"].filter((field) => field in message));

  it("says that it is ready once it answers, and that it stops, when it does", async () => {
    const child = serve();
    await eventually("it is ready", () => state().length === 1, FOR_A_PROCESS);
    const [, url] = /^listening on (http:\S+)$/.exec(receiver.values("STATUS")[0]!)!;
    expect((await fetch(`${url!}/healthz`)).status).to.equal(200);
    child.kill("SIGTERM");
    expect(await child.exitCode).to.equal(0);
    expect(state()).to.deep.equal(["READY", "STOPPING"]);
    expect(receiver.values("WATCHDOG"), "nobody waits for signs of life").to.deep.equal([]);
    expect(JSON.stringify(child.logs)).not.to.include("the service manager cannot be told");
  });

  it("says when it reloads, and in the status where it has refused to", async () => {
    const child = serve();
    await eventually("it is ready", () => state().length === 1, FOR_A_PROCESS);
    child.kill("SIGHUP");
    await eventually("it has reloaded", () => state().length === 3, FOR_A_PROCESS);
    files.write("secrets.toml", fleet('weight = "much"\n'));
    child.kill("SIGHUP");
    await eventually("it has refused", () => state().length === 5, FOR_A_PROCESS);
    files.write("secrets.toml", fleet("weight = 2\n"));
    child.kill("SIGHUP");
    await eventually("it has reloaded", () => state().length === 7, FOR_A_PROCESS);

    expect(state()).to.deep.equal(["READY", ...Array.from({ length: 3 }, () => ["RELOADING", "READY"]).flat()]);
    const [atFirst, afterwards, refused, mended] = receiver.values("STATUS");
    expect(refused).to.equal(`${atFirst!}; the last reload was refused, the log says why`);
    expect([afterwards, mended]).to.deep.equal([atFirst, atFirst]);
  });

  it("shows signs of life while it answers, none while it hangs, and some again afterwards", async () => {
    const child = serve({ WATCHDOG_USEC: String(WATCHDOG_MS * 1000) });
    const signs = (): number => receiver.values("WATCHDOG").length;
    await eventually("signs of life", () => signs() >= 2, FOR_A_PROCESS);

    child.kill("SIGSTOP");
    // The helper that was on its way is no part of what hangs.
    const stoppedAt = process.hrtime.bigint();
    const passed = (ms: number): boolean => process.hrtime.bigint() - stoppedAt > BigInt(ms) * 1_000_000n;
    await eventually("a helper has had its time", () => passed(WATCHDOG_MS / 3));
    const before = signs();
    await eventually("systemd would have acted", () => passed(2 * WATCHDOG_MS));
    expect(signs()).to.equal(before);

    child.kill("SIGCONT");
    await eventually("signs of life again", () => signs() > before, FOR_A_PROCESS);
  });

  it("shows no sign of life to a watchdog that is another process's", async () => {
    serve({ WATCHDOG_USEC: "1000", WATCHDOG_PID: String(process.pid) });
    await eventually("it is ready", () => state().length === 1, FOR_A_PROCESS);
    const [, url] = /^listening on (http:\S+)$/.exec(receiver.values("STATUS")[0]!)!;
    for (let time = 1; time <= 20; time++) await fetch(`${url!}/healthz`);
    expect(receiver.values("WATCHDOG")).to.deep.equal([]);
  });

  it("says nothing of readiness where it cannot start", async () => {
    const child = serve({ SFU_GATEWAY_BIND: "192.0.2.1" });
    expect(await child.exitCode).to.equal(1);
    expect(receiver.messages).to.deep.equal([]);
  });

  it("hears of the agent too: ready, alive, stopping", async () => {
    const child = start(["agent"], {
      SFU_GATEWAY_URL: "http://127.0.0.1:1",
      SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY,
      SFU_ADDRESS: "http://127.0.0.1:2",
      SFU_REGION: "eu-west-3",
      AUTH_KEY: sfuKey(1),
      WATCHDOG_USEC: String(WATCHDOG_MS * 1000),
    });
    await eventually("it is ready and alive", () => receiver.values("WATCHDOG").length > 0, FOR_A_PROCESS);
    child.kill("SIGTERM");
    expect(await child.exitCode).to.equal(0);
    expect(state()).to.deep.equal(["READY", "STOPPING"]);
    expect(receiver.values("STATUS")[0]).to.equal("tells http://127.0.0.1:1 of http://127.0.0.1:2");
  });
});
