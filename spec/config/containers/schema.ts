import { ServiceMonitor, PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { Deployment } from "kubernetes-models/apps/v1";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2";
import { Ingress, NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, Namespace, Secret, Service } from "kubernetes-models/v1";
import type { Manifest } from "./manifests.ts";

interface Model {
  readonly apiVersion: string;
  readonly kind: string;
  readonly prototype: { validate(): void };
}

const MODELS: readonly Model[] = [
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  PrometheusRule,
  Secret,
  Service,
  ServiceMonitor,
];

/**
 * What Kubernetes would say against a manifest. Its schemas let unknown fields pass, the server throws them away, and the
 * setting is simply not there; so a field that the check has never read is a fault, too.
 */
export function faultsOf(manifest: Manifest): readonly string[] {
  const model = MODELS.find(({ apiVersion, kind }) => apiVersion === manifest.apiVersion && kind === manifest.kind);
  if (model === undefined) return [`${manifest.apiVersion} ${manifest.kind}: no such kind`];
  const unread = new Set<string>();
  try {
    model.prototype.validate.call(watch(manifest, "", unread));
  } catch (error) {
    return [String(error)];
  }
  return Array.from(unread, (path) => `${path}: no such field`);
}

/** A copy that takes each field which is read out of `unread`. */
function watch<T>(value: T, path: string, unread: Set<string>): T {
  if (typeof value !== "object" || value === null) return value;
  const copy: object = Array.isArray(value) ? [] : {};
  for (const [key, part] of Object.entries(value)) {
    unread.add(`${path}/${key}`);
    Reflect.set(copy, key, watch(part, `${path}/${key}`, unread));
  }
  return new Proxy(copy, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return Reflect.get(target, key) as unknown;
    },
  }) as T;
}
