import { expect } from "chai";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, formatFault } from "../../lib/config/fault.ts";
import { type Loaded, loadConfiguration } from "../../lib/config/load.ts";
import { GATEWAY_KEY, sfuKey } from "../support/tokens.ts";

/** What an operator gives; a missing file is an option that was not given. */
export interface Given {
  readonly secrets?: string;
  /** Who may read the secrets file; its owner alone. */
  readonly secretsMode?: number;
  readonly config?: string;
  /** Over `SFU_GATEWAY_KEY`, which is there unless `undefined` stands here. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Files {
  /** @returns the path of a new file with this text, readable by its owner alone unless told otherwise */
  write(name: string, text: string, mode?: number): string;
  /** @returns the path of something that is not there */
  missing(name: string): string;
  load(given: Given): Loaded;
  /** The faults that the configuration is refused with, files by their names alone. */
  faults(given: Given): readonly string[];
  warnings(given: Given): readonly string[];
}

/** A folder for the files of one spec. */
export function useFiles(): Files {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const write = (name: string, text: string, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const load = ({ secrets, secretsMode, config, env }: Given): Loaded =>
    loadConfiguration({
      env: { SFU_GATEWAY_KEY: GATEWAY_KEY, ...env },
      secretsFile: secrets === undefined ? null : write("secrets.toml", secrets, secretsMode),
      configFile: config === undefined ? null : write("gateway.toml", config),
    });
  const withoutFolder = (text: string): string => text.replaceAll(`${folder}/`, "");

  return {
    write,
    missing: (name) => join(folder, name),
    load,
    faults(given) {
      try {
        load(given);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        const lines = error.faults.map(formatFault);
        for (const line of lines) expect(error.message).to.include(`\n  ${line}`);
        return lines.map(withoutFolder);
      }
      expect.fail("the configuration was accepted");
    },
    warnings: (given) => load(given).warnings.map((warning) => withoutFolder(formatFault(warning))),
  };
}

/** One `[[sfu]]` table of three lines, `more` after them. */
export function sfuTable(number = 1, more = ""): string {
  return `[[sfu]]\naddress = "http://10.0.0.${number}:8070"\nkey = "${sfuKey(number)}"\n${more}`;
}

export function nodes(...sfus: readonly unknown[]): string {
  return JSON.stringify({ sfu: sfus });
}
