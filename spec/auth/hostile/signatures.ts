import { createHash, createHmac } from "node:crypto";
import { type Door, macOf, mint, otherSpellings, segmentsOf } from "./mint.ts";
import { around } from "./shapes.ts";
import { type HostileToken, refused, taken } from "./token.ts";

function withSignature(door: Door, change: (signature: string) => string): string {
  const [header, payload, signature] = segmentsOf(mint(door));
  return `${header}.${payload}.${change(signature)}`;
}

function over(door: Door, text: (header: string, payload: string) => string): string {
  const [header, payload] = segmentsOf(mint(door));
  return `${header}.${payload}.${macOf(text(header, payload), door).toString("base64url")}`;
}

function decoded(segment: string): string {
  return Buffer.from(segment, "base64url").toString();
}

export const SIGNATURES: readonly HostileToken[] = [
  refused("an empty signature", (door) => withSignature(door, () => "")),
  refused("a signature of zeros", (door) => withSignature(door, () => "A".repeat(43))),
  refused("one character less", (door) => withSignature(door, (text) => text.slice(0, -1))),
  refused("three bytes less", (door) => withSignature(door, (text) => text.slice(0, -4))),
  refused("one byte", (door) => withSignature(door, (text) => text.slice(0, 2))),
  refused("half of it", (door) =>
    withSignature(door, (text) => Buffer.from(text, "base64url").subarray(0, 16).toString("base64url")),
  ),
  refused("one character more", (door) => withSignature(door, (text) => `${text}A`)),
  refused("three bytes more", (door) =>
    withSignature(door, (text) =>
      Buffer.concat([Buffer.from(text, "base64url"), Buffer.alloc(3)]).toString("base64url"),
    ),
  ),
  refused("twice the signature", (door) => withSignature(door, (text) => text + text)),
  ...[0, 1, 2].map((index) =>
    refused(`the same bytes in another spelling, no. ${String(index + 1)}`, (door) =>
      withSignature(door, (text) => otherSpellings(text)[index] ?? ""),
    ),
  ),
  refused("another first character", (door) =>
    withSignature(door, (text) => (text.startsWith("A") ? "B" : "A") + text.slice(1)),
  ),
  refused("upper for lower case", (door) =>
    withSignature(door, (text) => text.replace(/[A-Za-z]/, (c) => (c < "a" ? c.toLowerCase() : c.toUpperCase()))),
  ),
  refused("hex", (door) => withSignature(door, (text) => Buffer.from(text, "base64url").toString("hex"))),
  taken("padding", (door) => withSignature(door, (text) => `${text}=`)),
  refused("too much padding", (door) => withSignature(door, (text) => `${text}==`)),
  refused("far too much padding", (door) => withSignature(door, (text) => text + "=".repeat(1000))),
  refused("padding in the middle", (door) => withSignature(door, (text) => `${text.slice(0, 20)}=${text.slice(20)}`)),
  refused("a space inside", (door) => withSignature(door, (text) => `${text.slice(0, 20)} ${text.slice(20)}`)),
  refused("a tab inside", (door) => withSignature(door, (text) => `${text.slice(0, 20)}\t${text.slice(20)}`)),
  refused("a letter outside ASCII inside", (door) => withSignature(door, (text) => `${text}\u00e9`)),
  refused("something behind it", (door) => withSignature(door, (text) => `${text};x=1`)),
  refused("signed over the decoded parts", (door) => over(door, (h, p) => `${decoded(h)}.${decoded(p)}`)),
  refused("signed over the header alone", (door) => over(door, (header) => header)),
  refused("signed over the payload alone", (door) => over(door, (_, payload) => payload)),
  refused("signed over both without the dot", (door) => over(door, (header, payload) => header + payload)),
  refused("signed over both the wrong way round", (door) => over(door, (header, payload) => `${payload}.${header}`)),
  refused("a hash that knows no key", (door) =>
    around(
      door,
      ([h, p]) =>
        `${String(h)}.${String(p)}.${createHash("sha256")
          .update(`${String(h)}.${String(p)}`)
          .digest("base64url")}`,
    ),
  ),
  refused("a hash of key and text", (door) =>
    around(door, ([h, p]) => {
      const hash = createHash("sha256").update(Buffer.from(door.key, "base64"));
      return `${String(h)}.${String(p)}.${hash.update(`${String(h)}.${String(p)}`).digest("base64url")}`;
    }),
  ),
  refused("key and text in each other's place", (door) =>
    around(door, ([h, p]) => {
      const mac = createHmac("sha256", `${String(h)}.${String(p)}`).update(Buffer.from(door.key, "base64"));
      return `${String(h)}.${String(p)}.${mac.digest("base64url")}`;
    }),
  ),
];
