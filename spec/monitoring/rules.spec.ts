import { execFile } from "node:child_process";
import { expect } from "chai";
import { parse } from "yaml";
import { systemClock } from "../../lib/clock.ts";
import { ConfigError } from "../../lib/config/fault.ts";
import { GatewayError, SfuError, StoreError } from "../../lib/errors.ts";
import { Events } from "../../lib/events.ts";
import { createLogger, logEvents } from "../../lib/logger.ts";
import { sfuOf } from "../support/fleet.ts";
import { useGatewayProcesses } from "../support/process.ts";
import { sfuKey } from "../support/tokens.ts";
import { needsTools, pathOf } from "../support/tools.ts";
import { alerts, dashboard, metricsIn, textOf } from "./files.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** What promtool says of Node's own metrics, whose names are the library's. Of ours it says nothing. */
const FOREIGN_NAMES = [
  'nodejs_active_handles_total non-counter metrics should not have "_total" suffix',
  'nodejs_active_requests_total non-counter metrics should not have "_total" suffix',
  'nodejs_active_resources_total non-counter metrics should not have "_total" suffix',
  "nodejs_eventloop_utilization_histogram metric name should not include type 'histogram'",
  "nodejs_eventloop_utilization_summary metric name should not include type 'summary'",
];

/** What Prometheus adds by itself. */
const OF_PROMETHEUS = ["up", "ALERTS", "scrape_duration_seconds"];

interface Said {
  readonly code: number;
  readonly text: string;
}

function promtool(args: readonly string[], input = ""): Promise<Said> {
  return new Promise((resolve) => {
    const child = execFile(pathOf("promtool") ?? "promtool", args, { cwd: ROOT }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
    );
    child.stdin?.end(input);
  });
}

describe("monitoring: promtool", function () {
  needsTools("promtool");
  // Each of the rules' tests is hours long, and evaluated every minute.
  this.timeout(60_000);
  const spawn = useGatewayProcesses();

  for (const args of [
    ["check", "rules", "--lint=all", "--lint-fatal", "config/prometheus/alerts.yml"],
    ["check", "config", "--lint=all", "--lint-fatal", "config/prometheus/prometheus.yml"],
    ["test", "rules", "spec/monitoring/alerts.test.yml"],
  ]) {
    it(`agrees to ${args.join(" ")}`, async () => {
      const { code, text } = await promtool(args);
      expect(code, text).to.equal(0);
    });
  }

  it("finds nothing to say of the gateway's own metrics", async () => {
    const { url } = await spawn({ env: { SFU_GATEWAY_NODES: NOBODY_THERE } });
    const { text } = await promtool(["check", "metrics"], await (await fetch(`${url}/metrics`)).text());
    expect(text.trim().split("\n")).to.have.members(FOREIGN_NAMES);
  });
});

const NOBODY_THERE = JSON.stringify({ sfu: [{ address: "http://127.0.0.1:9", key: sfuKey(1) }] });

