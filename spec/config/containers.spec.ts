import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect } from "chai";
import { validate } from "dockerfile-utils";
import { loadAgentConfiguration } from "../../lib/config/agent.ts";
import { KNOWN } from "../../lib/config/env.ts";
import { loadConfiguration } from "../../lib/config/load.ts";
import { useHaproxy } from "../support/haproxy.ts";
import { useRedis } from "../support/redis.ts";
import { needsTools, pathOf } from "../support/tools.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../support/tokens.ts";
import { composeFindings } from "./containers/compose-lint.ts";
import { bindsOf, composeOf, environmentOf, networksOf } from "./containers/compose.ts";
import { readDockerfile } from "./containers/dockerfile.ts";
import { contextFiles, ROOT, textOf, yamlOf } from "./containers/files.ts";
import { useFiles } from "./harness.ts";

const FOLDER = join(ROOT, "config/docker");
const manifest = JSON.parse(textOf("package.json")) as {
  readonly version: string;
  readonly optionalDependencies: Readonly<Record<string, string>>;
};
const OWN_IMAGE = `sfu-gateway:${manifest.version}`;

describe("config/docker/Dockerfile", () => {
  const stages = readDockerfile();
  const last = stages.at(-1)!;
  const lint = (text: string): unknown[] => validate(text).map(({ message }) => message);

  it("is one without a finding of the linter", () => {
    expect(lint(textOf("config/docker/Dockerfile"))).to.deep.equal([]);
    expect(lint("FROM a\nCOPY --form=b c d\n")).to.not.be.empty;
  });

  it("is based on the Node.js that the specs run on, in all stages", () => {
    const versions = new Set(Object.values(manifest.optionalDependencies));
    expect(versions).to.have.length(1);
    const [version] = versions;
    expect(new Set(stages.map(({ image }) => image))).to.deep.equal(new Set([`node:${version!}-bookworm-slim`]));
  });

  it("installs what the lock file says, without scripts, a second Node.js and, in the end, tools", () => {
    const installs = stages.flatMap(({ steps }) => steps.flatMap((step) => (step.kind === "run" ? step.command : [])));
    const [forBuild, , forUse] = installs;
    for (const command of [forBuild, forUse]) {
      expect(command)
        .to.match(/^npm ci /)
        .and.contain("--omit=optional")
        .and.contain("--ignore-scripts");
    }
    expect(forUse).to.contain("--omit=dev");
  });

  it("installs anew only where the lock file has changed", () => {
    for (const { steps } of stages.slice(0, 2)) {
      const install = steps.findIndex((step) => step.kind === "run");
      const copied = steps.slice(0, install).flatMap((step) => (step.kind === "copy" ? step.sources : []));
      expect(copied).to.deep.equal(["package.json", "package-lock.json"]);
    }
  });

  it("takes what it runs from the other stages alone, and runs no command of its own", () => {
    expect(last.steps.filter((step) => step.kind === "run" || (step.kind === "copy" && step.from === null))).to.be
      .empty;
  });

  it("runs as a user that is a number and not root", () => {
    expect(last.user).to.match(/^[1-9]\d{4}:[1-9]\d{4}$/);
  });

  it("asks for a program to be started as it is, where signals arrive", () => {
    const { entrypoint, command, healthcheck } = last;
    expect({ entrypoint, command }).to.deep.equal({ entrypoint: ["/app/bin/sfu-gateway"], command: ["serve"] });
    expect(healthcheck).to.deep.equal(["node", "/app/healthcheck.js"]);
  });
});

describe(".dockerignore", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("lets a build see what the image is made of, and no key, history or leftover", () => {
    const seen = ["LICENSE", "bin/sfu-gateway", "config/docker/healthcheck.js", "lib/cli/main.ts", "package.json"];
    const unseen = [
      ".env",
      ".git/config",
      ".npmrc",
      "README.md",
      "config/docker/gateway/secrets.toml",
      "config/docker/secrets/gateway-key",
      "dist/cli/main.js",
      "gateway-key",
      "lib/.env",
      "lib/http/routes.ts~",
      "lib/secrets.toml",
      "lib/server.log",
      "node_modules/koa/package.json",
      "secrets.toml",
      "spec/app.spec.ts",
    ];
    for (const file of [...seen, ...unseen]) {
      mkdirSync(join(folder, file, ".."), { recursive: true });
      writeFileSync(join(folder, file), "");
    }
    expect(contextFiles(folder)).to.deep.equal(seen);
  });

  it("lets it see everything that the Dockerfile copies", () => {
    const copied = readDockerfile().flatMap(({ steps }) =>
      steps.flatMap((step) => (step.kind === "copy" && step.from === null ? step.sources : [])),
    );
    const visible = contextFiles(ROOT);
    const missing = copied.filter((name) => !visible.some((file) => file === name || file.startsWith(`${name}/`)));
    expect(missing).to.deep.equal([]);
  });
});

