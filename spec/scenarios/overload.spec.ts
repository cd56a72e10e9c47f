import { expect } from "chai";
import { openStage, type Stage } from "../../bench/overload/stage.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";

/** As many as a busy machine, whose processor others have, serves all the same. */
const SOME = 50;

/** On a busy machine the callers themselves need some seconds to ask. */
const patienceMs = 20_000;

describe("scenario: three thousand calls at once", function () {
  this.timeout(90_000);
  let stage: Stage;
  before(async () => {
    stage = await openStage();
  });
  after(() => stage.close());

  for (const connections of ["fresh", "kept"] as const) {
    it(`over ${connections} connections are served or turned away, and blamed on no SFU; then all is as before`, async () => {
      await stage.call({ connections, perSecond: 50, calls: 100, patienceMs });
      const results = await stage.call({ connections, perSecond: 0, calls: 3000, patienceMs });
      const count = (status: number): number => results.filter((result) => result.status === status).length;
      // Connections that the kernel's queue had no room for knock again ever more seldom, some of them too seldom.
      expect(count(200) + count(503) + count(0)).to.equal(3000);
      expect(count(200), "served").to.be.above(SOME);
      expect(count(503), "turned away").to.be.above(0);

      const isAsBefore = async (): Promise<boolean> => {
        const after = await stage.call({ connections, perSecond: 20, calls: 20, patienceMs });
        return after.every(({ status }) => status === 200);
      };
      await eventually("all are served", isAsBefore, FOR_A_PROCESS);
      expect(stage.blamed).to.deep.equal([]);
      expect(await stage.metric("sfu_gateway_requests_in_flight")).to.equal(0);
    });
  }
});
