import type { Events } from "../events.ts";
import type { Health, Sfu } from "./sfu.ts";

/** The fleet as it is known now. Sources feed it from the side; requests only read. */
export interface Registry {
  all(): readonly Sfu[];
  get(address: string): Sfu | null;
  health(sfu: Sfu): Health;
  /** An SFU of the same address is replaced and keeps its health. */
  add(sfu: Sfu): void;
  remove(address: string): void;
  /** Does nothing for an SFU that has left: an answer may come in after it. */
  setHealth(sfu: Sfu, health: Health): void;
}

export function createRegistry(events: Events): Registry {
  const entries = new Map<string, { readonly sfu: Sfu; health: Health }>();
  let list: readonly Sfu[] = [];
  const refresh = (): void => {
    list = [...entries.values()].map(({ sfu }) => sfu);
  };

  return {
    all: () => list,
    get: (address) => entries.get(address)?.sfu ?? null,
    health: (sfu) => entries.get(sfu.address)?.health ?? { state: "unknown" },

    add(sfu) {
      const health = entries.get(sfu.address)?.health ?? { state: "unknown" };
      entries.set(sfu.address, { sfu, health });
      refresh();
      events.emit("sfuAdded", { sfu });
    },

    remove(address) {
      const entry = entries.get(address);
      if (entry === undefined) return;
      entries.delete(address);
      refresh();
      events.emit("sfuRemoved", { sfu: entry.sfu });
    },

    setHealth(sfu, health) {
      const entry = entries.get(sfu.address);
      if (entry === undefined) return;
      const from = entry.health;
      entry.health = health;
      if (from.state !== health.state) events.emit("health", { sfu, from, to: health });
    },
  };
}
