import { expect } from "chai";
import { inspect } from "node:util";
import { parseKey } from "../../../lib/auth/keys.ts";
import { Secret } from "../../../lib/auth/secret.ts";
import type { Clock, Random } from "../../../lib/clock.ts";
import { type EventMap, Events } from "../../../lib/events.ts";
import { createRegistry, type Registry } from "../../../lib/sfu/registry.ts";
import type { Sfu } from "../../../lib/sfu/sfu.ts";
import {
  createExternalSource,
  type ExternalSource,
  type ExternalSourceTools,
  type FollowedList,
} from "../../../lib/sfu/sources/external.ts";
import { type ListFault, SimulatedSfuList, type SimulatedSfuListOptions } from "../../../lib/simulator/sfu-list.ts";
import { useFakeClock } from "../../support/clock.ts";
import { eventually } from "../../support/eventually.ts";
import { sfuOf } from "../../support/fleet.ts";
import { answer, useRawServers } from "../../support/sockets.ts";
import { sfuKey } from "../../support/tokens.ts";

const INTERVAL_MS = 10_000;
const TOKEN = "the-token-of-the-list";
const PASSWORD = "a-password-in-a-url";
const STATS_TOKEN = "a-diagnostics-token";

/** Neither sooner nor later than the interval. */
const punctual: Random = () => 0.5;

type Told = EventMap["externalList"];
type Entry = Readonly<Record<string, unknown>>;

function entry(number: number, parts: Entry = {}): Entry {
  return { address: addressOf(number), key: sfuKey(number), ...parts };
}

function addressOf(number: number): string {
  return `http://sfu${String(number)}.test`;
}