describe("monitoring: the alerts", function () {
  this.timeout(30_000);
  const rules = alerts();
  const spawn = useGatewayProcesses();

  it("are each tested where they fire, where they do not yet, and where they never do", () => {
    const tests = firingIn(textOf("spec/monitoring/alerts.test.yml"));
    for (const { alert } of rules) {
      const own = tests.filter(({ name }) => name.startsWith(`${alert}: `));
      const [does, doesNot] = [own.filter((test) => test.fired(alert)), own.filter((test) => !test.fired(alert))];
      expect(does, `${alert} fires`).not.to.be.empty;
      expect(
        does.some((test) => test.isSilentAtFirst(alert)),
        `${alert} fires after a while`,
      ).to.be.true;
      expect(doesNot, `${alert} does not fire`).not.to.be.empty;
    }
  });

  it("say what is so, what to do, where to read more and whether to wake somebody", () => {
    for (const { alert, labels, annotations } of rules) {
      expect(alert).to.match(/^SfuGateway[A-Z]\w+$/);
      expect(Object.keys(annotations), alert).to.have.members(["summary", "description", "action", "runbook_url"]);
      expect(annotations.summary!.length, `${alert}: its summary is a subject line`).to.be.below(90);
      expect(annotations.runbook_url).to.equal(`docs/runbook.md#${alert.toLowerCase()}`);
      expect(labels.severity, alert).to.be.oneOf(["page", "ticket"]);
    }
  });

  it("wake somebody only where calls fail or nobody is there to take them, for minutes", () => {
    const pages = rules.filter(({ labels }) => labels.severity === "page");
    expect(pages.map(({ alert }) => alert)).to.have.members([
      "SfuGatewayDown",
      "SfuGatewayFleetDown",
      "SfuGatewayCallsFailing",
    ]);
    for (const page of pages) expect(page.for, page.alert).to.equal("2m");
  });

  it("and the dashboard ask for nothing that the gateway does not tell", async () => {
    const { url } = await spawn({ env: { SFU_GATEWAY_NODES: NOBODY_THERE } });
    const text = await (await fetch(`${url}/metrics`)).text();
    const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]));
    const histograms = [...types].filter(([, type]) => type === "histogram").map(([name]) => name);
    const told = [...types.keys(), ...histograms.flatMap((name) => [`${name}_bucket`, `${name}_sum`, `${name}_count`])];
    const recorded = [...textOf("config/prometheus/alerts.yml").matchAll(/record: (\S+)/g)].map(([, name]) => name!);

    const { panels, templating, annotations } = dashboard();
    const asked = [
      ...rules.map(({ expr }) => expr),
      ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
      ...annotations.list.map(({ expr }) => expr),
      ...templating.list.map(({ query }) => (typeof query === "string" ? query : query.query)),
    ].flatMap(metricsIn);
    expect(asked).to.include("sfu_gateway_sfu_up").and.to.include("process_open_fds");
    const unknown = asked.filter((name) => ![...told, ...recorded, ...OF_PROMETHEUS].includes(name));
    expect(unknown).to.deep.equal([]);
  });
});

