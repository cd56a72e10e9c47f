import { expect } from "chai";
import type { LookupFunction } from "node:net";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../lib/clock.ts";
import { SfuError, type SfuFailure } from "../../lib/errors.ts";
import { type Answer, createExchange, type Exchange, IDLE_MS, MAX_ANSWER_BYTES } from "../../lib/sfu/exchange.ts";
import { createNames } from "../../lib/sfu/names.ts";
import { createAddressRules } from "../../lib/sfu/registration/address-rules.ts";
import { createSfuClient } from "../../lib/sfu/client.ts";
import { eventually } from "../support/eventually.ts";
import { sfuOf } from "../support/fleet.ts";
import { answer, type RawHandler, type RawServer, useRawServers } from "../support/sockets.ts";
import { TRANSPORTS } from "../support/transports.ts";

for (const [name, transport] of TRANSPORTS) {
  describe(`an exchange with an SFU, by ${name}`, () => {
    const listen = useRawServers();
    let exchange: Exchange;
    beforeEach(() => {
      exchange = createExchange({ transport });
    });
    afterEach(() => exchange.close());

    const get = (url: string, signal = new AbortController().signal): Promise<Answer> =>
      exchange.get({ url, headers: { authorization: "Bearer the-token" }, signal });

    /** The error that ends it. */
    const failed = async (attempt: Promise<Answer>): Promise<SfuError> => {
      const error: unknown = await attempt.then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.instanceOf(SfuError);
      return error as SfuError;
    };

    it("brings status and body as they are", async () => {
      const sfu = await listen((socket) => socket.write(answer("no", "418 Whatever")));
      const { status, body } = await get(`${sfu.address}/v1/noop`);
      expect(status).to.equal(418);
      expect(Buffer.from(body).toString()).to.equal("no");
    });

    it("sends the path and the query as they are, and says who asks", async () => {
      const sfu = await listen((socket) => socket.write(answer("")));
      await get(`${sfu.address}/behind/a/prefix/v1/channel?a=%2f&b=+&&c=%20&d&=e&a=1`);
      const [line, ...headers] = sfu.requests[0]!.split("\r\n");
      expect(line).to.equal("GET /behind/a/prefix/v1/channel?a=%2f&b=+&&c=%20&d&=e&a=1 HTTP/1.1");
      expect(headers.join("\n")).to.match(/^user-agent: sfu-gateway\/\d+\.\d+\.\d+$/im);
      expect(headers.join("\n")).not.to.match(/^accept-encoding/im);
    });

    it("does not decompress a body", async () => {
      const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024));
      const sfu = await listen((socket) => {
        socket.write(
          answer("", "200 OK", "").replace("Length: 0", `Length: ${String(bomb.length)}\r\nContent-Encoding: gzip`),
        );
        socket.write(bomb);
      });
      expect(Buffer.from((await get(sfu.address)).body).equals(bomb)).to.be.true;
    });

    const cases: Readonly<Record<string, readonly [SfuFailure, RawHandler]>> = {
      "closes without an answer": ["reset", (socket) => socket.end()],
      "resets the connection": ["reset", (socket) => socket.resetAndDestroy()],
      "closes amid the headers": ["reset", (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-")],
      "closes amid a chunk": [
        "reset",
        (socket) => socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"),
      ],
      "closes amid a body of a known length": ["reset", (socket) => socket.end(answer("abc").slice(0, -1))],
      "speaks something else than HTTP": ["garbage", (socket) => socket.write("SSH-2.0-OpenSSH_9.6\r\n")],
      "sends headers without an end": [
        "too_large",
        (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(99_999)}`),
      ],
      "sends a chunk of no size": [
        "garbage",
        (socket) => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
      ],
      "switches to another protocol": [
        "garbage",
        (socket) =>
          socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
      ],
      "announces a body over the limit": [
        "too_large",
        (socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${String(MAX_ANSWER_BYTES + 1)}\r\n\r\n`),
      ],
      "sends chunks without an end": ["too_large", sendForEver],
      "sends a body without an end or a length": [
        "too_large",
        (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(MAX_ANSWER_BYTES + 1)}`),
      ],
    };
    for (const [what, [failure, handle]] of Object.entries(cases)) {
      it(`fails as ${failure} and leaves no connection where the SFU ${what}`, async () => {
        const sfu = await listen(handle);
        expect(await failed(get(sfu.address))).to.have.property("failure", failure);
        expect(sfu.requests).to.have.length(1);
        await eventually("all connections are closed", () => sfu.open === 0);
      });
    }

    it("follows no redirect", async () => {
      const sfu = await listen((socket) => socket.write(answer("", "302 Found", "Location: /elsewhere\r\n")));
      expect(await get(sfu.address)).to.include({ status: 302 });
      expect(sfu.requests).to.have.length(1);
    });

    it("posts JSON", async () => {
      const sfu = await listen((socket) => socket.write(answer("{}")));
      const { signal } = new AbortController();
      await exchange.post({ url: sfu.address, headers: {}, signal }, { a: 1 });
      expect(sfu.requests.join(""))
        .to.match(/^POST \/ HTTP\/1\.1\r\n/)
        .and.match(/\r\n\r\n\{"a":1\}$/);
    });

    it("posts once, also where the connection was stale: it may have done its work", async () => {
      const sfu = await listen((socket, { request }) =>
        request === 1 ? socket.write(answer("{}")) : socket.destroy(),
      );
      const { signal } = new AbortController();
      const post = (): ReturnType<typeof exchange.post> => exchange.post({ url: sfu.address, headers: {}, signal }, {});
      await post();
      expect(await failed(post())).to.have.property("failure", "reset");
      expect(sfu.requests).to.have.length(2);
    });

    it("posts text as it is, and calls it nothing", async () => {
      const sfu = await listen((socket) => socket.write(answer("")));
      const { signal } = new AbortController();
      await exchange.postText({ url: sfu.address, headers: { via: "1.1 us" }, signal }, "a.b é");
      expect(sfu.requests.join(""))
        .to.match(/^POST \/ HTTP\/1\.1\r\n/)
        .and.match(/^via: 1\.1 us\r$/m)
        .and.match(/^content-length: 6\r$/m)
        .and.match(/\r\n\r\na\.b \u00c3\u00a9$/)
        .and.not.match(/^(content-type|transfer-encoding)/im);
    });

    it("posts text once more where the connection was stale, on a fresh one", async () => {
      const sfu = await listen((socket, { connection, request }) => {
        if (connection === 1 && request > 1) socket.destroy();
        else socket.write(answer(""));
      });
      const { signal } = new AbortController();
      const post = (): Promise<Answer> => exchange.postText({ url: sfu.address, headers: {}, signal }, "text");
      await post();
      expect(await post()).to.include({ status: 200 });
      expect(sfu).to.include({ connections: 2 });
      expect(sfu.requests.filter((request) => request.endsWith("\r\n\r\ntext"))).to.have.length(3);
    });

    it("posts text no second time on a fresh connection", async () => {
      const sfu = await listen((socket) => socket.destroy());
      const { signal } = new AbortController();
      const post = exchange.postText({ url: sfu.address, headers: {}, signal }, "text");
      expect(await failed(post)).to.have.property("failure", "reset");
      expect(sfu.requests).to.have.length(1);
    });

    it("takes a body of just the limit", async () => {
      const sfu = await listen((socket) => socket.write(answer("x".repeat(MAX_ANSWER_BYTES))));
      expect((await get(sfu.address)).body).to.have.length(MAX_ANSWER_BYTES);
    });

    it("fails as refused at a closed port", async () => {
      expect(await failed(get("http://127.0.0.1:1"))).to.include({ failure: "refused", status: null });
    });

    it("fails as dns where nobody has that name", async () => {
      expect(await failed(get("http://nothing.invalid"))).to.have.property("failure", "dns");
    });

    it("fails as tls where the other side answers a TLS hello in plain HTTP", async () => {
      const sfu = await listen((socket) => socket.write(answer("", "400 Bad Request")));
      expect(await failed(get(sfu.address.replace("http:", "https:")))).to.have.property("failure", "tls");
    });

    describe("that is given up", () => {
      it("fails as aborted, at once, and closes its connection", async () => {
        const sfu = await listen(() => undefined);
        const caller = new AbortController();
        const attempt = failed(get(sfu.address, caller.signal));
        await eventually("the request has arrived", () => sfu.requests.length === 1);
        caller.abort();
        expect(await attempt).to.have.property("failure", "aborted");
        await eventually("all connections are closed", () => sfu.open === 0);
      });

      it("sends nothing where that was before it began", async () => {
        const sfu = await listen(() => undefined);
        expect(await failed(get(sfu.address, AbortSignal.abort()))).to.have.property("failure", "aborted");
        expect(sfu.requests).to.have.length(0);
      });

      it("leaves the exchanges beside it alone", async () => {
        const sfu = await listen((socket, { text }) => {
          if (text.startsWith("GET /fast")) socket.write(answer("ok"));
        });
        const caller = new AbortController();
        const attempt = failed(get(`${sfu.address}/slow`, caller.signal));
        await eventually("the request has arrived", () => sfu.requests.length === 1);
        const other = get(`${sfu.address}/fast`);
        caller.abort();
        expect((await other).status).to.equal(200);
        expect(await attempt).to.have.property("failure", "aborted");
      });
    });

    describe("on an idle connection", () => {
      it("needs no new one", async () => {
        const sfu = await listen((socket) => socket.write(answer("ok")));
        for (let round = 0; round < 5; round++) await get(sfu.address);
        expect(sfu).to.include({ connections: 1, open: 1 });
      });

      it("is the first to close it, before the 5 s after which an SFU does", async () => {
        expect(IDLE_MS).to.be.below(5000);
        const sfu = await listen((socket) => socket.write(answer("ok")));
        const hasty = createExchange({ transport, idleMs: 20 });
        await hasty.get({ url: sfu.address, headers: {}, signal: new AbortController().signal });
        await eventually("it is closed", () => sfu.open === 0);
      });

      it("keeps none where nobody was asked for as long as it would be kept, until somebody is asked more often", async () => {
        let nowMs = 1000;
        const clock = { ...systemClock, monotonic: () => nowMs };
        const seldom = createExchange({ transport, clock });
        const sfu = await listen((socket, { request }) => {
          socket.write(request === 1 ? answer("ok").replace("\r\n", "\r\nConnection: close\r\n") : answer("ok"));
        });
        const askOnce = (): Promise<Answer> =>
          seldom.get({ url: sfu.address, headers: {}, signal: new AbortController().signal });
        await askOnce();
        await eventually("it is closed", () => sfu.open === 0);
        for (let time = 0; time < 3; time++) {
          nowMs += IDLE_MS + 1;
          await askOnce();
          await eventually("it is closed", () => sfu.open === 0);
        }
        expect(sfu.connections).to.equal(4);
        for (let time = 0; time < 3; time++) await askOnce();
        expect(sfu).to.include({ connections: 5, open: 1 });
        seldom.close();
      });

      it("goes on over a fresh one where the SFU closes it just then", async () => {
        const sfu = await listen((socket, { request }) => {
          if (request === 2) socket.destroy();
          else socket.write(answer(`answer ${String(request)}`));
        });
        await get(sfu.address);
        expect(Buffer.from((await get(sfu.address)).body).toString()).to.equal("answer 3");
        expect(sfu.connections).to.equal(2);
      });

      it("goes on over a fresh one even where more idle ones are as stale", async () => {
        const sfu = await listenStale(3);
        await Promise.all([get(sfu.address), get(sfu.address), get(sfu.address)]);
        expect((await get(sfu.address)).status).to.equal(200);
        expect(sfu.connections).to.equal(4);
      });

      it("is tried again only once", async () => {
        const sfu = await listen((socket, { request }) => {
          if (request === 1) socket.write(answer("ok"));
          else socket.destroy();
        });
        await get(sfu.address);
        expect(await failed(get(sfu.address))).to.have.property("failure", "reset");
        expect(sfu.requests).to.have.length(3);
      });

      it("is not tried again once an answer has begun: the SFU has seen the request", async () => {
        const sfu = await listen((socket, { request }) => {
          if (request === 1) socket.write(answer("ok"));
          else socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc");
        });
        await get(sfu.address);
        expect(await failed(get(sfu.address))).to.have.property("failure", "reset");
        expect(sfu.requests).to.have.length(2);
      });

      it("is not tried again once it has been given up", async () => {
        const caller = new AbortController();
        const sfu = await listen((socket, { request }) => {
          if (request === 1) socket.write(answer("ok"));
          else {
            caller.abort();
            socket.destroy();
          }
        });
        await get(sfu.address);
        expect(await failed(get(sfu.address, caller.signal))).to.have.property("failure", "aborted");
        expect(sfu.requests).to.have.length(2);
      });

      /** Answers so many simultaneous first requests together, and resets each of their connections on its next one. */
      function listenStale(count: number): Promise<RawServer> {
        const waiting: (() => void)[] = [];
        return listen((socket, { request, connection }) => {
          if (request > count) {
            if (connection <= count) socket.resetAndDestroy();
            else socket.write(answer("ok"));
            return;
          }
          waiting.push(() => socket.write(answer("ok")));
          if (waiting.length === count) waiting.forEach((respond) => respond());
        });
      }
    });

    describe("that looks up the name by itself", () => {
      const lookupTo =
        (...addresses: readonly string[]): LookupFunction =>
        (_name, { all }, callback) => {
          const found = addresses.map((address) => ({ address, family: 4 }));
          if (all === true) callback(null, found);
          else callback(null, addresses[0]!, 4);
        };
      const getBy = (url: string, lookup: LookupFunction): Promise<Answer> =>
        exchange.get({ url, headers: {}, signal: new AbortController().signal, lookup });

      it("connects to where that leads", async () => {
        const sfu = await listen((socket) => socket.write(answer("ok")));
        const { port } = new URL(sfu.address);
        expect((await getBy(`http://sfu1.invalid:${port}`, lookupTo("127.0.0.1"))).status).to.equal(200);
        expect(sfu.requests[0]).to.match(new RegExp(`^host: sfu1.invalid:${port}`, "im"));
      });

      it("fails with what the lookup said, and sends nothing", async () => {
        const sfu = await listen((socket) => socket.write(answer("ok")));
        const error = new SfuError("dns", "resolves to an address that may not be used");
        const refuse: LookupFunction = (_name, _options, callback) => callback(error, []);
        expect(await failed(getBy(`http://sfu1.invalid:${new URL(sfu.address).port}`, refuse))).to.equal(error);
        expect(sfu.connections).to.equal(0);
      });

      it("does not go over a connection that nobody has checked", async () => {
        const sfu = await listen((socket) => socket.write(answer("ok")));
        const url = sfu.address.replace("127.0.0.1", "localhost");
        await get(url);
        const error = new SfuError("dns", "resolves to an address that may not be used");
        expect(await failed(getBy(url, (_name, _options, callback) => callback(error, [])))).to.equal(error);
        await getBy(url, lookupTo("127.0.0.1"));
        await getBy(url, lookupTo("127.0.0.1"));
        expect(sfu).to.include({ connections: 2, open: 2 });
        exchange.close();
        await eventually("all connections are closed", () => sfu.open === 0);
      });
    });

    describe("to an SFU that has registered itself", () => {
      it("is refused where its name has come to lead to a forbidden address, and only there", async () => {
        const sfu = await listen((socket) => socket.write(answer("ok")));
        const address = sfu.address.replace("127.0.0.1", "localhost");
        const bounds = { timeoutMs: 1000 };
        const resolve = (): Promise<readonly string[]> => Promise.resolve(["127.0.0.1"]);
        const clientBy = (allow: readonly string[] | null): ReturnType<typeof createSfuClient> =>
          createSfuClient(
            systemClock,
            exchange,
            createAddressRules(allow, createNames({ clock: systemClock, resolve })),
          );
        const noop = (allow: readonly string[] | null, source: "static" | "external" | "heartbeat"): Promise<unknown> =>
          clientBy(allow)
            .noop(sfuOf(1, { address, source }), bounds)
            .catch((error: unknown) => error);

        expect(await noop(null, "heartbeat")).to.include({
          failure: "dns",
          message: "resolves to an address that may not be used",
        });
        expect(await noop(["http://*"], "heartbeat")).to.have.property("failure", "dns");
        expect(sfu.connections).to.equal(0);
        expect(await noop(null, "static")).to.equal(undefined);
        expect(await noop(null, "external")).to.equal(undefined);
        expect(await noop(["http://localhost"], "heartbeat")).to.equal(undefined);
        expect(await noop(["127.0.0.0/8"], "heartbeat")).to.equal(undefined);
      });

      it("is refused where its address is a forbidden one", async () => {
        const sfu = await listen((socket) => socket.write(answer("ok")));
        const client = createSfuClient(
          systemClock,
          exchange,
          createAddressRules(null, createNames({ clock: systemClock })),
        );
        const attempt: Promise<unknown> = client.noop(sfuOf(1, { address: sfu.address, source: "heartbeat" }), {
          timeoutMs: 1000,
        });
        const error = await attempt.catch((thrown: unknown) => thrown);
        expect(error).to.include({ failure: "dns", message: "is an address that may not be used" });
        expect(sfu.connections).to.equal(0);
      });
    });

    it("leaves no idle connection behind when it is closed", async () => {
      const sfu = await listen((socket) => socket.write(answer("ok")));
      await get(sfu.address);
      expect(sfu.open).to.equal(1);
      exchange.close();
      await eventually("all connections are closed", () => sfu.open === 0);
    });
  });
}

/** As fast as the other side reads. */
function sendForEver(...[socket]: Parameters<RawHandler>): void {
  const chunk = `1000\r\n${"x".repeat(4096)}\r\n`;
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", more);
  socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  more();
}
