import { expect } from "chai";
import { eventually } from "../../support/eventually.ts";
import { useRedis } from "../../support/redis.ts";
import { assign } from "../stores.ts";
import { BY_ITSELF, HASTY_CLOCK, keysOf, useInstances } from "./harness.ts";

const A = "http://sfu-a.example.com:8070";
const DAY_MS = 86_400_000;

describe("what gateways have left in Redis", function () {
  this.timeout(15_000);
  const redis = useRedis();
  const open = useInstances();

  const lifeOf = async (key: string): Promise<number> => Number(await redis.ask("PTTL", key));
  const isAbout = (ms: number, expectedMs: number): boolean => ms > expectedMs - 60_000 && ms <= expectedMs;

  it("is gone some day if they are: a day after the last word, a month where it holds", async () => {
    const store = await open({ at: redis.port, clock: HASTY_CLOCK });
    await assign(store, "room", A);
    await store.board.post("drains", "a", "text", null);
    await store.board.post("reports", "a", "text", 1000);
    const lives = new Map<string, number>();
    for (const key of await keysOf(redis, "*")) lives.set(key.replace(/^.*\}:/, ""), await lifeOf(key));
    expect([...lives.keys()]).to.have.members(["home", "instances", "journal", "board:drains", "board:reports"]);
    for (const name of ["instances", "journal"]) expect(isAbout(lives.get(name)!, DAY_MS), name).to.equal(true);
    for (const name of ["drains", "reports"]) {
      expect(isAbout(lives.get(`board:${name}`)!, 30 * DAY_MS), name).to.equal(true);
    }
    expect(lives.get("home")).to.be.within(1, 60_000);
  });

  it("stays as long as one of them is there", async () => {
    const store = await open({ at: redis.port, clock: HASTY_CLOCK });
    await store.board.post("drains", "a", "text", null);
    const kept = (await keysOf(redis, "*")).filter((key) => !key.endsWith(":journal"));
    expect(kept).to.have.length(2);
    for (const key of kept) await redis.ask("PEXPIRE", key, 600_000);
    for (const key of kept) {
      const expectedMs = key.endsWith(":instances") ? DAY_MS : 30 * DAY_MS;
      await eventually(`it has its time again: ${key}`, async () => isAbout(await lifeOf(key), expectedMs), BY_ITSELF);
    }
  });

  it("has a journal that each word prolongs", async () => {
    const store = await open({ at: redis.port });
    const words: readonly (() => void)[] = [
      () => void store.board.post("reports", "a", "text", 1000),
      () => store.notices.tell({ kind: "trouble", address: A, isBreakerOpen: false }),
    ];
    for (const say of words) {
      say();
      await eventually("there is a journal", async () => (await keysOf(redis, "*:journal")).length === 1);
      const [journal] = await keysOf(redis, "*:journal");
      expect(isAbout(await lifeOf(journal!), DAY_MS)).to.equal(true);
      await redis.ask("DEL", journal!);
    }
  });
});
