/** What a look at `/metrics` shows of the process. */
export interface Vitals {
  readonly residentMb: number;
  readonly openFds: number;
}

export function vitalsIn(metrics: string): Vitals {
  const residentMb = sumOf(metrics, "process_resident_memory_bytes") / 2 ** 20;
  return { residentMb, openFds: sumOf(metrics, "process_open_fds") };
}

export function failoversIn(metrics: string): number {
  return sumOf(metrics, "sfu_gateway_failovers_total");
}

/** Of all series of one name. */
function sumOf(metrics: string, name: string): number {
  const lines = metrics.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
