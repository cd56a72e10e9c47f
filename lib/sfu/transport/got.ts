import got from "got";
import type { SfuError } from "../../errors.ts";
import { tooLarge, type Transport } from "./transport.ts";

const client = got.extend({
  retry: { limit: 0 },
  followRedirect: false,
  throwHttpErrors: false,
  // No answer is worth a decompression bomb.
  decompress: false,
  responseType: "buffer",
});

/** By got: for lists, commands and the agent, which are as rare as they are alike. */
export const sendByGot: Transport = async (sending) => {
  const { target, headers, body, agents, lookup, signal, maxBytes, onSent } = sending;
  const refusal = new AbortController();
  const refuse = (error: SfuError): void => refusal.abort(error);
  const request = client(target.url, {
    agent: { http: agents.http, https: agents.https },
    ...(body === null ? {} : { method: "POST", ...("json" in body ? { json: body.json } : { body: body.text }) }),
    headers,
    signal: AbortSignal.any([signal, refusal.signal]),
    dnsLookup: lookup,
  });
  void request.on("downloadProgress", ({ transferred, total }) => {
    if (Math.max(transferred, total ?? 0) > maxBytes) refuse(tooLarge(maxBytes));
  });
  void request.on("request", (sent) => onSent(sent, refuse));
  try {
    const { statusCode: status, headers, body } = await request;
    return { status, headers, body };
  } catch (error) {
    if (refusal.signal.aborted) throw refusal.signal.reason;
    throw error;
  }
};
