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
    const { method, headers, text } = messageOf(sending);
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
    sent.once("response", (answer) => {
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

interface Message {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string | number>>;
  readonly text?: string;
}

function messageOf({ headers, body }: Sending): Message {
  if (body === null) return { method: "GET", headers };
  const text = "text" in body ? body.text : JSON.stringify(body.json);
  const type = "text" in body ? {} : { "content-type": "application/json" };
  return { method: "POST", headers: { ...headers, ...type, "content-length": Buffer.byteLength(text) }, text };
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
  answer.once("end", () => end(Buffer.concat(parts, length)));
}
