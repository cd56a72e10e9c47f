import { execFile } from "node:child_process";
import { expect } from "chai";
import { loadConfiguration } from "../../lib/config/load.ts";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import * as scripts from "../../lib/store/redis/scripts.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";
import { type GatewayProcess, useGatewayProcesses } from "../support/process.ts";
import { useRedis } from "../support/redis.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { claimsOf, GATEWAY_KEY, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";
import { needsTools } from "../support/tools.ts";
import { textOf } from "./containers/files.ts";
import { type Labels, type Manifest, manifestOf } from "./containers/manifests.ts";
import { useFiles } from "./harness.ts";

const PASSWORD = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ADMIN_TOKEN = "an-admin-token-of-32-characters-";

interface Container {
  readonly name: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly ports: readonly object[];
  readonly livenessProbe: { readonly exec: { readonly command: readonly string[] } };
  readonly readinessProbe: { readonly exec: { readonly command: readonly string[] } };
  readonly securityContext: object;
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly volumeMounts: readonly { readonly mountPath: string; readonly readOnly: boolean }[];
}

interface DeploymentSpec {
  readonly replicas: number;
  readonly strategy: object;
  readonly selector: { readonly matchLabels: Labels };
  readonly template: {
    readonly metadata: { readonly labels: Labels };
    readonly spec: {
      readonly securityContext: object;
      readonly tolerations: readonly object[];
      readonly containers: readonly [Container];
      readonly volumes: readonly { readonly secret: { readonly secretName: string; readonly defaultMode: number } }[];
    };
  };
}

