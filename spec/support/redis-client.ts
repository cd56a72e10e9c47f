import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** What a Redis answers, its texts as Latin-1: every byte as it is. */
export type Reply = string | number | null | readonly Reply[] | RedisError;

/** An error that Redis answered with: a word in capitals, and more. */
export class RedisError extends Error {
  override readonly name = "RedisError";
}

/** A connection that shares no code with what is tried here. */
export interface RedisClient {
  /** @throws {RedisError} what Redis has answered; any other error where the connection ends first */
  ask(...command: readonly (string | number)[]): Promise<Reply>;
  /** All that has come and that nobody had asked for, as after MONITOR. */
  readonly heard: readonly Reply[];
  close(): void;
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export async function connectToRedis(port: number): Promise<RedisClient> {
  const socket = connect(port, "127.0.0.1");
  const waiting: Waiting[] = [];
  const heard: Reply[] = [];
  let received = "";
  socket.on("data", (bytes) => {
    received += bytes.toString("latin1");
    for (let read = readReply(received, 0); read !== null; read = readReply(received, 0)) {
      received = received.slice(read.end);
      const next = waiting.shift();
      if (next === undefined) heard.push(read.reply);
      else if (read.reply instanceof RedisError) next.reject(read.reply);
      else next.resolve(read.reply);
    }
  });
  socket.on("close", () => {
    for (const { reject } of waiting.splice(0)) reject(new Error("the connection to Redis is closed"));
  });
  await connected(socket);
  return {
    heard,
    ask(...command) {
      return new Promise((resolve, reject) => {
        if (socket.destroyed) throw new Error("the connection to Redis is closed");
        waiting.push({ resolve, reject });
        socket.write(written(command.map(String)), "latin1");
      });
    },
    close: () => void socket.destroy(),
  };
}

async function connected(socket: Socket): Promise<void> {
  await once(socket, "connect");
  socket.on("error", () => undefined);
}

/** @param command bytes as Latin-1 */
export function written(command: readonly string[]): string {
  return [`*${command.length}`, ...command.flatMap((part) => [`$${part.length}`, part]), ""].join("\r\n");
}

/** RESP 2. @returns null where there is more to come */
function readReply(text: string, start: number): { readonly reply: Reply; readonly end: number } | null {
  const lineEnd = text.indexOf("\r\n", start);
  if (lineEnd < 0) return null;
  const line = text.slice(start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (text[start]) {
    case "+":
      return { reply: line, end };
    case "-":
      return { reply: new RedisError(line), end };
    case ":":
      return { reply: Number(line), end };
    case "$": {
      const length = Number(line);
      if (length < 0) return { reply: null, end };
      const isThere = text.length >= end + length + 2;
      return isThere ? { reply: text.slice(end, end + length), end: end + length + 2 } : null;
    }
    case "*":
      return readList(text, end, Number(line));
    default:
      throw new Error(`Redis does not speak so: ${text.slice(start, start + 20)}`);
  }
}

function readList(text: string, start: number, count: number): { readonly reply: Reply; readonly end: number } | null {
  if (count < 0) return { reply: null, end: start };
  const list: Reply[] = [];
  let end = start;
  for (let index = 0; index < count; index++) {
    const read = readReply(text, end);
    if (read === null) return null;
    list.push(read.reply);
    ({ end } = read);
  }
  return { reply: list, end };
}
