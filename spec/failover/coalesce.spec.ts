import { expect } from "chai";
import { type Coalescer, createCoalescer, type Work } from "../../lib/failover/coalesce.ts";
import { useFakeClock } from "../support/clock.ts";

interface Result {
  readonly uuid: string;
}

describe("coalesce", () => {
  const clock = useFakeClock();
  const staying = new AbortController().signal;
  let coalescer: Coalescer<Result, Work<Result>>;
  let works: { readonly signal: AbortSignal; readonly end: PromiseWithResolvers<Result> }[];

  beforeEach(() => {
    coalescer = createCoalescer<Result, Work<Result>>(clock);
    works = [];
  });

  const work = (signal: AbortSignal): Work<Result> => {
    const end = Promise.withResolvers<Result>();
    works.push({ signal, end });
    signal.addEventListener("abort", () => end.reject(new Error("aborted")));
    return { result: end.promise };
  };
  /** @param arrivedAgoMs how long its bytes had to wait to be read */
  const run = (key = "room", signal = staying, arrivedAgoMs = 0): ReturnType<Coalescer<Result, Work<Result>>["run"]> =>
    coalescer.run(key, { signal, arrivedMs: clock.monotonic() - arrivedAgoMs }, work);
  const land = async (index = 0): Promise<void> => {
    works[index]!.end.resolve({ uuid: `uuid-${String(index)}` });
    await clock.elapse(0);
  };

  it("lets all who come while it is under way share one piece of work", async () => {
    const shared = Array.from({ length: 50 }, () => run());
    await land();
    expect(works).to.have.length(1);
    expect(shared.map(({ joined }) => joined)).to.deep.equal([false, ...Array<boolean>(49).fill(true)]);
    for (const { result } of shared) expect(await result).to.deep.equal({ uuid: "uuid-0" });
  });

  it("keeps different keys apart", () => {
    expect([run("a").joined, run("b").joined]).to.deep.equal([false, false]);
    expect(works).to.have.length(2);
  });

  it("hands a result to who had asked before it was there, and was read after it", async () => {
    void run();
    await land();
    await clock.elapse(20);
    const late = run("room", staying, 21);
    expect(late.joined).to.equal(true);
    expect(await late.result).to.deep.equal({ uuid: "uuid-0" });
  });

  it("starts afresh for who asked after a result was there, however soon", async () => {
    void run();
    await land();
    await clock.elapse(1);
    expect(run("room", staying, 0).joined).to.equal(false);
    expect(works).to.have.length(2);
  });

  it("takes the last of a burst in, though they connect only after the first is answered", async () => {
    run();
    run();
    await land();
    await clock.elapse(250);
    expect(run("room", staying, 0).joined).to.equal(true);
    await clock.elapse(1);
    expect(run("room", staying, 0).joined, "later than a burst lasts").to.equal(false);
  });

  it("starts afresh for who had connected long before and asks only now", async () => {
    void run();
    await land();
    await clock.elapse(501);
    expect(run("room", staying, 60_000).joined).to.equal(false);
  });

  it("does not remember a failure, and gives it to all who waited", async () => {
    const [first, second] = [run().result, run().result];
    works[0]!.end.reject(new Error("exhausted"));
    expect(await first.catch((error: unknown) => error)).to.have.property("message", "exhausted");
    expect(await second.catch((error: unknown) => error)).to.have.property("message", "exhausted");
    expect(run().joined).to.equal(false);
  });

  it("goes on while one caller is left, whoever started it", async () => {
    const leaver = new AbortController();
    const first = run("room", leaver.signal).result.catch((error: unknown) => error);
    const second = run().result;
    leaver.abort(new Error("hung up"));
    expect(await first).to.have.property("message", "hung up");
    expect(works[0]!.signal.aborted).to.equal(false);
    await land();
    expect(await second).to.deep.equal({ uuid: "uuid-0" });
  });

  it("aborts the work once everybody has left, and lets the next one start afresh", async () => {
    const leavers = [new AbortController(), new AbortController()];
    const gone = leavers.map(({ signal }) => run("room", signal).result.catch((error: unknown) => error));
    leavers[0]!.abort(new Error("hung up"));
    leavers[1]!.abort(new Error("hung up, too"));
    expect(works[0]!.signal.aborted).to.equal(true);
    expect(works[0]!.signal.reason).to.have.property("message", "hung up, too");
    const next = run();
    expect(next.joined).to.equal(false);
    await land(1);
    expect(await next.result).to.deep.equal({ uuid: "uuid-1" });
    const reasons = (await Promise.all(gone)).map((error) => (error as Error).message);
    expect(reasons).to.deep.equal(["hung up", "hung up, too"]);
  });

  it("refuses a caller that is gone already", async () => {
    const thrown = await run("room", AbortSignal.abort(new Error("gone"))).result.catch((error: unknown) => error);
    expect(thrown).to.have.property("message", "gone");
    expect(works[0]!.signal.aborted).to.equal(true);
  });

  it("leaves no listener on a caller's signal", async () => {
    const controller = new AbortController();
    const added: unknown[] = [];
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      added.push(args[1]);
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      added.splice(added.indexOf(args[1]), 1);
      remove(...args);
    };
    const { result } = run("room", signal);
    expect(added).to.have.length(1);
    await land();
    await result;
    expect(added).to.have.length(0);
  });
});
