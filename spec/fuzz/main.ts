import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { systemClock } from "../../lib/clock.ts";
import { attempt } from "./fuzzer.ts";
import type { Target } from "./target.ts";
import { targets } from "./targets/table.ts";
import type { Task, WatchedInput, WorkerReport } from "./worker.ts";

/*
 * What can a stranger break by what he sends? Tries inputs until the time is up, and says how many came to what; ends with 1
 * where one showed something that must not be: an error that nobody has documented, a secret in a message, an input that
 * takes long or for ever, memory that grows.
 *
 *   npm run fuzz                                         all targets, a minute together
 *   npm run fuzz -- --target tokens --seed 7 --minutes 10
 *   npm run fuzz -- --target tokens --replay MXt9        one input again, as a failure told it
 */
const { values } = parseArgs({
  options: {
    target: { type: "string" },
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "1" },
    replay: { type: "string" },
  },
});

const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
const seed = Number(values.seed);
const minutes = Number(values.minutes);
const hasTarget = values.replay === undefined || chosen.length === 1;
if (chosen.length === 0 || !Number.isSafeInteger(seed) || !(minutes > 0) || !hasTarget) {
  process.stderr.write(`expected --target ${targets.map(({ name }) => name).join("|")}, a whole --seed, --minutes\n`);
  process.exit(2);
}

/** So long nothing may happen: the slowest input takes a quarter of a second, and is tried four times. */
const HANGS_MS = 20_000;
const LOOK_MS = 1000;
const MAX_INPUT_BYTES = 64 * 1024;

/** More than the corpus, and what is cached for each of its answers, may come to. */
const MAX_GROWTH_MB = 16;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function replay(target: Target, input: Buffer): Promise<boolean> {
  say(`the input: ${JSON.stringify(target.show?.(input) ?? input.toString())}`);
  const tried = await attempt(target, input);
  target.close?.();
  if (!(tried instanceof Error)) say(`${tried.kind}: ${tried.details} (${tried.tookMs.toFixed(1)} ms)`);
  else say(tried.stack ?? tried.message);
  return !(tried instanceof Error);
}

/** @returns the report, or the input with which the worker has fallen silent or died, and why */
function run(
  target: Target,
  seconds: number,
): Promise<WorkerReport | { readonly input: Buffer; readonly why: string }> {
  const watched: WatchedInput = {
    counts: new Int32Array(new SharedArrayBuffer(8)),
    bytes: new Uint8Array(new SharedArrayBuffer(MAX_INPUT_BYTES)),
  };
  const task: Task = { target: target.name, seed, seconds, watched };
  const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData: task });
  return new Promise((resolve) => {
    let count = -1;
    let sinceMs = systemClock.monotonic();
    const fail = (why: string): void => {
      const input = Buffer.from(watched.bytes).subarray(0, watched.counts[1] ?? 0);
      void worker.terminate().then(() => resolve({ input, why }));
    };
    const stop = systemClock.every(LOOK_MS, () => {
      const now = Atomics.load(watched.counts, 0);
      const nowMs = systemClock.monotonic();
      if (now !== count) [count, sinceMs] = [now, nowMs];
      else if (nowMs - sinceMs > HANGS_MS) fail(`nothing has happened for ${String(HANGS_MS / 1000)} s`);
    });
    worker.once("message", (report: WorkerReport) => resolve(report));
    worker.once("error", (error) => fail(`it ended the process: ${String(error)}`));
    worker.once("exit", stop);
  });
}

function tell({ name }: Target, { inputs, seconds, answers, slowestMs, kinds, heap }: WorkerReport): boolean {
  const rate = Math.round(inputs / seconds).toLocaleString("en");
  const grownMb = (heap.late - heap.early) / 2 ** 20;
  say(
    `${name}: ${inputs.toLocaleString("en")} inputs in ${seconds.toFixed(0)} s (${rate} a second), ${String(answers)} different ` +
      `answers, the slowest in ${slowestMs.toFixed(1)} ms, heap ${grownMb >= 0 ? "+" : ""}${grownMb.toFixed(1)} MB`,
  );
  for (const [kind, count] of [...kinds].sort(([, a], [, b]) => b - a)) {
    say(`    ${count.toLocaleString("en").padStart(11)}  ${kind}`);
  }
  if (grownMb <= MAX_GROWTH_MB) return true;
  say(`    FAILED: the memory grows, ${String(MAX_GROWTH_MB)} MB at most are fine`);
  return false;
}

async function look(target: Target, seconds: number): Promise<boolean> {
  const report = await run(target, seconds);
  const isFine = "why" in report ? true : tell(target, report);
  const input = "why" in report ? report.input : report.failure?.input;
  if (input === undefined) return isFine;
  say(`    FAILED: ${target.name}: ${"why" in report ? report.why : (report.failure?.error.stack ?? "")}`);
  // It has come from another thread as bare bytes.
  const bytes = Buffer.from(input);
  say(`    the input: ${JSON.stringify(target.show?.(bytes) ?? bytes.toString())}`);
  say(`    again: npm run fuzz -- --target ${target.name} --replay ${bytes.toString("base64")}`);
  return false;
}

let isFine = true;
for (const target of chosen) {
  const next =
    values.replay === undefined
      ? look(target, (minutes * 60) / chosen.length)
      : replay(target, Buffer.from(values.replay, "base64"));
  isFine = (await next) && isFine;
}
process.exitCode = isFine ? 0 : 1;
