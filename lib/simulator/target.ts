import type { IncomingMessage } from "node:http";

/** What a request is aimed at. */
export type Target =
  | { readonly kind: "parsed"; readonly path: string; readonly rawQuery: string; readonly query: URLSearchParams }
  /** Such as `//`: the real SFU stumbles over it and never answers. */
  | { readonly kind: "unparsable"; readonly path: string; readonly rawQuery: string };

export function targetOf(request: IncomingMessage): Target {
  const text = request.url ?? "";
  const mark = text.indexOf("?");
  const rawQuery = mark < 0 ? "" : text.slice(mark + 1);
  const url = URL.parse(text, "http://localhost/");
  if (url === null) return { kind: "unparsable", path: mark < 0 ? text : text.slice(0, mark), rawQuery };
  return { kind: "parsed", path: url.pathname, rawQuery, query: url.searchParams };
}

/** The whole body as text; `null` when the caller hung up in the middle of it. */
export async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return null;
  }
  return Buffer.concat(chunks).toString("utf8");
}
