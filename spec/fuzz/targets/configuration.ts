import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../../../lib/config/fault.ts";
import { loadConfiguration } from "../../../lib/config/load.ts";
import { settingsSchema, sfuSchema } from "../../../lib/config/schema.ts";
import { GATEWAY_KEY } from "../../support/tokens.ts";
import { CANARY, must, outcomeOf, type Target } from "../target.ts";

/** An example file without its comments, but with the settings that are in them. */
const example = (path: string): string =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")
    .replaceAll(/^# (?=\[|\w+ = )/gm, "")
    .replaceAll(/^#.*\n/gm, "");

/** With keys that nobody may read in an error. */
const secrets = example("secrets.example.toml")
  .replaceAll(/^(key|token|stats_token) = .*$/gm, `$1 = "${CANARY}"`)
  .replace(":…@", `:${encodeURIComponent(CANARY)}@`);
const settings = example("config/gateway.example.toml");

/** One for all inputs: to make and remove one takes longer than to read what is in it. */
let folder: string | null = null;

/** Either TOML file. */
export const configuration: Target = {
  name: "configuration",
  seeds: [
    secrets,
    settings,
    `${secrets}\n${settings.replaceAll(/\[(registry|store)\][^[]*/g, "")}`,
    "",
    "# nothing\n",
  ].map((text) => Buffer.from(text)),
  words: [
    ...Object.keys(settingsSchema.shape).flatMap((name) => [name, `[${name}]`, `[[${name}]]`, `[${name}.a]`]),
    ...Object.keys(sfuSchema.shape),
    ...[
      "max_retries",
      "weights",
      "cpu",
      "allow",
      "latitude",
      "ttl_ms",
      "__proto__",
      "constructor",
      " = ",
      '"',
      "'",
      "\n",
    ],
    ...[
      '"""',
      "'''",
      "\\u0000",
      "\\U00110000",
      "1979-05-27T07:32:00Z",
      "inf",
      "nan",
      "0x1f",
      "1_000",
      "-0",
      "{a=1}",
      "[1,",
    ],
    ...[
      "https://user:pass@host",
      "redis://:pass@host,b/1",
      "redis+sentinel://a/m?sentinel_password=",
      "10.0.0.0/33",
      "*",
      "http://[::1]:8070/",
      "\ufeff",
      CANARY,
    ],
  ],
  reaches: ["accepted", "refused"],
  run(input) {
    folder ??= mkdtempSync(join(tmpdir(), "sfu-gateway-fuzz-"));
    const secretsFile = join(folder, "secrets.toml");
    writeFileSync(secretsFile, input, { mode: 0o600 });
    return outcomeOf(() => load(secretsFile));
  },
  close() {
    if (folder !== null) rmSync(folder, { recursive: true });
    folder = null;
  },
};

function load(secretsFile: string): string {
  try {
    const { secrets: loaded, warnings } = loadConfiguration({
      env: { SFU_GATEWAY_KEY: GATEWAY_KEY },
      secretsFile,
      configFile: null,
    });
    const { sfuKeys, statsTokens, registryToken, storePassword } = loaded;
    const shown = JSON.stringify([
      warnings,
      ...sfuKeys.values(),
      ...statsTokens.values(),
      registryToken,
      storePassword,
    ]);
    must(!shown.includes(CANARY), "shows a secret");
    return warnings.map(({ problem }) => problem).join();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    must(error.faults.length > 0, "refuses without a reason");
    for (const { where, problem } of error.faults) {
      const isNowhere = /^(no SFU is configured|the file is empty)/.test(problem);
      must(isNowhere || /\.toml(:\d+){1,2}$/.test(where), `has a fault and does not say on which line: ${problem}`);
    }
    throw new ConfigError(error.faults.map((fault) => ({ ...fault, where: fault.where.replace(secretsFile, "") })));
  }
}
