import { type Clock, turnsOfTheLoop } from "./clock.ts";

/** A metric of which each item, an SFU for one, has series of its own. */
export interface Family<Item> {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Tells the series of an item. */
  readonly show: (item: Item, add: AddSeries) => void;
}

/**
 * @param labels what stands between the braces, made by {@link labelText}
 * @param suffix of the name, for the parts of a histogram
 */
export type AddSeries = (labels: string, value: number, suffix?: string) => void;

/** For so long at most, in milliseconds, a call that comes in meanwhile waits. */
const TURN_MS = 5;

/** How many items there are between two looks at the time. */
const STEP = 50;

/**
 * Prometheus's text format (exposition formats, version 0.0.4). Of thousands of SFUs this is megabytes: it is written piece by
 * piece, and the event loop goes on in between.
 */
export async function expose<Item>(
  clock: Clock,
  families: readonly Family<Item>[],
  items: readonly Item[],
): Promise<string> {
  const parts: string[] = [];
  let lines: string[] = [];
  let beganMs = clock.monotonic();
  for (const { name, type, help, show } of families) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    const add: AddSeries = (labels, value, suffix = "") => {
      lines.push(`${name}${suffix}{${labels}} ${String(value)}`);
    };
    for (let index = 0; index < items.length; index++) {
      show(items[index] as Item, add);
      if (index % STEP > 0 || clock.monotonic() - beganMs < TURN_MS) continue;
      parts.push(lines.join("\n"));
      lines = [];
      await turnsOfTheLoop(1);
      beganMs = clock.monotonic();
    }
  }
  return `${[...parts, ...lines].join("\n")}\n`;
}

/** Labels as they stand in a series, their values escaped. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (one) => (one === "\n" ? "\\n" : `\\${one}`))}"`)
    .join(",");
}
