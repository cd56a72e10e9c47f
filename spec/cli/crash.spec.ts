import { execFile } from "node:child_process";
import { expect } from "chai";
import { GATEWAY_KEY, token } from "../support/tokens.ts";
import { nodesOf, type Ran } from "./harness.ts";

const LAUNCHER = new URL("../../bin/sfu-gateway", import.meta.url).pathname;
const TOKEN = token();

/** An error as a library throws it: with all that it was about hanging on it, in its text, and in its cause. */
const ERROR = `Object.assign(new RangeError("bad request: Bearer ${TOKEN}", { cause: new Error("${GATEWAY_KEY}") }), {
  code: "ERR_ODD", options: { headers: { authorization: "Bearer ${TOKEN}", key: "${GATEWAY_KEY}" } } })`;

/** Runs a command into which `code` was put. */
function run(args: readonly string[], code: string): Promise<Ran> {
  const env = {
    PATH: process.env.PATH,
    NODE_OPTIONS: `--import=data:text/javascript;base64,${Buffer.from(code).toString("base64")}`,
    SFU_GATEWAY_KEY: GATEWAY_KEY,
    SFU_GATEWAY_NODES: nodesOf("http://127.0.0.1:9"),
    SFU_GATEWAY_PORT: "0",
    SFU_GATEWAY_BIND: "127.0.0.1",
  };
  return new Promise((resolve) => {
    execFile(LAUNCHER, args, { env, timeout: 30_000, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
}

/** Once the command has begun to do something, for by then it is prepared. */
const inAWhile = (what: string): string => `const { stdout } = process; const { write } = stdout;
  stdout.write = (...args) => { setImmediate(() => { ${what} }); return write.apply(stdout, args); };`;

describe("a gateway that crashes", function () {
  this.timeout(40_000);

  for (const [how, what] of Object.entries({
    "an error that nobody caught": `throw ${ERROR}`,
    "a rejection that nobody handled": `Promise.reject(${ERROR})`,
  })) {
    it(`by ${how} ends with 1 and says where it comes from, and nothing of what it was about`, async () => {
      const { exitCode, stdout, stderr } = await run(["serve"], inAWhile(what));
      expect(exitCode).to.equal(1);
      expect(stdout + stderr)
        .to.not.include(TOKEN)
        .and.not.include(GATEWAY_KEY);
      const line = JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, unknown>;
      expect(line).to.deep.include({ level: "fatal" });
      expect(line.msg).to.match(/crashed/);
      expect(line.err).to.deep.include({ type: "RangeError", code: "ERR_ODD" });
      expect((line.err as { stack: string }).stack).to.match(/^\s+at /);
    });
  }

  it("by something that is no error does the same", async () => {
    const { exitCode, stdout } = await run(["serve"], inAWhile(`throw "${GATEWAY_KEY}"`));
    expect(exitCode).to.equal(1);
    expect(stdout).to.include('"err":{"type":"string"}').and.not.include(GATEWAY_KEY);
  });

  it("is a command: tells a person", async () => {
    const { exitCode, stdout, stderr } = await run(["check"], inAWhile(`throw ${ERROR}`));
    expect(exitCode).to.equal(1);
    expect(stderr)
      .to.match(/a fault of its own/)
      .and.to.include("ERR_ODD");
    expect(stdout + stderr)
      .to.not.include(TOKEN)
      .and.not.include(GATEWAY_KEY);
  });
});
