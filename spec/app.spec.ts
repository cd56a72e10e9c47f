import { expect } from "chai";
import { Agent, get, type IncomingMessage } from "node:http";
import { type App, createApp } from "../lib/app.ts";
import { loadConfiguration } from "../lib/config/load.ts";
import { createLogger } from "../lib/logger.ts";
import type { Channel } from "../lib/sfu/channel.ts";
import type { SfuClient } from "../lib/sfu/client.ts";
import { useFakeClock } from "./support/clock.ts";
import { eventually } from "./support/eventually.ts";
import { callRaw } from "./support/sockets.ts";
import { seeded } from "./support/random.ts";
import { claimsOf, GATEWAY_KEY, sfuKey, token } from "./support/tokens.ts";

const CHANNEL: Channel = { uuid: "u", url: "http://sfu1.test" };

describe("the app", () => {
  const clock = useFakeClock();
  let app: App;
  let url: string;
  let logs: Readonly<Record<string, unknown>>[];
  let isClientClosed: boolean;
  afterEach(() => app.close());

  /** The whole gateway, but for what talks to the SFU. */
  const run = async (join: SfuClient["join"]): Promise<void> => {
    const { config, secrets } = loadConfiguration({
      env: {
        SFU_GATEWAY_KEY: GATEWAY_KEY,
        SFU_GATEWAY_NODES: JSON.stringify({ sfu: [{ address: "http://sfu1.test", key: sfuKey(1) }] }),
        SFU_GATEWAY_PORT: "0",
        SFU_GATEWAY_BIND: "127.0.0.1",
      },
      secretsFile: null,
      configFile: null,
    });
    logs = [];
    isClientClosed = false;
    app = createApp(config, secrets, {
      clock,
      random: seeded(1),
      logger: createLogger("debug", { write: (line) => void logs.push(JSON.parse(line) as Record<string, unknown>) }),
      client: {
        join,
        noop: () => Promise.resolve(),
        checkKey: () => Promise.resolve("accepted"),
        stats: () => Promise.resolve({ sessions: 0, channels: 0, ordinarySessions: 0, uuids: [] }),
        disconnect: () => Promise.resolve(),
        close: () => (isClientClosed = true),
      },
    });
    url = `http://127.0.0.1:${String((await app.listen()).port)}`;
  };
  const authorization = (iss: string): string => `Bearer ${token({ claims: claimsOf(iss) })}`;
  const join = (iss = "room"): Promise<Response> =>
    fetch(`${url}/v1/channel`, { headers: { authorization: authorization(iss) } });

  describe("where the code itself is at fault", () => {
    const thrown: Readonly<Record<string, unknown>> = {
      "a TypeError": new TypeError("the secret"),
      undefined: undefined,
      null: null,
      "a string": "the secret",
      "an object that looks like an HTTP error": { status: 200, message: "the secret", expose: true },
      "an error that looks like an HTTP error": Object.assign(new Error("the secret"), { status: 418, expose: true }),
    };
    for (const [what, error] of Object.entries(thrown)) {
      it(`answers 500 and tells nothing when ${what} is thrown`, async () => {
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        await run(() => Promise.reject(error));
        const response = await join();
        expect(response.status).to.equal(500);
        expect(response.headers.get("content-type")).to.equal("application/json; charset=utf-8");
        const requestId = response.headers.get("x-request-id");
        const message = "something went wrong inside the gateway";
        expect(await response.json()).to.deep.equal({ error: "internal", message, requestId });
        expect(logs.some(({ level, msg }) => level === "error" && String(msg).startsWith("unexpected error in "))).to.be
          .true;
        expect(JSON.stringify(logs)).not.to.contain("the secret");
      });
    }

    it("serves the next one", async () => {
      let requests = 0;
      await run(() => {
        if (requests++ === 0) throw new TypeError("broken");
        return Promise.resolve(CHANNEL);
      });
      expect((await join("first")).status).to.equal(500);
      expect((await join("second")).status).to.equal(200);
    });

    it("serves a request whatever happens to those who are told of it", async () => {
      await run(() => Promise.resolve(CHANNEL));
      for (const name of ["attempt", "channelRequest"] as const) {
        app.events.on(name, () => {
          throw new Error("a broken metric");
        });
      }
      expect((await join()).status).to.equal(200);
    });
  });

  describe("when it is closed", () => {
    it("answers what is in flight, even on a connection that the caller keeps, and then lets go of all", async () => {
      const channel = Promise.withResolvers<Channel>();
      let joins = 0;
      await run(() => {
        joins++;
        return channel.promise;
      });
      const agent = new Agent({ keepAlive: true });
      const headers = { authorization: authorization("room") };
      const answer = new Promise<IncomingMessage>((resolve, reject) => {
        get(`${url}/v1/channel`, { agent, headers }, (response) => resolve(response.resume())).on("error", reject);
      });
      await eventually("the join has arrived", () => joins === 1);
      const closed = app.close();
      expect(isClientClosed).to.be.false;
      channel.resolve(CHANNEL);
      const { statusCode, headers: answered } = await answer;
      expect(statusCode).to.equal(200);
      expect(answered.connection).to.equal("close");
      // The fake clock stands still: the grace is not what ends it.
      await closed;
      expect(isClientClosed).to.be.true;
      agent.destroy();
    });

    it("is not ready for those who still can ask", async () => {
      await run(() => Promise.resolve(CHANNEL));
      // A request of which half has arrived holds its connection open.
      const caller = await callRaw(url, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n");
      await eventually("the first answer is there", () => caller.received().includes('{"status":"ok"}'));
      const closed = app.close();
      caller.socket.write("\r\n");
      await Promise.all([caller.closed, closed]);
      expect(caller.received()).to.match(/HTTP\/1\.1 503 Service Unavailable\r\n[^]*\{"status":"draining"\}$/);
    });

    it("cuts a join that never ends, a second after its budget", async () => {
      let signal: AbortSignal | undefined;
      await run((_sfu, _request, bounds) => {
        signal = bounds.signal;
        return new Promise(() => undefined);
      });
      const caller = join().catch((error: unknown) => error);
      await eventually("the join has arrived", () => signal !== undefined);
      const closed = app.close();
      await clock.elapse(3499);
      expect(signal!.aborted).to.be.false;
      await clock.elapse(1);
      await closed;
      expect(await caller).to.be.instanceOf(TypeError);
      expect(isClientClosed).to.be.true;
    });

    it("leaves no timer behind", async () => {
      await run(() => Promise.resolve(CHANNEL));
      expect(clock.timers()).to.be.above(0);
      await app.close();
      expect(clock.timers()).to.equal(0);
    });

    it("may be closed again", async () => {
      await run(() => Promise.resolve(CHANNEL));
      await Promise.all([app.close(), app.close()]);
      expect(isClientClosed).to.be.true;
    });
  });
});
