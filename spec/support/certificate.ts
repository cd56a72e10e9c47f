import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

/** A certificate and its key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Whose it is: its common name. */
  readonly subject: string;
}

export interface CertificateParts {
  readonly subject?: string;
  /** The names and IPv4 addresses that it is for. */
  readonly hosts?: readonly string[];
  /** Whose signature it has; its own where that is absent. */
  readonly by?: Certificate;
  /** Whether it may sign others. */
  readonly isAuthority?: boolean;
  /** Its first and its last moment, like `2020-01-01`; the first years of this century and those up to 2050. */
  readonly from?: string;
  readonly until?: string;
}

/**
 * X.509 by hand (RFC 5280), so that nobody needs openssl and no private key lies in the repository. One for `localhost` and
 * 127.0.0.1 that signs itself, unless it is told otherwise.
 */
export function makeCertificate({
  subject = "localhost",
  hosts = ["localhost", "127.0.0.1"],
  by,
  isAuthority = false,
  from = "2020-01-01",
  until = "2049-12-31",
}: CertificateParts = {}): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(oid("2a8648ce3d040302"));
  const validity = sequence(...[from, until].map(utcTime));
  const extensions = sequence(
    ...(hosts.length === 0 ? [] : [sequence(oid("551d11"), der(0x04, sequence(...hosts.map(alternativeName))))]),
    ...(isAuthority ? [sequence(oid("551d13"), der(0x04, sequence(der(0x01, Buffer.from([0xff])))))] : []),
  );
  const toBeSigned = sequence(
    der(0xa0, integer(2)),
    // Clear of the sign bit.
    der(0x02, Buffer.from([1]), randomBytes(8)),
    algorithm,
    commonName(by?.subject ?? subject),
    validity,
    commonName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    ...(extensions.length > 2 ? [der(0xa3, extensions)] : []),
  );
  const signature = sign("sha256", toBeSigned, by === undefined ? privateKey : createPrivateKey(by.key));
  const certificate = sequence(toBeSigned, algorithm, der(0x03, Buffer.from([0]), signature));
  const lines = certificate
    .toString("base64")
    .match(/.{1,64}/g)!
    .join("\n");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    subject,
  };
}

/** One that signs others, and is for no host itself. */
export function makeAuthority(parts: CertificateParts = {}): Certificate {
  return makeCertificate({ subject: "An authority", hosts: [], isAuthority: true, ...parts });
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(name)))));
}

function alternativeName(host: string): Buffer {
  return isIP(host) === 4 ? der(0x87, Buffer.from(host.split(".").map(Number))) : der(0x82, Buffer.from(host));
}

function utcTime(date: string): Buffer {
  return der(0x17, Buffer.from(`${date.replaceAll("-", "").slice(2)}000000Z`));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function integer(value: number): Buffer {
  return der(0x02, Buffer.from([value]));
}
