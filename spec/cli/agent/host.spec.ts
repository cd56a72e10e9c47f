import { expect } from "chai";
import { createHostMeter, type HostFigures, type HostMeter, SHORTEST_WINDOW_MS } from "../../../lib/cli/agent/host.ts";
import { type CpuTimes, hostSystem, type System } from "../../../lib/cli/agent/system.ts";
import { systemClock } from "../../../lib/clock.ts";
import { useFakeClock } from "../../support/clock.ts";

type Files = Readonly<Record<string, string>>;

/** A machine that a spec may change while it is measured. */
interface Machine extends System {
  files: Files;
  times: readonly CpuTimes[];
  free: number | null;
}

const GIB = 1024 ** 3;
const NO_LIMIT_V1 = "9223372036854771712\n";

function machine(files: Files, parts: Partial<Pick<Machine, "times" | "free">> = {}): Machine {
  const made: Machine = {
    files,
    times: parts.times ?? [],
    free: parts.free ?? null,
    read: (path) => made.files[path] ?? null,
    cpus: () => made.times.map((times) => ({ times })),
    totalMemory: () => 8 * GIB,
    freeMemory: () => made.free,
  };
  return made;
}

/** `cpu user nice system idle iowait irq softirq steal guest guest_nice`, of a host with four processors. */
function stat(...times: readonly number[]): Files {
  const cores = [0, 1, 2, 3].map((core) => `cpu${core} 1 2 3 4 0 0 0 0 0 0`).join("\n");
  return { "/proc/stat": `cpu  ${times.join(" ")}\n${cores}\nintr 1 2 3\nctxt 99\n` };
}

function meminfo(availableKb: number): Files {
  return {
    "/proc/meminfo": `MemTotal:        8388608 kB\nMemFree:          100000 kB\nMemAvailable:   ${String(availableKb)} kB\n`,
  };
}

const v2 = (usedMicros: number, max = "200000 100000"): Files => ({
  "/sys/fs/cgroup/cpu.max": `${max}\n`,
  "/sys/fs/cgroup/cpu.stat": `usage_usec ${String(usedMicros)}\nuser_usec 1\nsystem_usec 2\nnr_periods 7\n`,
});

const v1 = (usedNanos: number, quota = "200000", folder: "own" | "shared" = "own"): Files => {
  const [cpu, cpuacct] = folder === "own" ? ["cpu", "cpuacct"] : ["cpu,cpuacct", "cpu,cpuacct"];
  return {
    [`/sys/fs/cgroup/${cpu}/cpu.cfs_quota_us`]: `${quota}\n`,
    [`/sys/fs/cgroup/${cpu}/cpu.cfs_period_us`]: "100000\n",
    [`/sys/fs/cgroup/${cpuacct}/cpuacct.usage`]: `${String(usedNanos)}\n`,
  };
};

const memoryV2 = (current: number, max: number | "max", stats = "inactive_file 0\n"): Files => ({
  "/sys/fs/cgroup/memory.max": `${String(max)}\n`,
  "/sys/fs/cgroup/memory.current": `${String(current)}\n`,
  "/sys/fs/cgroup/memory.stat": stats,
});

const memoryV1 = (usage: number, limit: number | string, stats = "total_inactive_file 0\n"): Files => ({
  "/sys/fs/cgroup/memory/memory.limit_in_bytes": `${String(limit)}\n`,
  "/sys/fs/cgroup/memory/memory.usage_in_bytes": `${String(usage)}\n`,
  "/sys/fs/cgroup/memory/memory.stat": stats,
});

const idle = { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 };

