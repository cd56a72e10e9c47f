import { expect } from "chai";
import type { LookupAddress } from "node:dns";
import { GatewayError, SfuError } from "../../../lib/errors.ts";
import { type AddressRules, createAddressRules } from "../../../lib/sfu/registration/address-rules.ts";
import { createNames } from "../../../lib/sfu/names.ts";
import { parseOrigin } from "../../../lib/sfu/registration/origin.ts";
import { useFakeClock } from "../../support/clock.ts";

/** Every name that anybody here knows. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "sfu1.example.com": ["203.0.113.7"],
  "a.sfu.example.com": ["203.0.113.8", "2001:db8::8"],
  "inside.example.com": ["10.0.0.5"],
  "loopback.sfu.example.com": ["127.0.0.1"],
  "half.sfu.example.com": ["203.0.113.9", "127.0.0.1"],
  "six.sfu.example.com": ["2001:db8::9", "::1"],
  "mapped.sfu.example.com": ["::ffff:127.0.0.1"],
  "translated.sfu.example.com": ["64:ff9b::7f00:1"],
  "zone.sfu.example.com": ["fe80::1%eth0"],
  "metadata.sfu.example.com": ["169.254.169.254"],
};

describe("who may register", () => {
  const clock = useFakeClock();
  let asked: string[];
  beforeEach(() => {
    asked = [];
  });

  const resolve = (name: string): Promise<readonly string[]> => {
    asked.push(name);
    const addresses = NAMES[name];
    return addresses === undefined ? Promise.reject(notFound()) : Promise.resolve(addresses);
  };
  const rulesOf = (allow: readonly string[] | null): AddressRules =>
    createAddressRules(allow, createNames({ clock, resolve }));

  /** Null where it is let in. */
  const refusal = async (allow: readonly string[] | null, address: string): Promise<string | null> => {
    const error: unknown = await rulesOf(allow)
      .check(parseOrigin(address))
      .then(
        () => null,
        (thrown: unknown) => thrown,
      );
    if (error === null) return null;
    expect(error).to.be.instanceOf(GatewayError);
    expect(error).to.include({ code: "address_not_allowed", status: 403 });
    return (error as GatewayError).message;
  };

  describe("where nothing is said of it: anybody", () => {
    for (const address of [
      "http://sfu1.example.com",
      "https://a.sfu.example.com:8443",
      "http://inside.example.com",
      "http://10.0.0.5:8070",
      "http://192.168.1.1",
      "http://8.8.8.8",
      "http://[2001:db8::1]",
      "http://[fd00::1]",
      "http://[64:ff9b::a00:5]",
      "http://nobody.example.com",
    ]) {
      it(`like ${address}`, async () => expect(await refusal(null, address)).to.equal(null));
    }

    const forbidden: Readonly<Record<string, readonly string[]>> = {
      "a loopback address": [
        "http://127.0.0.1",
        "http://127.0.0.1:8070",
        "http://127.1.2.3",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0x7f.1",
        "http://017700000001",
        "http://127.0.0.1.",
        "http://①②⑦.0.0.1",
        "http://[::1]",
        "http://[0:0:0:0:0:0:0:1]",
        "http://[::ffff:127.0.0.1]",
        "http://[::ffff:7f00:1]",
        "http://[::127.0.0.1]",
        "http://[::ffff:0:127.0.0.1]",
        "http://[64:ff9b::127.0.0.1]",
        "http://[64:ff9b:1::7f00:1]",
        "http://[2002:7f00:1::]",
        "http://localhost",
        "http://LOCALHOST:8070",
        "http://localhost.",
        "http://a.b.localhost",
        "http://loopback.sfu.example.com",
        "http://loopback.sfu.example.com.",
        "http://half.sfu.example.com",
        "http://six.sfu.example.com",
        "http://mapped.sfu.example.com",
        "http://translated.sfu.example.com",
      ],
      "a link-local address": [
        "http://169.254.1.1",
        "http://[fe80::1]",
        "http://[febf::1]",
        "http://[::ffff:a9fe:101]",
        "http://zone.sfu.example.com",
      ],
      "a cloud's metadata address": [
        "http://169.254.169.254",
        "http://[::ffff:169.254.169.254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://2852039166",
        "http://100.100.100.200",
        "http://168.63.129.16",
        "http://192.0.0.192",
        "http://[fd00:ec2::254]",
        "http://metadata.sfu.example.com",
      ],
      "an unspecified address": ["http://0.0.0.0", "http://0", "http://0.1.2.3", "http://[::]", "http://[::ffff:0:0]"],
      "a multicast address": ["http://224.0.0.1", "http://239.255.255.250", "http://[ff02::1]"],
      "the broadcast address": ["http://255.255.255.255", "http://4294967295"],
    };
    for (const [kind, addresses] of Object.entries(forbidden)) {
      for (const address of addresses) {
        it(`but not ${address}, ${kind}`, async () => {
          expect(await refusal(null, address))
            .to.match(/no item of \[registration\] allow names/)
            .and.include(kind);
        });
      }
    }
  });

  describe("where items name some", () => {
    const allow = ["https://*.sfu.example.com", "10.0.0.0/8", "http://sfu1.example.com:8070", "2001:db8:1::/48"];
    for (const address of [
      "https://a.sfu.example.com",
      "https://a.sfu.example.com:8443",
      "https://unknown.sfu.example.com",
      "http://10.0.0.5:8070",
      "https://10.255.255.255",
      "http://[::ffff:10.0.0.5]",
      "http://[64:ff9b::10.0.0.5]",
      "http://[2001:db8:1::7]",
      "http://sfu1.example.com:8070",
    ]) {
      it(`lets ${address} in`, async () => expect(await refusal(allow, address)).to.equal(null));
    }

    for (const address of [
      "http://a.sfu.example.com",
      "https://sfu.example.com",
      "https://a.b.sfu.example.com",
      "https://a.sfu.example.com.evil.example",
      "https://evilsfu.example.com",
      "http://sfu1.example.com",
      "https://sfu1.example.com:8070",
      "http://11.0.0.1",
      "http://[2001:db8:2::7]",
      "http://127.0.0.1",
      "http://localhost",
    ]) {
      it(`keeps ${address} out`, async () => {
        expect(await refusal(allow, address)).to.match(/no item of \[registration\] allow names it/);
      });
    }

    it("keeps a name out that resolves into a range: that is for literal addresses", async () => {
      expect(await refusal(allow, "http://inside.example.com")).to.match(/no item/);
      expect(asked).to.deep.equal([]);
    });

    for (const name of ["loopback", "half", "six", "mapped", "translated", "zone", "metadata"]) {
      it(`keeps a name out that fits a wildcard and leads to a forbidden address (${name})`, async () => {
        expect(await refusal(allow, `https://${name}.sfu.example.com`)).to.match(/its name resolves to a/);
      });
    }

    it("lets nobody in where there are no items", async () => {
      expect(await refusal([], "http://sfu1.example.com")).to.match(/no item/);
    });
  });

  describe("where an item names a forbidden address", () => {
    const allowed: readonly (readonly [item: string, address: string])[] = [
      ["http://127.0.0.1", "http://127.0.0.1:8070"],
      ["127.0.0.0/8", "http://127.0.0.1"],
      ["127.0.0.1", "https://[::ffff:127.0.0.1]"],
      ["http://[::1]", "http://[::1]:8070"],
      ["http://localhost", "http://localhost:8070"],
      ["http://loopback.sfu.example.com", "http://loopback.sfu.example.com"],
      ["169.254.0.0/16", "http://169.254.1.1"],
    ];
    for (const [item, address] of allowed) {
      it(`lets ${address} in by ${item}`, async () => expect(await refusal([item], address)).to.equal(null));
    }

    it("lets a name in that leads to where a CIDR is", async () => {
      const allow = ["http://*.sfu.example.com", "127.0.0.0/8"];
      expect(await refusal(allow, "http://loopback.sfu.example.com")).to.equal(null);
      expect(await refusal(allow, "http://six.sfu.example.com")).to.match(/a loopback address/);
    });

    it("lets no other name lead there", async () => {
      const allow = ["http://*.sfu.example.com", "http://127.0.0.1", "http://localhost"];
      expect(await refusal(allow, "http://loopback.sfu.example.com")).to.match(/a loopback address/);
    });

    it("keeps out what is beside it", async () => {
      expect(await refusal(["http://127.0.0.1:8070"], "http://127.0.0.1:8071")).to.match(/no item/);
      expect(await refusal(["http://127.0.0.1"], "https://127.0.0.1")).to.match(/no item/);
      expect(await refusal(["http://127.0.0.1"], "http://localhost")).to.match(/no item/);
      expect(await refusal(["http://*"], "http://localhost")).to.match(/a loopback address/);
    });
  });

  describe("asks DNS", () => {
    it("once in five seconds for each name, however many heartbeats there are", async () => {
      const rules = rulesOf(null);
      for (let n = 0; n < 100; n++) await rules.check("http://sfu1.example.com");
      await Promise.all(["http://inside.example.com", "http://inside.example.com:8070"].map((one) => rules.check(one)));
      expect(asked).to.deep.equal(["sfu1.example.com", "inside.example.com"]);
      await clock.elapse(5001);
      await rules.check("http://sfu1.example.com");
      expect(asked).to.have.length(3);
    });

    it("for nothing where the address is literal or named", async () => {
      await rulesOf(["http://sfu1.example.com", "10.0.0.0/8"]).check("http://sfu1.example.com");
      await rulesOf(["http://sfu1.example.com", "10.0.0.0/8"]).check("http://10.0.0.5");
      expect(asked).to.deep.equal([]);
    });

    it("and keeps nobody waiting for more than half a second where it hangs", async () => {
      const resolve = (): Promise<never> => new Promise<never>(() => undefined);
      const rules = createAddressRules(null, createNames({ clock, resolve }));
      let passed = 0;
      for (const n of [1, 2, 3]) void rules.check(`http://sfu${String(n)}.example.com`).then(() => passed++);
      await clock.elapse(499);
      expect(passed).to.equal(0);
      await clock.elapse(1);
      expect(passed).to.equal(3);
      expect(clock.timers()).to.equal(0);
    });
  });

  describe("is asked again when a connection is made", () => {
    const look = (
      rules: AddressRules,
      address: string,
      options: { all?: boolean; family?: number } = { all: true },
    ): Promise<string | LookupAddress[]> => {
      const lookup = rules.lookupFor(address)!;
      return new Promise((found, failed) => {
        lookup(new URL(address).hostname, options, (error, addresses) => {
          if (error === null) found(addresses);
          else failed(error);
        });
      });
    };
    const failure = async (work: () => Promise<unknown>): Promise<Error> => {
      try {
        await work();
      } catch (error) {
        return error as Error;
      }
      expect.fail("it went well");
    };

    it("and gives what the name resolves to", async () => {
      const addresses = [
        { address: "203.0.113.8", family: 4 },
        { address: "2001:db8::8", family: 6 },
      ];
      expect(await look(rulesOf(null), "https://a.sfu.example.com")).to.deep.equal(addresses);
      expect(await look(rulesOf(null), "https://a.sfu.example.com", { all: true, family: 6 })).to.deep.equal(
        addresses.slice(1),
      );
      expect(await look(rulesOf(null), "https://a.sfu.example.com", {})).to.equal("203.0.113.8");
    });

    it("and says no to a name that has come to lead elsewhere, and to nothing that was checked", async () => {
      let current = ["203.0.113.7"];
      const rules = createAddressRules(null, createNames({ clock, resolve: () => Promise.resolve(current) }));
      await rules.check("http://rebound.example.com");
      current = ["127.0.0.1"];
      expect(await look(rules, "http://rebound.example.com", {})).to.equal("203.0.113.7");
      await clock.elapse(5001);
      const error = await failure(() => look(rules, "http://rebound.example.com"));
      expect(error).to.be.instanceOf(SfuError);
      expect(error.message).to.equal("resolves to an address that may not be used");
    });

    it("and says no where one of several is forbidden", async () => {
      expect(await failure(() => look(rulesOf(null), "http://half.sfu.example.com"))).to.be.instanceOf(SfuError);
    });

    it("and says no to a literal address that nobody would look up", async () => {
      expect(await failure(() => look(rulesOf(null), "http://127.0.0.1"))).to.be.instanceOf(SfuError);
      expect(await failure(() => look(rulesOf(null), "http://[::1]"))).to.be.instanceOf(SfuError);
      expect(rulesOf(null).lookupFor("http://10.0.0.5")).not.to.equal(null);
    });

    it("and passes on that there is no such name, or none of that family", async () => {
      const nobody = await failure(() => look(rulesOf(null), "http://nobody.example.com"));
      expect(nobody).to.include({ failure: "dns", message: "has a name that nobody knows (ENOTFOUND)" });
      expect(await failure(() => look(rulesOf(null), "http://sfu1.example.com", { all: true, family: 6 }))).to.include({
        failure: "dns",
        message: "has a name without an address",
      });
    });

    it("but not where an item names the host", () => {
      expect(rulesOf(["http://127.0.0.1"]).lookupFor("http://127.0.0.1:8070")).to.equal(null);
      expect(rulesOf(["http://localhost"]).lookupFor("http://localhost:8070")).to.equal(null);
      expect(rulesOf(["http://*.example.com"]).lookupFor("http://sfu1.example.com")).not.to.equal(null);
    });
  });
});

function notFound(): Error {
  return Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
}
