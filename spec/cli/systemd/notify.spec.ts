import { expect } from "chai";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServiceManager, SEND_TIMEOUT_MS, type ServiceManager } from "../../../lib/cli/systemd/notify.ts";
import { systemClock } from "../../../lib/clock.ts";
import type { Environment } from "../../../lib/config/env.ts";
import { createLogger } from "../../../lib/logger.ts";
import { useFakeClock } from "../../support/clock.ts";
import { eventually } from "../../support/eventually.ts";
import type { LogLine } from "../../support/gateway.ts";
import { needsTools } from "../../support/tools.ts";
import { useReceiver } from "./receiver.ts";

describe("the service manager", () => {
  let logs: LogLine[];
  let folder: string;
  beforeEach(() => {
    logs = [];
    folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const create = (env: Environment, program?: string, clock = systemClock): ServiceManager =>
    createServiceManager({
      env: { PATH: process.env.PATH, ...env },
      clock,
      logger: createLogger("debug", { write: (line) => void logs.push(JSON.parse(line) as LogLine) }),
      ...(program === undefined ? {} : { program }),
    });

  /** @returns the path of a program in place of systemd-notify */
  const script = (text: string): string => {
    const path = join(folder, "notify-program");
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const trace = (): string[] => {
    const path = join(folder, "trace");
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  };
  const say = async (manager: ServiceManager): Promise<void> => {
    await manager.ready("fine");
    await manager.reloading();
    await manager.alive();
    await manager.stopping();
  };

  describe("by the real systemd-notify", () => {
    needsTools("systemd-notify", "perl");
    const receiver = useReceiver();

    it("hears of readiness, reload, life and end, in this order", async () => {
      const manager = create({ NOTIFY_SOCKET: receiver.socket });
      const before = process.hrtime.bigint() / 1000n;
      // Not waited for one by one: the order is the manager's own doing.
      const sent = [manager.ready("listening"), manager.reloading(), manager.alive()];
      await Promise.all(sent);
      await manager.stopping();
      const after = process.hrtime.bigint() / 1000n;
      await eventually("all have come", () => receiver.messages.length === 4);

      const [ready, reloading, ...others] = receiver.messages;
      expect(ready).to.deep.equal({ READY: "1", STATUS: "listening" });
      expect(Object.keys(reloading!)).to.deep.equal(["RELOADING", "MONOTONIC_USEC"]);
      expect(reloading!.RELOADING).to.equal("1");
      // The kernel's clock, which the service manager reads too.
      const micros = BigInt(reloading!.MONOTONIC_USEC!);
      expect(micros >= before && micros <= after, `${before} <= ${micros} <= ${after}`).to.be.true;
      expect(others).to.deep.equal([{ WATCHDOG: "1" }, { STOPPING: "1", STATUS: "shutting down" }]);
      expect(logs).to.deep.equal([]);
    });

    it("is shown a status of one line, whatever is in it", async () => {
      await create({ NOTIFY_SOCKET: receiver.socket }).ready("two\nMAINPID=1\nlines");
      await eventually("it has come", () => receiver.messages.length === 1);
      expect(receiver.messages).to.deep.equal([{ READY: "1", STATUS: "two MAINPID=1 lines" }]);
    });

    it("may be gone, which is one warning and nothing worse", async () => {
      await say(create({ NOTIFY_SOCKET: join(folder, "nobody") }));
      expect(logs).to.have.length(1);
      expect(logs[0]).to.include({ level: "warn" });
      expect(logs[0]!.msg).to.match(
        /^the service manager cannot be told how this process is: systemd-notify ended with 1: ./,
      );
    });
  });

  it("is nobody without NOTIFY_SOCKET: nothing is run", async () => {
    const program = script(`echo run >> ${folder}/trace`);
    for (const NOTIFY_SOCKET of [undefined, "", " "]) await say(create({ NOTIFY_SOCKET }, program));
    expect(trace()).to.deep.equal([]);
    expect(logs).to.deep.equal([]);
  });

  it("is not told anything where there is no such program, and a warning says so once", async () => {
    await say(create({ NOTIFY_SOCKET: "/x" }, join(folder, "missing")));
    expect(logs.map(({ level, msg }) => [level, msg])).to.deep.equal([
      [
        "warn",
        `the service manager cannot be told how this process is: ${join(folder, "missing")} could not be started: no such file (ENOENT)`,
      ],
    ]);
  });

  it("hears a warning again after a message that came through", async () => {
    const manager = create({ NOTIFY_SOCKET: "/x" }, script(`[ "$1" = WATCHDOG=1 ] || exit 3`));
    await manager.ready("a");
    await manager.ready("b");
    await manager.alive();
    await manager.ready("c");
    expect(logs.map(({ msg }) => String(msg).endsWith("ended with 3"))).to.deep.equal([true, true]);
  });

  it("gives its helper the socket and the PATH, and none of the gateway's secrets", async () => {
    const program = script(`env | cut -d= -f1 | sort > ${folder}/trace`);
    await create({ NOTIFY_SOCKET: "/x", SFU_GATEWAY_KEY: "secret" }, program).alive();
    const names = trace().filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name));
    // Node gives it to every child while coverage is measured.
    expect(names.filter((name) => name !== "NODE_V8_COVERAGE")).to.deep.equal(["NOTIFY_SOCKET", "PATH"]);
  });

  describe("that hangs", () => {
    const clock = useFakeClock();

    it("costs one helper at a time, which is ended when its time is up", async () => {
      // A child of its own holds its output open.
      const manager = create({ NOTIFY_SOCKET: "/x" }, script(`echo $$ >> ${folder}/trace; sleep 60 & wait`), clock);
      let settled = 0;
      const sent = Array.from({ length: 50 }, () => manager.alive().then(() => settled++));
      await eventually("the first helper runs", () => trace().length === 1);
      const [pid] = trace();
      await clock.elapse(SEND_TIMEOUT_MS - 1);
      // All but the one that runs and the one that waits have been overtaken.
      expect({ settled, helpers: trace().length }).to.deep.equal({ settled: 48, helpers: 1 });
      await clock.elapse(1);
      await eventually("it is gone", () => !isRunning(Number(pid)));
      await eventually("the next one runs", () => trace().length === 2);
      await clock.elapse(SEND_TIMEOUT_MS);
      await Promise.all(sent);
      expect(trace()).to.have.length(2);
      expect(logs).to.have.length(1);
      expect(logs[0]!.msg).to.match(/ did not end within 6000 ms$/);
    });

    it("does not hold up the end by what is over", async () => {
      const program = script(`echo "$1" >> ${folder}/trace; [ "$1" != READY=1 ] || exec sleep 60`);
      const manager = create({ NOTIFY_SOCKET: "/x" }, program, clock);
      void manager.ready("hangs");
      const over = [manager.reloading(), manager.alive()];
      await eventually("the first helper runs", () => trace().length === 1);
      const stopped = manager.stopping();
      await Promise.all(over);
      await clock.elapse(SEND_TIMEOUT_MS);
      await stopped;
      expect(trace()).to.deep.equal(["READY=1", "STOPPING=1"]);
    });
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