describe("the external list of SFUs", () => {
  const clock = useFakeClock();
  const listen = useRawServers();
  let events: Events;
  let registry: Registry;
  let told: Told[];
  let moves: string[];
  let list: SimulatedSfuList;
  let source: ExternalSource;
  let followed: FollowedList;
  /** How many timers the source has set: two a reading, one that bounds it and one that waits for the next. */
  let timersSet: number;
  let readings: number;

  beforeEach(() => {
    events = new Events();
    registry = createRegistry(clock, events);
    told = [];
    moves = [];
    timersSet = readings = 0;
    events.on("externalList", (event) => told.push(event));
    events.on("sfuAdded", ({ sfu }) => moves.push(`${sfu.address} came`));
    events.on("sfuChanged", ({ to }) => moves.push(`${to.address} changed`));
    events.on("sfuRemoved", ({ sfu }) => moves.push(`${sfu.address} left`));
    events.on("unexpected", ({ where }) => moves.push(`an unexpected error in ${where}`));
  });
  afterEach(async () => {
    source.close();
    await list.close();
    expect(moves.filter((move) => move.startsWith("an unexpected"))).to.deep.equal([]);
    const shown = told.map(({ error }) => `${String(error?.message)} ${String(error?.stack)} ${inspect(error)}`);
    for (const secret of [TOKEN, PASSWORD, STATS_TOKEN, ...Array.from({ length: 9 }, (_, n) => sfuKey(n + 1))]) {
      expect(shown.join("\n"), "what the errors show").not.to.contain(secret);
    }
  });

  const serve = async (
    entries: readonly unknown[],
    options: Partial<SimulatedSfuListOptions> = {},
    settings: Partial<ExternalSourceTools & FollowedList> = {},
  ): Promise<void> => {
    list = new SimulatedSfuList({ clock, entries, ...options });
    await list.listen();
    open(list.url, settings);
  };

  const open = (
    url: string,
    settings: Partial<ExternalSourceTools & FollowedList> = {},
    intervalMs = INTERVAL_MS,
  ): void => {
    const counting: Clock = {
      ...clock,
      after(delayMs, run) {
        timersSet++;
        return clock.after(delayMs, run);
      },
    };
    const { token = null, defaults = { maxSessions: 1000 }, ...tools } = settings;
    followed = { settings: { url, intervalMs }, token, defaults };
    source = createExternalSource({ clock: counting, random: punctual, events, registry, ...tools });
  };

  const over = (): Promise<void> =>
    eventually("the reading is over", () => {
      expect(timersSet).to.be.at.most(2 * readings);
      return timersSet === 2 * readings;
    });
  const first = async (): Promise<void> => {
    readings = 1;
    source.follow(followed);
    await over();
  };
  const next = async (afterMs = INTERVAL_MS): Promise<void> => {
    readings++;
    await clock.elapse(afterMs);
    await over();
  };
  const arrived = (count: number): Promise<void> =>
    eventually(`${String(count)} requests have arrived`, () => list.requests.length === count);

  const sfu = (number: number): Sfu => registry.get(addressOf(number))!;
  const addresses = (): readonly string[] => registry.all().map(({ address }) => address);
  const lastError = (): string => told.at(-1)?.error?.message ?? "";
  const statuses = (): readonly (number | null)[] => list.requests.map(({ status }) => status);
  const etagsSent = (): readonly (string | undefined)[] => list.requests.map(({ headers }) => headers["if-none-match"]);

  describe("that is there", () => {
    it("is read at once, and its entries are SFUs", async () => {
      const full = entry(1, {
        address: "http://SFU1.test:80/",
        region: "EU-west-3",
        public_url: "https://sfu1.example.com/",
        max_sessions: 250,
        weight: 2.5,
        stats_token: STATS_TOKEN,
      });
      await serve([full, entry(2)]);
      await first();
      expect(addresses()).to.deep.equal([addressOf(1), addressOf(2)]);
      expect(sfu(1)).to.include({
        region: "eu-west-3",
        source: "external",
        publicUrl: "https://sfu1.example.com",
        weight: 2.5,
        maxSessions: 250,
      });
      expect(sfu(1).key.equals(parseKey(sfuKey(1)))).to.be.true;
      expect(sfu(1).statsToken!.equals(STATS_TOKEN)).to.be.true;
      expect(sfu(2)).to.include({ region: null, publicUrl: null, weight: 1, maxSessions: 1000, statsToken: null });
      expect(told).to.deep.equal([{ sfus: 2, error: null }]);
    });

    it("may have a byte order mark, and weak keys", async () => {
      await serve([]);
      list.publishText(`\uFEFF${JSON.stringify({ sfu: [entry(1, { key: "a2V5" })] })}`);
      await first();
      expect(sfu(1).key).to.have.length(3);
    });

    it("is asked for as JSON, without compression, and without a token where there is none", async () => {
      await serve([entry(1)]);
      await first();
      const [{ method, headers }] = [list.requests[0]!];
      expect(method).to.equal("GET");
      expect(headers.accept).to.equal("application/json");
      expect(headers["user-agent"]).to.match(/^sfu-gateway\//);
      expect(headers).not.to.have.any.keys("authorization", "accept-encoding", "if-none-match");
    });

    it("is asked for with its token", async () => {
      await serve([entry(1)], { token: TOKEN }, { token: new Secret(TOKEN) });
      await first();
      expect(list.requests[0]!.headers.authorization).to.equal(`Bearer ${TOKEN}`);
      expect(addresses()).to.deep.equal([addressOf(1)]);
    });

    it("is followed: who is new comes, who is not in it any more leaves", async () => {
      await serve([entry(1), entry(2)]);
      await first();
      list.publish([entry(2), entry(3)]);
      await next();
      expect(addresses()).to.deep.equal([addressOf(2), addressOf(3)]);
      expect(moves.slice(2)).to.deep.equal([`${addressOf(3)} came`, `${addressOf(1)} left`]);
      expect(told).to.deep.equal([
        { sfus: 2, error: null },
        { sfus: 2, error: null },
      ]);
    });

    it("replaces only the SFUs whose entries have changed", async () => {
      await serve([entry(1, { region: "eu-west-3" }), entry(2, { stats_token: STATS_TOKEN }), entry(3)]);
      await first();
      const [before2, before3] = [sfu(2), sfu(3)];
      list.publish([entry(3), entry(1, { region: "eu-west-1" }), entry(2, { stats_token: STATS_TOKEN })]);
      await next();
      expect(sfu(1).region).to.equal("eu-west-1");
      expect(sfu(2)).to.equal(before2);
      expect(sfu(3)).to.equal(before3);
      expect(moves.slice(3)).to.deep.equal([`${addressOf(1)} changed`]);
      expect(told).to.have.length(2);
    });

    const changes: Readonly<Record<string, Entry>> = {
      "another key": { key: sfuKey(9) },
      "another public URL": { public_url: "https://sfu1.example.com" },
      "another weight": { weight: 2 },
      "other max_sessions": { max_sessions: 5 },
      "a token for its statistics": { stats_token: STATS_TOKEN },
    };
    for (const [what, parts] of Object.entries(changes)) {
      it(`notices ${what}, and that it is gone again`, async () => {
        await serve([entry(1)]);
        await first();
        const before = sfu(1);
        list.publish([entry(1, parts)]);
        await next();
        expect(sfu(1)).not.to.equal(before);
        list.publish([entry(1)]);
        await next();
        expect(moves.slice(1)).to.deep.equal([`${addressOf(1)} changed`, `${addressOf(1)} changed`]);
        expect(told).to.have.length(3);
      });
    }

    it("may be empty: then everybody leaves, and that is told", async () => {
      await serve([entry(1), entry(2)]);
      await first();
      list.publish([]);
      await next();
      expect(addresses()).to.deep.equal([]);
      expect(told.at(-1)).to.deep.equal({ sfus: 0, error: null });
    });

    it("is told of even where it is empty from the beginning", async () => {
      await serve([]);
      await first();
      await next();
      expect(told).to.deep.equal([{ sfus: 0, error: null }]);
    });
  });

  describe("and the other sources", () => {
    const fixed = sfuOf(1, { source: "static", weight: 7 });

    it("come before it where they are the configuration: its entry is in force", async () => {
      registry.put(fixed);
      await serve([entry(1, { weight: 2 }), entry(2)]);
      await first();
      expect(sfu(1)).to.equal(fixed);
      expect(moves).to.deep.equal([`${addressOf(1)} came`, `${addressOf(2)} came`]);
      expect(told).to.deep.equal([{ sfus: 2, error: null }]);
    });

    it("take over from each other: the list's entry, once the configuration drops the SFU", async () => {
      registry.put(fixed);
      await serve([entry(1, { weight: 2 })]);
      await first();
      registry.remove(fixed.address, "static");
      expect(sfu(1)).to.include({ source: "external", weight: 2 });
      expect(moves).to.deep.equal([`${addressOf(1)} came`, `${addressOf(1)} changed`]);
    });

    it("do not lose an SFU to the list: one that the configuration has stays when the list drops it", async () => {
      registry.put(fixed);
      await serve([entry(1), entry(2)]);
      await first();
      list.publish([entry(2)]);
      await next();
      expect(sfu(1)).to.equal(fixed);
      registry.remove(fixed.address, "static");
      expect(addresses()).to.deep.equal([addressOf(2)]);
    });

    it("leave it alone, and it leaves them alone: a list is no word on who is not in it", async () => {
      registry.put(fixed);
      registry.put(sfuOf(2, { source: "heartbeat" }));
      await serve([]);
      await first();
      expect(addresses()).to.deep.equal([addressOf(1), addressOf(2)]);
    });

    it("come after it where they are heartbeats", async () => {
      registry.put(sfuOf(1, { source: "heartbeat", weight: 7 }));
      await serve([entry(1, { weight: 2 })]);
      await first();
      expect(sfu(1)).to.include({ source: "external", weight: 2 });
    });
  });

  describe("that has not changed", () => {
    for (const etags of ["strong", "weak"] as const) {
      it(`is not sent again where the server knows ${etags} ETags`, async () => {
        await serve([entry(1)], { etags });
        await first();
        const before = sfu(1);
        await next();
        await next();
        expect(statuses()).to.deep.equal([200, 304, 304]);
        expect(etagsSent()).to.deep.equal([undefined, list.etag, list.etag]);
        expect(sfu(1)).to.equal(before);
        expect(told).to.have.length(1);
        const { etag } = list;
        list.publish([entry(1), entry(2)]);
        await next();
        await next();
        expect(statuses().slice(3)).to.deep.equal([200, 304]);
        expect(etagsSent().slice(3)).to.deep.equal([etag, list.etag]);
        expect(addresses()).to.deep.equal([addressOf(1), addressOf(2)]);
      });
    }

    it("is nothing to tell of where the server knows none and sends it every time", async () => {
      await serve([entry(1)], { etags: "none" });
      await first();
      const before = sfu(1);
      await next();
      expect(statuses()).to.deep.equal([200, 200]);
      expect(etagsSent()).to.deep.equal([undefined, undefined]);
      expect(sfu(1)).to.equal(before);
      expect(told).to.have.length(1);
      expect(moves).to.have.length(1);
    });

    it("is asked for without an ETag that would be too large a header", async () => {
      await serve([]);
      const server = await listen((socket) =>
        socket.write(answer('{"sfu":[]}', "200 OK", `ETag: "${"x".repeat(10_000)}"\r\n`)),
      );
      open(server.address);
      await first();
      await next();
      expect(server.requests).to.have.length(2);
      expect(server.requests[1]).not.to.match(/if-none-match/i);
    });
  });

  describe("that is not valid", () => {
    it("leaves its ETag with the server: the one of the last good list is named", async () => {
      await serve([entry(1)]);
      await first();
      const good = list.etag;
      list.publish([entry(1), entry(2, { key: "" })]);
      await next();
      await next();
      expect(statuses()).to.deep.equal([200, 200, 200]);
      expect(etagsSent()).to.deep.equal([undefined, good, good]);
      list.publish([entry(1)]);
      await next();
      expect(statuses().at(-1)).to.equal(304);
      expect(told.map(({ error }) => error === null)).to.deep.equal([true, false, true]);
    });

    it("leaves its ETag with the server where it is the first one", async () => {
      await serve([{}]);
      await first();
      await next();
      expect(etagsSent()).to.deep.equal([undefined, undefined]);
      expect(told).to.have.length(1);
      expect(told[0]).to.have.property("sfus", 0);
    });

    it("is not guessed at where it is not UTF-8", async () => {
      await serve([]);
      const text = JSON.stringify({ sfu: [entry(1, { region: "?" })] });
      const bytes = Buffer.from(answer(text)).map((byte) => (byte === 0x3f ? 0xe9 : byte));
      open((await listen((socket) => socket.write(bytes))).address);
      await first();
      expect(lastError()).to.contain("answered with a body that is not JSON");
      expect(addresses()).to.be.empty;
    });

    const textOf = (...entries: readonly unknown[]): string => JSON.stringify({ sfu: entries });
    const cases: Readonly<Record<string, readonly [string, string]>> = {
      "has an empty body": ["", "answered with a body that is not JSON, expected {"],
      "is not JSON": ["{'sfu': []}", "answered with a body that is not JSON at position 1, expected {"],
      "is cut off, and its length too": [textOf(entry(1)).slice(0, -9), "answered with a body that is not JSON"],
      "has something behind its end": ['{"sfu":[]}\u0000', "answered with a body that is not JSON at position"],
      "is an array": [JSON.stringify([entry(1)]), "answered with JSON of another form, expected {"],
      "is null": ["null", "answered with JSON of another form, expected {"],
      "has no sfu": ["{}", "answered with JSON of another form, expected {"],
      "has an sfu that is none": ['{"sfu":{}}', "answered with JSON of another form, expected {"],
      "has more than sfu": ['{"sfu":[],"next":2}', 'expected {"sfu": [{"address": …, "key": …}]} and nothing beside'],
      "has an entry that is none": [
        textOf(entry(1), "http://sfu2.test"),
        "[[sfu]] #2: expected a table with an address and a key",
      ],
      "has an entry without a key": [textOf(entry(1), { address: addressOf(2) }), "[[sfu]] #2 key: missing"],
      "has an entry without an address": [textOf({ key: sfuKey(1) }), "[[sfu]] #1 address: missing"],
      "has a key that is none": [
        textOf(entry(1), entry(2), entry(3, { key: `!${sfuKey(3)}` })),
        "[[sfu]] #3 key: expected base64 text, but character",
      ],
      "has a key that is a number": [textOf(entry(1, { key: 5 })), "[[sfu]] #1 key: expected a string"],
      "has an address that is none": [
        textOf(entry(1, { address: `http://user:${PASSWORD}@sfu1.test` })),
        "[[sfu]] #1 address: expected the SFU's URL, like http://10.0.0.5:8070: no user or password may stand in it",
      ],
      "has a weight that is none": [
        textOf(entry(1, { weight: "2" })),
        "[[sfu]] #1 weight: expected a number from 0.01",
      ],
      "has an SFU twice": [
        textOf(entry(1), entry(2), entry(1, { address: "HTTP://SFU1.test:80/" })),
        "[[sfu]] #3 address: the same SFU as #1, expected each once",
      ],
      "has an SFU twice, once with another fault": [
        textOf({ address: addressOf(1) }, entry(1)),
        "[[sfu]] #1 key: missing; [[sfu]] #2 address: the same SFU as #1, expected each once",
      ],
      "has a key in it that nobody knows": [
        textOf(entry(1, { publicUrl: "https://a" })),
        "[[sfu]] #1 publicUrl: no such key, did you mean public_url?",
      ],
      "has a secret where a name should be": [
        textOf(entry(1, { [sfuKey(2)]: 1 })),
        "[[sfu]] #1 (not shown): no such key",
      ],
      "has more faults than one would read": [
        textOf({}, {}, {}),
        "#1 address: missing; [[sfu]] #1 key: missing; [[sfu]] #2 address: missing; and more",
      ],
      "is longer than any fleet": [
        textOf(...Array.from({ length: 10_001 }, () => 0)),
        "has 10001 entries, expected at most 10000",
      ],
    };
    for (const [what, [text, problem]] of Object.entries(cases)) {
      it(`is not taken at all, and the last good one stays, where it ${what}`, async () => {
        await serve([entry(7), entry(8)]);
        await first();
        const before = registry.all();
        list.publishText(text);
        await next();
        expect(lastError()).to.contain(problem);
        expect(told.at(-1)!.sfus).to.equal(2);
        expect(registry.all()).to.equal(before);
        list.publish([entry(8)]);
        await next();
        expect(addresses()).to.deep.equal([addressOf(8)]);
        expect(told.at(-1)).to.deep.equal({ sfus: 1, error: null });
      });
    }
  });

  describe("that cannot be read", () => {
    const faults: Readonly<Record<string, readonly [ListFault, string]>> = {
      "refuses the connection": [{ kind: "refuse" }, "refused the connection (ECONNREFUSED)"],
      "resets the connection": [{ kind: "reset" }, "closed the connection before it had answered (ECONNRESET)"],
      "closes amid the body": [{ kind: "cut" }, "closed the connection before it had answered"],
      "answers with a sign-in page": [{ kind: "garbage" }, "answered with a body that is not JSON"],
      "answers with too much": [{ kind: "huge" }, "answered with more than 8192 KB"],
      "answers with what it has compressed": [{ kind: "compressed" }, "answered with a compressed body"],
      "answers 204": [{ kind: "status", status: 204 }, "answered with status 204, expected 200"],
      "answers 203 with a list": [
        { kind: "status", status: 203, body: '{"sfu":[]}' },
        "answered with status 203, expected 200",
      ],
      "answers 404": [{ kind: "status", status: 404 }, "answered with status 404: is [registry] url right?"],
      "answers 500 with a list": [{ kind: "status", status: 500, body: '{"sfu":[]}' }, "answered with status 500"],
    };
    for (const [what, [fault, problem]] of Object.entries(faults)) {
      it(`stays in force as it was last, where the server ${what}`, async () => {
        await serve([entry(7), entry(8)], { etags: "none" });
        await first();
        const before = registry.all();
        await list.break(fault);
        await next();
        await next();
        expect(lastError()).to.contain(problem);
        expect(told.slice(1).map(({ sfus }) => sfus)).to.deep.equal([2]);
        expect(registry.all()).to.equal(before);
        await list.heal();
        await next();
        expect(told.slice(2)).to.deep.equal([{ sfus: 2, error: null }]);
        expect(registry.all()).to.equal(before);
      });
    }

    it("is not looked for elsewhere: the token would go there too", async () => {
      const elsewhere = await listen((socket) => socket.write(answer('{"sfu":[]}')));
      await serve([entry(1)], { token: TOKEN }, { token: new Secret(TOKEN) });
      await first();
      await list.break({ kind: "redirect", location: elsewhere.address });
      await next();
      expect(lastError()).to.contain("answered with status 302, a redirect, and none is followed");
      expect(elsewhere.connections).to.equal(0);
      expect(addresses()).to.deep.equal([addressOf(1)]);
    });

    it("is not taken for unchanged by a 304 that nobody asked for", async () => {
      await serve([entry(1)]);
      await list.break({ kind: "status", status: 304 });
      await first();
      expect(lastError()).to.contain("answered with status 304 to a request that had not named a list");
    });

    for (const status of [401, 403]) {
      it(`points at the token where it draws a ${String(status)}`, async () => {
        await serve([entry(1)], {}, { token: new Secret(TOKEN) });
        await list.break({ kind: "status", status });
        await first();
        expect(lastError()).to.equal(`answered with status ${String(status)}: does it accept [registry] token?`);
      });
    }

    it("points at the token that is not there", async () => {
      await serve([entry(1)], { token: TOKEN });
      await first();
      expect(lastError()).to.equal("answered with status 401: does it want a [registry] token? None is set");
    });

    it("is not asked for with a token that is not for a header", async () => {
      await serve([entry(1)], {}, { token: new Secret(`${TOKEN}\n`) });
      source.follow(followed);
      await eventually("it is told", () => told.length === 1);
      expect(lastError()).to.contain("expected visible ASCII characters in [registry] token");
      expect(list.requests).to.be.empty;
    });

    it("shows neither its URL nor what stands in it", async () => {
      await serve([]);
      open(list.url.replace("//", `//user:${PASSWORD}@`));
      await list.break({ kind: "refuse" });
      await first();
      await list.break({ kind: "status", status: 500 });
      await next();
      expect(told).to.have.length(2);
      for (const { error } of told) expect(inspect(error)).not.to.contain(new URL(list.url).host);
    });

    it("is told of once, and again only for another reason or when it is back", async () => {
      await serve([entry(1)]);
      await list.break({ kind: "refuse" });
      await first();
      await next();
      await list.break({ kind: "status", status: 503 });
      await next();
      await next();
      await list.heal();
      await next();
      await next();
      await list.break({ kind: "status", status: 503 });
      await next();
      expect(told.map(({ error }) => error?.message ?? "fine")).to.deep.equal([
        "refused the connection (ECONNREFUSED)",
        "answered with status 503",
        "fine",
        "answered with status 503",
      ]);
    });

    it("is back where the server says that nothing has changed", async () => {
      await serve([entry(1)]);
      await first();
      await list.play([{ fault: { kind: "status", status: 500 }, forRequests: 1 }]);
      await next();
      await next();
      expect(statuses()).to.deep.equal([200, 500, 304]);
      expect(told.slice(1).map(({ error }) => error === null)).to.deep.equal([false, true]);
    });
  });

  describe("in time", () => {
    it("is read at every interval, also while it cannot be", async () => {
      await serve([entry(1)]);
      await list.break({ kind: "status", status: 500 });
      await first();
      for (let reading = 2; reading <= 10; reading++) {
        await clock.elapse(INTERVAL_MS - 1);
        expect(list.requests).to.have.length(reading - 1);
        await next(1);
        expect(list.requests).to.have.length(reading);
      }
    });

    for (const [chance, dueMs] of [
      [0, 9000],
      [0.75, 10_500],
    ] as const) {
      it(`is read a tenth sooner or later: after ${String(dueMs)} ms where chance is ${String(chance)}`, async () => {
        await serve([entry(1)], {}, { random: () => chance });
        await first();
        await clock.elapse(dueMs - 1);
        expect(timersSet).to.equal(2);
        await next(1);
        expect(list.requests).to.have.length(2);
      });
    }

    for (const kind of ["hang", "stall"] as const) {
      it(`is given up after 5 s where the server would ${kind}, and read again at its usual time`, async () => {
        await serve([entry(1)]);
        await list.break({ kind });
        readings = 1;
        source.follow(followed);
        await arrived(1);
        await clock.elapse(4999);
        expect(told).to.be.empty;
        await clock.elapse(1);
        await over();
        expect(lastError()).to.equal("did not answer to the end within 5000 ms");
        await eventually("the server has seen it", () => list.requests[0]!.aborted);
        await list.heal();
        await next(5000);
        expect(told.at(-1)).to.deep.equal({ sfus: 1, error: null });
      });
    }

    it("is given up after the interval where that is shorter, and never read twice at a time", async () => {
      await serve([entry(1)]);
      open(list.url, { random: () => 0 }, 1000);
      await list.break({ kind: "hang" });
      source.follow(followed);
      await arrived(1);
      for (let reading = 2; reading <= 4; reading++) {
        await clock.elapse(999);
        expect(list.requests).to.have.length(reading - 1);
        // One for its end, one for the timer that is due at once.
        await clock.elapse(2);
        await arrived(reading);
        await eventually("the one before is over", () => list.requests[reading - 2]!.aborted);
      }
      expect(lastError()).to.equal("did not answer to the end within 1000 ms");
    });

    it("may come late, in one piece", async () => {
      await serve([entry(1)]);
      await list.break({ kind: "slow", delayMs: 4900 });
      readings = 1;
      source.follow(followed);
      await arrived(1);
      await clock.elapse(4900);
      await over();
      expect(addresses()).to.deep.equal([addressOf(1)]);
    });
  });

  describe("where another one is to be followed", () => {
    let other: SimulatedSfuList;
    beforeEach(async () => {
      other = new SimulatedSfuList({ clock, entries: [entry(2), entry(3)] });
      await other.listen();
    });
    afterEach(() => other.close());
    const follow = (url: string, parts: Partial<FollowedList> = {}): void =>
      source.follow({ ...followed, settings: { url, intervalMs: INTERVAL_MS }, ...parts });
    const isTold = (count: number): Promise<void> =>
      eventually(`it was told of ${String(count)} times`, () => told.length === count);

    it("is read at once, and replaces the one before, whose SFUs are the same where it has them, too", async () => {
      await serve([entry(1), entry(2)]);
      await first();
      const before = sfu(2);
      follow(other.url);
      expect(addresses(), "until it is read").to.deep.equal([addressOf(1), addressOf(2)]);
      await isTold(2);
      expect(addresses()).to.deep.equal([addressOf(2), addressOf(3)]);
      expect(sfu(2)).to.equal(before);
      expect(moves.slice(2)).to.deep.equal([`${addressOf(3)} came`, `${addressOf(1)} left`]);
      expect(other.requests[0]!.headers, "the ETag was the other one's").not.to.have.property("if-none-match");
      const read = list.requests.length;
      await clock.elapse(5 * INTERVAL_MS);
      expect(list.requests).to.have.length(read);
    });

    it("keeps the SFUs of the one before while it cannot be read", async () => {
      await serve([entry(1)]);
      await first();
      await other.break({ kind: "refuse" });
      follow(other.url);
      await isTold(2);
      expect(told.at(-1)).to.include({ sfus: 1 });
      expect(lastError()).to.contain("refused the connection");
      expect(addresses()).to.deep.equal([addressOf(1)]);
      await other.heal();
      await clock.elapse(INTERVAL_MS);
      await isTold(3);
      expect(addresses()).to.deep.equal([addressOf(2), addressOf(3)]);
    });

    it("says that it fails even where the one before had failed alike", async () => {
      await serve([]);
      await Promise.all([list, other].map((one) => one.break({ kind: "status", status: 500 })));
      await first();
      follow(other.url);
      await isTold(2);
      expect(told[1]!.error!.message).to.equal(told[0]!.error!.message);
    });

    it("or none, has its SFUs leave at once, and costs no timer and no connection", async () => {
      await serve([entry(1)]);
      await first();
      source.follow(null);
      expect(addresses()).to.deep.equal([]);
      source.follow(null);
      await clock.elapse(5 * INTERVAL_MS);
      expect(list.requests).to.have.length(1);
      expect(clock.timers()).to.equal(0);
      expect(moves).to.deep.equal([`${addressOf(1)} came`, `${addressOf(1)} left`]);
      source.follow(followed);
      await isTold(2);
      expect(addresses()).to.deep.equal([addressOf(1)]);
    });

    it("gives up what is under way, takes nothing of it, and tells nothing of it", async () => {
      await serve([entry(1)]);
      await list.break({ kind: "hang" });
      source.follow(followed);
      await arrived(1);
      follow(other.url);
      await eventually("the server has seen it", () => list.requests[0]!.aborted);
      await isTold(1);
      await clock.elapse(6000);
      expect(told).to.deep.equal([{ sfus: 2, error: null }]);
      expect(addresses()).to.deep.equal([addressOf(2), addressOf(3)]);
    });

    it("leaves the pace, and the ETag, of the one that is followed already", async () => {
      await serve([entry(1)]);
      await first();
      for (let count = 0; count < 9; count++) {
        source.follow({ ...followed, settings: { ...followed.settings } });
        await clock.elapse(INTERVAL_MS / 10);
      }
      await next(INTERVAL_MS / 10);
      expect(statuses()).to.deep.equal([200, 304]);
    });

    for (const [what, parts, changed] of [
      ["token", { token: new Secret(TOKEN) }, 0],
      ["interval", { settings: { url: "", intervalMs: 2 * INTERVAL_MS } }, 0],
      ["default of max_sessions", { defaults: { maxSessions: 7 } }, 1],
    ] as const) {
      it(`is the same list with another ${what}, and read anew`, async () => {
        await serve([entry(1), entry(2, { max_sessions: 50 })]);
        await first();
        const settings = { ...followed.settings, ...("settings" in parts ? parts.settings : {}), url: list.url };
        source.follow({ ...followed, ...parts, settings });
        await eventually("it is read", () => list.requests.length === 2 && list.requests[1]!.status === 200);
        await eventually("it is taken", () => moves.length === 2 + changed);
        expect(sfu(2).maxSessions).to.equal(50);
        expect(sfu(1).maxSessions).to.equal(changed === 1 ? 7 : 1000);
      });
    }
  });

  describe("when the gateway closes", () => {
    const untouched = async (): Promise<void> => {
      const requests = list.requests.length;
      expect(clock.timers()).to.equal(0);
      await clock.elapse(10 * INTERVAL_MS);
      expect(list.requests).to.have.length(requests);
      expect(clock.timers()).to.equal(0);
    };

    it("is not read any more, and its SFUs stay", async () => {
      await serve([entry(1)]);
      await first();
      source.close();
      source.close();
      source.follow(null);
      source.follow({ ...followed, settings: { url: list.url, intervalMs: 100 } });
      await untouched();
      expect(addresses()).to.deep.equal([addressOf(1)]);
    });

    for (const kind of ["hang", "stall"] as const) {
      it(`is given up at once amid a reading where the server would ${kind}, and nothing is told of it`, async () => {
        await serve([entry(1)]);
        await list.break({ kind });
        source.follow(followed);
        await arrived(1);
        source.close();
        await eventually("the server has seen it", () => list.requests[0]!.aborted);
        await untouched();
        expect(told).to.be.empty;
        expect(addresses()).to.be.empty;
      });
    }

    it("is not taken where it comes in just then", async () => {
      await serve([]);
      let isAnswered = false;
      const server = await listen((socket) => {
        socket.write(answer(JSON.stringify({ sfu: [entry(1)] })), () => {
          source.close();
          isAnswered = true;
        });
      });
      open(server.address);
      source.follow(followed);
      await eventually("it is answered", () => isAnswered && server.open === 0);
      await untouched();
      expect(addresses()).to.be.empty;
      expect(told).to.be.empty;
    });

    it("is not read where nobody had started to", async () => {
      await serve([entry(1)]);
      source.close();
      source.follow(followed);
      await untouched();
      expect(list.requests).to.be.empty;
    });

    it("leaves no connection behind", async () => {
      await serve([]);
      const server = await listen((socket) => socket.write(answer('{"sfu":[]}')));
      open(server.address);
      await first();
      expect(server.open).to.equal(1);
      source.close();
      await eventually("all connections are closed", () => server.open === 0);
    });
  });

  it("is read once at a time however often it is started", async () => {
    await serve([entry(1)]);
    readings = 1;
    source.follow(followed);
    source.follow(followed);
    await over();
    await next();
    expect(list.requests).to.have.length(2);
  });
});
