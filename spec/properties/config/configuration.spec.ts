import { expect } from "chai";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { stringify } from "smol-toml";
import { ConfigError } from "../../../lib/config/fault.ts";
import { parseToml } from "../../../lib/config/toml.ts";
import type { Settings } from "../../../lib/config/schema.ts";
import { validateSettings } from "../../../lib/config/validate.ts";
import type { Fault } from "../../../lib/config/fault.ts";
import { useFiles } from "../../config/harness.ts";
import { mutated } from "../../fuzz/mutate.ts";
import { seeded } from "../../support/random.ts";
import { holds } from "../property.ts";
import { documents } from "./settings.ts";

const examples = ["config/gateway.example.toml", "secrets.example.toml"].map((path) =>
  readFileSync(new URL(`../../../${path}`, import.meta.url)),
);

function read(text: string): Settings {
  const faults: Fault[] = [];
  const document = parseToml("gateway.toml", text, faults);
  const settings = document === null ? null : validateSettings(document.values, document.locate, faults);
  expect(faults, text).to.deep.equal([]);
  return settings!;
}

/** Settings as a file would have them. */
function print({ regions, ...settings }: Settings): string {
  return stringify({ ...(JSON.parse(JSON.stringify(settings)) as object), regions: Object.fromEntries(regions) });
}

describe("a configuration, whatever is in it", () => {
  const files = useFiles();

  holds(
    "is the same after it was read, written and read again",
    300,
    fc.property(documents, (document) => {
      const settings = read(stringify(document));
      const again = read(print(settings));
      expect(again).to.deep.equal(settings);
      expect(print(again)).to.equal(print(settings));
    }),
  );

  holds(
    "has every value that the file gave it",
    300,
    fc.property(documents, (document) => {
      const settings = read(stringify(document)) as unknown as Record<string, Record<string, unknown>>;
      for (const [table, values] of Object.entries(document) as [string, Record<string, unknown>][]) {
        if (["sfu", "regions", "registry"].includes(table)) continue;
        for (const [key, value] of Object.entries(values)) {
          if (key !== "weights") expect(settings[table]![key], `${table}.${key}`).to.deep.equal(value);
        }
      }
      expect(settings.sfu).to.have.length(document.sfu?.length ?? 0);
    }),
  );

  holds(
    "is loaded, or refused with every fault's file and line, whatever has become of the text",
    600,
    fc.property(fc.constantFrom(...examples), fc.nat(), (example, seed) => {
      const [which, text] = [examples.indexOf(example), mutated(example, seeded(seed), []).toString()];
      try {
        files.load(which === 0 ? { config: text, secrets: examples[1]!.toString() } : { secrets: text });
      } catch (error) {
        expect(error).to.be.instanceOf(ConfigError);
        const { faults } = error as ConfigError;
        expect(faults).not.to.deep.equal([]);
        for (const { where, problem } of faults) {
          const isNowhere = /^(no SFU is configured|the file is empty)/.test(problem);
          if (!isNowhere) expect(where, problem).to.match(/\/(gateway|secrets)\.toml(:\d+){1,2}$/);
        }
      }
    }),
  );
});
