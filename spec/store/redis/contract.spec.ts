import { useRedis } from "../../support/redis.ts";
import { useRedisCluster, useWatchedPair } from "../../support/redis-groups.ts";
import { describeAssignments } from "../assignments.contract.ts";
import { describeBoard } from "../board.contract.ts";
import { describeNotices } from "../notices.contract.ts";
import type { MakeStores } from "../stores.ts";
import { shareRedis, useInstances } from "./harness.ts";

describe("the Redis store", () => {
  describe("on one server", () => {
    const redis = useRedis();
    const open = useInstances();
    const make: MakeStores = () => shareRedis(open, [redis], redis.port);
    describeAssignments("its assignments", make);
    describeBoard("its board", make);
    describeNotices("its notices", make);
  });

  describe("on a cluster", () => {
    const cluster = useRedisCluster();
    const open = useInstances();
    const make: MakeStores = () => {
      const nodes = cluster.servers.map(({ port }) => ({ host: "127.0.0.1", port }));
      return shareRedis(open, cluster.servers, { kind: "cluster", nodes });
    };
    describeAssignments("its assignments", make);
    describeBoard("its board", make);
    describeNotices("its notices", make);
  });

  describe("behind a sentinel", () => {
    const pair = useWatchedPair();
    const open = useInstances();
    describeAssignments("its assignments", async () => {
      const { port } = pair.sentinel;
      const sentinels = [{ host: "127.0.0.1", port }];
      const at = { kind: "sentinel", sentinels, master: pair.name, database: 0 } as const;
      return shareRedis(open, [await pair.primary()], at);
    });
  });
});
