import type { Clock } from "../clock.ts";
import type { Events } from "../events.ts";
import type { Report } from "./report.ts";
import { type Health, type Sfu, type Source, SOURCES } from "./sfu.ts";

/** The fleet as it is known now. Sources feed it from the side; requests only read. */
export interface Registry {
  all(): readonly Sfu[];
  /** The entry that is in force for an address. */
  get(address: string): Sfu | null;
  /** All three of the following in one look-up: a ranking asks for thousands. */
  condition(sfu: Sfu): Condition;
  health(sfu: Sfu): Health;
  /** The latest one, however old; null where it never reported. */
  report(sfu: Sfu): Report | null;
  isDraining(sfu: Sfu): boolean;
  /**
   * Takes what one source says of an SFU. Another entry for the same address keeps its health, its report and whether
   * it is drained; where several sources name it, the first of {@link SOURCES} is in force. The same object again
   * changes nothing.
   */
  put(sfu: Sfu): void;
  /** Forgets what one source said of an address; the SFU leaves with the last of them. */
  remove(address: string, source: Source): void;
  /** The three do nothing for an SFU that has left: an answer may come in after it. */
  setHealth(sfu: Sfu, health: Health): void;
  /** Nor for a report that a younger one has overtaken. */
  setReport(sfu: Sfu, report: Report): void;
  setDraining(sfu: Sfu, isDraining: boolean): void;
}

/** What is known of an SFU at this moment. */
export interface Condition {
  readonly health: Health;
  readonly report: Report | null;
  readonly isDraining: boolean;
}

interface Entry extends Condition {
  readonly bySource: Map<Source, Sfu>;
  sfu: Sfu;
  health: Health;
  report: Report | null;
  isDraining: boolean;
}

export function createRegistry(clock: Clock, events: Events): Registry {
  const entries = new Map<string, Entry>();
  /** Made when it is asked for: a fleet of thousands comes one by one. */
  let list: readonly Sfu[] | null = null;
  const unknown = (): Health => ({ state: "unknown", sinceMs: clock.now() });
  const entryOf = ({ address }: Sfu): Entry | undefined => entries.get(address);

  return {
    all: () => (list ??= Array.from(entries.values(), ({ sfu }) => sfu)),
    get: (address) => entries.get(address)?.sfu ?? null,
    condition: (sfu) => entryOf(sfu) ?? { health: unknown(), report: null, isDraining: false },
    health: (sfu) => entryOf(sfu)?.health ?? unknown(),
    report: (sfu) => entryOf(sfu)?.report ?? null,
    isDraining: (sfu) => entryOf(sfu)?.isDraining ?? false,

    put(sfu) {
      const present = entryOf(sfu);
      if (present === undefined) {
        const bySource = new Map([[sfu.source, sfu]]);
        entries.set(sfu.address, { bySource, sfu, health: unknown(), report: null, isDraining: false });
        list = null;
        events.emit("sfuAdded", { sfu });
        return;
      }
      present.bySource.set(sfu.source, sfu);
      replace(present);
    },

    remove(address, source) {
      const entry = entries.get(address);
      if (entry?.bySource.delete(source) !== true) return;
      if (entry.bySource.size > 0) {
        replace(entry);
        return;
      }
      entries.delete(address);
      list = null;
      events.emit("sfuRemoved", { sfu: entry.sfu });
    },

    setHealth(sfu, health) {
      const entry = entryOf(sfu);
      if (entry === undefined) return;
      const from = entry.health;
      entry.health = health;
      if (from.state !== health.state) events.emit("health", { sfu: entry.sfu, from, to: health });
    },

    setReport(sfu, report) {
      const entry = entryOf(sfu);
      if (entry === undefined || (entry.report !== null && report.atMs < entry.report.atMs)) return;
      entry.report = report;
      events.emit("report", { sfu: entry.sfu, report });
    },

    setDraining(sfu, isDraining) {
      const entry = entryOf(sfu);
      if (entry === undefined || entry.isDraining === isDraining) return;
      entry.isDraining = isDraining;
      events.emit("drain", { sfu: entry.sfu, isDraining });
    },
  };

  /** Puts the first source's entry in force. */
  function replace(entry: Entry): void {
    const from = entry.sfu;
    const to = SOURCES.map((source) => entry.bySource.get(source)).find((sfu) => sfu !== undefined) ?? from;
    if (to === from) return;
    entry.sfu = to;
    list = null;
    events.emit("sfuChanged", { from, to });
    // Whatever was wrong with the key was so with another one.
    if (entry.health.state === "misconfigured" && !from.key.equals(to.key)) {
      const { health } = entry;
      entry.health = unknown();
      events.emit("health", { sfu: to, from: health, to: entry.health });
    }
  }
}
