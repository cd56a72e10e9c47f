import { inspect } from "node:util";
import { expect } from "chai";
import { eventually } from "../../support/eventually.ts";
import { useRedis } from "../../support/redis.ts";
import { assign } from "../stores.ts";
import { BY_ITSELF, type Instance, useInstances } from "./harness.ts";

const RIGHT = "the right password of the store";
const WRONG = "a wrong password of the store";

describe("the Redis store and its password", function () {
  this.timeout(15_000);
  const redis = useRedis();
  const open = useInstances();

  const everythingToldBy = ({ told }: Instance): string => inspect(told, { depth: 12, showHidden: true });

  it("uses it, and shows it nobody", async () => {
    await redis.wantPassword(RIGHT);
    const store = await open({ at: redis.port, password: RIGHT });
    expect(store.isAway()).to.equal(false);
    await assign(store, "room", "http://a.example.com");
    expect(everythingToldBy(store) + inspect(store, { depth: 12, showHidden: true })).not.to.include(RIGHT);
  });

  it("is away with a wrong one, says so without it, and heals once it is right", async () => {
    await redis.wantPassword(RIGHT);
    const store = await open({ at: redis.port, password: WRONG });
    expect(store.isAway()).to.equal(true);
    expect(store.told.store[0]?.error?.message).to.match(/WRONGPASS|password/i);
    await redis.wantPassword(WRONG);
    await eventually("it is in use", () => !store.isAway(), BY_ITSELF);
    expect(store.told.store).to.have.length(2);
    expect(everythingToldBy(store)).not.to.include(WRONG);
  });

  it("is away without one where one is wanted, and says so", async () => {
    await redis.wantPassword(RIGHT);
    const store = await open({ at: redis.port });
    expect(store.isAway()).to.equal(true);
    expect(store.told.store[0]?.error?.message).to.match(/NOAUTH|authenti/i);
  });

  it("does not fail for having one that nobody wants, or says so without it", async () => {
    const store = await open({ at: redis.port, password: RIGHT });
    for (const { error } of store.told.store) expect(error?.message).to.match(/password/i);
    expect(everythingToldBy(store)).not.to.include(RIGHT);
  });
});
