import { readFileSync } from "node:fs";
import { expect } from "chai";
import { parse } from "smol-toml";
import { loadConfiguration } from "../../lib/config/load.ts";
import { settingsSchema } from "../../lib/config/schema.ts";
import { GATEWAY_KEY } from "../support/tokens.ts";

const path = (name: string): string => new URL(`../../${name}`, import.meta.url).pathname;
const SECRETS = path("secrets.example.toml");
const SETTINGS = path("config/gateway.example.toml");

describe("the examples", () => {
  const load = (configFile: string | null): ReturnType<typeof loadConfiguration> =>
    loadConfiguration({ env: { SFU_GATEWAY_KEY: GATEWAY_KEY }, secretsFile: SECRETS, configFile });

  it("are a configuration without a fault", () => {
    const { config } = load(SETTINGS);
    expect(config.sfus.map(({ address }) => address)).to.have.length(3);
  });

  it("draw no warning but the one about a file that others can read", () => {
    const others = load(SETTINGS).warnings.filter(({ problem }) => !problem.startsWith("everybody on this machine"));
    expect(others).to.deep.equal([]);
  });

  it("show the value that holds when a line is left out", () => {
    expect(load(SETTINGS).config).to.deep.equal(load(null).config);
  });

  it("explain every table and key that there is", () => {
    const text = readFileSync(SETTINGS, "utf8");
    const known = Object.keys(settingsSchema.shape).filter((table) => table !== "sfu" && table !== "regions");
    for (const table of known) expect(text, table).to.match(new RegExp(`^(# )?\\[${table}[\\].]`, "m"));
    // What is commented out must be right all the same.
    const uncommented = parse(text.replace(/^# (?=\[[a-z]|[a-z_]+ = )/gm, ""));
    expect(settingsSchema.safeParse(uncommented).error?.issues ?? []).to.deep.equal([]);
  });
});
