import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { leaveOut } from "../../support/tools.ts";

const SCRIPT = new URL("box.sh", import.meta.url).pathname;
const CHECKOUT = new URL("../../../", import.meta.url).pathname;

/** A real systemd with the units of config/systemd, and root's shell there. */
export interface Box {
  /** Runs a script there. @returns its output; its exit code is at the end where it is not 0 */
  run(script: string): Promise<string>;
  /** One property of a unit, as `systemctl show` has it. */
  show(unit: string, property: string): Promise<string>;
}

/** Boots one for the suite that called this, or skips that where the machine does not let it: not root, no systemd. */
export function useBox(): Box {
  let folder = "";
  let boot: ChildProcess | null = null;
  let pid = 0;

  const run = (script: string): Promise<string> =>
    new Promise((resolve) => {
      const command = ["-t", String(pid), "-a", "/bin/sh", "-uc", script];
      execFile("nsenter", command, { timeout: 30_000 }, (error, stdout, stderr) => {
        resolve(`${stdout}${stderr}${error === null ? "" : `exit ${String(error.code)}`}`.trim());
      });
    });

  before(async function () {
    if (process.getuid?.() !== 0) leaveOut(this, "only root can boot a systemd");
    folder = mkdtempSync(join(tmpdir(), "sfu-gateway-"));
    boot = spawn(SCRIPT, [folder, CHECKOUT, process.execPath], { stdio: "ignore" });
    const { pid: outer = 0 } = boot;
    const hasBooted = async (): Promise<boolean> => {
      pid = Number(readFileSync(`/proc/${outer}/task/${outer}/children`, "utf8").trim());
      return pid !== 0 && (await run("systemctl is-active box.target")) === "active";
    };
    // Why it cannot is the machine's business: no such file system, no such right.
    await eventually("systemd has booted", hasBooted).catch(() => leaveOut(this, "no systemd can be booted here"));
  });

  after(async () => {
    if (boot === null) return;
    if (boot.exitCode === null && boot.signalCode === null) {
      const gone = once(boot, "exit");
      // The box ends with its PID 1.
      if (pid !== 0) process.kill(pid, "SIGKILL");
      else boot.kill("SIGKILL");
      await gone;
    }
    boot = null;
    await eventually("its control group is empty", () =>
      removeGroups(readFileSync(join(folder, "group"), "utf8").trim()),
    );
    rmSync(folder, { recursive: true });
  });

  return { run, show: (unit, property) => run(`systemctl show -P ${property} ${unit}`) };
}

/** @returns whether it is gone, with all groups below it */
function removeGroups(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeGroups(join(path, entry.name));
    }
    rmdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}
