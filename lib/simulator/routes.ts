import type { Caller } from "./caller.ts";
import type { ChannelBook } from "./channels.ts";
import type { ChannelSettings, FamilyRules } from "./family.ts";
import type { FaultKind } from "./faults.ts";
import { statsOf } from "./stats.ts";
import { checkToken, type Claims, type Verdict } from "./token.ts";

export type Answer =
  | { readonly kind: "answer"; readonly status: number; readonly body: string }
  /** The request hangs for good. */
  | { readonly kind: "silence" };

export interface RouteContext {
  readonly family: FamilyRules;
  readonly authKey: Buffer;
  readonly diagnosticsToken: string | null;
  readonly channels: ChannelBook;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
  /** What passes between looking an `iss` up and answering; the window in which simultaneous joins race. */
  readonly work: () => Promise<void>;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly caller: Caller;
  readonly fault: FaultKind | null;
  /** `null` when the caller hung up in the middle of it. */
  readonly readBody: () => Promise<string | null>;
}

const silence: Answer = { kind: "silence" };
const neverAllowed = new Set(["HEAD", "PUT", "DELETE", "PATCH"]);
const routes: Readonly<Record<string, (context: RouteContext, call: Call) => Promise<Answer> | Answer>> = {
  "GET /v1/noop": () => json({ result: "ok" }),
  "GET /v1/stats": stats,
  "GET /v1/channel": join,
  "POST /v1/disconnect": disconnect,
};

/** What a healthy SFU answers: the tables of contract.md. */
export async function route(context: RouteContext, call: Call): Promise<Answer> {
  if (neverAllowed.has(call.method)) return empty(405);
  return (await routes[`${call.method} ${call.path}`]?.(context, call)) ?? empty(404);
}

function stats(context: RouteContext, call: Call): Answer {
  if (!context.family.mayReadStats(call.authorization, context.diagnosticsToken)) return empty(401);
  return json(context.channels.visible.map(statsOf));
}

async function join(context: RouteContext, call: Call): Promise<Answer> {
  const { family, channels } = context;
  if (!family.acceptsQuery(call.query)) return empty(400);
  const token = family.tokenIn(call.authorization);
  if (token === null) return empty(401);
  const verdict = verify(context, call, token);
  if (verdict.kind === "invalid") return empty(family.badTokenStatus);
  const iss = issuerOf(verdict.claims);
  if (iss === null) return empty(403);
  if (call.fault === "worker_hang") return silence;
  const channelKey = family.channelKey(verdict.claims, context.authKey);
  if (channelKey.kind === "refused") return empty(channelKey.status);
  const wanted: ChannelSettings = {
    key: channelKey.key,
    webRtc: call.query.get("webRTC") !== "false",
    recordingAddress: call.query.get("recordingAddress"),
  };
  const { identity, baseUrl } = call.caller;
  const held = channels.find(identity, iss);
  if (held !== null && family.conflicts(held, wanted)) return empty(409);
  await context.work();
  const { uuid } = held ?? channels.make(identity, iss, wanted);
  return json({ uuid, url: baseUrl });
}

async function disconnect(context: RouteContext, call: Call): Promise<Answer> {
  const { family, channels } = context;
  const body = await call.readBody();
  if (body === null) return silence;
  if (Buffer.byteLength(body) > family.maxDisconnectBytes) return empty(413);
  const verdict = verify(context, call, body);
  if (verdict.kind === "invalid") return empty(422);
  const sessionIds = sessionIdsOf(verdict.claims);
  if (sessionIds === null) return empty(422);
  const owner = family.isDisconnectBoundToCaller ? call.caller.identity : null;
  for (const [uuid, ids] of sessionIds) channels.disconnect(uuid, ids, owner);
  return empty(200);
}

function verify({ authKey, family, nowMs }: RouteContext, call: Call, token: string): Verdict {
  return call.fault === "unauthorized" ? { kind: "invalid" } : checkToken(token, authKey, nowMs(), family.token);
}

function issuerOf({ iss }: Claims): string | null {
  if (iss === undefined || iss === null || iss === "") return null;
  return typeof iss === "string" ? iss : JSON.stringify(iss);
}

function sessionIdsOf({ sessionIdsByChannel }: Claims): readonly (readonly [string, readonly unknown[]])[] | null {
  if (typeof sessionIdsByChannel !== "object" || sessionIdsByChannel === null) return null;
  const entries: [string, unknown][] = Object.entries(sessionIdsByChannel);
  return entries.every((entry): entry is [string, unknown[]] => Array.isArray(entry[1])) ? entries : null;
}

function json(value: unknown): Answer {
  return { kind: "answer", status: 200, body: JSON.stringify(value) };
}

function empty(status: number): Answer {
  return { kind: "answer", status, body: "" };
}
