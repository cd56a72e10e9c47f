/** Something wrong with the configuration: where it stands and what was expected there. Never the value. */
export interface Fault {
  /** `gateway.toml:12`, or the name of an environment variable. */
  readonly where: string;
  /** `[failover] max_retrys`, or empty where `where` says it all. */
  readonly what: string;
  /** What was expected, as a sentence without a full stop. */
  readonly problem: string;
}

export function formatFault({ where, what, problem }: Fault): string {
  return [where, what, problem].filter((part) => part !== "").join(": ");
}

/** All faults of a configuration together. `message` is the text for the operator. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const count = faults.length === 1 ? "1 fault" : `${String(faults.length)} faults`;
    super(`${count} in the configuration:\n${faults.map((fault) => `  ${formatFault(fault)}`).join("\n")}`);
    this.faults = faults;
  }
}
