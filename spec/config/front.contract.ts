import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { type Certificate, makeCertificate } from "../support/certificate.ts";
import { useCleanup } from "../support/cleanup.ts";
import { disconnectToken } from "../support/disconnect.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";
import { useFullServers } from "../support/full-server.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { freePorts } from "../support/ports.ts";
import { type GatewayProcess, useGatewayProcesses } from "../support/process.ts";
import type { Programs } from "../support/program.ts";
import { useRedis } from "../support/redis.ts";
import { type Answered, ask, type Asked } from "../support/request.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { answer, type RawServer, useRawServers } from "../support/sockets.ts";
import { claimsOf, sfuKey, token } from "../support/tokens.ts";
import { useFiles } from "./harness.ts";

/** Addresses that callers have here; the front and the gateways are at 127.0.0.1. */
const ODOO = "127.0.0.7";
const NEIGHBOUR = "127.0.0.8";
const REMOTE_EDGE = "127.0.0.9";

/** Odoo waits no longer. */
const ODOO_MS = 3000;
const CONFERENCES = 200;

/** What an operator edits in a file of config/. */
export interface FrontParts {
  /** The two gateways, as `host:port`. */
  readonly gateways: readonly [string, string];
  /** Where it listens with TLS, on loopback. */
  readonly port: number;
  /** Has its certificate: `fullchain.pem` and `privkey.pem`, and both in `sfu-gateway.example.com.pem`. */
  readonly folder: string;
  /** Who gets the region eu-west-3; nobody where it is left out. */
  readonly european?: string;
}

