import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { VERSION } from "../version.ts";
import type { GatewayMiddleware } from "./context.ts";

const FOLDER = new URL("dashboard/", import.meta.url);

/** One script in the page, and one scope; in this order. */
const SCRIPTS = ["words.js", "dom.js", "overview.js", "fleet.js", "regions.js", "failovers.js", "page.js"];

/**
 * `GET /dashboard`: the fleet for people, one page that has all that it needs in it. It is for everybody who reaches the
 * gateway, as `/v1/health` is, and shows the same facts.
 */
export function showDashboard(): GatewayMiddleware {
  const { html, policy } = pageOf(read);
  return ({ response }) => {
    response.set("Content-Security-Policy", policy);
    response.type = "html";
    response.body = html;
  };
}

interface Page {
  readonly html: string;
  /** Lets the page's own style and script work, by their hashes, and nothing else. */
  readonly policy: string;
}

function pageOf(part: (name: string) => string): Page {
  const style = part("style.css");
  const script = SCRIPTS.map(part).join("\n");
  if (/<\/(?:style|script)|<!--/i.test(style + script)) throw new Error("the page's style or script would end early");
  const policy = [
    "default-src 'none'",
    `script-src ${sourceOf(script)}`,
    `style-src ${sourceOf(style)}`,
    // The tab's icon, which tells the state.
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // Not even by mistake does a text become markup.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
  const html = part("page.html")
    // A function, for a text might hold what `replace` takes for a pattern.
    .replace("<html ", () => `<html data-version="${VERSION}" `)
    .replace("<!-- style -->", () => `<style>${style}</style>`)
    .replace("<!-- script -->", () => `<script>${script}</script>`);
  return { html, policy };
}

function sourceOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

function read(name: string): string {
  return readFileSync(new URL(name, FOLDER), "utf8");
}
