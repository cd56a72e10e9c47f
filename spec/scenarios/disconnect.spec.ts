import { expect } from "chai";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { disconnectToken, postOf, type SessionIds } from "../support/disconnect.ts";
import { type GatewaySetup, startGateway, type TestGateway } from "../support/gateway.ts";
import { useOffice } from "../support/office.ts";

/** Who a caller is, as the proxies in front of the gateway tell. */
const ODOO = "203.0.113.7";
const NEIGHBOUR = "203.0.113.8";

/** A call, and the SFU that it is on. */
interface Call {
  readonly uuid: string;
  readonly sfu: SimulatedSfu;
}

describe("scenario: Odoo ends calls", () => {
  const setup: Omit<GatewaySetup, "sfus"> = {
    env: { SFU_GATEWAY_TRUST_PROXY: "127.0.0.1" },
    failover: { attemptTimeoutMs: 500 },
  };
  const office = useOffice(3, { sfu: { latencyMs: { min: 0, max: 0 } }, gateway: setup });
  let calls: Call[];
  /** Twelve calls of three members each, on all the SFUs. */
  beforeEach(async () => {
    calls = [];
    for (let number = 0; number < 12; number++) {
      const { body } = await office.gateway.join({
        iss: `room ${String(number)}`,
        headers: { "x-forwarded-for": ODOO },
      });
      const sfu = office.fleet.sfus.find(({ address }) => address === body.url)!;
      sfu.setSessions(body.uuid as string, { count: 3 });
      calls.push({ uuid: body.uuid as string, sfu });
    }
    for (const sfu of office.fleet.sfus) expect(sfu.channels).to.have.length(4);
  });

  const disconnect = async (sessionIds: SessionIds, caller: string, gateway: TestGateway): Promise<number> => {
    const init = postOf(disconnectToken(sessionIds), { "x-forwarded-for": caller });
    return (await gateway.get("/v1/disconnect", init)).status;
  };
  const idsOf = (ending: readonly Call[], ids: readonly number[]): SessionIds =>
    Object.fromEntries(ending.map(({ uuid }) => [uuid, ids]));
  /** How many sessions each call has. */
  const counts = (): readonly number[] =>
    calls.map(({ uuid, sfu }) => sfu.channels.find((channel) => channel.uuid === uuid)!.sessions.length);
  const asked = (): number =>
    office.fleet.sfus.reduce((sum, { requests }) => sum + requests.filter(({ method }) => method === "POST").length, 0);

  it("each on its own SFU, without a question to the others", async () => {
    for (const call of calls) {
      expect(await disconnect(idsOf([call], [1, 2, 3]), ODOO, office.gateway)).to.equal(200);
    }
    expect(counts()).to.deep.equal(Array(12).fill(0));
    expect(asked()).to.equal(12);
  });

  it("all with one request, which leaves alone who is not named", async () => {
    expect(await disconnect(idsOf(calls.slice(0, 11), [1, 3]), ODOO, office.gateway)).to.equal(200);
    expect(counts()).to.deep.equal([...Array<number>(11).fill(1), 3]);
    expect(asked()).to.equal(3);
  });

  it("and a neighbour with the same key cannot end them, for the SFUs see who asks", async () => {
    expect(await disconnect(idsOf(calls, [1, 2, 3]), NEIGHBOUR, office.gateway)).to.equal(200);
    expect(counts()).to.deep.equal(Array(12).fill(3));
  });

  it("and a gateway that was started since finds them too", async () => {
    const restarted = await startGateway({ sfus: office.fleet.entries, ...setup });
    try {
      expect(await disconnect(idsOf([calls[5]!], [1, 2, 3]), ODOO, restarted)).to.equal(200);
      expect(counts()).to.deep.equal([3, 3, 3, 3, 3, 0, 3, 3, 3, 3, 3, 3]);
      expect(asked()).to.equal(3);
    } finally {
      await restarted.close();
    }
  });

  it("on those SFUs that live, while another hangs, and is told which one", async () => {
    const dead = calls[0]!.sfu;
    await dead.break({ kind: "hang" });
    expect(await disconnect(idsOf(calls, [1, 2, 3]), ODOO, office.gateway)).to.equal(502);
    expect(counts()).to.deep.equal(calls.map(({ sfu }) => (sfu === dead ? 3 : 0)));
    const line = office.gateway.logs.find(({ outcome }) => outcome === "disconnect_incomplete")!;
    expect(line.failed).to.deep.equal([{ sfu: dead.address, outcome: "timeout" }]);
    expect(await office.gateway.metric('disconnects_total{outcome="disconnect_incomplete"}')).to.equal(1);
  });
});