describe("the figures of the host", () => {
  const clock = useFakeClock();

  /** What is measured when the machine has changed so within ten seconds. */
  const measure = async (from: Machine, change: Partial<Machine> = {}): Promise<HostFigures> => {
    const meter = createHostMeter(from, systemClock);
    await clock.elapse(10_000);
    Object.assign(from, change);
    const figures = meter.measure();
    await clock.elapse(2 * SHORTEST_WINDOW_MS);
    return figures;
  };

  describe("of the processors", () => {
    const onHost = (files: Files): Files => ({ ...stat(1000, 0, 1000, 8000, 0, 0, 0, 0, 0, 0), ...files });
    /** The host is at a half over the same time. */
    const later = (files: Files): Files => ({ ...stat(2000, 0, 2000, 10_000, 0, 0, 0, 0, 0, 0), ...files });

    const cases: Readonly<Record<string, readonly [from: Files, to: Files, share: number]>> = {
      "are those of the container by cgroup v2": [v2(1_000_000), v2(6_000_000), 0.25],
      "count half a processor as the whole where that is the limit": [
        v2(0, "50000 100000"),
        v2(4_000_000, "50000 100000"),
        0.8,
      ],
      "go to 1 and not beyond, which bursts may": [v2(0), v2(21_000_000), 1],
      "are those of the host where cgroup v2 has no limit": [v2(0, "max 100000"), v2(9e6, "max 100000"), 0.5],
      "are those of the host where the limit is more than it has": [
        v2(0, "450000 100000"),
        v2(9e6, "450000 100000"),
        0.5,
      ],
      "are those of the container where the limit is just what it has": [
        v2(0, "400000 100000"),
        v2(4_000_000, "400000 100000"),
        0.1,
      ],
      "are those of the container by cgroup v1": [v1(1e9), v1(6e9), 0.25],
      "are those of the container by cgroup v1 with both controllers in one place": [
        v1(1e9, "200000", "shared"),
        v1(6e9, "200000", "shared"),
        0.25,
      ],
      "are those of the host where cgroup v1 has no limit": [v1(1e9, "-1"), v1(6e9, "-1"), 0.5],
      "are those of the host where the limit is there and the use is not": [
        { "/sys/fs/cgroup/cpu.max": "200000 100000\n" },
        { "/sys/fs/cgroup/cpu.max": "200000 100000\n" },
        0.5,
      ],
      "are those of the host where the limit is no number": [v2(0, "a lot"), v2(9e6, "a lot"), 0.5],
      "are those of the host where the limit is nothing": [v2(0, "0 100000"), v2(9e6, "0 100000"), 0.5],
      "are those of the host without any cgroup": [{}, {}, 0.5],
    };
    for (const [title, [from, to, share]] of Object.entries(cases)) {
      it(title, async () => {
        const { cpu } = await measure(machine(onHost(from)), { files: later(to) });
        expect(cpu).to.be.closeTo(share, 1e-9);
      });
    }

    const modes: Readonly<Record<string, readonly [to: readonly number[], share: number]>> = {
      "waiting for a disk is idle": [[10, 0, 0, 50, 40, 0, 0, 0, 0, 0], 0.1],
      "what the hypervisor takes is busy": [[10, 0, 0, 70, 0, 0, 0, 20, 0, 0], 0.3],
      "interrupts are busy": [[10, 0, 0, 70, 0, 10, 10, 0, 0, 0], 0.3],
      "guests are in the user's time already": [[50, 0, 0, 50, 0, 0, 0, 0, 50, 0], 0.5],
      "a kernel that tells but four modes is understood": [[10, 10, 10, 70], 0.3],
      "a counter that went back is not below 0": [[0, 0, 0, 150, -40], 0],
    };
    for (const [title, [times, share]] of Object.entries(modes)) {
      it(`by /proc/stat: ${title}`, async () => {
        const base = [1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000].slice(0, times.length);
        const to = base.map((time, mode) => time + (times[mode] ?? 0));
        const { cpu } = await measure(machine(stat(...base)), { files: stat(...to) });
        expect(cpu).to.be.closeTo(share, 1e-9);
      });
    }

    it("are what the runtime knows where there is no /proc", async () => {
      const { cpu } = await measure(machine({}, { times: [idle, idle] }), {
        times: [
          { ...idle, user: 20, sys: 10, irq: 10, nice: 10, idle: 50 },
          { ...idle, idle: 100 },
        ],
      });
      expect(cpu).to.equal(0.25);
    });

    it("are null where nothing can be read, and nobody waits for it", async () => {
      const { cpu } = await createHostMeter(machine({}), systemClock).measure();
      expect(cpu).to.be.null;
      expect(clock.timers()).to.equal(0);
    });

    it("are not taken over no time at all: the first ones wait", async () => {
      const host = machine(onHost(v2(0)));
      const meter = createHostMeter(host, systemClock);
      let cpu: number | null = null;
      void meter.measure().then((figures) => (cpu = figures.cpu));
      await clock.elapse(SHORTEST_WINDOW_MS - 1);
      expect(cpu).to.be.null;
      host.files = onHost(v2(SHORTEST_WINDOW_MS * 1000));
      await clock.elapse(1);
      expect(cpu).to.equal(0.5);
      expect(SHORTEST_WINDOW_MS).to.be.at.least(100);
    });

    it("are taken since the last time, each time", async () => {
      const host = machine(onHost(v2(0)));
      const meter = createHostMeter(host, systemClock);
      const shares: (number | null)[] = [];
      for (const usedMicros of [2e6, 12e6, 12e6]) {
        await clock.elapse(10_000);
        host.files = onHost(v2(usedMicros));
        shares.push((await meter.measure()).cpu);
      }
      expect(shares).to.deep.equal([0.1, 0.5, 0]);
    });

    it("are taken anew where a limit has come, or the counters began again", async () => {
      for (const [from, between, to] of [
        [stat(0, 0, 0, 0), { ...stat(0, 0, 0, 0), ...v2(0) }, v2(1e5)],
        [v2(0), stat(0, 0, 0, 0), stat(1, 0, 0, 3)],
        [v2(9e6), v2(0), v2(1e5)],
      ] as const) {
        const host = machine({ ...stat(0, 0, 0, 0), ...from });
        const meter = createHostMeter(host, systemClock);
        await clock.elapse(10_000);
        host.files = between;
        const figures = meter.measure();
        await clock.elapse(SHORTEST_WINDOW_MS - 1);
        host.files = { ...stat(0, 0, 0, 0), ...to };
        await clock.elapse(1);
        expect((await figures).cpu).to.equal(0.25);
      }
    });

    it("are waited for no longer where the agent ends", async () => {
      const controller = new AbortController();
      const reason = new Error("SIGTERM");
      const figures = createHostMeter(machine(onHost({})), systemClock).measure(controller.signal);
      controller.abort(reason);
      expect(await figures.catch((error: unknown) => error)).to.equal(reason);
      expect(clock.timers()).to.equal(0);
    });
  });

  describe("of the memory", () => {
    const host = meminfo(2_097_152);
    const cases: Readonly<Record<string, readonly [files: Files, share: number]>> = {
      "are those of the container by cgroup v2, without the cache that can be dropped": [
        memoryV2(3 * GIB, 4 * GIB, `anon 5\ninactive_anon 7\ninactive_file ${String(GIB)}\nactive_file 9\n`),
        0.5,
      ],
      "count all of the cache where the kernel does not tell": [memoryV2(3 * GIB, 4 * GIB, ""), 0.75],
      "go to 1 and not beyond": [memoryV2(5 * GIB, 4 * GIB), 1],
      "do not go below 0": [memoryV2(1, 4 * GIB, "inactive_file 9\n"), 0],
      "are those of the host where cgroup v2 has no limit": [memoryV2(3 * GIB, "max"), 0.75],
      "are those of the host where the limit is more than it has": [memoryV2(3 * GIB, 9 * GIB), 0.75],
      "are those of the container where the limit is just what it has": [memoryV2(2 * GIB, 8 * GIB), 0.25],
      "are those of the host where the limit is there and the use is not": [
        { "/sys/fs/cgroup/memory.max": String(GIB) },
        0.75,
      ],
      "are those of the host where the limit is nothing": [memoryV2(1, 0), 0.75],
      "are those of the container by cgroup v1": [
        memoryV1(3 * GIB, 4 * GIB, `inactive_file 7\ntotal_inactive_file ${String(GIB)}\n`),
        0.5,
      ],
      "are those of the host where cgroup v1 has no limit": [memoryV1(3 * GIB, NO_LIMIT_V1), 0.75],
      "are those of the host without any cgroup": [{}, 0.75],
    };
    for (const [title, [files, share]] of Object.entries(cases)) {
      it(title, async () => {
        expect((await measure(machine({ ...host, ...files }))).memory).to.be.closeTo(share, 1e-9);
      });
    }

    it("are what the runtime knows where there is no /proc", async () => {
      expect((await measure(machine({}, { free: 2 * GIB }))).memory).to.equal(0.75);
    });

    it("are null where nothing can be read, or nothing that means it", async () => {
      expect((await measure(machine({}))).memory).to.be.null;
      expect((await measure(machine({ "/proc/meminfo": "MemTotal: 8388608 kB\nMemFree: 1 kB\n" }))).memory).to.be.null;
    });
  });

  describe("of this machine", () => {
    it("can be read", () => {
      const { cpu, memory } = createHostMeter(hostSystem, systemClock).sources();
      expect(cpu).not.to.be.null;
      expect(memory).not.to.be.null;
    });
  });

  it("say where they come from", () => {
    const sources = (files: Files): ReturnType<HostMeter["sources"]> =>
      createHostMeter(machine(files), systemClock).sources();
    expect(sources({ ...v2(0), ...memoryV2(1, GIB) })).to.deep.equal({ cpu: "cgroup", memory: "cgroup" });
    expect(sources({ ...stat(1, 2, 3, 4), ...meminfo(1) })).to.deep.equal({
      cpu: "/proc/stat",
      memory: "/proc/meminfo",
    });
    expect(sources({})).to.deep.equal({ cpu: null, memory: null });
  });
});
