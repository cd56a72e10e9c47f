import { expect } from "chai";
import { readiness as schema } from "../../lib/api/life.ts";
import { systemClock } from "../../lib/clock.ts";
import { Events } from "../../lib/events.ts";
import { type Readiness, readinessOf, reportReadiness } from "../../lib/http/report-readiness.ts";
import { type ServedRoutes, serveRoutes } from "../support/routes.ts";

describe("GET /readyz", () => {
  let server: ServedRoutes;
  let readiness: Readiness;
  const unforeseen: unknown[] = [];
  beforeEach(async () => {
    unforeseen.length = 0;
    server = await serveRoutes([["GET", "/readyz", reportReadiness(() => readiness)]], {
      clock: systemClock,
      events: new Events(),
      onError: (error) => unforeseen.push(error),
    });
  });
  afterEach(async () => {
    await server.close();
    expect(unforeseen).to.deep.equal([]);
  });

  const statuses: Readonly<Record<Readiness, number>> = {
    ready: 200,
    degraded: 200,
    draining: 503,
    no_sfu_available: 503,
  };
  for (const [word, status] of Object.entries(statuses) as [Readiness, number][]) {
    it(`answers ${String(status)} where it is ${word}`, async () => {
      readiness = word;
      const response = await fetch(`${server.url}/readyz`);
      expect(response.status).to.equal(status);
      expect(schema.strict().parse(await response.json())).to.deep.equal({ status: word });
    });
  }

  it("says what keeps callers from being served before it says that the others are out of reach", () => {
    const well = { isDraining: false, hasSfu: true, isStoreAway: false };
    expect(readinessOf(well)).to.equal("ready");
    expect(readinessOf({ ...well, isStoreAway: true })).to.equal("degraded");
    expect(readinessOf({ ...well, hasSfu: false, isStoreAway: true })).to.equal("no_sfu_available");
    expect(readinessOf({ ...well, hasSfu: false })).to.equal("no_sfu_available");
    expect(readinessOf({ isDraining: true, hasSfu: false, isStoreAway: true })).to.equal("draining");
    expect(readinessOf({ ...well, isDraining: true, isStoreAway: true })).to.equal("draining");
  });
});
