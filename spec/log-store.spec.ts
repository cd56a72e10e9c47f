import { expect } from "chai";
import { StoreError } from "../lib/errors.ts";
import { Events } from "../lib/events.ts";
import { createLogger } from "../lib/logger.ts";
import { logStore } from "../lib/log-store.ts";

type Line = Readonly<Record<string, unknown>>;

describe("the log of the shared store", () => {
  let events: Events;
  let lines: Line[];
  beforeEach(() => {
    events = new Events();
    lines = [];
    logStore(events, createLogger("trace", { write: (line) => lines.push(JSON.parse(line) as Line) }));
  });
  const leave = (error: Error): void => events.emit("store", { isAway: true, error, forMs: 0 });
  const company = (...instances: readonly string[]): void => events.emit("instances", { instances });
  const said = (): readonly unknown[] => lines.splice(0).map(({ msg }) => msg);

  it("says what it costs that the store is away, why it is, and where to look", () => {
    leave(new StoreError("refuses the connection (ECONNREFUSED)"));
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include({ level: "warn", reason: "refuses the connection (ECONNREFUSED)" });
    expect(lines[0]!.msg).to.equal(
      "the store is away: it refuses the connection (ECONNREFUSED); this gateway goes on by itself, and a call that begins " +
        "at several gateways may be split; `sfu-gateway check --live` asks it again from here",
    );
  });

  it("says when it is away for another reason than before, and no reason twice", () => {
    leave(new StoreError("refuses the connection"));
    leave(new StoreError("refuses the connection"));
    leave(new StoreError("does not accept the password (WRONGPASS)"));
    leave(new StoreError("does not accept the password (WRONGPASS)"));
    expect(lines[1]).to.include({ level: "warn", reason: "does not accept the password (WRONGPASS)" });
    expect(said().slice(1)).to.deep.equal([
      "the store is still away: it now does not accept the password (WRONGPASS); `sfu-gateway check --live` asks it again " +
        "from here",
    ]);
    events.emit("store", { isAway: false, error: null, forMs: 1000 });
    leave(new StoreError("does not accept the password (WRONGPASS)"));
    expect(said()[1]).to.match(
      /^the store is away: it does not accept the password \(WRONGPASS\); this gateway goes on/,
    );
  });

  it("says after how long it is back", () => {
    events.emit("store", { isAway: false, error: null, forMs: 83_460 });
    expect(lines[0]).to.include({ level: "info", seconds: 83.5 });
    expect(said()).to.deep.equal(["the store is back after 83.5 s: the gateways share calls again"]);
  });

  it("says who joins and who leaves, by number", () => {
    company("a");
    company("a", "b", "c");
    company("a", "c");
    company("a", "d");
    company("a");
    expect(said()).to.deep.equal([
      "the store can be used: no other gateway shares the store yet",
      "2 gateways have joined: 3 gateways share the store",
      "1 gateway has left: 2 gateways share the store",
      "1 gateway has joined, 1 gateway has left: 2 gateways share the store",
      "1 gateway has left: no other gateway shares the store",
    ]);
  });

  it("says once who is there, however often it is told", () => {
    company("a", "b");
    company("a", "b");
    expect(said()).to.deep.equal(["2 gateways share the store"]);
  });

  it("does not say that all have left where they are only out of reach", () => {
    company("a", "b");
    leave(new StoreError("has no memory left"));
    company("a");
    events.emit("store", { isAway: false, error: null, forMs: 1000 });
    company("a", "b");
    company("a");
    expect(said().filter((line) => !String(line).startsWith("the store is"))).to.deep.equal([
      "2 gateways share the store",
      "2 gateways share the store",
      "1 gateway has left: no other gateway shares the store",
    ]);
  });

  it("asks what is the matter where something cannot be read", () => {
    events.emit("unreadable", { what: "a registration" });
    expect(lines[0]).to.include({ level: "warn", what: "a registration" });
    expect(lines[0]!.msg).to.match(/cannot be read with this gateway's keys: .*SFU_GATEWAY_KEY.*\[store\] prefix\?$/);
  });

  it("quotes no error that a library has made", () => {
    leave(new Error("AUTH s3cr3t-password failed at redis://u:s3cr3t-password@h"));
    expect(JSON.stringify(lines)).not.to.include("s3cr3t");
  });
});
