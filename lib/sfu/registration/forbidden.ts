import { type BlockList, isIP } from "node:net";
import { toBlockList } from "../../config/schema.ts";
import { ipv4Within, withoutZone } from "./ip.ts";

/** Where no SFU is, unless an operator has said so, and where much else may be that is nobody's business. */
const FORBIDDEN = Object.entries({
  // AWS, Azure, Google and most others; Alibaba; Azure's host agent; Oracle's old one; then theirs in IPv6: AWS, Google,
  // Oracle, Scaleway.
  "a cloud's metadata address": [
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
  ],
  "a loopback address": ["127.0.0.0/8", "::1"],
  "a link-local address": ["169.254.0.0/16", "fe80::/10"],
  "an unspecified address": ["0.0.0.0/8", "::"],
  "a multicast address": ["224.0.0.0/4", "ff00::/8"],
  "the broadcast address": ["255.255.255.255"],
}).map(([kind, ranges]) => ({ kind, list: blockListOf(ranges) }));

/** What makes an address a forbidden one, like `a loopback address`; null for all others. */
export function forbiddenKind(address: string): string | null {
  return FORBIDDEN.find(({ list }) => isWithin(address, list))?.kind ?? null;
}

/** Whether `list` has the address, or the IPv4 address that is inside it. */
export function isWithin(address: string, list: BlockList): boolean {
  const plain = withoutZone(address);
  return [plain, ...ipv4Within(plain)].some((one) => list.check(one, isIP(one) === 4 ? "ipv4" : "ipv6"));
}

/** @param ranges validated: IP addresses and CIDRs */
export function blockListOf(ranges: readonly string[]): BlockList {
  const list = toBlockList(ranges);
  if (list === null) throw new Error("the ranges were not validated");
  return list;
}