describe("the image's healthcheck", () => {
  let server: Server;
  let status: number;
  beforeEach((done) => {
    server = createServer(({ url }, response) => {
      response.writeHead(url === "/healthz" ? status : 404).end();
    });
    server.listen(0, "127.0.0.1", done);
  });
  afterEach((done) => {
    server.close(done);
  });
  const port = (): string => String((server.address() as AddressInfo).port);

  const check = (env: Readonly<Record<string, string>>): Promise<{ readonly code: number; readonly said: string }> =>
    new Promise((resolve) => {
      const script = join(FOLDER, "healthcheck.js");
      execFile(process.execPath, [script], { env, timeout: 8000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr });
      });
    });

  it("is fine where the gateway answers, whichever address it was told to listen on", async () => {
    status = 200;
    for (const bind of ["127.0.0.1", "0.0.0.0", "", " "]) {
      const env = { SFU_GATEWAY_PORT: port(), SFU_GATEWAY_BIND: bind };
      expect(await check(env), bind).to.deep.equal({ code: 0, said: "" });
    }
  });

  it("fails where it answers that it is not well, and says so", async () => {
    status = 500;
    expect(await check({ SFU_GATEWAY_PORT: port() })).to.deep.equal({ code: 1, said: "/healthz answers 500\n" });
  });

  it("takes Kubernetes' service link for no port, as the gateway does", async () => {
    status = 200;
    // Nobody listens on 127.0.0.2, at whatever port.
    const env = { SFU_GATEWAY_PORT: `tcp://127.0.0.1:${port()}`, SFU_GATEWAY_BIND: "127.0.0.2" };
    expect(await check(env)).to.deep.equal({ code: 1, said: "ECONNREFUSED\n" });
  });
});

for (const name of ["compose.yaml", "compose.agent.yaml"] as const) {
  describe(`config/docker/${name}`, () => {
    const compose = composeOf(name);
    const services = Object.entries(compose.services);

    it("is one as its specification has it, without a finding of the linter", () => {
      expect(composeFindings(join(FOLDER, name))).to.deep.equal([]);
    });

    it("lets no container have more rights than it needs", () => {
      for (const [service, settings] of services) {
        expect(settings, service).to.deep.include({
          read_only: true,
          cap_drop: ["ALL"],
          security_opt: ["no-new-privileges:true"],
          restart: "unless-stopped",
        });
      }
    });

    it("mounts what is there, or what its operator puts where git and npm do not look", () => {
      const sources = services.flatMap(([, service]) => bindsOf(compose, service).map(({ source }) => source));
      expect(sources).to.not.be.empty;
      const operators = sources.filter((source) => /^\.\/(gateway|secrets)(\/|$)/.test(source));
      const missing = sources.filter((source) => !operators.includes(source) && !existsSync(join(FOLDER, source)));
      expect(missing).to.deep.equal([]);
      expect(textOf("config/docker/.gitignore").split("\n")).to.include.members(["/gateway/", "/secrets/", "/.env"]);
    });

    it("gives each secret as a file, and only those that it has", () => {
      const used = services.flatMap(([, { secrets = [] }]) => secrets);
      expect(Object.keys(compose.secrets).sort()).to.deep.equal([...new Set(used)].sort());
      for (const [service, settings] of services) {
        for (const [variable, value] of environmentOf(settings)) {
          const isFile = variable.endsWith("_FILE");
          if (isFile) expect(settings.secrets, service).to.include(basename(value));
          else expect(variable, service).to.not.match(/PASSWORD|KEY|TOKEN|SECRET/);
        }
      }
    });

    it("names each image to the version", () => {
      for (const [service, { image }] of services) {
        if (image.startsWith("sfu-gateway")) expect(image, service).to.equal(OWN_IMAGE);
        else expect(image, service).to.match(/:v?\d+\.\d+\.\d+$/);
      }
    });
  });
}

