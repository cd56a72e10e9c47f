import { expect } from "chai";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { changesBetween } from "../../lib/config/changes.ts";
import { makeAuthority, makeCertificate } from "../support/certificate.ts";
import { sfuTable, useFiles } from "./harness.ts";

describe("[tls] ca_file", () => {
  const files = useFiles();
  const ours = makeAuthority({ subject: "Ours" });
  const theirs = makeAuthority({ subject: "Theirs" });
  const config = (file: string): string => `[tls]\nca_file = ${JSON.stringify(file)}\n`;
  /** A configuration that names a file with this in it. */
  const naming = (text: string) => ({ secrets: sfuTable(), config: config(files.write("ca.pem", text)) });
  const ca = (text: string): string | null => files.load(naming(text)).config.tls.ca;
  const BUNDLE = `# Ours\r\n${ours.cert.replaceAll("\n", "\r\n")}\nTheirs:\n  not a key\n${theirs.cert}`;

  it("is read, all of its certificates and nothing else", () => {
    expect(ca(BUNDLE)!.replaceAll("\r", "")).to.equal(`${ours.cert.trim()}\n${theirs.cert}`);
  });

  it("is nothing where it is not set", () => {
    expect(files.load({ secrets: sfuTable() }).config.tls.ca).to.equal(null);
    expect(files.load({ secrets: sfuTable() }).files).to.deep.equal([]);
  });

  it("is among the files to be watched, in force or not", () => {
    const path = files.write("ca.pem", ours.cert);
    expect(files.load({ secrets: sfuTable(), config: config(path) }).files).to.deep.equal([path]);
    rmSync(path);
    expect(() => files.load({ secrets: sfuTable(), config: config(path) }))
      .to.throw()
      .with.property("files")
      .that.deep.equals([path]);
  });

  const EXPECTED = "expected certificates of authorities in PEM, which begin with -----BEGIN CERTIFICATE-----";
  const faults: Readonly<Record<string, readonly [text: string, problem: string]>> = {
    "has a private key in it": [ours.cert + ours.key, `holds a private key, ${EXPECTED}`],
    "has an old kind of private key in it": [
      `-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n${ours.cert}`,
      `holds a private key, ${EXPECTED}`,
    ],
    "is empty": ["", `no certificate in it, ${EXPECTED}`],
    "is not PEM": [Buffer.from("308201", "hex").toString("latin1"), `no certificate in it, ${EXPECTED}`],
    "has something else in PEM": [
      "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n",
      `no certificate in it, ${EXPECTED}`,
    ],
    "has been cut off": [theirs.cert + ours.cert.slice(0, -40), `a certificate in it has no end, ${EXPECTED}`],
    "has a broken certificate": [
      theirs.cert + ours.cert.replace(/\n..../, "\nAAAA"),
      `certificate 2 of 2 cannot be read, ${EXPECTED}`,
    ],
  };
  for (const [what, [text, problem]] of Object.entries(faults)) {
    it(`is refused where it ${what}, and not shown`, () => {
      expect(files.faults(naming(text))).to.deep.equal([`gateway.toml:2: [tls] ca_file: ca.pem: ${problem}`]);
    });
  }

  it("is refused where it is not there, or is no file", () => {
    const missing = files.missing("ca.pem");
    expect(files.faults({ secrets: sfuTable(), config: config(missing) })).to.deep.equal([
      "gateway.toml:2: [tls] ca_file: ca.pem: cannot be read: no such file (ENOENT)",
    ]);
    mkdirSync(missing);
    expect(files.faults({ secrets: sfuTable(), config: config(missing) })).to.deep.equal([
      `gateway.toml:2: [tls] ca_file: ca.pem: not a file, ${EXPECTED}`,
    ]);
  });

  it("is refused where its path depends on where the gateway was started", () => {
    for (const file of ["ca.pem", join("..", "ca.pem")]) {
      expect(files.faults({ secrets: sfuTable(), config: config(file) })).to.deep.equal([
        "gateway.toml:2: [tls] ca_file: expected an absolute path, like /etc/sfu-gateway/ca.pem",
      ]);
    }
  });

  const warnings: Readonly<Record<string, readonly [text: string, problem: string]>> = {
    "has expired": [
      makeAuthority({ subject: "Old", until: "2026-01-02" }).cert,
      "certificate 1 of 1, CN=Old, expired on 2026-01-02",
    ],
    "is not valid yet": [
      makeAuthority({ subject: "New", from: "2048-01-02" }).cert,
      "certificate 1 of 1, CN=New, is not valid before 2048-01-02",
    ],
    "is a server's, by somebody else": [
      ours.cert + makeCertificate({ by: ours }).cert,
      "certificate 2 of 2, CN=localhost, belongs to a server and has signed nobody else's: " +
        "expected the authority's own",
    ],
  };
  for (const [what, [text, problem]] of Object.entries(warnings)) {
    it(`is taken with a warning where one ${what}`, () => {
      expect(files.warnings(naming(text))).to.deep.equal([`gateway.toml:2: [tls] ca_file: ca.pem: ${problem}`]);
      expect(ca(text)).to.include("BEGIN CERTIFICATE");
    });
  }

  it("is taken without one where a server has signed its certificate itself", () => {
    expect(files.warnings(naming(makeCertificate().cert))).to.deep.equal([]);
  });

  it("is said to have changed, and no more of it", () => {
    const [one, other] = [ours.cert, theirs.cert].map((text) => files.load(naming(text)));
    expect(changesBetween(one!, other!)).to.deep.equal(["[tls] ca_file: changed"]);
    expect(changesBetween(one!, one!)).to.deep.equal([]);
    expect(changesBetween(files.load({ secrets: sfuTable() }), one!)).to.deep.equal(["[tls] ca_file: changed"]);
  });
});
