import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../../lib/clock.ts";

/*
 * The least that a proxy of this kind does on Node.js, as a process: one HMAC to verify the token, one to sign it again, and
 * the request handed on over a kept connection to the next SFU. No retry, no health, no memory, no log. Hears where the SFUs
 * are from its environment, tells its port, and ends with its parent.
 */
const keyOf = (text = ""): KeyObject => createSecretKey(Buffer.from(text, "base64"));
const gatewayKey = keyOf(process.env.GATEWAY_KEY);
const sfuKey = keyOf(process.env.SFU_KEY);
const sfus = (JSON.parse(process.env.SFUS ?? "[]") as readonly string[]).map((address) => new URL(address));

const agent = new Agent({ keepAlive: true, timeout: 4000 });
let turn = 0;

function signed(text: string, key: KeyObject): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** @returns what the token's signature covers, null where it is not to be relied on */
function verified(token: string): string | null {
  const dot = token.lastIndexOf(".");
  const text = token.slice(0, dot);
  const signature = Buffer.from(token.slice(dot + 1), "base64url");
  const expected = signed(text, gatewayKey);
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return null;
  const payload = Buffer.from(text.slice(text.indexOf(".") + 1), "base64url").toString();
  const { iss, exp } = JSON.parse(payload) as { readonly iss?: unknown; readonly exp?: unknown };
  return typeof iss === "string" && typeof exp === "number" && exp * 1000 > systemClock.now() ? text : null;
}

function serve({ headers, url = "/" }: IncomingMessage, response: ServerResponse): void {
  const text = verified(headers.authorization?.slice("Bearer ".length) ?? "");
  const sfu = sfus[turn++ % sfus.length];
  if (text === null || sfu === undefined) {
    response.writeHead(401).end();
    return;
  }
  const authorization = `Bearer ${text}.${signed(text, sfuKey).toString("base64url")}`;
  const sent = request(
    { host: sfu.hostname, port: sfu.port, path: url, agent, headers: { authorization } },
    (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("end", () => {
        const body = Buffer.concat(parts);
        response.writeHead(answer.statusCode ?? 502, {
          "Content-Type": "application/json",
          "Content-Length": body.length,
        });
        response.end(body);
      });
    },
  );
  sent.on("error", () => response.writeHead(502).end());
  sent.end();
}

const server = createServer(serve).listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.once("disconnect", () => process.exit());
