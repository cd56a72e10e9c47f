import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { type Certificate, makeCertificate } from "../support/certificate.ts";
import { disconnectToken } from "../support/disconnect.ts";
import { eventually } from "../support/eventually.ts";
import { type GatewaySetup, startGateway, type TestGateway } from "../support/gateway.ts";
import { useNginx } from "../support/nginx.ts";
import { freePorts } from "../support/ports.ts";
import { type Answered, ask, type Asked } from "../support/request.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { useRawServers } from "../support/sockets.ts";
import { needsTools } from "../support/tools.ts";
import { claimsOf, GATEWAY_KEY, sfuKey, token } from "../support/tokens.ts";
import { textOf } from "./containers/files.ts";
import { edited } from "./edited.ts";

/** Addresses that callers have here; nginx and the gateways are at 127.0.0.1. */
const ODOO = "127.0.0.7";
const NEIGHBOUR = "127.0.0.8";

/** A caller that waits this long has found something to hang at. */
const SOON_MS = 2000;

const EDGE = textOf("config/nginx/sfu-edge.conf");

function hostOf(url: string): string {
  return new URL(url).host;
}

describe("config/nginx/sfu-edge.conf", () => {
  needsTools("nginx");
  const nginx = useNginx();
  const start = useSimulatedSfus();
  const listen = useRawServers();
  let folder: string;
  let certificate: Certificate;
  let tls: number;
  let plain: number;
  let nobody: number;
  const gateways: TestGateway[] = [];
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "certificate-"));
    certificate = makeCertificate();
    writeFileSync(join(folder, "fullchain.pem"), certificate.cert);
    writeFileSync(join(folder, "privkey.pem"), certificate.key);
    [tls, plain, nobody] = (await freePorts(3)) as [number, number, number];
  });
  afterEach(async () => {
    await Promise.all(gateways.splice(0).map((gateway) => gateway.close()));
    rmSync(folder, { recursive: true });
  });

  /** On free ports, one of them without TLS. */
  const common = (name: string): Readonly<Record<string, string>> => ({
    "listen 443 ssl;": `listen 127.0.0.1:${String(tls)} ssl; listen 127.0.0.1:${String(plain)};`,
    "listen [::]:443 ssl;": "",
    [`/etc/ssl/${name}/`]: `${folder}/`,
  });
  const open = async (setup: GatewaySetup): Promise<TestGateway> => {
    const gateway = await startGateway({ ...setup, env: { SFU_GATEWAY_TRUST_PROXY: "127.0.0.1", ...setup.env } });
    gateways.push(gateway);
    return gateway;
  };
  const secure = (path: string, asked: Asked = {}): Promise<Answered> =>
    ask(`https://localhost:${String(tls)}${path}`, { ca: certificate.cert, ...asked });
  const jsonOf = ({ body }: Answered): Readonly<Record<string, string>> => JSON.parse(body) as Record<string, string>;
  const bearer = (iss: string): Readonly<Record<string, string>> => ({
    authorization: `Bearer ${token({ claims: claimsOf(iss) })}`,
  });

  let sfu: SimulatedSfu;
  let gateway: TestGateway;
  const edge = (edits: { readonly sfu: string; readonly gateway: string; readonly spare?: string }): string =>
    edited(EDGE, {
      ...common("sfu1.example.com"),
      "server 127.0.0.1:8070;": `server ${edits.sfu};`,
      "server 10.0.0.10:8071;": `server ${edits.gateway};`,
      "server 10.0.0.11:8071 backup;": `server ${edits.spare ?? `127.0.0.1:${String(nobody)}`} backup;`,
    });
  /** The gateway asks the SFU itself, and the world comes by the edge. */
  const openAll = async (conf = edge): Promise<void> => {
    sfu = await start();
    const publicUrl = `https://localhost:${String(tls)}`;
    gateway = await open({ sfus: [{ address: sfu.address, key: sfuKey(1), public_url: publicUrl }] });
    await nginx.start(conf({ sfu: hostOf(sfu.address), gateway: hostOf(gateway.url) }), tls);
  };
  /** A call of Odoo's with three members. */
  const call = async (iss: string, at = gateway): Promise<Readonly<Record<string, string>>> => {
    const channel = jsonOf(await ask(`${at.url}/v1/channel`, { headers: bearer(iss), from: ODOO }));
    sfu.setSessions(channel.uuid!, { count: 3 });
    return channel;
  };
  const sessionsOf = (uuid: string): readonly number[] =>
    sfu.channels.find((channel) => channel.uuid === uuid)!.sessions.map(({ id }) => id);
  const disconnect = (url: string, uuid: string, from = ODOO, headers = {}): Promise<Answered> =>
    ask(`${url}/v1/disconnect`, {
      method: "POST",
      body: disconnectToken({ [uuid]: [1, 3] }),
      from,
      headers,
      ca: certificate.cert,
    });

  it("is fine by nginx", async () => {
    const { exitCode, output } = await nginx.check(edge({ sfu: "127.0.0.1:8070", gateway: "127.0.0.1:8071" }));
    expect(output)
      .to.contain("test is successful")
      .and.not.match(/warn|emerg/);
    expect(exitCode).to.equal(0);
  });

  it("ends exactly what Odoo wants to end, with the gateway's key at the SFU's own URL", async () => {
    await openAll();
    const [ending, other] = [await call("room 1"), await call("room 2")];
    expect(ending.url).to.equal(`https://localhost:${String(tls)}`);
    const { status, body } = await disconnect(ending.url!, ending.uuid!);
    expect({ status, body }).to.deep.equal({ status: 200, body: "" });
    expect(sessionsOf(ending.uuid!)).to.deep.equal([2]);
    expect(sessionsOf(other.uuid!)).to.deep.equal([1, 2, 3]);
  });

  it("is needed: the SFU by itself refuses the gateway's key", async () => {
    await openAll();
    const { uuid } = await call("room");
    expect((await disconnect(sfu.address, uuid!)).status).to.equal(422);
  });

  it("hands on who asks, whatever he claims, so that nobody ends another's calls", async () => {
    await openAll();
    const { url, uuid } = await call("room");
    const claims = { "x-forwarded-for": ODOO, forwarded: `for=${ODOO}` };
    expect((await disconnect(url!, uuid!, NEIGHBOUR, claims)).status).to.equal(200);
    expect(sessionsOf(uuid!)).to.deep.equal([1, 2, 3]);
    const asked = sfu.requests.filter(({ path }) => path === "/v1/disconnect");
    expect(asked.map(({ headers }) => headers["x-forwarded-for"])).to.deep.equal([NEIGHBOUR]);
  });

  it("passes a refusal of the gateway's on, and the id that both logs have", async () => {
    await openAll();
    const refused = await secure("/v1/disconnect", { method: "POST", body: "garbage" });
    expect(refused.status).to.equal(422);
    expect(jsonOf(refused)).to.include({ error: "invalid_token" });
    const given = await secure("/v1/disconnect", { method: "POST", headers: { "x-request-id": "odoo-1" } });
    expect(jsonOf(given)).to.include({ error: "missing_token", requestId: "odoo-1" });
  });

  it("sends everything else to the SFU, and nothing of it to the gateway", async () => {
    await openAll();
    const paths = ["/v1/noop", "/v1/stats", "/v1/disconnect/", "/v1/disconnect2", "/v1/DISCONNECT", "/"];
    for (const path of paths) await secure(path, { from: ODOO, method: path.startsWith("/v1/d") ? "POST" : "GET" });
    const statuses = sfu.requests.map(({ path, status }) => [path, status]);
    expect(statuses).to.deep.equal([
      ["/v1/noop", 200],
      ["/v1/stats", 200],
      ...["/v1/disconnect/", "/v1/disconnect2", "/v1/DISCONNECT", "/"].map((path) => [path, 404]),
    ]);
    expect(gateway.logs.filter(({ requestId }) => requestId !== undefined)).to.deep.equal([]);
  });

  it("tells the SFU who asks and its own URL, and nothing that the caller claims", async () => {
    await openAll();
    const own = `Bearer ${token({ claims: claimsOf("room"), key: sfuKey(1) })}`;
    const lies = { "x-forwarded-for": "192.0.2.1", "x-forwarded-host": "evil.test", "x-forwarded-proto": "gopher" };
    const answered = await secure("/v1/channel", { headers: { authorization: own, ...lies }, from: ODOO });
    expect(jsonOf(answered).url).to.equal(`https://localhost:${String(tls)}`);
    expect(sfu.channels[0]).to.include({ identity: ODOO });
  });

  it("lets a WebSocket through, both ways", async () => {
    const upstream = await listen((socket, { text, request }) => {
      if (request > 1) socket.write(`echo ${text}`);
      else socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    });
    await nginx.start(edge({ sfu: hostOf(upstream.address), gateway: `127.0.0.1:${String(nobody)}` }), tls);
    const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
    const { status, upgraded } = await secure("/", { headers });
    expect(status).to.equal(101);
    expect(upstream.requests[0])
      .to.match(/^connection: upgrade\r$/im)
      .and.match(/^upgrade: websocket\r$/im);
    let received = "";
    upgraded!.on("data", (bytes: Buffer) => (received += bytes.toString()));
    upgraded!.on("error", () => undefined);
    upgraded!.write("hello");
    await eventually("it has come back", () => received === "echo hello");
    upgraded!.destroy();
    await eventually("the SFU has been told of the end", () => upstream.open === 0);
  });

  it("asks the other gateway where one refuses the connection", async () => {
    sfu = await start();
    gateway = await open({ sfus: [{ address: sfu.address, key: sfuKey(1) }] });
    const [down, spare] = [`127.0.0.1:${String(nobody)}`, hostOf(gateway.url)];
    await nginx.start(edge({ sfu: hostOf(sfu.address), gateway: down, spare }), tls);
    const { uuid } = await call("room");
    expect((await disconnect(`https://localhost:${String(tls)}`, uuid!)).status).to.equal(200);
    expect(sessionsOf(uuid!)).to.deep.equal([2]);
  });

  it("says soon that the gateways are gone, and goes on serving the SFU", async () => {
    await openAll();
    const { url, uuid } = await call("room");
    await gateways.pop()!.close();
    const startMs = systemClock.monotonic();
    expect((await disconnect(url!, uuid!)).status).to.equal(502);
    expect(systemClock.monotonic() - startMs).to.be.below(SOON_MS);
    expect((await secure("/v1/noop")).status).to.equal(200);
  });

  describe("where the gateway knows the SFU by its edge,", () => {
    /** Both keys alike is the worst case: then the gateway believes its own request. */
    const openByEdge = async (conf: (text: string) => string): Promise<void> => {
      sfu = await start({ key: GATEWAY_KEY });
      gateway = await open({ sfus: [{ address: `http://127.0.0.1:${String(plain)}`, key: GATEWAY_KEY }] });
      const text = edited(edge({ sfu: hostOf(sfu.address), gateway: hostOf(gateway.url) }), {
        "set_real_ip_from 10.0.0.10;": "set_real_ip_from 127.0.0.1;",
      });
      await nginx.start(conf(text), tls);
    };

    it("lets the gateway's own disconnect through to the SFU, under Odoo's address", async () => {
      await openByEdge((text) => text);
      const { url, uuid } = await call("room");
      expect((await disconnect(url!, uuid!)).status).to.equal(200);
      expect(sessionsOf(uuid!)).to.deep.equal([2]);
      expect(sfu.channels[0]).to.include({ identity: ODOO });
      expect(sfu.requests.filter(({ path }) => path === "/v1/disconnect")).to.have.length(1);
    });

    it("and without its map the gateway ends the loop", async () => {
      await openByEdge((text) =>
        edited(text, { "proxy_pass            $disconnect_to;": "proxy_pass http://sfu_gateway;" }),
      );
      const { url, uuid } = await call("room");
      const answered = await disconnect(url!, uuid!);
      expect(answered.status).to.equal(502);
      expect(jsonOf(answered).message).to.contain("sent the gateway's own disconnect back to a gateway");
      expect(await gateway.metric('disconnects_total{outcome="loop_detected"}')).to.equal(1);
    });
  });
});
