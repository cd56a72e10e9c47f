import { expect } from "chai";
import type { Fault } from "../../lib/config/fault.ts";
import { validateSettings } from "../../lib/config/validate.ts";

describe("[registration] allow", () => {
  const faultsOf = (allow: unknown): readonly Fault[] => {
    const faults: Fault[] = [];
    validateSettings({ registration: { allow } }, () => "gateway.toml", faults);
    return faults;
  };

  it("takes origins and CIDRs, and none at all", () => {
    const items = [
      "https://*.sfu.example.com",
      "10.0.0.0/8",
      "http://127.0.0.1",
      "10.0.0.5",
      "::1",
      "http://[::1]:8070",
    ];
    for (const allow of [undefined, [], items]) expect(faultsOf(allow)).to.deep.equal([]);
  });

  for (const item of [
    "sfu.example.com",
    "*.example.com",
    "10.0.0.0/33",
    "ftp://a.test",
    "http://a.test/b",
    "*",
    "http://10.0.0.*",
  ]) {
    it(`refuses ${item}, and says which item it is and what was expected`, () => {
      const [fault, ...others] = faultsOf(["10.0.0.0/8", item]);
      expect(others).to.deep.equal([]);
      expect(fault?.what).to.equal("[registration] allow");
      expect(fault?.problem).to.match(/^item 2: expected an origin, like .* or a CIDR, like 10.0.0.0\/8$/);
    });
  }
});
