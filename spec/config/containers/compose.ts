import { basename, join } from "node:path";
import { yamlOf } from "./files.ts";

export interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly (string | Bind)[];
  /** Either form. */
  readonly networks?: readonly string[] | Readonly<Record<string, { readonly aliases?: readonly string[] }>>;
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly deploy?: { readonly resources: { readonly limits: Readonly<Record<string, string | number>> } };
}

interface Bind {
  readonly source: string;
  readonly target: string;
  readonly read_only: boolean;
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly networks?: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
}

/** A file of config/docker. */
export function composeOf(name: "compose.yaml" | "compose.agent.yaml"): Compose {
  return yamlOf(join("config/docker", name)) as Compose;
}

/**
 * A service's variables, with what is not set in the shell: `${NAME:-default}` is its default.
 *
 * @param given stands in for those that have none, `${NAME:?…}`
 */
export function environmentOf(service: Service, given: Readonly<Record<string, string>> = {}): Map<string, string> {
  const value = (text: string): string =>
    text.replace(/\$\{(\w+):([-?])([^}]*)\}/g, (_, name: string, kind: string, rest: string) => {
      return given[name] ?? (kind === "-" ? rest : "");
    });
  return new Map(Object.entries(service.environment ?? {}).map(([name, text]) => [name, value(text)]));
}

export function networksOf({ networks = [] }: Service): readonly string[] {
  return Array.isArray(networks) ? (networks as readonly string[]) : Object.keys(networks);
}

/** What a service sees of the host: each source, as the file writes it, with its place inside. */
export function bindsOf(compose: Compose, service: Service): readonly Bind[] {
  const volumes = (service.volumes ?? []).map((volume): Bind => {
    if (typeof volume !== "string") return volume;
    const [source = "", target = "", mode] = volume.split(":");
    return { source, target, read_only: mode === "ro" };
  });
  const secrets = (service.secrets ?? []).map((name) => {
    const file = compose.secrets[name]?.file ?? "";
    return { source: file, target: join("/run/secrets", basename(name)), read_only: true };
  });
  return [...volumes, ...secrets].filter(({ source }) => source.startsWith("."));
}
