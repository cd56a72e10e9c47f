import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { systemClock } from "../../lib/clock.ts";
import { eventually, type Patience } from "../support/eventually.ts";
import { freePort } from "../support/ports.ts";
import { pathOf } from "../support/tools.ts";

export const CONFIG_FOLDER = new URL("../../config/prometheus/", import.meta.url).pathname;

/** One series of an answer; a range has several values. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly number[];
}

/** An alert whose expression holds, whether for long enough (`firing`) or not yet. */
export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
}

/** A real Prometheus with the example configuration, looking at other targets and more often. */
export interface Prometheus {
  query(expression: string): Promise<readonly Series[]>;
  /** From its start to now, a value each half second. */
  queryAll(expression: string): Promise<readonly Series[]>;
  /** The values of a label among the series that match, as `label_values()` asks for them. */
  labelValues(selector: string, label: string): Promise<readonly string[]>;
  alerts(): Promise<readonly ActiveAlert[]>;
  /** What is wrong with a rule, by its name. */
  faults(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const SCRAPE_INTERVAL = "500ms";

/** Prometheus looks twice a second, and an expression may need several looks. */
export const FOR_PROMETHEUS: Patience = { patienceMs: 20_000, pauseMs: 100 };

export async function startPrometheus(targets: readonly string[]): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), "sfu-gateway-prometheus-"));
  await writeFile(join(folder, "prometheus.yml"), await configurationFor(targets));
  const address = `127.0.0.1:${String(await freePort())}`;
  const child = spawn(
    pathOf("prometheus") ?? "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=${address}`,
      "--log.level=error",
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const startS = systemClock.now() / 1000;
  const close = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };

  const ask = async <T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> => {
    const url = `http://${address}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`;
    const body = (await (await fetch(url)).json()) as { readonly error?: string; readonly data: T };
    if (body.error !== undefined) throw new Error(`${body.error}, asked for ${JSON.stringify(parameters)}`);
    return body.data;
  };
  const isReady = (): Promise<boolean> =>
    fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  try {
    await eventually("Prometheus is ready", isReady, FOR_PROMETHEUS);
  } catch (error) {
    await close();
    throw error;
  }

  return {
    close,
    async query(query) {
      const { result } = await ask<{ readonly result: readonly Answered[] }>("query", { query });
      return result.map(toSeries);
    },
    async queryAll(query) {
      const range = { start: String(startS), end: String(systemClock.now() / 1000), step: "0.5" };
      const { result } = await ask<{ readonly result: readonly Answered[] }>("query_range", { query, ...range });
      return result.map(toSeries);
    },
    labelValues: (selector, label) => ask(`label/${label}/values`, { "match[]": selector }),
    alerts: async () => (await ask<{ readonly alerts: readonly ActiveAlert[] }>("alerts")).alerts,
    async faults() {
      const { groups } = await ask<{ readonly groups: readonly { readonly rules: readonly Rule[] }[] }>("rules");
      const ill = groups.flatMap(({ rules }) => rules).filter(({ health }) => health !== "ok");
      return ill.map(({ name, health, lastError = "" }) => `${name}: ${health} ${lastError}`);
    },
  };
}

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

type Sample = readonly [timestamp: number, value: string];

interface Answered {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: Sample;
  readonly values?: readonly Sample[];
}

function toSeries({ metric, value, values = [] }: Answered): Series {
  const samples = value === undefined ? values : [value];
  return { metric, values: samples.map(([, text]) => Number(text)) };
}

/** The example itself, so that it is tried, too. */
async function configurationFor(targets: readonly string[]): Promise<string> {
  const example = parse(await readFile(join(CONFIG_FOLDER, "prometheus.yml"), "utf8")) as {
    readonly global: object;
    readonly rule_files: readonly string[];
    readonly scrape_configs: readonly { readonly static_configs: readonly object[] }[];
  };
  return stringify({
    ...example,
    global: { ...example.global, scrape_interval: SCRAPE_INTERVAL, evaluation_interval: SCRAPE_INTERVAL },
    rule_files: example.rule_files.map((file) => join(CONFIG_FOLDER, file)),
    scrape_configs: example.scrape_configs.map((job) => ({
      ...job,
      scrape_timeout: SCRAPE_INTERVAL,
      static_configs: [{ targets }],
    })),
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
