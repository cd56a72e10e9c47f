import { isIP } from "node:net";

/**
 * The one spelling of a host as `URL` has it: a name without a dot at its end, an address without brackets, and the
 * IPv4 address where an IPv6 one is but another way to write it (`::ffff:10.0.0.5`).
 */
export function plainHost(hostname: string): string {
  const host = hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  return (isIP(host) === 6 ? ipv4At(host, MAPPED) : null) ?? host;
}

/** The form in which a host stands in a URL. */
export function inUrl(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/**
 * The IPv4 addresses that an IPv6 address leads to: mapped, translated (RFC 6052, 8215 and 2765), 6to4 and the old
 * compatible form. None for any other address.
 */
export function ipv4Within(address: string): readonly string[] {
  if (isIP(address) !== 6) return [];
  return [MAPPED, ...TRANSLATED].flatMap((embedding) => ipv4At(address, embedding) ?? []);
}

interface Embedding {
  /** The address begins with these groups of 16 bits. */
  readonly prefix: readonly number[];
  /** Behind so many groups the IPv4 address begins. */
  readonly at: number;
}

const MAPPED: Embedding = { prefix: [0, 0, 0, 0, 0, 0xffff], at: 6 };

const TRANSLATED: readonly Embedding[] = [
  { prefix: [0x64, 0xff9b, 0, 0, 0, 0], at: 6 },
  { prefix: [0x64, 0xff9b, 1], at: 6 },
  { prefix: [0, 0, 0, 0, 0xffff, 0], at: 6 },
  { prefix: [0x2002], at: 1 },
  { prefix: [0, 0, 0, 0, 0, 0], at: 6 },
];

function ipv4At(address: string, { prefix, at }: Embedding): string | null {
  const groups = groupsOf(address);
  if (prefix.some((group, index) => groups[index] !== group)) return null;
  return groups
    .slice(at, at + 2)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join(".");
}

/**
 * What a caller is known by: an IPv6 address is one of the 2^64 that its host may take, so its network; an IPv4 address, in
 * whichever of its spellings, is itself.
 */
export function networkOf(address: string): string {
  const host = plainHost(address);
  if (isIP(host) !== 6) return host;
  const network = groupsOf(host).slice(0, 4);
  return `${network.map((group) => group.toString(16)).join(":")}::/64`;
}

/** The eight groups of an IPv6 address. `URL` writes all of it in hexadecimal, an IPv4 tail included. */
function groupsOf(address: string): readonly number[] {
  const canonical = URL.parse(`http://[${withoutZone(address)}]`)?.hostname.slice(1, -1) ?? "";
  const [left = [], right = []] = canonical
    .split("::")
    .map((part) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16))));
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
}

/** `fe80::1%eth0` is `fe80::1`, seen from one host. */
export function withoutZone(address: string): string {
  return address.replace(/%.*$/, "");
}
