import type { IncomingMessage } from "node:http";
import { GatewayError } from "../errors.ts";

/** More than any chain of proxies adds; Node itself sets no bound that holds (16 KB are names and values alone). */
export const MAX_HEADERS = 100;

/** A host and a port, or nothing, as RFC 9110 (7.2) has it; names with an underscore are out there. */
const HOST = /^(?:(?:[\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+\])(?::\d{0,5})?)?$/i;

/** What a proxy is sent, and what a server has to take as well (RFC 9112, 3.2.2). */
const ABSOLUTE = /^https?:\/\/([^/?#]+)(?=[/?]|$)/i;

/**
 * Judges the head of a request, beyond what Node's parser does: whatever a proxy in front may have read in another way
 * than the gateway would is refused. Of a target in absolute form only the path and the query are left.
 *
 * @returns why it is refused: 400 or 431 `bad_request`, 417 `expectation_failed`; null where all is well
 */
export function readHead(request: IncomingMessage): GatewayError | null {
  const { httpVersion, headers, rawHeaders } = request;
  const isOld = httpVersion === "1.0";
  // Node's parser takes 0.9 and 2.0 as well.
  if (httpVersion !== "1.1" && !isOld) return badRequest("this is not an HTTP/1.1 request");
  if (rawHeaders.length > 2 * MAX_HEADERS) return tooLarge();
  const twice = repeated(rawHeaders);
  if (twice !== null) return badRequest(`there is more than one ${twice}`);
  if (!isOld && headers.host === undefined) return badRequest("there is no Host");
  if (!HOST.test(headers.host ?? "")) return badRequest("this Host is not a host and a port");
  const { "transfer-encoding": coding, expect } = headers;
  if (coding !== undefined && (isOld || coding.toLowerCase() !== "chunked")) {
    return badRequest("no other transfer coding than chunked is understood, and that in HTTP/1.1 alone");
  }
  const target = originForm(request.url ?? "");
  if (target === null) return badRequest("this is not a target that can be asked for here");
  request.url = target;
  // Who speaks HTTP/1.0 does not wait for it.
  if (expect === undefined || isOld || expect.toLowerCase() === "100-continue") return null;
  return new GatewayError("expectation_failed", "only 'Expect: 100-continue' can be met", { status: 417 });
}

/** Of the headers that there may be one of, and that say who asks whom: the one that is there more than once. */
function repeated(rawHeaders: readonly string[]): string | null {
  let hosts = 0;
  let authorizations = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    // The lengths first: this is done for every header of every request.
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
    else if (name.length === 13 && name.toLowerCase() === "authorization") authorizations++;
  }
  return hosts > 1 ? "Host" : authorizations > 1 ? "Authorization" : null;
}

/** @returns null for what is no target of a server: a fragment, another scheme, a user in it, no host */
function originForm(url: string): string | null {
  if (url.includes("#")) return null;
  if (url.startsWith("/") || url === "*") return url;
  const [start = "", authority = ""] = ABSOLUTE.exec(url) ?? [];
  if (authority === "" || !HOST.test(authority)) return null;
  const rest = url.slice(start.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

export function tooLarge(): GatewayError {
  const message = `the headers are more than ${String(MAX_HEADERS)}, or larger than 16 KB`;
  return new GatewayError("bad_request", message, { status: 431 });
}

export function badRequest(message: string): GatewayError {
  return new GatewayError("bad_request", message, { status: 400 });
}
