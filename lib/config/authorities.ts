import { X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import type { Clock } from "../clock.ts";
import { describeSystemError } from "../errors.ts";
import type { Fault } from "./fault.ts";
import { readText } from "./read-text.ts";

/** Where `[tls] ca_file` stands, and when it is read. */
export interface AuthoritiesTools {
  readonly where: string;
  readonly clock: Clock;
  readonly faults: Fault[];
  readonly warnings: Fault[];
}

const SETTING = "[tls] ca_file";
const EXPECTED = "expected certificates of authorities in PEM, which begin with -----BEGIN CERTIFICATE-----";
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Reads authorities that shall count beside the usual ones.
 *
 * @returns their certificates and nothing else of the file, PEM; null where there is a fault, which never quotes it
 */
export function readAuthorities(file: string, { where, clock, faults, warnings }: AuthoritiesTools): string | null {
  const tell = (into: Fault[], problem: string): null => {
    into.push({ where, what: SETTING, problem: `${file}: ${problem}` });
    return null;
  };
  let text: string;
  try {
    if (!statSync(file).isFile()) return tell(faults, `not a file, ${EXPECTED}`);
    text = readText(file);
  } catch (error) {
    return tell(faults, `cannot be read: ${describeSystemError(error)}`);
  }
  // Most likely the files have been mixed up, and the key of somebody's server lies where it should not.
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return tell(faults, `holds a private key, ${EXPECTED}`);

  const certificates = text.match(PEM) ?? [];
  if (certificates.length === 0) return tell(faults, `no certificate in it, ${EXPECTED}`);
  if (text.split("-----BEGIN CERTIFICATE-----").length - 1 > certificates.length) {
    return tell(faults, `a certificate in it has no end, ${EXPECTED}`);
  }
  const read = certificates.map(parse);
  read.forEach((certificate, index) => {
    const name = `certificate ${String(index + 1)} of ${String(read.length)}`;
    if (certificate === null) tell(faults, `${name} cannot be read, ${EXPECTED}`);
    else for (const problem of doubtsOf(certificate, clock.now())) tell(warnings, `${name}, ${problem}`);
  });
  return read.includes(null) ? null : `${certificates.join("\n")}\n`;
}

/** @param ca what {@link readAuthorities} has read */
export function countOf(ca: string): number {
  return ca.match(PEM)?.length ?? 0;
}

function parse(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

/** What makes an authority useless, now or soon. */
function doubtsOf(certificate: X509Certificate, nowMs: number): readonly string[] {
  const { ca, issuer, subject, validFromDate, validToDate } = certificate;
  const called = `${oneLine(subject)}, `;
  // One that has signed itself is believed all the same: a server's own, with no authority behind it.
  const signsNobody = !ca && issuer !== subject;
  return [
    ...(signsNobody ? [`${called}belongs to a server and has signed nobody else's: expected the authority's own`] : []),
    ...(validToDate.getTime() < nowMs ? [`${called}expired on ${dayOf(validToDate)}`] : []),
    ...(validFromDate.getTime() > nowMs ? [`${called}is not valid before ${dayOf(validFromDate)}`] : []),
  ];
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** @param name Node has none where nobody has given it one, of which the types know nothing */
function oneLine(name: string | undefined): string {
  return (name ?? "without a name").replace(/\s*\n\s*/g, ", ").replace(/[^\x20-\x7e\p{L}\p{N}]/gu, "?");
}
