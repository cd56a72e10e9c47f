import { expect } from "chai";
import { systemClock } from "../../lib/clock.ts";
import { ListError } from "../../lib/errors.ts";
import { createListFetcher, type ListFetcher } from "../../lib/sfu/sources/fetch-list.ts";
import { parseList } from "../../lib/sfu/sources/parse-list.ts";
import { sendScript, UNASKED_UUID, wireScript, type WireTrick, wireTricks } from "../../lib/simulator/wire.ts";
import { eventually } from "../support/eventually.ts";
import { useFleet } from "../support/fleet.ts";
import { startGateway } from "../support/gateway.ts";
import { answer, type RawHandler, useRawServers } from "../support/sockets.ts";
import { sfuKey } from "../support/tokens.ts";
import { useCleanup } from "../support/cleanup.ts";

const LIST = JSON.stringify({ sfu: [{ address: "http://sfu1.test", key: sfuKey(1) }] });

/** Odd, and a list all the same. */
const HARMLESS: readonly WireTrick[] = ["interim_few", "chunk_extension_few", "trailers_few", "second_answer_at_once"];

const performing =
  (trick: WireTrick, body: string): RawHandler =>
  (socket) =>
    void sendScript(socket, wireScript(trick, { status: 200, body }));

describe("chaos: a hostile server of the external list", () => {
  const listen = useRawServers();
  const fleetOf = useFleet();
  const cleanUp = useCleanup();

  const fetcherOf = (url: string, timeoutMs: number): ListFetcher => {
    const fetcher = createListFetcher({ clock: systemClock, url, timeoutMs, token: null, connection: {} });
    cleanUp(() => fetcher.close());
    return fetcher;
  };

  for (const trick of wireTricks) {
    const isHarmless = HARMLESS.includes(trick);
    it(`is ${isHarmless ? "read" : "refused"} with ${trick}, soon`, async () => {
      const server = await listen(performing(trick, LIST));
      const reading = fetcherOf(server.address, 500)
        .fetch(null, new AbortController().signal)
        .then((fetched) => (fetched.kind === "body" ? parseList(fetched.body, { maxSessions: 1000 }) : []));
      const result: unknown = await reading.catch((error: unknown) => error);
      if (isHarmless) {
        expect((result as readonly { readonly address: string }[]).map(({ address }) => address)).to.deep.equal([
          "http://sfu1.test",
        ]);
      } else {
        expect(result).to.be.instanceOf(ListError);
        expect((result as ListError).message).to.match(/^(answered|sent|closed|did not answer) \P{Cc}{5,200}$/u);
        expect((result as ListError).message).not.to.contain(UNASKED_UUID);
        await eventually("the connection is closed", () => server.open === 0);
      }
    });
  }

  const bombs: Readonly<Record<string, string>> = {
    "lists and no more": `{"sfu":[${"[],".repeat(2_000_000)}[]]}`,
    "objects and no more": `{"sfu":[${"{},".repeat(2_000_000)}{}]}`,
    "lists in lists": `{"sfu":${"[".repeat(3_000_000)}${"]".repeat(3_000_000)}}`,
  };
  for (const [what, body] of Object.entries(bombs)) {
    it(`is refused where it is ${what}, which takes no time to find out`, () => {
      const bytes = Buffer.from(body);
      const startedMs = systemClock.monotonic();
      expect(() => parseList(bytes, { maxSessions: 1000 })).to.throw(ListError, "answered with JSON of another form");
      expect(systemClock.monotonic() - startedMs).to.be.below(1000);
    });
  }

  it("writes nothing on anybody's terminal", () => {
    const body = Buffer.from(
      JSON.stringify({ sfu: [{ address: "http://a", key: sfuKey(1), "\r\n\u001b[2Jforged": 1 }] }),
    );
    expect(() => parseList(body, { maxSessions: 1000 })).to.throw(ListError, "[[sfu]] #1 (not shown): no such key");
  });

  it("costs no call anything: the last good list stays", async () => {
    const { entries } = await fleetOf(1, { latencyMs: { min: 0, max: 0 } });
    const good = JSON.stringify({ sfu: entries });
    const tricks = wireTricks.filter((trick) => !HARMLESS.includes(trick));
    let trick: WireTrick | null = null;
    const server = await listen((...args) =>
      trick === null ? args[0].write(answer(good)) : performing(trick, good)(...args),
    );
    const gateway = await startGateway({ sfus: [], registry: { url: server.address, intervalMs: 25 } });
    cleanUp(() => gateway.close());
    await eventually("the list has been read", async () => (await gateway.join()).status === 200);
    const quiet = gateway.logs.length;
    for (trick of tricks) {
      const before = server.requests.length;
      await eventually(`${trick} has been read`, () => server.requests.length > before + 1, {
        patienceMs: 10_000,
        pauseMs: 2,
      });
      expect((await gateway.join({ iss: trick })).status).to.equal(200);
    }
    expect(gateway.logs.filter(({ msg }) => String(msg).startsWith("unexpected"))).to.deep.equal([]);
    for (const { msg } of gateway.logs.slice(quiet)) {
      if (String(msg).startsWith("the external list"))
        expect(msg).to.match(/the last good one stays: 1 SFU$|was read: 1 SFU$/);
    }
  });
});
