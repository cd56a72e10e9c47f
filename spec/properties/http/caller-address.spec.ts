import { expect } from "chai";
import fc from "fast-check";
import { isIP } from "node:net";
import { toBlockList } from "../../../lib/config/schema.ts";
import { callerAddress } from "../../../lib/http/caller-address.ts";
import { holds, letterOf } from "../property.ts";

const trusted = toBlockList(["10.0.0.0/8", "2001:db8:ffff::/48"])!;

const octet = fc.nat(255);
const proxy = fc.oneof(
  fc.tuple(octet, octet, octet).map((parts) => `10.${parts.join(".")}`),
  fc.nat(0xffff).map((tail) => `2001:db8:ffff::${tail.toString(16)}`),
);
const caller = fc.oneof(
  fc.tuple(octet, octet, octet).map((parts) => `203.${parts.join(".")}`),
  fc.nat(0xffff).map((tail) => `2001:db8:1::${tail.toString(16)}`),
);

/** As proxies write an address: some with the port, some as IPv6. */
const written = (address: string): fc.Arbitrary<string> =>
  isIP(address) === 4
    ? fc.constantFrom(address, `${address}:5678`, `::ffff:${address}`, ` ${address} `)
    : fc.constantFrom(address, `[${address}]`, `[${address}]:5678`);

/** What a caller may send in the hope that somebody believes it. */
const forged = fc.oneof(
  fc.array(fc.oneof(caller, proxy), { maxLength: 4 }).map((addresses) => addresses.join(", ")),
  fc.string({ unit: letterOf("0123.:, []f%\t"), maxLength: 40 }),
  fc.string({ maxLength: 20 }),
);

describe("the caller's address, whatever the caller sends", () => {
  holds(
    "is the one that the first trusted proxy saw",
    2000,
    fc.property(
      forged,
      caller.chain((address) => written(address).map((spelling) => ({ address, spelling }))),
      fc.array(proxy.chain(written), { maxLength: 3 }),
      proxy,
      (forgery, { address, spelling }, proxies, last) => {
        const header = [forgery, spelling, ...proxies].join(",");
        expect(callerAddress(last, header, trusted)).to.equal(address);
      },
    ),
  );

  holds(
    "is the peer's where that is nobody's proxy",
    1000,
    fc.property(forged, caller, (forgery, peer) => {
      expect(callerAddress(peer, forgery, trusted)).to.equal(peer);
    }),
  );

  holds(
    "is always an address, and never one that was not on the way",
    2000,
    fc.property(forged, fc.oneof(caller, proxy), (header, peer) => {
      const address = callerAddress(peer, header, trusted);
      expect(isIP(address)).to.be.greaterThan(0);
      if (address !== peer) expect(header).to.include(address);
    }),
  );
});
