import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { expect } from "chai";
import { eventually } from "../support/eventually.ts";
import { type SimulatedFleet, startFleet } from "../support/fleet.ts";
import { claimsOf, GATEWAY_KEY, token } from "../support/tokens.ts";

const LAUNCHER = new URL("../../bin/sfu-gateway", import.meta.url).pathname;

/** Opens a connection and lets it go. */
async function connectTo(url: string): Promise<void> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  try {
    await once(socket, "connect");
  } finally {
    socket.destroy();
  }
}

describe("scenario: shutting down the process", () => {
  let fleet: SimulatedFleet;
  let gateway: ChildProcess;
  let output: string;
  let url: string;

  beforeEach(async () => {
    fleet = await startFleet(1);
    output = "";
    gateway = spawn(LAUNCHER, ["serve"], {
      env: {
        PATH: process.env.PATH,
        NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE,
        SFU_GATEWAY_KEY: GATEWAY_KEY,
        SFU_GATEWAY_NODES: JSON.stringify({ sfu: fleet.entries }),
        SFU_GATEWAY_PORT: "0",
        SFU_GATEWAY_BIND: "127.0.0.1",
      },
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 10_000,
    });
    gateway.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    await eventually("it listens", () => /"msg":"listening on (http:[^"]+)"/.test(output));
    url = /"msg":"listening on (http:[^"]+)"/.exec(output)![1]!;
  });
  afterEach(async () => {
    if (gateway.exitCode === null && gateway.signalCode === null) {
      gateway.kill("SIGKILL");
      await once(gateway, "exit");
    }
    await fleet.close();
  });

  const join = (): Promise<Response> =>
    fetch(`${url}/v1/channel`, { headers: { authorization: `Bearer ${token({ claims: claimsOf("room") })}` } });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`finishes what is in flight on ${signal}, takes nothing new, and exits with 0`, async () => {
      await fleet.break({ kind: "slow", delayMs: 400 }, 0);
      const inFlight = join();
      await eventually("the SFU is asked", () => fleet.joins() === 1);
      gateway.kill(signal);
      await eventually("it says so", () => output.includes("shutting down"));
      await eventually("a new connection is refused", () =>
        connectTo(url).then(
          () => false,
          (error: unknown) => (error as NodeJS.ErrnoException).code === "ECONNREFUSED",
        ),
      );

      const response = await inFlight;
      expect(response.status).to.equal(200);
      const [code] = (await once(gateway, "exit")) as [number | null];
      expect(code).to.equal(0);
      expect(output).to.include('"msg":"shut down"');
    });
  }

  it("does not wait for idle connections", async () => {
    expect((await join()).status).to.equal(200);
    gateway.kill("SIGTERM");
    const [code] = (await once(gateway, "exit")) as [number | null];
    expect(code).to.equal(0);
  });
});
