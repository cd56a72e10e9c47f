import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { pipeline } from "node:stream";
import { expect } from "chai";
import { slotOf } from "../../../lib/store/redis/slot.ts";
import type { Turn } from "../../../lib/store/store.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/ports.ts";
import { startRedis } from "../../support/redis-server.ts";
import { useRedis } from "../../support/redis.ts";
import { useRedisCluster } from "../../support/redis-groups.ts";
import { useCleanup } from "../../support/cleanup.ts";
import { listen } from "../board.contract.ts";
import { assign, served, turnOf } from "../stores.ts";
import { BY_ITSELF, HASTY_CLOCK, keysOf, MOMENT_MS, useInstances, within } from "./harness.ts";

const A = "http://sfu-a.example.com:8070";
const B = "http://sfu-b.example.com:8070";

const local = (port: number): { readonly host: string; readonly port: number } => ({ host: "127.0.0.1", port });

describe("a cluster of Redis", function () {
  this.timeout(20_000);
  const cluster = useRedisCluster();
  const open = useInstances();

  it("is found where some of its configured nodes are gone or hang", async () => {
    const [first, second, third] = cluster.servers.map(({ port }) => local(port));
    const gone = local(await freePort());
    const store = await open({ at: { kind: "cluster", nodes: [gone, first!, gone, second!, third!] } });
    expect(store.isAway()).to.equal(false);
    await assign(store, "room", A);
    expect(store.told.store).to.deep.equal([]);
  });

  it("is away as a whole where one of its nodes hangs, and back with it", async () => {
    const at = { kind: "cluster", nodes: cluster.servers.map(({ port }) => local(port)) } as const;
    const store = await open({ at });
    const other = await open({ at });
    const heard = listen(other);
    const rooms = Array.from({ length: 20 }, (_, index) => `room ${String(index)}`);
    for (const server of cluster.servers) {
      server.hang();
      try {
        for (const room of rooms) expect(await within(MOMENT_MS, "assign", assign(store, room, A))).to.equal(A);
        expect(store.isAway()).to.equal(true);
        await store.board.post("drains", String(server.port), "text", null);
      } finally {
        server.goOn();
      }
      await eventually("it is back", () => !store.isAway() && !other.isAway(), BY_ITSELF);
      const posted = String(server.port);
      await eventually(
        "what was posted meanwhile is heard",
        () => heard.some(({ name }) => name === posted),
        BY_ITSELF,
      );
      const isKnown = async (): Promise<boolean> => {
        const homes = await Promise.all(rooms.map((room) => other.assignments.find(room)));
        return homes.every((home) => home === A);
      };
      await eventually("what was assigned meanwhile is known", isKnown, BY_ITSELF);
      for (const each of cluster.servers) await each.ask("FLUSHALL");
    }
  });

  it("is not away where slots move, and nothing is lost", async () => {
    const store = await open({ at: { kind: "cluster", nodes: [local(cluster.servers[0]!.port)] } });
    for (let room = 0; room < 5; room++) await assign(store, `room ${room}`, A);
    const [from, to] = cluster.servers as [(typeof cluster.servers)[0], (typeof cluster.servers)[0]];
    const [key] = await keysOf(from, "*:home");
    const slot = slotOf(key!);
    const [fromId, toId] = [String(await from.ask("CLUSTER", "MYID")), String(await to.ask("CLUSTER", "MYID"))];
    const everywhere = async (id: string): Promise<void> => {
      for (const server of [to, from, cluster.servers[2]!]) await server.ask("CLUSTER", "SETSLOT", slot, "NODE", id);
    };
    await to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
    await from.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
    // What is not there yet is asked for where it is going to be.
    for (let room = 0; room < 5; room++) await store.assignments.find(`room ${room}`);
    await from.ask("MIGRATE", "127.0.0.1", to.port, key!, 0, 1000);
    try {
      for (let room = 0; room < 5; room++) expect(await store.assignments.find(`room ${room}`)).to.equal(A);
      await everywhere(toId);
      for (let room = 0; room < 5; room++) expect(await assign(store, `room ${room}`, B)).to.equal(B);
      expect(store.told.store).to.deep.equal([]);
    } finally {
      await from.ask("FLUSHALL");
      await to.ask("FLUSHALL");
      await everywhere(fromId);
    }
  });

  it("has within seconds what could not be written while a slot moved", async () => {
    const at = { kind: "cluster", nodes: [local(cluster.servers[0]!.port)] } as const;
    const store = await open({ at, clock: HASTY_CLOCK });
    const other = await open({ at });
    const [from, to] = cluster.servers as [(typeof cluster.servers)[0], (typeof cluster.servers)[0]];
    const turns: Turn[] = [];
    for (let room = 0; (await keysOf(from, "*:turn")).length === 0; room++) {
      await assign(store, `room ${room}`, A);
      turns.push(await turnOf(store, `room ${room}`));
    }
    const conference = `room ${turns.length - 1}`;
    const [key] = await keysOf(from, "*:turn");
    const home = key!.replace(/turn$/, "home");
    const slot = slotOf(home);
    const [fromId, toId] = [String(await from.ask("CLUSTER", "MYID")), String(await to.ask("CLUSTER", "MYID"))];
    await to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
    await from.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
    try {
      await from.ask("MIGRATE", "127.0.0.1", to.port, home, 0, 1000);
      // One key is here, and one is there.
      expect(await turns.at(-1)!.end(served(B, conference))).to.equal(B);
      expect(store.told.storeCommand.at(-1)).to.include({ name: "end", outcome: "error" });
      expect(await other.assignments.find(conference)).to.equal(A);
      const isKnown = async (): Promise<boolean> => (await other.assignments.find(conference)) === B;
      await eventually("it is on record", isKnown, BY_ITSELF);
      expect([...store.told.store, ...other.told.store]).to.deep.equal([]);
    } finally {
      for (const turn of turns) await turn.end(null);
      await from.ask("FLUSHALL");
      await to.ask("FLUSHALL");
      for (const server of cluster.servers) await server.ask("CLUSTER", "SETSLOT", slot, "NODE", fromId);
    }
  });
});

