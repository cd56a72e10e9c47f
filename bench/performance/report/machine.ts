import { cpus, loadavg, release, totalmem } from "node:os";

/** Where it was measured. */
export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryMb: number;
  readonly system: string;
  readonly node: string;
  /** What else had to be done in the minute before: more than a little, and the figures are not worth much. */
  readonly load: number;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? "unknown",
    processors: processors.length,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    system: `Linux ${release()}`,
    node: process.versions.node,
    load: loadavg()[0] ?? 0,
  };
}
