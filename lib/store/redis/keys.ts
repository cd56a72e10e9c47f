import { createHash } from "node:crypto";
import type { Topic } from "../store.ts";

/** The names of all keys; 1 is the version of what is in them. What is in braces decides in which slot of a cluster it is. */
export interface Keys {
  readonly journal: string;
  readonly instances: string;
  topic(topic: Topic): string;
  home(id: string): string;
  turn(id: string): string;
}

export function createKeys(prefix: string): Keys {
  const fleet = `${prefix}:1:{fleet}`;
  return {
    journal: `${fleet}:journal`,
    instances: `${fleet}:instances`,
    topic: (topic) => `${fleet}:board:${topic}`,
    home: (id) => `${prefix}:1:{${id}}:home`,
    turn: (id) => `${prefix}:1:{${id}}:turn`,
  };
}

/** A conference as the store knows it: names of companies and rooms are none of its business. */
export function idOf(conference: string): string {
  return createHash("sha256").update(conference).digest().subarray(0, 16).toString("base64url");
}
