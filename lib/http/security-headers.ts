import { type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from "node:http";

/**
 * On every answer, for the browser of somebody who looks at one, or whom a strange page would have look. What is not here
 * says nothing about a JSON API (Permissions-Policy, COOP), or is for whoever ends TLS to say (HSTS).
 */
export const SECURITY_HEADERS = {
  // JSON stays JSON, whatever an SFU's name in it looks like.
  "X-Content-Type-Options": "nosniff",
  // A channel, or the fleet's state, is good for one caller and one moment.
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  // The same for browsers that are older than `frame-ancestors`.
  "X-Frame-Options": "DENY",
  // Browsers show the addresses in JSON as links.
  "Referrer-Policy": "no-referrer",
  // Who is inside the operator's network cannot have a strange page load the fleet's state.
  "Cross-Origin-Resource-Policy": "same-origin",
} as const satisfies Readonly<Record<string, string>>;

const HEADERS = Object.entries(SECURITY_HEADERS).map(([name, value]) => ({ name, value }));

/** The lines of an answer that is written by hand. */
export const SECURITY_HEADER_LINES: readonly string[] = HEADERS.map(({ name, value }) => `${name}: ${value}`);

/**
 * An answer that has them, whoever writes it: added at the last moment, for Koa takes all headers off an answer that ends
 * in an error which nobody caught. What a route has set by itself stays.
 */
export class SafeResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  override writeHead(
    status: number,
    reason?: string | OutgoingHttpHeaders | OutgoingHttpHeader[],
    headers?: OutgoingHttpHeaders | OutgoingHttpHeader[],
  ): this {
    for (const { name, value } of HEADERS) if (!this.hasHeader(name)) this.setHeader(name, value);
    return typeof reason === "string" ? super.writeHead(status, reason, headers) : super.writeHead(status, reason);
  }
}
