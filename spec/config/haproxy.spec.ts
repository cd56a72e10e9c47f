import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { makeCertificate } from "../support/certificate.ts";
import { useCleanup } from "../support/cleanup.ts";
import { eventually } from "../support/eventually.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { useHaproxy } from "../support/haproxy.ts";
import { freePort } from "../support/ports.ts";
import { type Answered, ask } from "../support/request.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { claimsOf, sfuKey, token } from "../support/tokens.ts";
import { needsTools } from "../support/tools.ts";
import { textOf } from "./containers/files.ts";
import { edited } from "./edited.ts";
import { type FrontParts, itIsAFront } from "./front.contract.ts";

const conf = ({ gateways, port, folder, european }: FrontParts): string =>
  edited(textOf("config/haproxy/gateway.cfg"), {
    "bind :443 ssl": `bind 127.0.0.1:${String(port)} ssl`,
    "/etc/haproxy/certs/": `${folder}/`,
    "10.0.0.10:8071": gateways[0],
    "10.0.0.11:8071": gateways[1],
    ...(european === undefined
      ? {}
      : { "#http-request set-query": "http-request set-query", "src 203.0.113.0/24": `src ${european}` }),
  });

describe("config/haproxy/gateway.cfg", () => {
  needsTools("haproxy");
  const haproxy = useHaproxy();
  itIsAFront(haproxy, conf);

  describe("looks at who is ready:", () => {
    const startSfu = useSimulatedSfus();
    const cleanUp = useCleanup();
    const certificate = makeCertificate();
    let sfu: SimulatedSfu;
    let gateways: readonly [TestGateway, TestGateway];
    let port: number;
    let said: () => string;

    const open = async (): Promise<TestGateway> => {
      const gateway = await startGateway({
        sfus: [{ address: sfu.address, key: sfuKey(1) }],
        env: { SFU_GATEWAY_ADMIN_TOKEN: "an admin token" },
      });
      cleanUp(() => gateway.close());
      return gateway;
    };
    const drain = (gateway: TestGateway): Promise<Response> =>
      gateway.get("/v1/sfu/drain", {
        method: "POST",
        headers: { authorization: "Bearer an admin token", "content-type": "application/json" },
        body: JSON.stringify({ address: sfu.address }),
      });
    const call = (iss: string): Promise<Answered> =>
      ask(`https://localhost:${String(port)}/v1/channel`, {
        ca: certificate.cert,
        headers: { authorization: `Bearer ${token({ claims: claimsOf(iss) })}` },
      });
    beforeEach(async () => {
      sfu = await startSfu();
      gateways = [await open(), await open()];
      port = await freePort();
      const folder = mkdtempSync(join(tmpdir(), "certificate-"));
      cleanUp(() => rmSync(folder, { recursive: true }));
      writeFileSync(join(folder, "sfu-gateway.example.com.pem"), certificate.cert + certificate.key);
      const [first, second] = gateways.map(({ url }) => new URL(url).host) as [string, string];
      said = await haproxy.start(conf({ gateways: [first, second], port, folder }), port);
    });

    it("a gateway without an SFU for new calls gets none", async () => {
      await drain(gateways[0]);
      await eventually("it is out", () => said().includes("Server calls/gateway-1 is DOWN"), { patienceMs: 5000 });
      for (let count = 0; count < 4; count++) expect((await call(`room ${String(count)}`)).status).to.equal(200);
      expect(await gateways[0].metric('channel_requests_total{outcome="ok"}')).to.equal(0);
    });

    it("where none is, they still bring members to the conferences that there are", async () => {
      for (const gateway of gateways) await gateway.join({ iss: "room" });
      await Promise.all(gateways.map(drain));
      const patience = { patienceMs: 5000 };
      await eventually("all are out", () => said().includes("backend calls has no server available"), patience);
      for (let count = 0; count < 4; count++) expect((await call("room")).status).to.equal(200);
      const refused = await call("another room");
      expect(refused.status).to.equal(503);
      expect(refused.body).to.contain("no_sfu_available");
    });
  });
});
