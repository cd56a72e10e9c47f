import { expect } from "chai";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { leaveOut, needsTools } from "../support/tools.ts";
import type { Seen } from "./hanging-dns-stage.ts";

const run = promisify(execFile);
const STAGE = new URL("hanging-dns-stage.ts", import.meta.url).pathname;

/** A network and files of one's own: there the C library asks a nameserver of ours, and nobody else is there. */
const NAMESPACES = ["--map-root-user", "--mount", "--net", "sh", "-c"];
const IN_THERE = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/nsswitch.conf';

/** The whole way through: the launcher, the C library, the threads that it waits in. */
describe("scenario: a nameserver that does not answer", function () {
  this.timeout(90_000);
  needsTools("unshare", "ip");
  let folder = "";
  const unshare = (command: string): Promise<{ readonly stdout: string }> => {
    const files = ["resolv.conf", "nsswitch.conf"].map((name) => join(folder, name));
    const args = [...NAMESPACES, command, "sh", ...files, process.execPath, STAGE];
    return run("unshare", args, { timeout: 80_000, killSignal: "SIGKILL" });
  };
  before(async function () {
    folder = mkdtempSync(join(tmpdir(), "dns-"));
    writeFileSync(join(folder, "resolv.conf"), "nameserver 127.0.0.1\n");
    writeFileSync(join(folder, "nsswitch.conf"), "hosts: files dns\n");
    const areAllowed = await unshare(IN_THERE).then(
      () => true,
      () => false,
    );
    if (!areAllowed) leaveOut(this, "namespaces may not be made here");
  });
  after(() => {
    if (folder !== "") rmSync(folder, { recursive: true });
  });

  it("takes no call, for some names or for all, and keeps nobody from coming back or from ending", async () => {
    const { stdout } = await unshare(`${IN_THERE} && shift 2 && exec "$@"`);
    const { whileSomeHang, backAfterMs, whileAllHang, endedAfterMs, exitCode } = JSON.parse(stdout) as Seen;
    expect(whileSomeHang.failed).to.equal(0);
    expect(whileSomeHang.worstMs).to.be.below(1000);
    // A lookup that hangs, a second without one, and a probe.
    expect(backAfterMs).to.be.below(8000);
    expect(whileAllHang.failed).to.equal(0);
    expect(whileAllHang.worstMs).to.be.below(1000);
    expect(exitCode).to.equal(0);
    // glibc gives up after two seconds, and Node waits for the thread.
    expect(endedAfterMs).to.be.below(6000);
  });
});
