import { GatewayError, ListError, SfuError, StoreError } from "./errors.ts";

/** The gateway's own errors may show their text. */
function isOwn(error: Error): boolean {
  return [GatewayError, SfuError, ListError, StoreError].some((kind) => error instanceof kind);
}

/** An error in words; of a foreign one only its kind: its message may quote what nobody should see. */
export function messageOf(error: Error): string {
  return isOwn(error) ? error.message : error.name;
}

/** Deeper than any chain of causes that means something; one that bites its tail must end. */
const MAX_CAUSES = 5;

/** What may be written of an error: of a foreign one only the kind, the code and where it comes from. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    ...(typeof code === "string" ? { code } : {}),
    ...(isOwn(error) ? { message: error.message } : {}),
    stack: framesOf(error),
    ...(error.cause === undefined || depth === MAX_CAUSES ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}

/** The stack without the message that it begins with, whose lines may look like frames. */
function framesOf({ stack = "", message }: Error): string {
  const frames = stack.slice(stack.indexOf(message) + message.length).split("\n");
  return frames.filter((line) => /^\s+at /.test(line)).join("\n");
}
