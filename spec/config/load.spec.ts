import { expect } from "chai";
import { parseKey } from "../../lib/auth/keys.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../support/tokens.ts";
import { nodes, sfuTable, useFiles } from "./harness.ts";

describe("a configuration", () => {
  const files = useFiles();

  it("needs no more than a key and an SFU: all else has a default", () => {
    const { config, warnings } = files.load({ secrets: sfuTable() });
    expect(config).to.deep.equal({
      listen: { port: 8071, bind: "0.0.0.0" },
      trustedProxies: [],
      logLevel: "info",
      sfus: [{ address: "http://10.0.0.1:8070", region: null, publicUrl: null, weight: 1 }],
      balancing: { strategy: "round-robin" },
      failover: { maxRetries: 3, retryTimeoutMs: 2500, attemptTimeoutMs: 1000 },
      breaker: { errorThresholdPercent: 50, minimumRequests: 5, windowMs: 10_000, resetTimeoutMs: 10_000 },
      health: { intervalMs: 2000, timeoutMs: 1000 },
      affinity: { ttlMs: 60_000 },
      regions: {},
    });
    expect(warnings).to.deep.equal([]);
  });

  it("takes every setting of both files", () => {
    const { config } = files.load({
      secrets: sfuTable(
        1,
        'region = "EU-West-1"\npublic_url = "https://sfu1.example.com/"\nmax_sessions = 200\nweight = 0.5\nstats_token = "t"\n',
      ),
      config: `
        [balancing]
        strategy = "round-robin"
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
        },
      ],
      failover: { maxRetries: 5, retryTimeoutMs: 2000, attemptTimeoutMs: 700 },
      breaker: { errorThresholdPercent: 25.5, minimumRequests: 7, windowMs: 20_000, resetTimeoutMs: 3000 },
      health: { intervalMs: 500, timeoutMs: 400 },
      affinity: { ttlMs: 0 },
      regions: { office: { latitude: 50.85, longitude: 4.35 } },
    });
  });

  it("takes every setting that the interface has settled", () => {
    const config = `
      [balancing]
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
      [health]
      stats_interval_ms = 5000
      unhealthy_after = 3
      healthy_after = 2
      [registration]
      ttl_ms = 20000
      allow = ["https://*.sfu.example.com", "10.0.0.0/8"]
      [registry]
      url = "https://registry.example.com/sfus"
      interval_ms = 5000
      token = "t"
      [store]
      url = "redis://127.0.0.1:6379"
      [rate_limit]
      requests = 100
      window_ms = 1000
      auth_failures = 5
      auth_window_ms = 30000
    `;
    expect(files.load({ secrets: sfuTable(), config }).config.sfus).to.have.length(1);
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

  it("takes several gateway keys, in their order", () => {
    const { secrets } = files.load({ secrets: sfuTable(), env: { SFU_GATEWAY_KEY: `${OTHER_KEY} ,\n${GATEWAY_KEY}` } });
    expect(secrets.gatewayKeys.map((key) => key.equals(parseKey(OTHER_KEY)))).to.deep.equal([true, false]);
  });
});
