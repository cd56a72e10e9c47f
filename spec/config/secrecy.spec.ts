import { expect } from "chai";
import { inspect } from "node:util";
import { ConfigError } from "../../lib/config/fault.ts";
import { GATEWAY_KEY, sfuKey } from "../support/tokens.ts";
import { type Given, nodes, sfuTable, useFiles } from "./harness.ts";

/** Recognisable however it is cut: every part of it is in no other text here. */
const secret = "Zk7qXw9Zk7qXw9Zk7qXw9Zk7qXw9Zk7qXw9Zk7qXw9A=";
const trace = /Zk7|7qX|qXw|Xw9/;

const address = 'address = "http://a"';

describe("no fault and no warning shows a key", () => {
  const files = useFiles();

  const secretsFiles: Readonly<Record<string, string>> = {
    "without its quotes": `[[sfu]]\n${address}\nkey = ${secret}\n`,
    "without the quote at its end": `[[sfu]]\n${address}\nkey = "${secret}\n`,
    "without the quote at its start": `[[sfu]]\n${address}\nkey = ${secret}"\n`,
    "without an equals sign": `[[sfu]]\n${address}\nkey "${secret}"\n`,
    "with a colon": `[[sfu]]\n${address}\nkey: "${secret}"\n`,
    "with a bad escape": `[[sfu]]\n${address}\nkey = "\\q${secret}"\n`,
    "with text behind it": `[[sfu]]\n${address}\nkey = "${secret}" x\n`,
    "with a comma behind it": `[[sfu]]\n${address}\nkey = "${secret}",\n`,
    twice: `[[sfu]]\n${address}\nkey = "${secret}"\nkey = "${secret}"\n`,
    "over two lines": `[[sfu]]\n${address}\nkey = "${secret}\n${secret}"\n`,
    "as an unquoted date": `[[sfu]]\n${address}\nkey = 2026-01-${secret}\n`,
    "as a number": `[[sfu]]\n${address}\nkey = 0x${secret}\n`,
    "in a list": `[[sfu]]\n${address}\nkey = ["${secret}"]\n`,
    "in a table": `[[sfu]]\n${address}\nkey = { base64 = "${secret}" }\n`,
    "as the name of a key": `[[sfu]]\n${address}\n"${secret}" = "key"\n`,
    "as the bare name of a key": `[[sfu]]\n${address}\n${secret.slice(0, -1)} = "key"\n`,
    "as the name of a table": `["${secret}"]\nkey = 1\n`,
    "as the name of a region": `${sfuTable()}[regions."${secret}"]\nlatitude = 100\n`,
    "as a part of a name": `[[sfu]]\n${address}\nkey."${secret}" = 1\n`,
    "with a space in it": `[[sfu]]\n${address}\nkey = "${secret} ${secret}"\n`,
    "with another key behind it": `[[sfu]]\n${address}\nkey = "${secret}${secret}"\n`,
    "of a bad length": `[[sfu]]\n${address}\nkey = "${secret.slice(0, -3)}"\n`,
    "under a misspelt name": `[[sfu]]\n${address}\nkye = "${secret}"\n`,
    "in the wrong table": `${sfuTable()}[failover]\nkey = "${secret}"\n`,
    "outside all tables": `key = "${secret}"\n${sfuTable()}`,
    "in place of the address": `[[sfu]]\naddress = "${secret}"\nkey = "http://a"\n`,
    "as the address' password": `[[sfu]]\naddress = "http://user:${secret}@a"\nkey = "c2VjcmV0"\n`,
    "as the address' user": `[[sfu]]\naddress = "http://${secret}@a"\nkey = "c2VjcmV0"\n`,
    "in the address' query": `[[sfu]]\naddress = "http://a?key=${secret}"\nkey = "c2VjcmV0"\n`,
    "as the public URL": sfuTable(1, `public_url = "${secret}"\n`),
    "as a weight": sfuTable(1, `weight = "${secret}"\n`),
    "as a strategy": `${sfuTable()}[balancing]\nstrategy = "${secret}"\n`,
    "as the registry's password": `${sfuTable()}[registry]\nurl = "https://user:${secret}@a"\n`,
    "as a store's password": `${sfuTable()}[store]\nurl = "redis://:${secret}@a"\n`,
    "as a store's password, with an odd port": `${sfuTable()}[store]\nurl = "redis://:${secret}@a:x"\n`,
    "as a store's password that was not encoded": `${sfuTable()}[store]\nurl = "redis://:${secret}/1@a"\n`,
    "as a store's password, with no host": `${sfuTable()}[store]\nurl = "redis://:${secret}"\n`,
    "as a store's password over the network": `${sfuTable()}[store]\nurl = "redis://u:${encodeURIComponent(secret)}@a"\n`,
    "as a store's user": `${sfuTable()}[store]\nurl = "redis://${secret}@a"\n`,
    "as a store": `${sfuTable()}[store]\nurl = "${secret}"\n`,
    "as a store's prefix": `${sfuTable()}[store]\nurl = "redis://a"\nprefix = "${secret}"\n`,
    "as the sentinels' password": `${sfuTable()}[store]\nurl = "redis+sentinel://a/m/n?sentinel_password=${secret}"\n`,
    "as a list of who may register": `${sfuTable()}[registration]\nallow = "${secret}"\n`,
    "that is weak": `[[sfu]]\n${address}\nkey = "${secret.slice(0, 12)}"\n`,
    "of an SFU that is there twice": `[[sfu]]\n${address}\nkey = "${secret}"\n`.repeat(2),
    "in a file that is no TOML at all": secret,
    "in a file of JSON": nodes({ address: "http://a", key: secret }),
    "in a file of the environment": `SFU_GATEWAY_KEY=${secret}\n`,
    "in a comment with a control character": `# ${secret}\u0001\n${sfuTable()}`,
    "in a comment behind a date that only one parser takes": `${sfuTable()}x = 2026-02-30 # ${secret}\n`,
  };
  for (const [where, secrets] of Object.entries(secretsFiles)) {
    it(`that stands in the secrets file ${where}`, () => {
      expectNoTrace({ secrets });
    });
  }

  const environments: Readonly<Record<string, Readonly<Record<string, string | undefined>>>> = {
    "SFU_GATEWAY_KEY with a space": { SFU_GATEWAY_KEY: `${secret} ${secret}` },
    "SFU_GATEWAY_KEY with quotes": { SFU_GATEWAY_KEY: `"${secret}"` },
    "SFU_GATEWAY_KEY twice without a comma": { SFU_GATEWAY_KEY: secret + secret },
    "SFU_GATEWAY_KEY of a bad length": { SFU_GATEWAY_KEY: secret.slice(0, -3) },
    "SFU_GATEWAY_KEY that is weak": { SFU_GATEWAY_KEY: secret.slice(0, 8) },
    "SFU_GATEWAY_KEY and its file": { SFU_GATEWAY_KEY: secret, SFU_GATEWAY_KEY_FILE: "/dev/null" },
    "SFU_GATEWAY_KEY_FILE in place of a path": { SFU_GATEWAY_KEY: undefined, SFU_GATEWAY_KEY_FILE: secret },
    "SFU_GATEWAY_NODES_FILE in place of a path": { SFU_GATEWAY_NODES_FILE: nodes({ key: secret }) },
    "SFU_GATEWAY_NODES that is a bare key": { SFU_GATEWAY_NODES: secret },
    "SFU_GATEWAY_NODES that is a JSON text": { SFU_GATEWAY_NODES: JSON.stringify(secret) },
    "SFU_GATEWAY_NODES that breaks off": { SFU_GATEWAY_NODES: `{"sfu":[{"key":"${secret}"` },
    "SFU_GATEWAY_NODES with a comma too many": { SFU_GATEWAY_NODES: `{"sfu":[{"key":"${secret}",}]}` },
    "SFU_GATEWAY_NODES in single quotes": { SFU_GATEWAY_NODES: `{'sfu':[{'key':'${secret}'}]}` },
    "SFU_GATEWAY_NODES that is a list": { SFU_GATEWAY_NODES: `[{"key":"${secret}"}]` },
    "SFU_GATEWAY_NODES by key": { SFU_GATEWAY_NODES: `{"${secret}":"http://a"}` },
    "SFU_GATEWAY_NODES with entries by key": { SFU_GATEWAY_NODES: nodes({ [secret]: "http://a" }) },
    "SFU_GATEWAY_NODES with texts for entries": { SFU_GATEWAY_NODES: nodes(secret, [secret], { key: [secret] }) },
    "SFU_GATEWAY_NODES with a key that is no base64": {
      SFU_GATEWAY_NODES: nodes({ address: "http://a", key: `${secret}!` }),
    },
    "SFU_GATEWAY_NODES in place of the address": { SFU_GATEWAY_NODES: nodes({ address: secret, key: secret }) },
    "SFU_GATEWAY_NODES in a name": {
      SFU_GATEWAY_NODES: nodes({ address: "http://a", key: secret, [`${secret}x`]: 1 }),
    },
    SFU_GATEWAY_PORT: { SFU_GATEWAY_PORT: secret },
    SFU_GATEWAY_BIND: { SFU_GATEWAY_BIND: secret },
    SFU_GATEWAY_TRUST_PROXY: { SFU_GATEWAY_TRUST_PROXY: secret },
    LOG_LEVEL: { LOG_LEVEL: secret },
    "a variable that does not exist": { SFU_GATEWAY_SECRET: secret },
  };
  for (const [where, env] of Object.entries(environments)) {
    it(`that is given as ${where}`, () => {
      expectNoTrace({ secrets: sfuTable(), env });
      expectNoTrace({ env: { SFU_GATEWAY_NODES: nodes({ address: "http://b", key: sfuKey(1) }), ...env } });
    });
  }

  it("that is right, while everything else is wrong", () => {
    expectNoTrace({
      secrets: `[[sfu]]\n${address}\nkey = "${secret}"\nwieght = 1\n[failover]\nmax_retries = 0\n`,
      config: `[[sfu]]\naddress = "b"\nkey = "${secret}"\n`,
      env: { SFU_GATEWAY_KEY: `${secret},${GATEWAY_KEY}`, SFU_GATEWAY_REGISTRATION_KEY: secret, SFU_GATEWAY_PORT: "x" },
    });
  });

  /** Whatever the outcome, and whatever hangs on an error: nothing of the secret, and no error but the one for faults. */
  function expectNoTrace(given: Given): void {
    let shown: string;
    try {
      shown = JSON.stringify(files.load(given).warnings);
    } catch (error) {
      expect(error).to.be.instanceOf(ConfigError);
      shown = inspect(error, { depth: Infinity, showHidden: true });
      expect(shown).to.match(/fault.* in the configuration/);
    }
    expect(shown).not.to.match(trace);
  }
});
