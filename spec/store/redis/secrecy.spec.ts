import { expect } from "chai";
import type { Heard, Store } from "../../../lib/store/store.ts";
import { eventually } from "../../support/eventually.ts";
import { useRedis } from "../../support/redis.ts";
import { GATEWAY_KEY, OTHER_KEY, sfuKey } from "../../support/tokens.ts";
import { listen } from "../board.contract.ts";
import { assign, served, turnOf } from "../stores.ts";
import { BY_ITSELF, dump, HASTY_CLOCK, type Instance, keysOf, useInstances } from "./harness.ts";

const A = "http://sfu-a.example.com:8070";
const SECRET_CONFERENCE = "https://odoo.example.com:channel:4711";
const CHANNEL = { uuid: "0dd0a1b2-the-uuid-of-a-channel", url: "https://edge-of-a-channel.example.com/path" };
const REGISTRATION = JSON.stringify({ address: A, key: sfuKey(1) });
const NEW_KEY = sfuKey(2);

describe("who can read and write the Redis, but has no key of the gateways,", function () {
  this.timeout(15_000);
  const redis = useRedis();
  const open = useInstances();

  /** Something of everything that is written there. */
  const useAll = async (store: Store, other: Store): Promise<void> => {
    await store.board.post("registrations", A, REGISTRATION, 30_000);
    await store.board.post("reports", A, "a-report-of-an-sfu", 30_000);
    await store.board.post("drains", A, "since-some-day-in-march", null);
    const turn = await turnOf(store, SECRET_CONFERENCE);
    const waiting = other.assignments.enter(SECRET_CONFERENCE, {
      timeoutMs: 5000,
      signal: new AbortController().signal,
    });
    await other.assignments.find("something else");
    await turn.end({ address: A, channel: CHANNEL, ttlMs: 60_000 });
    await waiting;
    store.notices.tell({ kind: "trouble", address: A, isBreakerOpen: true });
    await store.assignments.find("something else");
  };

  it("sees no key, no channel, no conference and no report", async () => {
    const watcher = await redis.connect();
    await watcher.ask("MONITOR");
    const one = await open({ at: redis.port });
    const other = await open({ at: redis.port });
    await useAll(one, other);
    await eventually("the monitor has seen it", () => watcher.heard.some((line) => String(line).includes("journal")));
    const seen = `${await dump(redis)}\n${watcher.heard.map(String).join("\n")}`;
    expect(seen).to.include(A);
    const secrets = [
      sfuKey(1),
      GATEWAY_KEY,
      CHANNEL.uuid,
      CHANNEL.url,
      SECRET_CONFERENCE,
      "a-report-of-an-sfu",
      "since-some-day-in-march",
      "isBreakerOpen",
    ];
    for (const secret of secrets) {
      const forms = [secret, ...(["base64", "base64url", "hex"] as const).map((form) => middleOf(secret, form))];
      for (const form of forms) expect(seen).not.to.include(form);
    }
  });

  it("does not see whether two texts are the same", async () => {
    const store = await open({ at: redis.port });
    const sealed = new Set<string>();
    for (const name of ["a", "b", "a"]) {
      await store.board.post("registrations", name, REGISTRATION, 30_000);
      const text = String(await redis.ask("HGET", await boardKey("registrations"), name));
      // Behind what every text of one process begins with.
      sealed.add(text.slice(text.lastIndexOf(".") + 1));
    }
    expect(sealed).to.have.property("size", 3);
    const bodies = [...sealed];
    for (const body of bodies)
      expect(body.slice(20, 40)).not.to.be.oneOf(
        bodies.filter((other) => other !== body).map((other) => other.slice(20, 40)),
      );
  });

  it("puts none in another's place, and it is told once", async () => {
    const one = await open({ at: redis.port });
    await one.board.post("drains", "a", "of a", null);
    await one.board.post("drains", "b", "of b", null);
    await one.board.post("registrations", "c", "of c", 60_000);
    await one.close();
    const drains = await boardKey("drains");
    const [a, b] = await Promise.all(["a", "b"].map((name) => redis.ask("HGET", drains, name)));
    const c = await redis.ask("HGET", await boardKey("registrations"), "c");
    await redis.ask("HSET", drains, "a", String(b), "b", String(a), "c", String(c), "d", String(a));
    await redis.ask("DEL", await journalKey());

    const { posts, store } = await join();
    expect(posts).to.deep.equal([]);
    expect(store.told.unreadable).to.have.length(1);
    expect(JSON.stringify(store.told.unreadable)).not.to.include("of a");
  });

  const INVENTED = [
    "",
    "0",
    "text",
    "|",
    "||||",
    "1|2|3",
    "9999999999999|9999999999999|e30",
    "-1|-1|x",
    "NaN|NaN|\0",
    "é",
  ];

  it("invents nothing on the board, and nothing breaks of it", async () => {
    const one = await open({ at: redis.port });
    await one.board.post("drains", "a", "true", null);
    const drains = await boardKey("drains");
    const genuine = String(await redis.ask("HGET", drains, "a"));
    const inventions = [...INVENTED, ...mutationsOf(genuine)];
    for (const [index, text] of inventions.entries()) await redis.ask("HSET", drains, `b${index}`, text);
    const { posts, store } = await join();
    expect(posts.map(({ name, text }) => [name, text])).to.deep.equal([["a", "true"]]);
    expect(store.isAway()).to.equal(false);
    expect(store.told.unreadable).to.have.length(1);
  });

  it("invents nothing in the journal, and nothing breaks of it", async () => {
    const one = await open({ at: redis.port });
    const other = await open({ at: redis.port });
    const toOther = listen(other);
    const heard = hear(other);
    await one.board.post("drains", "a", "text", null);
    one.notices.tell({ kind: "trouble", address: A, isBreakerOpen: false });
    await assign(one, "room", A);
    await eventually("all is heard", () => toOther.length === 1 && heard.length === 2);

    const journal = await journalKey();
    const entries = (await redis.ask("XRANGE", journal, "-", "+")) as readonly [string, readonly string[]][];
    for (const [, fields] of entries) {
      for (let index = 0; index < fields.length; index++) {
        // From nobody who is known, or nothing would be heard for being one's own.
        for (const text of [...INVENTED, ...mutationsOf(fields[index]!).slice(0, 3)]) {
          await redis.ask("XADD", journal, "*", ...fields.with(index, text));
        }
      }
      await redis.ask("XADD", journal, "*", "foo", "bar");
    }
    await redis.ask("XADD", journal, "*", "kind", "placed");
    await one.board.post("drains", "z", "the last one", null);
    await eventually("the last one is heard", () => toOther.at(-1)?.name === "z");
    // Who says it is not sealed in everywhere: the same again is all that can be made of it.
    expect(new Set(toOther.map(({ name, text }) => `${name}: ${text}`))).to.deep.equal(
      new Set(["a: text", "z: the last one"]),
    );
    for (const notice of heard) expect(notice.address).to.equal(A);
    expect(other.isAway()).to.equal(false);
    expect(other.told.unreadable).to.have.length(1);
  });

  it("is no gateway for having written its name", async () => {
    const one = await open({ at: redis.port, clock: HASTY_CLOCK });
    const [key] = await keysOf(redis, "*:instances");
    const kind = await redis.ask("TYPE", key!);
    for (const name of ["mallory", "x|y", ""]) {
      if (kind === "hash") await redis.ask("HSET", key!, name, "9999999999999|anything");
      else await redis.ask("ZADD", key!, 9_999_999_999_999, name);
    }
    const other = await open({ at: redis.port });
    await eventually("one knows the other", () => one.instances().length > 1, BY_ITSELF);
    expect(one.instances()).to.deep.equal([one, other].map(({ instance }) => instance).toSorted());
    expect(other.instances()).to.deep.equal(one.instances());
  });

  it("sends calls nowhere but to a text", async () => {
    const store = await open({ at: redis.port });
    await assign(store, "room", A);
    const [home] = await keysOf(redis, "*:home");
    for (const text of INVENTED) {
      await redis.ask("SET", home!, text);
      const turn = await turnOf(store, "room");
      expect(turn.home === null || typeof turn.home === "string").to.equal(true);
      await turn.end(null);
      await store.assignments.find("room");
    }
    expect(await assign(store, "room", A)).to.be.a("string");
  });

  it("costs no more than the sharing by keys of another kind", async () => {
    const store = await open({ at: redis.port });
    await assign(store, "room", A);
    const [home] = await keysOf(redis, "*:home");
    await redis.ask("DEL", home!);
    await redis.ask("RPUSH", home!, "a", "b");
    const turn = await turnOf(store, "room");
    await turn.end(served(A, "room"));
    expect(await store.assignments.find("room")).to.equal(A);
  });

  const join = async (keys?: readonly string[]): Promise<{ posts: ReturnType<typeof listen>; store: Instance }> => {
    let posts: ReturnType<typeof listen> = [];
    const store = await open({
      at: redis.port,
      ...(keys === undefined ? {} : { keys }),
      listen: (opened) => (posts = listen(opened)),
    });
    return { posts, store };
  };
  const boardKey = async (topic: string): Promise<string> => (await keysOf(redis, `*:board:${topic}`))[0]!;
  const journalKey = async (): Promise<string> => (await keysOf(redis, "*:journal"))[0]!;

  describe("or another one,", () => {
    it("reads nothing and tells nothing, and both are told", async () => {
      const one = await open({ at: redis.port });
      await one.board.post("drains", "a", "text", null);
      const { store: stranger, posts } = await join([OTHER_KEY]);
      const toOne = listen(one);
      const heardByOne = hear(one);
      const heardByStranger = hear(stranger);
      await useAll(stranger, stranger);
      await useAll(one, one);
      await eventually(
        "both are told",
        () => [one, stranger].every(({ told }) => told.unreadable.length > 0),
        BY_ITSELF,
      );
      expect([...posts, ...toOne]).to.deep.equal([]);
      expect([...heardByOne, ...heardByStranger]).to.deep.equal([]);
      for (const { told } of [one, stranger]) expect(told.unreadable).to.have.length(1);
    });
  });

  describe("while the key is changed,", () => {
    const PAIRS: readonly (readonly [what: string, one: readonly string[], other: readonly string[]])[] = [
      ["old and new, old alone", [GATEWAY_KEY, NEW_KEY], [GATEWAY_KEY]],
      ["new and old, old alone", [NEW_KEY, GATEWAY_KEY], [GATEWAY_KEY]],
      ["old and new, new alone", [GATEWAY_KEY, NEW_KEY], [NEW_KEY]],
      ["old and new, new and old", [GATEWAY_KEY, NEW_KEY], [NEW_KEY, GATEWAY_KEY]],
    ];
    for (const [what, keys, otherKeys] of PAIRS) {
      it(`finds no gap: gateways that know ${what} understand each other`, async () => {
        const one = await open({ at: redis.port, keys, clock: HASTY_CLOCK });
        const other = await open({ at: redis.port, keys: otherKeys });
        const [toOne, toOther] = [listen(one), listen(other)];
        const [heardByOne, heardByOther] = [hear(one), hear(other)];
        await one.board.post("drains", "a", "text", null);
        await other.board.post("drains", "b", "text", null);
        await assign(one, "room", A);
        await assign(other, "another", A);
        await eventually("all have heard all", () =>
          [toOne, toOther, heardByOne, heardByOther].every(({ length }) => length === 1),
        );
        await eventually("they know each other", () => one.instances().length === 2, BY_ITSELF);
        for (const { told } of [one, other]) expect(told.unreadable).to.deep.equal([]);
      });
    }

    it("takes no drain along: what was posted under the old key is there under the new one", async () => {
      const keys = [GATEWAY_KEY];
      const one = await open({ at: redis.port, keys, clock: HASTY_CLOCK });
      await one.board.post("drains", "a", "since long ago", null);
      keys.push(NEW_KEY);
      // As a gateway finds it that comes with both.
      const both = await join([GATEWAY_KEY, NEW_KEY]);
      expect(both.posts).to.have.length(1);
      keys.shift();
      await both.store.close();
      await eventually(
        "who has the new key alone finds it",
        async () => {
          const { posts, store } = await join([NEW_KEY]);
          await store.close();
          return posts.length === 1;
        },
        { ...BY_ITSELF, pauseMs: 100 },
      );
    });
  });
});

function hear(store: Store): Heard[] {
  const heard: Heard[] = [];
  store.notices.on((notice) => heard.push(notice));
  return heard;
}

/** The part of an encoded text that is the same wherever in another it stands (for base64 at a third of all places). */
function middleOf(text: string, form: "base64" | "base64url" | "hex"): string {
  return Buffer.from(text).toString(form).slice(0, -4);
}

/** One character of it another one, here and there. */
function mutationsOf(text: string): readonly string[] {
  const places = [0.99, 0.75, 0.5, 0.25].map((part) => Math.floor(part * (text.length - 1)));
  const flipped = places.map((at) => `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`);
  return [...flipped, text.slice(0, -1), `${text}A`].filter((mutation) => mutation !== text);
}
