import { expect } from "chai";
import { type SimulatedFleet, startFleet } from "../support/fleet.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { claimsOf, token } from "../support/tokens.ts";

describe("scenario: a tenant whose requests draw 500 from every SFU", () => {
  let fleet: SimulatedFleet;
  let gateway: TestGateway;

  beforeEach(async () => {
    fleet = await startFleet(3);
    gateway = await startGateway({ sfus: fleet.entries });
  });
  afterEach(async () => {
    await gateway.close();
    await fleet.close();
  });

  it("costs the others nothing: every one of their calls is served, and no breaker opens", async () => {
    // A channel key that is not text: odoo/sfu answers 500.
    const odd = (number: number): string => token({ claims: { ...claimsOf(`odd ${String(number)}`), key: 4711 } });
    const strange: number[] = [];
    const normal: number[] = [];
    for (let round = 0; round < 20; round++) {
      const requests = [
        ...[0, 1, 2, 3].map(async (index) =>
          strange.push((await gateway.join({ token: odd(4 * round + index) })).status),
        ),
        gateway.join({ iss: `room ${String(round)}` }).then(({ status }) => normal.push(status)),
      ];
      await Promise.all(requests);
    }
    expect(normal).to.deep.equal(Array(20).fill(200));
    expect(strange).to.deep.equal(Array(80).fill(503));
    for (const { address } of fleet.sfus) {
      expect(await gateway.metric(`breaker_transitions_total{sfu="${address}",to="open"}`)).to.equal(0);
    }
    expect(gateway.logs.filter(({ to }) => to === "misconfigured")).to.deep.equal([]);
  });
});