const stringDataOf = (manifest: Manifest): Readonly<Record<string, string>> => manifest.stringData ?? {};
const USERS = stringDataOf(manifestOf("redis/secret.example.yaml"))["users.acl"]!;
const SECRETS = stringDataOf(manifestOf("secret.example.yaml"))["secrets.toml"]!;
/** The example's `[store]`, which is commented out, as an operator has it. */
const STORE = SECRETS.split("\n")
  .slice(-3)
  .map((line) => line.replace(/^# /, "").replace("<password>", PASSWORD))
  .join("\n");

describe("config/kubernetes/redis", () => {
  const { kind, ...manifest } = manifestOf("redis/deployment.yaml");
  const { template, ...spec } = manifest.spec as DeploymentSpec;
  const [container] = template.spec.containers;
  const service = manifestOf("redis/service.yaml");
  const files = useFiles();

  it("is one Redis, which keeps nothing, found by its Service", () => {
    expect(spec.replicas).to.equal(1);
    const { selector, ports } = service.spec as { readonly selector: Labels; readonly ports: readonly object[] };
    for (const wanted of [selector, spec.selector.matchLabels]) expect(template.metadata.labels).to.include(wanted);
    expect(container.ports).to.deep.equal([{ name: "redis", containerPort: 6379 }]);
    expect(ports).to.deep.equal([{ name: "redis", port: 6379, targetPort: "redis" }]);
  });

  it("is never two at an upgrade, and is replaced half a minute after its node was found to be dead", () => {
    expect(spec.strategy).to.deep.equal({ type: "Recreate" });
    // Of a StatefulSet the pod of a dead node is replaced by nobody.
    expect(kind).to.equal("Deployment");
    const soon = { operator: "Exists", effect: "NoExecute", tolerationSeconds: 30 };
    expect(template.spec.tolerations).to.have.deep.members(
      ["unreachable", "not-ready"].map((state) => ({ key: `node.kubernetes.io/${state}`, ...soon })),
    );
  });

  it("may do what the standard «restricted» allows, and writes nowhere", () => {
    expect(template.spec.securityContext).to.deep.equal({
      runAsNonRoot: true,
      runAsUser: 999,
      runAsGroup: 999,
      fsGroup: 999,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(container.securityContext).to.deep.equal({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(container.volumeMounts.every(({ readOnly }) => readOnly)).to.be.true;
    expect(template.spec.volumes.map(({ secret }) => secret.defaultMode)).to.deep.equal([0o440]);
  });

  it("reads its users where the Secret is mounted, and refuses to write before the container is out of memory", () => {
    const { secretName } = template.spec.volumes[0]!.secret;
    expect(secretName).to.equal(manifestOf("redis/secret.example.yaml").metadata.name);
    const options = new Map(container.args.join(" ").split(/ ?--/).filter(Boolean).map(pairOf));
    expect(options.get("aclfile")).to.equal(`${container.volumeMounts[0]!.mountPath}/users.acl`);
    expect(Object.fromEntries(options)).to.include({ save: "", appendonly: "no", "maxmemory-policy": "noeviction" });
    const megabytes = [options.get("maxmemory")!, container.resources.limits.memory].map((text) => parseInt(text, 10));
    expect(megabytes).to.deep.equal([256, 384]);
  });

  it("has the rights that docs/scaling.md names", () => {
    const rights = USERS.trim()
      .split("\n")
      .map((line) => line.replace("<password>", ">PASSWORD"));
    expect(textOf("docs/scaling.md")).to.contain(rights.join("\n"));
  });

  it("has the password that the gateways' Secret has, in a URL that is warned about for one thing alone", () => {
    const { config, warnings } = loadConfiguration({
      env: {
        SFU_GATEWAY_KEY: GATEWAY_KEY,
        SFU_GATEWAY_NODES: JSON.stringify({ sfu: [{ address: "http://sfu1.test", key: sfuKey(1) }] }),
      },
      secretsFile: files.write("secrets.toml", STORE),
      configFile: null,
    });
    const host = { host: service.metadata.name, port: 6379 };
    expect(config.store).to.deep.include({ at: { kind: "single", host, database: 0 }, username: "sfu-gateway" });
    expect(warnings.map(({ problem }) => problem)).to.deep.equal([
      "the password goes over the network as plain text, expected rediss",
    ]);
  });

  describe("with the users of its example,", function () {
    this.timeout(30_000);
    needsTools("redis-cli");
    const redis = useRedis(() => [userLine()]);
    const startSfu = useSimulatedSfus();
    const startGateway = useGatewayProcesses();

    it("permits gateways all that they do, and nothing else", async () => {
      const sfus = [await startSfu({ key: sfuKey(1) }), await startSfu({ key: sfuKey(2) })];
      const run = (): Promise<GatewayProcess> =>
        startGateway(setupOf(sfus, files.write("secrets.toml", storeAt(redis.port))));
      const gateways = [await run(), await run()] as const;
      await eventually(
        "they know each other",
        async () => {
          return (await Promise.all(gateways.map(instancesOf))).every((count) => count === "2");
        },
        FOR_A_PROCESS,
      );

      const members = Array.from({ length: 10 }, (_, index) => join(gateways[index % 2]!, "room"));
      expect(new Set(await Promise.all(members))).to.have.length(1);
      const drained = await drain(gateways[0], sfus[0]!.address);
      expect(drained).to.include({ draining: true, durable: true });
      gateways[1].kill("SIGTERM");
      await gateways[1].exitCode;
      await eventually("it has left", async () => (await instancesOf(gateways[0])) === "1", FOR_A_PROCESS);
      expect(await redis.ask("ACL", "LOG")).to.deep.equal([]);

      const tryRun = (...command: string[]): Promise<unknown> => redis.ask("ACL", "DRYRUN", "sfu-gateway", ...command);
      for (const name of [...commandsOf(Object.values(scripts)), "HSCAN"]) {
        expect(await tryRun(name, ...(ARGUMENTS[name] ?? ["sfu-gateway:1:a"])), name).to.equal("OK");
      }
      for (const command of [["GET", "else"], ["FLUSHALL"], ["KEYS", "*"], ["CONFIG", "GET", "*"]]) {
        expect(await tryRun(...command), command.join()).to.match(/no permissions/);
      }
    });

    it("is found alive by its probes, whoever may use it, and not where nobody answers", async () => {
      const { livenessProbe, readinessProbe } = container;
      for (const { exec } of [livenessProbe, readinessProbe]) {
        expect(await codeOf(exec.command, redis.port)).to.equal(0);
        await redis.wantPassword(PASSWORD);
        expect(await codeOf(exec.command, redis.port)).to.equal(0);
      }
      await redis.stop();
      expect(await codeOf(livenessProbe.exec.command, redis.port)).to.equal(1);
      await redis.start();
    });
  });
});

/** Of what is not content with a key. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  TIME: [],
  SET: ["sfu-gateway:1:a", "1"],
  PEXPIRE: ["sfu-gateway:1:a", "1"],
  HGET: ["sfu-gateway:1:a", "1"],
  HSET: ["sfu-gateway:1:a", "1", "2"],
  HDEL: ["sfu-gateway:1:a", "1"],
  HEXISTS: ["sfu-gateway:1:a", "1"],
  HSCAN: ["sfu-gateway:1:a", "0"],
  XADD: ["sfu-gateway:1:a", "*", "1", "2"],
};

/** As a line of a redis.conf, for Debian's Redis. */
function userLine(): string {
  return USERS.split("\n")
    .find((line) => line.startsWith("user sfu-gateway "))!
    .replace("<password>", `>${PASSWORD}`);
}

function storeAt(port: number): string {
  return STORE.replace("sfu-gateway-redis:6379", `127.0.0.1:${String(port)}`);
}

function setupOf(
  sfus: readonly SimulatedSfu[],
  secretsFile: string,
): Parameters<ReturnType<typeof useGatewayProcesses>>[0] {
  const nodes = sfus.map(({ address }, index) => ({ address, key: sfuKey(index + 1) }));
  return {
    env: {
      SFU_GATEWAY_NODES: JSON.stringify({ sfu: nodes }),
      SFU_GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
      SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY,
    },
    args: ["serve", "--secrets", secretsFile],
  };
}

async function join({ url }: GatewayProcess, iss: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${token({ claims: claimsOf(iss) })}` };
  return ((await (await fetch(`${url}/v1/channel`, { headers })).json()) as { readonly uuid: unknown }).uuid;
}

async function drain({ url }: GatewayProcess, address: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
  const asked = await fetch(`${url}/v1/sfu/drain`, { method: "POST", headers, body: JSON.stringify({ address }) });
  return asked.json();
}

async function instancesOf({ url }: GatewayProcess): Promise<string | undefined> {
  return /^sfu_gateway_instances (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1];
}

function commandsOf(all: readonly unknown[]): readonly string[] {
  const texts = all.map((one) => (typeof one === "object" && one !== null && "text" in one ? String(one.text) : ""));
  return [...new Set([...texts.join("\n").matchAll(/redis\.call\('(\w+)'/g)].map(([, name]) => name!))];
}

/** A probe's command, with Debian's client in place of the image's. */
function codeOf([file = "", ...args]: readonly string[], port: number): Promise<number> {
  const own = args.map((arg) => arg.replace("valkey-cli", `redis-cli -p ${String(port)}`));
  return new Promise((resolve) => {
    execFile(file, own, { timeout: 5000 }, (error) => resolve(error === null ? 0 : Number(error.code)));
  });
}

function pairOf(option: string): readonly [string, string] {
  const [name = "", value = ""] = option.split(" ");
  return [name, value];
}
