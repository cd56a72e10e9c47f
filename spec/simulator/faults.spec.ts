import { expect } from "chai";
import { get } from "node:http";
import { connect } from "node:net";
import { exampleFault, faultKinds, type Fault, type FaultKind, type SimulatedSfu } from "../../lib/simulator/sfu.ts";
import {
  ask,
  channelOf,
  disconnect,
  failureOf,
  join,
  joinWith,
  manualClock,
  sign,
  until,
  useSimulators,
} from "./harness.ts";

/** Kinds that keep the caller waiting; the manual clock stands still. */
const silent: ReadonlySet<FaultKind> = new Set(["hang", "slow", "drip", "worker_hang"]);
const everyRoute = ["/v1/noop", "/v1/stats", "/v1/channel"];

/** Asks every route, sees that none answers, hangs up. */
async function expectSilence(sfu: SimulatedSfu, paths: readonly string[]): Promise<void> {
  sfu.clearRequests();
  const hangUp = new AbortController();
  const failures = paths.map((path) => failureOf(join(sfu, {}, { path, signal: hangUp.signal })));
  await until(() => sfu.requests.length === paths.length);
  hangUp.abort();
  expect(await Promise.all(failures)).to.deep.equal(paths.map(() => "ABORT_ERR"));
  await until(() => sfu.requests.every(({ aborted }) => aborted));
  expect(sfu.requests.every(({ status }) => status === null)).to.be.true;
}

