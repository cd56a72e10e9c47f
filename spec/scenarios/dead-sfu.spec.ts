import { expect } from "chai";
import type { AttemptEvent } from "../../lib/events.ts";
import type { Fault } from "../../lib/simulator/sfu.ts";
import { eventually } from "../support/eventually.ts";
import { useOffice } from "../support/office.ts";

const INTERVAL_MS = 500;
/** A hanging SFU costs the first callers so much each, until it is out; a busy machine needs as much for a healthy one. */
const ATTEMPT_MS = 500;
/** Opened by the probes alone, which is what this is about, and tried again soon. */
const BREAKER = { minimumRequests: 10_000, resetTimeoutMs: 300 };

for (const fault of [{ kind: "refuse" }, { kind: "hang" }] as const satisfies readonly Fault[]) {
  describe(`scenario: an SFU dies and ${fault.kind}s`, () => {
    const office = useOffice(3, {
      sfu: { latencyMs: { min: 0, max: 0 } },
      gateway: {
        health: { intervalMs: INTERVAL_MS, timeoutMs: 100 },
        failover: { attemptTimeoutMs: ATTEMPT_MS },
        breaker: BREAKER,
      },
    });

    /** At the first SFU. */
    let attempts: number;
    let conferences: number;
    beforeEach(async () => {
      attempts = 0;
      conferences = 0;
      office.gateway.app.events.on("attempt", ({ sfu }: AttemptEvent) => {
        if (sfu.address === victim().address) attempts++;
      });
      await eventually("everybody has been probed", async () => (await states()).every((state) => state === "healthy"));
    });

    const victim = (): (typeof office.fleet.sfus)[number] => office.fleet.sfus[0]!;
    const states = async (): Promise<string[]> => {
      const body = (await (await office.gateway.get("/v1/health")).json()) as { sfus: { state: string }[] };
      return body.sfus.map(({ state }) => state);
    };
    const isOut = async (): Promise<boolean> => (await states())[0] === "down";
    /** A new conference each time. @returns the status */
    const call = async (): Promise<number> =>
      (await office.gateway.join({ iss: `room ${String(++conferences)}` })).status;
    const kill = (): Promise<void> => office.fleet.break(fault, 0);

    it("is found out without a single call, so that none ever meets it", async () => {
      await kill();
      await eventually("it is out", isOut);
      for (let count = 0; count < 20; count++) expect(await call()).to.equal(200);
      expect(attempts).to.equal(0);
    });

    it("costs no call under steady traffic, and none reaches it once it is out", async () => {
      const answers: number[] = [];
      const callUntil = (isOver: () => boolean | Promise<boolean>): Promise<void> =>
        eventually("the calls are over", async () => {
          answers.push(await call());
          return isOver();
        });
      await callUntil(() => attempts > 2);
      await kill();
      await callUntil(isOut);
      const before = attempts;
      for (let count = 0; count < 20; count++) answers.push(await call());
      expect(answers.filter((status) => status !== 200)).to.deep.equal([]);
      expect(attempts).to.equal(before);
    });

    it("takes calls again once it lives", async () => {
      await kill();
      await eventually("it is out", isOut);
      await victim().heal();
      await eventually("it is back", async () => !(await isOut()));
      await eventually("it is asked", async () => {
        expect(await call()).to.equal(200);
        return attempts > 0;
      });
      expect(victim().channels).to.have.length.at.least(1);
    });
  });
}
