import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { run } from "../../lib/cli/program.ts";
import type { Screen } from "../../lib/cli/terminal.ts";
import type { Environment } from "../../lib/config/env.ts";
import { START_MS } from "../support/clock.ts";
import { sfuReport } from "../support/reports.ts";

/** What a fake gateway was asked. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Something that answers where a gateway would, as the spec says. New for each spec. */
export interface FakeGateway {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** Everything is answered so from now on, or as that says for each path. */
  answers(status: number, body: unknown): void;
  answersEach(answer: (asked: Asked, response: ServerResponse) => void): void;
  leave(): Promise<void>;
  /** To the same port. */
  comeBack(): Promise<void>;
}

export function useFakeGateway(): FakeGateway {
  let server: Server;
  let port = 0;
  let answer: (asked: Asked, response: ServerResponse) => void;
  const asked: Asked[] = [];
  const open = async (at: number): Promise<void> => {
    server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text: string) => (body += text));
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        const one = { method, path: url, headers, body };
        asked.push(one);
        answer(one, response);
      });
    });
    server.listen(at, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  };
  const leave = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  beforeEach(async () => {
    asked.length = 0;
    await open(0);
  });
  afterEach(leave);
  return {
    get url() {
      return `http://127.0.0.1:${String(port)}`;
    },
    asked,
    answers(status, body) {
      answer = (_asked, response) => send(response, status, body);
    },
    answersEach(each) {
      answer = each;
    },
    leave,
    comeBack: () => open(port),
  };
}

export function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

/** A command line that is running, and what it has said so far. */
export interface Commanded {
  readonly exitCode: Promise<number>;
  /** One each time that it wrote. */
  readonly writes: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
  /** What SIGINT does. */
  end(): void;
  /** What `| head` does when it has enough. */
  leave(): void;
}

/** Where a command writes to; a file unless it says otherwise. */
export interface Output {
  readonly color?: boolean;
  readonly screen?: Screen;
}

export function command(
  args: readonly string[],
  env: Environment = {},
  { color = false, screen }: Output = {},
): Commanded {
  const controller = new AbortController();
  const reader = new AbortController();
  const writes: string[] = [];
  let stderr = "";
  const exitCode = run(args, {
    env,
    stdout: (text) => writes.push(text),
    stderr: (text) => (stderr += text),
    color,
    screen: () => screen ?? null,
    unread: reader.signal,
    onHangup: () => () => undefined,
    signal: controller.signal,
  });
  return {
    exitCode,
    writes,
    get stdout() {
      return writes.join("");
    },
    get stderr() {
      return stderr;
    },
    end: () => controller.abort(),
    leave: () => reader.abort(),
  };
}

/** What a command left behind when it had ended. */
export async function ended(
  args: readonly string[],
  env: Environment = {},
  output: Output = {},
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const commanded = command(args, env, output);
  const exitCode = await commanded.exitCode;
  return { exitCode, stdout: commanded.stdout, stderr: commanded.stderr };
}

export type Part = Readonly<Record<string, unknown>>;

/** One SFU of `/v1/health` that is well and has been for five minutes. */
export function sfuState(number: number, parts: Part = {}): Part {
  const well = sfuReport({
    address: `http://sfu${String(number)}.example.com:8070`,
    since: new Date(START_MS - 5 * 60_000).toISOString(),
    score: 0.2345,
    reportAgeMs: 3200,
  });
  return { ...well, load: loadState(), ...parts };
}

export function loadState(parts: Part = {}): Part {
  return { sessions: 120, channels: 30, cpu: 0.454, memory: 0.6, maxSessions: 1000, expected: 0, ...parts };
}

export function health(...sfus: readonly Part[]): Part {
  const available = sfus.filter((sfu) => sfu.available).length;
  return { status: available > 0 ? "ok" : "unavailable", available, total: sfus.length, sfus };
}
