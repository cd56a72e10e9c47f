import { connect } from "node:net";
import { parseKey } from "../../lib/auth/keys.ts";
import { signClaims } from "../../lib/auth/resign.ts";
import { type Random, sleep, systemClock } from "../../lib/clock.ts";
import { exampleFault, faultKinds, SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { claimsOf, token } from "../../spec/support/tokens.ts";
import type { SoakedGateway } from "./gateway.ts";

export interface ChurnSetup {
  readonly gateway: SoakedGateway;
  readonly random: Random;
  /** Those of the file. */
  readonly sfus: readonly SimulatedSfu[];
  /** The file with these of them. */
  readonly fileOf: (sfus: readonly SimulatedSfu[]) => string;
  readonly sfuKey: string;
  readonly registrationKey: string;
  readonly adminToken: string;
}

const FAULT_MS = 4000;
const BEAT_MS = 3000;
const RELOAD_MS = 7000;
const RUDE_MS = 200;
const VIEW_MS = 1000;

/**
 * All that changes around a gateway: SFUs fail and heal, register and sign off, stand in the file and do not; are drained;
 * callers hang up, show bad tokens, end calls; monitoring looks. Ends with everything as it was before.
 */
export async function churn(setup: ChurnSetup, signal: AbortSignal): Promise<void> {
  await Promise.all([
    fail(setup, signal),
    register(setup, signal),
    reload(setup, signal),
    drain(setup, signal),
    beRude(setup, signal),
    view(setup, signal),
  ]);
}

/** @returns false once it is over */
const waited = (ms: number, signal: AbortSignal): Promise<boolean> =>
  sleep(systemClock, ms, signal).then(
    () => true,
    () => false,
  );

const oneOf = <T>(items: readonly T[], random: Random): T => items[Math.floor(random() * items.length)] as T;

async function fail({ sfus, random }: ChurnSetup, signal: AbortSignal): Promise<void> {
  do {
    const sfu = oneOf(sfus, random);
    await sfu.break(exampleFault(oneOf(faultKinds, random)));
    await waited(FAULT_MS, signal);
    await sfu.heal();
    await sfu.restart();
  } while (await waited(FAULT_MS / 2, signal));
}

/** Two that nobody has heard of before. */
async function register(setup: ChurnSetup, signal: AbortSignal): Promise<void> {
  const { random, sfuKey } = setup;
  const guests = [0, 1].map(() => new SimulatedSfu({ key: sfuKey, clock: systemClock, random, maxRequests: 10 }));
  await Promise.all(guests.map((guest) => guest.listen()));
  do {
    const up = { region: "eu", key: sfuKey, channels: 1, sessions: 5, cpuUsage: random(), memoryUsage: random() };
    for (const { address } of guests) await beat(setup, { status: "up", address, ...up });
  } while (await waited(BEAT_MS, signal));
  for (const { address } of guests) await beat(setup, { status: "down", address });
  await Promise.all(guests.map((guest) => guest.close()));
}

async function beat({ gateway, registrationKey }: ChurnSetup, heartbeat: object): Promise<void> {
  const exp = Math.floor(systemClock.now() / 1000) + 60;
  const claims = { exp, jti: String(systemClock.monotonic()) };
  const authorization = `Bearer ${await signClaims(claims, parseKey(registrationKey))}`;
  const body = JSON.stringify(heartbeat);
  await (await fetch(`${gateway.url}/v1/sfu`, { method: "POST", headers: { authorization }, body })).text();
}

async function reload({ gateway, sfus, fileOf, random }: ChurnSetup, signal: AbortSignal): Promise<void> {
  while (await waited(RELOAD_MS, signal)) {
    const left = oneOf(sfus, random);
    gateway.write(fileOf(sfus.filter((sfu) => sfu !== left)));
    await waited(RELOAD_MS / 2, signal);
    gateway.write(fileOf(sfus));
  }
}

async function drain({ gateway, sfus, random, adminToken }: ChurnSetup, signal: AbortSignal): Promise<void> {
  do {
    const { address } = oneOf(sfus, random);
    for (const route of ["drain", "undrain"]) {
      const headers = { authorization: `Bearer ${adminToken}` };
      const body = JSON.stringify({ address });
      await (await fetch(`${gateway.url}/v1/sfu/${route}`, { method: "POST", headers, body })).text();
      await waited(FAULT_MS / 2, signal);
    }
  } while (!signal.aborted);
}

/** Hangs up at once, in the middle, or comes with something that opens nothing; and Odoo, which ends calls. */
async function beRude({ gateway, random }: ChurnSetup, signal: AbortSignal): Promise<void> {
  const bad = (): string => token({ key: Buffer.from(`a wrong key, ${String(random())}`).toString("base64") });
  const exp = Math.floor(systemClock.now() / 1000) + 3600;
  while (await waited(RUDE_MS, signal)) {
    const text = token({ claims: claimsOf(`rude-${String(random())}`) });
    const socket = connect(gateway.port, "127.0.0.1").on("error", () => undefined);
    socket.write(`GET /v1/channel HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${text}\r\n\r\n`);
    systemClock.after(random() * 5, () => socket.destroy());
    const headers = { authorization: `Bearer ${bad()}` };
    await (await fetch(`${gateway.url}/v1/channel`, { headers })).text();
    const body = token({ claims: { exp, sessionIdsByChannel: { [crypto.randomUUID()]: [1, 2] } } });
    await (await fetch(`${gateway.url}/v1/disconnect`, { method: "POST", body })).text();
  }
}

async function view({ gateway }: ChurnSetup, signal: AbortSignal): Promise<void> {
  while (await waited(VIEW_MS, signal)) {
    for (const path of ["/metrics", "/v1/health", "/dashboard/data", "/nothing/here"]) {
      await (await fetch(gateway.url + path)).text();
    }
  }
}
