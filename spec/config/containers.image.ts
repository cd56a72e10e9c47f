import { expect } from "chai";
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, renameSync } from "node:fs";
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { eventually } from "../support/eventually.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { claimsOf, GATEWAY_KEY, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";
import { buildImage, type Image } from "./containers/build.ts";
import { bindsOf, composeOf, environmentOf } from "./containers/compose.ts";
import { type Container, hasNamespaces, runOnce, useContainers } from "./containers/container.ts";
import { deploymentSpec, manifestOf } from "./containers/manifests.ts";
import type { Mount } from "./containers/sandbox.ts";

/*
 * Builds the image by the Dockerfile's own steps and runs it as compose.yaml and deployment.yaml say, without a container
 * engine: in namespaces of this machine, with this machine's /usr in place of the base image. Needs npm's registry (or its
 * cache), and half a minute. Run it by npm run test:image.
 */
const BUILD_LIMIT_MS = 300_000;
const GROUP = 65532;
const ADMIN_TOKEN = "an-admin-token-of-32-characters-";

describe("the image", function () {
  this.timeout(30_000);
  let work = "";
  let image: Image;
  before(function () {
    this.timeout(BUILD_LIMIT_MS);
    if (process.platform !== "linux" || !hasNamespaces()) {
      if (process.env.SPEC_TOOLS === "required") throw new Error("no namespaces can be made here");
      this.skip();
    }
    work = mkdtempSync(join(tmpdir(), "sfu-gateway-image-"));
    // Who builds is root, and a container's user is not: it has to get at all this.
    chmodSync(work, 0o755);
    image = buildImage(work);
  });
  after(() => {
    if (work !== "") rmSync(work, { recursive: true });
  });

  const start = useContainers(() => image);
  const simulate = useSimulatedSfus();
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(work, "files-"));
    shareWithGroup(folder);
  });

  /** What the operator's own files say: one SFU, the keys. */
  const files = async (): Promise<Record<"secrets.toml" | "gateway.toml" | "gateway-key" | "admin-token", string>> => ({
    "secrets.toml": `[[sfu]]\naddress = "${(await simulate()).address}"\nkey = "${sfuKey(1)}"\n`,
    "gateway.toml": manifestOf("configmap.yaml").data?.["gateway.toml"] ?? "",
    "gateway-key": `${GATEWAY_KEY}\n`,
    "admin-token": `${ADMIN_TOKEN}\n`,
  });
  const write = (path: string, text: string): void => {
    writeFileSync(path, text, { mode: 0o640 });
    shareWithGroup(path);
  };

  const ask = (container: Container, key: string): Promise<Response> =>
    fetch(`${container.url}/v1/channel`, {
      headers: { Authorization: `Bearer ${token({ claims: claimsOf("the room"), key })}` },
    });

  /** What holds of every container, however it is started. */
  const expectToServe = async (container: Container): Promise<void> => {
    await eventually("it is ready", async () => (await fetch(`${container.url}/readyz`)).status === 200);
    expect((await ask(container, GATEWAY_KEY)).status).to.equal(200);
    expect((await fetch(`${container.url}/dashboard`)).status).to.equal(200);
    expect(container.exec(...image.healthcheck)).to.deep.equal({ exitCode: 0, output: "" });
    const { exitCode, output } = container.exec("sfu-gateway", "status", "--json", "--url", container.url);
    expect(exitCode, output).to.equal(0);
  };
  const expectToEnd = async (container: Container): Promise<void> => {
    container.kill("SIGTERM");
    expect(await container.exitCode).to.equal(0);
  };

  describe("holds", () => {
    const entries = (): string[] =>
      readdirSync(join(image.root, "app"), { recursive: true, withFileTypes: true }).map(({ parentPath, name }) =>
        join(parentPath, name),
      );

    it("what the gateway runs on, and nothing else", () => {
      expect(readdirSync(join(image.root, "app")).sort()).to.deep.equal([
        "LICENSE",
        "bin",
        "dist",
        "healthcheck.js",
        "node_modules",
        "package.json",
      ]);
      const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
        readFileSync(join(image.root, "app/package.json"), "utf8"),
      ) as Readonly<Record<string, Readonly<Record<string, string>>>>;
      const installed = (name: string): boolean =>
        statSync(join(image.root, "app/node_modules", name), { throwIfNoEntry: false }) !== undefined;
      expect(Object.keys(dependencies!).filter((name) => !installed(name))).to.deep.equal([]);
      expect(Object.keys(optionalDependencies!).filter(installed)).to.deep.equal([]);
      expect(["typescript", "mocha", "eslint", "prettier"].filter((name) => name in devDependencies!)).to.have.length(
        4,
      );
      expect(["typescript", "mocha", "eslint", "prettier"].filter(installed)).to.deep.equal([]);
    });

    it("files that everybody can read and nobody but root can change", () => {
      const odd = entries().filter((path) => {
        const stats = lstatSync(path);
        if (stats.isSymbolicLink()) return false;
        const needed = stats.isDirectory() ? 0o555 : 0o444;
        const isForeign = process.getuid?.() === 0 && stats.uid !== 0;
        return (stats.mode & needed) !== needed || (stats.mode & 0o022) !== 0 || isForeign;
      });
      expect(odd.map((path) => relative(image.root, path))).to.deep.equal([]);
    });
  });

  describe("as compose.yaml starts it", () => {
    const compose = composeOf("compose.yaml");
    const service = compose.services.gateway!;
    let container: Container;
    beforeEach(async () => {
      const given = await files();
      for (const name of ["gateway", "secrets"]) {
        mkdirSync(join(folder, name), { mode: 0o750 });
        shareWithGroup(join(folder, name));
      }
      for (const name of ["secrets.toml", "gateway.toml"] as const) write(join(folder, "gateway", name), given[name]);
      for (const name of ["gateway-key", "admin-token"] as const) write(join(folder, "secrets", name), given[name]);
      const mounts = bindsOf(compose, service).map(({ source, target, read_only }): Mount => {
        mountPoint(target, join(folder, source));
        return { source: join(folder, source), target, isReadOnly: read_only };
      });
      container = await start({ command: service.command!, env: environmentOf(service), mounts });
    });

    it("serves calls as nobody, with no capability, as the first process", async () => {
      await expectToServe(container);
      const status = readFileSync(`/proc/${String(container.pid)}/status`, "utf8");
      expect(status)
        .to.match(/^NSpid:.*\t1$/m)
        .and.match(/^CapEff:\t0+$/m)
        .and.match(/^CapPrm:\t0+$/m);
      expect(status).to.match(/^NoNewPrivs:\t1$/m);
      const [user, group] = image.user.split(":");
      const inside = container.exec("sh", "-c", "id -u; id -g; touch /app/x /tmp/x /etc/sfu-gateway/x; exit 0");
      expect(inside.output).to.match(new RegExp(`^${user!}\n${group!}\n`));
      expect(inside.output.match(/cannot touch/g)).to.have.length(3);
      await expectToEnd(container);
    });

    it("reloads what an editor has replaced in the folder", async () => {
      const reloaded = container.nextLine("reloaded: ");
      write(join(folder, "new"), "[failover]\nmax_retries = 2\n");
      renameSync(join(folder, "new"), join(folder, "gateway/gateway.toml"));
      expect((await reloaded).msg).to.contain("max_retries: 3 → 2");
    });

    it("reloads a key that is written into its file", async () => {
      const reloaded = container.nextLine("reloaded: ");
      writeFileSync(join(folder, "secrets/gateway-key"), `${GATEWAY_KEY},${OTHER_KEY}\n`);
      expect((await reloaded).msg).to.contain("SFU_GATEWAY_KEY: changed");
      expect((await ask(container, OTHER_KEY)).status).to.equal(200);
    });

    it("reloads on SIGHUP, which reaches the gateway and no shell", async () => {
      const reload = container.nextLine("");
      container.kill("SIGHUP");
      expect((await reload).msg).to.match(/reload/);
      await expectToServe(container);
    });

    it("fits into the memory that both files give it", async () => {
      await expectToServe(container);
      const metrics = await (await fetch(`${container.url}/metrics`)).text();
      const resident = Number(/^process_resident_memory_bytes (\d+)/m.exec(metrics)?.[1]);
      const { requests } = deploymentSpec().template.spec.containers[0].resources;
      expect(resident)
        .to.be.above(0)
        .and.below(mebibytes(requests.memory) * 2 ** 20);
      expect(mebibytes(String(service.deploy?.resources.limits.memory))).to.be.at.least(2 * mebibytes(requests.memory));
    });
  });

  describe("as deployment.yaml starts it", () => {
    const pod = deploymentSpec().template.spec;
    const [gateway] = pod.containers;
    let container: Container;

    /** As the kubelet brings a volume's files: by links that are turned over all at once. */
    const bring = (volume: string, version: string, content: Readonly<Record<string, string>>): void => {
      const versions = join(folder, volume, `..${version}`);
      mkdirSync(versions, { mode: 0o750, recursive: true });
      for (const shared of [join(folder, volume), versions]) shareWithGroup(shared);
      for (const [name, text] of Object.entries(content)) {
        write(join(versions, name), text);
        if (version === "1") symlinkSync(join("..data", name), join(folder, volume, name));
      }
      symlinkSync(`..${version}`, join(folder, volume, "..data_new"));
      renameSync(join(folder, volume, "..data_new"), join(folder, volume, "..data"));
    };

    beforeEach(async () => {
      const { "gateway.toml": settings, ...secrets } = await files();
      bring("config", "1", { "gateway.toml": settings });
      bring("secrets", "1", secrets);
      const mounts = gateway.volumeMounts.map(({ name, mountPath, readOnly }): Mount => {
        mountPoint(mountPath, join(folder, name));
        return { source: join(folder, name), target: mountPath, isReadOnly: readOnly };
      });
      container = await start({
        command: gateway.args,
        env: new Map(gateway.env.map(({ name, value }) => [name, value])),
        mounts,
      });
    });

    it("serves calls, ends its preStop and then itself", async () => {
      await expectToServe(container);
      for (const { httpGet } of [gateway.startupProbe, gateway.livenessProbe, gateway.readinessProbe]) {
        expect((await fetch(container.url + httpGet.path)).status, httpGet.path).to.equal(200);
      }
      const [program] = gateway.lifecycle.preStop.exec.command;
      expect(container.exec(program!, "0").exitCode).to.equal(0);
      await expectToEnd(container);
    });

    it("reloads what the kubelet has turned over", async () => {
      const reloaded = container.nextLine("reloaded: ");
      bring("config", "2", { "gateway.toml": "[failover]\nmax_retries = 2\n" });
      expect((await reloaded).msg).to.contain("max_retries: 3 → 2");
    });
  });

  it("is not healthy where nobody answers", () => {
    const { exitCode, output } = runOnce(image, { env: new Map([["SFU_GATEWAY_PORT", "1"]]) }, image.healthcheck);
    expect({ exitCode, output }).to.deep.equal({ exitCode: 1, output: "ECONNREFUSED\n" });
  });

  it("does not start without a key, and says so", () => {
    const { exitCode, output } = runOnce(image, {}, [...image.entrypoint, ...image.command]);
    expect(exitCode).to.equal(2);
    expect(output).to.contain("SFU_GATEWAY_KEY: missing");
  });

  /** A mount needs something to be mounted on; an engine makes it before the container starts. */
  function mountPoint(target: string, source: string): void {
    const path = join(image.root, target);
    if (statSync(source).isDirectory()) mkdirSync(path, { recursive: true });
    else {
      mkdirSync(join(path, ".."), { recursive: true });
      writeFileSync(path, "");
    }
  }
});

/** As docs/containers.md has it done; who is not root here is the container's user and group anyway. */
function shareWithGroup(path: string): void {
  if (process.getuid?.() !== 0) return;
  chownSync(path, 0, GROUP);
  if (statSync(path).isDirectory()) chmodSync(path, 0o750);
}

function mebibytes(text: string): number {
  const [, number = ""] = /^(\d+)Mi?$/.exec(text) ?? [];
  return Number(number);
}
