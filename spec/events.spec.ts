import { expect } from "chai";
import { Events } from "../lib/events.ts";

describe("events", () => {
  const payload = { requestId: "request-1" };

  it("reach every listener, in the order in which they came", () => {
    const events = new Events();
    const heard: string[] = [];
    events.on("coalesced", ({ requestId }) => heard.push(`first ${requestId}`));
    events.on("coalesced", ({ requestId }) => heard.push(`second ${requestId}`));
    events.emit("coalesced", payload);
    expect(heard).to.deep.equal(["first request-1", "second request-1"]);
  });

  it("reach nobody who listens to something else", () => {
    const events = new Events();
    const heard: unknown[] = [];
    events.on("rejected", (event) => heard.push(event));
    events.emit("coalesced", payload);
    expect(heard).to.deep.equal([]);
  });

  it("reach the others where one listener throws, and that is told", () => {
    const events = new Events();
    const heard: unknown[] = [];
    const trouble: string[] = [];
    events.on("coalesced", () => {
      throw new Error("a broken metric");
    });
    events.on("coalesced", (event) => heard.push(event));
    events.on("unexpected", ({ where, error }) => trouble.push(`${where}: ${error.message}`));
    events.emit("coalesced", payload);
    expect(heard).to.deep.equal([payload]);
    expect(trouble).to.deep.equal(["a listener to coalesced: a broken metric"]);
  });

  it("come to an end even where the listener to trouble throws too", () => {
    const events = new Events();
    const heard: unknown[] = [];
    const fail = (): never => {
      throw new Error("broken");
    };
    events.on("coalesced", fail);
    events.on("unexpected", fail);
    events.on("unexpected", ({ where }) => heard.push(where));
    events.emit("coalesced", payload);
    expect(heard).to.deep.equal(["a listener to coalesced"]);
  });

  it("tell of an Error whatever a listener throws", () => {
    const events = new Events();
    const trouble: unknown[] = [];
    events.on("coalesced", () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw undefined;
    });
    events.on("unexpected", ({ error }) => trouble.push(error));
    events.emit("coalesced", payload);
    expect(trouble[0]).to.be.instanceOf(Error);
  });

  it("do not reach who began to listen while they were told", () => {
    const events = new Events();
    const heard: unknown[] = [];
    events.on("coalesced", () => events.on("coalesced", (event) => heard.push(event)));
    events.emit("coalesced", payload);
    expect(heard).to.deep.equal([]);
  });
});
