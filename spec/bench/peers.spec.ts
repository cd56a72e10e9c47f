import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { direct } from "../../bench/performance/peers/direct.ts";
import { floor } from "../../bench/performance/peers/floor.ts";
import { gateway } from "../../bench/performance/peers/gateway.ts";
import { haproxy } from "../../bench/performance/peers/haproxy.ts";
import { nginx } from "../../bench/performance/peers/nginx.ts";
import type { Peer } from "../../bench/performance/peer.ts";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { useCleanup } from "../support/cleanup.ts";
import { ask } from "../support/request.ts";
import { useSimulatedSfus } from "../support/simulators.ts";
import { claimsOf, GATEWAY_KEY, OTHER_KEY, sfuKey, token } from "../support/tokens.ts";
import { leaveOut, needsTools } from "../support/tools.ts";

const GOOD = token({ claims: claimsOf("room") });
/** As a cautious reader has them: what is measured is no proxy that lets everybody in. */
const BAD: Readonly<Record<string, string>> = {
  "of another key": token({ key: OTHER_KEY }),
  "that has expired": token({ claims: { ...claimsOf("room"), exp: Math.floor(systemClock.now() / 1000) - 60 } }),
  "that was changed": GOOD.replace(
    /\.[^.]+\./,
    `.${Buffer.from(JSON.stringify(claimsOf("other"))).toString("base64url")}.`,
  ),
  "that is none": "one.two.three",
};

describe("bench/performance/peers", function () {
  this.timeout(30_000);
  const start = useSimulatedSfus();
  const cleanUp = useCleanup();

  /** Two SFUs that look at every signature, behind a peer. */
  const open = async (
    peer: Peer,
    processes = 1,
  ): Promise<{ readonly sfus: readonly SimulatedSfu[]; readonly url: string; readonly pids: readonly number[] }> => {
    const sfus = [await start(), await start()];
    const fleet = {
      gatewayKey: GATEWAY_KEY,
      sfus: sfus.map(({ address }) => ({ address, key: sfuKey(1) })),
      processes,
    };
    const running = await peer.start(fleet);
    cleanUp(() => running.close());
    return { sfus, url: `http://127.0.0.1:${String(running.port)}/v1/channel`, pids: running.pids() };
  };
  const statusOf = async (url: string, text: string): Promise<number> =>
    (await ask(url, { headers: { authorization: `Bearer ${text}` } })).status;

  const doesTheJob = (peer: Peer): void => {
    it("gets a channel that an SFU has made for the caller's conference", async () => {
      const { sfus, url, pids } = await open(peer);
      const { status, body } = await ask(url, { headers: { authorization: `Bearer ${GOOD}` } });
      expect(status).to.equal(200);
      const made = sfus.flatMap(({ channels }) => channels);
      expect(made.map(({ iss, uuid }) => ({ iss, uuid }))).to.deep.equal([
        { iss: "room", uuid: (JSON.parse(body) as { uuid: string }).uuid },
      ]);
      expect(pids).to.have.length.of.at.least(1);
      for (const pid of pids) expect(() => process.kill(pid, 0), `process ${String(pid)}`).not.to.throw();
    });

    it("asks no SFU for a token that is not to be relied on", async () => {
      const { sfus, url } = await open(peer);
      for (const [what, text] of Object.entries(BAD)) expect(await statusOf(url, text), what).to.equal(401);
      expect(sfus.flatMap(({ channels }) => channels)).to.be.empty;
    });
  };

  const survives = (peer: Peer): void => {
    it("keeps a conference at one SFU", async () => {
      const { sfus, url } = await open(peer);
      for (let call = 0; call < 6; call++) expect(await statusOf(url, GOOD)).to.equal(200);
      expect(sfus.flatMap(({ channels }) => channels)).to.have.lengthOf(1);
    });

    it("gets every channel from the other one where one of two refuses connections", async () => {
      const { sfus, url } = await open(peer);
      const [victim, other] = sfus as [SimulatedSfu, SimulatedSfu];
      await victim.break({ kind: "refuse" });
      for (let room = 0; room < 8; room++) {
        expect(await statusOf(url, token({ claims: claimsOf(`room ${String(room)}`) }))).to.equal(200);
      }
      expect(other.channels).to.have.lengthOf(8);
    });

    it("can be two that share a port", async () => {
      const { url } = await open(peer, 2);
      for (let call = 0; call < 10; call++) expect(await statusOf(url, GOOD)).to.equal(200);
    });
  };

  describe("the gateway", () => {
    doesTheJob(gateway);
    survives(gateway);
  });

  describe("nginx", () => {
    needsTools("nginx");
    before(function () {
      if (process.platform !== "linux") leaveOut(this, "its workers are known on Linux only");
      if (nginx.version() === null) leaveOut(this, "nginx has no njs (Debian: libnginx-mod-http-js)");
    });
    doesTheJob(nginx);
    survives(nginx);
  });

  describe("HAProxy", () => {
    needsTools("haproxy");
    doesTheJob(haproxy);
    survives(haproxy);
  });

  describe("the floor", () => doesTheJob(floor));

  describe("nobody in between", () => {
    it("leads to the first SFU", async () => {
      const { sfus, url, pids } = await open(direct);
      expect(new URL(url).origin).to.equal(sfus[0]!.address);
      expect(pids).to.be.empty;
    });
  });
});
