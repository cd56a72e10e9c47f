import { sleep, systemClock } from "../../lib/clock.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { startNameserver } from "../support/nameserver.ts";
import { startGatewayProcess } from "../support/process.ts";
import { claimsOf, token } from "../support/tokens.ts";

/** What was seen, for the spec that has started this in namespaces of its own. */
export interface Seen {
  /** Joins that were not answered by a channel, and the longest that one took, while three of six names hang. */
  readonly whileSomeHang: Joins;
  /** How long the three took to be back, once DNS answered. */
  readonly backAfterMs: number;
  readonly whileAllHang: Joins;
  /** From SIGTERM on, while DNS hangs. */
  readonly endedAfterMs: number;
  readonly exitCode: number | null;
}

interface Joins {
  readonly failed: number;
  readonly worstMs: number;
}

const COUNT = 50;
const EVERY_MS = 100;

const nameserver = await startNameserver();
const fleet = await startFleet(6, { latencyMs: { min: 0, max: 0 } });
const names = fleet.entries.map((_, index) => `sfu${String(index + 1)}.example.net`);
const hanging = names.slice(0, 3);
nameserver.ignore(hanging);
const sfu = fleet.entries.map((entry, index) => ({
  ...entry,
  address: String(entry.address).replace("127.0.0.1", names[index]!),
}));
const gateway = await startGatewayProcess({ env: { SFU_GATEWAY_NODES: JSON.stringify({ sfu }) } });

const areHealthy = async (expected: readonly string[]): Promise<boolean> => {
  const response = await fetch(`${gateway.url}/v1/health`);
  const { sfus } = (await response.json()) as { readonly sfus: readonly { address: string; state: string }[] };
  const healthy = sfus.filter(({ state }) => state === "healthy").map(({ address }) => new URL(address).hostname);
  return expected.every((name) => healthy.includes(name));
};
let rooms = 0;
const joins = async (): Promise<Joins> => {
  let [failed, worstMs] = [0, 0];
  for (let n = 0; n < COUNT; n++) {
    const beganMs = systemClock.monotonic();
    const authorization = `Bearer ${token({ claims: claimsOf(`room ${String(++rooms)}`) })}`;
    const { status } = await fetch(`${gateway.url}/v1/channel`, { headers: { authorization } });
    if (status !== 200) failed++;
    worstMs = Math.max(worstMs, systemClock.monotonic() - beganMs);
    await sleep(systemClock, EVERY_MS);
  }
  return { failed, worstMs };
};
const timed = async (work: Promise<unknown>): Promise<number> => {
  const beganMs = systemClock.monotonic();
  await work;
  return systemClock.monotonic() - beganMs;
};

await eventually("three are healthy", () => areHealthy(names.slice(3)), FOR_A_PROCESS);
const whileSomeHang = await joins();
nameserver.ignore([]);
const backAfterMs = await timed(eventually("six are healthy", () => areHealthy(names), FOR_A_PROCESS));
nameserver.ignore(names);
const whileAllHang = await joins();
gateway.kill("SIGTERM");
const endedAfterMs = await timed(gateway.exitCode);
const exitCode = await gateway.exitCode;

const seen: Seen = { whileSomeHang, backAfterMs, whileAllHang, endedAfterMs, exitCode };
process.stdout.write(JSON.stringify(seen));
nameserver.close();
await fleet.close();
