import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";
import { type SimulatedFleet, startFleet } from "../support/fleet.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { needsTools, pathOf } from "../support/tools.ts";

const ADMIN_TOKEN = "an admin token that nobody would guess";
/** A region that would do harm if it were taken for HTML. */
const HOSTILE = "<img src=x onerror=document.title='harm'>";
const REGIONS = ["eu-west-3", "us-east-1", HOSTILE];
const ATTEMPT_MS = 150;
/** The page looks every two seconds; on a busy machine it takes longer to show something. */
const PATIENCE_MS = 8000;

/** A page that somebody looks at, and what it should not do. */
interface Watched {
  readonly page: Page;
  /** What the console said, and what the policy forbade. */
  readonly complaints: string[];
  /** Every origin that was asked for something. */
  readonly origins: Set<string>;
  readonly row: (index: number) => Locator;
  readonly headline: (text: string | RegExp) => Promise<void>;
}

interface WatchOptions {
  /** The gateway's, unless it says otherwise. */
  readonly url?: string;
  /** What is done to the page before it is loaded. */
  readonly prepare?: (page: Page) => Promise<unknown>;
}

describe("scenario: somebody looks at the dashboard", function () {
  this.timeout(30_000);
  needsTools("chromium");

  let browser: Browser;
  let fleet: SimulatedFleet;
  let gateway: TestGateway;

  before(async () => {
    const path = pathOf("chromium");
    if (path === null) return;
    // Chromium's own walls need rights that a container's root does not have.
    browser = await chromium.launch({ executablePath: path, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  });
  after(async () => {
    await (browser as Browser | undefined)?.close();
  });
  beforeEach(async () => {
    fleet = await startFleet(3, {}, (index) => ({ region: REGIONS[index] }));
    gateway = await open();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await gateway.close();
    await fleet.close();
  });

  const open = (port = 0): Promise<TestGateway> =>
    startGateway({
      sfus: fleet.entries,
      env: { SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN, SFU_GATEWAY_PORT: String(port) },
      health: { intervalMs: 200, statsIntervalMs: 300, timeoutMs: ATTEMPT_MS },
      failover: { attemptTimeoutMs: ATTEMPT_MS },
      // Opened by probes alone, so that the story is the same each time.
      breaker: { minimumRequests: 10_000, resetTimeoutMs: 300, windowMs: 1000 },
    });

  const watch = async (
    options: BrowserContextOptions = {},
    { url = gateway.url, prepare = () => Promise.resolve() }: WatchOptions = {},
  ): Promise<Watched> => {
    const page = await (await browser.newContext(options)).newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const complaints: string[] = [];
    const origins = new Set<string>();
    page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (asked) => {
      // The tab's icon is in the page.
      if (!asked.url().startsWith("data:")) origins.add(new URL(asked.url()).origin);
    });
    await page.addInitScript(
      `addEventListener("securitypolicyviolation", (event) => console.error("forbidden: " + event.violatedDirective))`,
    );
    await prepare(page);
    await page.goto(`${url}/dashboard`);
    const rows = page.getByRole("table", { name: "SFUs" }).getByRole("row");
    return {
      page,
      complaints,
      origins,
      row: (index) => rows.filter({ hasText: fleet.sfus[index]!.address }),
      headline: (text) => page.getByRole("heading", { level: 1, name: text }).waitFor(),
    };
  };

  const has = (place: Locator, text: string | RegExp): Promise<void> => place.filter({ hasText: text }).waitFor();
  const setDrain = async (verb: "drain" | "undrain", index: number): Promise<void> => {
    const response = await gateway.get(`/v1/sfu/${verb}`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ address: fleet.sfus[index]!.address }),
    });
    expect(response.status).to.equal(200);
  };

  it("sees an outage, a failover and a drain come and go, without loading the page anew", async () => {
    const { page, row, headline, complaints, origins } = await watch();
    await headline("All well");
    expect(await page.title()).to.equal("✓ 3/3 SFUs · SFU Gateway");
    await page.evaluate("document.body.dataset.spec = 'the same page'");
    await has(page.locator("#failovers"), "None since the gateway was started.");

    await fleet.break({ kind: "worker_hang" }, 0);
    // In turn, so that one of them asks it first.
    for (const iss of ["one", "two", "three"]) expect((await gateway.join({ iss })).status).to.equal(200);
    await fleet.sfus[0]!.heal();
    const failovers = page.locator("#failover-list > li");
    await has(failovers.first(), "did not answer within 150 ms");
    await has(failovers.first(), "served it");
    expect(await failovers.count()).to.equal(1);
    expect(await failovers.first().textContent()).to.contain(fleet.sfus[0]!.address);
    await headline("All well");

    await fleet.break({ kind: "refuse" }, 1);
    await setDrain("drain", 2);
    await has(row(1), /down.*refused the connection \(ECONNREFUSED\)/s);
    await has(row(2), /draining.*(drained: empty, can be stopped|sessions? left)/s);
    await headline("1 of 3 SFUs available");
    expect(await page.title()).to.equal("⚠ 1/3 SFUs · SFU Gateway");
    const order = await page.locator("#sfus b").allTextContents();
    expect(order).to.deep.equal(["down", "draining", "available"]);

    for (const sfu of fleet.sfus) await sfu.heal();
    await setDrain("undrain", 2);
    await headline("All well");
    for (const index of [0, 1, 2]) await has(row(index), "available");
    expect(await page.title()).to.equal("✓ 3/3 SFUs · SFU Gateway");
    expect(await page.evaluate("document.body.dataset.spec")).to.equal("the same page");
    expect(complaints).to.deep.equal([]);
    expect([...origins]).to.deep.equal([gateway.url]);
  });

  it("is told that the gateway cannot be reached, with what it said last, until it is back", async () => {
    const { page, row, headline, origins } = await watch();
    await headline("All well");
    const { url } = gateway;
    await gateway.close();
    await headline(/^Gateway unreachable since \d\d:\d\d:\d\d$/);
    expect(await page.title()).to.equal("✕ unreachable · SFU Gateway");
    await has(page.locator("#detail"), /^Nothing answers, for \d+ s now\. Below is what it said last\.$/);
    await has(row(0), "available");
    expect(Number(await styleOf(page, ".columns", "opacity"))).to.be.below(1);

    gateway = await open(Number(new URL(url).port));
    await headline("All well");
    expect(await styleOf(page, ".columns", "opacity")).to.equal("1");
    expect([...origins]).to.deep.equal([url]);
  });

  it("is told how many gateways share a store, and that they cannot be reached", async () => {
    let store: object | null = null;
    const prepare = (page: Page): Promise<unknown> =>
      page.route("**/dashboard/data", async (route) => {
        const report = (await (await route.fetch()).json()) as { fleet: object };
        await route.fulfill({ json: { ...report, fleet: { ...report.fleet, store } } });
      });
    const { page, headline, complaints } = await watch({}, { prepare });
    const company = page.locator("#company");
    await headline("All well");
    expect(await company.isVisible()).to.be.false;

    store = { away: false, forSeconds: null, instances: 2 };
    await has(company, "2 gateways share a store.");
    await headline("All well");

    store = { away: true, forSeconds: 125, instances: 1 };
    await has(company, "The other gateways have been out of reach for 2 min: each goes on by itself.");
    expect(await company.isVisible()).to.be.true;
    await headline("3 of 3 SFUs available");
    expect(await page.title()).to.equal("⚠ 3/3 SFUs · SFU Gateway");

    store = null;
    await headline("All well");
    await company.waitFor({ state: "hidden" });
    expect(complaints).to.deep.equal([]);
  });

  it("reads it in the dark, on a phone, and finds an SFU in it", async () => {
    const { page, row, headline, complaints } = await watch({
      colorScheme: "dark",
      viewport: { width: 375, height: 812 },
    });
    await headline("All well");
    const [background, text] = [await styleOf(page, "html", "backgroundColor"), await styleOf(page, "html", "color")];
    expect(brightness(background), background).to.be.below(40);
    expect(brightness(text), text).to.be.above(200);
    expect(await page.evaluate("document.documentElement.scrollWidth")).to.equal(375);
    // Nothing of a card is cut off by its edge either.
    expect(
      await page.evaluate(
        "[...document.querySelectorAll('td')].every((cell) => cell.getBoundingClientRect().right <= 375)",
      ),
    ).to.be.true;

    const filter = page.getByRole("searchbox");
    await filter.fill("us-east available");
    await row(0).waitFor({ state: "hidden" });
    expect(await row(1).isVisible()).to.be.true;
    await has(page.locator("#shown"), "1 of 3");
    // It stands in the address, for whoever gets that.
    await page.waitForURL(/#.*available/);
    await page.reload();
    await row(1).waitFor();
    expect(await row(0).isVisible()).to.be.false;
    await filter.fill("nobody");
    await page.getByText("No SFU matches the filter.").waitFor();
    expect(complaints).to.deep.equal([]);
  });

  it("is shown as text whatever an SFU is called, and nothing else gets in", async () => {
    const prepare = (page: Page): Promise<unknown> =>
      page.route("**/dashboard/data", async (route) => {
        const report = (await (await route.fetch()).json()) as { fleet: { sfus: Record<string, unknown>[] } };
        Object.assign(report.fleet.sfus[2]!, { state: "failing", reason: `says ${HOSTILE} \u202e` });
        await route.fulfill({ json: report });
      });
    const { page, row, headline, complaints } = await watch({ colorScheme: "light" }, { prepare });
    await headline("3 of 3 SFUs available");
    await has(row(2), HOSTILE);
    await has(row(2), `says ${HOSTILE} ?`);
    expect(await page.locator("#sfus img").count()).to.equal(0);
    expect(await page.title()).to.equal("⚠ 3/3 SFUs · SFU Gateway");
    expect(brightness(await styleOf(page, "html", "backgroundColor"))).to.be.above(200);
    expect(complaints).to.deep.equal([]);

    expect(await page.evaluate("try { document.body.innerHTML = '<b>' } catch (error) { error.name }")).to.equal(
      "TypeError",
    );
    await page.evaluate("document.body.setAttribute('style', 'display: none')");
    expect(await styleOf(page, "body", "display")).to.equal("block");
    expect(complaints.join()).to.contain("forbidden: style-src").and.to.contain("forbidden: require-trusted-types-for");
  });

  it("sees it behind a proxy that has put it under a path of its own", async () => {
    const proxy = await startProxy(gateway.url, "/calls");
    try {
      const { headline, complaints, origins } = await watch({}, { url: `${proxy.url}/calls` });
      await headline("All well");
      expect(complaints).to.deep.equal([]);
      expect([...origins]).to.deep.equal([proxy.url]);
    } finally {
      await Promise.all(browser.contexts().map((context) => context.close()));
      await proxy.close();
    }
  });
});

async function styleOf(page: Page, selector: string, property: string): Promise<string> {
  const text = `getComputedStyle(document.querySelector(${JSON.stringify(selector)})).${property}`;
  return page.evaluate<string>(text);
}

/** From 0, black, to 255. */
function brightness(color: string): number {
  const channels = (color.match(/\d+/g) ?? []).slice(0, 3).map(Number);
  return channels.reduce((sum, channel) => sum + channel, 0) / channels.length;
}

/** Passes on what is below the path, without it. */
async function startProxy(target: string, path: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server: Server = createServer((incoming, outgoing) => {
    const { url = "", method, headers } = incoming;
    if (!url.startsWith(`${path}/`)) {
      outgoing.writeHead(404).end();
      return;
    }
    const asked = request(target + url.slice(path.length), { method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    asked.once("error", () => outgoing.destroy());
    incoming.pipe(asked);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
