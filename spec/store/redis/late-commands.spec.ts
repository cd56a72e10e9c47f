import { expect } from "chai";
import { systemClock } from "../../../lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { useRedis } from "../../support/redis.ts";
import { listen } from "../board.contract.ts";
import { BY_ITSELF, useInstances } from "./harness.ts";

describe("a Redis that hung, and does later what it was asked before", () => {
  const redis = useRedis();
  const open = useInstances();

  it("does not bring back what has been replaced since", async () => {
    const one = await open({ at: redis.port });
    const other = await open({ at: redis.port });
    const [toOne, toOther] = [listen(one), listen(other)];
    // A script that it does not know it could not carry out later.
    await one.board.post("drains", "a", "", null);
    redis.hang();
    // It is in the server's buffer, and is carried out when the server goes on: after all that was posted meanwhile.
    expect(await one.board.post("drains", "a", "drained", null)).to.equal(false);
    expect(await one.board.post("drains", "a", "over", null)).to.equal(false);
    // Or it would be carried out in the very millisecond of its replacement.
    const postedMs = systemClock.monotonic();
    await eventually("time has passed", () => systemClock.monotonic() > postedMs + 20);
    redis.goOn();
    await eventually("the other has heard the last", () => toOther.at(-1)?.text === "over", BY_ITSELF);
    let posts: ReturnType<typeof listen> = [];
    await open({ at: redis.port, listen: (store) => void (posts = listen(store)) });
    expect(posts.at(-1)?.text).to.equal("over");
    expect(toOne).to.deep.equal([]);
  });
});
