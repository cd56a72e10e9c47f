import { createHash } from "node:crypto";
import { request } from "node:http";
import { gunzipSync } from "node:zlib";
import { expect } from "chai";
import { dashboardReport, type FailoverReport } from "../../lib/api/dashboard.ts";
import type { FleetReport, SfuReport, StoreReport } from "../../lib/api/fleet.ts";
import { systemClock } from "../../lib/clock.ts";
import { Events } from "../../lib/events.ts";
import { reportDashboard } from "../../lib/http/report-dashboard.ts";
import { showDashboard } from "../../lib/http/show-dashboard.ts";
import { useFakeClock } from "../support/clock.ts";
import { sfuReport } from "../support/reports.ts";
import { type ServedRoutes, serveRoutes } from "../support/routes.ts";

const SFU = sfuReport();
const STORE: StoreReport = { away: true, forSeconds: 7, instances: 1 };

const FAILOVER: FailoverReport = {
  id: "1",
  at: "2026-01-05T08:30:00.000Z",
  outcome: "ok",
  ms: 12.3,
  attempts: [{ sfu: SFU.address, failure: "refused", message: "refused the connection (ECONNREFUSED)", ms: 1.2 }],
  servedBy: "http://sfu2.test",
};

describe("the dashboard", () => {
  const clock = useFakeClock();
  const unforeseen: unknown[] = [];
  let sfus: SfuReport[];
  let server: ServedRoutes;

  beforeEach(async () => {
    sfus = [SFU];
    unforeseen.length = 0;
    const fleet = (): FleetReport => ({
      status: "ok",
      available: sfus.length,
      total: sfus.length,
      store: STORE,
      sfus: [...sfus],
    });
    const failovers = { limit: 50, all: () => [FAILOVER] };
    server = await serveRoutes(
      [
        ["GET", "/dashboard", showDashboard()],
        ["GET", "/dashboard/data", reportDashboard({ clock, fleet, failovers })],
      ],
      { clock: systemClock, events: new Events(), onError: (error) => unforeseen.push(error) },
    );
  });
  afterEach(async () => {
    await server.close();
    expect(unforeseen).to.deep.equal([]);
  });

  const total = async (): Promise<number> =>
    dashboardReport.parse(await (await fetch(`${server.url}/dashboard/data`)).json()).fleet.total;

  it("is one page that lets nothing in but its own style and script", async () => {
    const response = await fetch(`${server.url}/dashboard`);
    const html = await response.text();
    const policy = response.headers.get("content-security-policy") ?? "";
    const directives = new Map(
      policy.split("; ").map((directive) => {
        const [name = "", ...sources] = directive.split(" ");
        return [name, sources.join(" ")];
      }),
    );
    expect(response.status).to.equal(200);
    expect(response.headers.get("content-type")).to.equal("text/html; charset=utf-8");
    expect(Object.fromEntries(directives)).to.deep.equal({
      "default-src": "'none'",
      "script-src": hashOf(html, "script"),
      "style-src": hashOf(html, "style"),
      "img-src": "data:",
      "connect-src": "'self'",
      "base-uri": "'none'",
      "form-action": "'none'",
      "frame-ancestors": "'none'",
      "require-trusted-types-for": "'script'",
      "trusted-types": "'none'",
    });
    expect(html).not.to.match(/(?:src|href)="(?:https?:)?\/\//);
    expect(html).not.to.match(/ style=| on[a-z]+=/);
    expect(html).not.to.contain("<!-- s");
  });

  it("is not kept, framed or sniffed, and tells nobody where it was", async () => {
    const { headers } = await fetch(`${server.url}/dashboard`);
    const shown = ["cache-control", "x-content-type-options", "x-frame-options", "referrer-policy"];
    expect(shown.map((name) => headers.get(name))).to.deep.equal(["no-store", "nosniff", "DENY", "no-referrer"]);
  });

  it("answers HEAD, and 405 to what would change something", async () => {
    for (const path of ["/dashboard", "/dashboard/data"]) {
      const head = await fetch(server.url + path, { method: "HEAD" });
      expect(head.status, path).to.equal(200);
      expect(await head.text(), path).to.equal("");
      const post = await fetch(server.url + path, { method: "POST" });
      expect(post.status, path).to.equal(405);
      expect(post.headers.get("allow"), path).to.contain("GET");
    }
  });

  it("has data that are as they are told to be, for this origin alone", async () => {
    const response = await fetch(`${server.url}/dashboard/data`);
    const { gateway, ...report } = dashboardReport.strict().parse(await response.json());
    expect(report).to.deep.equal({
      now: "2026-01-05T08:30:00.000Z",
      fleet: { status: "ok", available: 1, total: 1, store: STORE, sfus: [SFU] },
      failovers: [FAILOVER],
      maxFailovers: 50,
    });
    expect(gateway.startedAt).to.equal("2026-01-05T08:30:00.000Z");
    expect(response.headers.get("cache-control")).to.equal("no-store");
    expect(response.headers.get("cross-origin-resource-policy")).to.equal("same-origin");
    expect(response.headers.get("access-control-allow-origin")).to.be.null;
  });

  it("works out the data once for all who look at the same time", async () => {
    expect(await total()).to.equal(1);
    sfus.push({ ...SFU, address: "http://sfu2.test" });
    await clock.elapse(499);
    expect(await total()).to.equal(1);
    await clock.elapse(1);
    expect(await total()).to.equal(2);
  });

  it("packs what is large, for whoever can unpack it", async () => {
    sfus = Array.from({ length: 1000 }, (_, index) => ({ ...SFU, address: `http://sfu${String(index)}.test` }));
    const packed = await get(`${server.url}/dashboard/data`, "gzip");
    const plain = await get(`${server.url}/dashboard/data`, "identity");
    expect(packed.encoding).to.equal("gzip");
    expect(plain.encoding).to.equal(undefined);
    expect(gunzipSync(packed.body).equals(plain.body)).to.be.true;
    expect(packed.body.length).to.be.below(plain.body.length / 5);
    expect(dashboardReport.parse(JSON.parse(plain.body.toString())).fleet.total).to.equal(1000);
  });
});

/** @returns the source by which a policy lets this part of the page be */
function hashOf(html: string, tag: "script" | "style"): string {
  const parts = html.match(new RegExp(`<${tag}>[^]*?</${tag}>`, "g")) ?? [];
  expect(parts, tag).to.have.length(1);
  const text = parts[0]!.slice(tag.length + 2, -(tag.length + 3));
  expect(text.length).to.be.above(1000);
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

function get(url: string, encoding: string): Promise<{ readonly encoding: string | undefined; readonly body: Buffer }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, headers: { "accept-encoding": encoding } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.once("error", reject);
      answer.once("end", () => {
        resolve({ encoding: answer.headers["content-encoding"], body: Buffer.concat(chunks) });
      });
    });
    sent.once("error", reject);
    sent.end();
  });
}
