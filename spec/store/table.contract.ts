import { expect } from "chai";
import type { Table } from "../../lib/store/store.ts";

/** One implementation of {@link Table}, ready for one spec. */
export interface TableUnderTest {
  /** Empty, and with room for a thousand. */
  readonly table: Table;
  /** Lets time pass for it, to the millisecond. */
  elapse(ms: number): Promise<void>;
  close?(): Promise<void>;
}

const TTL_MS = 1000;

/** What every implementation keeps, as a suite. */
export function describeTable(name: string, make: () => Promise<TableUnderTest>): void {
  describe(name, () => {
    let table: Table;
    let elapse: TableUnderTest["elapse"];
    let close: TableUnderTest["close"];
    beforeEach(async () => {
      const made = await make();
      ({ table } = made);
      elapse = (ms) => made.elapse(ms);
      close = () => made.close?.() ?? Promise.resolve();
    });
    afterEach(() => close?.());

    it("has nothing at first", async () => {
      expect(await table.get("a")).to.equal(null);
      expect(await table.all()).to.deep.equal(new Map());
      expect(await table.size()).to.equal(0);
    });

    describe("set", () => {
      it("puts a value there, in place of another", async () => {
        await table.set("a", "1", TTL_MS);
        expect(await table.get("a")).to.equal("1");
        await table.set("a", "2", TTL_MS);
        expect(await table.get("a")).to.equal("2");
        expect(await table.size()).to.equal(1);
      });

      it("leaves the other names alone", async () => {
        await table.set("a", "1", TTL_MS);
        await table.set("b", "2", null);
        expect([await table.get("a"), await table.get("b"), await table.get("c")]).to.deep.equal(["1", "2", null]);
      });

      it("begins the TTL anew, longer or shorter than it was", async () => {
        await table.set("longer", "1", TTL_MS);
        await table.set("shorter", "1", 10 * TTL_MS);
        await elapse(TTL_MS - 1);
        await table.set("longer", "2", 2 * TTL_MS);
        await table.set("shorter", "2", TTL_MS);
        await elapse(TTL_MS - 1);
        expect([await table.get("longer"), await table.get("shorter")]).to.deep.equal(["2", "2"]);
        await elapse(2);
        expect([await table.get("longer"), await table.get("shorter")]).to.deep.equal(["2", null]);
      });

      it("takes a TTL away and brings one in", async () => {
        await table.set("kept", "1", TTL_MS);
        await table.set("kept", "2", null);
        await table.set("lost", "1", null);
        await table.set("lost", "2", TTL_MS);
        await elapse(100 * TTL_MS);
        expect([await table.get("kept"), await table.get("lost")]).to.deep.equal(["2", null]);
      });
    });

    describe("a TTL", () => {
      it("is kept to the millisecond", async () => {
        await table.set("a", "1", TTL_MS);
        await table.setIfAbsent("b", "1", TTL_MS);
        await elapse(TTL_MS - 1);
        expect([await table.get("a"), await table.get("b")]).to.deep.equal(["1", "1"]);
        await elapse(2);
        expect([await table.get("a"), await table.get("b")]).to.deep.equal([null, null]);
      });

      it("may be a single millisecond", async () => {
        await table.set("a", "1", 1);
        await elapse(2);
        expect(await table.get("a")).to.equal(null);
      });

      it("is not begun anew by looking", async () => {
        await table.set("a", "1", TTL_MS);
        await elapse(TTL_MS - 1);
        await table.get("a");
        await table.all();
        await table.size();
        await elapse(2);
        expect(await table.get("a")).to.equal(null);
      });

      it("of null is no end at all", async () => {
        await table.set("a", "1", null);
        await table.setIfAbsent("b", "2", null);
        await table.set("c", "x", TTL_MS);
        await table.compareAndSet("c", "x", "3", null);
        await elapse(365 * 86_400_000);
        expect(await table.all()).to.deep.equal(
          new Map([
            ["a", "1"],
            ["b", "2"],
            ["c", "3"],
          ]),
        );
      });
    });

    describe("setIfAbsent", () => {
      it("puts a value there where there is none, and says which is there", async () => {
        expect(await table.setIfAbsent("a", "1", TTL_MS)).to.equal("1");
        expect(await table.get("a")).to.equal("1");
      });

      it("says what is there already, and leaves that as it is", async () => {
        await table.set("a", "1", TTL_MS);
        expect(await table.setIfAbsent("a", "2", TTL_MS)).to.equal("1");
        expect(await table.setIfAbsent("a", "1", TTL_MS)).to.equal("1");
        expect(await table.get("a")).to.equal("1");
      });

      it("leaves the TTL of what is there already", async () => {
        await table.set("a", "1", TTL_MS);
        await table.set("b", "1", null);
        await elapse(TTL_MS - 1);
        await table.setIfAbsent("a", "2", 10 * TTL_MS);
        await table.setIfAbsent("b", "2", 1);
        await elapse(2);
        expect([await table.get("a"), await table.get("b")]).to.deep.equal([null, "1"]);
      });

      it("finds nothing where the time is over, or it was deleted", async () => {
        await table.set("a", "1", TTL_MS);
        await elapse(TTL_MS + 1);
        expect(await table.setIfAbsent("a", "2", TTL_MS)).to.equal("2");
        await table.delete("a");
        expect(await table.setIfAbsent("a", "3", TTL_MS)).to.equal("3");
      });

      it("is won by one of many who come at once, and all hear by whom", async () => {
        const values = Array.from({ length: 50 }, (_, index) => String(index));
        const answers = await Promise.all(values.map((value) => table.setIfAbsent("a", value, TTL_MS)));
        expect(new Set(answers)).to.have.property("size", 1);
        expect(await table.get("a")).to.equal(answers[0]);
        expect(values).to.include(answers[0]);
      });
    });

    describe("compareAndSet", () => {
      it("does nothing where there is nothing", async () => {
        expect(await table.compareAndSet("a", "1", "2", TTL_MS)).to.equal(false);
        expect(await table.compareAndSet("a", "", "2", TTL_MS)).to.equal(false);
        expect(await table.get("a")).to.equal(null);
        expect(await table.size()).to.equal(0);
      });

      it("does nothing where something else is there, its TTL included", async () => {
        await table.set("a", "1", TTL_MS);
        await elapse(TTL_MS - 1);
        expect(await table.compareAndSet("a", "2", "3", 10 * TTL_MS)).to.equal(false);
        expect(await table.get("a")).to.equal("1");
        await elapse(2);
        expect(await table.get("a")).to.equal(null);
      });

      it("puts the value there where the expected one is, with a new TTL", async () => {
        await table.set("a", "1", TTL_MS);
        await elapse(TTL_MS - 1);
        expect(await table.compareAndSet("a", "1", "2", TTL_MS)).to.equal(true);
        await elapse(TTL_MS - 1);
        expect(await table.get("a")).to.equal("2");
        await elapse(2);
        expect(await table.get("a")).to.equal(null);
      });

      it("renews the TTL where the value stays the same", async () => {
        await table.set("a", "1", TTL_MS);
        await elapse(TTL_MS - 1);
        expect(await table.compareAndSet("a", "1", "1", TTL_MS)).to.equal(true);
        await elapse(TTL_MS - 1);
        expect(await table.get("a")).to.equal("1");
      });

      it("does not find what has had its time", async () => {
        await table.set("a", "1", TTL_MS);
        await elapse(TTL_MS + 1);
        expect(await table.compareAndSet("a", "1", "2", TTL_MS)).to.equal(false);
        expect(await table.get("a")).to.equal(null);
      });

      it("compares the whole text", async () => {
        await table.set("a", "value", TTL_MS);
        for (const other of ["", "valu", "values", "VALUE", "value ", " value", "value\0"]) {
          expect(await table.compareAndSet("a", other, "2", TTL_MS), JSON.stringify(other)).to.equal(false);
        }
        expect(await table.get("a")).to.equal("value");
      });

      it("is won by one of many who expect the same at once", async () => {
        await table.set("a", "before", TTL_MS);
        const values = Array.from({ length: 50 }, (_, index) => String(index));
        const answers = await Promise.all(values.map((value) => table.compareAndSet("a", "before", value, TTL_MS)));
        expect(answers.filter((won) => won)).to.have.length(1);
        expect(await table.get("a")).to.equal(values[answers.indexOf(true)]);
      });

      it("loses no count of many who count up at once", async () => {
        await table.set("a", "0", null);
        const countUp = async (): Promise<void> => {
          for (;;) {
            const before = (await table.get("a")) ?? "";
            if (await table.compareAndSet("a", before, String(Number(before) + 1), null)) return;
          }
        };
        await Promise.all(Array.from({ length: 30 }, countUp));
        expect(await table.get("a")).to.equal("30");
      });
    });

    describe("delete", () => {
      it("takes away what is there, and nothing else", async () => {
        await table.set("a", "1", null);
        await table.set("b", "2", null);
        await table.delete("a");
        expect([await table.get("a"), await table.get("b")]).to.deep.equal([null, "2"]);
        expect(await table.size()).to.equal(1);
      });

      it("does nothing where there is nothing", async () => {
        await table.delete("a");
        expect(await table.size()).to.equal(0);
      });
    });

    describe("all and size", () => {
      it("are of everything that is alive", async () => {
        await table.set("short", "1", TTL_MS);
        await table.set("long", "2", 2 * TTL_MS);
        await table.set("for ever", "3", null);
        expect(await table.size()).to.equal(3);
        await elapse(TTL_MS + 1);
        expect(await table.all()).to.deep.equal(
          new Map([
            ["long", "2"],
            ["for ever", "3"],
          ]),
        );
        expect(await table.size()).to.equal(2);
      });

      it("are exact for a thousand", async () => {
        const names = Array.from({ length: 1000 }, (_, index) => `name ${String(index)}`);
        await Promise.all(names.map((name) => table.set(name, name, TTL_MS)));
        const all = await table.all();
        expect([...all.keys()]).to.have.members(names);
        for (const [name, value] of all) expect(value).to.equal(name);
        expect(await table.size()).to.equal(1000);
      });

      it("do not change under who reads them", async () => {
        await table.set("a", "1", null);
        const before = await table.all();
        await table.set("b", "2", null);
        await table.delete("a");
        expect(before).to.deep.equal(new Map([["a", "1"]]));
      });
    });

    it("takes any name, and tells one from another", async () => {
      const names = [
        "",
        " ",
        "a",
        "A",
        "a ",
        "a\0",
        "a\n",
        "a:b",
        "a*",
        "[a]",
        "?",
        "{a}",
        "\\",
        "%00",
        "__proto__",
        "constructor",
        "é",
        "e\u0301",
        "房间",
        "😀",
        "https://odoo.example.com:channel:1",
        "x".repeat(4096),
      ];
      for (const name of names) expect(await table.get(name), JSON.stringify(name)).to.equal(null);
      for (const [index, name] of names.entries()) await table.set(name, String(index), null);
      for (const [index, name] of names.entries()) {
        expect(await table.get(name), JSON.stringify(name)).to.equal(String(index));
      }
      expect([...(await table.all()).keys()]).to.have.members(names);
      await table.delete("*");
      await table.delete("a*");
      expect(await table.size()).to.equal(names.length - 1);
    });

    it("takes any text for a value, and gives back the same", async () => {
      const values = ["", " ", "null", "undefined", "0", "a\0b", "\r\n", '{"a":1}', "é", "房间 😀", "x".repeat(65_536)];
      for (const value of values) {
        await table.set("set", value, null);
        expect(await table.get("set")).to.equal(value);
        expect(await table.setIfAbsent("set", "another", null)).to.equal(value);
        expect(await table.compareAndSet("set", value, "next", null)).to.equal(true);
        expect(await table.compareAndSet("set", "next", value, null)).to.equal(true);
        expect(await table.get("set")).to.equal(value);
        expect((await table.all()).get("set")).to.equal(value);
        await table.delete("absent");
        expect(await table.setIfAbsent("absent", value, null)).to.equal(value);
      }
    });
  });
}
