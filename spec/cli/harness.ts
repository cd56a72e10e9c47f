import type { Environment } from "../../lib/config/env.ts";
import { run } from "../../lib/cli/program.ts";
import { leakWatch } from "../support/leaked-secrets.ts";
import { GATEWAY_KEY, sfuKey } from "../support/tokens.ts";

/** What a command line left behind. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line that is still running. */
export interface Running {
  readonly exitCode: Promise<number>;
  /** The lines of JSON on stdout so far. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  /** Resolves with the first log line whose text begins so; rejects where the command ends without one. */
  line(start: string): Promise<Readonly<Record<string, unknown>>>;
  /** What SIGTERM does. */
  end(): void;
  /** What SIGHUP does. */
  hangUp(): void;
}

/** Runs a command to its end, in this process. The environment has a gateway key and nothing else. */
export async function runCli(args: readonly string[], env: Environment = {}): Promise<Ran> {
  let stdout = "";
  let stderr = "";
  leakWatch.keepAllIn(env);
  const exitCode = await run(args, {
    env: { SFU_GATEWAY_KEY: GATEWAY_KEY, ...env },
    stdout: (text) => (stdout += text),
    stderr: (text) => (stderr += text),
    color: false,
    screen: () => null,
    unread: new AbortController().signal,
    signal: new AbortController().signal,
    onHangup: () => () => undefined,
  });
  // The one command that is there to show a secret.
  if (args[0] !== "token") leakWatch.look(stdout, "the output of a command");
  leakWatch.look(stderr, "the errors of a command");
  return { exitCode, stdout, stderr };
}

export function startCli(args: readonly string[], env: Environment = {}): Running {
  const controller = new AbortController();
  let hangup: (() => void) | null = null;
  const logs: Readonly<Record<string, unknown>>[] = [];
  const waiting = new Set<() => void>();
  const exitCode = run(args, {
    env: { SFU_GATEWAY_KEY: GATEWAY_KEY, ...env },
    stdout(text) {
      leakWatch.look(text, "the log");
      for (const line of text.trimEnd().split("\n")) logs.push(JSON.parse(line) as Record<string, unknown>);
      for (const look of waiting) look();
    },
    stderr: () => undefined,
    color: false,
    screen: () => null,
    unread: new AbortController().signal,
    signal: controller.signal,
    onHangup(run) {
      hangup = run;
      return () => (hangup = null);
    },
  });
  return {
    exitCode,
    logs,
    line: (start) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = logs.find(({ msg }) => String(msg).startsWith(start));
          if (found !== undefined) resolve(found);
        };
        waiting.add(look);
        look();
        exitCode.then((code) => reject(new Error(`it ended with ${code} and never said '${start}'`)), reject);
      }),
    end: () => controller.abort(),
    hangUp: () => hangup?.(),
  };
}

/** `SFU_GATEWAY_NODES` of these addresses, the first with {@link sfuKey}(1) and so on. */
export function nodesOf(...addresses: readonly string[]): string {
  return JSON.stringify({ sfu: addresses.map((address, index) => ({ address, key: sfuKey(index + 1) })) });
}
