import { claims, type Door, encode, HS256, mint, segmentsOf } from "./mint.ts";
import { type HostileToken, IN_A_BODY, IN_A_HEADER, refused, taken } from "./token.ts";

/** A token's text as JSON: RFC 7515, section 7.2. */
function inJson(door: Door, form: "flattened" | "general"): string {
  const [header, payload, signature] = segmentsOf(mint(door));
  const one = { protected: header, signature };
  return JSON.stringify(form === "flattened" ? { payload, ...one } : { payload, signatures: [one] });
}

export function around(door: Door, wrap: (parts: readonly string[]) => string): string {
  return wrap(segmentsOf(mint(door)));
}

/** How many parts there are, and whose. */
export const SHAPES: readonly HostileToken[] = [
  ...[
    "garbage",
    ".",
    "..",
    "...",
    "....",
    "null",
    "undefined",
    "[]",
    "{}",
    "0",
    "%",
    "a.b.c",
    "\u00e9.\u00e9.\u00e9",
  ].map((text) => refused(`no token: ${text}`, () => text)),
  refused("two parts", (door) => around(door, ([header, payload]) => `${String(header)}.${String(payload)}`)),
  refused("four parts", (door) => `${mint(door)}.x`),
  refused("an empty fourth part", (door) => `${mint(door)}.`),
  refused("an empty part in front", (door) => `.${mint(door)}`),
  refused("the five parts of a JWE", (door) => around(door, ([h, p, s]) => [h, "", "AAAA", p, s].join("."))),
  refused("five parts with the right three in front", (door) => `${mint(door)}.AAAA.AAAA`),
  refused("no header", (door) => around(door, ([, ...rest]) => ["", ...rest].join("."))),
  refused("no payload", (door) => around(door, ([header, , signature]) => [header, "", signature].join("."))),
  refused("an empty payload that is signed", (door) => mint(door, { payload: "" })),
  refused("an empty header that is signed", (door) => mint(door, { header: "" })),
  refused("JSON, flattened", (door) => inJson(door, "flattened")),
  refused("JSON, general", (door) => inJson(door, "general")),
  refused("a token inside a token", (door) => mint(door, { payload: mint(door) })),
  refused("a token as JSON text inside a token", (door) => mint(door, { payload: JSON.stringify(mint(door)) })),
  refused("two tokens", (door) => `${mint(door)},${mint(door)}`),
  refused("a scheme before the token", (door) => `Bearer ${mint(door)}`),
  refused("quotes around it", (door) => `"${mint(door)}"`),
  refused("its dots percent-encoded", (door) => mint(door).replaceAll(".", "%2E")),
  refused("one character percent-encoded", (door) => mint(door).replace(/^e/, "%65")),
  refused("a full-width dot", (door) => Buffer.from(mint(door).replace(".", "．")).toString("latin1")),
  refused("header and payload in each other's place", (door) => around(door, ([h, p, s]) => [p, h, s].join("."))),
  refused("the header of another", (door) =>
    around(door, ([, ...rest]) => [encode({ typ: "JWT", alg: "HS256" }), ...rest].join(".")),
  ),
  refused("the payload of another", (door) =>
    around(door, ([h, , s]) => [h, encode(claims(door, '"x":1')), s].join(".")),
  ),
  refused("the signature of another", (door) =>
    around(door, ([h, p]) => [h, p, segmentsOf(mint(door, { payload: claims(door, '"x":1') }))[2]].join(".")),
  ),
  {
    name: "nothing",
    make: () => "",
    verdict: "missing_token",
  },
  refused("a line break before the signature", (door) => mint(door).replace(/\.([^.]*)$/, ".\n$1"), IN_A_BODY),
  refused("a NUL behind it", (door) => `${mint(door)}\u0000`, IN_A_BODY),
  refused("a zero-width space inside", (door) => mint(door).replace(".", ".\u200b"), IN_A_BODY),
  refused("12,289 characters", (door) => padded(door, 12_289), IN_A_HEADER),
  refused("15,000 characters", (door) => padded(door, 15_000), IN_A_HEADER),
  taken("12,288 characters", (door) => padded(door, 12_288)),
  taken("60,000 characters", (door) => padded(door, 60_000), IN_A_BODY),
];

/** A good token of just this length. */
function padded(door: Door, length: number): string {
  // Members that tell one token from the next are of one length, so that this one can be measured.
  const lengthOf = (more: number): number => mint(door, { payload: claims(door, `"x":"${"x".repeat(more)}"`) }).length;
  let more = Math.floor((length - lengthOf(0)) * 0.75) - 4;
  while (lengthOf(more) < length) more++;
  const text = mint(door, { payload: claims(door, `"x":"${"x".repeat(more)}"`) });
  // Four characters for three bytes: where the length falls between two, a space in the header makes up for it.
  return text.length === length
    ? text
    : mint(door, { header: `${JSON.stringify(HS256)} `, payload: claims(door, `"x":"${"x".repeat(more - 1)}"`) });
}
