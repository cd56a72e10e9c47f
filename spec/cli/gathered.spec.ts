import { expect } from "chai";
import { gathered, type Gathered, GATHERING_MS } from "../../lib/cli/gathered.ts";
import { createLogger, type Logger } from "../../lib/logger.ts";
import { useFakeClock } from "../support/clock.ts";

describe("gathered log lines", () => {
  const clock = useFakeClock();
  let written: string[];
  let lines: Gathered;
  let logger: Logger;
  beforeEach(() => {
    written = [];
    lines = gathered(clock, (text) => void written.push(text));
    logger = createLogger("info", lines);
  });
  afterEach(() => lines.end());

  /** The texts of the lines in each piece. */
  const pieces = (): readonly (readonly unknown[])[] =>
    written.map((piece) =>
      piece
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { readonly msg: unknown }).msg),
    );

  it("are written in one piece, in their order, a moment after the first of them", async () => {
    logger.info("a");
    await clock.elapse(GATHERING_MS / 2);
    logger.info("b");
    expect(pieces()).to.deep.equal([]);
    await clock.elapse(GATHERING_MS / 2);
    expect(pieces()).to.deep.equal([["a", "b"]]);
    logger.info("c");
    await clock.elapse(GATHERING_MS);
    expect(pieces()).to.deep.equal([["a", "b"], ["c"]]);
  });

  for (const level of ["warn", "error", "fatal"] as const) {
    it(`are written at once with the first of level ${level}`, async () => {
      logger.info("a");
      logger[level]("b");
      logger.info("c");
      expect(pieces()).to.deep.equal([["a", "b"]]);
      await clock.elapse(GATHERING_MS);
      expect(pieces()).to.deep.equal([["a", "b"], ["c"]]);
    });
  }

  it("do not become a piece that takes long to write", () => {
    for (let line = 0; line < 1000; line++) logger.info("x".repeat(100));
    expect(written).not.to.be.empty;
    for (const piece of written) expect(piece.length).to.be.below(70_000);
  });

  it("are all written when it ends, and each at once after that", () => {
    logger.info("a");
    lines.end();
    logger.info("b");
    expect(pieces()).to.deep.equal([["a"], ["b"]]);
    expect(clock.timers()).to.equal(0);
  });

  it("are written when the process ends", () => {
    const before = process.listeners("exit");
    const other = gathered(clock, (text) => void written.push(text));
    const [flush] = process.listeners("exit").filter((listener) => !before.includes(listener));
    createLogger("info", other).info("last words");
    flush?.(0);
    expect(pieces()).to.deep.equal([["last words"]]);
    other.end();
  });
});
