import { expect } from "chai";
import { exampleFault, faultKinds } from "../../lib/simulator/sfu.ts";
import { useOffice } from "../support/office.ts";
import { claimsOf, GATEWAY_KEY, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";

const CONFERENCE = "https://odoo.example.com:channel:4711";

describe("scenario: whatever happens, no key, token or conference gets out", () => {
  const office = useOffice(2, { gateway: { failover: { attemptTimeoutMs: 60, retryTimeoutMs: 150 } } });

  it("in a log line, an answer, the health or the metrics, through every fault of an SFU", async () => {
    const good = token({ claims: claimsOf(CONFERENCE) });
    const bad = [
      token({ claims: claimsOf(CONFERENCE), key: OTHER_KEY }),
      token({ claims: { ...claimsOf(CONFERENCE), exp: 1 } }),
      token({ claims: { ...claimsOf(CONFERENCE), iss: "" } }),
      good.slice(0, -7),
    ];
    const answers: string[] = [];
    const join = async (text: string, iss?: string): Promise<void> => {
      const { body, headers } = await office.gateway.join({ token: text, ...(iss === undefined ? {} : { iss }) });
      answers.push(JSON.stringify(body), JSON.stringify([...headers]));
    };

    for (const text of bad) await join(text);
    for (const kind of faultKinds) {
      await office.fleet.break(exampleFault(kind), 0, 1);
      await join(good);
      for (const sfu of office.fleet.sfus) await sfu.heal();
    }
    const shown = [
      ...answers,
      JSON.stringify(office.gateway.logs),
      await (await office.gateway.get("/v1/health")).text(),
      await (await office.gateway.get("/metrics")).text(),
    ].join("\n");

    const secrets = {
      "the gateway's key": GATEWAY_KEY,
      "the first SFU's key": sfuKey(1),
      "the second SFU's key": sfuKey(2),
      "the channel's key": claimsOf(CONFERENCE).key as string,
      "the conference": CONFERENCE,
      "the header of any token": good.split(".")[0]!,
      "the claims of a token": good.split(".")[1]!,
    };
    for (const [name, secret] of Object.entries(secrets)) {
      expect(shown.includes(secret), name).to.equal(false);
      const raw = Buffer.from(secret, "base64").toString("latin1");
      if (raw.length > 20) expect(shown.includes(raw), `${name}, decoded`).to.equal(false);
    }
    expect(office.gateway.logs.length, "there was something to look at").to.be.above(bad.length + faultKinds.length);
  });
});
