import { expect } from "chai";
import { stripVTControlCharacters } from "node:util";
import { START_MS, useFakeClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { useRawServers } from "../support/sockets.ts";
import {
  command,
  ended,
  health,
  loadState,
  type Output,
  type Part,
  send,
  sfuState,
  useFakeGateway,
} from "./fake-gateway.ts";

const ago = (ms: number): string => new Date(START_MS - ms).toISOString();

const down = (number: number): Part =>
  sfuState(number, {
    available: false,
    out: "down",
    state: "down",
    reason: "refused the connection (ECONNREFUSED)",
    since: ago(90_000),
    load: null,
    score: null,
    reportAgeMs: null,
  });

describe("status", () => {
  const clock = useFakeClock();
  const gateway = useFakeGateway();
  const listen = useRawServers();

  const showOn = async (output: Output, ...sfus: readonly Part[]): Promise<string[]> => {
    gateway.answers(200, health(...sfus));
    return (await ended(["status", "--url", gateway.url], {}, output)).stdout.split("\n");
  };
  const show = (...sfus: readonly Part[]): Promise<string[]> => showOn({}, ...sfus);
  /** The line of the one SFU. */
  const rowOf = async (parts: Part): Promise<string> => (await show(sfuState(1, parts)))[3] ?? "";

  it("shows the fleet, the worst first, then by region and address, and what is wrong with whom", async () => {
    gateway.answers(
      200,
      health(
        sfuState(3, { region: null, state: "unknown", load: null, score: null, reportAgeMs: null, since: ago(999) }),
        sfuState(10, { since: ago(49 * 3_600_000) }),
        sfuState(4, {
          region: "us-east-1",
          available: false,
          out: "draining",
          reason: "is being drained",
          draining: true,
          load: loadState({ sessions: 12, cpu: null, memory: null }),
        }),
        down(2),
        sfuState(5, {
          region: "us-east-1",
          available: false,
          out: "misconfigured",
          state: "misconfigured",
          reason: "refuses its key",
        }),
      ),
    );
    const { exitCode, stdout, stderr } = await ended(["status", "--url", gateway.url]);
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: "" });
    expect(stdout.split("\n")).to.deep.equal([
      "2 of 5 SFUs available: 1 misconfigured, 1 down, 1 draining",
      "",
      "ADDRESS                        REGION     STATE          SESSIONS      CPU MEM SCORE REPORT SINCE",
      "http://sfu5.example.com:8070   us-east-1  misconfigured  120/1000 █░░░ 45% 60%  0.23    3 s 5 min",
      "http://sfu2.example.com:8070   eu-west-3  down                  –        –   –     –      – 1 min",
      "http://sfu4.example.com:8070   us-east-1  draining        12/1000 █░░░   –   –  0.23    3 s 5 min",
      "http://sfu3.example.com:8070   –          unknown               –        –   –     –      –   0 s",
      "http://sfu10.example.com:8070  eu-west-3  available      120/1000 █░░░ 45% 60%  0.23    3 s   2 d",
      "",
      "http://sfu5.example.com:8070 refuses its key",
      "http://sfu2.example.com:8070 refused the connection (ECONNREFUSED)",
      "http://sfu4.example.com:8070 is draining, 12 sessions left",
      "",
    ]);
  });

  it("sorts those that are as well as each other by region and address, the tenth after the second", async () => {
    const places = [
      [1, null],
      [10, "eu-west-3"],
      [3, "us-east-1"],
      [2, "eu-west-3"],
    ] as const;
    const lines = await show(...places.map(([number, region]) => sfuState(number, { region })));
    const order = lines.slice(3, 7).map((line) => /sfu(\d+)/.exec(line)?.[1]);
    expect(order).to.deep.equal(["2", "10", "3", "1"]);
  });

  it("puts first what only a later version has a word for", async () => {
    const lines = await show(down(2), sfuState(1, { available: false, out: "out_to_lunch" }), sfuState(3));
    expect(lines[0]).to.equal("1 of 3 SFUs available: 1 out to lunch, 1 down");
    expect(lines[3]).to.match(/^http:\/\/sfu1\./);
  });

  it("asks with a GET and without any token", async () => {
    gateway.answers(200, health(sfuState(1)));
    await ended(["status", "--url", gateway.url], { SFU_GATEWAY_ADMIN_TOKEN: "the-token" });
    expect(gateway.asked[0]).to.include({ method: "GET", path: "/v1/health", body: "" });
    expect(gateway.asked[0]!.headers).not.to.have.property("authorization");
  });

  describe("says in a word", () => {
    const out = (why: string, state = "healthy"): Part => ({
      available: false,
      out: why,
      state,
    });
    const cases: Readonly<Record<string, Part>> = {
      available: {},
      unknown: { state: "unknown" },
      failing: { state: "failing", reason: "closed the connection" },
      down: out("down", "down"),
      misconfigured: out("misconfigured", "misconfigured"),
      expired: out("expired", "expired"),
      "breaker open": out("breaker_open", "failing"),
      draining: { ...out("draining", "failing"), draining: true },
      overloaded: out("overloaded"),
      // What a later version may say.
      "out to lunch": out("out_to_lunch"),
    };
    for (const [word, parts] of Object.entries(cases)) {
      it(`that an SFU is ${word}`, async () => {
        expect((await rowOf(parts)).split(/ {2,}/)[2]).to.equal(word);
      });
    }
  });

  for (const [ms, text] of [
    [-5000, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [3_599_999, "59 min"],
    [3_600_000, "1 h"],
    [47.9 * 3_600_000, "47 h"],
    [400 * 86_400_000, "400 d"],
  ] as const) {
    it(`says since when, as ${text}`, async () => {
      expect(await rowOf({ since: ago(ms) })).to.match(new RegExp(` ${text}$`));
    });
  }

  for (const [sessions, text] of [
    [0, "   0/1000 ░░░░"],
    [1, "   1/1000 █░░░"],
    [500, " 500/1000 ██░░"],
    [999, " 999/1000 ███░"],
    [1000, "1000/1000 ████"],
    [2500, "2500/1000 ████"],
  ] as const) {
    it(`draws ${String(sessions)} of 1000 sessions as ${text.trim()}`, async () => {
      expect(await rowOf({ load: loadState({ sessions }) })).to.contain(` ${text} `);
    });
  }

  describe("says of an SFU that is being drained", () => {
    const noteOn = async (parts: Part): Promise<string> => {
      const lines = await show(
        sfuState(1, { available: false, out: "draining", reason: "is being drained", draining: true, ...parts }),
      );
      return lines.at(-2) ?? "";
    };

    it("how many sessions are left", async () => {
      expect(await noteOn({})).to.match(/ is draining, 120 sessions left$/);
      expect(await noteOn({ load: loadState({ sessions: 1 }) })).to.match(/ is draining, 1 session left$/);
    });

    it("that it can be stopped", async () => {
      expect(await noteOn({ load: loadState({ sessions: 0 }) })).to.match(/ is drained: empty, can be stopped$/);
    });

    it("that sessions are still to come, where it has got conferences since its report", async () => {
      const load = loadState({ sessions: 0, expected: 2.4 });
      expect(await noteOn({ load })).to.match(/ is draining, 0 sessions left, its last conferences are still filling$/);
    });

    it("that nobody knows how many sessions are left", async () => {
      expect(await noteOn({ load: null })).to.match(/ how many sessions are left is not known$/);
    });

    it("also what is wrong with it", async () => {
      const reason = "refused the connection";
      for (const parts of [{ out: "down", state: "down" }, { state: "failing" }]) {
        expect(await noteOn({ ...parts, reason })).to.match(
          /:8070 refused the connection; draining, 120 sessions left$/,
        );
      }
    });
  });

  it("says nothing below the table where all is well", async () => {
    expect(await show(sfuState(1))).to.deep.equal([
      "1 of 1 SFU available",
      "",
      "ADDRESS                       REGION     STATE      SESSIONS      CPU MEM SCORE REPORT SINCE",
      "http://sfu1.example.com:8070  eu-west-3  available  120/1000 █░░░ 45% 60%  0.23    3 s 5 min",
      "",
    ]);
  });

  describe("says of gateways that share a store", () => {
    const companies: readonly (readonly [store: Part | null | undefined, line: string | null])[] = [
      [undefined, null],
      [null, null],
      [{ away: false, forSeconds: null, instances: 3 }, "3 gateways share a store"],
      [{ away: false, forSeconds: null, instances: 1 }, "no other gateway shares its store"],
      [
        { away: true, forSeconds: 130, instances: 1 },
        "the other gateways have been out of reach for 2 min: each goes on by itself",
      ],
    ];
    for (const [store, line] of companies) {
      it(`${line ?? "nothing"}, to ${store === undefined ? "what is older" : JSON.stringify(store)}`, async () => {
        gateway.answers(200, { ...health(sfuState(1)), ...(store === undefined ? {} : { store }) });
        const [first, ...rest] = (await ended(["status", "--url", gateway.url])).stdout.split("\n");
        expect(first).to.equal("1 of 1 SFU available");
        expect(rest.slice(0, line === null ? 1 : 2)).to.deep.equal(line === null ? [""] : [line, ""]);
        gateway.answers(503, { ...health(), store: store ?? null });
        const { stdout } = await ended(["status", "--url", gateway.url]);
        expect(stdout).to.equal(`no SFU is in the fleet\n${line === null ? "" : `${line}\n`}`);
      });
    }
  });

  it("says that there is no SFU", async () => {
    gateway.answers(503, health());
    expect(await ended(["status", "--url", gateway.url])).to.deep.equal({
      exitCode: 1,
      stdout: "no SFU is in the fleet\n",
      stderr: "",
    });
  });

  it("ends with 1 where none is available, and shows them all the same", async () => {
    gateway.answers(503, health(down(1), down(2)));
    const { exitCode, stdout } = await ended(["status", "--url", gateway.url]);
    expect(exitCode).to.equal(1);
    expect(stdout).to.match(/^0 of 2 SFUs available: 2 down\n/);
  });

  it("shows a thousand SFUs, an SFU a line", async () => {
    const fleet = Array.from({ length: 1000 }, (_, index) => sfuState(index, { address: `http://10.0.0.1:${index}` }));
    const lines = await show(...fleet);
    expect(lines).to.have.length(1004);
    expect(lines[0]).to.equal("1000 of 1000 SFUs available");
    expect(lines[1002]).to.match(/^http:\/\/10\.0\.0\.1:999 /);
  });

  it("keeps an SFU on one line in a pipe, however long that is, for grep", async () => {
    const address = `https://${"a-very-long-name.".repeat(9)}example.com`;
    const lines = await show(sfuState(1, { address }), down(2));
    expect(lines.filter((line) => line.includes("a-very-long-name"))).to.have.length(1);
    expect(lines.find((line) => line.startsWith(address))).to.match(/ available .* 5 min$/);
  });

  describe("on a terminal", () => {
    const screen = { columns: 100, rows: 24 };

    it("leaves the bars out where lines would break", async () => {
      const fleet = [
        sfuState(1, { address: "http://sfu1.internal.example:8070" }),
        sfuState(2, { out: "misconfigured" }),
      ];
      const lines = await showOn({ screen }, ...fleet);
      expect(lines.join("\n")).not.to.match(/[█░]/);
      for (const line of lines) expect(line.length).to.be.at.most(100);
      expect((await showOn({ screen: { ...screen, columns: 120 } }, ...fleet)).join("\n")).to.match(/[█░]/);
    });

    it("gives an address that is too long a line of its own, and cuts none", async () => {
      const address = `https://${"a-very-long-name.".repeat(4)}example.com/behind/a/prefix`;
      const lines = await showOn({ screen }, sfuState(1), sfuState(2, { address, region: "us-east-1" }));
      expect(lines.slice(2, 6)).to.deep.equal([
        "ADDRESS                       REGION     STATE      SESSIONS CPU MEM SCORE REPORT SINCE",
        "http://sfu1.example.com:8070  eu-west-3  available  120/1000 45% 60%  0.23    3 s 5 min",
        address,
        "                              us-east-1  available  120/1000 45% 60%  0.23    3 s 5 min",
      ]);
    });

    it("keeps to 80 columns", async () => {
      const lines = await showOn({ screen: { columns: 80, rows: 24 } }, sfuState(1), down(2));
      for (const line of lines) expect(line.length).to.be.at.most(80);
      expect(lines.slice(3, 5)).to.deep.equal([
        "http://sfu2.example.com:8070",
        "         eu-west-3  down              –   –   –     –      – 1 min",
      ]);
    });

    const large = Array.from({ length: 200 }, (_, index) => sfuState(index));

    it("shows as many as there is room for, and those that are not well before the others", async () => {
      const lines = await showOn({ screen }, ...large, down(300), down(301));
      expect(lines).to.have.length.at.most(24);
      expect(lines).to.have.length.at.least(22);
      expect(lines[0]).to.equal("200 of 202 SFUs available: 2 down");
      expect(lines[3]).to.match(/^http:\/\/sfu300\..* down /);
      expect(lines[5]).to.match(/^http:\/\/sfu0\..* available /);
      const shown = lines.filter((line) => line.includes(" available ")).length;
      const more = `… and ${String(200 - shown)} more, all available; in a pipe (| less) all are shown`;
      expect(lines.slice(-5)).to.deep.equal([
        more,
        "",
        "http://sfu300.example.com:8070 refused the connection (ECONNREFUSED)",
        "http://sfu301.example.com:8070 refused the connection (ECONNREFUSED)",
        "",
      ]);
    });

    it("counts those that there is no room for, where they are not alike", async () => {
      const lines = await showOn(
        { screen: { columns: 100, rows: 10 } },
        ...large,
        sfuState(300, { state: "unknown" }),
        down(1),
      );
      expect(lines.join("\n")).to.match(/… and 20\d more, all available;/);
      const unknown = Array.from({ length: 9 }, (_, index) => sfuState(300 + index, { state: "unknown" }));
      const others = await showOn({ screen: { columns: 100, rows: 10 } }, ...large, ...unknown);
      expect(others.join("\n")).to.match(/… and 20\d more: [1-9] unknown, 200 available;/);
    });

    it("tells of what is wrong with those that it shows, where nothing is well", async () => {
      const lines = await showOn({ screen }, ...Array.from({ length: 200 }, (_, index) => down(index)));
      expect(lines).to.have.length.at.most(24);
      const isNamed = (number: number): number =>
        lines.filter((line) => line.includes(`/sfu${String(number)}.`)).length;
      expect([0, 1, 199].map(isNamed)).to.deep.equal([2, 2, 0]);
      expect(lines.join("\n")).to.match(/… and 19\d more, all down; /);
    });

    it("shows all where just that fits, and one where none does", async () => {
      const fleet = large.slice(0, 10);
      expect(await showOn({ screen: { columns: 100, rows: 14 } }, ...fleet)).to.have.length(14);
      expect((await showOn({ screen: { columns: 100, rows: 13 } }, ...fleet)).join("\n")).to.match(/… and \d more/);
      expect((await showOn({ screen: { columns: 100, rows: 2 } }, ...fleet)).join("\n")).to.match(
        /sfu0\..*\n… and 9 more, all available;/,
      );
    });

    it("counts the lines that break", async () => {
      const reason = "answers with a very long story ".repeat(10);
      const fleet = Array.from({ length: 10 }, (_, index) => ({ ...down(index), reason }));
      const lines = await showOn({ screen }, ...fleet);
      const rows = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 100)), 0);
      expect(rows).to.be.at.most(24);
      expect(lines.join("\n")).to.match(/… and \d more, all down;/);
    });
  });

  it("lets nothing that an SFU calls itself reach the terminal's ear", async () => {
    const evil = "\u001b]0;owned\u0007\u009b2J\u202e";
    gateway.answers(
      200,
      health(sfuState(1, { region: `eu${evil}`, address: `http://a${evil}`, reason: `fails${evil}`, out: evil })),
    );
    const { stdout, exitCode } = await ended(["status", "--url", gateway.url]);
    expect(exitCode).to.equal(0);
    expect(stdout)
      .to.contain("http://a?]0;owned??2J?")
      .and.not.match(/[^\n\P{C}]/u);
  });

  describe("in colours", () => {
    const painted = async (...sfus: readonly Part[]): Promise<string> => {
      gateway.answers(200, health(...sfus));
      return (await ended(["status", "--url", gateway.url], {}, { color: true })).stdout;
    };

    it("says the same", async () => {
      const fleet = [sfuState(1), down(2)];
      const plain = (await show(...fleet)).join("\n");
      const text = await painted(...fleet);
      expect(text).not.to.equal(plain);
      expect(stripVTControlCharacters(text)).to.equal(plain);
    });

    it("has the states and the headline in theirs", async () => {
      const text = await painted(sfuState(1), down(2), sfuState(3, { state: "failing", reason: "is late" }));
      expect(text).to.contain("\u001b[33m2 of 3 SFUs available: 1 down");
      expect(text).to.contain("\u001b[32m  available\u001b[39m");
      expect(text).to.contain("\u001b[31m  down     \u001b[39m");
      expect(text).to.contain("\u001b[33m  failing  \u001b[39m");
      expect(await painted(sfuState(1))).to.contain("\u001b[32m1 of 1 SFU available");
      expect(await painted(down(1))).to.contain("\u001b[31m0 of 1 SFU available: 1 down");
    });

    it("has none in JSON", async () => {
      gateway.answers(200, health(sfuState(1)));
      const { stdout } = await ended(["status", "--json", "--url", gateway.url], {}, { color: true });
      expect(stdout).not.to.contain("\u001b");
    });
  });

  describe("with --json", () => {
    it("prints the answer as it is, with what this version does not know", async () => {
      const body = { ...health(sfuState(1, { novelty: [1] })), news: { a: null } };
      gateway.answers(200, body);
      const { exitCode, stdout } = await ended(["status", "--json", "--url", gateway.url]);
      expect(exitCode).to.equal(0);
      expect(JSON.parse(stdout)).to.deep.equal(body);
    });

    it("ends with 1 where none is available", async () => {
      gateway.answers(503, health(down(1)));
      const { exitCode, stdout } = await ended(["status", "--json", "--url", gateway.url]);
      expect(exitCode).to.equal(1);
      expect(JSON.parse(stdout)).to.include({ status: "unavailable" });
    });
  });

  describe("asks", () => {
    beforeEach(() => gateway.answers(200, health(sfuState(1))));

    it("the gateway that --url names, whatever the environment does, and takes a slash at its end", async () => {
      const env = { SFU_GATEWAY_URL: "http://127.0.0.1:1" };
      expect(await ended(["status", "--url", `${gateway.url}/`], env)).to.have.property("exitCode", 0);
    });

    it("the one that SFU_GATEWAY_URL names, behind its path", async () => {
      const env = { SFU_GATEWAY_URL: ` ${gateway.url}/sfu/ `, SFU_GATEWAY_PORT: "1" };
      expect(await ended(["status"], env)).to.have.property("exitCode", 0);
      expect(gateway.asked[0]).to.include({ path: "/sfu/v1/health" });
    });

    it("the one of this machine at SFU_GATEWAY_PORT, and does not mind what else is wrong in the environment", async () => {
      const env = {
        SFU_GATEWAY_URL: "",
        SFU_GATEWAY_PORT: new URL(gateway.url).port,
        SFU_GATEWAY_NODES: "{",
        SFU_GATEWAY_KEY_FILE: "/nowhere",
      };
      expect(await ended(["status"], env)).to.have.property("exitCode", 0);
    });

    const misused: readonly (readonly [args: readonly string[], env: Record<string, string>, message: RegExp])[] = [
      [["--url", "10.0.0.1:8071"], {}, /--url: expected the gateway's URL, like http:\/\/127\.0\.0\.1:8071: /],
      [["--url", "ftp://a"], {}, /--url: .*the scheme must be http or https/],
      [["--url", ""], {}, /--url: expected/],
      [["--url", "http://me:hunter2@a"], {}, /--url: .*no user or password may stand in it/],
      [[], { SFU_GATEWAY_URL: "here" }, /SFU_GATEWAY_URL: .*this is not a URL/],
      [[], { SFU_GATEWAY_PORT: "x" }, /SFU_GATEWAY_PORT: expected a whole number from 0 to 65535/],
    ];
    for (const [args, env, message] of misused) {
      it(`nobody, and ends with 2, given ${JSON.stringify([...args, env])}`, async () => {
        const { exitCode, stdout, stderr } = await ended(["status", ...args], env);
        expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: "" });
        expect(stderr).to.match(message).and.not.contain("hunter2");
        expect(gateway.asked).to.have.length(0);
      });
    }
  });

  describe("says what to do", () => {
    const failed = async (url: string): Promise<string> => {
      const { exitCode, stdout, stderr } = await ended(["status", "--url", url]);
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 1, stdout: "" });
      return stderr;
    };

    it("where nothing listens", async () => {
      await gateway.leave();
      expect(await failed(gateway.url)).to.equal(
        `sfu-gateway: cannot reach the gateway at ${gateway.url}: it refused the connection (ECONNREFUSED); ` +
          "is it running? --url or SFU_GATEWAY_URL name another place\n",
      );
      await gateway.comeBack();
    });

    it("where the connection is closed", async () => {
      const server = await listen((socket) => socket.end());
      expect(await failed(server.address)).to.match(
        /it closed the connection before it had answered \(ECONNRESET\); is/,
      );
    });

    it("where TLS is asked of what has none", async () => {
      expect(await failed(gateway.url.replace("http", "https"))).to.match(
        /it speaks no TLS at that port: is its address meant to begin with http:/,
      );
    });

    it("where nobody answers", async () => {
      gateway.answersEach(() => undefined);
      const attempt = failed(gateway.url);
      await eventually("it was asked", () => gateway.asked.length === 1);
      await clock.elapse(5000);
      expect(await attempt).to.match(/: it did not answer within 5 s; is it running\?/);
      expect(clock.timers()).to.equal(0);
    });

    const strangers: Readonly<Record<string, readonly [number, unknown, RegExp]>> = {
      "another server": [404, "<h1>nginx</h1>", /it answered with status 404 and no JSON/],
      "a server of other JSON": [200, { status: "UP" }, /it answered with JSON of another form/],
      "a gateway of another form": [
        200,
        health({ ...sfuState(1), since: "lately" }),
        /it answered with JSON of another form/,
      ],
      "a list": [200, [], /it answered with JSON of another form/],
    };
    for (const [what, [status, body, message]] of Object.entries(strangers)) {
      it(`where ${what} is there`, async () => {
        gateway.answers(status, body);
        expect(await failed(gateway.url))
          .to.match(/^sfu-gateway: what answers at http:\/\/127\.0\.0\.1:\d+ is no gateway of version /)
          .and.match(message)
          .and.match(/--url or SFU_GATEWAY_URL name the gateway itself\n$/);
      });
    }

    it("where the answer is a redirect, which it does not follow", async () => {
      gateway.answersEach((_asked, response) =>
        response.writeHead(302, { location: `${gateway.url}/elsewhere` }).end(),
      );
      expect(await failed(gateway.url)).to.contain("to /v1/health it answered with status 302 and no JSON");
      expect(gateway.asked).to.have.length(1);
    });

    it("where the answer has no end", async () => {
      const server = await listen((socket) => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        const more = (): void => {
          socket.write("x".repeat(1024 * 1024), (error) => {
            if (error === null || error === undefined) more();
          });
        };
        more();
      });
      expect(await failed(server.address)).to.contain("to /v1/health it answered with more than 16384 KB");
      await eventually("the connection is closed", () => server.open === 0);
    });

    it("where the answer is a switch to another protocol", async () => {
      const server = await listen((socket) =>
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
      );
      expect(await failed(server.address)).to.contain("it answered with a switch to another protocol");
    });

    it("where the gateway itself failed, with the id to look for", async () => {
      gateway.answers(500, { error: "internal", message: "something went wrong", requestId: "r-17" });
      expect(await failed(gateway.url)).to.contain("answered /v1/health with status 500: something went wrong (r-17)");
    });

    it("where it is ended before the answer", async () => {
      gateway.answersEach(() => undefined);
      const commanded = command(["status", "--url", gateway.url]);
      await eventually("it was asked", () => gateway.asked.length === 1);
      commanded.end();
      expect(await commanded.exitCode).to.equal(1);
      expect(commanded.stderr).to.match(/ended before the gateway at .* had answered\n$/);
    });
  });

  describe("--watch", () => {
    const written = (commanded: ReturnType<typeof command>, times: number): Promise<void> =>
      eventually(`it has written ${String(times)} times`, () => commanded.writes.length === times);

    it("shows the fleet every 2 s, below a line with the time, until it is ended, with 0", async () => {
      gateway.answers(200, health(sfuState(1)));
      const commanded = command(["status", "--watch", "--url", gateway.url]);
      await written(commanded, 1);
      await clock.elapse(1999);
      gateway.answers(503, health(down(1)));
      expect(gateway.asked).to.have.length(1);
      await clock.elapse(1);
      await written(commanded, 2);
      commanded.end();
      expect(await commanded.exitCode).to.equal(0);
      const [first = "", second = ""] = commanded.writes;
      const how = `every 2 s, ${gateway.url}`;
      expect(first.split("\nADDRESS")[0]).to.equal(`2026-01-05 08:30:00 UTC, ${how}\n1 of 1 SFU available\n`);
      expect(second.split("\nADDRESS")[0]).to.equal(`2026-01-05 08:30:02 UTC, ${how}\n0 of 1 SFU available: 1 down\n`);
      expect(commanded.stderr).to.equal("");
      expect(clock.timers()).to.equal(0);
    });

    it("takes another interval", async () => {
      gateway.answers(200, health(sfuState(1)));
      const commanded = command(["status", "--watch", "30", "--url", gateway.url]);
      await written(commanded, 1);
      await clock.elapse(29_999);
      expect(gateway.asked).to.have.length(1);
      await clock.elapse(1);
      await written(commanded, 2);
      commanded.end();
      expect(await commanded.exitCode).to.equal(0);
    });

    for (const seconds of ["0", "soon", "1.5"]) {
      it(`does not take ${seconds}`, async () => {
        const { exitCode, stderr } = await ended(["status", "--watch", seconds, "--url", gateway.url]);
        expect(exitCode).to.equal(2);
        expect(stderr).to.match(/whole seconds from 1 to 86400/);
      });
    }

    it("writes over what was on the screen, and keeps to its size", async () => {
      gateway.answers(200, health(...Array.from({ length: 50 }, (_, index) => sfuState(index))));
      const commanded = command(
        ["status", "--watch", "--url", gateway.url],
        {},
        { screen: { columns: 100, rows: 24 } },
      );
      await written(commanded, 1);
      commanded.end();
      await commanded.exitCode;
      const { stdout } = commanded;
      const eachLine = "\u001b[K\n";
      expect(stdout.startsWith(`\u001b[H2026-01-05 08:30:00 UTC, every 2 s, ${gateway.url}${eachLine}${eachLine}50 of`))
        .to.be.true;
      expect(stdout.endsWith(`${eachLine}\u001b[J`)).to.be.true;
      expect(stdout.split("\n")).to.have.length.within(22, 24);
    });

    it("ends, with 0, when nobody reads it any more", async () => {
      gateway.answers(200, health(sfuState(1)));
      const commanded = command(["status", "--watch", "--url", gateway.url]);
      await written(commanded, 1);
      commanded.leave();
      expect(await commanded.exitCode).to.equal(0);
      expect(clock.timers()).to.equal(0);
    });

    it("survives a gateway that goes away, says so and since when, and sees it come back", async () => {
      gateway.answers(200, health(sfuState(1)));
      const commanded = command(["status", "--watch", "--url", gateway.url]);
      await written(commanded, 1);
      await gateway.leave();
      for (let look = 2; look <= 3; look++) {
        await clock.elapse(2000);
        await written(commanded, look);
      }
      await gateway.comeBack();
      await clock.elapse(2000);
      await written(commanded, 4);
      await gateway.leave();
      await clock.elapse(2000);
      await written(commanded, 5);
      commanded.end();
      expect(await commanded.exitCode).to.equal(0);
      await gateway.comeBack();

      const [, lost, stillLost, back, lostAgain] = commanded.writes;
      expect(lost).to.match(
        /^2026-01-05 08:30:02 UTC, every 2 s, http:\S+\ncannot reach the gateway at .*\(ECONNREFUSED\)/,
      );
      expect(lost).to.match(/\nsince 2026-01-05 08:30:02 UTC, 0 s ago; trying again\n/);
      expect(stillLost).to.match(/\nsince 2026-01-05 08:30:02 UTC, 2 s ago; trying again\n/);
      expect(back).to.contain("1 of 1 SFU available");
      expect(lostAgain).to.match(/\nsince 2026-01-05 08:30:08 UTC, 0 s ago/);
    });

    it("waits for a gateway that is not there yet", async () => {
      await gateway.leave();
      const commanded = command(["status", "--watch", "--url", gateway.url]);
      await written(commanded, 1);
      await gateway.comeBack();
      gateway.answers(200, health(sfuState(1)));
      await clock.elapse(2000);
      await written(commanded, 2);
      commanded.end();
      expect(await commanded.exitCode).to.equal(0);
      expect(commanded.writes[1]).to.contain("1 of 1 SFU available");
    });

    it("is ended while a gateway hangs, without a word", async () => {
      gateway.answersEach(() => undefined);
      const commanded = command(["status", "--watch", "--url", gateway.url]);
      await eventually("it was asked", () => gateway.asked.length === 1);
      commanded.end();
      expect(await commanded.exitCode).to.equal(0);
      expect(commanded.stdout + commanded.stderr).to.equal("");
    });

    it("prints one JSON document a line, with --json", async () => {
      let isThere = true;
      gateway.answersEach((_asked, response) => {
        if (isThere) send(response, 200, health(sfuState(1)));
        else response.destroy();
      });
      const commanded = command(["status", "--watch", "--json", "--url", gateway.url], {}, { color: true });
      await written(commanded, 1);
      isThere = false;
      await clock.elapse(2000);
      await written(commanded, 2);
      commanded.end();
      expect(await commanded.exitCode).to.equal(0);
      expect(commanded.stdout).to.match(/^[^\n]+\n[^\n]+\n$/);
      const [seen, lost] = commanded.writes.map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(seen).to.deep.equal(health(sfuState(1)));
      expect(lost).to.include({ status: "unreachable", since: "2026-01-05T08:30:02.000Z" });
      expect(lost!.message).to.match(/^cannot reach the gateway at /);
    });
  });
});
