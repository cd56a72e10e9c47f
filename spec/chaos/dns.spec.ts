import { expect } from "chai";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { FleetReport, SfuReport } from "../../lib/api/fleet.ts";
import { sleep, systemClock } from "../../lib/clock.ts";
import { MAX_AGE_MS } from "../../lib/sfu/agents.ts";
import { createExchange } from "../../lib/sfu/exchange.ts";
import { sendByHttp } from "../../lib/sfu/transport/http.ts";
import { createNames, lanesOf, PATIENCE_MS, type Resolve } from "../../lib/sfu/names.ts";
import { useCleanup } from "../support/cleanup.ts";
import { useFakeClock } from "../support/clock.ts";
import { eventually, type Patience } from "../support/eventually.ts";
import { useFleet } from "../support/fleet.ts";
import { type GatewaySetup, startGateway, type TestGateway } from "../support/gateway.ts";
import { OTHER_KEY, sfuKey, token } from "../support/tokens.ts";

/** A look is a request. */
const UNHURRIED: Patience = { patienceMs: 15_000, pauseMs: 20 };

/** More than usual: a process of a machine that has more to do must not look like an SFU that hangs. */
const BUDGET_MS = 4500;
const failover = { retryTimeoutMs: BUDGET_MS, attemptTimeoutMs: 1500 };
/** A moment before the last budget ends, and the answer is on its way. */
const ANSWERED_MS = BUDGET_MS + 500;

