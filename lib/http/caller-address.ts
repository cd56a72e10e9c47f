import { isIP, type BlockList } from "node:net";

/**
 * The address that a request comes from. X-Forwarded-For counts only as far as trusted proxies wrote it: it is read
 * from its end, and the first address that is not one of theirs is the caller. Anything that is not an address ends
 * the reading.
 *
 * @param socketAddress the peer of the connection; undefined where that is gone already
 */
export function callerAddress(
  socketAddress: string | undefined,
  forwardedFor: string | undefined,
  trusted: BlockList,
): string {
  let address = plain(socketAddress ?? "");
  if (forwardedFor === undefined || forwardedFor === "") return address;
  const hops = forwardedFor.split(",").map((hop) => plain(hop.trim()));
  while (isTrusted(address, trusted)) {
    const hop = hops.pop();
    if (hop === undefined || isIP(hop) === 0) break;
    address = hop;
  }
  return address;
}

function isTrusted(address: string, trusted: BlockList): boolean {
  const version = isIP(address);
  return version !== 0 && trusted.check(address, version === 4 ? "ipv4" : "ipv6");
}

/**
 * An IPv4 peer on a dual-stack socket shows as `::ffff:10.0.0.1`; some proxies write the port into the header, as
 * `10.0.0.1:5678` or `[2001:db8::1]:5678`.
 */
function plain(address: string): string {
  if (isIP(address) === 4) return address;
  return address
    .replace(/^\[(.*)\](:\d+)?$/, "$1")
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1")
    .replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
