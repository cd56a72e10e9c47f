import { createHash, timingSafeEqual } from "node:crypto";
import { inspect } from "node:util";

/** A secret that is text: a bearer token. It shows itself nowhere: not in JSON, not in a log, not in an inspection. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: for a request's header and nothing else. */
  reveal(): string {
    return this.#text;
  }

  /** In constant time, whatever the length of `text`. */
  equals(text: string): boolean {
    return timingSafeEqual(digest(this.#text), digest(text));
  }

  toJSON(): string {
    return "[secret]";
  }

  toString(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}

/** Whether both are the same text, or both absent. */
export function isSameSecret(one: Secret | null, other: Secret | null): boolean {
  return one === null || other === null ? one === other : one.equals(other.reveal());
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