describe("DNS of SFUs", function () {
  this.timeout(30_000);
  const cleanUp = useCleanup();
  const openFleet = useFleet();

  /** What DNS does with each name, until the spec has it do something else; `sfu1.test` leads to the first SFU. */
  let dns: Record<string, Resolve>;
  let asked: string[];
  const resolve: Resolve = (name) => {
    asked.push(name);
    return (dns[name] ?? leadsTo("127.0.0.1"))(name);
  };
  /** Ends what hangs, as the system does in the end. */
  let giveUp: (() => void)[];
  beforeEach(() => {
    dns = {};
    asked = [];
    giveUp = [];
  });

  const leadsTo =
    (...addresses: readonly string[]): Resolve =>
    () =>
      Promise.resolve(addresses);
  const fails =
    (code: string): Resolve =>
    () =>
      Promise.reject(Object.assign(new Error(`getaddrinfo ${code}`), { code }));
  const hangs: Resolve = () =>
    new Promise((_, reject) => giveUp.push(() => reject(Object.assign(new Error(), { code: "EAI_AGAIN" }))));
  const late =
    (ms: number): Resolve =>
    () =>
      new Promise((found) => systemClock.after(ms, () => found(["127.0.0.1"])));

  const open = async (count: number, setup: Partial<GatewaySetup> = {}) => {
    const fleet = await openFleet(count, { latencyMs: { min: 0, max: 0 } });
    const addresses = fleet.sfus.map(({ address }, index) =>
      address.replace("127.0.0.1", `sfu${String(index + 1)}.test`),
    );
    const sfus = fleet.entries.map((entry, index) => ({ ...entry, address: addresses[index] }));
    const gateway = await startGateway({
      sfus,
      resolve,
      failover,
      breaker: { resetTimeoutMs: 100 },
      ...setup,
    });
    cleanUp(() => gateway.close());
    return { fleet, addresses, gateway };
  };
  const stateOf = async (gateway: TestGateway, address: string): Promise<SfuReport> => {
    const report = (await (await gateway.get("/v1/health")).json()) as FleetReport;
    return report.sfus.find((sfu) => sfu.address === address)!;
  };
  let rooms = 0;
  /** Who serves a new conference, by name, and how long that took. */
  const join = async (gateway: TestGateway) => {
    const beganMs = systemClock.monotonic();
    const { status, body } = await gateway.join({ iss: `room ${String(++rooms)}` });
    const ms = systemClock.monotonic() - beganMs;
    expect(ms).to.be.below(ANSWERED_MS);
    return { by: status === 200 ? new URL(String(body.url)).hostname : String(body.error), ms };
  };
  const joins = async (gateway: TestGateway, count: number) => {
    const all = [];
    for (let n = 0; n < count; n++) all.push(await join(gateway));
    return { by: all.map(({ by }) => by), worstMs: Math.max(...all.map(({ ms }) => ms)) };
  };
  const probed = { health: { intervalMs: 500, timeoutMs: 400, unhealthyAfter: 1 } };

  const cases: Readonly<Record<string, { readonly does: Resolve; readonly says: string }>> = {
    "does not know the name": { does: fails("ENOTFOUND"), says: "has a name that nobody knows (ENOTFOUND)" },
    fails: { does: fails("EAI_AGAIN"), says: "has a name that could not be resolved (EAI_AGAIN)" },
    "fails for good": { does: fails("EAI_FAIL"), says: "has a name that could not be resolved (EAI_FAIL)" },
    "answers that there is no address": { does: leadsTo(), says: "has a name without an address" },
    hangs: { does: hangs, says: "has a name that was not resolved within 500 ms" },
    "leads to where nobody is": { does: leadsTo("127.0.0.2"), says: "refused the connection (ECONNREFUSED)" },
    "leads to a thousand addresses where nobody is": {
      does: leadsTo(...Array.from({ length: 1000 }, (_, n) => `127.1.${String(n >> 8)}.${String(n & 255)}`)),
      says: "refused the connection (ECONNREFUSED)",
    },
  };
  for (const [what, { does, says }] of Object.entries(cases)) {
    it(`costs no call where it ${what}; the operator reads it, and the SFU comes back when it is mended`, async () => {
      dns["sfu1.test"] = does;
      const { addresses, gateway } = await open(2);
      const [first = ""] = addresses;
      const { by, worstMs } = await joins(gateway, 4);
      expect(by).to.deep.equal(Array(4).fill("sfu2.test"));
      expect(worstMs).to.be.below(failover.attemptTimeoutMs);

      gateway.reconfigure(probed);
      await eventually("it is down", async () => (await stateOf(gateway, first)).state === "down", UNHURRIED);
      expect((await stateOf(gateway, first)).reason).to.equal(says);
      delete dns["sfu1.test"];
      giveUp.forEach((end) => end());
      await eventually("it is back", async () => (await stateOf(gateway, first)).state === "healthy", UNHURRIED);
    });
  }

  it("that takes its time costs nobody more than the wait, and is remembered", async () => {
    dns["sfu1.test"] = late(PATIENCE_MS + 300);
    const { gateway } = await open(1);
    expect((await join(gateway)).by).to.equal("all_candidates_failed");
    await eventually("it is known", async () => (await join(gateway)).by === "sfu1.test", UNHURRIED);
    expect(asked.length).to.be.at.most(2);
  });

  it("is asked for the first address that answers, where there are several", async () => {
    dns["sfu1.test"] = leadsTo("127.0.0.2", "127.0.0.3", "127.0.0.1");
    const { gateway } = await open(1);
    expect((await join(gateway)).by).to.equal("sfu1.test");
  });

  it("that hangs for three of six names takes nothing from the other three", async () => {
    let [underWay, peak] = [0, 0];
    // As long as glibc takes by the launcher's settings.
    const hangsForAWhile: Resolve = async (name) => {
      peak = Math.max(peak, ++underWay);
      await sleep(systemClock, 2000);
      underWay--;
      return fails("EAI_AGAIN")(name);
    };
    for (const n of [1, 2, 3]) dns[`sfu${String(n)}.test`] = hangsForAWhile;
    const { addresses, gateway } = await open(6, { affinity: { ttlMs: 0 }, health: probed.health });
    const are = async (state: string, some: readonly string[]): Promise<boolean> =>
      (await Promise.all(some.map((one) => stateOf(gateway, one)))).every((report) => report.state === state);
    await eventually("three are down", () => are("down", addresses.slice(0, 3)), UNHURRIED);
    await eventually("three are healthy", () => are("healthy", addresses.slice(3)), UNHURRIED);

    const { by, worstMs } = await joins(gateway, 60);
    expect(new Set(by)).to.deep.equal(new Set(["sfu4.test", "sfu5.test", "sfu6.test"]));
    expect(worstMs).to.be.below(PATIENCE_MS);
    expect(await are("healthy", addresses.slice(3))).to.equal(true);
    expect(peak).to.be.at.most(lanesOf(process.env));
  });

  describe("that says another address while a connection is in use", () => {
    const clock = useFakeClock();
    const listen = async (host: string, port: number): Promise<Server> => {
      const server = createServer((_request, response) => response.end(host)).listen(port, host);
      await once(server, "listening");
      cleanUp(() => {
        server.closeAllConnections();
        return once(server.close(), "close");
      });
      return server;
    };

    it("is followed within half a minute", async () => {
      const { port } = (await listen("127.0.0.1", 0)).address() as AddressInfo;
      await listen("127.0.0.2", port);
      let address = "127.0.0.1";
      const exchange = createExchange({
        transport: sendByHttp,
        clock,
        names: createNames({ clock, resolve: () => Promise.resolve([address]) }),
      });
      cleanUp(() => exchange.close());
      const url = `http://sfu1.test:${String(port)}`;
      const get = async (): Promise<string> => {
        const { body } = await exchange.get({ url, headers: {}, signal: new AbortController().signal });
        return Buffer.from(body).toString();
      };
      expect(await get()).to.equal("127.0.0.1");
      address = "127.0.0.2";
      await clock.elapse(MAX_AGE_MS - 1);
      expect(await get()).to.equal("127.0.0.1");
      await clock.elapse(1);
      await get();
      expect(await get()).to.equal("127.0.0.2");
    });
  });

  it("that hangs for all of them costs nobody anything who has been asked before", async () => {
    const { gateway, addresses } = await open(3);
    await joins(gateway, 6);
    for (const address of addresses) dns[new URL(address).hostname] = hangs;
    const { by, worstMs } = await joins(gateway, 12);
    expect(new Set(by)).to.deep.equal(new Set(["sfu1.test", "sfu2.test", "sfu3.test"]));
    expect(worstMs).to.be.below(PATIENCE_MS);
  });

  it("is asked by registered SFUs' connections, too, and a name that has come to lead elsewhere is not followed", async () => {
    const fleet = await openFleet(1);
    const address = fleet.sfus[0]!.address.replace("127.0.0.1", "sfu1.test");
    dns["sfu1.test"] = leadsTo("127.0.0.2");
    const gateway = await startGateway({
      sfus: [],
      env: { SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY },
      registration: { allow: ["http://*.test", "127.0.0.2"] },
      resolve,
      failover,
    });
    cleanUp(() => gateway.close());
    const nowS = Math.floor(systemClock.now() / 1000);
    const idle = { region: "eu", channels: 0, sessions: 0, cpuUsage: 0, memoryUsage: 0 };
    const registered = await gateway.get("/v1/sfu", {
      method: "POST",
      headers: { authorization: `Bearer ${token({ claims: { iat: nowS, exp: nowS + 60 }, key: OTHER_KEY })}` },
      body: JSON.stringify({ status: "up", address, key: sfuKey(1), ...idle }),
    });
    expect(registered.status).to.equal(200);

    dns["sfu1.test"] = leadsTo("127.0.0.1");
    const refused = async (): Promise<boolean> => {
      await join(gateway);
      return (await gateway.metric(`attempts_total{sfu="${address}",outcome="dns"}`)) > 0;
    };
    await eventually("it is refused", refused, { patienceMs: 15_000, pauseMs: 500 });
    const told = gateway.logs.flatMap(({ msg }) =>
      String(msg).includes("an address that may not be used") ? [msg] : [],
    );
    expect(told).not.to.deep.equal([]);
    expect(fleet.sfus[0]!.requests).to.deep.equal([]);
  });
});
