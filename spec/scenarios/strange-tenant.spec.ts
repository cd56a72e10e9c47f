import { expect } from "chai";
import { useFakeClock } from "../support/clock.ts";
import { useOffice } from "../support/office.ts";
import { claimsOf, token } from "../support/tokens.ts";

const SECONDS = 30;
const ODD_A_SECOND = 20;
const NORMAL_A_SECOND = 5;

describe("scenario: a tenant whose requests draw 500 from every SFU, 20 a second for 30 s", () => {
  const clock = useFakeClock();
  const office = useOffice(3, {
    sfu: { latencyMs: { min: 0, max: 0 } },
    gateway: { balancing: { strategy: "load" }, health: { intervalMs: 2000, statsIntervalMs: 10_000 } },
  });

  it("costs another tenant none of his 5 calls a second, and opens no breaker", async () => {
    // A channel key that is not text, and that the gateway leaves to the SFUs: odoo/sfu answers 500.
    const odd = (number: number): string => token({ claims: { ...claimsOf(`odd ${String(number)}`), key: null } });
    const strange: number[] = [];
    const normal: number[] = [];
    for (let second = 0; second < SECONDS; second++) {
      const requests = [
        ...Array.from({ length: ODD_A_SECOND }, async (_, index) =>
          strange.push((await office.gateway.join({ token: odd(ODD_A_SECOND * second + index) })).status),
        ),
        ...Array.from({ length: NORMAL_A_SECOND }, async (_, index) =>
          normal.push((await office.gateway.join({ iss: `room ${String(second)} ${String(index)}` })).status),
        ),
      ];
      await Promise.all(requests);
      await clock.elapse(1000);
    }
    expect(normal).to.deep.equal(Array(SECONDS * NORMAL_A_SECOND).fill(200));
    expect(strange).to.deep.equal(Array(SECONDS * ODD_A_SECOND).fill(503));
    for (const { address } of office.fleet.sfus) {
      expect(await office.gateway.metric(`breaker_transitions_total{sfu="${address}",to="open"}`)).to.equal(0);
    }
    const taken = ["misconfigured", "down", "failing"];
    expect(office.gateway.logs.filter(({ to }) => taken.includes(String(to)))).to.deep.equal([]);
  });
});
