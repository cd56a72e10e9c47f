import { expect } from "chai";
import { run } from "../../lib/cli/program.ts";
import type { SfuReport } from "../../lib/api/fleet.ts";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { eventually } from "../support/eventually.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { OTHER_KEY, sfuKey } from "../support/tokens.ts";

const ADMIN_TOKEN = "an admin token that nobody would guess";
const TTL_MS = 1000;

/** A gateway that knows of no SFU, and an agent beside each SFU that tells it. */
describe("scenario: SFUs that register themselves", () => {
  const start = useSimulatedSfus();
  let gateway: TestGateway;
  let sfus: SimulatedSfu[];
  let agents: { readonly end: AbortController; readonly ended: Promise<number>; readonly out: string[] }[];

  beforeEach(async () => {
    gateway = await startGateway({
      sfus: [],
      env: { SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY, SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN },
      balancing: { strategy: "load" },
      // The agents report this machine, and the suite keeps it busy.
      overload: { maxCpu: 1, maxMemory: 1 },
      registration: { allow: ["http://127.0.0.1"], ttlMs: TTL_MS },
    });
    sfus = [await start({ key: sfuKey(1) }), await start({ key: sfuKey(2) })];
    agents = [];
  });
  afterEach(async () => {
    for (const { end } of agents) end.abort();
    await Promise.all(agents.map(({ ended }) => ended));
    await gateway.close();
  });

  const command = (args: readonly string[], env: Readonly<Record<string, string>>): (typeof agents)[number] => {
    const [out, end]: [string[], AbortController] = [[], new AbortController()];
    const write = (text: string): void => void out.push(text);
    const io = {
      env: { SFU_GATEWAY_URL: gateway.url, ...env },
      stdout: write,
      stderr: write,
      color: false,
      screen: () => null,
      unread: new AbortController().signal,
      onHangup: () => () => undefined,
    };
    return { end, ended: run(args, { ...io, signal: end.signal }), out };
  };
  const startAgent = (index: number, intervalMs = 100): void => {
    agents.push(
      command(["agent"], {
        SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY,
        SFU_GATEWAY_PING_INTERVAL: String(intervalMs),
        SFU_REGION: index === 0 ? "eu-west-3" : "us-east-1",
        SFU_ADDRESS: sfus[index]!.address,
        AUTH_KEY: sfuKey(index + 1),
      }),
    );
  };
  const admin = (...args: string[]): Promise<{ code: number; text: string }> => {
    const { ended, out } = command(args, { SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN });
    return ended.then((code) => ({ code, text: out.join("") }));
  };
  const fleet = async (): Promise<readonly SfuReport[]> =>
    ((await (await gateway.get("/v1/health")).json()) as { sfus: SfuReport[] }).sfus;
  const bothUp = async (): Promise<void> => {
    startAgent(0);
    startAgent(1);
    await eventually("both have registered", async () => (await fleet()).length === 2);
  };

  it("has no SFU before the first heartbeat, and serves calls after it", async () => {
    expect((await gateway.join()).body).to.include({ error: "no_sfu_available" });
    startAgent(0);
    await eventually("it has registered", async () => (await fleet()).length === 1);
    expect((await gateway.join()).status).to.equal(200);
    const [sfu] = await fleet();
    expect(sfu).to.include({ address: sfus[0]!.address, region: "eu-west-3", source: "heartbeat", available: true });
    expect(sfu!.load!.cpu).to.be.within(0, 1);
    expect(sfu!.load!.memory).to.be.within(0, 1);
    expect(await gateway.metric('heartbeats_total{outcome="ok"}')).to.be.at.least(1);
  });

  it("loses an SFU at once that signs off", async () => {
    await bothUp();
    agents[0]!.end.abort();
    expect(await agents[0]!.ended).to.equal(0);
    expect((await fleet()).map(({ address }) => address)).to.deep.equal([sfus[1]!.address]);
    expect((await gateway.join({ query: "region=eu-west-3" })).body.url).to.equal(sfus[1]!.address);
  });

  it("counts an SFU out that is silent for longer than the TTL, and in with the next heartbeat", async () => {
    startAgent(0, 60_000);
    await eventually("it has registered", async () => (await fleet()).length === 1);
    await eventually("it has expired", async () => (await fleet())[0]?.state === "expired");
    expect((await fleet())[0]).to.include({ available: false, out: "expired" });
    expect((await gateway.join()).body).to.include({ error: "no_sfu_available" });
    startAgent(0);
    await eventually("it is back", async () => (await fleet())[0]?.available === true);
    expect((await gateway.join()).status).to.equal(200);
  });

  it("drains one by a command: its conferences stay, new ones go elsewhere, until it is undrained", async () => {
    await bothUp();
    const { address } = sfus[0]!;
    const eu = { query: "region=eu-west-3" };
    expect((await gateway.join({ iss: "early", ...eu })).body.url).to.equal(address);

    const drained = await admin("drain", address);
    expect(drained.code).to.equal(0);
    expect(drained.text).to.contain("gets no new conferences");
    expect(drained.text).to.match(/only until its process ends/);
    expect((await gateway.join({ iss: "early", ...eu })).body.url).to.equal(address);
    expect((await gateway.join({ iss: "late", ...eu })).body.url).to.equal(sfus[1]!.address);
    const [sfu] = await fleet();
    expect(sfu).to.include({ available: false, out: "draining", draining: true });
    expect(await gateway.metric(`sfu_draining{sfu="${address}",region="eu-west-3"}`)).to.equal(1);
    expect((await admin("status")).text).to.match(/draining/);

    expect((await admin("undrain", address)).code).to.equal(0);
    expect((await gateway.join({ iss: "later", ...eu })).body.url).to.equal(address);
  });

  it("explains the ranking, to who has the admin token", async () => {
    await bothUp();
    await admin("drain", sfus[1]!.address);
    await gateway.join({ iss: "a conference", query: "region=eu-west-3" });
    expect((await gateway.get("/v1/explain")).status).to.equal(401);
    const response = await gateway.get("/v1/explain?country=FR&iss=a%20conference", {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(response.status).to.equal(200);
    const body = (await response.json()) as { assigned: string; sfus: Readonly<Record<string, unknown>>[] };
    expect(body.assigned).to.equal(sfus[0]!.address);
    const [paris, virginia] = body.sfus;
    expect(paris).to.include({ address: sfus[0]!.address, rank: 1, assigned: true, out: null });
    expect(paris!.load).to.have.all.keys("sessions", "cpu", "memory", "assumed", "expected", "total");
    expect(virginia).to.include({ address: sfus[1]!.address, rank: null, out: "draining" });
    expect(virginia!.distanceKm).to.be.within(5900, 6400);
    expect(JSON.stringify(body)).not.to.contain(sfuKey(1)).and.not.to.contain("a conference");
  });
});

describe("scenario: a gateway without a registration key and an admin token", () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await startGateway({ sfus: [{ address: "http://sfu.invalid", key: sfuKey(1) }] });
  });
  afterEach(() => gateway.close());

  for (const path of ["/v1/sfu", "/v1/sfu/drain", "/v1/sfu/undrain"]) {
    it(`has no ${path}`, async () => {
      expect((await gateway.get(path, { method: "POST", body: "{}" })).status).to.equal(404);
    });
  }

  it("has no /v1/explain", async () => {
    expect((await gateway.get("/v1/explain")).status).to.equal(404);
  });
});