describe("monitoring: the runbook", function () {
  this.timeout(30_000);
  const spawn = useGatewayProcesses();
  const text = textOf("docs/runbook.md");
  const entries = text.split(/^### /m).slice(1);
  const titleOf = (entry: string): string => entry.slice(0, entry.indexOf("\n"));

  it("has an entry for each alert, and no other", () => {
    expect(entries.map(titleOf)).to.have.members(alerts().map(({ alert }) => alert));
  });

  it("says in each what it means, how to look, what to do and how to know that it is over", () => {
    for (const entry of entries) {
      const parts = [...entry.matchAll(/^- \*\*(.+?)\*\*/gm)].map(([, part]) => part);
      expect(parts, titleOf(entry)).to.deep.equal(["Means.", "Look.", "Do.", "Over"]);
    }
  });

  it("is found by the links to it, and links to what is there", () => {
    const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) => anchorOf(title!));
    for (const { annotations } of alerts()) expect(anchors).to.include(annotations.runbook_url!.split("#")[1]);
    for (const [, link] of text.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).to.include(link);
    for (const [, path] of text.matchAll(/\]\((?!#|https?:)([^)#]+)/g))
      expect(() => textOf(`docs/${path!}`)).not.to.throw();
  });

  it("names panels that the dashboard has", () => {
    const titles = dashboard().panels.map(({ title }) => title);
    const named = [...(text + textOf("config/prometheus/alerts.yml")).matchAll(/«([^»]+)»/g)].map(
      ([, title]) => title!,
    );
    expect(named).not.to.be.empty;
    for (const title of named) expect(titles).to.include(title.replaceAll(/\s+/g, " "));
  });

  it("quotes log lines as the gateway writes them", async () => {
    const gateway = await spawn({ env: { SFU_GATEWAY_NODES: NOBODY_THERE } });
    gateway.kill("SIGTERM");
    await gateway.exitCode;
    const written = [...gateway.logs.map(({ msg }) => String(msg)), ...everyLine()];
    const quoted = [...text.matchAll(/msg\s+`([^`]+)`/g)].map(([, line]) => line!);
    expect(quoted).to.include("shutting down").and.to.have.length.above(20);
    for (const line of quoted) {
      const words = line.replace("ADDRESS", EXAMPLE.address).replace("…", "");
      expect(
        written.some((msg) => msg.includes(words)),
        line,
      ).to.be.true;
    }
  });
});

const EXAMPLE = sfuOf(1);

/** What the gateway logs of all that the runbook speaks of. */
function everyLine(): string[] {
  const lines: string[] = [];
  const events = new Events();
  const write = (line: string): void => void lines.push((JSON.parse(line) as { readonly msg: string }).msg);
  const end = logEvents(events, createLogger("info", { write }), systemClock);

  const sfu = EXAMPLE;
  const error = new SfuError("timeout", "did not answer within 833 ms");
  const failed = { requestId: "r", sfu, durationMs: 833, error };
  const who = { requestId: "r", conference: "c", region: null, country: null, callerAddress: "", coalesced: false };
  const refused = new GatewayError("invalid_token", "the token was refused: it has expired", { status: 401 });
  events.emit("channelRequest", {
    ...{ ...who, outcome: "ok", status: 200, durationMs: 839, servedBy: sfu, error: null },
    attempts: [failed, { ...failed, error: null }],
  });
  events.emit("channelRequest", {
    ...{ ...who, outcome: "refused_by_sfu", status: 400, durationMs: 1, servedBy: null, error: refused, attempts: [] },
  });
  for (const [method, path] of [
    ["GET", "/v1/channel"],
    ["POST", "/v1/sfu"],
  ] as const) {
    const { code: reason, status, message } = refused;
    events.emit("rejected", { requestId: "r", reason, status, message, method, path, callerAddress: "" });
  }
  const [unknown, healthy] = [{ state: "unknown", sinceMs: 0 } as const, { state: "healthy", sinceMs: 0 } as const];
  for (const state of ["down", "misconfigured", "expired"] as const) {
    const ill = { state, sinceMs: 0, reason: "does so" };
    events.emit("health", { sfu, from: unknown, to: ill });
    events.emit("health", { sfu, from: ill, to: healthy });
  }
  events.emit("breaker", { sfu, from: "closed", to: "open" });
  events.emit("breaker", { sfu, from: "half_open", to: "closed" });
  events.emit("statistics", { sfu, error });
  events.emit("statistics", { sfu, error: null });
  events.emit("heartbeat", { outcome: "replayed", address: sfu.address, error: refused });
  events.emit("externalList", { sfus: 0, error: null });
  events.emit("busy", { turnedAway: 812, forMs: 1000, inFlight: 340, isOver: false });
  events.emit("busy", { turnedAway: 812, forMs: 2000, inFlight: 2, isOver: true });
  events.emit("drain", { sfu, isDraining: true });
  events.emit("configReload", { changes: [], error: null });
  events.emit("configReload", { changes: [], error: new Error("a fault in the code") });
  events.emit("configReload", { changes: [], error: new ConfigError([{ where: "f:1", what: "k", problem: "p" }]) });
  events.emit("store", { isAway: true, error: new StoreError("refuses the connection"), forMs: 0 });
  events.emit("store", { isAway: true, error: new StoreError("has no memory left"), forMs: 500 });
  events.emit("store", { isAway: false, error: null, forMs: 1000 });
  events.emit("unreadable", { what: "a registration" });
  events.emit("unknownProxy", { address: "10.0.0.2" });
  for (let count = 0; count < 6; count++) {
    const limited = {
      reason: "rate_limited",
      status: 429,
      message: "too many",
      method: "GET",
      path: "/v1/channel",
    } as const;
    events.emit("rejected", { requestId: "r", ...limited, callerAddress: "192.0.2.1" });
  }
  events.emit("unexpected", { where: "somewhere", error });
  end();
  return lines;
}

/** As GitHub makes one of a title. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, "")
    .replaceAll(" ", "-");
}

interface RuleTest {
  readonly name: string;
  fired(alert: string): boolean;
  /** At the first moment that is looked at. */
  isSilentAtFirst(alert: string): boolean;
}

function firingIn(yaml: string): readonly RuleTest[] {
  const { tests } = parse(yaml) as {
    readonly tests: readonly {
      readonly name: string;
      readonly promql_expr_test?: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[];
    }[];
  };
  return tests.map(({ name, promql_expr_test: looks = [] }) => {
    const names = looks.map(({ exp_samples: samples }) => samples.map(({ labels }) => /"(\w+)"/.exec(labels)?.[1]));
    return {
      name,
      fired: (alert) => names.flat().includes(alert),
      isSilentAtFirst: (alert) => names[0]?.includes(alert) === false,
    };
  });
}
