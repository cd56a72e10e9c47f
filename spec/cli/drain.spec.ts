import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import {
  type Commanded,
  command,
  ended,
  health,
  loadState,
  type Part,
  send,
  sfuState,
  useFakeGateway,
} from "./fake-gateway.ts";

const TOKEN = "Zk7qXw9-the-admin-token/+é";
const env = { SFU_GATEWAY_ADMIN_TOKEN: TOKEN };
const ADDRESS = "http://sfu1.example.com:8070";

const DRAINED = { address: ADDRESS, draining: true, changed: true, durable: true, sessions: 12 };
const UNDRAINED = { ...DRAINED, draining: false };

describe("drain and undrain", () => {
  const clock = useFakeClock();
  const gateway = useFakeGateway();

  const runDrain = (...args: string[]): ReturnType<typeof ended> =>
    ended(["drain", ADDRESS, "--url", gateway.url, ...args], env);
  const runUndrain = (...args: string[]): ReturnType<typeof ended> =>
    ended(["undrain", ADDRESS, "--url", gateway.url, ...args], env);

  it("post the address with the admin token", async () => {
    gateway.answers(200, DRAINED);
    await runDrain();
    gateway.answers(200, UNDRAINED);
    await runUndrain();
    expect(gateway.asked.map(({ method, path, body }) => [method, path, body])).to.deep.equal([
      ["POST", "/v1/sfu/drain", JSON.stringify({ address: ADDRESS })],
      ["POST", "/v1/sfu/undrain", JSON.stringify({ address: ADDRESS })],
    ]);
    const [{ headers }] = gateway.asked as [(typeof gateway.asked)[0]];
    expect(headers["content-type"]).to.equal("application/json");
    // Node's servers read headers as Latin-1.
    expect(Buffer.from(headers.authorization!, "latin1").toString()).to.equal(`Bearer ${TOKEN}`);
  });

  it("spell an address as the gateway does", async () => {
    gateway.answers(200, DRAINED);
    const { stdout } = await ended(["drain", "HTTP://SFU1.example.com:8070//", "--url", gateway.url], env);
    expect(JSON.parse(gateway.asked[0]!.body)).to.deep.equal({ address: ADDRESS });
    expect(stdout).to.contain(`${ADDRESS} is drained`);
  });

  it("take the token from a file, and do not ask for the gateway's own settings", async () => {
    const folder = mkdtempSync(join(tmpdir(), "drain-"));
    try {
      writeFileSync(join(folder, "token"), `${TOKEN}\n`);
      gateway.answers(200, DRAINED);
      const { exitCode } = await ended(["drain", ADDRESS], {
        SFU_GATEWAY_URL: gateway.url,
        SFU_GATEWAY_ADMIN_TOKEN_FILE: join(folder, "token"),
        SFU_GATEWAY_KEY_FILE: "/nowhere",
        SFU_GATEWAY_NODES: "{",
      });
      expect(exitCode).to.equal(0);
      expect(Buffer.from(gateway.asked[0]!.headers.authorization!, "latin1").toString()).to.equal(`Bearer ${TOKEN}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  describe("tell what it means:", () => {
    const meanings: readonly (readonly [what: string, answer: Part, text: string])[] = [
      ["sessions are left", {}, "is drained: it gets no new conferences; 12 sessions left"],
      ["one is left", { sessions: 1 }, "is drained: it gets no new conferences; 1 session left"],
      [
        "none was left when it last reported",
        { sessions: 0 },
        "is drained: it gets no new conferences; no session at its last report, --wait tells when it can be stopped",
      ],
      [
        "it has not reported",
        { sessions: null },
        "is drained: it gets no new conferences; how many sessions are left is not known",
      ],
      ["it was so", { changed: false }, "was drained already: it gets no new conferences; 12 sessions left"],
    ];
    for (const [what, parts, text] of meanings) {
      it(`drained, and ${what}`, async () => {
        gateway.answers(200, { ...DRAINED, ...parts });
        expect(await runDrain()).to.deep.equal({ exitCode: 0, stdout: `${ADDRESS} ${text}\n`, stderr: "" });
      });
    }

    const STORE = { away: true, forSeconds: 3, instances: 1 };
    /** The store could not be told, if there is one. */
    const answersWith = (inHealth: unknown): void =>
      gateway.answersEach(({ path }, response) => {
        if (path === "/v1/health") send(response, 200, inHealth);
        else send(response, 200, { ...DRAINED, durable: false });
      });

    it("drained, and the others hear of it later, where the store is away", async () => {
      answersWith({ ...health(), store: STORE });
      const { exitCode, stdout } = await runDrain();
      expect(exitCode).to.equal(0);
      expect(stdout.split("\n").slice(1)).to.deep.equal([
        "The store that the gateway shares is away: the others hear of it when that is back, if this gateway's process has not ended by then. Until then drain it at each of them.",
        "",
      ]);
    });

    it("drained here alone, where the gateway does not say whether it has a store", async () => {
      answersWith("not a fleet");
      const { exitCode, stdout } = await runDrain();
      expect(exitCode).to.equal(0);
      expect(stdout).to.match(/\nOnly this gateway knows of it, /);
    });

    it("drained for as long as the gateway's process lives, and there alone", async () => {
      answersWith({ ...health(), store: null });
      const { exitCode, stdout } = await runDrain();
      expect(exitCode).to.equal(0);
      expect(stdout.split("\n")).to.deep.equal([
        `${ADDRESS} is drained: it gets no new conferences; 12 sessions left`,
        "Only this gateway knows of it, and only until its process ends: drain it at each gateway that you run, and again after a restart.",
        "",
      ]);
    });

    it("no longer drained", async () => {
      gateway.answers(200, UNDRAINED);
      const text = `${ADDRESS} is no longer drained: it may get new conferences\n`;
      expect(await runUndrain()).to.deep.equal({ exitCode: 0, stdout: text, stderr: "" });
    });

    it("not drained, and it was so", async () => {
      gateway.answers(200, { ...UNDRAINED, changed: false });
      expect((await runUndrain()).stdout).to.equal(`${ADDRESS} was not drained: it may get new conferences\n`);
    });

    it("no longer drained, and perhaps again", async () => {
      gateway.answers(200, { ...UNDRAINED, durable: false });
      expect((await runUndrain()).stdout).to.match(
        /\nThe store .* is away: the others hear .* the SFU is drained again\.\n$/,
      );
    });
  });

  it("print the answer alone with --json", async () => {
    gateway.answers(200, { ...DRAINED, durable: false });
    const drained = await runDrain("--json");
    expect(drained).to.include({ exitCode: 0, stderr: "" });
    expect(JSON.parse(drained.stdout)).to.deep.equal({ ...DRAINED, durable: false });
    gateway.answers(200, UNDRAINED);
    expect(JSON.parse((await runUndrain("--json")).stdout)).to.deep.equal(UNDRAINED);
  });

  for (const name of ["drain", "undrain"]) {
    describe(`${name} asks nobody, and ends with 2,`, () => {
      const misused: readonly (readonly [
        what: string,
        args: string[],
        env: Record<string, string>,
        message: RegExp,
      ])[] = [
        ["without an address", [], env, /missing required argument 'address'/],
        ["given two", ["http://a", "http://b"], env, /too many arguments/],
        ["given no URL", ["10.0.0.5:8070"], env, /^sfu-gateway: ADDRESS: expected the SFU's URL, like .*: this is/],
        ["given a host and a port", ["sfu1:8070"], env, /ADDRESS: .*: the scheme must be http or https/],
        ["given a password", ["http://me:hunter2@sfu1"], env, /ADDRESS: .*no user or password may stand in it/],
        ["given nothing", [""], env, /ADDRESS: /],
        ["given the token for an address", [TOKEN], env, /ADDRESS: /],
        ["without a token", [ADDRESS], {}, /^sfu-gateway: SFU_GATEWAY_ADMIN_TOKEN: missing, expected the token that/],
        ["without one in its file", [ADDRESS], { SFU_GATEWAY_ADMIN_TOKEN_FILE: "/dev/null" }, /_FILE: the file is em/],
        [
          "given it twice",
          [ADDRESS],
          { ...env, SFU_GATEWAY_ADMIN_TOKEN_FILE: "/dev/null" },
          /expected SFU_GATEWAY_ADMIN_TOKEN or SFU_GATEWAY_ADMIN_TOKEN_FILE, got both/,
        ],
        [
          "given a token of two lines",
          [ADDRESS],
          { SFU_GATEWAY_ADMIN_TOKEN: `${TOKEN}\n${TOKEN}` },
          /SFU_GATEWAY_ADMIN_TOKEN: expected one line of text/,
        ],
      ];
      for (const [what, args, environment, message] of misused) {
        it(what, async () => {
          const { exitCode, stdout, stderr } = await ended([name, ...args, "--url", gateway.url], environment);
          expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: "" });
          expect(stderr).to.match(message).and.not.contain("Zk7qXw9").and.not.contain("hunter2");
          expect(gateway.asked).to.have.length(0);
        });
      }
    });
  }

  describe("say what to do", () => {
    const refusal = (error: string, message = "no"): Part => ({ error, message, requestId: "r-17" });

    const cases: Readonly<Record<string, readonly [status: number, body: unknown, message: RegExp]>> = {
      "where the token is wrong": [
        401,
        refusal("invalid_token"),
        /refuses the token: SFU_GATEWAY_ADMIN_TOKEN has to be the one that the gateway has\n$/,
      ],
      "where the gateway has no admin routes": [
        404,
        refusal("not_found"),
        /has its admin routes off: it has to be started with SFU_GATEWAY_ADMIN_TOKEN set\n$/,
      ],
      "where there is no such SFU": [
        404,
        refusal("unknown_sfu", "no SFU of this address is in the fleet, did you mean http://sfu2?"),
        /does not know http:\/\/sfu1\.example\.com:8070: no SFU .*, did you mean http:\/\/sfu2\? \(sfu-gateway status lists/,
      ],
      "where a proxy does not let it through": [
        404,
        "<h1>nginx</h1>",
        /is no gateway of version .*: to \/v1\/sfu\/drain it answered with status 404 and no JSON/,
      ],
      "where the gateway failed": [
        500,
        refusal("internal", "something went wrong"),
        /answered \/v1\/sfu\/drain with status 500: something went wrong \(r-17\)\n$/,
      ],
      "where the answer is of another form": [200, { ok: true }, /it answered with JSON of another form/],
    };
    for (const [what, [status, body, message]] of Object.entries(cases)) {
      it(what, async () => {
        gateway.answers(status, body);
        const { exitCode, stdout, stderr } = await runDrain();
        expect({ exitCode, stdout }).to.deep.equal({ exitCode: 1, stdout: "" });
        expect(stderr)
          .to.match(/^sfu-gateway: [^\n]*http:\/\/127\.0\.0\.1:\d+[^\n]*\n$/)
          .and.match(message);
      });
    }

    it("where nothing listens", async () => {
      await gateway.leave();
      const { exitCode, stderr } = await runUndrain();
      expect(exitCode).to.equal(1);
      expect(stderr).to.match(/^sfu-gateway: cannot reach the gateway at .*\(ECONNREFUSED\); is it running\?/);
      await gateway.comeBack();
    });

    it("where the answer is a redirect, and do not send the token there", async () => {
      gateway.answersEach((_asked, response) => response.writeHead(307, { location: "/elsewhere" }).end());
      expect((await runDrain()).exitCode).to.equal(1);
      expect(gateway.asked.map(({ path }) => path)).to.deep.equal(["/v1/sfu/drain"]);
    });
  });

  it("never show the token, not even where something repeats it", async () => {
    for (const [status, body] of [
      [401, { error: "invalid_token", message: `no: ${TOKEN}`, requestId: TOKEN }],
      [400, { error: "invalid_body", message: `no: ${TOKEN}`, requestId: TOKEN }],
      [404, { error: "unknown_sfu", message: `no: ${TOKEN}`, requestId: TOKEN }],
      [404, TOKEN],
      [200, { ...DRAINED, address: TOKEN, echo: TOKEN }],
    ] as const) {
      gateway.answers(status, body);
      for (const args of [[], ["--json"]]) {
        const { stdout, stderr } = await runDrain(...args);
        expect(stdout + stderr).not.to.contain("Zk7qXw9");
      }
    }
  });

  describe("--wait", () => {
    /** What `/v1/health` says of the SFU. */
    let sfu: Part | null;
    let drained: Part;
    let isThere: boolean;
    let running: Commanded;
    const looks = (): number => gateway.asked.filter(({ path }) => path === "/v1/health").length;

    const carrying = (sessions: number, parts: Part = {}): Part =>
      sfuState(1, {
        available: false,
        out: "draining",
        draining: true,
        load: loadState({ sessions }),
        reportAgeMs: 0,
        ...parts,
      });

    const begin = async (...args: string[]): Promise<void> => {
      running = command(["drain", ADDRESS, "--wait", "--url", gateway.url, ...args], env);
      await look(1);
    };
    /** Until it has looked so many times and waits for the next one. */
    const look = (times: number): Promise<void> =>
      eventually(`it has looked ${String(times)} times`, () => looks() === times && clock.timers() === 1);
    const next = async (): Promise<void> => {
      const seen = looks();
      await clock.elapse(2000);
      await look(seen + 1);
    };
    const hasEnded = async (): Promise<number> => {
      await clock.elapse(2000);
      return running.exitCode;
    };

    beforeEach(() => {
      sfu = carrying(12);
      drained = DRAINED;
      isThere = true;
      gateway.answersEach(({ path }, response) => {
        if (!isThere) response.destroy();
        else if (path === "/v1/health") send(response, 200, health(...(sfu === null ? [] : [sfu])));
        else send(response, 200, drained);
      });
    });
    afterEach(() => running.end());

    it("tells how many sessions are left as they leave, and ends with 0 when there is none", async () => {
      await begin();
      for (let times = 0; times < 4; times++) await next();
      sfu = carrying(3);
      await next();
      sfu = carrying(1);
      await next();
      sfu = carrying(0);
      expect(await hasEnded()).to.equal(0);
      expect(running.stdout.split("\n")).to.deep.equal([
        `${ADDRESS} is drained: it gets no new conferences; 12 sessions left`,
        `${ADDRESS} is draining, 3 sessions left`,
        `${ADDRESS} is draining, 1 session left`,
        `${ADDRESS} is drained: empty, can be stopped`,
        "",
      ]);
      expect(running.stderr).to.equal("");
      expect(clock.timers()).to.equal(0);
    });

    it("does not believe a report that is older than the last callers need to get there", async () => {
      drained = { ...DRAINED, sessions: 0 };
      sfu = carrying(0);
      await begin();
      expect(running.stdout).to.contain("no session at its last report, waiting for a younger one\n");
      for (let times = 0; times < 4; times++) await next();
      // Of 10 s after the drain, and now of a second before that.
      sfu = carrying(0, { reportAgeMs: 1000 });
      await next();
      sfu = carrying(0, { reportAgeMs: null });
      await next();
      sfu = carrying(0, { reportAgeMs: 4000 });
      expect(await hasEnded()).to.equal(0);
      expect(running.stdout.split("\n")).to.have.length(3);
    });

    it("ends with 1, and says why, once the SFU is down and its last report is too old to be believed", async () => {
      await begin();
      sfu = carrying(12, { out: "down", state: "down", reason: "refused the connection" });
      await next();
      expect(running.stderr).to.equal("");
      sfu = carrying(12, { out: "down", state: "down", reason: "refused the connection", load: null });
      expect(await hasEnded()).to.equal(1);
      expect(running.stderr).to.match(
        / is down: it refused the connection; how many sessions it has is not known any more/,
      );
    });

    it("waits for sessions that are still to come", async () => {
      sfu = carrying(0, { load: loadState({ sessions: 0, expected: 0.5 }) });
      await begin();
      for (let times = 0; times < 10; times++) await next();
      expect(running.stdout).to.contain("is draining, 0 sessions left, its last conferences are still filling\n");
      sfu = carrying(0);
      expect(await hasEnded()).to.equal(0);
    });

    it("goes on while it is not known how many there are", async () => {
      sfu = carrying(0, { load: null, reportAgeMs: null });
      await begin();
      for (let times = 0; times < 10; times++) await next();
      expect(running.stdout.match(/how many sessions are left is not known/g)).to.have.length(1);
    });

    it("survives a gateway that goes away, and says so once", async () => {
      await begin();
      isThere = false;
      for (let times = 0; times < 3; times++) {
        await clock.elapse(2000);
        await look(2 + times);
      }
      isThere = true;
      for (let times = 0; times < 3; times++) await next();
      sfu = carrying(0);
      expect(await hasEnded()).to.equal(0);
      expect(running.stderr).to.match(/^cannot reach the gateway at [^\n]*; trying again\n$/);
    });

    it("ends with 1 where the SFU is not drained any more", async () => {
      await begin();
      sfu = sfuState(1);
      expect(await hasEnded()).to.equal(1);
      expect(running.stderr).to.match(
        /is not drained any more: somebody has undrained it, or the gateway was restarted/,
      );
    });

    it("ends with 1 where the SFU has left", async () => {
      await begin();
      sfu = null;
      expect(await hasEnded()).to.equal(1);
      expect(running.stderr).to.match(/has left the fleet: how many sessions it has is not known any more\n$/);
    });

    it("ends with 1 when it is told to, and leaves the SFU drained", async () => {
      await begin();
      running.end();
      expect(await running.exitCode).to.equal(1);
      expect(running.stderr).to.equal(`ended before ${ADDRESS} was empty; it stays drained\n`);
      expect(gateway.asked.filter(({ path }) => path !== "/v1/health")).to.have.length(1);
    });

    it("prints one JSON document a line, with --json", async () => {
      await begin("--json");
      sfu = carrying(3);
      for (let times = 0; times < 4; times++) await next();
      sfu = carrying(0);
      expect(await hasEnded()).to.equal(0);
      const lines = running.stdout.trimEnd().split("\n");
      expect(lines.map((line) => JSON.parse(line) as unknown)).to.deep.equal([
        DRAINED,
        { address: ADDRESS, draining: true, sessions: 3 },
        { address: ADDRESS, draining: true, sessions: 0 },
      ]);
    });
  });
});
