import { expect } from "chai";
import type { SfuReport } from "../../lib/api/fleet.ts";
import { eventually } from "../support/eventually.ts";
import type { GatewaySetup } from "../support/gateway.ts";
import { type Office, useOffice } from "../support/office.ts";

describe("scenario: unmodified SFUs with unequal loads", () => {
  describe("that are known by one old report", () => {
    const { office, sfus, load, join } = useLoads({ intervalMs: 100 });
    it("sends at least 90 % of new conferences to the least loaded", async () => {
      await load(300, 100, 600);
      const [, least] = await join(20);
      expect(least).to.be.at.least(18);
    });

    it("gives none of them more than 130 of 300 conferences that come at once, on one report", async () => {
      await load(50, 50, 50);
      expect(Math.max(...(await join(300)))).to.be.at.most(130);
    });

    it("says in /v1/health what it knows of each", async () => {
      await load(300, 100, 600);
      await join(1);
      const all = await sfus();
      expect(all.map(({ load: known }) => known?.sessions)).to.deep.equal([300, 100, 600]);
      expect(all[1]!.load).to.include({ channels: 1, cpu: null, memory: null, maxSessions: 1000 });
      expect(all[1]!.load!.expected).to.be.within(1, 25);
      expect(all[0]!.score).to.equal(0.3);
      expect(all[0]!.reportAgeMs).to.be.within(0, 10_000);
      expect(await office.gateway.metric(`sfu_sessions{sfu="${all[2]!.address}",region="none"}`)).to.equal(600);
    });
  });

  describe("that are read again and again", () => {
    const { office, sfus, load } = useLoads({ intervalMs: 100, statsIntervalMs: 100 });
    it("turns a new conference away where all are full, in words of its own, and not one that is there", async () => {
      await load(0, 0, 0);
      await office.gateway.join({ iss: "early" });
      await load(1000, 1000, 1000);
      const { status, body, headers } = await office.gateway.join({ iss: "late" });
      expect(status).to.equal(503);
      expect(body).to.include({ error: "overloaded" });
      expect(headers.get("retry-after")).to.equal("10");
      expect((await office.gateway.join({ iss: "early" })).status).to.equal(200);
      expect((await sfus()).map(({ out }) => out)).to.deep.equal(["overloaded", "overloaded", "overloaded"]);
      expect(await office.gateway.metric('channel_requests_total{outcome="overloaded"}')).to.equal(1);
    });
  });
});

interface Loads {
  readonly office: Office;
  readonly sfus: () => Promise<readonly SfuReport[]>;
  /** Lets the SFUs carry so many sessions, and the gateway know it. */
  readonly load: (...sessions: number[]) => Promise<void>;
  /** Brings so many new conferences at once. @returns how many each SFU has */
  readonly join: (count: number) => Promise<number[]>;
}

/** The callers and the SFUs are in this process as well, which else is late for all of them. */
const AT_ONCE = 50;

function useLoads(health: NonNullable<GatewaySetup["health"]>): Loads {
  const office = useOffice(3, {
    sfu: { latencyMs: { min: 0, max: 0 } },
    gateway: { balancing: { strategy: "load" }, health },
  });

  const sfus = async (): Promise<readonly SfuReport[]> =>
    ((await (await office.gateway.get("/v1/health")).json()) as { sfus: SfuReport[] }).sfus;

  const load = async (...sessions: number[]): Promise<void> => {
    sessions.forEach((count, index) => office.fleet.sfus[index]!.setLoad(count));
    await eventually("the loads have been read", async () =>
      (await sfus()).every(({ load: known }, index) => known?.sessions === sessions[index]),
    );
  };

  const join = async (count: number): Promise<number[]> => {
    const statuses: number[] = [];
    while (statuses.length < count) {
      const wave = Array.from({ length: Math.min(AT_ONCE, count - statuses.length) }, (_, number) =>
        office.gateway.join({ iss: `room ${String(statuses.length + number)}` }),
      );
      statuses.push(...(await Promise.all(wave)).map(({ status }) => status));
    }
    expect(statuses).to.deep.equal(Array(count).fill(200));
    return office.fleet.sfus.map(({ channels }) => channels.length);
  };
  return { office, sfus, load, join };
}
