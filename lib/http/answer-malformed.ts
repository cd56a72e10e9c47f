import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ErrorAnswer } from "../api/error.ts";
import { toError } from "../errors.ts";

/**
 * Answers what Node could not read as a request, in the form that all errors have, and ends the connection. Nothing of
 * such bytes ever gets as far as the middleware.
 */
export function answerMalformed(thrown: unknown, connection: Duplex): void {
  const { code } = toError(thrown) as NodeJS.ErrnoException;
  if (code === "ECONNRESET" || !connection.writable) {
    connection.destroy();
    return;
  }
  const { status, message } = describe(code);
  const requestId = randomUUID();
  const answer: ErrorAnswer = { error: "bad_request", message, requestId };
  const body = JSON.stringify(answer);
  connection.end(
    [
      `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ""}`,
      "Content-Type: application/json; charset=utf-8",
      `Content-Length: ${String(Buffer.byteLength(body))}`,
      `X-Request-Id: ${requestId}`,
      "Connection: close",
      "",
      body,
    ].join("\r\n"),
  );
}

function describe(code: string | undefined): { readonly status: number; readonly message: string } {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return { status: 431, message: "the headers are larger than 16 KB" };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, message: "the request took too long to arrive" };
    default:
      return { status: 400, message: "this is not an HTTP/1.1 request" };
  }
}
