import { LRUCache } from "lru-cache";
import { z } from "zod";
import type { Answer } from "../api/answer.ts";
import { SfuError } from "../errors.ts";
import { parseJson } from "../json.ts";

/** A uuid of o-sfu and odoo/sfu has 36 characters. */
const MAX_UUID_LENGTH = 256;

/** `url` is where the browsers connect: an http or https URL. */
export const channelSchema = z.object({
  uuid: z.string().min(1).max(MAX_UUID_LENGTH).refine(isVisible),
  url: z.string().max(2048).refine(isWebUrl),
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
  const result = channelSchema.safeParse(json);
  if (result.success) return result.data;
  const [field] = result.error.issues[0]?.path ?? [];
  throw new SfuError("garbage", `answered 200 with JSON ${field === undefined ? NO_CHANNEL : FAULTS[field]}`, 200);
}

/** Whether a channel may be called so, in an answer or in statistics. */
export function isChannelName(uuid: unknown): uuid is string {
  return typeof uuid === "string" && uuid !== "" && uuid.length <= MAX_UUID_LENGTH && isVisible(uuid);
}

const NO_CHANNEL = "that is not {uuid, url}";

/** Never quoted: it may be anything. */
const FAULTS: Readonly<Record<PropertyKey, string>> = {
  uuid: `whose uuid is no text of 1 to ${String(MAX_UUID_LENGTH)} visible characters`,
  url: "whose url is no http or https URL that browsers and Odoo can use: a host, perhaps a port and a path, no more",
};

/** No control characters, nothing that turns the writing around, no halves of characters. */
function isVisible(text: string): boolean {
  return !/[\p{C}\p{Zl}\p{Zp}]/u.test(text);
}

/**
 * More strictly than `URL`, which forgives blanks around it, missing slashes and much else: browsers and Odoo get the text
 * as it is. Odoo appends the path of a disconnect, and a browser opens no WebSocket where there is a fragment, so neither
 * that nor a query.
 */
function isWebUrl(text: string): boolean {
  if (webUrls.has(text)) return true;
  const isOne = readsAsWebUrl(text);
  if (isOne) webUrls.set(text, true);
  return isOne;
}

/** An SFU has one, and answers it a thousand times a second. */
const webUrls = new LRUCache<string, true>({ max: 10_000 });

function readsAsWebUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s/?#@\\]+(\/[^\s?#\\"<>^`{|}]*)?$/i.test(text) || !isVisible(text)) return false;
  const url = URL.parse(text);
  return url !== null && url.port !== "0";
}
