import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "chai";
import { useCleanup } from "../support/cleanup.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";
import { leaveOut } from "../support/tools.ts";

const CHILDREN = new URL("processes/children.ts", import.meta.url).href;

/** Starts a server with a worker, as nginx is one, and tells their ids. */
const STARTS_A_SERVER = `
  import { spawn } from "node:child_process";
  import { owned } from ${JSON.stringify(CHILDREN)};
  const server = owned(spawn("sh", ["-c", "sleep 600 & echo $!; wait"], { stdio: ["ignore", "pipe", "ignore"] }));
  server.stdout.on("data", (worker) => console.log(JSON.stringify([server.pid, Number(worker)])));
`;

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("spec/chaos/processes/children", () => {
  before(function () {
    if (process.platform !== "linux") leaveOut(this, "the workers of others are known on Linux only");
  });
  const cleanUp = useCleanup();

  it("leaves neither a server nor its workers behind, even where the one who has started it is killed", async () => {
    const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", STARTS_A_SERVER];
    const starter = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    cleanUp(() => starter.kill("SIGKILL"));
    const [told] = (await once(starter.stdout, "data")) as [Buffer];
    const pids = JSON.parse(told.toString()) as readonly number[];
    cleanUp(() => pids.filter(isThere).forEach((pid) => process.kill(pid, "SIGKILL")));
    expect(pids.map(isThere)).to.deep.equal([true, true]);
    starter.kill("SIGKILL");
    await eventually("both are gone", () => !pids.some(isThere), FOR_A_PROCESS);
  });
});
