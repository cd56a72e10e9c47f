import type { AuthKey } from "../auth/keys.ts";
import { Secret } from "../auth/secret.ts";
import type { Secrets } from "./config.ts";
import type { EnvironmentSettings } from "./env.ts";
import type { Fault } from "./fault.ts";
import { describePath } from "./path.ts";
import { readKey } from "./read-key.ts";
import { readStoreUrl } from "./store-url.ts";
import type { Path } from "./toml.ts";

/** Those of the files, as text. */
export interface SecretTexts {
  readonly sfus: readonly {
    readonly address: string;
    readonly key: string;
    readonly stats_token?: string | undefined;
  }[];
  readonly registryToken: string | null;
  /** The store's, with the passwords in it. */
  readonly storeUrl: string | null;
}

/**
 * Turns the texts of all keys into keys. A fault names the entry and what was expected of it, never the text.
 */
export function readSecrets(
  { sfus, registryToken, storeUrl }: SecretTexts,
  environment: EnvironmentSettings,
  locate: (path: Path) => string,
  faults: Fault[],
  warnings: Fault[],
): Secrets {
  const read = (text: string, where: string, what: string): AuthKey | null =>
    readKey(text, { where, what }, faults, warnings);

  if (environment.keys.length === 0 && !faults.some(({ where }) => where.startsWith("SFU_GATEWAY_KEY"))) {
    const problem = "missing, expected the base64 text that Odoo has as its RTC server KEY";
    faults.push({ where: "SFU_GATEWAY_KEY", what: "", problem });
  }
  const several = environment.keys.length > 1;
  const gatewayKeys = environment.keys.flatMap(
    (text, index) => read(text, "SFU_GATEWAY_KEY", several ? `key ${String(index + 1)}` : "") ?? [],
  );

  const sfuKeys = new Map<string, AuthKey>();
  sfus.forEach(({ address, key: text }, index) => {
    if (text === "") return;
    const path = ["sfu", index, "key"];
    const key = read(text, locate(path), describePath(path));
    if (key !== null) sfuKeys.set(address, key);
  });
  const statsTokens = new Map<string, Secret>();
  for (const { address, stats_token: text } of sfus) if (text !== undefined) statsTokens.set(address, new Secret(text));
  const { adminToken } = environment;
  const registrationKey =
    environment.registrationKey === null ? null : read(environment.registrationKey, "SFU_GATEWAY_REGISTRATION_KEY", "");
  if (registrationKey !== null && gatewayKeys.some((key) => key.equals(registrationKey))) {
    const problem = "the same as SFU_GATEWAY_KEY, so whoever may ask for channels may register SFUs too";
    warnings.push({ where: "SFU_GATEWAY_REGISTRATION_KEY", what: "", problem });
  }
  const store = storeUrl === null ? null : readStoreUrl(storeUrl);
  return {
    gatewayKeys,
    sfuKeys,
    statsTokens,
    registrationKey,
    adminToken: secretOf(adminToken),
    registryToken: secretOf(registryToken),
    storePassword: secretOf(store?.password),
    sentinelPassword: secretOf(store?.sentinelPassword),
  };
}

function secretOf(text: string | null | undefined): Secret | null {
  return text === null || text === undefined ? null : new Secret(text);
}
