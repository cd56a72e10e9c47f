import { expect } from "chai";
import { inspect } from "node:util";
import { type LoadedAgent, loadAgentConfiguration } from "../../../lib/config/agent.ts";
import type { Environment } from "../../../lib/config/env.ts";
import { ConfigError, formatFault } from "../../../lib/config/fault.ts";
import { useFiles } from "../../config/harness.ts";
import { sfuKey } from "../../support/tokens.ts";
import { REGISTRATION_KEY } from "./harness.ts";

const complete = {
  SFU_GATEWAY_URL: "https://sfu-gateway.example.com",
  SFU_ADDRESS: "https://sfu1.example.com",
  SFU_REGION: "eu-west-3",
  SFU_GATEWAY_REGISTRATION_KEY: REGISTRATION_KEY,
  AUTH_KEY: sfuKey(1),
};

function load(env: Environment = {}): LoadedAgent {
  return loadAgentConfiguration({ ...complete, ...env });
}

function faults(env: Environment): readonly string[] {
  try {
    load(env);
  } catch (error) {
    expect(error).to.be.instanceOf(ConfigError);
    return (error as ConfigError).faults.map(formatFault);
  }
  expect.fail("the environment was accepted");
}

const warnings = (env: Environment): readonly string[] => load(env).warnings.map(formatFault);

