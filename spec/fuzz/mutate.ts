import type { Random } from "../../lib/clock.ts";

/** Where parsers go wrong, whatever they parse. */
const ODD = [
  "",
  "\0",
  "\ufeff",
  "\u2028",
  "\ud800",
  "é",
  "😀",
  "-1",
  "1e999",
  "9007199254740993",
  "NaN",
  "null",
  "true",
];
const ODD_BYTES = [
  0x00, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x25, 0x2c, 0x2e, 0x3d, 0x5b, 0x5c, 0x7b, 0x7f, 0x80, 0xc0, 0xff,
];

/** Larger than this nothing grows: what is read is bounded elsewhere. */
const MAX_BYTES = 64 * 1024;

/**
 * The same input with one to four things done to it: bytes changed, taken out, put in, repeated, moved, or replaced by a
 * word of the input's own language.
 *
 * @param words of that language
 */
export function mutated(input: Uint8Array, random: Random, words: readonly string[]): Buffer {
  let bytes: Buffer = Buffer.from(input);
  const times = 1 + below(random, 2 ** below(random, 3));
  for (let time = 0; time < times; time++) bytes = pick(random, CHANGES)(bytes, random, words);
  return bytes.subarray(0, MAX_BYTES);
}

export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

export function pick<T>(random: Random, all: readonly T[]): T {
  const item = all[below(random, all.length)];
  if (item === undefined) throw new Error("there is nothing to pick from");
  return item;
}

type Change = (bytes: Buffer, random: Random, words: readonly string[]) => Buffer;

const CHANGES: readonly Change[] = [
  (bytes, random) => replaced(bytes, random, 1, Buffer.from([below(random, 256)])),
  (bytes, random) => replaced(bytes, random, 1, Buffer.from([pick(random, ODD_BYTES)])),
  (bytes, random) => replaced(bytes, random, below(random, 4), Buffer.from(pick(random, ODD))),
  (bytes, random) => replaced(bytes, random, lengthOf(random, bytes), Buffer.alloc(0)),
  (bytes, random) => replaced(bytes, random, 0, partOf(bytes, random)),
  (bytes, random) => replaced(bytes, random, lengthOf(random, bytes), partOf(bytes, random)),
  (bytes, random) => bytes.subarray(0, below(random, bytes.length + 1)),
  (bytes, random) => {
    const part = partOf(bytes, random);
    const repeated = Buffer.concat(Array.from({ length: 2 ** below(random, 10) }, () => part));
    return replaced(bytes, random, 0, repeated.subarray(0, MAX_BYTES));
  },
  (bytes, random, words) => {
    return words.length === 0 ? bytes : replaced(bytes, random, below(random, 3), Buffer.from(pick(random, words)));
  },
  (bytes, random, words) => {
    if (words.length === 0) return bytes;
    // In the place of another word, so that it stands where it means something.
    const there = words.filter((word) => word !== "" && bytes.includes(word));
    if (there.length === 0) return bytes;
    const old = pick(random, there);
    const at = bytes.indexOf(old, below(random, bytes.length));
    const from = at < 0 ? bytes.indexOf(old) : at;
    return spliced(bytes, from, Buffer.byteLength(old), Buffer.from(pick(random, words)));
  },
];

/** Mostly short. */
function lengthOf(random: Random, { length }: Buffer): number {
  return Math.min(length, below(random, 2 ** below(random, 8)));
}

function partOf(bytes: Buffer, random: Random): Buffer {
  const length = Math.max(1, lengthOf(random, bytes));
  const from = below(random, Math.max(1, bytes.length - length + 1));
  return bytes.subarray(from, from + length);
}

function replaced(bytes: Buffer, random: Random, length: number, by: Buffer): Buffer {
  return spliced(bytes, below(random, bytes.length + 1), length, by);
}

function spliced(bytes: Buffer, from: number, length: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(from + length)]);
}
