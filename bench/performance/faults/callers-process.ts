import { type IncomingMessage, request } from "node:http";
import { systemClock } from "../../../lib/clock.ts";
import { seeded } from "../../../spec/support/random.ts";
import { token } from "../../../spec/support/tokens.ts";
import type { CallersNews, CallersOrder, CallResult } from "./messages.ts";
import { moment } from "./moment.ts";

/*
 * Callers as Odoo has them: each with a connection of its own, which give up after three seconds (contract.md) and do not ask
 * again. An open loop: a call is sent when it is due, however late the answers before it are. Half of the calls begin a
 * conference, the others are members of one that began within the last minute. Ends with its parent.
 */
const PATIENCE_MS = 3000;
const REMEMBERED_MS = 60_000;
const STEP_MS = 1;

const key = process.env.GATEWAY_KEY ?? "";
const random = seeded(Number(process.env.SEED ?? 1));
const tell = (news: CallersNews): void => void process.send?.(news);

/** Oldest first. */
const begun: { readonly iss: string; readonly atMs: number }[] = [];
let count = 0;

function conference(nowMs: number): string {
  while (begun[0] !== undefined && begun[0].atMs < nowMs - REMEMBERED_MS) begun.shift();
  const known = random() < 0.5 ? begun[Math.floor(random() * begun.length)] : undefined;
  if (known !== undefined) return known.iss;
  const iss = `https://odoo.test:channel:${String(++count)}`;
  begun.push({ iss, atMs: nowMs });
  return iss;
}

function headersOf(dueMs: number): Readonly<Record<string, string>> {
  const exp = Math.floor(dueMs / 1000) + 30;
  // By `jti` it is known again where it arrives.
  const claims = { iss: conference(dueMs), key: "a2V5IG9mIGEgY2hhbm5lbA==", exp, jti: dueMs.toFixed(3) };
  return {
    "User-Agent": "python-requests/2.31.0",
    Accept: "*/*",
    Connection: "keep-alive",
    Authorization: `Bearer ${token({ claims, key })}`,
  };
}

/** @returns what of it an Odoo would make; of a refusal also its code, where it has one */
async function read(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of answer.setEncoding("utf8")) text += part as string;
  const { uuid, url, error } = parsed(text);
  if (answer.statusCode !== 200) {
    return [`status ${String(answer.statusCode)}`, ...(typeof error === "string" ? [error] : [])].join(" ");
  }
  return typeof uuid === "string" && typeof url === "string" ? "channel" : "no channel";
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

function call(port: number, dueMs: number, end: (outcome: string) => void): void {
  let isOver = false;
  const settle = (outcome: string): void => {
    if (isOver) return;
    isOver = true;
    giveUp();
    sent.destroy();
    end(outcome);
  };
  const sent = request({ host: "127.0.0.1", port, path: "/v1/channel", agent: false, headers: headersOf(dueMs) });
  const giveUp = systemClock.after(dueMs + PATIENCE_MS - moment(), () => settle("nothing"));
  sent.on("response", (answer: IncomingMessage) => {
    read(answer).then(settle, () => settle("cut off"));
  });
  sent.on("error", (error: NodeJS.ErrnoException) => settle(error.code ?? "cut off"));
  sent.end();
}

let results: CallResult[] = [];
let open = 0;
let isCalling = false;

function begin(port: number, perSecond: number): void {
  isCalling = true;
  results = [];
  let dueMs = moment();
  const callOnce = (atMs: number): void => {
    const lateMs = moment() - atMs;
    open++;
    call(port, atMs, (outcome) => {
      results.push({ dueMs: atMs, lateMs, tookMs: moment() - atMs, outcome });
      open--;
      tellIfOver();
    });
  };
  const step = (): void => {
    if (!isCalling) return;
    for (const nowMs = moment(); dueMs <= nowMs; dueMs -= (Math.log(1 - random()) * 1000) / perSecond) callOnce(dueMs);
    systemClock.after(STEP_MS, step);
  };
  step();
}

function tellIfOver(): void {
  if (!isCalling && open === 0) tell({ kind: "results", results });
}

process.on("message", (order: CallersOrder) => {
  if (order.kind === "begin") begin(order.port, order.perSecond);
  else {
    isCalling = false;
    tellIfOver();
  }
});
process.once("disconnect", () => process.exit());
tell({ kind: "ready" });
