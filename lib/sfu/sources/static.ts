import type { Config, Secrets } from "../../config/config.ts";
import type { Registry } from "../registry.ts";

/** Feeds the SFUs of the configuration to the registry. */
export function addStaticSfus(config: Config, secrets: Secrets, registry: Registry): void {
  for (const { address, region, publicUrl, weight } of config.sfus) {
    const key = secrets.sfuKeys.get(address);
    if (key === undefined) throw new Error(`no key for ${address}`);
    registry.add({ address, region, publicUrl, weight, key, source: "static" });
  }
}
