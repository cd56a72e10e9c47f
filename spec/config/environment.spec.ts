import { expect } from "chai";
import { parseKey } from "../../lib/auth/keys.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../support/tokens.ts";
import { nodes, sfuTable, useFiles } from "./harness.ts";

describe("the environment", () => {
  const files = useFiles();
  const secrets = sfuTable();

  it("sets the port, the address, whether they are shared, the proxies and the log level", () => {
    const { config } = files.load({
      secrets,
      env: {
        SFU_GATEWAY_PORT: " 9000 ",
        SFU_GATEWAY_BIND: "::1",
        SFU_GATEWAY_REUSE_PORT: "True",
        SFU_GATEWAY_TRUST_PROXY: "10.0.0.0/8, 192.168.1.1,fd00::/8",
        LOG_LEVEL: "Debug",
      },
    });
    expect(config.listen).to.deep.equal({ port: 9000, bind: "::1", reusePort: true });
    expect(config.trustedProxies).to.deep.equal(["10.0.0.0/8", "192.168.1.1", "fd00::/8"]);
    expect(config.logLevel).to.equal("debug");
  });

  it("counts an empty variable as absent, as container tools leave them", () => {
    const { config, warnings } = files.load({
      secrets,
      env: {
        SFU_GATEWAY_PORT: "",
        SFU_GATEWAY_BIND: " ",
        SFU_GATEWAY_REUSE_PORT: "",
        SFU_GATEWAY_NODES: "",
        SFU_GATEWAY_TRUST_PROXY: "",
        SFU_GATEWAY_KEY_FILE: "",
        LOG_LEVEL: "",
      },
    });
    expect(config.listen).to.deep.equal({ port: 8071, bind: "0.0.0.0", reusePort: false });
    expect(config.logLevel).to.equal("info");
    expect(warnings).to.deep.equal([]);
  });

  const faulty: readonly (readonly [name: string, values: readonly string[], problem: string])[] = [
    [
      "SFU_GATEWAY_PORT",
      ["x", "-1", "65536", "80.5", "0x50", "8e3", "80 81", "٨٠", "9".repeat(400)],
      "expected a whole number from 0 to 65535",
    ],
    ["SFU_GATEWAY_REUSE_PORT", ["1", "yes", "on"], "expected true or false"],
    ["SFU_GATEWAY_BIND", ["here", "1.2.3", "[::]", "0.0.0.0:80", "*"], "expected an IP address, like 0.0.0.0"],
    [
      "SFU_GATEWAY_TRUST_PROXY",
      [
        "all",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/8/8",
        "10.0.0/8",
        "fe80::1%eth0",
        "fd00::/129",
        "10.0.0.0/-1",
        "10.0.0.1,x",
      ],
      "expected an IP address or a CIDR, like 10.0.0.0/8",
    ],
    ["LOG_LEVEL", ["loud", "30"], "expected trace, debug, info, warn, error, fatal or silent"],
    [
      "SFU_GATEWAY_NODES",
      [
        "[]",
        "null",
        "7",
        '"x"',
        "{}",
        '{"sfu":{}}',
        '{"sfu":null}',
        '{"sfus":[]}',
        '{"sfu":[],"more":1}',
        '{"sfu":[],"__proto__":1}',
      ],
      'expected JSON like {"sfu": [{"address": …, "key": …}]}',
    ],
  ];
  for (const [name, values, problem] of faulty) {
    for (const value of values) {
      it(`refuses ${name} = ${value.slice(0, 30)}`, () => {
        expect(files.faults({ secrets, env: { [name]: value } })).to.deep.equal([`${name}: ${problem}`]);
      });
    }
  }

  it("warns of gateways on one port that know nothing of one another's conferences", () => {
    const problem = "gateways on one port that share no [store] url may give one conference two SFUs";
    const env = { SFU_GATEWAY_REUSE_PORT: "true" };
    expect(files.warnings({ secrets, env })).to.deep.equal([`SFU_GATEWAY_REUSE_PORT: ${problem}`]);
    const config = '[store]\nurl = "redis://127.0.0.1"\n';
    expect(files.warnings({ secrets, env, config })).to.deep.equal([]);
    expect(files.warnings({ secrets, env: { SFU_GATEWAY_REUSE_PORT: "false" } })).to.deep.equal([]);
  });

  it("says that a list of proxies has an empty item", () => {
    expect(files.faults({ secrets, env: { SFU_GATEWAY_TRUST_PROXY: "10.0.0.0/8," } })).to.deep.equal([
      "SFU_GATEWAY_TRUST_PROXY: expected a string that is not empty",
    ]);
  });

  it("must hold the gateway's key", () => {
    for (const SFU_GATEWAY_KEY of [undefined, "", "  \n"]) {
      expect(files.faults({ secrets, env: { SFU_GATEWAY_KEY } })).to.deep.equal([
        "SFU_GATEWAY_KEY: missing, expected the base64 text that Odoo has as its RTC server KEY",
      ]);
    }
  });

  it("is told which of several keys is faulty", () => {
    expect(files.faults({ secrets, env: { SFU_GATEWAY_KEY: `${GATEWAY_KEY},,a b` } })).to.deep.equal([
      "SFU_GATEWAY_KEY: key 2: expected base64 text, got an empty string",
      "SFU_GATEWAY_KEY: key 3: expected base64 text, but character 2 of 3 is in neither base64 alphabet",
    ]);
  });

  describe("SFU_GATEWAY_NODES", () => {
    const fleet = nodes({ address: "http://node:1", key: sfuKey(1), region: "EU" });

    it("is the fleet", () => {
      const { config, secrets: read } = files.load({ env: { SFU_GATEWAY_NODES: fleet } });
      expect(config.sfus).to.deep.equal([
        { address: "http://node:1", region: "eu", publicUrl: null, weight: 1, maxSessions: 1000 },
      ]);
      expect(read.sfuKeys.get("http://node:1")!.equals(parseKey(sfuKey(1)))).to.be.true;
    });

    it("takes the place of the file's SFUs, says so, and leaves the file's tables", () => {
      const given = { secrets: `${secrets}[failover]\nmax_retries = 9\n`, env: { SFU_GATEWAY_NODES: fleet } };
      const { config } = files.load(given);
      expect(config.sfus.map(({ address }) => address)).to.deep.equal(["http://node:1"]);
      expect(config.failover.maxRetries).to.equal(9);
      expect(files.warnings(given)).to.deep.equal(["secrets.toml:1: [[sfu]]: ignored, SFU_GATEWAY_NODES is set"]);
    });

    it("is where the faults of its entries are", () => {
      const SFU_GATEWAY_NODES = nodes(
        { address: "http://a", key: "a b" },
        { adress: "http://b", key: sfuKey(2) },
        null,
      );
      expect(files.faults({ env: { SFU_GATEWAY_NODES } })).to.deep.equal([
        "SFU_GATEWAY_NODES: [[sfu]] #2 address: missing",
        "SFU_GATEWAY_NODES: [[sfu]] #2 adress: no such key, did you mean address?",
        "SFU_GATEWAY_NODES: [[sfu]] #3: expected a table with an address and a key",
        "SFU_GATEWAY_NODES: [[sfu]] #1 key: expected base64 text, but character 2 of 3 is in neither base64 alphabet",
      ]);
    });

    it("tells where its JSON breaks off", () => {
      const [fault, ...more] = files.faults({
        secrets,
        env: { SFU_GATEWAY_NODES: '{"sfu": [{"address": "http://a",}]}' },
      });
      expect(fault).to.match(/^SFU_GATEWAY_NODES: expected JSON like .*: not JSON at position 32$/);
      expect(more).to.deep.equal([]);
    });

    it("may say that the fleet is empty, and is warned about it", () => {
      const { config, warnings } = files.load({ env: { SFU_GATEWAY_NODES: nodes() } });
      expect(config.sfus).to.deep.equal([]);
      expect(warnings.map(({ problem }) => problem)).to.include("no SFU is in it, every call will get a 503");
    });
  });

  describe("with secrets in files", () => {
    it("reads each of them, without the line break at its end", () => {
      const { secrets: read, config } = files.load({
        env: {
          SFU_GATEWAY_KEY: undefined,
          SFU_GATEWAY_KEY_FILE: files.write("key", `${GATEWAY_KEY},${OTHER_KEY}\n`),
          SFU_GATEWAY_NODES_FILE: files.write("nodes", `${nodes({ address: "http://a", key: sfuKey(1) })}\n`),
          SFU_GATEWAY_REGISTRATION_KEY_FILE: files.write("registration", sfuKey(3)),
          SFU_GATEWAY_ADMIN_TOKEN_FILE: files.write("admin", "token"),
        },
      });
      expect(read.gatewayKeys.map((key) => key.equals(parseKey(GATEWAY_KEY)))).to.deep.equal([true, false]);
      expect(config.sfus.map(({ address }) => address)).to.deep.equal(["http://a"]);
    });

    for (const name of ["KEY", "NODES", "REGISTRATION_KEY", "ADMIN_TOKEN"]) {
      const variable = `SFU_GATEWAY_${name}`;

      it(`wants ${variable} in one place`, () => {
        const env = { [variable]: GATEWAY_KEY, [`${variable}_FILE`]: files.write("secret", GATEWAY_KEY) };
        expect(files.faults({ secrets, env })).to.deep.equal([
          `${variable}: expected ${variable} or ${variable}_FILE, got both`,
        ]);
      });

      it(`says that the file of ${variable} is not there, is a folder or is empty`, () => {
        const faultsWith = (path: string): readonly string[] =>
          files.faults({ secrets, env: { [variable]: undefined, [`${variable}_FILE`]: path } });
        expect(faultsWith(files.missing("secret"))).to.deep.equal([
          `${variable}_FILE: cannot read the file: no such file (ENOENT)`,
        ]);
        expect(faultsWith("/")).to.deep.equal([`${variable}_FILE: cannot read the file: this is a directory (EISDIR)`]);
        expect(faultsWith(files.write("secret", " \n"))).to.deep.equal([`${variable}_FILE: the file is empty`]);
      });
    }
  });

  describe("with strange variables", () => {
    it("is not taken in by the links of a Kubernetes service named sfu-gateway", () => {
      const env = {
        SFU_GATEWAY_PORT: "tcp://10.96.0.17:8071",
        SFU_GATEWAY_SERVICE_HOST: "10.96.0.17",
        SFU_GATEWAY_SERVICE_PORT: "8071",
        SFU_GATEWAY_SERVICE_PORT_HTTP: "8071",
        SFU_GATEWAY_PORT_8071_TCP: "tcp://10.96.0.17:8071",
        SFU_GATEWAY_PORT_8071_TCP_PROTO: "tcp",
        SFU_GATEWAY_PORT_8071_TCP_PORT: "8071",
        SFU_GATEWAY_PORT_8071_TCP_ADDR: "10.96.0.17",
      };
      expect(files.load({ secrets, env }).config.listen.port).to.equal(8071);
      expect(files.warnings({ secrets, env })).to.deep.equal([
        "SFU_GATEWAY_PORT: ignored: this is Kubernetes' service link, not a port (enableServiceLinks: false turns it off)",
      ]);
    });

    const misspelt: readonly (readonly [name: string, meant: string])[] = [
      ["SFU_GATEWAY_PROT", ", did you mean SFU_GATEWAY_PORT?"],
      ["SFU_GATEWAY_NODE", ", did you mean SFU_GATEWAY_NODES?"],
      ["SFU_GATEWAY_KEYS", ", did you mean SFU_GATEWAY_KEY?"],
      ["SFU_GATEWAY_TRUSTED_PROXY", ", did you mean SFU_GATEWAY_TRUST_PROXY?"],
      ["SFU_GATEWAY_ADMIN_TOKEN_FLIE", ", did you mean SFU_GATEWAY_ADMIN_TOKEN_FILE?"],
      ["SFU_GATEWAY_SOMETHING_ELSE_ALTOGETHER", ""],
    ];
    for (const [name, meant] of misspelt) {
      it(`warns of ${name}`, () => {
        expect(files.warnings({ secrets, env: { [name]: "x" } })).to.deep.equal([`${name}: no such variable${meant}`]);
      });
    }

    it("knows the agent's variables and minds nobody else's", () => {
      const env = {
        SFU_GATEWAY_URL: "http://a",
        SFU_GATEWAY_PING_INTERVAL: "1",
        SFU_REGION: "eu",
        PATH: "/bin",
        SFU: "1",
      };
      expect(files.warnings({ secrets, env })).to.deep.equal([]);
    });
  });
});
