import { createHash } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { type Clock, sleep } from "../clock.ts";
import { type ListFault, type ListFaultKind, ListScript, type ListStep } from "./list-faults.ts";
import { Listener } from "./listener.ts";
import { targetOf } from "./target.ts";

export type { ListFault, ListFaultKind, ListStep } from "./list-faults.ts";

/** A request that arrived. The last two fields change until it is over. */
export interface ListRequest {
  /** Wall clock, milliseconds since the Unix epoch. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The fault that it met; `null` where none touched it. */
  readonly fault: ListFaultKind | null;
  /** The status that was sent, `null` while none was. */
  readonly status: number | null;
  /** Whether the caller hung up before it had the whole answer. */
  readonly aborted: boolean;
}

export interface SimulatedSfuListOptions {
  readonly clock: Clock;
  /** The list to begin with; empty. */
  readonly entries?: readonly unknown[];
  /** The bearer token that a request needs; without it anybody may read. */
  readonly token?: string;
  /** "strong". */
  readonly etags?: "strong" | "weak" | "none";
  /** Where the list is; "/sfus". */
  readonly path?: string;
  /** On 127.0.0.1; 0, the default, takes any free one. */
  readonly port?: number;
  /** How many of the latest requests are remembered; 10,000. */
  readonly maxRequests?: number;
}

type Entry = { -readonly [Field in keyof ListRequest]: ListRequest[Field] };

interface Reply {
  readonly status: number;
  readonly body: string | Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_HEADER_BYTES = 16 * 1024;
const HUGE_BYTES = 9 * 1024 * 1024;
const EMPTY_LIST_BYTES = '{"sfu":[]}'.length;
const NOT_JSON = "<!doctype html><title>Please sign in</title>";
const JSON_TYPE = { "Content-Type": "application/json" };

/**
 * A fake server of an external list over real HTTP, that answers as HTTP has it (tokens, ETags, 304) until it is told
 * to misbehave. It does not look at the list that it serves.
 */
export class SimulatedSfuList {
  readonly #options: Required<Omit<SimulatedSfuListOptions, "entries" | "token" | "port">> & { token: string | null };
  readonly #listener: Listener;
  readonly #script = new ListScript();
  #text: string;
  #requests: Entry[] = [];
  #isOn = false;
  /** Ends what is under way when the port is closed. */
  #life = new AbortController();
  /** Openings and closings of the port, one after the other. */
  #settling: Promise<void> = Promise.resolve();

  constructor({ entries = [], token, port = 0, ...options }: SimulatedSfuListOptions) {
    this.#options = { etags: "strong", path: "/sfus", maxRequests: 10_000, token: token ?? null, ...options };
    this.#text = textOf(entries);
    this.#listener = new Listener(port, MAX_HEADER_BYTES, (request, response) => void this.#serve(request, response));
  }

  /** `http://127.0.0.1:PORT/sfus`; the same for good once `listen` has resolved. */
  get url(): string {
    if (this.#listener.port === 0) throw new Error("the simulated list has no URL before it listens");
    return `http://127.0.0.1:${this.#listener.port}${this.#options.path}`;
  }

  /** What arrived lately, oldest first. */
  get requests(): readonly ListRequest[] {
    return this.#requests;
  }

  /** The fault in force, `null` for none. */
  get fault(): ListFault | null {
    return this.#script.fault;
  }

  /** Of the list that is served now, `null` where there are none. */
  get etag(): string | null {
    const tag = `"${createHash("sha256").update(this.#text).digest("hex").slice(0, 16)}"`;
    return { strong: tag, weak: `W/${tag}`, none: null }[this.#options.etags];
  }

  /** Serves another list from now on. */
  publish(entries: readonly unknown[]): void {
    this.#text = textOf(entries);
  }

  /** Serves this text in place of a list, with an ETag like any. */
  publishText(text: string): void {
    this.#text = text;
  }

  /** @throws the system's error when the port is taken */
  async listen(): Promise<void> {
    this.#isOn = true;
    await this.#settle();
  }

  /** Leaves no socket and no timer behind. Calling it again does nothing. */
  async close(): Promise<void> {
    this.#isOn = false;
    this.#script.set(null);
    await this.#settle();
  }

  /** Misbehaves until further notice; resolves when the fault is in force. Ends a script. */
  async break(fault: ListFault): Promise<void> {
    this.#script.set(fault);
    await this.#settle();
  }

  /** Ends every fault and script; resolves when the port is open again. What hung goes on hanging. */
  async heal(): Promise<void> {
    this.#script.set(null);
    await this.#settle();
  }

  /**
   * Plays the steps, from the next request on, and is healthy afterwards.
   *
   * @throws {RangeError} for a step that could never end
   */
  async play(steps: readonly ListStep[]): Promise<void> {
    this.#script.play(steps);
    await this.#settle();
  }

  clearRequests(): void {
    this.#requests = [];
  }

  #settle(): Promise<void> {
    const done = this.#settling.then(async () => {
      if (this.#isOn && this.#script.fault?.kind !== "refuse") {
        await this.#listener.open();
      } else {
        this.#life.abort(new Error("the simulated list's port was closed"));
        this.#life = new AbortController();
        await this.#listener.shut();
      }
    });
    // Whoever asked for it hears of a failure; the next in the queue has a try of its own.
    this.#settling = done.catch(() => undefined);
    return done;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, maxRequests } = this.#options;
    const { socket } = request;
    const fault = this.#script.take();
    const entry: Entry = {
      at: clock.now(),
      method: request.method ?? "",
      path: targetOf(request).path,
      headers: request.headers,
      fault: fault?.kind ?? null,
      status: null,
      aborted: false,
    };
    this.#requests.push(entry);
    if (this.#requests.length > maxRequests) this.#requests.shift();
    response.once("close", () => {
      entry.aborted = fault?.kind !== "cut" && !response.writableFinished && !this.#listener.hasDropped(socket);
    });
    const life = this.#life.signal;
    try {
      await this.#perform(entry, fault, response, life);
    } catch (error) {
      if (!life.aborted) throw error;
    }
  }

