import fc from "fast-check";

/** An IPv4 address as a number. */
export type IPv4 = number;

export function dotted(ip: IPv4): string {
  return [24, 16, 8, 0].map((shift) => (ip >>> shift) & 0xff).join(".");
}

const hex = (ip: IPv4): string => ip.toString(16).padStart(8, "0");
const groups = (ip: IPv4): string => `${hex(ip).slice(0, 4)}:${hex(ip).slice(4)}`;

/** Every way to write an IPv4 address as the host of a URL that leads to it, IPv6 that is translated to it included. */
export function hostsOf(ip: IPv4): readonly string[] {
  const parts = dotted(ip).split(".").map(Number);
  const octal = parts.map((part) => `0${part.toString(8)}`).join(".");
  return [
    dotted(ip),
    `${dotted(ip)}.`,
    String(ip),
    `0x${hex(ip)}`,
    octal,
    `${String(parts[0])}.${String(ip & 0xffffff)}`,
    parts.map((part) => `0x${part.toString(16)}`).join("."),
    Array.from(dotted(ip))
      .map((letter) => `%${letter.charCodeAt(0).toString(16)}`)
      .join(""),
    `[::ffff:${dotted(ip)}]`,
    `[::FFFF:${groups(ip)}]`,
    `[0:0:0:0:0:ffff:${groups(ip)}]`,
    `[64:ff9b::${dotted(ip)}]`,
    `[64:ff9b:1::${groups(ip)}]`,
    `[2002:${groups(ip)}::]`,
    `[::${groups(ip)}]`,
  ];
}

/** Whether a CIDR holds an address, by its bits. */
export function isInCidr(ip: IPv4, network: IPv4, bits: number): boolean {
  const mask = bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0;
  return (ip & mask) >>> 0 === (network & mask) >>> 0;
}

export const ipv4: fc.Arbitrary<IPv4> = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.integer({ min: 0x0a000000, max: 0x0a0000ff }),
);

/** Where nobody may register who is not named: `lib/sfu/registration/forbidden.ts` says why. */
export const forbidden: fc.Arbitrary<IPv4> = fc.oneof(
  fc.integer({ min: 0x7f000000, max: 0x7fffffff }),
  fc.integer({ min: 0xa9fe0000, max: 0xa9feffff }),
  fc.integer({ min: 0xe0000000, max: 0xefffffff }),
  fc.integer({ min: 0, max: 0x00ffffff }),
  fc.constantFrom(0xffffffff, 0x646464c8, 0xa83f8110),
);
