import { expect } from "chai";
import { useOffice } from "../support/office.ts";
import { claimsOf, token } from "../support/tokens.ts";

describe("scenario: a tenant whose requests draw 500 from every SFU", () => {
  const office = useOffice(3);

  it("costs the others nothing: every one of their calls is served, and no breaker opens", async () => {
    // A channel key that is not text: odoo/sfu answers 500.
    const odd = (number: number): string => token({ claims: { ...claimsOf(`odd ${String(number)}`), key: 4711 } });
    const strange: number[] = [];
    const normal: number[] = [];
    for (let round = 0; round < 20; round++) {
      const requests = [
        ...[0, 1, 2, 3].map(async (index) =>
          strange.push((await office.gateway.join({ token: odd(4 * round + index) })).status),
        ),
        office.gateway.join({ iss: `room ${String(round)}` }).then(({ status }) => normal.push(status)),
      ];
      await Promise.all(requests);
    }
    expect(normal).to.deep.equal(Array(20).fill(200));
    expect(strange).to.deep.equal(Array(80).fill(503));
    for (const { address } of office.fleet.sfus) {
      expect(await office.gateway.metric(`breaker_transitions_total{sfu="${address}",to="open"}`)).to.equal(0);
    }
    expect(office.gateway.logs.filter(({ to }) => to === "misconfigured")).to.deep.equal([]);
  });
});
