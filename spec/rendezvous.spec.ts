import { expect } from "chai";
import { drawFor, orderFor } from "../lib/rendezvous.ts";

const texts = Array.from({ length: 20_000 }, (_, index) => `https://odoo.example.com:channel:${String(index)}`);
const names = ["http://10.0.0.1:8070", "http://10.0.0.2:8070", "http://10.0.0.3:8070", "http://10.0.0.4:8070"];

describe("rendezvous hashing", () => {
  it("is the same everywhere, for ever: gateways of different releases have to agree", () => {
    expect(drawFor("room", "http://a")).to.equal(drawFor("room", "http://a"));
    expect(orderFor("room", names)).to.deep.equal(orderFor("room", names.toReversed()));
    expect([drawFor("room", "http://a"), drawFor("", ""), drawFor("房间", "😀")]).to.deep.equal([
      0.36673986589214647, 0.9401612775767516, 0.5058788797299572,
    ]);
  });

  it("draws evenly: a quarter for each of four, to within what chance allows", () => {
    const wins = new Map(names.map((name) => [name, 0]));
    for (const text of texts) {
      const [first = ""] = orderFor(text, names);
      wins.set(first, (wins.get(first) ?? 0) + 1);
    }
    // Four standard deviations of a binomial distribution.
    const expected = texts.length / names.length;
    const margin = 4 * Math.sqrt(expected * (1 - 1 / names.length));
    for (const [name, count] of wins) expect(count, name).to.be.within(expected - margin, expected + margin);
  });

  it("draws numbers between 0 and 1, with a mean of a half, from texts that differ in one letter", () => {
    let sum = 0;
    for (const text of texts) {
      const draw = drawFor(text, "http://10.0.0.1:8070");
      expect(draw).to.be.greaterThan(0).and.lessThan(1);
      sum += draw;
    }
    expect(sum / texts.length).to.be.within(0.49, 0.51);
  });

  it("moves nobody but those of the one that leaves", () => {
    const left = names.slice(1);
    let moved = 0;
    for (const text of texts) {
      const [first] = orderFor(text, names);
      const [now] = orderFor(text, left);
      if (first === names[0]) moved++;
      else expect(now).to.equal(first);
    }
    expect(moved).to.be.within(4500, 5500);
  });

  it("gives those of the one that leaves to all others", () => {
    const heirs = new Set(
      texts
        .slice(0, 200)
        .map((text) => orderFor(text, names))
        .filter(([first]) => first === names[0])
        .map(([, second]) => second),
    );
    expect(heirs.size).to.equal(3);
  });

  it("has an order of nobody, and of one", () => {
    expect(orderFor("room", [])).to.deep.equal([]);
    expect(orderFor("room", ["one"])).to.deep.equal(["one"]);
  });
});
