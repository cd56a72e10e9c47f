import { expect } from "chai";
import { SLOTS, slotOf } from "../../../lib/store/redis/slot.ts";
import { useRedisCluster } from "../../support/redis-groups.ts";

const KEYS = ["", "a", "123456789", "{a}b", "{a", "a}", "a{}b", "a{b}c", "a{{b}}c", "a{b}{c}"];

describe("the slot of a key", () => {
  it("is the one of Redis's specification", () => {
    // Its example of the CRC itself.
    expect(slotOf("123456789")).to.equal(0x31c3 % SLOTS);
  });

  it("is that of its hash tag", () => {
    expect(slotOf("{user1000}.following")).to.equal(slotOf("{user1000}.followers"));
    expect(slotOf("foo{}{bar}")).not.to.equal(slotOf("bar"));
  });

  describe("as Redis sees it", () => {
    const cluster = useRedisCluster();

    it("is the same", async () => {
      for (const key of KEYS) {
        expect(slotOf(key), key).to.equal(await cluster.servers[0]!.ask("CLUSTER", "KEYSLOT", key));
      }
    });
  });
});
