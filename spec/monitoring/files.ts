import { readFileSync } from "node:fs";
import { parse } from "yaml";

const ROOT = new URL("../../", import.meta.url);

/** A file of the repository. */
export function textOf(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The alerts of config/prometheus/alerts.yml. */
export function alerts(): readonly Alert[] {
  const { groups } = parse(textOf("config/prometheus/alerts.yml")) as {
    readonly groups: readonly { readonly rules: readonly Partial<Alert>[] }[];
  };
  return groups.flatMap(({ rules }) => rules).filter((rule): rule is Alert => rule.alert !== undefined);
}

export interface Datasource {
  readonly type: string;
  readonly uid: string;
}

export interface Target {
  readonly refId: string;
  readonly datasource: Datasource;
  readonly expr: string;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: Datasource;
  readonly targets?: readonly Target[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly datasource?: Datasource;
  readonly query: string | { readonly query: string };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: {
    readonly list: readonly { readonly name: string; readonly datasource: Datasource; readonly expr: string }[];
  };
}

/** config/grafana/sfu-gateway.json. */
export function dashboard(): Dashboard {
  return JSON.parse(textOf("config/grafana/sfu-gateway.json")) as Dashboard;
}

/** The names in an expression that may be those of metrics: whatever is neither a label, a function nor a keyword. */
export function metricsIn(expression: string): string[] {
  const bare = expression
    .replaceAll(/"[^"]*"/g, '""')
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, " ")
    .replaceAll(/\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)/g, "");
  const names = bare.match(/\b[a-zA-Z_:][\w:]*\b(?!\s*\()/g) ?? [];
  return [...new Set(names.filter((name) => name.includes("_") || ["up", "ALERTS"].includes(name)))];
}
