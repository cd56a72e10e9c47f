import { isIP, type LookupFunction } from "node:net";
import { GatewayError, SfuError } from "../../errors.ts";
import { lookupBy, type Names } from "../names.ts";
import { blockListOf, forbiddenKind, isWithin } from "./forbidden.ts";
import { hasWildcard, matches, type Origin, originOf, type OriginPattern, parseOriginPattern } from "./origin.ts";

/**
 * Who may register. A heartbeat makes the gateway call an address, so one that is loopback, link-local, multicast or a
 * cloud's metadata service needs an `allow` item that names it: its very origin, or a CIDR that holds it. A pattern
 * with `*` names nobody in particular.
 */
export interface AddressRules {
  /**
   * Checks an address and everything that its name resolves to. One that does not resolve now passes: nothing can be
   * connected to there, and when it can be, {@link AddressRules.lookupFor} checks it.
   *
   * @param address an origin, from `parseOrigin`
   * @throws {GatewayError} 403 `address_not_allowed`, saying which rule has failed
   */
  check(address: string): Promise<void>;
  /**
   * What connections to a registered SFU have to look its name up with, for a name may lead elsewhere than when it was
   * checked. It fails with an {@link SfuError} where the name has a forbidden address among its own.
   *
   * @returns null where an `allow` item names the host, wherever it may be
   * @throws {SfuError} where the address is a forbidden one itself, which nobody would look up
   */
  lookupFor(address: string): LookupFunction | null;
}

/**
 * @param allow items as they have been validated; null for anybody but the forbidden addresses
 * @param names where names lead, for the checks and for the connections
 */
export function createAddressRules(allow: readonly string[] | null, names: Names): AddressRules {
  const { patterns, ranges } = parseAllow(allow ?? []);

  const isAllowed = (origin: Origin): boolean =>
    allow === null ||
    patterns.some((pattern) => matches(pattern, origin)) ||
    (isIP(origin.host) !== 0 && isWithin(origin.host, ranges));

  const isNamed = (origin: Origin): boolean =>
    patterns.some((pattern) => !hasWildcard(pattern) && matches(pattern, origin));

  const addressesOrNone = (name: string): Promise<readonly string[]> => names.addressesOf(name).catch(() => []);

  /** The kind of the first of them that is forbidden. */
  const kindAmong = (addresses: readonly string[]): string | null =>
    addresses
      .filter((address) => !isWithin(address, ranges))
      .map(forbiddenKind)
      .find((kind) => kind !== null) ?? null;

  return {
    async check(address) {
      const origin = originOf(new URL(address));
      if (!isAllowed(origin)) throw refused("no item of [registration] allow names it");
      if (isNamed(origin)) return;
      const [is, addresses] =
        isIP(origin.host) !== 0
          ? ["it is", [origin.host]]
          : ["its name resolves to", isLocalName(origin.host) ? ["127.0.0.1"] : await addressesOrNone(origin.host)];
      const kind = kindAmong(addresses);
      if (kind !== null) throw refused(`${is} ${kind}, which no item of [registration] allow names`);
    },

    lookupFor(address) {
      const origin = originOf(new URL(address));
      if (isNamed(origin)) return null;
      if (isIP(origin.host) !== 0 && kindAmong([origin.host]) !== null) throw notToBeUsed("is");
      return lookupBy(async (hostname) => {
        const addresses = await names.addressesOf(hostname);
        if (kindAmong(addresses) !== null) throw notToBeUsed("resolves to");
        return addresses;
      });
    },
  };
}

interface Allowed {
  readonly patterns: readonly OriginPattern[];
  readonly ranges: ReturnType<typeof blockListOf>;
}

function parseAllow(allow: readonly string[]): Allowed {
  const patterns: OriginPattern[] = [];
  const ranges: string[] = [];
  for (const item of allow) {
    const pattern = parseOriginPattern(item);
    if (pattern === null) ranges.push(item);
    else patterns.push(pattern);
  }
  return { patterns, ranges: blockListOf(ranges) };
}

/** They are this host, whatever DNS may say (RFC 6761). */
function isLocalName(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}

function refused(why: string): GatewayError {
  return new GatewayError("address_not_allowed", `this address may not register: ${why}`, { status: 403 });
}

function notToBeUsed(how: string): SfuError {
  return new SfuError("dns", `${how} an address that may not be used`);
}
