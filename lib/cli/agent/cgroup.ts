/** The text of a file, or null where it cannot be read. */
export type Read = (path: string) => string | null;

/** A limit on processors, and what has been used under it since it was made. */
export interface CpuAllowance {
  /** How many processors it comes to, like 0.5 or 2. */
  readonly cores: number;
  readonly usedMicros: number;
}

/** A limit on memory, and what is used under it. Bytes. */
export interface MemoryAllowance {
  readonly limit: number;
  /** Without the file cache that the kernel can drop at once. */
  readonly used: number;
}

/*
 * These files are at these paths inside a container alone: the root cgroup, which a host has there, has no limits.
 * https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/
 */
const ROOT = "/sys/fs/cgroup";

/** Of cgroup v2, else v1; null where there is no limit. */
export function readCpuAllowance(read: Read): CpuAllowance | null {
  return cpuOfV2(read) ?? cpuOfV1(read);
}

/** Of cgroup v2, else v1; null where there is no limit. v1 says «none» with a limit larger than any memory. */
export function readMemoryAllowance(read: Read): MemoryAllowance | null {
  return memoryOfV2(read) ?? memoryOfV1(read);
}

function cpuOfV2(read: Read): CpuAllowance | null {
  const [quota, period] = read(`${ROOT}/cpu.max`)?.trim().split(/\s+/) ?? [];
  return cpuAllowance(amount(quota), amount(period), field(read(`${ROOT}/cpu.stat`), "usage_usec"));
}

function cpuOfV1(read: Read): CpuAllowance | null {
  // Either controller may be mounted by itself or both together, with or without links from the single names.
  const first = (controller: string, file: string): number | null =>
    amount(read(`${ROOT}/${controller}/${file}`) ?? read(`${ROOT}/cpu,cpuacct/${file}`));
  const usedNanos = first("cpuacct", "cpuacct.usage");
  return cpuAllowance(
    first("cpu", "cpu.cfs_quota_us"),
    first("cpu", "cpu.cfs_period_us"),
    usedNanos === null ? null : usedNanos / 1000,
  );
}

function cpuAllowance(quota: number | null, period: number | null, usedMicros: number | null): CpuAllowance | null {
  if (quota === null || period === null || usedMicros === null || quota === 0 || period === 0) return null;
  return { cores: quota / period, usedMicros };
}

function memoryOfV2(read: Read): MemoryAllowance | null {
  const limit = amount(read(`${ROOT}/memory.max`));
  const usage = amount(read(`${ROOT}/memory.current`));
  return memoryAllowance(limit, usage, () => field(read(`${ROOT}/memory.stat`), "inactive_file"));
}

function memoryOfV1(read: Read): MemoryAllowance | null {
  const limit = amount(read(`${ROOT}/memory/memory.limit_in_bytes`));
  const usage = amount(read(`${ROOT}/memory/memory.usage_in_bytes`));
  return memoryAllowance(limit, usage, () => field(read(`${ROOT}/memory/memory.stat`), "total_inactive_file"));
}

function memoryAllowance(
  limit: number | null,
  usage: number | null,
  inactiveFile: () => number | null,
): MemoryAllowance | null {
  if (limit === null || usage === null || limit === 0) return null;
  return { limit, used: usage - (inactiveFile() ?? 0) };
}

/** The number that a line like `usage_usec 123` has, or one like `MemTotal:  123 kB`. */
export function field(text: string | null, name: string): number | null {
  return amount(text === null ? null : new RegExp(`^${name}:?\\s+(\\d+)`, "m").exec(text)?.[1]);
}

/** Null for everything but a whole number: `max` and `-1` are no limit. */
function amount(text: string | null | undefined): number | null {
  const digits = text?.trim() ?? "";
  return /^\d+$/.test(digits) ? Number(digits) : null;
}
