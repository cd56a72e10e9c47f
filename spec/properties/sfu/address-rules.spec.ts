import { expect } from "chai";
import fc from "fast-check";
import { toBlockList } from "../../../lib/config/schema.ts";
import { GatewayError } from "../../../lib/errors.ts";
import { createAddressRules } from "../../../lib/sfu/registration/address-rules.ts";
import {
  matches,
  OriginError,
  originOf,
  parseOrigin,
  parseOriginPattern,
} from "../../../lib/sfu/registration/origin.ts";
import { holds, letterOf, upTo } from "../property.ts";
import { dotted, forbidden, hostsOf, ipv4, isInCidr } from "./addresses.ts";

const label = fc.oneof(
  fc.constantFrom("sfu", "sfu1", "example", "com", "evil", "a-b", "xn--e1afmkfd"),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,5}[a-z0-9]$/),
);
const labels = fc.array(label, { minLength: 2, maxLength: 4 });
const scheme = fc.constantFrom("http", "https");
const port = fc.option(fc.constantFrom(80, 443, 8070, 65_535));
const origin = fc.record({ scheme, labels, port });

/** The same labels with some of them replaced by `*`. */
const pattern = origin.chain((one) =>
  fc
    .array(fc.boolean(), { minLength: one.labels.length, maxLength: one.labels.length })
    .map((stars) => ({ ...one, labels: one.labels.map((each, at) => (stars[at]! ? "*" : each)) })),
);

type Parts = typeof origin extends fc.Arbitrary<infer Each> ? Each : never;

const written = ({ scheme: protocol, labels: names, port: number }: Parts): string =>
  `${protocol}://${names.join(".")}${number === null ? "" : `:${String(number)}`}`;

/** As the design says it: `*` for one label, no port for any port. */
function admits(allowed: Parts, asked: Parts): boolean {
  const usual = asked.scheme === "https" ? 443 : 80;
  return (
    allowed.scheme === asked.scheme &&
    (allowed.port === null || allowed.port === (asked.port ?? usual)) &&
    allowed.labels.length === asked.labels.length &&
    allowed.labels.every((each, at) => each === "*" || each === asked.labels[at])
  );
}

const nowhere = { addressesOf: () => Promise.reject(new Error("no such name")) };
const refusalOf = async (allow: readonly string[] | null, address: string): Promise<string | null> => {
  try {
    await createAddressRules(allow, nowhere).check(address);
    return null;
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
};

describe("who may register, whatever the address", () => {
  holds(
    "is who a pattern names, and nobody else",
    2000,
    fc.property(pattern, origin, fc.boolean(), (allowed, other, isAlike) => {
      // Half of them are near misses, or hardly any would match.
      const asked = isAlike
        ? { ...allowed, labels: allowed.labels.map((each, at) => (each === "*" ? other.labels[at % 2]! : each)) }
        : other;
      const parsed = parseOriginPattern(written(allowed));
      if (parsed === null) {
        expect(allowed.labels.at(-1), "only names are patterns").to.match(/^(\*|\d)/);
        return;
      }
      expect(matches(parsed, originOf(new URL(written(asked)))), `${written(allowed)} ${written(asked)}`).to.equal(
        admits(allowed, asked),
      );
    }),
  );

  holds(
    "is nobody whose address only looks like an allowed one",
    1000,
    fc.asyncProperty(
      pattern,
      fc.constantFrom("@", "%40", "\\", "#", "?", "/", ":", ".evil.test", "%2e", "\t", " ", "\u3002"),
      label,
      async (allowed, mark, evil) => {
        const sure = allowed.labels.map((each) => (each === "*" ? "any" : each)).join(".");
        for (const text of [
          `${allowed.scheme}://${sure}${mark}${evil}.evil.test`,
          `http://${evil}.evil.test${mark}${sure}`,
        ]) {
          let address: string;
          try {
            address = parseOrigin(text);
          } catch (error) {
            expect(error).to.be.instanceOf(OriginError);
            continue;
          }
          const { hostname } = new URL(address);
          if (hostname.endsWith("evil.test") && !sure.endsWith("evil.test")) {
            expect(await refusalOf([written({ ...allowed, labels: sure.split(".") })], address), text).to.equal(
              "address_not_allowed",
            );
          }
        }
      },
    ),
  );

  holds(
    "is who a CIDR holds, by the bits of the address, however it is written",
    1000,
    fc.asyncProperty(ipv4, ipv4, fc.integer({ min: 0, max: 32 }), fc.nat(14), async (ip, network, bits, spelling) => {
      const address = parseOrigin(`http://${hostsOf(ip)[spelling]!}:8070`);
      const allow = [`${dotted(network)}/${String(bits)}`];
      expect(await refusalOf(allow, address), `${address} ${allow[0]!}`).to.equal(
        isInCidr(ip, network, bits) ? null : "address_not_allowed",
      );
    }),
  );

  holds(
    "is never this host, its network's own addresses or a cloud's metadata, however they are written, unless they are named",
    1000,
    fc.asyncProperty(forbidden, fc.nat(14), async (ip, spelling) => {
      const address = parseOrigin(`http://${hostsOf(ip)[spelling]!}`);
      expect(await refusalOf(null, address), address).to.equal("address_not_allowed");
      expect(await refusalOf(["http://*.test", "203.0.113.0/24"], address), address).to.equal("address_not_allowed");
      expect(await refusalOf([`${dotted(ip)}/32`], address), address).to.equal(null);
    }),
  );

  holds(
    "is told from the one spelling of an address, which has no other",
    2000,
    fc.property(
      fc.oneof(
        origin.map(written),
        ipv4.chain((ip) => fc.constantFrom(...hostsOf(ip)).map((host) => `HTTP://${host}:080/`)),
        fc.webUrl(),
        fc.string({ unit: letterOf("htps:/.[]@%0a1\\*- "), maxLength: 20 }).map((rest) => `http://${rest}`),
      ),
      (text) => {
        let once: string;
        try {
          once = parseOrigin(text);
        } catch (error) {
          expect(error).to.be.instanceOf(OriginError);
          if (text.length > 12) expect((error as Error).message).not.to.include(text);
          return;
        }
        expect(parseOrigin(once)).to.equal(once);
        expect(originOf(new URL(once))).to.deep.equal(originOf(new URL(text)));
        expect(parseOriginPattern(once), "whoever registers can be allowed").not.to.equal(null);
      },
    ),
  );

  holds(
    "goes by ranges that are read as they are written, or not at all",
    1000,
    fc.property(
      upTo(40, letterOf("0123456789./:af%")).map((letters) => letters.join("")),
      (text) => {
        const list = toBlockList([text]);
        const [, network = "", bits] = /^([\d.]+|[\da-f:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
        if (list === null) return;
        expect(list.check(network, network.includes(":") ? "ipv6" : "ipv4"), text).to.equal(true);
        expect(Number(bits ?? 0)).to.be.at.most(network.includes(":") ? 128 : 32);
      },
    ),
  );
});
