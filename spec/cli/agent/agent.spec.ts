import { expect } from "chai";
import { agent } from "../../../lib/cli/agent/agent.ts";
import { hostSystem, type System } from "../../../lib/cli/agent/system.ts";
import { CliError } from "../../../lib/cli/io.ts";
import { ConfigError } from "../../../lib/config/fault.ts";
import type { Environment } from "../../../lib/config/env.ts";
import { eventually } from "../../support/eventually.ts";
import { useSimulatedSfus } from "../../support/simulators.ts";
import { ADDRESS, agentEnv, type LogLine, useFakeGateway } from "./harness.ts";

interface Run {
  readonly exitCode: Promise<number>;
  readonly logs: readonly LogLine[];
  end(): void;
}

const running: Run[] = [];

/** The command as it is, on the real clock and, unless there is another one, the real host. */
function run(env: Environment, system?: System): Run {
  const controller = new AbortController();
  const logs: LogLine[] = [];
  const io = {
    env,
    stdout: (text: string) => void logs.push(JSON.parse(text) as LogLine),
    stderr: () => undefined,
    color: false,
    screen: () => null,
    unread: new AbortController().signal,
    onHangup: () => () => undefined,
    signal: controller.signal,
  };
  const started = { exitCode: agent({}, io, system), logs, end: () => controller.abort() };
  running.push(started);
  return started;
}

describe("sfu-gateway agent", () => {
  const startSfu = useSimulatedSfus();
  const gateway = useFakeGateway();
  afterEach(async () => {
    for (const command of running) command.end();
    await Promise.allSettled(running.splice(0).map(({ exitCode }) => exitCode));
  });

  it("registers the SFU beside it, signs it off when it is told to end, and ends with 0", async () => {
    const sfu = await startSfu();
    sfu.setLoad(5);
    const command = run({ ...agentEnv(gateway.url, sfu.address), LOG_LEVEL: "info" });
    await eventually("the first heartbeat is taken", () => command.logs.length === 2);
    command.end();
    expect(await command.exitCode).to.equal(0);

    expect(command.logs.map(({ level, msg }) => [level, msg])).to.deep.equal([
      ["info", `the agent has started: ${ADDRESS} in eu-west-3 goes to ${gateway.url}`],
      ["info", "the gateway has taken the first heartbeat"],
      ["info", "shutting down"],
      ["info", "the SFU is signed off"],
      ["info", "shut down"],
    ]);
    expect(command.logs[0]).to.include({
      sfu: ADDRESS,
      region: "eu-west-3",
      statsUrl: sfu.address,
      intervalMs: 10_000,
    });
    expect(command.logs[0]!.cpuFrom).to.be.a("string");
    expect(command.logs[0]!.memoryFrom).to.be.a("string");

    const [up, down] = gateway.beats.map(({ body }) => body);
    expect(up).to.include({ status: "up", sessions: 5 });
    expect(up!.cpuUsage).to.be.within(0, 1);
    expect(up!.memoryUsage).to.be.within(0.001, 1);
    expect(down).to.include({ status: "down", address: ADDRESS });
    await eventually("all connections are closed", () => gateway.connections === 0);
  });

  it("logs what is odd about its environment first", async () => {
    const sfu = await startSfu();
    const command = run({ ...agentEnv(gateway.url, sfu.address), SFU_MAX_SESSION: "5" });
    command.end();
    await command.exitCode;
    expect(command.logs[0]).to.include({
      level: "warn",
      where: "SFU_MAX_SESSION",
      msg: "SFU_MAX_SESSION: no such variable, did you mean SFU_MAX_SESSIONS?",
    });
  });

  it("sends nothing with a faulty environment", async () => {
    const command = run({ SFU_GATEWAY_URL: gateway.url });
    const error: unknown = await command.exitCode.catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ConfigError);
    expect(command.logs).to.deep.equal([]);
    expect(gateway.beats).to.deep.equal([]);
  });

  const hidden: readonly (readonly [prefix: string, what: string])[] = [
    ["/proc", "CPU (/proc/stat) and memory (/proc/meminfo)"],
    ["/proc/stat", "CPU (/proc/stat)"],
    ["/proc/meminfo", "memory (/proc/meminfo)"],
  ];
  for (const [prefix, what] of hidden) {
    it(`makes nothing up where it cannot read the host's ${what}: it does not start, and ends with 1`, async () => {
      const command = run(agentEnv(gateway.url, "http://127.0.0.1:1"), {
        ...hostSystem,
        read: (path) => {
          if (path.startsWith(prefix)) return null;
          return path === "/proc/stat"
            ? "cpu  1 2 3 4\n"
            : path === "/proc/meminfo"
              ? "MemTotal: 2\nMemAvailable: 1\n"
              : null;
        },
        cpus: () => [],
        freeMemory: () => null,
      });
      const error: unknown = await command.exitCode.catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(CliError);
      expect(error).to.include({
        exitCode: 1,
        message: `cannot read the host's use of ${what}: systemd's ProcSubset=pid, for one, hides it`,
      });
      expect(gateway.beats).to.deep.equal([]);
    });
  }

  it("ends at once where it was told so before it had begun", async () => {
    const sfu = await startSfu();
    const command = run(agentEnv(gateway.url, sfu.address));
    command.end();
    expect(await command.exitCode).to.equal(0);
    expect(gateway.beats).to.deep.equal([]);
  });
});
