import { once } from "node:events";
import { connect } from "node:net";
import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { eventually } from "../support/eventually.ts";
import { type SimulatedFleet, startFleet } from "../support/fleet.ts";
import { startLoad } from "../support/load.ts";
import { type GatewayProcess, useGatewayProcesses } from "../support/process.ts";
import { claimsOf, token } from "../support/tokens.ts";

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
  const start = useGatewayProcesses();
  let fleet: SimulatedFleet;
  let gateway: GatewayProcess;

  beforeEach(async () => {
    fleet = await startFleet(1);
    gateway = await start({ env: { SFU_GATEWAY_NODES: JSON.stringify({ sfu: fleet.entries }) } });
  });
  afterEach(() => fleet.close());

  const join = (): Promise<Response> =>
    fetch(`${gateway.url}/v1/channel`, { headers: { authorization: `Bearer ${token({ claims: claimsOf("room") })}` } });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`finishes what is in flight on ${signal}, takes nothing new, and exits with 0`, async () => {
      await fleet.break({ kind: "slow", delayMs: 400 }, 0);
      const inFlight = join();
      await eventually("the SFU is asked", () => fleet.joins() === 1);
      gateway.kill(signal);
      await gateway.nextLine("shutting down");
      await eventually("a new connection is refused", () =>
        connectTo(gateway.url).then(
          () => false,
          (error: unknown) => (error as NodeJS.ErrnoException).code === "ECONNREFUSED",
        ),
      );

      const response = await inFlight;
      expect(response.status).to.equal(200);
      expect(await gateway.exitCode).to.equal(0);
      expect(gateway.logs.at(-1)?.msg).to.equal("shut down");
    });
  }

  it("does not wait for idle connections", async () => {
    expect((await join()).status).to.equal(200);
    gateway.kill("SIGTERM");
    expect(await gateway.exitCode).to.equal(0);
  });

  it("loses no request under 200 a second: it answers those that have come, and refuses the others", async () => {
    const load = startLoad(gateway.url, { perSecond: 200 });
    await eventually("calls are served", () => load.outcomes.length >= 200);
    const endedMs = systemClock.monotonic();
    gateway.kill("SIGTERM");
    expect(await gateway.exitCode).to.equal(0);
    await eventually("calls are refused", () => load.outcomes.some(({ error }) => error === "ECONNREFUSED"));

    const outcomes = await load.stop();
    const served = outcomes.filter(({ status }) => status === 200);
    const refused = outcomes.filter(({ error }) => error === "ECONNREFUSED");
    expect(served.length + refused.length, "what else became of them").to.equal(outcomes.length);
    expect(refused.filter(({ begunMs }) => begunMs < endedMs)).to.deep.equal([]);
  });
});
