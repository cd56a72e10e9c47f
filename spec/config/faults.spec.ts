import { expect } from "chai";
import { GATEWAY_KEY, sfuKey } from "../support/tokens.ts";
import { loadConfiguration } from "../../lib/config/load.ts";
import { ConfigError } from "../../lib/config/fault.ts";
import { nodes, sfuTable, useFiles } from "./harness.ts";

describe("a faulty configuration", () => {
  const files = useFiles();

  /** A fault in `gateway.toml`, whose other settings are fine. */
  const singles: readonly (readonly [what: string, config: string, fault: string])[] = [
    [
      "a misspelt key",
      "[failover]\nmax_retrys = 3",
      "2: [failover] max_retrys: no such key, did you mean max_retries?",
    ],
    [
      "a key in camel case",
      "[failover]\nretryTimeoutMs = 3",
      "2: [failover] retryTimeoutMs: no such key, did you mean retry_timeout_ms?",
    ],
    ["a key without its unit", "[affinity]\nttl = 3", "2: [affinity] ttl: no such key, did you mean ttl_ms?"],
    ["a misspelt table", "\n[fail_over]\nmax_retries = 3", "2: [fail_over]: no such table, did you mean failover?"],
    ["a key like nothing known", "[failover]\nxyzzy = 3", "2: [failover] xyzzy: no such key"],
    [
      "a key in the wrong table",
      "[failover]\nreset_timeout_ms = 3",
      "2: [failover] reset_timeout_ms: no such key, it belongs in [breaker]",
    ],
    [
      "a key of an inner table in the outer one",
      "[balancing]\ncpu = 1",
      "2: [balancing] cpu: no such key, it belongs in [balancing.weights]",
    ],
    [
      "a key of an SFU in a table",
      "[failover]\npublic_url = 'http://a'",
      "2: [failover] public_url: no such key, it belongs in [[sfu]]",
    ],
    ["a key outside all tables", "max_retries = 3", "1: [max_retries]: no such table, it belongs in [failover]"],
    [
      "a misspelt key in an inner table",
      "[balancing.weights]\nmemroy = 1",
      "2: [balancing.weights] memroy: no such key, did you mean memory?",
    ],
    [
      "a misspelt key of a region",
      "[regions.a]\nlatitude = 1\nlongtitude = 2\nlongitude = 2",
      "3: [regions.a] longtitude: no such key, did you mean longitude?",
    ],
    [
      "a misspelt key after a dot",
      "failover.max_retrys = 3",
      "1: [failover] max_retrys: no such key, did you mean max_retries?",
    ],
    [
      "a text for a number",
      '[failover]\nmax_retries = "3"',
      "2: [failover] max_retries: expected a whole number from 1 to 100",
    ],
    ["a fraction", "[failover]\nmax_retries = 1.5", "2: [failover] max_retries: expected a whole number from 1 to 100"],
    [
      "a number too small",
      "[health]\ninterval_ms = 99",
      "2: [health] interval_ms: expected a whole number from 100 to 86400000",
    ],
    [
      "a number too large",
      "[breaker]\nerror_threshold_percent = 101",
      "2: [breaker] error_threshold_percent: expected a number from 1 to 100",
    ],
    ["no number at all", "[overload]\nmax_cpu = nan", "2: [overload] max_cpu: expected a number from 0 to 1"],
    ["infinity", "[affinity]\nttl_ms = inf", "2: [affinity] ttl_ms: expected a whole number from 0 to 86400000"],
    ["a date", "[affinity]\nttl_ms = 2026-01-05", "2: [affinity] ttl_ms: expected a whole number from 0 to 86400000"],
    [
      "a strategy that is none",
      '[balancing]\nstrategy = "random"',
      '2: [balancing] strategy: expected "load" or "round-robin"',
    ],
    ["a value for a table", "failover = 3", "1: [failover]: expected a table"],
    ["a list of tables for a table", "[[failover]]\nmax_retries = 3", "1: [failover]: expected a table"],
    ["a value for a region", "[regions]\nhere = 3", "2: [regions] here: expected a table with latitude and longitude"],
    ["half a place", "[regions.here]\nlatitude = 3", "1: [regions.here] longitude: expected a number from -180 to 180"],
    [
      "a place off the globe",
      "[regions.here]\nlatitude = 91\nlongitude = 0",
      "2: [regions.here] latitude: expected a number from -90 to 90",
    ],
    [
      "a text for a list",
      '[registration]\nallow = "10.0.0.0/8"',
      "2: [registration] allow: expected a list of origins and CIDRs",
    ],
    [
      "a URL that is none",
      '[registry]\nurl = "here"',
      "2: [registry] url: expected the URL of the external list: this is not a URL",
    ],
    ["a table named __proto__", "[__proto__]\npolluted = 1", "1: [__proto__]: no such table"],
    ["a table named constructor", "[constructor]\npolluted = 1", "1: [constructor]: no such table"],
    ["a key named __proto__", "[failover]\n__proto__ = 1", "2: [failover] __proto__: no such key"],
    ["a key named constructor", "[failover]\nconstructor = 1", "2: [failover] constructor: no such key"],
    ["a key named toString", "[failover]\ntoString = 1", "2: [failover] toString: no such key"],
    ["a prototype by dots", "failover.__proto__.polluted = 1", "1: [failover] __proto__: no such key"],
    [
      "a prototype in an inline table",
      "failover = { __proto__ = { polluted = 1 } }",
      "1: [failover] __proto__: no such key",
    ],
    ["the wrong syntax", "[failover]\nmax_retries = \n", "2:15: not TOML: invalid value"],
    ["an unfinished string", 'a = "b\n', "1:7: not TOML: control characters are not allowed in strings"],
    [
      "a key twice",
      "[failover]\nmax_retries = 1\nmax_retries = 2",
      "3:1: not TOML: trying to redefine an already defined table or value",
    ],
    [
      "an integer over 2^53",
      "[failover]\nmax_retries = 9007199254740993",
      "2:15: not TOML: integer value cannot be represented losslessly",
    ],
    [
      "depths without end",
      `a = ${"[".repeat(2000)}`,
      "1:1005: not TOML: document contains excessively nested structures. aborting.",
    ],
  ];
  for (const [what, config, fault] of singles) {
    it(`tells of ${what}, and where it stands`, () => {
      expect(files.faults({ secrets: sfuTable(), config })).to.deep.equal([`gateway.toml:${fault}`]);
    });
  }

  it("leaves the prototypes of everything alone", () => {
    files.faults({ secrets: sfuTable(), config: "[__proto__]\npolluted = 1\n[constructor.prototype]\npolluted = 1\n" });
    files.faults({ secrets: sfuTable(1, "__proto__.polluted = 1\n") });
    files.faults({ env: { SFU_GATEWAY_NODES: '{"sfu":[{"__proto__":{"polluted":1}}]}' } });
    files.load({ secrets: sfuTable(), config: "[regions.__proto__]\nlatitude = 1\nlongitude = 1\n" });
    for (const built of [{}, [], Object, () => 0]) expect(built).not.to.have.any.keys("polluted", "latitude");
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
  });

  it("counts lines of CRLF files as editors do", () => {
    const config = "# one\r\n[failover]\r\nmax_retries = 3\r\n\r\nmax_retrys = 3\r\n";
    expect(files.faults({ secrets: sfuTable().replaceAll("\n", "\r\n"), config })).to.deep.equal([
      "gateway.toml:5: [failover] max_retrys: no such key, did you mean max_retries?",
    ]);
  });

  it("is still told with its line behind a byte order mark", () => {
    expect(files.faults({ secrets: `\uFEFF${sfuTable(1, "wieght = 2\n")}` })).to.deep.equal([
      "secrets.toml:4: [[sfu]] #1 wieght: no such key, did you mean weight?",
    ]);
  });

  it("is still told with its line where TOML 1.1 is used", () => {
    const config =
      '[failover]\nmax_retries = 3\n[balancing]\nweights = {\n  cpu = 1, # one\n  xyzzy = "\\e\\x41",\n}\n';
    expect(files.faults({ secrets: sfuTable(), config })).to.deep.equal([
      "gateway.toml:4: [balancing.weights] xyzzy: no such key",
    ]);
  });

  it("is told with its file alone where no line can be found", () => {
    // smol-toml lets this date pass, the parser that knows the lines does not.
    expect(files.faults({ secrets: sfuTable(), config: "[failover]\nmax_retries = 2026-02-30\n" })).to.deep.equal([
      "gateway.toml: [failover] max_retries: expected a whole number from 1 to 100",
    ]);
  });

  it("is told as a whole, not fault by fault", () => {
    expect(
      files.faults({
        config: "[failover]\nmax_retrys = 3\nmax_retries = 0\n[health\n",
        secrets: `${sfuTable(1, "weight = -1\n")}${sfuTable(1)}[[sfu]]\nkey = "a"\n[breaker]\nwindow = 3\n`,
        env: { SFU_GATEWAY_KEY: "=", SFU_GATEWAY_PORT: "x", LOG_LEVEL: "loud", SFU_GATEWAY_TRUST_PROXY: "here" },
      }),
    ).to.deep.equal([
      "SFU_GATEWAY_PORT: expected a whole number from 0 to 65535",
      "SFU_GATEWAY_TRUST_PROXY: expected an IP address or a CIDR, like 10.0.0.0/8",
      "LOG_LEVEL: expected trace, debug, info, warn, error, fatal or silent",
      "gateway.toml:4:8: not TOML: illegal character in key",
      "secrets.toml:4: [[sfu]] #1 weight: expected a number from 0.01 to 100",
      "secrets.toml:8: [[sfu]] #3 address: missing",
      "secrets.toml:11: [breaker] window: no such key, did you mean window_ms?",
      "SFU_GATEWAY_KEY: expected base64 text of at least one byte, got nothing but padding",
      "secrets.toml:9: [[sfu]] #3 key: expected base64 text, but no bytes encode to 1 characters: is one missing or too many?",
      "secrets.toml:6: [[sfu]] #2 address: the same SFU as #1, expected each once",
    ]);
  });

  describe("about SFUs", () => {
    it("says that there is none", () => {
      for (const secrets of ["# none\n", "sfu = []\n"]) {
        expect(files.faults({ secrets })).to.deep.equal([
          "configuration: [[sfu]]: no SFU is configured, expected at least one in the file of --secrets or in SFU_GATEWAY_NODES, or [registry] url or SFU_GATEWAY_REGISTRATION_KEY",
        ]);
      }
    });

    it("takes a secrets file without a word for a mishap", () => {
      for (const secrets of ["", " \n\n"]) {
        expect(files.faults({ secrets, env: { SFU_GATEWAY_REGISTRATION_KEY: sfuKey(8) } })).to.deep.equal([
          "secrets.toml: the file is empty, expected [[sfu]] tables, or a comment where there are none",
        ]);
      }
    });

    const entries: readonly (readonly [what: string, entry: string, faults: readonly string[]])[] = [
      ["a missing address", 'key = "c2VjcmV0"', ["1: [[sfu]] #1 address: missing"]],
      ["a missing key", 'address = "http://a"', ["1: [[sfu]] #1 key: missing"]],
      ["an empty key", 'address = "http://a"\nkey = ""', ["3: [[sfu]] #1 key: expected a string that is not empty"]],
      ["a number for a key", 'address = "http://a"\nkey = 7', ["3: [[sfu]] #1 key: expected a string"]],
      ["an empty entry", "", ["1: [[sfu]] #1 address: missing", "1: [[sfu]] #1 key: missing"]],
      [
        "a key that is not base64",
        'address = "http://a"\nkey = "not base64"',
        ["3: [[sfu]] #1 key: expected base64 text, but character 4 of 10 is in neither base64 alphabet"],
      ],
      [
        "an address without a scheme",
        'address = "10.0.0.5:8070"\nkey = "c2VjcmV0"',
        ["2: [[sfu]] #1 address: expected the SFU's URL, like http://10.0.0.5:8070: this is not a URL"],
      ],
      [
        "a WebSocket address",
        'address = "ws://10.0.0.5"\nkey = "c2VjcmV0"',
        ["2: [[sfu]] #1 address: expected the SFU's URL, like http://10.0.0.5:8070: the scheme must be http or https"],
      ],
      [
        "a user in the address",
        'address = "http://me@10.0.0.5"\nkey = "c2VjcmV0"',
        [
          "2: [[sfu]] #1 address: expected the SFU's URL, like http://10.0.0.5:8070: no user or password may stand in it",
        ],
      ],
      [
        "a query in the address",
        'address = "http://a?b"\nkey = "c2VjcmV0"',
        [
          "2: [[sfu]] #1 address: expected the SFU's URL, like http://10.0.0.5:8070: no query and no fragment may stand in it",
        ],
      ],
      [
        "a region with a control character",
        'address = "http://a"\nkey = "c2VjcmV0"\nregion = "eu\\u001b[31m"',
        ["4: [[sfu]] #1 region: expected a name without control characters"],
      ],
      [
        "a public URL that is none",
        'address = "http://a"\nkey = "c2VjcmV0"\npublic_url = "sfu1"',
        [
          "4: [[sfu]] #1 public_url: expected the URL that browsers reach this SFU at, like https://sfu1.example.com: this is not a URL",
        ],
      ],
      [
        "no sessions",
        'address = "http://a"\nkey = "c2VjcmV0"\nmax_sessions = 0',
        ["4: [[sfu]] #1 max_sessions: expected a whole number from 1 to 1000000"],
      ],
    ];
    for (const [what, entry, faults] of entries) {
      it(`tells of ${what}`, () => {
        const expected = faults.map((fault) => `secrets.toml:${fault}`);
        expect(files.faults({ secrets: `[[sfu]]\n${entry}\n` })).to.deep.equal(expected);
      });
    }

    it("tells of one table where a list is meant", () => {
      expect(files.faults({ secrets: '[sfu]\naddress = "http://a"\n' })).to.deep.equal([
        "secrets.toml:1: [[sfu]]: expected [[sfu]] tables",
      ]);
    });

    it("tells of entries that are no tables", () => {
      expect(files.faults({ secrets: "sfu = [1, 'x', []]\n" })).to.deep.equal(
        [1, 2, 3].map((number) => `secrets.toml:1: [[sfu]] #${number}: expected a table with an address and a key`),
      );
    });

    const twins: readonly (readonly [one: string, other: string])[] = [
      ["http://sfu.example.com", "http://sfu.example.com"],
      ["http://sfu.example.com", "http://SFU.example.com:80/"],
      ["https://sfu.example.com/a", "https://sfu.example.com:443/b/../a//"],
      ["http://10.0.0.5", "http://0x0a.0.0.5/"],
      ["http://[::1]:1", "http://[0:0:0:0:0:0:0:1]:1/"],
    ];
    for (const [one, other] of twins) {
      it(`knows ${other} for ${one}`, () => {
        const secrets = [one, other].map((url) => `[[sfu]]\naddress = "${url}"\nkey = "${sfuKey(1)}"\n`).join("");
        expect(files.faults({ secrets })).to.deep.equal([
          "secrets.toml:5: [[sfu]] #2 address: the same SFU as #1, expected each once",
        ]);
      });
    }

    it("tells SFUs apart by scheme, port and path", () => {
      const urls = ["http://a", "https://a", "http://a:81", "http://a/b", "http://a/B"];
      const { config } = files.load({
        env: { SFU_GATEWAY_NODES: nodes(...urls.map((address) => ({ address, key: sfuKey(1) }))) },
      });
      expect(config.sfus.map(({ address }) => address)).to.deep.equal(urls);
    });
  });

  describe("about files", () => {
    const faultsOf = (secretsFile: string): string => {
      try {
        loadConfiguration({ env: { SFU_GATEWAY_KEY: GATEWAY_KEY }, secretsFile, configFile: null });
      } catch (error) {
        expect(error).to.be.instanceOf(ConfigError);
        return (error as ConfigError).message;
      }
      expect.fail("it was accepted");
    };

    it("says that a file is not there, and nothing about SFUs besides", () => {
      const path = files.missing("secrets.toml");
      expect(faultsOf(path)).to.equal(
        `1 fault in the configuration:\n  ${path}: cannot be read: no such file (ENOENT)`,
      );
    });

    it("says that a file is a folder", () => {
      expect(faultsOf("/")).to.match(/cannot be read: this is a directory \(EISDIR\)$/);
    });

    it("where it is larger than any configuration, or has no end", () => {
      const expected = /cannot be read: larger than 8 MB \(EFBIG\)$/;
      expect(faultsOf(files.write("large", "#".repeat(8 * 2 ** 20 + 1)))).to.match(expected);
      expect(faultsOf("/dev/zero")).to.match(expected);
    });

    it("says that a path leads through a file", () => {
      expect(faultsOf(`${files.write("file", "")}/secrets.toml`)).to.match(/cannot be read: ENOTDIR$/);
    });

    it("says that a path is too long for the system", () => {
      expect(faultsOf(files.missing("x".repeat(5000)))).to.match(/cannot be read: ENAMETOOLONG$/);
    });
  });
});
