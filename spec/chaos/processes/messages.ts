import type { Fault } from "../../../lib/simulator/sfu.ts";

/** What an SFU process is started with. */
export interface SfuSetup {
  /** 0 takes any free one. */
  readonly port: number;
  readonly key: string;
  readonly seed: number;
}

/** What the runner orders; each order is answered with `done`. */
export type Order =
  | { readonly kind: "break"; readonly fault: Fault }
  /** Closes the port and opens it again with room for one connection in its queue, for a process that is stopped then. */
  | { readonly kind: "narrow" }
  | { readonly kind: "heal" };

/** What the runner hears. */
export type News =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "done" }
  /** A channel was made; said before anybody is answered, and so even where the process is killed right after. */
  | { readonly kind: "channel"; readonly uuid: string; readonly iss: string };
