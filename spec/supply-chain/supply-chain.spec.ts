import { readFileSync } from "node:fs";
import { expect } from "chai";
import { lockedPackages, lockfileVersion } from "./lockfile.ts";
import { LIST, thirdPartyList } from "./third-party.ts";

/** They ask for no more than to be named. */
const ACCEPTED = ["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "(MIT OR CC0-1.0)"];

describe("the packages that a gateway is made of", () => {
  const packages = lockedPackages();
  const offending = (isFine: (one: (typeof packages)[number]) => boolean): readonly string[] =>
    packages.filter((one) => !isFine(one)).map(({ name, version }) => `${name}@${version}`);

  it("are all in the lockfile", () => {
    expect(lockfileVersion()).to.equal(3);
    expect(packages.filter(({ isRuntime }) => isRuntime).length).to.be.above(50);
  });

  it("are pinned by a hash of their contents, and come from the registry", () => {
    expect(offending(({ integrity }) => /^sha512-[\w+/]{86}==$/.test(integrity ?? ""))).to.deep.equal([]);
    const fromElsewhere = offending(({ resolved }) =>
      (resolved ?? "https://registry.npmjs.org/").startsWith("https://registry.npmjs.org/"),
    );
    expect(fromElsewhere).to.deep.equal([]);
  });

  it("run nothing when they are installed", () => {
    expect(offending(({ hasInstallScript }) => !hasInstallScript)).to.deep.equal([]);
  });

  it("have licences that ask for no more than to be named", () => {
    expect(offending(({ isRuntime, license }) => !isRuntime || ACCEPTED.includes(license ?? ""))).to.deep.equal([]);
  });

  it("are listed with their licences", () => {
    expect(readFileSync(LIST, "utf8"), "npm run third-party").to.equal(thirdPartyList());
  });
});
