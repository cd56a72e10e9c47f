import { execFileSync } from "node:child_process";
import { textOf, yamlDocuments } from "./files.ts";

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

export type Labels = Readonly<Record<string, string>>;

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly startupProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly resources: {
    readonly requests: { readonly cpu: string; readonly memory: string };
    readonly limits: { readonly memory: string };
  };
  readonly securityContext: unknown;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly: boolean }[];
}

export interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string; readonly defaultMode: number };
}

export interface Pod {
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly securityContext: unknown;
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly [Container];
  readonly volumes: readonly Volume[];
}

export interface DeploymentSpec {
  readonly replicas?: number;
  readonly selector: { readonly matchLabels: Labels };
  readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: Pod };
}

const FOLDER = "config/kubernetes";

/** The documents of a file of config/kubernetes. */
export function manifestsOf(file: string): readonly Manifest[] {
  return yamlDocuments(textOf(`${FOLDER}/${file}`)) as readonly Manifest[];
}

/** The one document of a file. */
export function manifestOf(file: string): Manifest {
  const [manifest, second] = manifestsOf(file);
  if (manifest === undefined || second !== undefined) throw new Error(`${file}: expected one document`);
  return manifest;
}

export function deploymentSpec(): DeploymentSpec {
  return manifestOf("deployment.yaml").spec as DeploymentSpec;
}

/** What the script prints for the Prometheus Operator. */
export function prometheusRule(...labels: readonly string[]): Manifest {
  const script = new URL(`../../../${FOLDER}/monitoring/prometheus-rule`, import.meta.url).pathname;
  const text = execFileSync(script, labels, { encoding: "utf8", cwd: "/", timeout: 10_000 });
  return yamlDocuments(text)[0] as Manifest;
}
