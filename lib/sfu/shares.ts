import { orderFor } from "../rendezvous.ts";
import type { Store } from "../store/store.ts";
import type { Sfu } from "./sfu.ts";

/**
 * Whether it falls to this gateway to look at an SFU for all that share the store. Everybody works out the same; one that
 * cannot reach the others looks at all of them.
 */
export type IsMine = (sfu: Sfu) => boolean;

export function createShares(store: Pick<Store, "instance" | "instances">): IsMine {
  return ({ address }) => {
    const instances = store.instances();
    return instances.length === 1 || orderFor(address, instances)[0] === store.instance;
  };
}
