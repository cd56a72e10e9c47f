import { expect } from "chai";
import type { Heard, Notice, Store } from "../../lib/store/store.ts";
import { eventually } from "../support/eventually.ts";
import { assign, channelOf, type MakeStores, served, type SharedStores, turnOf } from "./stores.ts";

const A = "http://sfu-a.example.com:8070";
const B = "http://sfu-b.example.com:8070";

/** What every implementation of `Notices` keeps, as a suite. */
export function describeNotices(name: string, make: MakeStores): void {
  describe(name, () => {
    let shared: SharedStores;
    let one: Store;
    let other: Store;
    let toOne: Heard[];
    let toOther: Heard[];
    beforeEach(async () => {
      shared = await make();
      [one, other] = shared.stores;
      toOne = hear(one);
      toOther = hear(other);
    });

    /** What the other has heard, so many at the least, by the time that it hears a last word. */
    const heardBefore = async (count = 0): Promise<readonly Notice[]> => {
      await eventually(`${String(count)} are heard`, () => toOther.length >= count);
      const lastWord = "http://the-last-word.example.com";
      one.notices.tell({ kind: "trouble", address: lastWord, isBreakerOpen: false });
      await eventually("the last word is heard", () => toOther.at(-1)?.address === lastWord);
      return toOther.slice(0, -1).map(withoutAge);
    };

    const NOTICES: readonly Notice[] = [
      { kind: "trouble", address: A, isBreakerOpen: false },
      { kind: "trouble", address: B, isBreakerOpen: true },
    ];

    it("tell the others, in order, once, and never oneself", async () => {
      for (const notice of NOTICES) one.notices.tell(notice);
      expect(await heardBefore()).to.deep.equal(NOTICES);
      for (const { ageMs } of toOther) expect(ageMs).to.be.within(0, 1000);
      expect(toOne).to.deep.equal([]);
    });

    it("tell all who listen, and every gateway, also one that comes later", async () => {
      const further = hear(other);
      let toThird: Heard[] = [];
      await shared.join((store) => (toThird = hear(store)));
      one.notices.tell(NOTICES[0]!);
      await eventually("all have heard", () => [toOther, further, toThird].every((heard) => heard.length === 1));
    });

    it("of a new conference come with the end of its turn", async () => {
      await assign(one, "größer 🎥", A);
      expect(await heardBefore(1)).to.deep.equal([
        { kind: "placed", address: A, channel: channelOf(A, "größer 🎥"), isNew: true },
      ]);
      expect(toOne).to.deep.equal([]);
    });

    it("of a conference come where it moves, and where it is assigned to nobody", async () => {
      await assign(one, "room", A);
      await assign(one, "room", B);
      await assign(one, "another", A, 0);
      expect(await heardBefore(3)).to.deep.equal([
        { kind: "placed", address: A, channel: channelOf(A, "room"), isNew: true },
        { kind: "placed", address: B, channel: channelOf(B, "room"), isNew: true },
        { kind: "placed", address: A, channel: channelOf(A, "another"), isNew: true },
      ]);
    });

    it("do not call a conference new whose next member comes, nor one where nobody served", async () => {
      await assign(one, "room", A);
      await heardBefore();
      toOther.length = 0;
      await assign(one, "room", A);
      await (await turnOf(one, "room")).end(null);
      await (await turnOf(one, "another")).end(null);
      const heard = await heardBefore();
      expect(heard.filter((notice) => notice.kind === "placed" && notice.isNew)).to.deep.equal([]);
    });

    it("of a conference say where it is, and not where one thought who was taken for dead", async () => {
      const turn = await turnOf(one, "room");
      const ahead = await other.assignments.enter("room", { timeoutMs: 0, signal: new AbortController().signal });
      if (ahead.kind === "turn") await ahead.end(served(B, "room"));
      await turn.end(served(A, "room"));
      await eventually("one has heard where it is", () => toOne.some(({ address }) => address === B));
      // Its channel is there all the same, and whoever ends it has to be able to; but it is no further conference.
      const heard = await heardBefore();
      expect(heard.filter((notice) => notice.kind === "placed" && notice.isNew)).to.deep.equal([]);
    });
  });
}

function hear(store: Store): Heard[] {
  const heard: Heard[] = [];
  store.notices.on((notice) => heard.push(notice));
  return heard;
}

function withoutAge(heard: Heard): Notice {
  const { ageMs, ...notice } = heard;
  expect(ageMs).to.be.a("number");
  return notice;
}
