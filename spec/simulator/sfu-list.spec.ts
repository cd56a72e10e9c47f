import { expect } from "chai";
import { get, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { gunzipSync } from "node:zlib";
import { systemClock } from "../../lib/clock.ts";
import { type ListFault, SimulatedSfuList, type SimulatedSfuListOptions } from "../../lib/simulator/sfu-list.ts";
import { failureOf, manualClock, until } from "./harness.ts";

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** One request over a connection of its own. Rejects with the socket's error. */
function ask(list: SimulatedSfuList, { path, ...options }: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port, pathname } = new URL(list.url);
    const request = httpRequest({ hostname, port, path: path ?? pathname, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    request.on("error", reject);
    request.end();
  });
}

const status = async (reply: Promise<Reply>): Promise<number> => (await reply).status;

describe("the simulated list of SFUs", () => {
  const started: SimulatedSfuList[] = [];
  afterEach(() => Promise.all(started.splice(0).map((list) => list.close())));
  const start = async (options: Partial<SimulatedSfuListOptions> = {}): Promise<SimulatedSfuList> => {
    const list = new SimulatedSfuList({ clock: systemClock, ...options });
    started.push(list);
    await list.listen();
    return list;
  };
  const broken = async (
    fault: ListFault,
    options: Partial<SimulatedSfuListOptions> = {},
  ): Promise<SimulatedSfuList> => {
    const list = await start({ entries: ENTRIES, ...options });
    await list.break(fault);
    return list;
  };
  const ENTRIES = [{ address: "http://sfu1.test", key: "a2V5" }];
  const TEXT = JSON.stringify({ sfu: ENTRIES });

  it("has no URL before it listens", () => {
    expect(() => new SimulatedSfuList({ clock: systemClock }).url).to.throw("before it listens");
  });

  it("serves its entries as JSON, and an empty list where it has none", async () => {
    const { status: code, headers, body } = await ask(await start({ entries: ENTRIES }));
    expect(code).to.equal(200);
    expect(headers["content-type"]).to.equal("application/json");
    expect(body.toString()).to.equal(TEXT);
    expect((await ask(await start())).body.toString()).to.equal('{"sfu":[]}');
  });

  it("serves what was published last, whatever it is", async () => {
    const list = await start();
    list.publish(ENTRIES);
    expect((await ask(list)).body.toString()).to.equal(TEXT);
    list.publishText("{");
    expect((await ask(list)).body.toString()).to.equal("{");
  });

  it("is at the path that it is given and nowhere else, for GET and nothing else", async () => {
    const list = await start({ path: "/a/list" });
    expect(new URL(list.url).pathname).to.equal("/a/list");
    expect(await status(ask(list))).to.equal(200);
    expect(await status(ask(list, { path: "/sfus" }))).to.equal(404);
    expect(await status(ask(list, { method: "POST" }))).to.equal(405);
  });

  it("wants its token, where it has one", async () => {
    const list = await start({ token: "the-token" });
    expect(await status(ask(list))).to.equal(401);
    expect(await status(ask(list, { headers: { authorization: "Bearer another" } }))).to.equal(401);
    expect(await status(ask(list, { headers: { authorization: "Bearer the-token" } }))).to.equal(200);
  });

  describe("with ETags", () => {
    for (const etags of ["strong", "weak"] as const) {
      it(`answers 304 to whoever names the ${etags} one of the list that there is`, async () => {
        const list = await start({ entries: ENTRIES, etags });
        const { etag } = (await ask(list)).headers;
        expect(etag)
          .to.equal(list.etag)
          .and.to.match(etags === "weak" ? /^W\/"\w+"$/ : /^"\w+"$/);
        const again = await ask(list, { headers: { "if-none-match": `"another", ${etag!}` } });
        expect(again.status).to.equal(304);
        expect(again.headers.etag).to.equal(etag);
        expect(again.body).to.have.length(0);
        expect(await status(ask(list, { headers: { "if-none-match": "*" } }))).to.equal(304);
        list.publish([]);
        expect(await status(ask(list, { headers: { "if-none-match": etag! } }))).to.equal(200);
        list.publish(ENTRIES);
        expect(await status(ask(list, { headers: { "if-none-match": etag! } }))).to.equal(304);
      });
    }

    it("has none where it is told so, and never answers 304", async () => {
      const list = await start({ etags: "none" });
      expect((await ask(list)).headers).not.to.have.property("etag");
      expect(await status(ask(list, { headers: { "if-none-match": "*" } }))).to.equal(200);
    });
  });

  it("remembers the latest requests, and how they ended", async () => {
    const { clock } = manualClock();
    const list = await start({ clock, maxRequests: 2 });
    await ask(list, { path: "/first" });
    await ask(list, { path: "/second" });
    await ask(list, { headers: { "x-test": "yes" } });
    expect(list.requests.map(({ path }) => path)).to.deep.equal(["/second", "/sfus"]);
    const [missed, found] = list.requests;
    expect(missed).to.include({ status: 404 });
    expect(found).to.include({ at: 1_700_000_000_000, method: "GET", fault: null, status: 200, aborted: false });
    expect(found!.headers["x-test"]).to.equal("yes");
    list.clearRequests();
    expect(list.requests).to.be.empty;
  });

  describe("that is broken", () => {
    it("refuse: closes the port and what hangs on it, and opens the same one again", async () => {
      const list = await broken({ kind: "hang" });
      const { url } = list;
      const hanging = failureOf(ask(list));
      await until(() => list.requests.length === 1);
      await list.break({ kind: "refuse" });
      expect(await hanging).to.equal("ECONNRESET");
      expect(await failureOf(ask(list))).to.equal("ECONNREFUSED");
      await list.heal();
      expect(list.url).to.equal(url);
      expect(await status(ask(list))).to.equal(200);
    });

    it("reset: a TCP RST on each request", async () => {
      const list = await broken({ kind: "reset" });
      expect(await failureOf(ask(list))).to.equal("ECONNRESET");
      expect(list.requests[0]).to.include({ fault: "reset", status: null, aborted: false });
    });

    it("hang: never answers, not even after healing", async () => {
      const list = await broken({ kind: "hang" });
      const hangUp = new AbortController();
      const hanging = failureOf(ask(list, { signal: hangUp.signal }));
      await until(() => list.requests.length === 1);
      await list.heal();
      expect(await status(ask(list))).to.equal(200);
      hangUp.abort();
      expect(await hanging).to.equal("ABORT_ERR");
      await until(() => list.requests[0]!.aborted);
    });

    it("stall: half of the body and then nothing", async () => {
      const list = await broken({ kind: "stall" });
      let received = "";
      const caller = get(list.url, { agent: false }, (response) => {
        expect(response.headers["content-length"]).to.equal(String(TEXT.length));
        response.on("data", (chunk: Buffer) => (received += chunk.toString())).on("error", () => undefined);
      });
      await until(() => received.length >= TEXT.length / 2);
      await status(ask(await start()));
      expect(received).to.equal(TEXT.slice(0, Math.ceil(TEXT.length / 2)));
      caller.destroy();
      await until(() => list.requests[0]!.aborted);
      expect(list.requests[0]).to.include({ fault: "stall", status: 200 });
    });

    it("cut: half of the body and then the end", async () => {
      const list = await broken({ kind: "cut" });
      expect(await failureOf(ask(list))).to.equal("ECONNRESET");
      expect(list.requests[0]).to.include({ fault: "cut", status: 200, aborted: false });
    });

    it("slow: the proper answer, late", async () => {
      const { clock, elapse, pending } = manualClock();
      const list = await broken({ kind: "slow", delayMs: 5000 }, { clock });
      const reply = ask(list);
      await until(() => pending() === 1);
      elapse(4999);
      expect(list.requests[0]!.status).to.equal(null);
      elapse(1);
      expect((await reply).body.toString()).to.equal(TEXT);
    });

    it("status: that one, with the body that it is given, whatever the token", async () => {
      const list = await broken({ kind: "status", status: 500, body: "<h1>no</h1>" }, { token: "the-token" });
      const { status: code, body } = await ask(list);
      expect([code, body.toString()]).to.deep.equal([500, "<h1>no</h1>"]);
      await list.break({ kind: "status", status: 204 });
      expect(await status(ask(list))).to.equal(204);
    });

    it("garbage: 200 and no JSON, or the body that it is given", async () => {
      const list = await broken({ kind: "garbage" });
      const { status: code, body } = await ask(list);
      expect(code).to.equal(200);
      expect(() => void JSON.parse(body.toString())).to.throw(SyntaxError);
      await list.break({ kind: "garbage", body: "[]" });
      expect((await ask(list)).body.toString()).to.equal("[]");
    });

    it("huge: a valid list of 9 MiB, of a length that nobody is told", async () => {
      const list = await broken({ kind: "huge" });
      const { headers, body } = await ask(list);
      expect(body).to.have.length(9 * 1024 * 1024);
      expect(headers).not.to.have.property("content-length");
      expect(JSON.parse(body.toString())).to.deep.equal({ sfu: [] });
      await list.break({ kind: "huge", bytes: 1000 });
      expect((await ask(list)).body).to.have.length(1000);
    });

    it("redirect: to another host, or to where it is told", async () => {
      const list = await broken({ kind: "redirect" });
      expect(await ask(list)).to.have.nested.property("headers.location", "http://elsewhere.invalid/sfus");
      await list.break({ kind: "redirect", location: "/here" });
      const { status: code, headers } = await ask(list);
      expect([code, headers.location]).to.deep.equal([302, "/here"]);
    });

    it("compressed: the proper body, that nobody wanted to be so", async () => {
      const { headers, body } = await ask(await broken({ kind: "compressed" }));
      expect(headers["content-encoding"]).to.equal("gzip");
      expect(gunzipSync(body).toString()).to.equal(TEXT);
    });
  });

  describe("with a script", () => {
    it("plays it from request to request, and is healthy afterwards", async () => {
      const list = await start();
      await list.play([
        { fault: { kind: "status", status: 500 }, forRequests: 2 },
        { fault: null, forRequests: 1 },
        { fault: { kind: "reset" }, forRequests: 1 },
      ]);
      const seen = [];
      for (let request = 0; request < 6; request++) seen.push(await status(ask(list)).catch(() => "reset"));
      expect(seen).to.deep.equal([500, 500, 200, "reset", 200, 200]);
      expect(list.fault).to.equal(null);
    });

    it("ends it for another fault", async () => {
      const list = await start();
      await list.play([{ fault: { kind: "status", status: 500 }, forRequests: 1 }]);
      await list.break({ kind: "status", status: 503 });
      expect([await status(ask(list)), await status(ask(list))]).to.deep.equal([503, 503]);
    });

    it("refuses a step that could never end", async () => {
      const list = await start();
      const refused = async (fault: ListFault | null, forRequests: number): Promise<string> =>
        list.play([{ fault, forRequests }]).then(
          () => "played",
          (error: unknown) => (error as Error).message,
        );
      expect(await refused(null, 0)).to.contain("expected a whole number from 1");
      expect(await refused({ kind: "refuse" }, 1)).to.contain("no request arrives at a closed port");
    });
  });

  it("leaves no socket and no timer behind when closed, however often", async () => {
    const { clock, pending } = manualClock();
    const list = await broken({ kind: "slow", delayMs: 60_000 }, { clock });
    const failures = [failureOf(ask(list))];
    await until(() => pending() === 1);
    await list.break({ kind: "hang" });
    failures.push(failureOf(ask(list)));
    await until(() => list.requests.length === 2);
    await Promise.all([list.close(), list.close()]);
    expect(await Promise.all(failures)).to.deep.equal(["ECONNRESET", "ECONNRESET"]);
    expect(pending()).to.equal(0);
    expect(await failureOf(ask(list))).to.equal("ECONNREFUSED");
  });
});
