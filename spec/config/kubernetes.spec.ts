import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect } from "chai";
import { createApp } from "../../lib/app.ts";
import { systemClock } from "../../lib/clock.ts";
import { KNOWN } from "../../lib/config/env.ts";
import { loadConfiguration } from "../../lib/config/load.ts";
import { createLogger } from "../../lib/logger.ts";
import { seeded } from "../support/random.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../support/tokens.ts";
import { leaveOut } from "../support/tools.ts";
import { readDockerfile } from "./containers/dockerfile.ts";
import { ROOT, textOf, yamlDocuments, yamlOf } from "./containers/files.ts";
import { deploymentSpec, type Labels, type Manifest } from "./containers/manifests.ts";
import { manifestOf, manifestsOf, prometheusRule } from "./containers/manifests.ts";
import { faultsOf } from "./containers/schema.ts";
import { useFiles } from "./harness.ts";

const FOLDER = join(ROOT, "config/kubernetes");

interface Kustomization {
  readonly resources: readonly string[];
  readonly images?: readonly { readonly name: string; readonly newTag: string }[];
}

const kustomizationOf = (folder = ""): Kustomization =>
  yamlOf(join("config/kubernetes", folder, "kustomization.yaml")) as Kustomization;

/** Every file that has manifests. */
const FILES = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".yaml") && basename(file) !== "kustomization.yaml",
);
const everything = (): readonly Manifest[] => FILES.flatMap((file) => manifestsOf(file));

