import { closeSync, openSync, readSync } from "node:fs";

/** Ten thousand SFUs take two. */
const MAX_MB = 8;
const CHUNK_BYTES = 64 * 1024;

/**
 * Reads a file, or a pipe, to its end. Whoever has mixed up two paths gets an error, and not a gateway that reads a disk.
 *
 * @throws the system's error; one of the code `EFBIG` beyond 8 MB
 */
export function readText(file: string): string {
  const descriptor = openSync(file, "r");
  try {
    const chunks: Buffer[] = [];
    for (let left = MAX_MB * 2 ** 20; ;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const bytes = readSync(descriptor, chunk);
      if (bytes === 0) return Buffer.concat(chunks).toString("utf8");
      chunks.push(chunk.subarray(0, bytes));
      left -= bytes;
      if (left < 0) throw Object.assign(new Error("the file is too large"), { code: "EFBIG" });
    }
  } finally {
    closeSync(descriptor);
  }
}
