import { Socket } from "node:net";
import { expect } from "chai";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "./tokens.ts";

/*
 * Looks, in all suites, for secrets in whatever gateways give away: every byte that a socket or a child process brings
 * to the process of the specs, and every log line of a gateway inside of it.
 */

/** One that was found, by the name of the secret and without it. */
export interface Leak {
  readonly secret: string;
  readonly where: string;
  readonly around: string;
}

export interface LeakWatch {
  /** To be looked for from now on: `name` is what a leak says of it. Too short a text is in everything, and left out. */
  keep(name: string, secret: string): void;
  /** Everything in `settings` whose name says that it is a key or a token, however deep; texts of JSON too. */
  keepAllIn(settings: unknown): void;
  look(text: string, where: string): void;
  /** What was found since it was asked last. */
  found(): readonly Leak[];
}

const SHORTEST = 16;
const SHOWN = 60;

/** A JWT, whoever made it: nobody but the command `token` shows one. */
const A_TOKEN = /\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/;

const OF_A_SECRET = /(key|token|password)s?$/i;

/** What stands between two parts of a body that is sent in chunks. */
const BETWEEN_CHUNKS = /\r\n[\da-f]+\r\n/gi;

export function createLeakWatch(): LeakWatch {
  const secrets = new Map<string, string>();
  let leaks: Leak[] = [];

  const keep = (name: string, secret: string): void => {
    // Several keys, while one is rotated.
    for (const text of secret.split(",").map((part) => part.trim())) {
      if (text.length < SHORTEST) continue;
      // By the name that it had first: suites share their keys.
      if (secrets.has(text)) continue;
      secrets.set(text, name);
      const raw = Buffer.from(text, "base64");
      if (raw.length >= SHORTEST && raw.toString("base64") === text)
        secrets.set(raw.toString("latin1"), `${name}, raw`);
    }
  };
  const keepAllIn = (settings: unknown, name = ""): void => {
    if (typeof settings === "string") {
      if (OF_A_SECRET.test(name) && !name.endsWith("_FILE")) keep(name, settings);
      else if (settings.startsWith("{")) keepAllIn(parsed(settings));
    } else if (typeof settings === "object" && settings !== null) {
      for (const [part, value] of Object.entries(settings)) keepAllIn(value, Array.isArray(settings) ? name : part);
    }
  };
  const add = (secret: string, text: string, at: number, length: number, where: string): void => {
    const around = `${text.slice(Math.max(0, at - SHOWN), at)}[…]${text.slice(at + length, at + length + SHOWN)}`;
    leaks.push({ secret, where, around });
  };

  return {
    keep,
    keepAllIn,
    look(text, where) {
      for (const [secret, name] of secrets) {
        const at = text.indexOf(secret);
        if (at >= 0) add(name, text, at, secret.length, where);
      }
      const token = A_TOKEN.exec(text);
      if (token !== null) add("a token", text, token.index, token[0].length, where);
    },
    found() {
      const all = leaks;
      leaks = [];
      return all;
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The one that all suites share. */
export const leakWatch = createLeakWatch();
leakWatch.keep("the gateway's key", GATEWAY_KEY);
leakWatch.keep("another key", OTHER_KEY);
for (let number = 1; number <= 9; number++) leakWatch.keep(`the key of SFU ${String(number)}`, sfuKey(number));

interface Heard {
  /** Whether it is a gateway that speaks: its answers have an id, those of SFUs have none. */
  isGateway: boolean;
  /** A secret may be cut in two. */
  tail: string;
}

const TAIL = 200;

interface Hooks {
  readonly beforeAll: () => void;
  readonly afterEach: () => void;
  readonly afterAll: () => void;
}

/** Hears all that comes in; as a root hook. */
export function createSecrecyChecks(): Hooks {
  // Called with the socket for `this`, as by Node.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { push } = Socket.prototype;
  const heard = new WeakMap<Socket, Heard>();

  const listen = (socket: Socket, chunk: Buffer): void => {
    const before = heard.get(socket) ?? { isGateway: false, tail: "" };
    const text = (before.tail + chunk.toString("latin1")).replaceAll(BETWEEN_CHUNKS, "");
    const isProcess = socket.remoteAddress === undefined;
    const isGateway = before.isGateway || isProcess || /^x-request-id:/im.test(text);
    if (isGateway) leakWatch.look(text, isProcess ? "the output of a process" : "an answer");
    heard.set(socket, { isGateway, tail: text.slice(-TAIL) });
  };

  return {
    beforeAll() {
      Socket.prototype.push = function (this: Socket, chunk: unknown, encoding?: BufferEncoding): boolean {
        // What a server hears are requests, whose tokens are in their place.
        const { server = null } = this as { readonly server?: unknown };
        if (Buffer.isBuffer(chunk) && server === null) listen(this, chunk);
        return push.call(this, chunk, encoding);
      };
    },
    afterEach() {
      expect(leakWatch.found(), "secrets that got out").to.deep.equal([]);
    },
    afterAll() {
      Socket.prototype.push = push;
    },
  };
}
