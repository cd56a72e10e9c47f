import { expect } from "chai";
import { type Post, type Store, type Topic, TOPICS } from "../../lib/store/store.ts";
import { eventually } from "../support/eventually.ts";
import { type MakeStores, type SharedStores, STRANGE_NAMES } from "./stores.ts";

const TOPIC: Topic = "drains";

/** What every implementation of `Board` keeps, as a suite. */
export function describeBoard(name: string, make: MakeStores): void {
  describe(name, () => {
    let shared: SharedStores;
    let one: Store;
    let other: Store;
    let toOne: Post[];
    let toOther: Post[];
    beforeEach(async () => {
      shared = await make();
      [one, other] = shared.stores;
      toOne = listen(one);
      toOther = listen(other);
    });

    it("tells the others, and never oneself", async () => {
      expect(await one.board.post(TOPIC, "a", "text", null)).to.equal(true);
      expect(await one.board.post(TOPIC, "b", "another", 60_000)).to.equal(true);
      await eventually("the other has heard of it", () => toOther.length === 2);
      expect(toOther.map(({ name, text }) => [name, text])).to.deep.equal([
        ["a", "text"],
        ["b", "another"],
      ]);
      for (const { ageMs } of toOther) expect(ageMs).to.be.within(0, 1000);
      await other.board.post(TOPIC, "b", "an answer", null);
      await eventually("one has heard of the answer", () => toOne.length > 0);
      expect(toOne.map(({ text }) => text)).to.deep.equal(["an answer"]);
      expect(toOther).to.have.length(2);
    });

    it("tells every gateway, also one that comes later", async () => {
      let toThird: Post[] = [];
      await shared.join((store) => (toThird = listen(store)));
      await one.board.post(TOPIC, "a", "text", null);
      await eventually("both others have heard of it", () => toOther.length === 1 && toThird.length === 1);
    });

    it("keeps its topics apart", async () => {
      const heard = new Map(TOPICS.map((topic) => [topic, listen(other, topic)]));
      for (const topic of TOPICS) await one.board.post(topic, "a", `of ${topic}`, null);
      await eventually("all are heard", () => [...heard.values()].every((posts) => posts.length === 1));
      for (const topic of TOPICS) expect(heard.get(topic)?.[0]?.text).to.equal(`of ${topic}`);
    });

    it("tells all who listen to a topic", async () => {
      const further = listen(other);
      await one.board.post(TOPIC, "a", "text", null);
      await eventually("both have heard of it", () => toOther.length === 1 && further.length === 1);
    });

    it("tells in the order in which it was posted", async () => {
      const texts = Array.from({ length: 300 }, (_, index) => String(index));
      await Promise.all(texts.map((text) => one.board.post(TOPIC, "a", text, null)));
      await eventually("the last one is heard", () => toOther.at(-1)?.text === "299");
      const heard = toOther.map(({ text }) => Number(text));
      expect(heard).to.deep.equal(heard.toSorted((a, b) => a - b));
    });

    it("says the same again to those who have heard of it", async () => {
      await one.board.post(TOPIC, "a", "text", null);
      await one.board.post(TOPIC, "a", "text", null);
      await eventually("it is heard twice", () => toOther.length === 2);
    });

    it("holds what was posted last, by whomever", async () => {
      await one.board.post(TOPIC, "a", "1", null);
      await other.board.post(TOPIC, "a", "2", null);
      await one.board.post(TOPIC, "a", "3", null);
      await other.board.post(TOPIC, "a", "4", null);
      await eventually("one has the last word", () => toOne.at(-1)?.text === "4");
      await eventually("the other had the one before", () => toOther.at(-1)?.text === "3");
    });

    it("leaves everybody of one mind, whoever posts at the same moment", async () => {
      // As drains do: one's own word counts from the moment when it is said.
      const minds = shared.stores.map((store) => {
        const mind = new Map<string, string>();
        store.board.on("reports", ({ name, text }) => mind.set(name, text));
        const say = async (name: string, text: string): Promise<void> => {
          mind.set(name, text);
          await store.board.post("reports", name, text, null);
        };
        return { mind, say };
      });
      const names = Array.from({ length: 50 }, (_, index) => `sfu ${String(index)}`);
      const said = names.flatMap((name, round) =>
        minds.flatMap(({ say }, by) => [
          say(name, `${String(by)}, first`),
          ...(round % 3 === by ? [say(name, "again")] : []),
        ]),
      );
      await Promise.all(said);
      await eventually("they are of one mind", () => {
        const [first, second] = minds.map(({ mind }) => JSON.stringify([...mind].toSorted()));
        return first === second;
      });
      if (!one.isDurable) return;
      const mind = new Map<string, string>();
      await shared.join((store) => store.board.on("reports", ({ name, text }) => mind.set(name, text)));
      expect([...mind].toSorted()).to.deep.equal([...minds[0]!.mind].toSorted());
    });

    it("takes an empty text for one", async () => {
      await one.board.post(TOPIC, "a", "since yesterday", null);
      await one.board.post(TOPIC, "a", "", 60_000);
      await eventually("it is heard", () => toOther.at(-1)?.text === "");
    });

    for (const name of [...STRANGE_NAMES, ""]) {
      it(`may be of ${JSON.stringify(name.slice(0, 40))}, and say so`, async () => {
        await one.board.post(TOPIC, name, name, null);
        await eventually("it is heard", () => toOther.length === 1);
        expect(toOther[0]).to.include({ name, text: name });
      });
    }

    it("takes long texts", async () => {
      const text = "0123456789abcdef".repeat(16_384);
      await one.board.post("reports", "a", text, 60_000);
      const heard = listen(other, "reports");
      await one.board.post("reports", "b", text, 60_000);
      await eventually("it is heard", () => heard.some(({ name }) => name === "b"));
      expect(heard.at(-1)?.text).to.equal(text);
    });

    describe("what was there before", () => {
      beforeEach(function () {
        // Those of one process have nowhere to look it up.
        if (!one.isDurable) this.skip();
      });

      const join = async (): Promise<Post[]> => {
        let posts: Post[] = [];
        await shared.join((store) => (posts = listen(store)));
        return posts;
      };

      it("is told when a store is opened, as it is by then", async () => {
        await one.board.post(TOPIC, "a", "1", null);
        await other.board.post(TOPIC, "a", "2", 60_000);
        await one.board.post(TOPIC, "b", "", null);
        const posts = await join();
        const byName = new Map(posts.map(({ name, text }) => [name, text]));
        expect(byName).to.deep.equal(
          new Map([
            ["a", "2"],
            ["b", ""],
          ]),
        );
        for (const { ageMs } of posts) expect(ageMs).to.be.within(0, 5000);
      });

      it("is told by the time that it is open, and once", async () => {
        for (let index = 0; index < 20; index++) await one.board.post(TOPIC, String(index), "text", null);
        const posts = await join();
        expect(posts.map(({ name }) => Number(name)).toSorted((a, b) => a - b)).to.deep.equal([...Array(20).keys()]);
        await one.board.post(TOPIC, "later", "text", null);
        await eventually("the next post is heard", () => posts.at(-1)?.name === "later");
        expect(posts).to.have.length(21);
      });

      it("is not told where its time is over", async () => {
        await one.board.post(TOPIC, "a", "text", 30);
        await one.board.post(TOPIC, "b", "text", null);
        await eventually("it is not there any more", async () => (await join()).every(({ name }) => name !== "a"));
      });

      it("holds longer where it is posted again for longer", async () => {
        await one.board.post(TOPIC, "a", "text", 30);
        await one.board.post(TOPIC, "b", "text", 30);
        await other.board.post(TOPIC, "a", "text", null);
        await eventually("the other one is not there any more", async () => {
          return (await join()).every(({ name }) => name !== "b");
        });
        expect((await join()).map(({ name }) => name)).to.deep.equal(["a"]);
      });
    });
  });
}

export function listen(store: Store, topic: Topic = TOPIC): Post[] {
  const posts: Post[] = [];
  store.board.on(topic, (post) => posts.push(post));
  return posts;
}
