import type { z } from "zod";
import { KeyError, parseKey } from "../../auth/keys.ts";
import { Secret } from "../../auth/secret.ts";
import { isBracketBomb } from "../../bracket-bomb.ts";
import { type Fault, formatFault } from "../../config/fault.ts";
import { didYouMean } from "../../config/nearest.ts";
import { describePath } from "../../config/path.ts";
import { nodesSchema, sfuIdentity, sfuSchema } from "../../config/schema.ts";
import { toSfuConfig } from "../../config/to-config.ts";
import { ListError, toError } from "../../errors.ts";
import { parseJson } from "../../json.ts";
import type { Sfu } from "../sfu.ts";

export interface ListDefaults {
  /** How many sessions fill an SFU whose entry does not say it. */
  readonly maxSessions: number;
}

/** More than any fleet has; each is probed, and has its series in the metrics. */
export const MAX_SFUS = 10_000;

const EXPECTED = 'expected {"sfu": [{"address": …, "key": …}]}';

const OTHER_FORM = `answered with JSON of another form, ${EXPECTED} and nothing beside "sfu"`;

/** As many as somebody reads in a log line. */
const MAX_FAULTS_SHOWN = 3;

/**
 * Reads the body of a 200, by the rules for `SFU_GATEWAY_NODES` and `[[sfu]]` tables: one faulty entry, and none of the
 * list is taken.
 *
 * @throws {ListError} naming entries and fields and what was expected of them, never what was given
 */
export function parseList(body: Uint8Array, defaults: ListDefaults): readonly Sfu[] {
  const entries = entriesIn(body);
  if (entries.length > MAX_SFUS)
    throw new ListError(`has ${String(entries.length)} entries, expected at most ${String(MAX_SFUS)}`);
  const sfus: Sfu[] = [];
  const faults: Fault[] = [];
  /** By address: the index of the first entry that has it. */
  const seen = new Map<string, number>();
  for (const [index, entry] of entries.entries()) {
    const sfu = readEntry(entry, index, defaults, faults);
    if (sfu !== null) sfus.push(sfu);
    noteAddress(entry, index, seen, faults);
    if (faults.length > MAX_FAULTS_SHOWN) break;
  }
  if (faults.length > 0) throw new ListError(describe(faults));
  return sfus;
}

/** The error of JSON.parse quotes the text, which holds keys; only the position is taken from it. */
function entriesIn(body: Uint8Array): readonly unknown[] {
  let json: unknown;
  if (isBracketBomb(body)) throw new ListError(OTHER_FORM);
  try {
    json = parseJson(body);
  } catch (error) {
    const position = / at position \d+/.exec(toError(error).message)?.[0] ?? "";
    throw new ListError(`answered with a body that is not JSON${position}, ${EXPECTED}`);
  }
  const result = nodesSchema.safeParse(json);
  if (!result.success) throw new ListError(OTHER_FORM);
  return result.data.sfu;
}

/** @returns null where anything is wrong with it */
function readEntry(entry: unknown, index: number, { maxSessions }: ListDefaults, faults: Fault[]): Sfu | null {
  const result = sfuSchema.safeParse(entry);
  if (!result.success) {
    for (const issue of result.error.issues) faults.push(...faultsOf(issue, index));
    return null;
  }
  const { key: text, stats_token: statsToken } = result.data;
  try {
    return {
      ...toSfuConfig(result.data, maxSessions),
      source: "external",
      key: parseKey(text),
      statsToken: statsToken === undefined ? null : new Secret(statsToken),
    };
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    faults.push(fault(index, ["key"], error.message));
    return null;
  }
}

function faultsOf(issue: z.core.$ZodIssue, index: number): readonly Fault[] {
  if (issue.code !== "unrecognized_keys") return [fault(index, issue.path, issue.message)];
  const known = Object.keys(sfuSchema.shape);
  return issue.keys
    .slice(0, MAX_FAULTS_SHOWN + 1)
    .map((name) => fault(index, [name], `no such key${didYouMean(name, known)}`));
}

/** Also where other things are wrong with the entry: as many faults as possible in one go. */
function noteAddress(entry: unknown, index: number, seen: Map<string, number>, faults: Fault[]): void {
  const { success, data } = sfuIdentity.safeParse(entry);
  if (!success) return;
  const first = seen.get(data.address);
  if (first === undefined) seen.set(data.address, index);
  else faults.push(fault(index, ["address"], `the same SFU as #${String(first + 1)}, expected each once`));
}

function fault(index: number, path: readonly PropertyKey[], problem: string): Fault {
  return { where: "", what: describePath(["sfu", index, ...path]), problem };
}

function describe(faults: readonly Fault[]): string {
  const shown = faults.slice(0, MAX_FAULTS_SHOWN).map(formatFault).join("; ");
  return `is not taken, for it has faults: ${shown}${faults.length > MAX_FAULTS_SHOWN ? "; and more" : ""}`;
}
