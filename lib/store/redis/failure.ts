import { StoreError, toError } from "../../errors.ts";

/** An error that the server has answered with: a word in capitals, and more. */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
}

/** What a connection or a reply failed of, in the gateway's own words: a foreign message may quote anything. */
export function toStoreError(thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const error = toError(thrown);
  if (error instanceof ReplyError) return new StoreError(wordsOfReply(error.message));
  const { code = "" } = error as NodeJS.ErrnoException;
  if (error instanceof AggregateError && code === "") return toStoreError(error.errors[0]);
  const words = WORDS.find(([pattern]) => pattern.test(code === "" ? `${error.name} ${error.message}` : code))?.[1];
  return new StoreError(`${words ?? "cannot be reached"}${code === "" ? "" : ` (${code})`}`);
}

/** The first word of an error reply, empty for what is none. */
export function replyCode(thrown: unknown): string {
  return thrown instanceof ReplyError ? codeOf(thrown.message) : "";
}

function codeOf(message: string): string {
  return /^[A-Z]{2,20}(?= |$)/.exec(message)?.[0] ?? "ERR";
}

function wordsOfReply(message: string): string {
  const words = REPLIES.find(([pattern]) => pattern.test(message))?.[1];
  const code = codeOf(message);
  return words === undefined ? `answered ${code}` : `${words} (${code})`;
}

const WORDS: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/^ECONNREFUSED$/, "refuses the connection"],
  [/^(ECONNRESET|EPIPE)$|closed unexpectedly|Disconnects/, "has closed the connection"],
  [/^ETIMEDOUT$|Connection timeout/, "could not be connected to in time"],
  [/^(ENOTFOUND|EAI_AGAIN)$/, "has a name that could not be resolved"],
  [/CERT|SELF_SIGNED|TLS|SSL|EPROTO|UNABLE_TO/, "has a TLS certificate or handshake that was not accepted"],
  [/RESP|TypeError|RangeError/, "answered with something that is not Redis's protocol"],
];

const REPLIES: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/^READONLY|^UNBLOCKED .*instance state changed/, "can only be read: it is a replica"],
  [/^OOM/, "has no memory left"],
  [/^LOADING/, "is still loading its data"],
  [/^MASTERDOWN/, "is a replica without its master"],
  [/^CLUSTERDOWN/, "is a cluster that is down"],
  [/^MISCONF/, "writes nothing, since it cannot save to its disk"],
  [/^NOREPLICAS/, "writes nothing, since it has too few replicas"],
  [/^BUSY/, "is busy with a script"],
  [/^NOAUTH/, "wants a password"],
  [/^WRONGPASS|invalid password/, "does not accept the password"],
  [/^NOPERM/, "does not permit its user what is needed"],
  [/without any password|no password is set/, "has no password, and one is configured"],
  [/max number of clients/, "takes no more clients"],
  [/DB index|SELECT is not allowed/, "has no such database"],
  [/cluster support disabled/, "is no cluster"],
  [/unknown (sub)?command/i, "does not know a command that is needed"],
  [/WRONGTYPE/, "has something else under one of the keys: is the prefix used by another program?"],
];
