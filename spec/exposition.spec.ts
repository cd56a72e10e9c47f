import { expect } from "chai";
import { systemClock, turnsOfTheLoop } from "../lib/clock.ts";
import { expose, type Family, labelText } from "../lib/exposition.ts";

describe("the exposition text", () => {
  const counted: Family<number> = {
    name: "things_total",
    type: "counter",
    help: "Things.",
    show: (item, add) => add(labelText({ number: String(item) }), 10 * item),
  };

  it("has each family with its head, and its series together", async () => {
    const half: Family<number> = {
      name: "half_seconds",
      type: "histogram",
      help: "Halves.",
      show(item, add) {
        if (item === 1) add('le="+Inf"', 0.5, "_bucket");
      },
    };
    expect(await expose(systemClock, [counted, half], [1, 2])).to.equal(
      [
        ...["# HELP things_total Things.", "# TYPE things_total counter"],
        ...['things_total{number="1"} 10', 'things_total{number="2"} 20'],
        ...["# HELP half_seconds Halves.", "# TYPE half_seconds histogram", 'half_seconds_bucket{le="+Inf"} 0.5'],
        "",
      ].join("\n"),
    );
  });

  it("escapes what would end a label", () => {
    expect(labelText({ a: 'x"y\\z\nend', b: "ü" })).to.equal('a="x\\"y\\\\z\\nend",b="ü"');
  });

  it("lets the loop go on where there is much of it, and loses no line", async () => {
    let nowMs = 0;
    // Each look finds a millisecond gone.
    const clock = { ...systemClock, monotonic: () => nowMs++ };
    const items = Array.from({ length: 2000 }, (_, index) => index);
    const loop = { turns: 0, isOver: false };
    const turning = (async () => {
      for (; !loop.isOver; loop.turns++) await turnsOfTheLoop(1);
    })();
    const text = await expose(clock, [counted], items);
    loop.isOver = true;
    await turning;
    // 40 looks, five to a turn.
    expect(loop.turns).to.be.within(6, 10);
    const numbers = Array.from(text.matchAll(/number="(\d+)"/g), ([, number]) => Number(number));
    expect(numbers).to.deep.equal(items);
  });
});
