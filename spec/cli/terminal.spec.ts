import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "chai";
import { type OutputStream, screenOf, wantsColor } from "../../lib/cli/terminal.ts";
import type { Environment } from "../../lib/config/env.ts";
import { health, sfuState, useFakeGateway } from "./fake-gateway.ts";

const terminal: OutputStream = { isTTY: true, columns: 120, rows: 40, hasColors: () => true };
/** What Node has of a pipe. */
const pipe: OutputStream = {};

describe("a terminal", () => {
  it("has a size", () => {
    expect(screenOf(terminal, {})).to.deep.equal({ columns: 120, rows: 40 });
  });

  it("is none where it is a pipe, cannot move its cursor, or does not know its size", () => {
    expect(screenOf(pipe, {})).to.equal(null);
    expect(screenOf(terminal, { TERM: "dumb" })).to.equal(null);
    expect(screenOf({ ...terminal, columns: 0, rows: 0 }, {})).to.equal(null);
  });

  const cases: readonly (readonly [what: string, stream: OutputStream, env: Environment, isColorful: boolean])[] = [
    ["a terminal that knows them", terminal, {}, true],
    ["a terminal that does not", { ...terminal, hasColors: () => false }, {}, false],
    ["a pipe", pipe, {}, false],
    ["a terminal, with NO_COLOR", terminal, { NO_COLOR: "1" }, false],
    ["a terminal, with an empty NO_COLOR, which means nothing", terminal, { NO_COLOR: "" }, true],
    ["a pipe, with FORCE_COLOR", pipe, { FORCE_COLOR: "1" }, true],
    ["a pipe, with FORCE_COLOR and NO_COLOR", pipe, { FORCE_COLOR: "", NO_COLOR: "1" }, true],
    ["a terminal, with FORCE_COLOR=0", terminal, { FORCE_COLOR: "0" }, false],
  ];
  for (const [what, stream, env, isColorful] of cases) {
    it(`${isColorful ? "has colours" : "has none"}: ${what}`, () => {
      expect(wantsColor(stream, env)).to.equal(isColorful);
    });
  }

  it("is asked for its colours as the stream that it is", () => {
    const stream = {
      ...terminal,
      hasColors(this: unknown) {
        return this === stream;
      },
    };
    expect(wantsColor(stream, {})).to.be.true;
  });
});

describe("a reader that leaves, as `| head` does", () => {
  const gateway = useFakeGateway();

  it("ends a watch, with 0 and without a word", async () => {
    gateway.answers(200, health(sfuState(1)));
    const main = new URL("../../lib/cli/main.ts", import.meta.url).pathname;
    const args = [main, "status", "--watch", "1", "--url", gateway.url];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], timeout: 8000 });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdout.once("data", () => child.stdout.destroy());
    const [exitCode, signal] = (await once(child, "close")) as [number | null, string | null];
    expect({ exitCode, signal, stderr }).to.deep.equal({ exitCode: 0, signal: null, stderr: "" });
    expect(gateway.asked).to.have.length.within(2, 3);
  });
});
