import type { Loads } from "./balancing/load.ts";
import type { Clock } from "./clock.ts";
import type { Events } from "./events.ts";
import type { Breakers } from "./failover/breakers.ts";
import { expose, type Family, labelText } from "./exposition.ts";
import type { Registry } from "./sfu/registry.ts";
import type { BreakerState, Sfu } from "./sfu/sfu.ts";

export interface FleetMetricsSources {
  readonly clock: Clock;
  readonly events: Events;
  readonly registry: Registry;
  readonly breakers: Pick<Breakers, "state">;
  readonly isAvailable: (sfu: Sfu) => boolean;
  readonly loads: Pick<Loads, "report" | "totalOf">;
  /** What every name begins with. */
  readonly prefix: string;
  /** Of the durations, in seconds. */
  readonly buckets: readonly number[];
}

const STATES = ["closed", "open", "half_open"] as const satisfies readonly BreakerState[];

/** What has been counted of one SFU, gone with it. */
interface Page {
  sfu: Sfu;
  /** Its labels, ready to be written. */
  labels: Labels;
  /** Attempts by how they ended. */
  readonly attempts: Map<string, number>;
  readonly transitions: Map<BreakerState, number>;
  /** Null before the first attempt. */
  durations: { readonly counts: number[]; sum: number } | null;
}

interface Labels {
  readonly sfu: string;
  readonly place: string;
}

/**
 * The series that each SFU has: some thirty, so that a fleet of thousands has a hundred thousand of them. prom-client, which
 * makes objects of them and hashes their labels, takes three to four times as long for them, and all of it in one turn of the loop; so
 * they are kept by SFU and written out here.
 *
 * @returns the exposition text of a moment
 */
export function createFleetMetrics(sources: FleetMetricsSources): () => Promise<string> {
  const { clock, events, registry, breakers, isAvailable, loads, prefix, buckets } = sources;
  const pages = new Map<string, Page>();

  const begin = (sfu: Sfu): void => {
    // What alerts look at is 0 before it has happened, and not absent: Prometheus sees the first one only as a rise.
    const attempts = new Map([["ok", 0]]);
    const transitions = new Map(STATES.map((state) => [state, 0]));
    pages.set(sfu.address, { sfu, labels: labelsOf(sfu), attempts, transitions, durations: null });
  };
  events.on("sfuAdded", ({ sfu }) => begin(sfu));
  events.on("sfuChanged", ({ to }) => {
    const page = pages.get(to.address);
    if (page !== undefined) Object.assign(page, { sfu: to, labels: labelsOf(to) });
  });
  // What it does last would else bring its series back.
  events.on("sfuRemoved", ({ sfu }) => pages.delete(sfu.address));
  for (const sfu of registry.all()) begin(sfu);

  events.on("attempt", ({ sfu, error, durationMs }) => {
    const page = pages.get(sfu.address);
    if (page === undefined) return;
    count(page.attempts, error?.failure ?? "ok");
    const durations = (page.durations ??= { counts: Array<number>(buckets.length + 1).fill(0), sum: 0 });
    const seconds = durationMs / 1000;
    const bucket = buckets.findIndex((limit) => seconds <= limit);
    const at = bucket < 0 ? buckets.length : bucket;
    durations.counts[at] = (durations.counts[at] ?? 0) + 1;
    durations.sum += seconds;
  });
  events.on("breaker", ({ sfu, to }) => {
    const page = pages.get(sfu.address);
    if (page !== undefined) count(page.transitions, to);
  });

  const bounds = [...buckets.map(String), "+Inf"].map((limit) => labelText({ le: limit }));

  const gauge = (name: string, help: string, valueOf: (sfu: Sfu) => number | null): Family<Page> => ({
    name: prefix + name,
    type: "gauge",
    help,
    show({ sfu, labels }, add) {
      const value = valueOf(sfu);
      if (value !== null) add(labels.place, value);
    },
  });

  const families: readonly Family<Page>[] = [
    {
      name: `${prefix}attempts_total`,
      type: "counter",
      help: "Attempts at an SFU by how they ended.",
      show({ labels, attempts }, add) {
        for (const [outcome, times] of attempts) add(`${labels.sfu},outcome="${outcome}"`, times);
      },
    },
    {
      name: `${prefix}attempt_duration_seconds`,
      type: "histogram",
      help: "Time that an SFU took for an attempt, failed ones included.",
      show({ labels, durations }, add) {
        if (durations === null) return;
        let upTo = 0;
        bounds.forEach((bound, index) => {
          upTo += durations.counts[index] ?? 0;
          add(`${bound},${labels.sfu}`, upTo, "_bucket");
        });
        add(labels.sfu, durations.sum, "_sum");
        add(labels.sfu, upTo, "_count");
      },
    },
    {
      name: `${prefix}breaker_transitions_total`,
      type: "counter",
      help: "Changes of an SFU's circuit breaker.",
      show({ labels, transitions }, add) {
        for (const [to, times] of transitions) add(`${labels.sfu},to="${to}"`, times);
      },
    },
    {
      name: `${prefix}sfu_up`,
      type: "gauge",
      help: "1 while an SFU takes new conferences.",
      show: ({ sfu, labels }, add) => add(`${labels.place},source="${sfu.source}"`, isAvailable(sfu) ? 1 : 0),
    },
    // Only the state that it is in: with all six, 1,000 SFUs would have 6,000 series of it.
    {
      name: `${prefix}sfu_state`,
      type: "gauge",
      help: "1 for the state that probes, heartbeats and calls have shown an SFU to be in; the others are absent.",
      show: ({ sfu, labels }, add) => add(`${labels.place},state="${registry.health(sfu).state}"`, 1),
    },
    {
      name: `${prefix}breaker_state`,
      type: "gauge",
      help: "1 for the state that an SFU's breaker is in.",
      show({ sfu, labels }, add) {
        const current = breakers.state(sfu);
        for (const state of STATES) add(`${labels.place},state="${state}"`, state === current ? 1 : 0);
      },
    },
    gauge("sfu_sessions", "Participants on an SFU, as it reported last; absent without a report.", (sfu) => {
      return loads.report(sfu)?.sessions ?? null;
    }),
    gauge("sfu_channels", "Conferences on an SFU, as it reported last; absent without a report.", (sfu) => {
      return loads.report(sfu)?.channels ?? null;
    }),
    gauge("sfu_max_sessions", "How many participants fill an SFU.", ({ maxSessions }) => maxSessions),
    gauge("sfu_load_score", "What an SFU is ranked by, without the distance: 0 is idle, 1 about full.", (sfu) =>
      loads.totalOf(sfu),
    ),
    gauge("sfu_report_age_seconds", "Age of an SFU's last load report; absent where there was none.", (sfu) => {
      const report = registry.report(sfu);
      return report === null ? null : (clock.monotonic() - report.atMs) / 1000;
    }),
    gauge("sfu_draining", "1 while an SFU is being drained.", (sfu) => (registry.isDraining(sfu) ? 1 : 0)),
  ];

  return () => expose(clock, families, [...pages.values()]);
}

function labelsOf({ address, region }: Sfu): Labels {
  const sfu = labelText({ sfu: address });
  return { sfu, place: `${sfu},${labelText({ region: region ?? "none" })}` };
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