describe("the simulated SFU's faults", () => {
  const start = useSimulators();
  const broken = async (fault: Fault, options = {}): Promise<SimulatedSfu> => {
    const sfu = await start(options);
    await sfu.break(fault);
    return sfu;
  };

  it("have an example for every kind", () => {
    expect(faultKinds).to.have.length(15);
    for (const kind of faultKinds) expect(exampleFault(kind).kind).to.equal(kind);
  });

  for (const kind of faultKinds) {
    it(`${kind}: no channel while it lasts, one after healing, at the same address`, async () => {
      const { clock } = manualClock();
      const sfu = await start({ clock });
      const { address } = sfu;
      await sfu.break(exampleFault(kind));
      expect(sfu.fault).to.deep.equal(exampleFault(kind));

      let outcome: string | null = null;
      const hangUp = new AbortController();
      const attempt = join(sfu, {}, { signal: hangUp.signal }).then(
        ({ status, body }) => (outcome = status === 200 && isChannel(body) ? "channel" : "no channel"),
        () => (outcome = "no channel"),
      );
      if (silent.has(kind)) {
        await until(() => sfu.requests.length === 1);
        // A healthy one has answered by then.
        await ask(await start());
        expect(outcome).to.equal(null);
        hangUp.abort();
      }
      await attempt;
      expect(outcome).to.equal("no channel");

      await sfu.heal();
      expect(sfu.fault).to.equal(null);
      expect(sfu.address).to.equal(address);
      expect(await join(sfu)).to.have.property("status", 200);
    });
  }

  describe("refuse", () => {
    it("closes the port and destroys the connections that there are", async () => {
      const sfu = await start();
      const { port } = new URL(sfu.address);
      const socket = connect(Number(port), "127.0.0.1");
      const closed = new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve));
      await new Promise((resolve) => socket.once("connect", resolve));
      await sfu.break({ kind: "refuse" });
      await closed;
      expect(await failureOf(ask(sfu))).to.equal("ECONNREFUSED");
      expect(sfu.requests).to.be.empty;
    });

    it("keeps the channels", async () => {
      const sfu = await start();
      const before = channelOf(await join(sfu));
      await sfu.break({ kind: "refuse" });
      await sfu.heal();
      expect(channelOf(await join(sfu)).uuid).to.equal(before.uuid);
    });

    it("does not count what it cut off as hung up by the caller", async () => {
      const sfu = await broken({ kind: "hang" });
      const failure = failureOf(ask(sfu));
      await until(() => sfu.requests.length === 1);
      await sfu.break({ kind: "refuse" });
      expect(await failure).to.equal("ECONNRESET");
      await sfu.heal();
      // The server's side of the old connection has closed by the time that a new one was served.
      await ask(sfu);
      expect(sfu.requests[0]).to.include({ fault: "hang", status: null, aborted: false });
    });
  });

  it("reset: a TCP RST on each request, on every route", async () => {
    const sfu = await broken({ kind: "reset" });
    for (const path of everyRoute) expect(await failureOf(join(sfu, {}, { path })), path).to.equal("ECONNRESET");
    expect(sfu.requests).to.have.length(3);
    expect(sfu.requests[0]).to.include({ fault: "reset", status: null, aborted: false });
  });

  it("hang: no route answers, and what hung hangs on after healing", async () => {
    const sfu = await broken({ kind: "hang" });
    await expectSilence(sfu, everyRoute);
    const hangUp = new AbortController();
    const failure = failureOf(ask(sfu, { signal: hangUp.signal }));
    await until(() => sfu.requests.length === 4);
    await sfu.heal();
    expect(await ask(sfu)).to.have.property("status", 200);
    hangUp.abort();
    expect(await failure).to.equal("ABORT_ERR");
  });

  describe("slow", () => {
    for (const path of everyRoute) {
      it(`answers ${path} properly, after the delay`, async () => {
        const { clock, elapse, pending } = manualClock();
        const sfu = await broken({ kind: "slow", delayMs: 5_000 }, { clock });
        const reply = join(sfu, {}, { path });
        await until(() => pending() === 1);
        elapse(4_999);
        expect(sfu.requests[0]!.status).to.equal(null);
        elapse(1);
        expect(await reply).to.have.property("status", 200);
        expect(sfu.requests[0]).to.include({ fault: "slow", status: 200, aborted: false });
      });
    }

    it("makes the channel even for a caller that hung up, like the real one", async () => {
      const { clock, elapse, pending } = manualClock();
      const sfu = await broken({ kind: "slow", delayMs: 5_000 }, { clock });
      const hangUp = new AbortController();
      const failure = failureOf(join(sfu, {}, { signal: hangUp.signal }));
      await until(() => pending() === 1);
      hangUp.abort();
      await failure;
      await until(() => sfu.requests[0]!.aborted);
      elapse(5_000);
      await until(() => sfu.channels.length === 1);
      expect(sfu.requests[0]!.status).to.equal(null);
    });
  });

  describe("drip", () => {
    it("sends the headers at once and then a byte of body an interval", async () => {
      const { clock, elapse, pending } = manualClock();
      const sfu = await broken({ kind: "drip", intervalMs: 100 }, { clock });
      let received = "";
      const ended = new Promise<number>((resolve, reject) => {
        get(`${sfu.address}/v1/noop`, { agent: false }, (response) => {
          received = `${response.statusCode ?? 0} `;
          response.on("data", (chunk: Buffer) => (received += chunk.toString()));
          response.on("end", () => resolve(response.statusCode ?? 0));
        }).on("error", reject);
      });
      const whole = '200 {"result":"ok"}';
      for (let length = "200 ".length; length < whole.length; length++) {
        await until(() => received.length === length && pending() === 1);
        expect(received).to.equal(whole.slice(0, length));
        elapse(100);
      }
      expect(await ended).to.equal(200);
      expect(received).to.equal(whole);
      expect(sfu.requests[0]).to.include({ fault: "drip", status: 200 });
    });

    it("drips a join's answer too, and notices who hangs up half-way", async () => {
      const sfu = await broken({ kind: "drip", intervalMs: 0 });
      expect(channelOf(await join(sfu)).uuid).to.equal(sfu.channels[0]!.uuid);
      await sfu.break({ kind: "drip", intervalMs: 60_000 });
      const hangUp = new AbortController();
      const failure = failureOf(join(sfu, {}, { signal: hangUp.signal }));
      await until(() => sfu.requests[1]?.status === 200);
      hangUp.abort();
      await failure;
      await until(() => sfu.requests[1]!.aborted);
      expect(sfu.requests[0]!.aborted).to.be.false;
    });

    it("drips the headers as well where asked to", async () => {
      const sfu = await broken({ kind: "drip", intervalMs: 0, headers: true });
      expect(await ask(sfu)).to.deep.include({ status: 200, body: '{"result":"ok"}' });
      expect(channelOf(await join(sfu)).uuid).to.equal(sfu.channels[0]!.uuid);
      await until(() => sfu.requests.length === 2);
      expect(sfu.requests.every(({ status, aborted }) => status === 200 && !aborted)).to.be.true;
    });
  });

  for (const status of [500, 401, 404, 409, 503]) {
    it(`status: /v1/channel answers ${status} with an empty body, the other routes are fine`, async () => {
      const sfu = await broken({ kind: "status", status });
      expect(await join(sfu)).to.deep.include({ status, body: "" });
      expect(await ask(sfu)).to.have.property("status", 200);
      expect(await ask(sfu, { path: "/v1/stats" })).to.have.property("status", 200);
      expect(sfu.channels).to.be.empty;
      expect(sfu.requests.map(({ fault }) => fault)).to.deep.equal(["status", null, null]);
    });
  }

  describe("unauthorized", () => {
    const families = [
      ["odoo-sfu", 500],
      ["o-sfu", 401],
    ] as const;
    for (const [family, status] of families) {
      it(`fails every token check of ${family} with ${status}, the key check included`, async () => {
        const sfu = await broken({ kind: "unauthorized" }, { family });
        expect(await join(sfu)).to.deep.include({ status, body: "" });
        expect(await joinWith(sfu, sign({}))).to.have.property("status", status);
        expect(await ask(sfu, { path: "/v1/channel" })).to.have.property("status", 401);
        expect(await disconnect(sfu, { sessionIdsByChannel: {} })).to.have.property("status", 422);
        expect(await ask(sfu)).to.have.property("status", 200);
        expect(await ask(sfu, { path: "/v1/stats" })).to.have.property("status", 200);
      });
    }
  });

  describe("garbage", () => {
    it("is 200 and no JSON on every route", async () => {
      const sfu = await broken({ kind: "garbage" });
      for (const path of everyRoute) {
        const { status, body } = await join(sfu, {}, { path });
        expect(status).to.equal(200);
        expect(() => void JSON.parse(body)).to.throw(SyntaxError);
      }
      expect(sfu.channels).to.be.empty;
    });

    for (const body of ['{"uuid":"u"}', '{"url":"http://a"}', "null", ""]) {
      it(`has the body that it is given: ${body}`, async () => {
        expect(await join(await broken({ kind: "garbage", body }))).to.deep.include({ status: 200, body });
      });
    }
  });

  describe("huge", () => {
    it("is 1 MiB of otherwise valid JSON on every route", async () => {
      const sfu = await broken({ kind: "huge" });
      for (const path of everyRoute) {
        const { status, body } = await join(sfu, {}, { path });
        expect(status).to.equal(200);
        expect(body.length).to.equal(1024 * 1024);
        expect(JSON.parse(body)).to.include.all.keys("uuid", "url");
      }
    });

    it("stops when the caller has had enough", async () => {
      const sfu = await broken({ kind: "huge", bytes: 1024 ** 3 });
      await new Promise<void>((resolve) => {
        get(`${sfu.address}/v1/channel`, { agent: false }, (response) => {
          response.once("data", () => response.destroy());
          response.once("close", resolve).on("error", () => undefined);
        });
      });
      await until(() => sfu.requests[0]!.aborted);
      expect(sfu.requests[0]!.status).to.equal(200);
    });
  });

  it("redirect: 302 to another host on every route, or to where it is told", async () => {
    const sfu = await broken({ kind: "redirect" });
    for (const path of everyRoute) {
      const reply = await join(sfu, {}, { path });
      expect(reply).to.deep.include({ status: 302, body: "" });
      expect(reply.headers.location).to.equal(`http://elsewhere.invalid${path}`);
    }
    await sfu.break({ kind: "redirect", location: "https://a.example/" });
    expect((await join(sfu)).headers.location).to.equal("https://a.example/");
  });

  it("worker_hang: valid joins hang, all the rest is answered", async () => {
    const sfu = await broken({ kind: "worker_hang" });
    await expectSilence(sfu, ["/v1/channel"]);
    expect(await ask(sfu)).to.have.property("status", 200);
    expect(await ask(sfu, { path: "/v1/stats" })).to.have.property("status", 200);
    expect(await ask(sfu, { path: "/v1/channel" })).to.have.property("status", 401);
    expect(await joinWith(sfu, "garbage")).to.have.property("status", 500);
    expect(await join(sfu, { iss: "" })).to.have.property("status", 403);
    expect(sfu.channels).to.be.empty;
  });
});

/** What a careful caller takes for a channel. */
function isChannel(body: string): boolean {
  if (body.length > 64 * 1024) return false;
  try {
    const value = JSON.parse(body) as { uuid?: unknown; url?: unknown } | null;
    return typeof value?.uuid === "string" && typeof value.url === "string";
  } catch {
    return false;
  }
}
