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

/** All faults of a configuration together, and the warnings that may explain them. `message` is for the operator. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
  /** Those that the configuration names itself: what is wrong may be in them. */
  readonly files: readonly string[];

  constructor(faults: readonly Fault[], warnings: readonly Fault[] = [], files: readonly string[] = []) {
    super([listed("fault", faults), listed("warning", warnings)].filter((part) => part !== "").join("\n"));
    this.faults = faults;
    this.warnings = warnings;
    this.files = files;
  }
}

function listed(what: string, faults: readonly Fault[]): string {
  if (faults.length === 0) return "";
  const count = `${String(faults.length)} ${what}${faults.length === 1 ? "" : "s"}`;
  return `${count} in the configuration:\n${faults.map((fault) => `  ${formatFault(fault)}`).join("\n")}`;
}
