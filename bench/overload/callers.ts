import { connect, type Socket } from "node:net";
import { parseKey } from "../../lib/auth/keys.ts";
import { signClaims } from "../../lib/auth/resign.ts";
import { type Cancel, systemClock } from "../../lib/clock.ts";
import { seeded } from "../../spec/support/random.ts";
import type { CallResult, Order } from "./messages.ts";

/*
 * The process of the callers: an open loop, which asks when a call is due and not when the one before was answered. Bytes are
 * prepared and sockets plain, for it must have time left when the gateway has none.
 */
const CONFERENCES = 20_000;
/** As long as Odoo's (contract.md). */
const PATIENCE_MS = 3000;
const STEP_MS = 1;

const key = parseKey(process.env.GATEWAY_KEY ?? "");
const exp = Math.floor(systemClock.now() / 1000) + 3600;
const requests = await Promise.all(
  Array.from({ length: CONFERENCES }, async (_, number) => {
    const token = await signClaims({ iss: `https://odoo.test:channel:${String(number)}`, exp }, key);
    return Buffer.from(`GET /v1/channel HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  }),
);
const random = seeded(7);
const idle: Socket[] = [];
let next = 0;

function socketFor({ port, connections }: Order): Socket {
  for (let kept = idle.pop(); connections === "kept" && kept !== undefined; kept = idle.pop()) {
    if (!kept.destroyed) return kept;
  }
  const socket = connect(port, "127.0.0.1").setNoDelay();
  socket.on("error", () => undefined);
  return socket;
}

/** @returns its status, 0 where no answer came in time */
function call(order: Order, end: (status: number) => void): void {
  const socket = socketFor(order);
  const request = requests[next++ % CONFERENCES] ?? Buffer.of();
  let answer = "";
  const settle = (status: number): void => {
    giveUp();
    socket.off("data", read);
    socket.off("close", close);
    if (status === 0 || order.connections === "fresh") socket.destroy();
    else idle.push(socket);
    end(status);
  };
  const close = (): void => settle(0);
  const read = (bytes: Buffer): void => {
    answer += bytes.toString("latin1");
    const head = answer.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(answer)?.[1] ?? 0);
    if (answer.length >= head + 4 + length) settle(Number(answer.slice(9, 12)));
  };
  const giveUp: Cancel = systemClock.after(order.patienceMs ?? PATIENCE_MS, close);
  socket.on("data", read).once("close", close);
  socket.write(request);
}

function run(order: Order): Promise<readonly CallResult[]> {
  const { perSecond, calls } = order;
  const results: CallResult[] = [];
  const startedMs = systemClock.monotonic();
  let dueMs = 0;
  let begun = 0;
  return new Promise((resolve) => {
    const callOnce = (atMs: number): void => {
      const lateMs = systemClock.monotonic() - startedMs - atMs;
      begun++;
      call(order, (status) => {
        results.push({ dueMs: atMs, lateMs, tookMs: systemClock.monotonic() - startedMs - atMs, status });
        if (results.length === calls) resolve(results);
      });
    };
    const step = (): void => {
      for (const nowMs = systemClock.monotonic() - startedMs; begun < calls && dueMs <= nowMs;) {
        callOnce(dueMs);
        if (perSecond > 0) dueMs -= (Math.log(1 - random()) * 1000) / perSecond;
      }
      if (begun < calls) systemClock.after(STEP_MS, step);
    };
    step();
  });
}

process.on("message", (order: Order) => void run(order).then((results) => process.send?.(results)));
process.once("disconnect", () => process.exit());
process.send?.("ready");
