import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { sleep, systemClock } from "../../lib/clock.ts";
import { measureFaults } from "../../bench/performance/faults.ts";
import { refusedSoFar } from "../../bench/performance/faults/refusals.ts";
import { type FaultName, HARMS } from "../../bench/performance/faults/scenarios.ts";
import { type BenchSfu, startSfu } from "../../bench/performance/faults/sfus.ts";
import type { Peer } from "../../bench/performance/peer.ts";
import { eventually, FOR_A_PROCESS } from "../support/eventually.ts";
import { claimsOf, GATEWAY_KEY, token } from "../support/tokens.ts";

/** @returns its status and body, or the code of what went wrong; `silence` where nothing came for a while */
function join(address: string, dueMs: number, patienceMs = 500): Promise<string> {
  const claims = { ...claimsOf("room"), jti: String(dueMs) };
  return new Promise((resolve) => {
    const sent = request(`${address}/v1/channel`, {
      agent: false,
      headers: { authorization: `Bearer ${token({ claims })}` },
    });
    const giveUp = systemClock.after(patienceMs, () => {
      resolve("silence");
      sent.destroy();
    });
    sent.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code ?? "?"));
    sent.on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => (text += part));
      answer.on("end", () => resolve(`${String(answer.statusCode)} ${text.slice(0, 8)}`));
    });
    sent.on("close", giveUp).end();
  });
}

/** Asks one SFU after the other. */
const relay: Peer = {
  name: "relay",
  survivesFaults: true,
  version: () => "1",
  async start({ sfus }) {
    let calls = 0;
    const server = createServer(({ url = "/", headers: { authorization = "" } }, response) => {
      const first = calls++;
      const ask = (attempt: number): void => {
        const to = `${sfus[(first + attempt) % sfus.length]?.address ?? ""}${url}`;
        const sent = request(to, { agent: false, headers: { authorization } }, (answer) => {
          response.writeHead(answer.statusCode ?? 502);
          answer.pipe(response);
        });
        sent.on("error", () => (attempt < 2 ? ask(attempt + 1) : response.writeHead(502).end())).end();
      };
      ask(0);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const close = async (): Promise<void> => {
      server.closeAllConnections();
      await once(server.close(), "close");
    };
    return { port: (server.address() as AddressInfo).port, pids: () => [process.pid], close };
  },
};

describe("bench: faults", () => {
  describe("an SFU", () => {
    let sfu: BenchSfu;
    let told: number[];
    before(async () => {
      sfu = await startSfu(GATEWAY_KEY, 1);
    });
    beforeEach(() => {
      told = [];
      sfu.onJoin = (dueMs) => told.push(dueMs);
    });
    after(() => sfu.close());

    const expected: Readonly<Record<FaultName, string>> = {
      refuse: "ECONNREFUSED",
      flapping: "ECONNREFUSED",
      reset: "ECONNRESET",
      hang: "silence",
      "500": "500 ",
      "slow 2 s": "silence",
      garbage: "200 <!doctyp",
      "worker hang": "silence",
    };
    for (const [fault, answer] of Object.entries(expected) as [FaultName, string][]) {
      it(`has the fault '${fault}', and is well again`, async () => {
        await sfu.prepare(HARMS[fault]);
        await sfu.break(HARMS[fault]);
        expect(await join(sfu.address, 1)).to.equal(answer);
        await sfu.heal();
        expect(await join(sfu.address, 2, 5000)).to.equal('200 {"uuid":');
        const isThere = !["refuse", "flapping"].includes(fault);
        await eventually("it tells of both", () => told.includes(2) && told.includes(1) === isThere, FOR_A_PROCESS);
      }).timeout(20_000);
    }

    it("comes and goes while it flaps", async () => {
      await sfu.break({ kind: "flap", everyMs: 100 });
      const answers = new Set<string>();
      await eventually(
        "it has been down, well, and down again",
        async () => {
          answers.add(await join(sfu.address, 3));
          return answers.has("ECONNREFUSED") && answers.has('200 {"uuid":');
        },
        FOR_A_PROCESS,
      );
      await sfu.heal();
      await sleep(systemClock, 150);
      expect(await join(sfu.address, 4)).to.equal('200 {"uuid":');
    }).timeout(20_000);

    it("has those counted that it refuses", async () => {
      await sfu.break({ kind: "misbehave", fault: { kind: "refuse" } });
      const before = refusedSoFar();
      for (let count = 0; count < 20; count++) await join(sfu.address, count);
      expect(refusedSoFar() - before).to.be.at.least(20);
      await sfu.heal();
    });
  });

  it("measures a peer, and leaves out who cannot take part", async () => {
    const said: string[] = [];
    const peers = [relay, { ...relay, name: "away", version: () => null }, { ...relay, survivesFaults: false }];
    const { peers: found } = await measureFaults({ peers, brief: true, say: (line) => said.push(line) });
    expect(found.map(({ name }) => name)).to.deep.equal(["relay"]);
    const [result, ...more] = found[0]?.scenarios ?? [];
    expect(more).to.deep.equal([]);
    expect(result).to.include({ fault: "reset", victims: 1, leftAfterMs: null, backAfterMs: null });
    expect(result?.lost).to.deep.equal({});
    expect(result?.inTime).to.equal(result?.calls).and.be.greaterThan(60);
    expect(result?.tries).to.be.within(10, 120);
    expect(said.join()).to.match(/relay: reset, 1 of 3 SFUs: 100\.0 % in time, p50/);
    expect(JSON.parse(JSON.stringify(found))).to.deep.equal(found);
  }).timeout(60_000);
});
