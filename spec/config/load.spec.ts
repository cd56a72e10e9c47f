import { expect } from "chai";
import { loadConfiguration } from "../../lib/config/load.ts";
import { parseKey } from "../../lib/auth/keys.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../support/tokens.ts";
import { nodes, sfuTable, useFiles } from "./harness.ts";

describe("a configuration", () => {
  const files = useFiles();

  it("needs no more than a key and an SFU: all else has a default", () => {
    const { config, warnings } = files.load({ secrets: sfuTable() });
    expect(config).to.deep.equal({
      listen: { port: 8071, bind: "0.0.0.0", reusePort: false },
      trustedProxies: [],
      logLevel: "info",
      sfus: [{ address: "http://10.0.0.1:8070", region: null, publicUrl: null, weight: 1, maxSessions: 1000 }],
      balancing: {
        strategy: "load",
        maxSessions: 1000,
        weights: { sessions: 0.5, cpu: 0.3, memory: 0.2, distance: 1 },
      },
      failover: { maxRetries: 3, retryTimeoutMs: 2500, attemptTimeoutMs: 1000 },
      breaker: { errorThresholdPercent: 50, minimumRequests: 5, windowMs: 10_000, resetTimeoutMs: 10_000 },
      overload: { maxCpu: 0.95, maxMemory: 0.95, maxSessionsRatio: 1 },
      health: { intervalMs: 2000, statsIntervalMs: 10_000, timeoutMs: 1000, unhealthyAfter: 2, healthyAfter: 1 },
      registration: { ttlMs: 30_000, allow: null },
      registry: null,
      affinity: { ttlMs: 60_000 },
      store: null,
      limits: { maxConnections: 10_000, maxRequests: 2000 },
      tls: { ca: null },
      rateLimit: null,
      authFailures: { max: 20, windowMs: 60_000 },
      regions: {},
    });
    expect(warnings).to.deep.equal([]);
  });

  it("takes every setting of both files", () => {
    const { config, secrets } = files.load({
      secrets: sfuTable(
        1,
        'region = "EU-West-1"\npublic_url = "https://sfu1.example.com/"\nmax_sessions = 200\nweight = 0.5\nstats_token = "t"\n',
      ),
      config: `
        [balancing]
        strategy = "round-robin"
        max_sessions = 500
        [balancing.weights]
        sessions = 0.4
        cpu = 0.4
        memory = 0
        distance = 2
        [overload]
        max_cpu = 0.9
        max_memory = 1
        max_sessions_ratio = 0.8
        [failover]
        max_retries = 5
        retry_timeout_ms = 2000
        attempt_timeout_ms = 700
        [breaker]
        error_threshold_percent = 25.5
        minimum_requests = 7
        window_ms = 20_000
        reset_timeout_ms = 3000
        [health]
        interval_ms = 500
        timeout_ms = 400
        stats_interval_ms = 5000
        unhealthy_after = 3
        healthy_after = 2
        [registration]
        ttl_ms = 20000
        allow = ["https://*.sfu.example.com", "10.0.0.0/8"]
        [registry]
        url = "https://registry.example.com/sfus/"
        interval_ms = 5000
        token = "list token"
        [affinity]
        ttl_ms = 0
        [regions.Office]
        latitude = 50.85
        longitude = 4.35
      `,
    });
    expect(config).to.deep.include({
      sfus: [
        {
          address: "http://10.0.0.1:8070",
          region: "eu-west-1",
          publicUrl: "https://sfu1.example.com",
          weight: 0.5,
          maxSessions: 200,
        },
      ],
      balancing: {
        strategy: "round-robin",
        maxSessions: 500,
        weights: { sessions: 0.4, cpu: 0.4, memory: 0, distance: 2 },
      },
      failover: { maxRetries: 5, retryTimeoutMs: 2000, attemptTimeoutMs: 700 },
      breaker: { errorThresholdPercent: 25.5, minimumRequests: 7, windowMs: 20_000, resetTimeoutMs: 3000 },
      health: { intervalMs: 500, statsIntervalMs: 5000, timeoutMs: 400, unhealthyAfter: 3, healthyAfter: 2 },
      overload: { maxCpu: 0.9, maxMemory: 1, maxSessionsRatio: 0.8 },
      registration: { ttlMs: 20_000, allow: ["https://*.sfu.example.com", "10.0.0.0/8"] },
      registry: { url: "https://registry.example.com/sfus/", intervalMs: 5000 },
      affinity: { ttlMs: 0 },
      regions: { office: { latitude: 50.85, longitude: 4.35 } },
    });
    expect(secrets.statsTokens.get("http://10.0.0.1:8070")!.reveal()).to.equal("t");
    expect(secrets.registryToken!.reveal()).to.equal("list token");
  });

  it("takes a store, whose passwords are secrets", () => {
    const url = "rediss+sentinel://gateway:the%20password@s1,s2:1/master/2?sentinel_password=theirs";
    const { config, secrets, warnings } = files.load({
      secrets: `${sfuTable()}[store]\nurl = "${url}"\nprefix = "fleet.eu-1_a"\n`,
    });
    const sentinels = [
      { host: "s1", port: 26_379 },
      { host: "s2", port: 1 },
    ];
    expect(config.store).to.deep.equal({
      at: { kind: "sentinel", sentinels, master: "master", database: 2 },
      isTls: true,
      username: "gateway",
      prefix: "fleet.eu-1_a",
    });
    expect([secrets.storePassword!.reveal(), secrets.sentinelPassword!.reveal()]).to.deep.equal([
      "the password",
      "theirs",
    ]);
    expect(warnings).to.deep.equal([]);
    expect(JSON.stringify(config)).not.to.match(/the( |%20)password|theirs/);
  });

  it("keeps keys apart from what else is in the store by a prefix, of which there is one", () => {
    const { config, secrets } = files.load({ secrets: sfuTable(), config: '[store]\nurl = "redis://127.0.0.1"\n' });
    expect(config.store).to.include({ prefix: "sfu-gateway", isTls: false, username: null });
    expect([secrets.storePassword, secrets.sentinelPassword]).to.deep.equal([null, null]);
  });

  for (const [what, url] of [
    ["another host", "redis://:p@redis.example"],
    ["one host of several", "redis+cluster://:p@127.0.0.1,10.0.0.1"],
    ["sentinels elsewhere, which have the password", "redis+sentinel://10.0.0.1/m?sentinel_password=p"],
  ] as const) {
    it(`is warned of a store's password that goes to ${what} as plain text`, () => {
      const problem = "[store] url: the password goes over the network as plain text, expected rediss";
      const tables = (store: string): string => `${sfuTable()}[store]\nurl = "${store}"\n`;
      expect(files.warnings({ secrets: tables(url) })).to.deep.equal([`secrets.toml:5: ${problem}`]);
      expect(files.warnings({ secrets: tables(url.replace("redis", "rediss")) })).to.deep.equal([]);
    });
  }

  for (const url of [
    "redis://:p@127.0.0.1",
    "redis://:p@localhost",
    "redis://:p@[::1]",
    "redis://redis.example",
    "redis+sentinel://:p@[::1],127.0.0.2/m",
  ]) {
    it(`is not warned of a store at ${url}`, () => {
      expect(files.warnings({ secrets: `${sfuTable()}[store]\nurl = "${url}"\n` })).to.deep.equal([]);
    });
  }

  it("is warned of a user of the store without a password, which may be the password itself", () => {
    expect(files.warnings({ secrets: `${sfuTable()}[store]\nurl = "redis://hunter2@127.0.0.1"\n` })).to.deep.equal([
      "secrets.toml:5: [store] url: a user without a password: a password alone is :password@",
    ]);
  });

  it("takes limits for callers, of which there is none unless it says how many requests", () => {
    const limits = (lines: string): unknown => {
      const { rateLimit, authFailures } = files.load({
        secrets: sfuTable(),
        config: `[rate_limit]\n${lines}`,
      }).config;
      return { rateLimit, authFailures };
    };
    const authFailures = { max: 20, windowMs: 60_000 };
    expect(limits("")).to.deep.equal({ rateLimit: null, authFailures });
    expect(limits("requests = 100")).to.deep.equal({ rateLimit: { requests: 100, windowMs: 60_000 }, authFailures });
    expect(limits("requests = 9\nwindow_ms = 1000\nauth_failures = 5\nauth_window_ms = 30000")).to.deep.equal({
      rateLimit: { requests: 9, windowMs: 1000 },
      authFailures: { max: 5, windowMs: 30_000 },
    });
  });

  it("keeps the URL of the external list as it is, query and all", () => {
    const url = "https://inventory.example.com/sfus/?site=prod";
    const { config } = files.load({ secrets: `[registry]\nurl = "${url}"` });
    expect(config.registry!.url).to.equal(url);
  });

  it("fills SFUs that do not say it by the setting for all", () => {
    const { config } = files.load({ secrets: sfuTable(), config: "[balancing]\nmax_sessions = 70" });
    expect(config.sfus[0]!.maxSessions).to.equal(70);
  });

  it("needs no SFU where they come by themselves, or with a list", () => {
    const list = files.load({ secrets: '[registry]\nurl = "https://registry.example.com/sfus"' });
    expect(list.config.sfus).to.deep.equal([]);
    const env = { SFU_GATEWAY_REGISTRATION_KEY: OTHER_KEY };
    const { secrets, warnings } = files.load({ env });
    expect(secrets.registrationKey!.equals(parseKey(OTHER_KEY))).to.be.true;
    expect(warnings).to.deep.equal([]);
  });

  it("keeps each SFU's key among the secrets, by its address", () => {
    const { secrets } = files.load({ secrets: sfuTable(1) + sfuTable(2) });
    expect([...secrets.sfuKeys.keys()]).to.deep.equal(["http://10.0.0.1:8070", "http://10.0.0.2:8070"]);
    expect(secrets.sfuKeys.get("http://10.0.0.2:8070")!.equals(parseKey(sfuKey(2)))).to.be.true;
    expect(secrets.gatewayKeys.map((key) => key.equals(parseKey(GATEWAY_KEY)))).to.deep.equal([true]);
  });

  it("holds no key outside the secrets", () => {
    const { config } = files.load({ secrets: sfuTable(1, 'stats_token = "VGhlU3RhdHNUb2tlbg"\n') });
    expect(JSON.stringify(config))
      .not.to.match(/key|token|VGhlU3RhdHNUb2tlbg/i)
      .and.not.include(sfuKey(1));
  });

  it("cannot be changed, however deep", () => {
    const loaded = files.load({
      secrets: sfuTable(),
      config: "[regions.office]\nlatitude = 1\nlongitude = 2\n",
      env: { SFU_GATEWAY_TRUST_PROXY: "10.0.0.0/8" },
    });
    const thawed: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      if (!Object.isFrozen(value)) thawed.push(path);
      for (const [name, inner] of Object.entries(value)) walk(inner, `${path}.${name}`);
    };
    walk(loaded, "loaded");
    expect(thawed).to.deep.equal([]);
  });

  const spellings: readonly (readonly [given: string, address: string])[] = [
    ["http://10.0.0.5:8070/", "http://10.0.0.5:8070"],
    ["HTTP://SFU.Example.COM:80", "http://sfu.example.com"],
    ["https://sfu.example.com:443//", "https://sfu.example.com"],
    ["https://example.com/sfu/", "https://example.com/sfu"],
    ["http://[2001:DB8:0::5]:8070", "http://[2001:db8::5]:8070"],
    [" http://sfu.example.com ", "http://sfu.example.com"],
    ["http://bücher.example", "http://xn--bcher-kva.example"],
  ];
  for (const [given, address] of spellings) {
    it(`knows ${given} as ${address}`, () => {
      const { config, secrets } = files.load({ env: { SFU_GATEWAY_NODES: nodes({ address: given, key: sfuKey(1) }) } });
      expect(config.sfus[0]).to.have.property("address", address);
      expect([...secrets.sfuKeys.keys()]).to.deep.equal([address]);
    });
  }

  describe("in two files", () => {
    it("is both of them together, whichever holds what", () => {
      const { config } = files.load({
        config: `${sfuTable(1)}[failover]\nmax_retries = 2\n[regions.a]\nlatitude = 1\nlongitude = 1\n`,
        secrets: `${sfuTable(2)}[failover]\nretry_timeout_ms = 1500\n[regions.b]\nlatitude = 2\nlongitude = 2\n`,
      });
      expect(config.sfus.map(({ address }) => address)).to.deep.equal(["http://10.0.0.1:8070", "http://10.0.0.2:8070"]);
      expect(config.failover).to.include({ maxRetries: 2, retryTimeoutMs: 1500 });
      expect(config.regions).to.have.all.keys("a", "b");
    });

    it("may be the file without the keys alone, keys and all", () => {
      expect(files.load({ config: sfuTable() }).config.sfus).to.have.length(1);
    });

    it("is refused where both set one key, at the second one's line", () => {
      expect(
        files.faults({
          config: "[failover]\nmax_retries = 2\n",
          secrets: `${sfuTable()}\n[failover]\nmax_retries = 2\n`,
        }),
      ).to.deep.equal(["secrets.toml:6: [failover] max_retries: set in both files, expected in one"]);
    });

    it("is refused where a table of one is a value of the other", () => {
      expect(
        files.faults({ config: "failover = 1\n", secrets: `[failover]\nmax_retries = 2\n${sfuTable()}` }),
      ).to.include("secrets.toml:1: [failover]: set in both files, expected in one");
    });

    it("names the file and line of every fault, SFUs counted through both", () => {
      expect(
        files.faults({
          config: `${sfuTable(1)}\n[failover]\nmax_retries = 0\n`,
          secrets: `# keys\n${sfuTable(2, "weight = 0\n")}`,
        }),
      ).to.deep.equal([
        "secrets.toml:5: [[sfu]] #2 weight: expected a number from 0.01 to 100",
        "gateway.toml:6: [failover] max_retries: expected a whole number from 1 to 100",
      ]);
    });
  });

  describe("about time", () => {
    it("is warned of a budget that Odoo does not wait for, and keeps it", () => {
      const given = { secrets: sfuTable(), config: "[failover]\nretry_timeout_ms = 3001\n" };
      expect(files.warnings(given)).to.deep.equal([
        "gateway.toml:2: [failover] retry_timeout_ms: Odoo gives up at 3000 ms, answers will come too late",
      ]);
      expect(files.load(given).config.failover.retryTimeoutMs).to.equal(3001);
    });

    it("is not warned at Odoo's very 3000 ms", () => {
      expect(files.warnings({ secrets: sfuTable(), config: "[failover]\nretry_timeout_ms = 3000\n" })).to.deep.equal(
        [],
      );
    });

    it("is warned of an attempt that may take longer than all of them together", () => {
      const config = "[failover]\nretry_timeout_ms = 800\nattempt_timeout_ms = 900\n";
      expect(files.warnings({ secrets: sfuTable(), config })).to.deep.equal([
        "gateway.toml:3: [failover] attempt_timeout_ms: longer than retry_timeout_ms, which cuts it",
      ]);
    });
  });

  describe("in a secrets file", () => {
    for (const mode of ["0644", "0604", "0666", "0602", "0641"]) {
      it(`is warned of the mode ${mode}`, () => {
        expect(files.warnings({ secrets: sfuTable(), secretsMode: parseInt(mode, 8) })).to.deep.equal([
          `secrets.toml: everybody on this machine can get at the keys (mode ${mode}), expected 0600 or 0640: chmod o= secrets.toml`,
        ]);
      });
    }

    for (const mode of ["0600", "0400", "0640", "0440", "0660"]) {
      it(`is fine with the mode ${mode}`, () => {
        expect(files.warnings({ secrets: sfuTable(), secretsMode: parseInt(mode, 8) })).to.deep.equal([]);
      });
    }
  });

  for (const [what, config, count] of [
    ["the external list's token", '[registry]\nurl = "https://r.example.com"\ntoken = "t"\n', 1],
    ["nothing secret", '[registry]\nurl = "https://r.example.com"\n[store]\nurl = "redis://127.0.0.1"\n', 0],
    ["the store's password", '[store]\nurl = "redis://:p@127.0.0.1"\n', 1],
    ["the sentinels' password", '[store]\nurl = "rediss+sentinel://s1/m?sentinel_password=p"\n', 1],
  ] as const) {
    it(`is ${count === 1 ? "" : "not "}warned of readers of the other file with ${what} in it`, () => {
      const configFile = files.write("open.toml", config, 0o644);
      const { warnings } = loadConfiguration({
        env: { SFU_GATEWAY_KEY: GATEWAY_KEY },
        secretsFile: files.write("secrets.toml", sfuTable()),
        configFile,
      });
      expect(warnings.filter(({ problem }) => problem.startsWith("everybody"))).to.have.length(count);
    });
  }

  it("is warned of weak keys, by name", () => {
    const weak = Buffer.alloc(31, 1).toString("base64");
    expect(
      files.warnings({
        secrets: `[[sfu]]\naddress = "http://a"\nkey = "${weak}"\n${sfuTable(2)}`,
        env: { SFU_GATEWAY_KEY: `${GATEWAY_KEY}, sfu1-secret-key` },
      }),
    ).to.deep.equal([
      "SFU_GATEWAY_KEY: key 2: a weak key of 11 bytes, expected 32 or more",
      "secrets.toml:3: [[sfu]] #1 key: a weak key of 31 bytes, expected 32 or more",
    ]);
  });

  it("is warned of what lets strangers in, or gives keys away", () => {
    const warnings = files.warnings({
      secrets: sfuTable(),
      config: '[registry]\nurl = "http://registry.example.com/sfus"\n',
      env: { SFU_GATEWAY_REGISTRATION_KEY: GATEWAY_KEY, SFU_GATEWAY_ADMIN_TOKEN: "admin" },
    });
    expect(warnings).to.have.members([
      "SFU_GATEWAY_REGISTRATION_KEY: the same as SFU_GATEWAY_KEY, so whoever may ask for channels may register SFUs too",
      "SFU_GATEWAY_ADMIN_TOKEN: a weak token, expected 22 characters or more",
      "gateway.toml:2: [registry] url: the list's keys come over the network as plain text, expected https",
    ]);
  });

  for (const url of ["http://127.0.0.1:8000/sfus", "http://localhost/sfus", "https://registry.example.com/sfus"]) {
    it(`is not warned of a list at ${url}`, () => {
      expect(files.warnings({ secrets: sfuTable(), config: `[registry]\nurl = "${url}"\n` })).to.deep.equal([]);
    });
  }

  it("is warned of settings that miss what they are for", () => {
    const config =
      '[registration]\nallow = ["10.0.0.0/8"]\n[registry]\ntoken = "t"\n[rate_limit]\nwindow_ms = 1000\n[store]\nprefix = "a"\n';
    expect(files.warnings({ secrets: sfuTable(), config })).to.have.members([
      "gateway.toml:2: [registration] allow: nobody can register, for SFU_GATEWAY_REGISTRATION_KEY is not set",
      "gateway.toml:4: [registry] token: has no effect without registry.url",
      "gateway.toml:6: [rate_limit] window_ms: has no effect without rate_limit.requests",
      "gateway.toml:8: [store] prefix: has no effect without store.url",
    ]);
  });

  it("takes several gateway keys, in their order", () => {
    const { secrets } = files.load({ secrets: sfuTable(), env: { SFU_GATEWAY_KEY: `${OTHER_KEY} ,\n${GATEWAY_KEY}` } });
    expect(secrets.gatewayKeys.map((key) => key.equals(parseKey(OTHER_KEY)))).to.deep.equal([true, false]);
  });
});