describe("config/kubernetes", () => {
  const { selector, template } = deploymentSpec();
  const pod = template.spec;
  const [gateway] = pod.containers;

  describe("every manifest", () => {
    for (const file of FILES) {
      it(`is one as Kubernetes knows it: ${file}`, () => {
        expect(manifestsOf(file).flatMap(faultsOf)).to.deep.equal([]);
      });
    }

    it("would be found out with a field of another type, or one that does not exist", () => {
      const deployment = structuredClone(manifestOf("deployment.yaml"));
      Object.assign(deployment.spec as object, { replicas: "one" });
      expect(faultsOf(deployment).join()).to.contain("replicas must be integer");
      Object.assign(deployment.spec as object, { replicas: 1, replica: 2 });
      expect(faultsOf(deployment)).to.deep.equal(["/spec/replica: no such field"]);
    });

    it("is applied, belongs to a component, or is an example to be filled in", () => {
      const applied = ["", "several", "redis", "monitoring"].flatMap((folder) =>
        kustomizationOf(folder).resources.map((file) => join(folder, file)),
      );
      const examples = FILES.filter((file) => file.endsWith(".example.yaml"));
      expect([...applied, ...examples].sort()).to.deep.equal([...FILES].sort());
    });

    it("has the label that all others look for", () => {
      for (const file of FILES) {
        // Or Redis would get the gateways' calls.
        const name = file.startsWith("redis/") ? "sfu-gateway-redis" : "sfu-gateway";
        const others = manifestsOf(file).filter(
          ({ kind, metadata }) => kind !== "Namespace" && metadata.labels?.["app.kubernetes.io/name"] !== name,
        );
        expect(
          others.map(({ kind }) => kind),
          file,
        ).to.deep.equal([]);
      }
    });
  });

  describe("whatever points at the gateway", () => {
    const services = manifestsOf("services.yaml");
    const { labels } = template.metadata;

    it("finds its pods", () => {
      const selectors: readonly Labels[] = [
        selector.matchLabels,
        ...services.map((service) => (service.spec as { readonly selector: Labels }).selector),
        (manifestOf("pdb.yaml").spec as { readonly selector: { readonly matchLabels: Labels } }).selector.matchLabels,
        (manifestOf("networkpolicy.yaml").spec as { readonly podSelector: { readonly matchLabels: Labels } })
          .podSelector.matchLabels,
      ];
      for (const wanted of selectors) {
        expect(wanted).to.not.be.empty;
        expect(labels).to.include(wanted);
      }
    });

    it("finds its port, which is the gateway's and the image's own", () => {
      const [port] = gateway.ports;
      const { config } = loadConfiguration({
        env: { SFU_GATEWAY_KEY: GATEWAY_KEY, SFU_GATEWAY_NODES: '{"sfu":[]}' },
        secretsFile: null,
        configFile: null,
      });
      expect(port).to.deep.equal({ name: "http", containerPort: config.listen.port });
      expect(readDockerfile().at(-1)?.port).to.equal(config.listen.port);
      const gateways = everything().filter(({ metadata }) => metadata.name !== "sfu-gateway-redis");
      const used = JSON.stringify(gateways).match(/"(?:targetPort|port)":"[^"]*"/g) ?? [];
      expect(new Set(used)).to.deep.equal(new Set(['"targetPort":"http"', '"port":"http"']));
    });

    it("finds the Service of that name, or the Deployment", () => {
      const names = services.map(({ metadata }) => metadata.name);
      const text = JSON.stringify(manifestOf("ingress.example.yaml"));
      const backends = [...text.matchAll(/"service":\{"name":"([^"]*)"/g)].map(([, name]) => name);
      expect(backends).to.have.length(4);
      expect(names).to.include.members(backends);
      const hpa = manifestOf("several/hpa.yaml").spec as { readonly scaleTargetRef: object };
      const { apiVersion, kind, metadata } = manifestOf("deployment.yaml");
      expect(hpa.scaleTargetRef).to.deep.equal({ apiVersion, kind, name: metadata.name });
    });

    it("asks for what the gateway answers", async () => {
      const { config, secrets } = loadConfiguration({
        env: { SFU_GATEWAY_KEY: GATEWAY_KEY, SFU_GATEWAY_NODES: '{"sfu":[]}', SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY },
        secretsFile: null,
        configFile: null,
      });
      const logger = createLogger("silent", { write: () => undefined });
      const app = createApp(config, secrets, { clock: systemClock, random: seeded(1), logger });
      const routes = app.routes().map((route) => route.split(" ")[1]);
      await app.close();
      const probes = [gateway.startupProbe, gateway.livenessProbe, gateway.readinessProbe].map(
        ({ httpGet }) => httpGet.path,
      );
      expect(probes).to.deep.equal(["/healthz", "/healthz", "/readyz"]);
      const ingress = [...textOf("config/kubernetes/ingress.example.yaml").matchAll(/path: (\S+)/g)].map(
        ([, path]) => path,
      );
      expect(ingress).to.have.length(4);
      expect(routes).to.include.members([...probes, ...ingress, "/metrics"]);
    });
  });

  describe("the configuration in it", () => {
    const files = useFiles();
    const { stringData = {} } = manifestOf("secret.example.yaml");

    /** As the volumes show them, with these in place of the example's placeholders. */
    const load = (replaced: Readonly<Record<string, string>> = {}): ReturnType<typeof loadConfiguration> => {
      const secrets = { ...stringData, ...replaced };
      return loadConfiguration({
        env: {
          SFU_GATEWAY_KEY_FILE: files.write("gateway-key", secrets["gateway-key"]!),
          SFU_GATEWAY_ADMIN_TOKEN_FILE: files.write("admin-token", secrets["admin-token"]!),
        },
        secretsFile: files.write("secrets.toml", secrets["secrets.toml"]!),
        configFile: files.write("gateway.toml", manifestOf("configmap.yaml").data!["gateway.toml"]!),
      });
    };
    const filledIn = {
      "gateway-key": GATEWAY_KEY,
      "admin-token": "an-admin-token-of-32-characters-",
      "secrets.toml": stringData["secrets.toml"]!.replace(/<AUTH_KEY of sfu(\d)>/g, (_, n: string) =>
        sfuKey(Number(n)),
      ),
    };

    it("is one without a fault or a warning, once the placeholders are filled in", () => {
      const { config, warnings } = load(filledIn);
      expect(warnings).to.deep.equal([]);
      expect(config.sfus).to.have.length(2);
    });

    for (const name of Object.keys(filledIn)) {
      it(`is refused as long as ${name} is the placeholder`, () => {
        expect(() => load({ ...filledIn, [name]: stringData[name]! })).to.throw();
      });
    }

    it("reaches the gateway in the files that it is told of", () => {
      expect(gateway.env.map(({ name }) => name).filter((name) => !KNOWN.includes(name))).to.deep.equal([]);
      const commentedOut = textOf("config/kubernetes/deployment.yaml").match(/(?<=# - \{ name: )\w+/g);
      expect(commentedOut).to.deep.equal(["SFU_GATEWAY_REGISTRATION_KEY_FILE", "SFU_GATEWAY_TRUST_PROXY"]);
      expect(KNOWN).to.include.members(commentedOut!);

      const content = new Map([
        ["configMap sfu-gateway", Object.keys(manifestOf("configmap.yaml").data!)],
        ["secret sfu-gateway", Object.keys(stringData)],
      ]);
      const paths = gateway.volumeMounts.flatMap(({ name, mountPath }) => {
        const { configMap, secret } = pod.volumes.find((volume) => volume.name === name)!;
        const source = configMap ? `configMap ${configMap.name}` : `secret ${secret!.secretName}`;
        return content.get(source)!.map((file) => join(mountPath, file));
      });
      const told = [...gateway.args, ...gateway.env.map(({ value }) => value)].filter((text) => text.startsWith("/"));
      expect(told.sort()).to.deep.equal(paths.sort());
    });

    it("can be changed while it runs: no subPath, no hash in the name, and not everybody reads the keys", () => {
      expect(textOf("config/kubernetes/deployment.yaml")).to.not.match(/subPath:/);
      expect(kustomizationOf()).to.not.have.any.keys("configMapGenerator", "secretGenerator");
      const modes = pod.volumes.flatMap(({ secret }) => secret?.defaultMode ?? []);
      expect(modes).to.deep.equal([0o440]);
    });

    it("leaves a gateway that ends the time that it needs", () => {
      const { retryTimeoutMs } = load(filledIn).config.failover;
      const [program, seconds] = gateway.lifecycle.preStop.exec.command;
      expect(program).to.equal("sleep");
      const neededMs = Number(seconds) * 1000 + retryTimeoutMs + 1000;
      expect(pod.terminationGracePeriodSeconds * 1000).to.be.at.least(neededMs + 1000);
    });
  });

  describe("a pod", () => {
    it("may do what the standard «restricted» allows, and writes nowhere", () => {
      const labels = manifestOf("namespace.yaml").metadata.labels;
      expect(labels).to.deep.equal({ "pod-security.kubernetes.io/enforce": "restricted" });
      const [uid, gid] = readDockerfile().at(-1)!.user.split(":").map(Number);
      expect(pod.securityContext).to.deep.equal({
        runAsNonRoot: true,
        runAsUser: uid,
        runAsGroup: gid,
        fsGroup: gid,
        seccompProfile: { type: "RuntimeDefault" },
      });
      expect(gateway.securityContext).to.deep.equal({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(gateway.volumeMounts.filter(({ readOnly }) => !readOnly)).to.deep.equal([]);
      expect(pod).to.include({ automountServiceAccountToken: false, enableServiceLinks: false });
      expect(pod).to.not.have.any.keys("hostNetwork", "hostPID", "hostIPC");
    });

    it("is ready once it has seen an SFU, and stays so for a day", () => {
      const { periodSeconds, failureThreshold } = gateway.readinessProbe;
      expect(periodSeconds * failureThreshold).to.equal(86_400);
    });

    it("gets heartbeats before it is ready, and no calls", () => {
      const published = manifestsOf("services.yaml").map(({ metadata, spec }) => [
        metadata.name,
        (spec as { readonly publishNotReadyAddresses?: boolean }).publishNotReadyAddresses ?? false,
      ]);
      expect(published).to.deep.equal([
        ["sfu-gateway", false],
        ["sfu-gateway-fleet", true],
      ]);
    });

    it("is of the version that the package is", () => {
      const { version } = JSON.parse(textOf("package.json")) as { readonly version: string };
      expect(kustomizationOf().images).to.deep.equal([
        { name: gateway.image, newName: "registry.example.com/sfu-gateway", newTag: version },
      ]);
    });
  });

  describe("for the Prometheus Operator", () => {
    it("has the alerts of alerts.yml, word for word, and the labels that it was given", () => {
      const rule = prometheusRule("release: prometheus");
      expect(faultsOf(rule)).to.deep.equal([]);
      expect(rule.spec).to.deep.equal(yamlOf("config/prometheus/alerts.yml"));
      expect(rule.metadata.labels).to.deep.equal({ "app.kubernetes.io/name": "sfu-gateway", release: "prometheus" });
    });

    it("scrapes each gateway once, as prometheus.yml does, under the job that the alerts know", () => {
      const {
        jobLabel,
        selector: wanted,
        endpoints,
      } = manifestOf("monitoring/service-monitor.yaml").spec as {
        readonly jobLabel: string;
        readonly selector: { readonly matchLabels: Labels };
        readonly endpoints: readonly object[];
      };
      const found = manifestsOf("services.yaml").filter(({ metadata }) =>
        Object.entries(wanted.matchLabels).every(([name, value]) => metadata.labels?.[name] === value),
      );
      expect(found).to.have.length(1);
      const { global, scrape_configs } = yamlOf("config/prometheus/prometheus.yml") as {
        readonly global: { readonly scrape_interval: string };
        readonly scrape_configs: readonly [{ readonly job_name: string; readonly scrape_timeout: string }];
      };
      expect(found[0]!.metadata.labels?.[jobLabel]).to.equal(scrape_configs[0].job_name);
      expect(endpoints).to.deep.equal([
        {
          port: "http",
          path: "/metrics",
          interval: global.scrape_interval,
          scrapeTimeout: scrape_configs[0].scrape_timeout,
        },
      ]);
    });
  });

  describe("with all components, as kubectl (1.27 or newer) builds it", () => {
    let built: readonly Manifest[] = [];
    before(function () {
      if (!hasKustomize()) leaveOut(this, "kubectl 1.27 or newer not installed");
      const folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
      cpSync(FOLDER, folder, { recursive: true });
      const file = join(folder, "kustomization.yaml");
      writeFileSync(file, readFileSync(file, "utf8").replaceAll(/^# (?=components:$| {2}[-#] )/gm, ""));
      built = yamlDocuments(
        execFileSync("kubectl", ["kustomize", folder], { encoding: "utf8" }),
      ) as readonly Manifest[];
      rmSync(folder, { recursive: true });
    });
    const named = (kind: string, name = "sfu-gateway"): Manifest =>
      built.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)!;

    it("is what Kubernetes knows, in its namespace", () => {
      expect(built.flatMap(faultsOf)).to.deep.equal([]);
      expect(built.map(({ kind }) => kind)).to.include.members(["HorizontalPodAutoscaler", "ServiceMonitor"]);
      const others = built.filter(({ kind }) => kind !== "Namespace");
      expect(new Set(others.map(({ metadata }) => metadata.namespace))).to.deep.equal(new Set(["sfu-gateway"]));
    });

    it("leaves the number of gateways to the autoscaler", () => {
      expect(named("Deployment").spec).to.not.have.property("replicas");
      expect(named("Deployment", "sfu-gateway-redis").spec).to.include({ replicas: 1 });
    });

    it("lets any gateway get any call", () => {
      expect(named("Service").spec).to.not.have.property("sessionAffinity");
    });

    it("lets gateways reach Redis, nobody else, and Redis nobody", () => {
      const egress = (named("NetworkPolicy").spec as { readonly egress: readonly object[] }).egress.at(-1);
      const redis = { matchLabels: { "app.kubernetes.io/name": "sfu-gateway-redis" } };
      expect(egress).to.deep.equal({ to: [{ podSelector: redis }], ports: [{ protocol: "TCP", port: 6379 }] });
      const gateways = { matchLabels: { "app.kubernetes.io/name": "sfu-gateway" } };
      expect(named("NetworkPolicy", "sfu-gateway-redis").spec).to.deep.equal({
        podSelector: redis,
        policyTypes: ["Ingress", "Egress"],
        ingress: [{ from: [{ podSelector: gateways }], ports: [{ protocol: "TCP", port: "redis" }] }],
      });
    });
  });
});

/** kubectl's own kustomize is old enough in some distributions not to know components. */
function hasKustomize(): boolean {
  try {
    const text = execFileSync("kubectl", ["version", "--client", "--output=json"], { encoding: "utf8", stdio: "pipe" });
    const { clientVersion } = JSON.parse(text) as { readonly clientVersion: { readonly minor: string } };
    return parseInt(clientVersion.minor, 10) >= 27;
  } catch {
    return false;
  }
}
