import { z } from "zod";
import type { Answer } from "../api/answer.ts";
import { SfuError } from "../errors.ts";
import { parseJson } from "../json.ts";

/** A uuid of o-sfu and odoo/sfu has 36 characters. */
export const MAX_UUID_LENGTH = 256;

/** `url` is where the browsers connect: an http or https URL. */
export const channelSchema = z.object({
  uuid: z.string().min(1).max(MAX_UUID_LENGTH),
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
  if (!result.success) throw new SfuError("garbage", "answered 200 with JSON that is not {uuid, url}", 200);
  return result.data;
}

/** More strictly than `URL`, which forgives spaces around it and missing slashes: browsers get the text as it is. */
function isWebUrl(text: string): boolean {
  const url = /^https?:\/\/[^\s\\]+$/i.test(text) ? URL.parse(text) : null;
  return url !== null && url.username === "" && url.password === "";
}
