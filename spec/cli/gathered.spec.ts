import { expect } from "chai";
import { gathered, type Gathered } from "../../lib/cli/gathered.ts";
import { turnsOfTheLoop } from "../../lib/clock.ts";

describe("gathered text", () => {
  let written: string[];
  let lines: Gathered;
  beforeEach(() => {
    written = [];
    lines = gathered((text) => void written.push(text));
  });
  afterEach(() => lines.end());

  it("is written once a turn of the event loop, in the order in which it was said", async () => {
    lines.write("a\n");
    lines.write("b\n");
    expect(written).to.deep.equal([]);
    await turnsOfTheLoop(2);
    lines.write("c\n");
    await turnsOfTheLoop(2);
    expect(written).to.deep.equal(["a\nb\n", "c\n"]);
  });

  it("is all written when it ends, and at once after that", () => {
    lines.write("a\n");
    lines.end();
    lines.write("b\n");
    expect(written).to.deep.equal(["a\n", "b\n"]);
  });

  it("is written when the process ends, whatever ends it", () => {
    const before = process.listeners("exit");
    const other = gathered((text) => void written.push(text));
    const [flush] = process.listeners("exit").filter((listener) => !before.includes(listener));
    other.write("last words\n");
    flush?.(0);
    expect(written).to.deep.equal(["last words\n"]);
    other.end();
  });
});
