import type { Config, Secrets } from "../../config/config.ts";
import type { Sfu } from "../sfu.ts";

/** The SFUs of the configuration, with their keys. */
export function staticSfus(config: Config, secrets: Secrets): Sfu[] {
  return config.sfus.map(({ address, region, publicUrl, weight }) => {
    const key = secrets.sfuKeys.get(address);
    if (key === undefined) throw new Error(`no key for ${address}`);
    return { address, region, publicUrl, weight, key, source: "static" };
  });
}