/** What every front of gateways has to keep to, whoever it is by. */
export function itIsAFront(programs: Programs, conf: (parts: FrontParts) => string): void {
  const startSfu = useSimulatedSfus();
  const listen = useRawServers();
  const fullServer = useFullServers();
  const startProcess = useGatewayProcesses();
  const cleanUp = useCleanup();
  let folder: string;
  let certificate: Certificate;
  let port: number;
  let nobody: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "certificate-"));
    certificate = makeCertificate();
    const { cert, key } = certificate;
    const files = { "fullchain.pem": cert, "privkey.pem": key, "sfu-gateway.example.com.pem": `${cert}${key}` };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const ports = await freePorts(2);
    port = ports[0]!;
    nobody = `127.0.0.1:${String(ports[1])}`;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const parts = (first: string, second: string): FrontParts => ({
    gateways: [hostOf(first), hostOf(second)],
    port,
    folder,
  });
  const start = async (first: string, second: string, more: Partial<FrontParts> = {}): Promise<void> => {
    await programs.start(conf({ ...parts(first, second), ...more }), port);
  };
  const secure = (path: string, asked: Asked = {}): Promise<Answered> =>
    ask(`https://localhost:${String(port)}${path}`, { ca: certificate.cert, from: ODOO, ...asked });
  const call = (asked: Asked & { readonly query?: string; readonly iss?: string } = {}): Promise<Answered> =>
    secure(`/v1/channel${asked.query ?? ""}`, {
      ...asked,
      headers: { ...bearer(asked.iss ?? "room"), ...asked.headers },
    });

  /** A gateway, and its SFUs. */
  const open = async (
    entries: readonly Readonly<Record<string, unknown>>[] = [{}],
  ): Promise<{ readonly gateway: TestGateway; readonly sfus: readonly SimulatedSfu[] }> => {
    const sfus: SimulatedSfu[] = [];
    for (const index of entries.keys()) sfus.push(await startSfu({ key: sfuKey(index + 1) }));
    const gateway = await startGateway({
      sfus: entries.map((entry, index) => ({ address: sfus[index]!.address, key: sfuKey(index + 1), ...entry })),
      env: { SFU_GATEWAY_TRUST_PROXY: `127.0.0.1,${REMOTE_EDGE}`, SFU_GATEWAY_ADMIN_TOKEN: "an admin token" },
    });
    cleanUp(() => gateway.close());
    return { gateway, sfus };
  };
  /** @returns the status, 0 for none in time; the caller hangs up then */
  const inOdoosTime = async (request: (signal: AbortSignal) => Promise<Answered>): Promise<number> => {
    const leave = new AbortController();
    const cancel = systemClock.after(ODOO_MS, () => leave.abort());
    try {
      return (await request(leave.signal)).status;
    } catch {
      return 0;
    } finally {
      cancel();
    }
  };
  /** No gateway: looks well, and does this to whatever else comes. @returns what has come, but for the looks */
  const strange = async (
    treat: Parameters<typeof listen>[0],
  ): Promise<{ readonly address: string; readonly calls: () => readonly string[] }> => {
    const isLook = (text: string): boolean => /^GET \/(readyz|healthz) /.test(text);
    const server: RawServer = await listen((socket, arrival) => {
      if (isLook(arrival.text)) socket.write(answer("{}"));
      else treat(socket, arrival);
    });
    return { address: server.address, calls: () => server.requests.filter((text) => !isLook(text)) };
  };

  it("is fine by the program itself", async () => {
    const { exitCode, output } = await programs.check(conf(parts("http://127.0.0.1:8071", "http://127.0.0.1:8072")));
    expect(output).to.not.match(/warn|emerg|alert/i);
    expect(exitCode).to.equal(0);
  });

  it("brings Odoo its channel, as Odoo's and nobody else's", async () => {
    const { gateway, sfus } = await open();
    await start(gateway.url, gateway.url);
    const answered = await call({
      headers: { "x-forwarded-for": "192.0.2.1" },
      query: "?recordingAddress=https%3A%2F%2Fx&b",
    });
    expect(answered.status).to.equal(200);
    expect(jsonOf(answered)).to.deep.equal({ uuid: sfus[0]!.channels[0]!.uuid, url: sfus[0]!.address });
    expect(sfus[0]!.channels[0]).to.include({ identity: ODOO });
    expect(sfus[0]!.requests[0]).to.include({ query: "recordingAddress=https%3A%2F%2Fx&b" });
  });

  it("asks for a region by Odoo's address, unless Odoo asks for one", async () => {
    const { gateway, sfus } = await open([{ region: "us-east-1" }, { region: "eu-west-3" }]);
    await start(gateway.url, gateway.url, { european: ODOO });
    const urls: unknown[] = [];
    for (const query of ["", "?a=1", "?region=us-east-1", "?region="]) {
      urls.push(jsonOf(await call({ query, iss: `room ${query}` })).url);
    }
    const [us, eu] = sfus.map(({ address }) => address);
    expect(urls).to.deep.equal([eu, eu, us, eu]);
    expect(sfus[1]!.requests.map(({ query }) => query)).to.deep.equal(["", "a=1", ""]);
  });

  it("passes headers on that are as long as the gateway takes them", async () => {
    const { gateway } = await open();
    await start(gateway.url, gateway.url);
    const claims = { ...claimsOf("room"), long: "x".repeat(9000) };
    expect((await call({ headers: { authorization: `Bearer ${token({ claims })}` } })).status).to.equal(200);
  });

  it("hands on what an SFU's edge says of Odoo's address, and believes nobody else", async () => {
    const { gateway, sfus } = await open();
    await start(gateway.url, gateway.url);
    const { uuid } = jsonOf(await call());
    sfus[0]!.setSessions(uuid!, { count: 3 });
    const request = { method: "POST", body: disconnectToken({ [uuid!]: [1] }), headers: { "x-forwarded-for": ODOO } };
    expect((await secure("/v1/disconnect", { ...request, from: NEIGHBOUR })).status).to.equal(200);
    expect(sfus[0]!.channels[0]!.sessions).to.have.length(3);
    expect((await secure("/v1/disconnect", { ...request, from: REMOTE_EDGE })).status).to.equal(200);
    expect(sfus[0]!.channels[0]!.sessions).to.have.length(2);
  });

  it("gives the request an id that both logs have, unless it has one", async () => {
    const { gateway } = await open();
    await start(gateway.url, gateway.url);
    const given = await secure("/v1/disconnect", { method: "POST", headers: { "x-request-id": "odoo-1" } });
    expect(jsonOf(given)).to.include({ error: "missing_token", requestId: "odoo-1" });
    expect((await call()).headers["x-request-id"]).to.match(/^[\w-]{16,}$/);
  });

  it("asks another gateway where one refuses the connection, or dies amid the request", async () => {
    const { gateway } = await open();
    const dying = await strange((socket) => socket.destroy());
    for (const first of [`http://${nobody}`, dying.address]) {
      [port] = (await freePorts(1)) as [number];
      await start(first, gateway.url);
      for (let count = 0; count < 4; count++) expect((await call()).status, first).to.equal(200);
    }
    expect(dying.calls()).to.not.be.empty;
  });

  it("asks another gateway where one's host does not say a word", async () => {
    const { gateway } = await open();
    await start(await fullServer(), gateway.url);
    for (let count = 0; count < 4; count++) expect((await call()).status).to.equal(200);
  });

  it("never asks a second gateway for a call that the first one has not answered, and says so before Odoo leaves", async () => {
    const hanging = await strange(() => undefined);
    await start(hanging.address, hanging.address);
    const startMs = systemClock.monotonic();
    expect((await call()).status).to.equal(504);
    expect(systemClock.monotonic() - startMs).to.be.within(2500, ODOO_MS);
    expect(hanging.calls()).to.have.length(1);
  });

  it("soon passes over a gateway that hangs", async () => {
    const hanging = await listen(() => undefined);
    const { gateway } = await open();
    await start(hanging.address, gateway.url);
    // Odoo's patience as it is: a front that waits longer takes each call for one that its caller has given up.
    const statuses: number[] = [];
    for (let count = 0; count < 10; count++)
      statuses.push(await inOdoosTime((signal) => call({ iss: `room ${String(count)}`, signal })));
    expect(statuses.filter((status) => status !== 200)).to.have.length.at.most(1);
    expect(hanging.requests.filter((text) => text.includes("/v1/channel"))).to.have.length.at.most(1);
  });

  for (const status of [500, 503]) {
    it(`never asks a second gateway where the first one answers ${String(status)}`, async () => {
      const busy = await strange((socket) => socket.write(answer("{}", `${String(status)} So`)));
      await start(busy.address, busy.address);
      for (let count = 0; count < 3; count++) expect((await call()).status).to.equal(status);
      expect(busy.calls()).to.have.length(3);
    });
  }

  it("never sends a POST twice", async () => {
    const dying = await strange((socket) => socket.destroy());
    await start(dying.address, dying.address);
    const paths = ["/v1/disconnect", "/v1/sfu"];
    for (const path of paths) {
      expect((await secure(path, { method: "POST", body: "x" })).status, path).to.equal(502);
    }
    expect(dying.calls()).to.have.length(paths.length);
  });

  it("sends a POST to another gateway where one refuses the connection", async () => {
    const taking = await strange((socket) => socket.write(answer("")));
    await start(`http://${nobody}`, taking.address);
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) {
      statuses.push((await secure("/v1/disconnect", { method: "POST", body: "x" })).status);
    }
    expect(statuses).to.deep.equal([200, 200, 200, 200]);
  });

  it("shows the fleet to its own network alone, and the rest to nobody", async () => {
    const { gateway } = await open();
    await start(gateway.url, gateway.url);
    const statusOf = async (path: string, from: string, method = "GET"): Promise<number> =>
      (await secure(path, { from, method, headers: { authorization: "Bearer an admin token" } })).status;
    const fleet = ["/healthz", "/readyz", "/v1/health", "/v1/explain?iss=a"];
    const own = ["/metrics", "/dashboard", "/dashboard/data"].flatMap((path) =>
      ["/gateways/1", "/gateways/2"].map((which) => which + path),
    );
    for (const path of [...fleet, ...own]) {
      expect(await statusOf(path, "127.0.0.1"), path).to.equal(200);
      expect(await statusOf(path, ODOO), path).to.equal(403);
    }
    for (const path of ["/v1/sfu/drain", "/v1/sfu/undrain"]) {
      expect(await statusOf(path, "127.0.0.1", "POST"), path).to.equal(400);
      expect(await statusOf(path, ODOO, "POST"), path).to.equal(403);
    }
    expect(await statusOf("/v1/noop", ODOO)).to.equal(200);
    const nowhere = [
      "/",
      "/v1/stats",
      "/v1/channel/",
      "/metrics",
      "/dashboard",
      "/gateways/1/v1/channel",
      "/gateways/3/metrics",
    ];
    for (const path of nowhere) expect(await statusOf(path, "127.0.0.1"), path).to.equal(404);
  });

  it("shows each gateway's own under its number", async () => {
    const [one, two] = [await open(), await open([{}, {}])];
    await start(one.gateway.url, two.gateway.url);
    const sfusOf = async (number: number): Promise<unknown> => {
      const { body } = await secure(`/gateways/${String(number)}/v1/health`, { from: "127.0.0.1" });
      return (JSON.parse(body) as { readonly sfus: readonly unknown[] }).sfus.length;
    };
    expect([await sfusOf(1), await sfusOf(2)]).to.deep.equal([1, 2]);
  });

  describe("in front of two gateways that share a store,", function () {
    this.timeout(40_000);
    const redis = useRedis();
    const files = useFiles();
    let sfus: readonly SimulatedSfu[];
    let ports: readonly number[];
    let processes: GatewayProcess[];

    const run = (at: number): Promise<GatewayProcess> =>
      startProcess({
        port: at,
        env: {
          SFU_GATEWAY_NODES: JSON.stringify({
            sfu: sfus.map(({ address }, index) => ({ address, key: sfuKey(index + 1) })),
          }),
          SFU_GATEWAY_TRUST_PROXY: "127.0.0.1",
        },
        args: [
          "serve",
          "--secrets",
          files.write("secrets.toml", `[store]\nurl = "redis://127.0.0.1:${String(redis.port)}"\n`),
        ],
      });
    const knowEachOther = (): Promise<void> =>
      eventually(
        "they know each other",
        async () => (await Promise.all(processes.map((one) => metric(one, "instances")))).every((count) => count === 2),
        FOR_A_PROCESS,
      );
    beforeEach(async () => {
      const latencyMs = { min: 5, max: 60 };
      sfus = [await startSfu({ key: sfuKey(1), latencyMs }), await startSfu({ key: sfuKey(2), latencyMs })];
      ports = await freePorts(2);
      processes = await Promise.all(ports.map(run));
      await knowEachOther();
      await start(processes[0]!.url, processes[1]!.url);
    });

    /** One conference after the other, some at a time, until told to stop. @returns the statuses, and who took too long */
    const callOn = (stop: () => boolean, atOnce: number): Promise<readonly (number | "late")[]> => {
      const results: (number | "late")[] = [];
      const caller = async (): Promise<void> => {
        while (!stop()) {
          const startMs = systemClock.monotonic();
          const { status } = await call({ iss: `room ${String(results.length)} ${String(startMs)}` });
          results.push(systemClock.monotonic() - startMs < ODOO_MS ? status : "late");
        }
      };
      return Promise.all(Array.from({ length: atOnce }, caller)).then(() => results);
    };

    it("answers every call though one of them is killed amid calls", async () => {
      let isOver = false;
      const calls = callOn(() => isOver, 10);
      const served = (): number => sfus.reduce((sum, { channels }) => sum + channels.length, 0);
      await eventually("calls are being made", () => served() > CONFERENCES / 4, FOR_A_PROCESS);
      processes[0]!.kill("SIGKILL");
      await processes[0]!.exitCode;
      await eventually("the other one makes them", () => served() > CONFERENCES, FOR_A_PROCESS);
      isOver = true;
      const results = await calls;
      expect(results.filter((result) => result !== 200)).to.deep.equal([]);
      expect(results).to.have.length.above(CONFERENCES / 2);
    });

    it("answers every call while they are restarted in turn, one right after the other", async () => {
      let isOver = false;
      const calls = callOn(() => isOver, 4);
      for (const [index, at] of ports.entries()) {
        processes[index]!.kill("SIGTERM");
        await processes[index]!.exitCode;
        processes[index] = await run(at);
        await knowEachOther();
      }
      await eventually(
        "the last one is asked again",
        async () => (await metric(processes[1]!, "channel_requests_total")) > 0,
        {
          ...FOR_A_PROCESS,
          pauseMs: 100,
        },
      );
      isOver = true;
      expect((await calls).filter((result) => result !== 200)).to.deep.equal([]);
    });
  });
}

function hostOf(url: string): string {
  return new URL(url).host;
}

function jsonOf({ body }: Answered): Readonly<Record<string, string>> {
  return JSON.parse(body) as Record<string, string>;
}

function bearer(iss: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token({ claims: claimsOf(iss) })}` };
}

/** All of its series together. */
async function metric({ url }: GatewayProcess, name: string): Promise<number> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n");
  const series = lines.filter(
    (line) => line.startsWith(`sfu_gateway_${name}{`) || line.startsWith(`sfu_gateway_${name} `),
  );
  return series.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
