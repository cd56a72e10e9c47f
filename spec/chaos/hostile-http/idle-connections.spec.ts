import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "chai";
import { callersThatFit } from "../../../lib/cli/open-files.ts";
import { systemClock } from "../../../lib/clock.ts";
import { useCleanup } from "../../support/cleanup.ts";
import { eventually, FOR_A_PROCESS } from "../../support/eventually.ts";
import { useFleet } from "../../support/fleet.ts";
import { type GatewayProcess, useGatewayProcesses } from "../../support/process.ts";
import { ask } from "../../support/request.ts";
import { claimsOf, token } from "../../support/tokens.ts";
import { leaveOut } from "../../support/tools.ts";

const HOLDER = new URL("hold-connections.ts", import.meta.url).pathname;

/**
 * `[limits] max_connections`. 10,000, the default, takes half a minute, and is for now and then:
 * `SPEC_CONNECTIONS=10000 npx mocha spec/chaos/hostile-http/idle-connections.spec.ts`.
 */
const LIMIT = Number(process.env.SPEC_CONNECTIONS ?? 2000);
const BEYOND = LIMIT * 1.2;

/** Room for calls, probes and looks at the metrics. */
const OTHERS = 50;

/** Measured, with 10,000 on Node.js 24: 26 KB for each, and what is compiled while the first ones come. */
const MAX_KB = LIMIT * 40 + 100_000;

/** Odoo waits for 3 s; this machine may have much else to do. */
const MAX_MS = 1000;

describe(`a gateway with ${String(LIMIT)} idle connections`, () => {
  const startFleet = useFleet();
  const start = useGatewayProcesses();
  const cleanUp = useCleanup();
  before(function () {
    // Two files each are what the gateway counts with; whoever holds the connections has one for each.
    const fit = callersThatFit();
    if (fit < LIMIT) leaveOut(this, `a process may open files for ${String(fit)} callers only (ulimit -Hn)`);
  });

  it("serves calls, takes on others in place of the oldest, and has nothing left of them in the end", async function () {
    this.timeout(100_000);
    const fleet = await startFleet(1, { latencyMs: { min: 0, max: 0 } });
    const folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
    cleanUp(() => rmSync(folder, { recursive: true }));
    const config = join(folder, "gateway.toml");
    writeFileSync(config, `[limits]\nmax_connections = ${String(LIMIT)}\n`);
    const gateway = await start({
      env: { SFU_GATEWAY_NODES: JSON.stringify({ sfu: fleet.entries }) },
      args: ["serve", "--config", config],
    });
    const hold = holder(gateway);
    await callTimes(gateway, "first");
    const before = usageOf(gateway);

    expect(await hold(LIMIT - 100)).to.equal(LIMIT - 100);
    const held = usageOf(gateway);
    expect(held.files - before.files).to.be.within(LIMIT - 100 - OTHERS, LIMIT);
    expect(held.kb - before.kb).to.be.below(MAX_KB);
    expect(Math.max(...(await callTimes(gateway, "held")))).to.be.below(MAX_MS);

    await hold(BEYOND);
    expect(Math.max(...(await callTimes(gateway, "beyond")))).to.be.below(MAX_MS);
    const series = await seriesOf(gateway);
    expect(series("connections")).to.be.within(LIMIT - OTHERS, LIMIT);
    expect(series('connections_cut_total{why="idle"}')).to.be.within(BEYOND - LIMIT, BEYOND - LIMIT + OTHERS);
    expect(series('connections_cut_total{why="full"}')).to.equal(0);
    const full = usageOf(gateway);
    expect(full.files - before.files).to.be.at.most(LIMIT);
    expect(full.kb - before.kb).to.be.below(MAX_KB);

    // Not a line for each.
    const told = gateway.logs.filter(({ msg }) => String(msg).includes("[limits] max_connections"));
    expect(told.length).to.be.within(1, 10);

    expect(await hold(0)).to.equal(0);
    await eventually("its files are closed", () => usageOf(gateway).files <= before.files + OTHERS, FOR_A_PROCESS);
    await callTimes(gateway, "last");
    expect((await seriesOf(gateway))("connections")).to.be.below(OTHERS);
    expect(fleet.joins()).to.equal(80);
  });

  /** @returns opens connections until there have been so many, or closes all for 0, and resolves to how many are open */
  function holder({ url }: GatewayProcess): (count: number) => Promise<number> {
    const child: ChildProcess = spawn(process.execPath, [HOLDER, new URL(url).port], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const gone = once(child, "exit");
    cleanUp(async () => {
      child.kill("SIGKILL");
      await gone;
    });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    return async (count) => {
      child.stdin!.write(`${String(count)}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error("whoever holds the connections is gone");
      return Number(value);
    };
  }
});

/** How long each of 20 calls took, in milliseconds, on a new connection each. */
async function callTimes({ url }: GatewayProcess, name: string): Promise<readonly number[]> {
  const times: number[] = [];
  for (let call = 0; call < 20; call++) {
    const authorization = `Bearer ${token({ claims: claimsOf(`${name} ${String(call)}`) })}`;
    const sinceMs = systemClock.monotonic();
    expect((await ask(`${url}/v1/channel`, { headers: { authorization } })).status).to.equal(200);
    times.push(systemClock.monotonic() - sinceMs);
  }
  return times;
}

/** What the process has of files, and of memory in KB, as the system counts it. */
function usageOf({ pid }: GatewayProcess): { readonly files: number; readonly kb: number } {
  const status = readFileSync(`/proc/${String(pid)}/status`, "utf8");
  return {
    files: readdirSync(`/proc/${String(pid)}/fd`).length,
    kb: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]),
  };
}

async function seriesOf({ url }: GatewayProcess): Promise<(name: string) => number> {
  const { body } = await ask(`${url}/metrics`);
  const lines = body.split("\n");
  return (name) =>
    Number(
      lines
        .find((line) => line.startsWith(`sfu_gateway_${name} `))
        ?.split(" ")
        .at(-1),
    );
}
