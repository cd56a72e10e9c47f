import { isDeepStrictEqual } from "node:util";
import { expect } from "chai";
import { AuthKey } from "../../lib/auth/keys.ts";
import { Secret } from "../../lib/auth/secret.ts";
import { type Configuration, snakeCase } from "../../lib/config/changes.ts";
import { describePath } from "../../lib/config/path.ts";
import { useFakeClock } from "../support/clock.ts";
import { configurationOf, withChanges } from "../support/gateway.ts";
import { demonstrations, EVERYTHING, OF_THE_ENVIRONMENT, OF_THE_START } from "./reconfigure-settings.ts";
import { useStages } from "./reconfigure-stage.ts";

/** Of the code's names for the secrets; one that is not here is shown as it is. */
const SECRETS: Readonly<Record<string, string>> = {
  gatewayKeys: "SFU_GATEWAY_KEY",
  sfuKeys: "[[sfu]] key",
  statsTokens: "[[sfu]] stats_token",
  registrationKey: "SFU_GATEWAY_REGISTRATION_KEY",
  adminToken: "SFU_GATEWAY_ADMIN_TOKEN",
  registryToken: "[registry] token",
};

/** What the files have in another table than the code. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "tls/ca": "[tls] ca_file",
  "authFailures/max": "[rate_limit] auth_failures",
  "authFailures/windowMs": "[rate_limit] auth_window_ms",
};

type Leaf = readonly [place: string, value: unknown];

/** What has no further parts: a list of texts is one setting, and so is a feature that is turned off. */
function leavesOf(value: unknown, path: readonly string[]): readonly Leaf[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path.join("/"), value]];
  return Object.entries(value).flatMap(([name, part]) => leavesOf(part, [...path, name]));
}

/** Every setting and every secret by its place, like `failover/maxRetries` and `sfus/http://sfu1/weight`. */
function placesOf({ config, secrets }: Configuration): ReadonlyMap<string, unknown> {
  const { sfus, ...settings } = config;
  const byAddress = Object.fromEntries(sfus.map((sfu) => [sfu.address, sfu]));
  const ofTheFleet = Object.entries(byAddress).flatMap(([address, sfu]) => leavesOf(sfu, ["sfus", address]));
  const ofSecrets = Object.entries(secrets).flatMap(([name, secret]): Leaf[] =>
    secret instanceof Map
      ? Array.from(secret as Map<string, unknown>, ([address, one]) => [`secrets/${name}/${address}`, one])
      : [[`secrets/${name}`, secret]],
  );
  // An address has slashes of its own.
  const places = [...ofTheFleet, ...leavesOf(settings, []), ...ofSecrets];
  return new Map(places);
}

/** As an operator calls what is at a place. */
function nameOf(place: string): string {
  const [first = "", second = ""] = place.split("/");
  const last = place.split("/").at(-1) ?? "";
  if (place in ELSEWHERE) return ELSEWHERE[place]!;
  if (first === "secrets") return SECRETS[second] ?? second;
  if (first === "sfus") return `[[sfu]] ${snakeCase(last)}`;
  if (first === "regions") return `[regions.NAME] ${last}`;
  return second === "" ? snakeCase(first) : describePath(place.split("/").map(snakeCase));
}

const namesIn = (configuration: Configuration): readonly string[] => [
  ...new Set([...placesOf(configuration).keys()].map(nameOf)),
];

const isSame = (one: unknown, other: unknown): boolean => {
  if (one instanceof AuthKey && other instanceof AuthKey) return one.equals(other);
  if (one instanceof Secret && other instanceof Secret) return one.equals(other.reveal());
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  }
  return isDeepStrictEqual(one, other);
};

/** The names of the settings that are not the same in both. */
function changedBetween(from: Configuration, to: Configuration): readonly string[] {
  const [before, after] = [placesOf(from), placesOf(to)];
  const all = [...new Set([...before.keys(), ...after.keys()])];
  return [...new Set(all.filter((place) => !isSame(before.get(place), after.get(place))).map(nameOf))];
}

describe("scenario: a reload puts each setting in force", () => {
  const clock = useFakeClock();
  const open = useStages(clock);

  it("and there is none that is not shown here", () => {
    const names = namesIn(configurationOf(EVERYTHING));
    expect(names).to.include.members(["[failover] max_retries", "[[sfu]] weight", "[registry] token"]);
    expect([...Object.keys(demonstrations), ...OF_THE_ENVIRONMENT, ...OF_THE_START]).to.have.members(names);
  });

  for (const [name, { setup, prepare, change, observe, before, after, ...options }] of Object.entries(demonstrations)) {
    it(name, async () => {
      let initial = configurationOf(EVERYTHING);
      let initialSetup = EVERYTHING;
      const stage = await open((...sources) => {
        initialSetup = setup(...sources);
        initial = configurationOf(initialSetup);
        return initialSetup;
      }, options);
      await prepare?.(stage);
      expect(await observe(stage), "before").to.deep.equal(before);

      const changes = change(stage);
      const changed = changedBetween(initial, configurationOf(withChanges(initialSetup, changes)));
      if (name === "[[sfu]] address") expect(changed).to.include(name);
      else expect(changed, "what the reload changes").to.deep.equal([name]);
      stage.gateway.reconfigure(changes);
      expect(await observe(stage), "after").to.deep.equal(after);
    });
  }
});