  async #perform(entry: Entry, fault: ListFault | null, response: ServerResponse, life: AbortSignal): Promise<void> {
    const send = ({ status, body, headers }: Reply): void => {
      if (response.destroyed) return;
      entry.status = status;
      response.writeHead(status, headers).end(body);
    };
    switch (fault?.kind) {
      case "refuse": // The request came in while the port was closing.
      case "reset":
        if (response.socket !== null) this.#listener.reset(response.socket);
        return;
      case "hang":
        return;
      case "stall":
      case "cut": {
        const { status, body, headers } = this.#answer(entry);
        entry.status = status;
        response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) });
        const half = body.slice(0, Math.ceil(body.length / 2));
        response.write(half, () => {
          if (fault.kind === "cut") response.destroy();
        });
        return;
      }
      case "slow":
        await sleep(this.#options.clock, fault.delayMs, life);
        break;
      case "status":
        send({ status: fault.status, body: fault.body ?? "", headers: {} });
        return;
      case "garbage":
        send({ status: 200, body: fault.body ?? NOT_JSON, headers: JSON_TYPE });
        return;
      case "huge":
        send({
          status: 200,
          body: `{"sfu":[${" ".repeat(Math.max(0, (fault.bytes ?? HUGE_BYTES) - EMPTY_LIST_BYTES))}]}`,
          headers: CHUNKED,
        });
        return;
      case "redirect":
        send({ status: 302, body: "", headers: { Location: fault.location ?? "http://elsewhere.invalid/sfus" } });
        return;
      case "compressed": {
        const { status, body, headers } = this.#answer(entry);
        send({ status, body: gzipSync(body), headers: { ...headers, "Content-Encoding": "gzip" } });
        return;
      }
      case undefined:
        break;
    }
    send(this.#answer(entry));
  }

  /** What a healthy one answers. */
  #answer({ method, path, headers }: Entry): Reply {
    const { token, path: own } = this.#options;
    if (path !== own) return { status: 404, body: "", headers: {} };
    if (method !== "GET") return { status: 405, body: "", headers: { Allow: "GET" } };
    if (token !== null && headers.authorization !== `Bearer ${token}`) {
      return { status: 401, body: "", headers: { "WWW-Authenticate": "Bearer" } };
    }
    const { etag } = this;
    const validators: Record<string, string> = etag === null ? {} : { ETag: etag };
    if (etag !== null && names(headers["if-none-match"] ?? "", etag)) {
      return { status: 304, body: "", headers: validators };
    }
    return { status: 200, body: this.#text, headers: { ...JSON_TYPE, ...validators } };
  }
}

/** Without a length, so that only the bytes themselves tell how many they are. */
const CHUNKED = { ...JSON_TYPE, "Transfer-Encoding": "chunked" };

function textOf(entries: readonly unknown[]): string {
  return JSON.stringify({ sfu: entries });
}

/** Compares as If-None-Match does: weakly (RFC 9110, 13.1.2). */
function names(ifNoneMatch: string, etag: string): boolean {
  const opaque = (tag: string): string => tag.trim().replace(/^W\//, "");
  return ifNoneMatch.split(",").some((tag) => tag.trim() === "*" || opaque(tag) === opaque(etag));
}
