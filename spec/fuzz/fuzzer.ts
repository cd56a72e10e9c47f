import { type Random, systemClock } from "../../lib/clock.ts";
import { mutated, pick } from "./mutate.ts";
import { Finding, type Outcome, type Target } from "./target.ts";

export interface FuzzReport {
  readonly inputs: number;
  /** How many inputs came to what. */
  readonly kinds: ReadonlyMap<string, number>;
  /** How many different answers there were, details included. */
  readonly answers: number;
  readonly slowestMs: number;
  readonly failure: Failure | null;
}

export interface Failure {
  /** As small as it could be made. */
  readonly input: Buffer;
  readonly error: Error;
}

export interface FuzzOptions {
  readonly random: Random;
  /** Asked before each input. */
  readonly isOver: (inputs: number) => boolean;
  /** Is told of each input before it is tried: the next thing may be that nothing ever happens again. */
  readonly onInput?: (input: Buffer) => void;
}

/** No input is larger than 64 KB, and what reads one reads it in a few milliseconds. */
const LIMIT_MS = 250;

/** One that seems slow is tried so often again: it may have been the machine. */
const SECOND_LOOKS = 3;

/** Bounds the memory, and the time that is spent on inputs that all say the same. */
const MAX_CORPUS = 500;

/** Tries inputs until it is over, or one shows something that must not be. Inputs with new answers are gone on with. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  try {
    return await search(target, options);
  } finally {
    target.close?.();
  }
}

async function search(target: Target, { random, isOver, onInput }: FuzzOptions): Promise<FuzzReport> {
  const corpus = [...target.seeds];
  const known = new Set<string>();
  const kinds = new Map<string, number>();
  let inputs = 0;
  let slowestMs = 0;
  const report = (failure: Failure | null): FuzzReport => ({ inputs, kinds, answers: known.size, slowestMs, failure });

  /** Half of them good ones, or nearly so: what has new answers is mostly refused early. */
  const parent = (): Buffer => pick(random, random() < 0.5 ? target.seeds : corpus);

  while (!isOver(inputs)) {
    const input = inputs < target.seeds.length ? corpus[inputs]! : mutated(parent(), random, target.words);
    inputs++;
    onInput?.(input);
    const tried = await attempt(target, input);
    if (tried instanceof Error) return report({ input: await minimised(target, input, tried), error: tried });
    const { kind, details, tookMs } = tried;
    slowestMs = Math.max(slowestMs, tookMs);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    const answer = `${kind} ${details}`;
    if (known.has(answer) || known.size >= MAX_CORPUS) continue;
    known.add(answer);
    corpus.push(input);
  }
  return report(null);
}

/** @returns what must not be, where it is so */
export async function attempt(target: Target, input: Buffer): Promise<(Outcome & { readonly tookMs: number }) | Error> {
  let leastMs = Infinity;
  for (let look = 0; look <= SECOND_LOOKS; look++) {
    const startedMs = systemClock.monotonic();
    let outcome: Outcome;
    try {
      outcome = await target.run(input);
    } catch (error) {
      return error instanceof Error ? error : new Finding("threw something that is no error");
    }
    const tookMs = systemClock.monotonic() - startedMs;
    if (tookMs <= LIMIT_MS) return { ...outcome, tookMs };
    leastMs = Math.min(leastMs, tookMs);
  }
  return new Finding(`takes ${String(Math.round(leastMs))} ms, ${String(LIMIT_MS)} at most are fine`);
}

/** Bounds the time for an input that is slow each time. */
const MAX_TRIES = 2000;

/** Takes out of the input what is not needed for an error of the same name: first large parts, then single bytes. */
async function minimised(target: Target, input: Buffer, { name }: Error): Promise<Buffer> {
  let smallest = input;
  let tries = 0;
  for (let length = Math.ceil(input.length / 2); length > 0; length = length === 1 ? 0 : Math.ceil(length / 2)) {
    for (let from = 0; from < smallest.length && tries < MAX_TRIES; tries++) {
      const shorter = Buffer.concat([smallest.subarray(0, from), smallest.subarray(from + length)]);
      const tried = await attempt(target, shorter);
      if (tried instanceof Error && tried.name === name) smallest = shorter;
      else from += length;
    }
  }
  return smallest;
}
