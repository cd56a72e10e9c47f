import { expect } from "chai";
import { type Clock, systemClock } from "../../../lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { useFaultProxies } from "../../support/fault-proxy.ts";
import { useRedis } from "../../support/redis.ts";
import { listen } from "../board.contract.ts";
import { assign, patience, served, turnOf } from "../stores.ts";
import { OUTAGES, type Stage } from "./faults.ts";
import { BY_ITSELF, CLOSE_MS, type Instance, MOMENT_MS, useInstances, within } from "./harness.ts";

const A = "http://sfu-a.example.com:8070";
const B = "http://sfu-b.example.com:8070";

describe("a Redis that", function () {
  this.timeout(20_000);
  const server = useRedis();
  const openLine = useFaultProxies();
  const open = useInstances();

  const setStage = async (): Promise<Stage> => ({ server, line: await openLine(server.port) });

  for (const outage of OUTAGES) {
    describe(outage.name, () => {
      it("costs no call more than a moment, is told of once each way, and is in use again when it is well", async () => {
        const stage = await setStage();
        const one = await open({ at: stage.line.port });
        const other = await open({ at: stage.line.port });
        const toOther = listen(other);
        await assign(one, "room", A);

        await outage.begin(stage);
        await useWhileAway(one, "room", A);
        await useWhileAway(other, "another room", null);
        for (const store of [one, other]) {
          expect(store.isAway()).to.equal(true);
          expect(store.instances()).to.deep.equal([store.instance]);
          expect(store.told.store.map(({ isAway }) => isAway)).to.deep.equal([true]);
        }
        const [away] = one.told.store;
        expect(away?.error).to.be.an.instanceOf(Error);
        if (outage.says !== null) expect(away?.error?.message).to.match(outage.says);

        await outage.end(stage);
        for (const store of [one, other]) {
          await eventually("it is back", () => !store.isAway(), BY_ITSELF);
          expect(store.told.store.map(({ isAway }) => isAway)).to.deep.equal([true, false]);
          const [, back] = store.told.store;
          expect(back?.error).to.equal(null);
          expect(back?.forMs).to.be.within(1, 20_000);
        }
        await eventually(
          "what was posted meanwhile is heard",
          () => toOther.some(({ name }) => name === "room"),
          BY_ITSELF,
        );
        await eventually(
          "what was assigned meanwhile is known",
          async () => (await one.assignments.find("another room")) === B,
          BY_ITSELF,
        );
        expect(await assign(one, "a third room", A)).to.equal(A);
        expect(await other.assignments.find("a third room")).to.equal(A);
        expect(await one.board.post("drains", "later", "", null)).to.equal(true);
        await eventually("the next post is heard", () => toOther.at(-1)?.name === "later");
      });

      it("keeps nobody from closing, and nothing is left of it", async () => {
        const stage = await setStage();
        const before = openTimers();
        const store = await open({ at: stage.line.port });
        const turn = await turnOf(store, "room");
        await outage.begin(stage);
        await within(CLOSE_MS, "close", store.close());
        await turn.end(null);
        await outage.end(stage);
        stage.line.set({ kind: "none" });
        await eventually("no connection is left", () => stage.line.open === 0);
        const { connections } = stage.line;
        await eventually("no timer is left", () => openTimers() <= before);
        expect(stage.line.connections, "connections that came later").to.equal(connections);
      });

      it("is waited for by nobody when a gateway starts", async () => {
        const stage = await setStage();
        await outage.begin(stage);
        const store = await open({ at: stage.line.port });
        expect(store.isAway()).to.equal(true);
        expect(store.told.store).to.have.length(1);
        await useWhileAway(store, "room", null);
        await outage.end(stage);
        await eventually("it is in use", () => !store.isAway(), BY_ITSELF);
        expect((await turnOf(store, "room")).home).to.equal(B);
      });
    });
  }

  describe("is slow, but not too slow,", () => {
    it("is used", async () => {
      const stage = await setStage();
      const one = await open({ at: stage.line.port });
      const other = await open({ at: stage.line.port });
      stage.line.set({ kind: "delay", ms: 10 });
      for (let round = 0; round < 5; round++) {
        await assign(one, `room ${round}`, A);
        expect(await other.assignments.find(`room ${round}`)).to.equal(A);
      }
      expect([...one.told.store, ...other.told.store]).to.deep.equal([]);
    });

    it("is used byte by byte", async () => {
      const stage = await setStage();
      const store = await open({ at: stage.line.port });
      stage.line.set({ kind: "dribble" });
      expect(await store.assignments.find("room")).to.equal(null);
    });
  });

  describe("goes away and comes back again and again", () => {
    it("is told of once each time", async () => {
      const stage = await setStage();
      const store = await open({ at: stage.line.port });
      for (let round = 0; round < 3; round++) {
        stage.line.set({ kind: "cut" });
        await eventually("it is away", () => store.isAway(), BY_ITSELF);
        stage.line.set({ kind: "none" });
        await eventually("it is back", () => !store.isAway(), BY_ITSELF);
      }
      expect(store.told.store.map(({ isAway }) => isAway)).to.deep.equal([true, false, true, false, true, false]);
    });
  });

  describe("is away for one reason, and then for another,", () => {
    it("is told of again, but once a minute at most", async () => {
      let agedMs = 0;
      const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + agedMs };
      const stage = await setStage();
      stage.line.set({ kind: "cut" });
      const store = await open({ at: stage.line.port, clock });
      const tried = async (): Promise<void> => {
        const { connections } = stage.line;
        await eventually("it has tried again", () => stage.line.connections > connections + 1, BY_ITSELF);
      };
      agedMs += 60_000;
      await tried();
      const reasons = (): readonly (string | undefined)[] => store.told.store.map(({ error }) => error?.message);
      expect(reasons()).to.have.length(1);
      expect(reasons()[0]).to.match(/has closed the connection/);
      await server.wantPassword("a password that the store has not");
      stage.line.set({ kind: "none" });
      await eventually("it is told again", () => store.told.store.length === 2, BY_ITSELF);
      expect(reasons()[1]).to.match(/wants a password/);
      expect(store.told.store[1]).to.include({ isAway: true });
      expect(store.told.store[1]?.forMs).to.be.within(60_000, 80_000);
      stage.line.set({ kind: "cut" });
      await tried();
      expect(reasons()).to.have.length(2);
      await server.wantPassword("");
      stage.line.set({ kind: "none" });
      await eventually("it is back", () => !store.isAway(), BY_ITSELF);
      expect(store.told.store.at(-1)?.forMs).to.be.within(60_000, 80_000);
    });
  });

  describe("answers a gateway that is late itself", () => {
    it("is not to blame", async () => {
      const store = await open({ at: server.port });
      for (let round = 0; round < 3; round++) {
        const entered = turnOf(store, `room ${round}`);
        blockFor(300);
        const turn = await entered;
        expect(turn.isShared).to.equal(true);
        const ended = turn.end(served(A, `room ${round}`));
        blockFor(300);
        expect(await ended).to.equal(A);
      }
      expect(store.told.store).to.deep.equal([]);
    });

    it("is not to blame either where it was stopped between two beats", async () => {
      const store = await open({ at: server.port });
      blockFor(1300);
      expect((await turnOf(store, "room")).isShared).to.equal(true);
      expect(store.told.store).to.deep.equal([]);
    });
  });

  /** Each method once; that takes a moment and throws nothing. */
  async function useWhileAway(store: Instance, conference: string, home: string | null): Promise<void> {
    expect(await within(MOMENT_MS, "find", store.assignments.find(conference))).to.equal(home);
    const turn = await within(MOMENT_MS, "enter", turnOf(store, conference, patience(2000)));
    expect(turn).to.include({ home, isShared: false });
    const address = home ?? B;
    expect(await within(MOMENT_MS, "end", Promise.resolve(turn.end(served(address, conference))))).to.equal(address);
    expect(await store.assignments.find(conference)).to.equal(address);
    expect(await within(MOMENT_MS, "post", store.board.post("drains", conference, "text", null))).to.equal(false);
    store.notices.tell({ kind: "trouble", address, isBreakerOpen: true });
    expect(store.assignments.size()).to.be.at.least(1);
  }
});

/** Those that keep a process alive. */
function openTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
}

function blockFor(ms: number): void {
  const untilMs = systemClock.monotonic() + ms;
  while (systemClock.monotonic() < untilMs);
}
