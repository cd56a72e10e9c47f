import { z } from "zod";
import { type AuthKey, KeyError, parseKey } from "../../auth/keys.ts";
import { didYouMean } from "../../config/nearest.ts";
import { GatewayError } from "../../errors.ts";
import { parseJson } from "../../json.ts";
import { OriginError, parseOrigin } from "./origin.ts";

/** What an SFU, or an agent beside it, says of itself. */
export type Heartbeat =
  | {
      readonly status: "up";
      /** An origin, in the one spelling of its. */
      readonly address: string;
      /** Lower case. */
      readonly region: string;
      readonly key: AuthKey;
      readonly channels: number;
      readonly sessions: number;
      /** Of the host's processors and memory, from 0 to 1. */
      readonly cpuUsage: number;
      readonly memoryUsage: number;
      /** How many sessions fill it; null where it leaves that to the gateway. */
      readonly maxSessions: number | null;
    }
  /** It takes its leave. */
  | { readonly status: "down"; readonly address: string };

/**
 * Reads a body as JSON.
 *
 * @throws {GatewayError} 400 `invalid_heartbeat`
 */
export function parseBody(body: Uint8Array): unknown {
  try {
    return parseJson(body);
  } catch {
    // The parser's own message quotes the text, which holds a key.
    throw invalidHeartbeat("this is not JSON");
  }
}

/** Whose heartbeat it is, as far as that can be told of a faulty one too. */
export function addressIn(json: unknown): string | null {
  return whoseSchema.safeParse(json).data?.address ?? null;
}

/**
 * @throws {GatewayError} 400 `invalid_heartbeat`, naming every faulty field and what was expected of it, never what was
 *   given
 */
export function toHeartbeat(json: unknown): Heartbeat {
  const isDown = signOffSchema.safeParse(json).success;
  const { data, error } = isDown ? downSchema.safeParse(json) : upSchema.safeParse(json);
  if (data === undefined) throw invalidHeartbeat(describe(error.issues));
  if (data.status === "down") return { status: data.status, address: data.address };
  return { ...data, maxSessions: data.maxSessions ?? null };
}

/** What to say of a field that is not as it should be. */
function saying(expected: string): { error: (issue: { readonly input?: unknown }) => string } {
  return { error: ({ input }) => (input === undefined ? `missing, ${expected}` : expected) };
}

function wholeNumber(from: number, to: number): z.ZodInt {
  const expected = `expected a whole number from ${String(from)} to ${String(to)}`;
  return z.int(saying(expected)).min(from, expected).max(to, expected);
}

const SHARE = "expected a share from 0 to 1, like 0.5 for 50 %";
const share = z.number(saying(SHARE)).min(0, SHARE).max(1, SHARE);

const REGION = "expected a region's name of 1 to 64 characters, without control characters or blanks around it";
const region = z
  .string(saying(REGION))
  .min(1, REGION)
  .max(64, REGION)
  .refine((name) => name.trim() === name && !/[\p{C}\p{Zl}\p{Zp}]/u.test(name), REGION)
  .transform((name) => name.toLowerCase());

/** A text that has a parser, whose errors of the kind `Fault` show nothing of it. */
function parsed<T>(expected: string, parse: (text: string) => T, Fault: new () => Error): z.ZodType<T> {
  return z.string(saying(expected)).transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
}

const address = parsed("expected the SFU's origin, like https://sfu1.example.com", parseOrigin, OriginError);

export const upSchema = z.strictObject(
  {
    status: z.literal("up", saying('expected "up" or "down"')),
    address,
    region,
    key: parsed("expected the SFU's AUTH_KEY, base64 text", parseKey, KeyError),
    channels: wholeNumber(0, 1_000_000),
    sessions: wholeNumber(0, 1_000_000),
    cpuUsage: share,
    memoryUsage: share,
    maxSessions: wholeNumber(1, 1_000_000).optional(),
  },
  saying("expected a JSON object"),
);

/** Who leaves has nothing to tell; what is told all the same must make sense. */
export const downSchema = upSchema.partial().extend({ status: z.literal("down"), address });

const whoseSchema = z.object({ address });
const signOffSchema = z.object({ status: z.literal("down") });

/** As many as somebody reads. */
const MAX_STRANGERS = 5;

function describe(issues: readonly z.core.$ZodIssue[]): string {
  const faults = new Map<string, string>();
  for (const issue of issues) {
    const field = issue.path.join(".");
    if (issue.code === "unrecognized_keys") faults.set("\u0000", strangers(issue.keys));
    else if (!faults.has(field)) faults.set(field, field === "" ? issue.message : `${field}: ${issue.message}`);
  }
  return [...faults.values()].join("; ");
}

/** A name that may be more than a name, a key in the wrong place, is not repeated. */
function strangers(names: readonly string[]): string {
  const shown = names.slice(0, MAX_STRANGERS).map((name) => {
    if (!/^[A-Za-z_]{1,24}$/.test(name)) return "a field of another name: no such field";
    return `${name}: no such field${didYouMean(name.replaceAll("_", ""), Object.keys(upSchema.shape))}`;
  });
  const more = names.length - shown.length;
  return shown.join("; ") + (more > 0 ? `; and ${String(more)} more` : "");
}

function invalidHeartbeat(problem: string): GatewayError {
  return new GatewayError("invalid_heartbeat", `the heartbeat was refused: ${problem}`, { status: 400 });
}