describe("the services of compose.yaml", () => {
  const compose = composeOf("compose.yaml");
  const { gateway, prometheus, grafana } = compose.services as Record<string, (typeof compose.services)[string]>;
  const files = useFiles();

  it("include a gateway that knows its variables, and has time to end", () => {
    const env = environmentOf(gateway!);
    expect([...env.keys()].filter((name) => !KNOWN.includes(name) && name !== "LOG_LEVEL")).to.deep.equal([]);
    const { config } = loadConfiguration({
      env: {
        ...Object.fromEntries(env),
        SFU_GATEWAY_KEY_FILE: files.write("gateway-key", GATEWAY_KEY),
        SFU_GATEWAY_ADMIN_TOKEN_FILE: files.write("admin-token", "an-admin-token-of-32-characters-"),
        SFU_GATEWAY_NODES: '{"sfu":[]}',
      },
      secretsFile: null,
      configFile: join(ROOT, "config/gateway.example.toml"),
    });
    expect(seconds(gateway!.stop_grace_period) * 1000).to.be.above(config.failover.retryTimeoutMs + 1000);
    expect(gateway!.ports).to.deep.equal([`\${SFU_GATEWAY_PUBLISH:-127.0.0.1:8071}:${String(config.listen.port)}`]);
    expect(gateway!.healthcheck?.test?.slice(1)).to.deep.equal(readDockerfile().at(-1)!.healthcheck);
  });

  it("are seen from this host alone, watched, and kept from taking all of it", () => {
    for (const [name, { ports, healthcheck, deploy }] of Object.entries(compose.services)) {
      for (const port of ports ?? []) expect(port, name).to.match(/^(\$\{\w+:-)?127\.0\.0\.1:/);
      expect(healthcheck?.test, name).to.be.an("array").with.length.above(1);
      expect(deploy?.resources.limits, name).to.have.all.keys("cpus", "memory", "pids");
    }
  });

  it("reach each other as far as they need to", () => {
    const shared = (a = gateway, b = grafana): string[] => {
      return networksOf(a!).filter((name) => networksOf(b!).includes(name));
    };
    expect(shared(gateway, prometheus)).to.deep.equal(["scrape"]);
    expect(shared(prometheus, grafana)).to.deep.equal(["desk"]);
    expect(shared(gateway, grafana)).to.deep.equal([]);
    expect(compose.networks!.scrape).to.deep.equal({ internal: true });
  });

  it("include a Prometheus that is told what config/prometheus/prometheus.yml tells, but for where", () => {
    const withoutPlace = (path: string): unknown => {
      const { scrape_configs, ...rest } = yamlOf(path) as { readonly scrape_configs: readonly object[] };
      const places = ["static_configs", "dns_sd_configs"];
      const without = (config: object): unknown =>
        Object.fromEntries(Object.entries(config).filter(([key]) => !places.includes(key)));
      return { ...rest, scrape_configs: scrape_configs.map(without) };
    };
    expect(withoutPlace("config/docker/prometheus.yml")).to.deep.equal(
      withoutPlace("config/prometheus/prometheus.yml"),
    );
    const { scrape_configs } = yamlOf("config/docker/prometheus.yml") as {
      readonly scrape_configs: readonly [{ readonly dns_sd_configs: readonly object[] }];
    };
    expect(scrape_configs[0].dns_sd_configs[0]).to.deep.include({ names: ["gateway"], type: "A", port: 8071 });
  });

  describe("Prometheus", () => {
    needsTools("promtool");

    it("finds no fault in its files, where they are mounted", () => {
      const folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
      for (const { source, target } of bindsOf(compose, prometheus!)) {
        copyFileSync(join(FOLDER, source), join(folder, basename(target)));
      }
      const said = execFileSync(pathOf("promtool")!, ["check", "config", join(folder, "prometheus.yml")], {
        encoding: "utf8",
      });
      rmSync(folder, { recursive: true });
      expect(said).to.match(/SUCCESS: \d+ rules found/);
    });
  });

  it("include a Grafana that finds Prometheus and the dashboard", () => {
    const mounted = new Map(bindsOf(compose, grafana!).map(({ source, target }) => [source, target]));
    expect(mounted.get("./grafana/datasources.yaml")).to.match(/^\/etc\/grafana\/provisioning\/datasources\//);
    expect(mounted.get("./grafana/dashboards.yaml")).to.match(/^\/etc\/grafana\/provisioning\/dashboards\//);
    const { datasources } = yamlOf("config/docker/grafana/datasources.yaml") as {
      readonly datasources: readonly { readonly url: string; readonly type: string; readonly jsonData: object }[];
    };
    const { providers } = yamlOf("config/docker/grafana/dashboards.yaml") as {
      readonly providers: readonly { readonly options: { readonly path: string } }[];
    };
    const port = prometheus!.ports![0]!.split(":").at(-1)!;
    expect(datasources).to.have.length(1);
    expect(datasources[0]).to.include({ type: "prometheus", url: `http://prometheus:${port}` });
    const { global } = yamlOf("config/docker/prometheus.yml") as {
      readonly global: { readonly scrape_interval: string };
    };
    expect(datasources[0]!.jsonData).to.deep.equal({ timeInterval: global.scrape_interval });
    expect(providers.map(({ options }) => options.path)).to.deep.equal([mounted.get("../grafana")]);
    expect(readdirSync(join(ROOT, "config/grafana"))).to.include("sfu-gateway.json");
  });
});

describe("the services of compose.yaml for several gateways", () => {
  const compose = composeOf("compose.yaml");
  const { gateway, haproxy, redis, prometheus } = compose.services as Record<string, (typeof compose.services)[string]>;
  const second = compose.services["gateway-2"];
  const files = useFiles();

  it("come only when they are asked for", () => {
    const names = Object.entries(compose.services).flatMap(([name, { profiles }]) =>
      profiles ? [[name, profiles]] : [],
    );
    expect(names).to.deep.equal(["gateway-2", "haproxy", "redis"].map((name) => [name, ["several"]]));
  });

  it("include a second gateway that is the first one's like, and whom Prometheus finds by the same name", () => {
    const { profiles, ports, networks, ...rest } = second!;
    const { ports: firstPorts, networks: firstNetworks, ...first } = gateway!;
    expect(rest).to.deep.equal(first);
    expect(networksOf(second!)).to.have.members(firstNetworks as string[]);
    expect(networks)
      .to.have.property("scrape")
      .that.deep.equals({ aliases: ["gateway"] });
    expect([profiles, ports, firstPorts]).to.deep.equal([
      ["several"],
      ["${SFU_GATEWAY_2_PUBLISH:-127.0.0.1:8072}:8071"],
      ["${SFU_GATEWAY_PUBLISH:-127.0.0.1:8071}:8071"],
    ]);
  });

  it("include a Redis that the gateways reach and nobody else, and that keeps nothing", () => {
    const reaching = Object.entries(compose.services).filter(([, service]) => networksOf(service).includes("store"));
    expect(reaching.map(([name]) => name)).to.deep.equal(["gateway", "gateway-2", "redis"]);
    expect(networksOf(redis!)).to.deep.equal(["store"]);
    expect(compose.networks!.store).to.deep.equal({ internal: true });
    expect(networksOf(prometheus!)).to.not.include("store");
    expect(redis).to.not.have.any.keys("ports", "volumes");
    const [, url = ""] = /\[store\] url = "([^"]*)"/.exec(textOf("config/docker/compose.yaml")) ?? [];
    expect(textOf("docs/containers.md")).to.contain(`url = "${url}"`);
    const { config, warnings } = loadConfiguration({
      env: {
        SFU_GATEWAY_KEY: GATEWAY_KEY,
        SFU_GATEWAY_NODES: JSON.stringify({ sfu: [{ address: "http://sfu1.test", key: sfuKey(1) }] }),
      },
      secretsFile: files.write("secrets.toml", `[store]\nurl = "${url}"\n`),
      configFile: null,
    });
    expect(warnings).to.deep.equal([]);
    expect(config.store?.at).to.deep.equal({ kind: "single", host: { host: "redis", port: 6379 }, database: 0 });
  });

  describe("Redis", () => {
    const server = useRedis(() => redis!.command!.slice(1).join(" ").split(/ ?--/).filter(Boolean).map(settingOf));

    it("takes its settings", async () => {
      const settings = ["maxmemory", "maxmemory-policy", "protected-mode", "save", "appendonly"];
      const replies = await Promise.all(settings.map((name) => server.ask("CONFIG", "GET", name)));
      expect(replies.flat()).to.deep.equal([
        ...["maxmemory", String(256 * 1024 * 1024), "maxmemory-policy", "noeviction", "protected-mode", "no"],
        ...["save", "", "appendonly", "no"],
      ]);
    });
  });

  it("include an HAProxy that is told what config/haproxy/gateway.cfg tells, but for where and to whom", () => {
    const own = [
      /^(user|group) haproxy$/,
      /^ssl-default-bind-options /,
      /^acl inside /,
      /^http-request deny if \w+ !inside$/,
    ];
    const expected = directives("config/haproxy/gateway.cfg")
      .filter((line) => !own.some((pattern) => pattern.test(line)))
      .map((line) =>
        line
          .replace(/^bind .*/, "bind :8080")
          .replace("10.0.0.10:8071", "gateway:8071")
          .replace("10.0.0.11:8071", "gateway-2:8071")
          .replace(/^default-server .*/, "$& resolvers docker init-addr last,libc,none"),
      );
    const added = ["resolvers docker", "nameserver docker 127.0.0.11:53", "hold valid 2s"];
    const lines = directives("config/docker/haproxy.cfg");
    expect(lines.filter((line) => added.includes(line))).to.deep.equal(added);
    expect(lines.filter((line) => !added.includes(line))).to.deep.equal(expected);
    expect(haproxy!.ports!.map((port) => port.split(":").at(-1))).to.deep.equal(["8080"]);
    expect(networksOf(haproxy!)).to.deep.equal(["calls"]);
  });

  describe("HAProxy", () => {
    needsTools("haproxy");
    const programs = useHaproxy();

    it("starts without its gateways, for they may come later", async () => {
      const { exitCode, output } = await programs.check(textOf("config/docker/haproxy.cfg"));
      expect(output).to.not.match(/alert/i);
      expect(exitCode).to.equal(0);
    });
  });
});

describe("the agent of compose.agent.yaml", () => {
  const files = useFiles();

  it("is a configuration without a fault or a warning, once the host's own facts are given", () => {
    const { agent } = composeOf("compose.agent.yaml").services;
    const given = {
      SFU_GATEWAY_URL: "https://sfu-gateway.example.com",
      SFU_ADDRESS: "https://sfu7.sfu.example.com",
      SFU_REGION: "eu-west-3",
    };
    const env = {
      ...Object.fromEntries(environmentOf(agent!, given)),
      SFU_GATEWAY_REGISTRATION_KEY_FILE: files.write("registration-key", OTHER_KEY),
      AUTH_KEY_FILE: files.write("auth-key", sfuKey(7)),
    };
    const { warnings } = loadAgentConfiguration(env);
    expect(warnings).to.deep.equal([]);
    expect(Object.keys(env).filter((name) => !KNOWN.includes(name))).to.deep.equal([]);
    // It would report its own limits in place of the host's.
    expect(agent).to.not.have.property("deploy");
  });
});

describe("the linter of compose files", () => {
  const files = useFiles();

  it("finds what the specification does not know", () => {
    const file = files.write("compose.yaml", "name: x\nservices:\n  a:\n    image: a:1.0.0\n    read_onyl: true\n");
    expect(composeFindings(file).join()).to.contain("must NOT have additional properties").and.contain("/services/a");
  });
});

/** A line of a redis.conf, of what follows two dashes on a command line. */
function settingOf(option: string): string {
  const [name = "", value = ""] = option.split(" ");
  return `${name} ${value === "" ? '""' : value}`;
}

/** Without comments, and however it is laid out. */
function directives(path: string): readonly string[] {
  const lines = textOf(path).split("\n");
  return lines.map((line) => line.replace(/#.*/, "").trim().replace(/ +/g, " ")).filter((line) => line !== "");
}

function seconds(text = ""): number {
  return Number(/^(\d+)s$/.exec(text)?.[1]);
}
