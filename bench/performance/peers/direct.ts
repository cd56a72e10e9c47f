import type { Peer } from "../peer.ts";

/** Nobody in between: what the callers, the SFUs and the network cost by themselves. */
export const direct: Peer = {
  name: "no proxy",
  survivesFaults: false,
  version: () => "",
  start({ sfus }) {
    const [first] = sfus;
    if (first === undefined) throw new Error("there is no SFU to go to");
    const port = Number(new URL(first.address).port);
    return Promise.resolve({ port, pids: () => [], close: () => Promise.resolve() });
  },
};
