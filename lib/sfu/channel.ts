import { LRUCache } from "lru-cache";
import { z } from "zod";
import type { Answer } from "../api/answer.ts";
import { SfuError } from "../errors.ts";
import { parseJson } from "../json.ts";

/** A uuid of o-sfu and odoo/sfu has 36 characters. */
const MAX_UUID_LENGTH = 256;
const MAX_URL_LENGTH = 2048;

/**
 * As the documentation has it; `url` is where the browsers connect: an http or https URL. Answers are read by
 * {@link parseChannel}, which asks for more.
 */
export const channelSchema = z.object({
  uuid: z.string().min(1).max(MAX_UUID_LENGTH),
  url: z.string().max(MAX_URL_LENGTH),
});

/** What an SFU makes of a conference, and what Odoo stores of it. */
export type Channel = Answer<typeof channelSchema>;

/**
 * Reads the body of a 200. Odoo's join raises on one that is not JSON or lacks `uuid` or `url` (contract.md), so
 * nothing else gets past here, and no further field of the body either.
 *
 * @throws {SfuError} `garbage`
 */
export function parseChannel(body: Uint8Array): Channel {
  let json: unknown;
  try {
    json = parseJson(body);
  } catch {
    throw new SfuError("garbage", "answered 200 with a body that is not JSON", 200);
  }
  if (!isObject(json)) throw garbage("that is not {uuid, url}");
  const { uuid, url } = json;
  if (!isChannelName(uuid)) {
    throw garbage(`whose uuid is no text of 1 to ${String(MAX_UUID_LENGTH)} visible characters`);
  }
  if (!isWebUrl(url)) throw garbage(`whose url ${NO_URL}`);
  return { uuid, url };
}

/** Whether a channel may be called so, in an answer or in statistics. */
export function isChannelName(uuid: unknown): uuid is string {
  return typeof uuid === "string" && uuid !== "" && uuid.length <= MAX_UUID_LENGTH && isVisible(uuid);
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** @param how never quotes it: it may be anything */
function garbage(how: string): SfuError {
  return new SfuError("garbage", `answered 200 with JSON ${how}`, 200);
}

const NO_URL = "is no http or https URL that browsers and Odoo can use: a host, perhaps a port and a path, no more";

/** No control characters, nothing that turns the writing around, no halves of characters. */
function isVisible(text: string): boolean {
  return !/[\p{C}\p{Zl}\p{Zp}]/u.test(text);
}

/**
 * More strictly than `URL`, which forgives blanks around it, missing slashes and much else: browsers and Odoo get the text
 * as it is. Odoo appends the path of a disconnect, and a browser opens no WebSocket where there is a fragment, so neither
 * that nor a query.
 */
function isWebUrl(url: unknown): url is string {
  if (typeof url !== "string" || url.length > MAX_URL_LENGTH) return false;
  if (webUrls.has(url)) return true;
  const isOne = readsAsWebUrl(url);
  if (isOne) webUrls.set(url, true);
  return isOne;
}

/** An SFU has one, and answers it a thousand times a second. */
const webUrls = new LRUCache<string, true>({ max: 10_000 });

function readsAsWebUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s/?#@\\]+(\/[^\s?#\\"<>^`{|}]*)?$/i.test(text) || !isVisible(text)) return false;
  const url = URL.parse(text);
  return url !== null && url.port !== "0";
}