describe("the agent's environment", () => {
  const files = useFiles();

  it("needs five variables, and the rest has defaults", () => {
    const { config, warnings: said } = load();
    expect(config).to.deep.equal({
      gatewayUrl: "https://sfu-gateway.example.com",
      intervalMs: 10_000,
      address: "https://sfu1.example.com",
      region: "eu-west-3",
      statsUrl: "https://sfu1.example.com",
      maxSessions: null,
      logLevel: "info",
    });
    expect(said).to.deep.equal([]);
    expect(config).to.be.frozen;
  });

  it("sets everything, in one spelling", () => {
    const { config, secrets } = load({
      SFU_GATEWAY_URL: " HTTP://Gateway.example.com:80/behind/a/Proxy/ ",
      SFU_GATEWAY_PING_INTERVAL: "100",
      SFU_ADDRESS: "https://SFU1.example.com:443/",
      SFU_REGION: "EU-West-3",
      SFU_STATS_URL: "http://127.0.0.1:8070/",
      SFU_STATS_TOKEN: "diagnostics",
      SFU_MAX_SESSIONS: "800",
      LOG_LEVEL: "Debug",
    });
    expect(config).to.deep.equal({
      gatewayUrl: "http://gateway.example.com/behind/a/Proxy",
      intervalMs: 100,
      address: "https://sfu1.example.com",
      region: "eu-west-3",
      statsUrl: "http://127.0.0.1:8070",
      maxSessions: 800,
      logLevel: "debug",
    });
    expect(secrets.authKey.reveal()).to.equal(sfuKey(1));
    expect(secrets.statsToken?.reveal()).to.equal("diagnostics");
  });

  it("may have the whole URL of the statistics as SFU_STATS_URL", () => {
    expect(load({ SFU_STATS_URL: "http://127.0.0.1:8070/v1/stats" }).config.statsUrl).to.equal("http://127.0.0.1:8070");
    expect(load({ SFU_STATS_URL: "http://127.0.0.1/a/v1/stats/" }).config.statsUrl).to.equal("http://127.0.0.1/a");
  });

  it("has all its faults reported together", () => {
    const nothing = Object.fromEntries(Object.keys(complete).map((name) => [name, ""]));
    expect(
      faults({ ...nothing, SFU_GATEWAY_PING_INTERVAL: "10s", SFU_MAX_SESSIONS: "0", LOG_LEVEL: "loud" }),
    ).to.deep.equal([
      "SFU_GATEWAY_URL: missing, expected the gateway's URL, like https://sfu-gateway.example.com",
      "SFU_ADDRESS: missing, expected what the gateway shall know the SFU by, like https://sfu1.example.com",
      "SFU_REGION: missing, expected where the SFU is, like eu-west-3",
      "SFU_GATEWAY_REGISTRATION_KEY: missing, expected the base64 text that the gateway has as its SFU_GATEWAY_REGISTRATION_KEY",
      "AUTH_KEY: missing, expected the SFU's own AUTH_KEY, base64 text",
      "SFU_GATEWAY_PING_INTERVAL: expected a whole number from 100 to 3600000",
      "SFU_MAX_SESSIONS: expected a whole number from 1 to 1000000",
      "LOG_LEVEL: expected trace, debug, info, warn, error, fatal or silent",
    ]);
  });

  const rule = "http or https, without a user, a query or a fragment";
  const faulty: readonly (readonly [name: string, values: readonly string[], problem: RegExp | string])[] = [
    [
      "SFU_GATEWAY_URL",
      ["gateway", "ftp://a", "https://user:pass@a", "https://user@a", "https://a?b", "https://a#b", "//a", "https://"],
      `expected the gateway's URL, like https://sfu-gateway.example.com: ${rule}`,
    ],
    [
      "SFU_ADDRESS",
      ["sfu1", "wss://a", "https://u@a", "https://a/path", "https://a?b", "http://a:0", "http://a b"],
      /^SFU_ADDRESS: expected an origin, like https:\/\/sfu1\.example\.com or http:\/\/10\.0\.0\.5:8070: /,
    ],
    [
      "SFU_STATS_URL",
      ["127.0.0.1:8070", "localhost", "unix:/run/sfu.sock", "http://a?b=c"],
      `expected where the SFU answers on this host, like http://127.0.0.1:8070: ${rule}`,
    ],
    [
      "SFU_GATEWAY_PING_INTERVAL",
      ["99", "3600001", "-1", "1e4", "10.5", "0x400", "ten", "9".repeat(400)],
      "expected a whole number from 100 to 3600000",
    ],
    ["SFU_MAX_SESSIONS", ["0", "1000001", "1.5", "many"], "expected a whole number from 1 to 1000000"],
    [
      "SFU_REGION",
      ["x".repeat(65), "eu\u0007west", "eu\u2028west"],
      "expected a region's name of 1 to 64 characters, without control characters",
    ],
    ["AUTH_KEY", ["a b", "a=b", "abcde"], /^AUTH_KEY: expected base64 text, /],
    ["SFU_GATEWAY_REGISTRATION_KEY", ["a b", "===="], /^SFU_GATEWAY_REGISTRATION_KEY: expected base64 text/],
    [
      "SFU_STATS_TOKEN",
      ["two words", "a\nb", "schlüssel"],
      "expected a token of printable ASCII characters, without a space",
    ],
  ];
  for (const [name, values, problem] of faulty) {
    for (const value of values) {
      it(`refuses ${name} = ${inspect(value).slice(0, 30)}, and shows nothing of it`, () => {
        const [fault, ...more] = faults({ [name]: value });
        if (typeof problem === "string") expect(fault).to.equal(`${name}: ${problem}`);
        else expect(fault).to.match(problem);
        expect(more).to.deep.equal([]);
      });
    }
  }

  for (const name of ["AUTH_KEY", "SFU_GATEWAY_REGISTRATION_KEY", "SFU_STATS_TOKEN"]) {
    it(`can have ${name} in a file, and in one place only`, () => {
      const path = files.write("secret", `${sfuKey(2)}\n`);
      const { secrets } = load({ [name]: undefined, [`${name}_FILE`]: path });
      const read = [secrets.authKey, secrets.statsToken].map((secret) => secret?.reveal());
      if (name !== "SFU_GATEWAY_REGISTRATION_KEY") expect(read).to.include(sfuKey(2));
      expect(faults({ [name]: sfuKey(2), [`${name}_FILE`]: path })).to.deep.equal([
        `${name}: expected ${name} or ${name}_FILE, got both`,
      ]);
    });

    it(`says that the file of ${name} cannot be read, and not that it is missing as well`, () => {
      expect(faults({ [name]: undefined, [`${name}_FILE`]: files.missing("secret") })).to.deep.equal([
        `${name}_FILE: cannot read the file: no such file (ENOENT)`,
      ]);
    });
  }

  it("is warned of weak keys", () => {
    expect(warnings({ AUTH_KEY: "c2VjcmV0", SFU_GATEWAY_REGISTRATION_KEY: "c2VjcmV0" })).to.deep.equal([
      "SFU_GATEWAY_REGISTRATION_KEY: a weak key of 6 bytes, expected 32 or more",
      "AUTH_KEY: a weak key of 6 bytes, expected 32 or more",
    ]);
  });

  it("is warned of a region that only the gateway may know", () => {
    const problem = "not a built-in region, so the gateway needs a [regions] entry to know where it is";
    expect(warnings({ SFU_REGION: "the moon, far side" })).to.deep.equal([`SFU_REGION: ${problem}`]);
    expect(warnings({ SFU_REGION: "eu-wset-3" })[0]).to.match(/, did you mean eu-west-3\?$/);
  });

  const misspelt: readonly (readonly [name: string, meant: string])[] = [
    ["SFU_GATEWAY_PING_INTERVALL", "SFU_GATEWAY_PING_INTERVAL"],
    ["SFU_GATEWAY_REGISTRATON_KEY", "SFU_GATEWAY_REGISTRATION_KEY"],
    ["SFU_STAT_URL", "SFU_STATS_URL"],
    ["SFU_MAX_SESSION", "SFU_MAX_SESSIONS"],
    ["SFU_STATS_TOKEN_FLIE", "SFU_STATS_TOKEN_FILE"],
    ["AUTH_KEY_FIEL", "AUTH_KEY_FILE"],
  ];
  for (const [name, meant] of misspelt) {
    it(`is warned of ${name}`, () => {
      expect(warnings({ [name]: "x" })).to.deep.equal([`${name}: no such variable, did you mean ${meant}?`]);
    });
  }

  it("minds nobody else's variables, the SFU's own among them", () => {
    const env = {
      PORT: "8070",
      PUBLIC_IP: "10.0.0.5",
      PROXY: "1",
      SFU_PORT: "tcp://10.96.0.9:8070",
      SFU_SERVICE_HOST: "10.96.0.9",
      SFU_PORT_8070_TCP_ADDR: "10.96.0.9",
      SFU_GATEWAY_KEY: "c2VjcmV0",
      SFU_GATEWAY_PORT: "tcp://10.96.0.17:8071",
      SFU_GATEWAY_SERVICE_HOST: "10.96.0.17",
    };
    expect(warnings(env)).to.deep.equal([]);
  });
});
