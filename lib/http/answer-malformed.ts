import type { IncomingMessage, ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { GatewayError, toError } from "../errors.ts";
import { errorBody, JSON_TYPE } from "./error-body.ts";
import { badRequest, tooLarge } from "./read-head.ts";
import { requestIdOf } from "./request-id.ts";
import { SECURITY_HEADER_LINES } from "./security-headers.ts";

/** What Node could not read as a request, in the form that all errors have; null where nobody is there to be told. */
export function describeMalformed(thrown: unknown): GatewayError | null {
  const { code = "" } = toError(thrown) as NodeJS.ErrnoException;
  if (code === "HPE_HEADER_OVERFLOW") return tooLarge();
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new GatewayError("bad_request", "the request took too long to arrive", { status: 408 });
  }
  return code.startsWith("HPE_") ? badRequest("this is not an HTTP/1.1 request") : null;
}

/**
 * Writes an answer where there is no request to be answered. The connection is to be ended after it.
 *
 * @returns the answer's id
 */
export function answerMalformed(refusal: GatewayError, connection: Duplex): string {
  const { status } = refusal;
  const requestId = requestIdOf(undefined);
  const body = JSON.stringify(errorBody(refusal, requestId));
  connection.write(
    [
      `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ""}`,
      `Content-Type: ${JSON_TYPE}`,
      `Content-Length: ${String(Buffer.byteLength(body))}`,
      `X-Request-Id: ${requestId}`,
      ...SECURITY_HEADER_LINES,
      "Connection: close",
      "",
      body,
    ].join("\r\n"),
  );
  return requestId;
}

/**
 * Refuses a request whose head was not to be relied on. Nothing of it gets as far as the middleware.
 *
 * @returns the answer's id
 */
export function refuseRequest(refusal: GatewayError, request: IncomingMessage, response: ServerResponse): string {
  const requestId = requestIdOf(request.headers["x-request-id"]);
  const body = JSON.stringify(errorBody(refusal, requestId));
  response.writeHead(refusal.status, {
    "Content-Type": JSON_TYPE,
    "Content-Length": Buffer.byteLength(body),
    "X-Request-Id": requestId,
    // What follows may be a part of it.
    Connection: "close",
  });
  response.end(body);
  return requestId;
}