describe("sentinels", function () {
  this.timeout(20_000);
  const first = useRedis();
  const second = useRedis();
  const open = useInstances();
  const cleanUp = useCleanup();

  /** One that says whatever it is told to: that `port` is the master. */
  const startSentinel = async (port: number): Promise<{ readonly port: number; name(port: number): Promise<void> }> => {
    const settings = [`sentinel monitor fleet 127.0.0.1 ${port} 1`, "sentinel down-after-milliseconds fleet 60000"];
    const sentinel = await startRedis(settings, "sentinel");
    cleanUp(() => sentinel.end());
    return {
      port: sentinel.port,
      async name(other) {
        await sentinel.ask("SENTINEL", "REMOVE", "fleet");
        await sentinel.ask("SENTINEL", "MONITOR", "fleet", "127.0.0.1", other, 1);
      },
    };
  };
  const at = (...ports: readonly number[]) =>
    ({ kind: "sentinel", sentinels: ports.map(local), master: "fleet", database: 0 }) as const;
  const isUsed = async (server: typeof first): Promise<boolean> => (await keysOf(server, "*:instances")).length > 0;

  it("are believed by their majority, gone ones aside", async () => {
    const [stale, one, other] = await Promise.all([first, second, second].map(({ port }) => startSentinel(port)));
    const store = await open({ at: at(await freePort(), stale!.port, one!.port, other!.port) });
    expect(store.isAway()).to.equal(false);
    expect([await isUsed(first), await isUsed(second)]).to.deep.equal([false, true]);
  });

  it("are not believed where they name what is a copy by now", async () => {
    const sentinel = await startSentinel(first.port);
    await first.ask("REPLICAOF", "127.0.0.1", second.port);
    const store = await open({ at: at(sentinel.port) });
    expect(store.isAway()).to.equal(true);
    expect(store.told.store[0]?.error?.message).to.equal("has no master at present");
    await sentinel.name(second.port);
    await eventually("it has found the master", () => !store.isAway(), BY_ITSELF);
  });

  it("are asked again: a former master that takes writes still is left", async () => {
    const sentinel = await startSentinel(first.port);
    const store = await open({ at: at(sentinel.port), clock: HASTY_CLOCK });
    expect(store.isAway()).to.equal(false);
    await sentinel.name(second.port);
    await eventually("it uses the other one", () => isUsed(second), BY_ITSELF);
    await eventually("it is back", () => !store.isAway(), BY_ITSELF);
    expect(store.told.store[0]?.error?.message).to.equal("has another master by now");
  });

  /** A line that resets a gateway's so many-th connection; sentinels use it as well. */
  const openGate = async (upstream: number, nth: number) => {
    let connections = 0;
    const sockets = new Set<Socket>();
    const gate = createServer((client) => {
      pipeline(client, connect(upstream, "127.0.0.1"), client, () => undefined);
      client.on("data", (bytes) => {
        if (!bytes.includes("sfu-gateway") || sockets.has(client)) return;
        if (++connections === nth) client.resetAndDestroy();
        else sockets.add(client);
      });
    });
    gate.listen(0, "127.0.0.1");
    await once(gate, "listening");
    cleanUp(() => void gate.close());
    return {
      port: (gate.address() as AddressInfo).port,
      connections: () => connections,
      open: () => [...sockets].filter((socket) => !socket.closed).length,
    };
  };

  it("name a master that takes one connection of two: nothing is left of that one", async () => {
    // The third is the second of the store's own.
    const gate = await openGate(first.port, 3);
    const sentinels = await Promise.all([gate.port, gate.port, second.port].map((port) => startSentinel(port)));
    const store = await open({ at: at(...sentinels.map(({ port }) => port)) });
    expect(store.isAway()).to.equal(false);
    expect([await isUsed(first), await isUsed(second)]).to.deep.equal([false, true]);
    expect(gate.connections()).to.equal(3);
    await eventually("nothing is left of them", () => gate.open() === 0);
    expect(store.told.store).to.deep.equal([]);
  });

  it("that know no such master are told of", async () => {
    const sentinel = await startSentinel(first.port);
    const store = await open({ at: { ...at(sentinel.port), master: "another" } });
    expect(store.told.store[0]?.error?.message).to.match(/know no master/);
  });
});
