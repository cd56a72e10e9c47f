import type { Config, Secrets } from "../../config/config.ts";
import type { Sfu } from "../sfu.ts";

/** The SFUs of the configuration, with their keys. */
export function staticSfus(config: Config, secrets: Secrets): Sfu[] {
  return config.sfus.map(({ address, ...settings }) => {
    const key = secrets.sfuKeys.get(address);
    if (key === undefined) throw new Error(`no key for ${address}`);
    return { address, ...settings, key, statsToken: secrets.statsTokens.get(address) ?? null, source: "static" };
  });
}
