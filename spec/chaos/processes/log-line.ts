/** A line of the gateway's log, with the runner's monotonic time. */
export interface LogLine {
  readonly atMs: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What is no JSON is there as `text`. */
export function parseLine(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : { text: line };
  } catch {
    return { text: line };
  }
}
