import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { owned } from "../../spec/chaos/processes/children.ts";
import type { TokenFile, TokenRange } from "./tokens.ts";

const SCRIPT = new URL("wrk.lua", import.meta.url).pathname;

export interface WrkOrder {
  readonly port: number;
  readonly seconds: number;
  /** At the same time; each asks when its last answer is there, and its pause over. */
  readonly connections: number;
  /** On average, with gaps as chance has them; 0 for as many as are answered. */
  readonly callsPerSecond: number;
  /** Or a new one for each call, as Odoo's `requests.get` has it. */
  readonly keepsConnections: boolean;
  readonly tokens: TokenFile;
  readonly range: TokenRange;
}

export interface WrkResult {
  readonly calls: number;
  readonly seconds: number;
  /** Without a good answer, of which so many have one that is none. */
  readonly failed: number;
  readonly refused: number;
  /** From the first byte sent to the last one read, in microseconds; a pause before it does not count. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

/** @returns null where it is not installed */
export function wrkVersion(): string | null {
  const { error, stdout } = spawnSync("wrk", ["-v"], { encoding: "utf8" });
  return error === undefined ? (/^wrk \D*([\d.]+)/.exec(stdout)?.[1] ?? "of an unknown version") : null;
}

/** @throws where wrk does not come to an end that tells of itself */
export async function runWrk(order: WrkOrder): Promise<WrkResult> {
  const { port, seconds, connections, callsPerSecond, keepsConnections, tokens, range } = order;
  const pauseMs = callsPerSecond === 0 ? 0 : (1000 * connections) / callsPerSecond;
  const child = owned(
    spawn(
      "wrk",
      [
        ...["--threads", "1", "--connections", String(connections), "--duration", `${String(seconds)}s`],
        ...["--timeout", "5s", "--script", SCRIPT, `http://127.0.0.1:${String(port)}`, "--"],
        ...[tokens.path, String(tokens.width), String(range.first), String(range.count), String(pauseMs)],
        keepsConnections ? "keep-alive" : "close",
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    ),
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  await once(child, "close");
  const [, result] = /^RESULT (.*)$/m.exec(output) ?? [];
  if (result === undefined) throw new Error(`wrk failed: ${output.slice(-1000)}`);
  return JSON.parse(result) as WrkResult;
}
