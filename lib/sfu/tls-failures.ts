import type { Duplex } from "node:stream";
import type { PeerCertificate, TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import { SfuError, toError } from "../errors.ts";

/** How far a handshake has come. */
interface Handshake {
  /** The name, or the address, that the certificate has to be for. */
  readonly host: string;
  readonly clock: Clock;
  stage: "connecting" | "shaking hands" | "over";
  /** What the other side has shown; Node forgets it with the connection. */
  certificate: Partial<PeerCertificate>;
}

const handshakes = new WeakMap<Duplex, Handshake>();

/** Notes what is seen of a connection that is being made, for {@link tlsFailureOf}. */
export function watchHandshake(connection: TLSSocket, host: string, clock: Clock): void {
  const handshake: Handshake = { host, clock, stage: "connecting", certificate: {} };
  handshakes.set(connection, handshake);
  connection.once("connect", () => (handshake.stage = "shaking hands"));
  // Before Node judges the certificate, for it closes the connection where that is not good.
  connection.prependOnceListener("secure", () => (handshake.certificate = connection.getPeerCertificate()));
  connection.once("secureConnect", () => (handshake.stage = "over"));
}

/**
 * @param connection what a request has failed on, null where it had none yet
 * @param error what it has failed with
 * @returns null where that has nothing to do with TLS
 */
export function tlsFailureOf(connection: Duplex | null, error: unknown): SfuError | null {
  const handshake = connection === null ? undefined : handshakes.get(connection);
  if (handshake === undefined) return null;
  const reason = reasonOf(toError(error));
  const sentence = SENTENCES[reason] ?? (handshake.stage === "shaking hands" ? "broke off the TLS handshake" : null);
  if (sentence === null) return null;
  return new SfuError("tls", `${typeof sentence === "string" ? sentence : sentence(handshake)} (${reason})`);
}

/** OpenSSL's own, which is text of the library's; else the code. */
function reasonOf({ code = "no code", message }: NodeJS.ErrnoException): string {
  const [, reason] = /:SSL routines:[^:]*:([a-z\d /]{1,80}):/i.exec(message) ?? [];
  return reason ?? code;
}

const NOT_TLS = "speaks no TLS at that port: is its address meant to begin with http://?";
const TOO_OLD = "speaks no TLS 1.2 or newer";

/** Each goes on after the SFU's address. */
const SENTENCES: Readonly<Partial<Record<string, string | ((handshake: Handshake) => string)>>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: ({ certificate, host }) =>
    `has a certificate for ${namesOf(certificate)}, not for ${printable(host)}`,
  CERT_HAS_EXPIRED: ({ certificate: { valid_to: until }, clock }) =>
    Date.parse(until ?? "") < clock.now()
      ? `has a certificate that expired on ${dayOf(until)}`
      : "has a certificate whose authority's own has expired",
  CERT_NOT_YET_VALID: ({ certificate: { valid_from: from }, clock }) =>
    Date.parse(from ?? "") > clock.now()
      ? `has a certificate that is not valid before ${dayOf(from)}`
      : "has a certificate whose authority's own is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "has a certificate that nobody but itself has signed, and that is not in [tls] ca_file",
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  "wrong version number": NOT_TLS,
  "packet length too long": NOT_TLS,
  "unsupported protocol": TOO_OLD,
  "tlsv1 alert protocol version": TOO_OLD,
  "tlsv13 alert certificate required": "wants a certificate of the gateway, which has none",
};

function unknownAuthority({ certificate: { issuer } }: Handshake): string {
  const name = [issuer?.CN ?? issuer?.O].flat()[0];
  return (
    `has a certificate by ${name === undefined ? "somebody" : `«${printable(name)}»`}, who is not known here: expected ` +
    "that authority in [tls] ca_file, or the certificates that lead to a known one from the SFU"
  );
}

/** So many are named; a certificate of a large provider has a hundred. */
const MAX_NAMES = 3;

function namesOf({ subjectaltname = "", subject }: Handshake["certificate"]): string {
  // Node quotes a name that has a comma in it, so that it cannot pass for two.
  const found = [...subjectaltname.matchAll(/(?:DNS|IP Address):([^,"]+)/g)].map(([, name = ""]) => printable(name));
  const names = found.length > 0 ? found : [subject?.CN ?? []].flat().map(printable);
  if (names.length === 0) return "nobody";
  const more = names.length - MAX_NAMES;
  return `${names.slice(0, MAX_NAMES).join(", ")}${more > 0 ? ` and ${String(more)} more` : ""}`;
}

function dayOf(date = ""): string {
  return new Date(Date.parse(date)).toISOString().slice(0, 10);
}

/** Whoever has that port can put there what he likes. */
function printable(text: string): string {
  const plain = text.replace(/[^\x20-\x7e\p{L}\p{N}]/gu, "?");
  return plain.length > 100 ? `${plain.slice(0, 99)}…` : plain;
}
