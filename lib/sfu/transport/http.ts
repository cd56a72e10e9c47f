import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { toError } from "../../errors.ts";
import { type Sending, tooLarge, type Transport } from "./transport.ts";

/**
 * By `node:http` and nothing else: for whatever grows with the calls and with the fleet. got does the same at five times
 * the price (`npm run bench:parts`).
 */
export const sendByHttp: Transport = (sending) =>
  new Promise((resolve, reject) => {
    const { target, agents, lookup, signal, maxBytes, onSent } = sending;
    const { method, text } = messageOf(sending);
    const headers = linesOf(sending, text);
    const { isSecure, host, port, path } = target;
    const agent = isSecure ? agents.https : agents.http;
    const sent = (isSecure ? requestHttps : requestHttp)({ host, port, path, method, headers, agent, lookup });
    const settle = (): void => signal.removeEventListener("abort", abort);
    const fail = (error: Error): void => {
      settle();
      reject(error);
      sent.destroy();
    };
    const abort = (): void => fail(toError(signal.reason));
    signal.addEventListener("abort", abort);
    // More may follow the first one, and what nobody listens to ends the process.
    sent.on("error", fail);
    sent.on("response", (answer) => {
      const { statusCode: status = 0, headers } = answer;
      readToEnd(answer, maxBytes, fail, (body) => {
        settle();
        resolve({ status, headers, body });
      });
    });
    onSent(sent, fail);
    if (signal.aborted) abort();
    else sent.end(text);
  });

const GET = { method: "GET", text: undefined } as const;

function messageOf({ body }: Sending): { readonly method: "GET" | "POST"; readonly text: string | undefined } {
  if (body === null) return GET;
  return { method: "POST", text: "text" in body ? body.text : JSON.stringify(body.json) };
}

/** Names and values by turns: Node writes these as they are, and takes twice as long for an object. */
function linesOf({ target, headers, body }: Sending, text: string | undefined): string[] {
  const lines = ["host", target.authority];
  for (const name in headers) lines.push(name, headers[name] ?? "");
  if (body !== null && "json" in body) lines.push("content-type", "application/json");
  if (text !== undefined) lines.push("content-length", String(Buffer.byteLength(text)));
  return lines;
}

function readToEnd(
  answer: IncomingMessage,
  maxBytes: number,
  fail: (error: Error) => void,
  end: (body: Uint8Array) => void,
): void {
  answer.on("error", fail);
  // Of its own size it is believed where that is too much.
  if (Number(answer.headers["content-length"] ?? 0) > maxBytes) {
    fail(tooLarge(maxBytes));
    return;
  }
  const parts: Buffer[] = [];
  let length = 0;
  answer.on("data", (part: Buffer) => {
    parts.push(part);
    length += part.length;
    if (length > maxBytes) fail(tooLarge(maxBytes));
  });
  answer.on("end", () => end(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, length)));
}
