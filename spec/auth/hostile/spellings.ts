import { claims, type Door, encode, HS256, macOf, mint, otherSpellings, type Parts } from "./mint.ts";
import { type HostileToken, IN_A_BODY, refused, taken } from "./token.ts";

/** Claims whose text in the standard alphabet has a `+` or a `/`. */
function withBoth(door: Door): string {
  return claims(door, '"x":"??>>~~ÿÿÿ"');
}

/** Both segments respelled before they are signed, and nothing else. */
function respelt(door: Door, respell: NonNullable<Parts["respell"]>): string {
  return mint(door, { payload: claims(door, '"x":"y"'), respell });
}

/** A payload segment that stands just so in the token, under a true signature. */
function payloadAs(door: Door, spell: (payload: string) => string, payload = claims(door)): string {
  const signed = `${encode(HS256)}.${spell(Buffer.from(payload).toString("base64url"))}`;
  return `${signed}.${macOf(signed, door).toString("base64url")}`;
}

/** Claims whose length leaves bits over in their last character. */
function uneven(door: Door): string {
  let payload = claims(door);
  while (Buffer.byteLength(payload) % 3 === 0) payload += " ";
  return payload;
}

function padding(segment: string): string {
  return "=".repeat((4 - (segment.length % 4)) % 4);
}

/** Base64 in other spellings than Odoo's; each of these is signed over the very text that it has. */
export const SPELLINGS: readonly HostileToken[] = [
  taken("the standard alphabet, as odoo/sfu's own signer writes it", (door) =>
    mint(door, { payload: withBoth(door), encoding: "base64" }),
  ),
  taken("the standard alphabet without padding", (door) =>
    mint(door, { payload: withBoth(door), encoding: "base64", respell: (segment) => segment.replace(/=+$/, "") }),
  ),
  taken("the url-safe alphabet with padding", (door) => respelt(door, (segment) => segment + padding(segment))),
  refused("both alphabets in one segment", (door) =>
    payloadAs(
      door,
      (text) => text.replace(/[-_]/, (c) => (c === "-" ? "+" : "/")),
      withBoth(door).replace("~~", "~~??>>~~"),
    ),
  ),
  refused("one alphabet in the payload, the other in the signature", (door) => {
    for (let number = 0; ; number++) {
      const signed = `${encode(HS256)}.${encode(claims(door, `"x":"??>>~~ÿÿÿ","y":${String(number)}`))}`;
      const signature = macOf(signed, door).toString("base64");
      if (/[-_]/.test(signed) && /[+/]/.test(signature)) return `${signed}.${signature}`;
    }
  }),
  ...[0, 1].map((index) =>
    refused(`bits left over in the payload, no. ${String(index + 1)}`, (door) =>
      payloadAs(door, (text) => otherSpellings(text)[index] ?? "", uneven(door)),
    ),
  ),
  refused("one '=' too many", (door) => respelt(door, (segment) => `${segment}${padding(segment)}=`)),
  refused("padding and more behind it", (door) => respelt(door, (segment) => `${segment}====`)),
  refused("'=' in front", (door) => respelt(door, (segment) => `=${segment}`)),
  refused("'=' inside", (door) => respelt(door, (segment) => `${segment.slice(0, 8)}=${segment.slice(8)}`)),
  refused("segments of padding alone", (door) => respelt(door, () => "==")),
  refused("a space inside", (door) => respelt(door, (segment) => `${segment.slice(0, 8)} ${segment.slice(8)}`)),
  refused("a tab inside", (door) => respelt(door, (segment) => `${segment.slice(0, 8)}\t${segment.slice(8)}`)),
  refused(
    "a line break inside",
    (door) => respelt(door, (segment) => `${segment.slice(0, 8)}\r\n${segment.slice(8)}`),
    IN_A_BODY,
  ),
  refused("a length that nothing encodes to", (door) =>
    respelt(door, (segment) => segment.padEnd(segment.length + 5 - (segment.length % 4), "A")),
  ),
  refused("percent-encoding", (door) => respelt(door, (segment) => segment.replace("e", "%65"))),
  refused("base64 of base64", (door) => respelt(door, (segment) => encode(segment))),
  refused("hex", (door) => respelt(door, (segment) => Buffer.from(segment, "base64url").toString("hex"))),
  refused("claims that are not encoded", (door) => payloadAs(door, () => claims(door))),
  refused("a letter outside ASCII", (door) => respelt(door, (segment) => `${segment}\u00e9`)),
  refused("a character of neither alphabet", (door) =>
    respelt(door, (segment) => `${segment.slice(0, 8)}*${segment.slice(8)}`),
  ),
];
