import type { Clock } from "../../clock.ts";
import type { Environment } from "../../config/env.ts";
import type { Logger } from "../../logger.ts";
import { createMailbox } from "./mailbox.ts";
import { sendBy } from "./systemd-notify.ts";

/**
 * The service manager that has started this process, as sd_notify(3) knows it. Each method resolves once the message
 * has been sent, is given up (with a line in the log) or has been overtaken; none ever throws. Where there is no
 * service manager (no `NOTIFY_SOCKET`), all of them do nothing.
 */
export interface ServiceManager {
  /** The start, or the reload, is over; `status` is what `systemctl status` shows. */
  ready(status: string): Promise<void>;
  /** A reload has begun, which `ready` ends, whether the reload has failed or not. */
  reloading(): Promise<void>;
  stopping(): Promise<void>;
  /** For the watchdog: this process still does its work. */
  alive(): Promise<void>;
}

export interface ServiceManagerParts {
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What sends the messages, in place of the `systemd-notify` on the PATH. */
  readonly program?: string;
}

/**
 * How long one message may take. systemd-notify itself waits up to 5 s for the manager to have seen who sent it, which
 * takes that long where the manager is reading all units anew; its own word comes first.
 */
export const SEND_TIMEOUT_MS = 6000;

export function createServiceManager(parts: ServiceManagerParts): ServiceManager {
  const { env, clock, logger, program = "systemd-notify" } = parts;
  const socket = env.NOTIFY_SOCKET?.trim() ?? "";
  if (socket === "") return NOBODY;

  const mailbox = createMailbox({
    // It gets what it needs and none of the secrets that are in this environment.
    send: sendBy(program, { NOTIFY_SOCKET: socket, PATH: env.PATH }, { clock, timeoutMs: SEND_TIMEOUT_MS }),
    onTrouble: (why) => logger.warn({ program }, `the service manager cannot be told how this process is: ${why}`),
  });
  return {
    ready: (status) => mailbox.post("ready", () => ["READY=1", statusOf(status)]),
    // By the time systemd tells whether a reload that it has asked for is the one that begins here.
    reloading: () => mailbox.post("reloading", () => ["RELOADING=1", `MONOTONIC_USEC=${String(monotonicMicros())}`]),
    stopping() {
      // An end must not be held up by what is over.
      mailbox.clear();
      return mailbox.post("stopping", () => ["STOPPING=1", statusOf("shutting down")]);
    },
    alive: () => mailbox.post("alive", () => ["WATCHDOG=1"]),
  };
}

const nothing = (): Promise<void> => Promise.resolve();
const NOBODY: ServiceManager = { ready: nothing, reloading: nothing, stopping: nothing, alive: nothing };

/** One field a line, so a text of several would be several fields. */
function statusOf(text: string): string {
  return `STATUS=${text.replaceAll(/\s+/g, " ").trim()}`;
}

/** By the kernel's CLOCK_MONOTONIC, as the service manager reads it: no clock of ours has the same zero. */
function monotonicMicros(): bigint {
  return process.hrtime.bigint() / 1000n;
}
