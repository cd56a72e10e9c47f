import { claims, type Door, HS256, mint } from "./mint.ts";
import { type HostileToken, refused, taken } from "./token.ts";

const DEEP = 3000;

function says(name: string, payload: (door: Door) => string | Buffer): HostileToken {
  return refused(`claims: ${name}`, (door) => mint(door, { payload: payload(door) }));
}

function header(name: string, text: string | Buffer): HostileToken {
  return refused(`header: ${name}`, (door) => mint(door, { header: text }));
}

/** The bytes of good claims with others in the place of a marker. */
function withBytes(door: Door, ...bytes: readonly number[]): Buffer {
  const [before, after] = claims(door, '"x":"|"').split("|") as [string, string];
  return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
}

/** Good claims, and in them an array this deep. */
function nested(door: Door, depth: number): string {
  return claims(door, `"x":${"[".repeat(depth)}${"]".repeat(depth)}`);
}

const ODD_TEXTS: Readonly<Record<string, string>> = {
  "a NUL": "a\\u0000b",
  "a character beyond the first plane": "\\ud83d\\ude00",
  "text from right to left": "\\u202e\\u200f",
  "a JWT": "eyJhbGciOiJub25lIn0.e30.",
};

/** What one reader reads and another does not, or otherwise. */
export const JSON_TEXTS: readonly HostileToken[] = [
  header("alg twice, the last HS256", '{"alg":"none","alg":"HS256"}'),
  header("alg twice, the first HS256", '{"alg":"HS256","alg":"none"}'),
  header("alg twice, both HS256", '{"alg":"HS256","alg":"HS256"}'),
  header("alg twice, once escaped", '{"alg":"HS256","\\u0061lg":"none"}'),
  header("typ twice", '{"alg":"HS256","typ":"JWT","typ":"JWT"}'),
  header("alg below __proto__", '{"__proto__":{"alg":"HS256"}}'),
  header("alg in another case", '{"ALG":"HS256"}'),
  header("an array", '["HS256"]'),
  header("a text", '"HS256"'),
  header("null", "null"),
  header("a byte order mark", `\ufeff${JSON.stringify(HS256)}`),
  header("UTF-16", Buffer.from(JSON.stringify(HS256), "utf16le")),
  header("a byte that is not UTF-8", Buffer.from([...Buffer.from('{"alg":"HS256","x":"'), 0xff, 0x22, 0x7d])),
  header("a comment", '{"alg":"HS256"/* */}'),
  header("a comma at the end", '{"alg":"HS256",}'),
  header("half of a surrogate pair", '{"alg":"HS256","x":"\\ud800"}'),
  header("a deep nesting", `{"alg":"HS256","x":${"[".repeat(DEEP)}${"]".repeat(DEEP)}}`),
  says("exp twice, the last good", (door) => `{"exp":1,${claims(door).slice(1)}`),
  says("exp twice, the first good", (door) => claims(door, '"exp":1')),
  says("exp twice, alike", (door) => claims(door, `"exp":${String(door.nowS() + 60)}`)),
  says("exp twice, once escaped", (door) => claims(door, '"\\u0065xp":9999999999')),
  says("a stranger twice", (door) => claims(door, '"x":1,"x":1')),
  says("a member twice, far inside", (door) => claims(door, '"x":[{"y":{"z":1,"z":2}}]')),
  says("__proto__ twice", (door) => claims(door, '"__proto__":1,"__proto__":2')),
  says("exp below __proto__", (door) => `{${door.members()},"__proto__":{"exp":9999999999}}`),
  says("exp below constructor", (door) => `{${door.members()},"constructor":{"prototype":{"exp":9999999999}}}`),
  taken("claims: __proto__ and constructor, once each", (door) =>
    mint(door, { payload: claims(door, '"__proto__":{"exp":1,"iss":"x"},"constructor":{"prototype":{"exp":1}}') }),
  ),
  says("half of a surrogate pair", (door) => claims(door, '"x":"\\ud800"')),
  says("half of a surrogate pair in a name", (door) => claims(door, '"\\udfff":1')),
  says("a surrogate in UTF-8", (door) => withBytes(door, 0xed, 0xa0, 0x80)),
  says("an overlong slash", (door) => withBytes(door, 0xc0, 0xaf)),
  says("an overlong NUL", (door) => withBytes(door, 0xc0, 0x80)),
  says("a byte that is not UTF-8", (door) => withBytes(door, 0xff)),
  says("a character that ends too soon", (door) => withBytes(door, 0xe2, 0x82)),
  says("beyond the last character", (door) => withBytes(door, 0xf4, 0x90, 0x80, 0x80)),
  says("a raw NUL", (door) => withBytes(door, 0)),
  says("a raw line break in a text", (door) => withBytes(door, 0x0a)),
  says("a byte order mark", (door) => `\ufeff${claims(door)}`),
  says("UTF-16", (door) => Buffer.from(claims(door), "utf16le")),
  says("UTF-16 with its mark", (door) => Buffer.from(`\ufeff${claims(door)}`, "utf16le")),
  ...Object.entries(ODD_TEXTS).map(([name, text]) =>
    taken(`claims: ${name} in a text`, (door) => mint(door, { payload: claims(door, `"x":"${text}"`) })),
  ),
  ...["[]", '"x"', "7", "null", "true", "", " ", "{", "{}{}", "NaN", "undefined"].map((text) =>
    says(text === "" ? "no text" : text, () => text),
  ),
  says("an array of the claims", (door) => `[${claims(door)}]`),
  says("the claims twice", (door) => claims(door) + claims(door)),
  says("a NUL behind them", (door) => `${claims(door)}\u0000`),
  says("a comma at the end", (door) => claims(door).replace(/\}$/, ",}")),
  says("a comment", (door) => claims(door).replace("{", "{/* */")),
  says("single quotes", (door) => claims(door).replaceAll('"', "'")),
  says("names without quotes", (door) => claims(door).replace('"exp"', "exp")),
  taken("claims: spaces and line breaks between", (door) =>
    mint(door, { payload: ` ${claims(door).replaceAll(",", " ,\r\n\t")}\n` }),
  ),
  taken("claims: nested 63 deep", (door) => mint(door, { payload: nested(door, 63) })),
  says("nested 64 deep", (door) => nested(door, 64)),
  says("nested 3,000 deep", (door) => nested(door, DEEP)),
  says("objects nested 1,000 deep", (door) => claims(door, `"x":${'{"x":'.repeat(1000)}1${"}".repeat(1000)}`)),
];
