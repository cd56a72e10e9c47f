import { getEventListeners } from "node:events";
import { expect } from "chai";
import type { Entry, Store, Turn } from "../../lib/store/store.ts";
import { eventually } from "../support/eventually.ts";
import {
  assign,
  channelOf,
  type MakeStores,
  NEVER_MS,
  patience,
  placedOf,
  served,
  type SharedStores,
  STRANGE_NAMES,
  turnOf,
} from "./stores.ts";

const A = "http://sfu-a.example.com:8070";
const B = "http://sfu-b.example.com:8070";
const TTL_MS = 60_000;

/** What every implementation of `Assignments` keeps, as a suite. */
export function describeAssignments(name: string, make: MakeStores): void {
  describe(name, () => {
    let shared: SharedStores;
    let one: Store;
    let other: Store;
    beforeEach(async () => {
      shared = await make();
      [one, other] = shared.stores;
    });

    /** Enters, and tells at any moment how that has gone. */
    const enter = (store: Store, conference: string, timeoutMs?: number, signal?: AbortSignal): Waiter => {
      const waiter = { entry: null as Entry | null };
      const entered = store.assignments.enter(conference, patience(timeoutMs, signal)).then((entry) => {
        waiter.entry = entry;
        return entry;
      });
      // Some specs look at it later.
      entered.catch(() => undefined);
      return Object.assign(waiter, { entered });
    };
    /** Whatever was sent before has got to everybody, and what it set off has happened. */
    const settled = async (): Promise<void> => {
      for (const store of shared.stores) await (await turnOf(store, `nothing else ${String(++rounds)}`)).end(null);
    };
    let rounds = 0;

    describe("an assignment", () => {
      it("is nowhere at first", async () => {
        expect(await one.assignments.find("room")).to.equal(null);
        const turn = await turnOf(one, "room");
        expect(turn).to.include({ home: null, isShared: true });
        expect(await turn.end(null)).to.equal(null);
        expect(await one.assignments.find("room")).to.equal(null);
      });

      it("is found by whoever shares the store, and told with the turn", async () => {
        expect(await assign(one, "room", A)).to.equal(A);
        for (const store of [one, other]) {
          expect(await store.assignments.find("room")).to.equal(A);
          const turn = await turnOf(store, "room");
          expect(turn).to.include({ home: A, isShared: true });
          expect(await turn.end(null)).to.equal(A);
        }
      });

      it("moves to where it was served last", async () => {
        await assign(one, "room", A);
        expect(await assign(other, "room", B)).to.equal(B);
        expect([await one.assignments.find("room"), await other.assignments.find("room")]).to.deep.equal([B, B]);
      });

      it("stays as it is where nobody served", async () => {
        await assign(one, "room", A);
        expect(await (await turnOf(other, "room")).end(null)).to.equal(A);
        expect(await one.assignments.find("room")).to.equal(A);
      });

      it("leaves other conferences alone", async () => {
        await assign(one, "room", A);
        await assign(one, "another", B);
        expect([await other.assignments.find("room"), await other.assignments.find("another")]).to.deep.equal([A, B]);
        expect(await other.assignments.find("roo")).to.equal(null);
        expect(await other.assignments.find("ROOM")).to.equal(null);
      });

      it("is over after its TTL", async () => {
        await assign(one, "room", A, TTL_MS);
        await shared.age(TTL_MS - 1000);
        expect(await other.assignments.find("room")).to.equal(A);
        await shared.age(1001);
        expect(await other.assignments.find("room")).to.equal(null);
        const turn = await turnOf(other, "room");
        expect(turn.home).to.equal(null);
        await turn.end(null);
      });

      it("begins its TTL anew whenever it is served", async () => {
        await assign(one, "room", A, TTL_MS);
        await shared.age(TTL_MS - 1000);
        await assign(other, "room", A, TTL_MS);
        // What is no news to anybody may be written behind the call's back, but before the next turn.
        await (await turnOf(other, "room")).end(null);
        await shared.age(TTL_MS - 1000);
        expect(await one.assignments.find("room")).to.equal(A);
        await shared.age(1001);
        expect(await one.assignments.find("room")).to.equal(null);
      });

      it("does not begin its TTL anew for being looked at, or where nobody served", async () => {
        await assign(one, "room", A, TTL_MS);
        await shared.age(TTL_MS - 1000);
        await other.assignments.find("room");
        await (await turnOf(other, "room")).end(null);
        await settled();
        await shared.age(1001);
        expect(await one.assignments.find("room")).to.equal(null);
      });

      it("is none at all with a TTL of 0", async () => {
        expect(await assign(one, "room", A, 0)).to.equal(null);
        expect(await one.assignments.find("room")).to.equal(null);
        expect((await turnOf(other, "room")).home).to.equal(null);
      });

      it("is counted", async () => {
        expect(one.assignments.size()).to.equal(0);
        await assign(one, "room", A);
        await assign(one, "room", A);
        await assign(one, "another", A);
        expect(one.assignments.size()).to.equal(2);
      });

      for (const name of STRANGE_NAMES) {
        it(`may be of a conference called ${JSON.stringify(name.slice(0, 40))}`, async () => {
          expect(await other.assignments.find(name)).to.equal(null);
          await assign(one, name, A);
          expect(await other.assignments.find(name)).to.equal(A);
          expect((await turnOf(other, name)).home).to.equal(A);
        });
      }
    });

    describe("a turn", () => {
      it("is one's own among gateways until it ends, and a conference of another name is free", async () => {
        const turn = await turnOf(one, "room");
        const waiting = enter(other, "room");
        await (await turnOf(other, "another")).end(null);
        await settled();
        expect(waiting.entry).to.equal(null);
        await turn.end(null);
        expect((await waiting.entered).kind).to.equal("turn");
      });

      it("is exclusive inside of one gateway as well", async () => {
        const turn = await turnOf(one, "room");
        const waiting = enter(one, "room");
        await settled();
        expect(waiting.entry).to.equal(null);
        await turn.end(served(A, "room"));
        expect(placedOf(await waiting.entered)).to.include({ address: A });
      });

      it("lets all who wait have the channel that it brought, at once", async () => {
        const turn = await turnOf(one, "room");
        const waiting = Array.from({ length: 20 }, (_, index) => enter(index % 2 === 0 ? one : other, "room"));
        await settled();
        await turn.end(served(A, "room"));
        for (const { entered } of waiting) {
          expect(await entered).to.deep.equal({ kind: "placed", address: A, channel: channelOf(A, "room") });
        }
        expect(await other.assignments.find("room")).to.equal(A);
      });

      it("lets them have it also where nothing is assigned", async () => {
        const turn = await turnOf(one, "room");
        const waiting = enter(other, "room");
        await settled();
        await turn.end(served(A, "room", 0));
        expect(placedOf(await waiting.entered)).to.deep.include({ address: A, channel: channelOf(A, "room") });
      });

      it("lets them have it where the conference had its SFU before", async () => {
        await assign(one, "room", A);
        const turn = await turnOf(one, "room");
        const waiting = enter(other, "room");
        await settled();
        await turn.end(served(A, "room"));
        expect(placedOf(await waiting.entered).channel).to.deep.equal(channelOf(A, "room"));
      });

      it("goes to the next one where it brought nothing, to one at a time", async () => {
        let turn = await turnOf(one, "room");
        const waiting = Array.from({ length: 6 }, (_, index) => enter(index % 2 === 0 ? other : one, "room"));
        await settled();
        for (let left = waiting.length; left > 0; left--) {
          await turn.end(null);
          await eventually("the next one has the turn", () => waiting.some(({ entry }) => entry !== null));
          await settled();
          const winners = waiting.filter(({ entry }) => entry !== null);
          expect(winners).to.have.length(1);
          waiting.splice(waiting.indexOf(winners[0]!), 1);
          turn = winners[0]!.entry as Turn;
          expect(turn.kind).to.equal("turn");
        }
        await turn.end(null);
      });

      it("is had by one at a time of fifty who come at once to two gateways", async () => {
        let under = 0;
        let most = 0;
        const join = async (store: Store, fails: boolean): Promise<string | null> => {
          const entry = await store.assignments.enter("room", patience());
          if (entry.kind === "placed") return entry.channel.uuid;
          most = Math.max(most, ++under);
          await store.assignments.find("something else");
          under--;
          await entry.end(fails ? null : served(A, "room"));
          return fails ? null : channelOf(A, "room").uuid;
        };
        // The first ones are given nothing.
        const joins = Array.from({ length: 50 }, (_, index) => join(index % 2 === 0 ? one : other, index < 3));
        const uuids = await Promise.all(joins);
        expect(most).to.equal(1);
        expect(new Set(uuids.filter((uuid) => uuid !== null))).to.deep.equal(new Set([channelOf(A, "room").uuid]));
        expect(uuids.filter((uuid) => uuid === null)).to.have.length.at.most(3);
        expect(await other.assignments.find("room")).to.equal(A);
      });

      it("is free again for whoever comes when it is over", async () => {
        await assign(one, "room", A);
        await assign(other, "room", A);
        await assign(one, "room", A);
        const turn = await turnOf(other, "room");
        await turn.end(null);
      });
    });

    describe("patience", () => {
      it("ends in going ahead without the turn", async () => {
        const turn = await turnOf(one, "room");
        const waiting = enter(other, "room", 100);
        await settled();
        await shared.pass(99);
        await shared.pass(1);
        expect((await waiting.entered).kind).to.equal("turn");
        await turn.end(null);
      });

      it("of none at all goes ahead at once", async () => {
        const turn = await turnOf(one, "room");
        expect((await other.assignments.enter("room", patience(0))).kind).to.equal("turn");
        await turn.end(null);
      });

      it("is each one's own: who has more of it still hears of the turn's end", async () => {
        const turn = await turnOf(one, "room");
        const hasty = enter(other, "room", 80);
        const patient = enter(other, "room");
        await settled();
        await shared.pass(80);
        const ahead = (await hasty.entered) as Turn;
        expect(patient.entry).to.equal(null);
        await turn.end(served(A, "room"));
        expect(placedOf(await patient.entered)).to.include({ address: A });
        await ahead.end(null);
        expect(await one.assignments.find("room")).to.equal(A);
      });

      it("that has ended takes the turn from nobody", async () => {
        const turn = await turnOf(one, "room");
        const ahead = await turnOf(other, "room", patience(0));
        await ahead.end(null);
        const waiting = enter(other, "room");
        await settled();
        expect(waiting.entry).to.equal(null);
        await turn.end(null);
        expect((await waiting.entered).kind).to.equal("turn");
      });

      it("costs no agreement: where the one ahead has assigned, the other learns where", async () => {
        const turn = await turnOf(one, "room");
        const ahead = await turnOf(other, "room", patience(0));
        expect(await ahead.end(served(B, "room"))).to.equal(B);
        expect(await turn.end(served(A, "room"))).to.equal(B);
        expect([await one.assignments.find("room"), await other.assignments.find("room")]).to.deep.equal([B, B]);
      });

      it("costs no agreement: where the turn's holder has assigned, the one ahead learns where", async () => {
        const turn = await turnOf(one, "room");
        const ahead = await turnOf(other, "room", patience(0));
        expect(await turn.end(served(A, "room"))).to.equal(A);
        expect(await ahead.end(served(B, "room"))).to.equal(A);
        expect([await one.assignments.find("room"), await other.assignments.find("room")]).to.deep.equal([A, A]);
      });

      it("costs no agreement where a conference moves", async () => {
        await assign(one, "room", A);
        const turn = await turnOf(one, "room");
        const ahead = await turnOf(other, "room", patience(0));
        expect(await turn.end(served(B, "room"))).to.equal(B);
        // It has found the SFU of before alive, but the members are on the other one by now.
        expect(await ahead.end(served(A, "room"))).to.equal(B);
        expect(await one.assignments.find("room")).to.equal(B);
      });
    });

    describe("a caller who leaves", () => {
      const reason = new Error("the caller has left");

      it("before it has begun is refused with the reason", async () => {
        const left = await failure(one.assignments.enter("room", patience(NEVER_MS, AbortSignal.abort(reason))));
        expect(left).to.equal(reason);
        await (await turnOf(other, "room", patience(200))).end(null);
      });

      it("while waiting is refused with the reason, and nobody else is", async () => {
        const turn = await turnOf(one, "room");
        const controller = new AbortController();
        const leaving = enter(other, "room", NEVER_MS, controller.signal);
        const staying = enter(other, "room");
        await settled();
        controller.abort(reason);
        expect(await failure(leaving.entered)).to.equal(reason);
        await settled();
        expect(staying.entry).to.equal(null);
        await turn.end(served(A, "room"));
        expect(placedOf(await staying.entered)).to.include({ address: A });
      });

      /** What it was granted before it was told is its own to end, as the pipeline does. */
      const leave = async ({ entered }: Waiter): Promise<void> => {
        const left = await entered.catch((error: unknown) => error);
        if (left !== reason) await (left as Turn).end(null);
      };

      it("takes no turn along that was just being granted", async () => {
        const controller = new AbortController();
        const leaving = enter(other, "room", NEVER_MS, controller.signal);
        controller.abort(reason);
        await leave(leaving);
        expect(await assign(one, "room", A)).to.equal(A);
        expect(await other.assignments.find("room")).to.equal(A);
      });

      it("takes no turn along when the one before it ends at that moment", async () => {
        const turn = await turnOf(one, "room");
        const controller = new AbortController();
        const leaving = enter(other, "room", NEVER_MS, controller.signal);
        await settled();
        const ended = turn.end(null);
        controller.abort(reason);
        await ended;
        await leave(leaving);
        expect(await assign(one, "room", A)).to.equal(A);
      });

      it("leaves no listener on its signal, however it has ended", async () => {
        const { signal } = new AbortController();
        const turn = (await enter(one, "room", NEVER_MS, signal).entered) as Turn;
        const waiting = enter(other, "room", NEVER_MS, signal);
        await settled();
        await turn.end(served(A, "room"));
        await waiting.entered;
        expect(getEventListeners(signal, "abort")).to.deep.equal([]);
      });
    });
  });
}

interface Waiter {
  /** Null while it waits. */
  readonly entry: Entry | null;
  readonly entered: Promise<Entry>;
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}
