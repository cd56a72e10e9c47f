import { expect } from "chai";
import { GatewayError } from "../../lib/errors.ts";
import { seeded } from "../support/random.ts";
import { fuzz } from "./fuzzer.ts";
import { CANARY, outcomeOf, type Target } from "./target.ts";
import { targets } from "./targets/table.ts";

/** For more of them, and other ones, there is `npm run fuzz`. */
const SEED = 20_260_105;
const INPUTS = 1000;

describe("fuzzing", () => {
  for (const target of targets) {
    it(`finds nothing that must not be in ${target.name}, and gets deep`, async function () {
      this.timeout(60_000);
      const { failure, kinds } = await fuzz(target, { random: seeded(SEED), isOver: (inputs) => inputs >= INPUTS });
      const input = failure === null ? "" : failure.input.toString("base64");
      expect(failure?.error, `npm run fuzz -- --target ${target.name} --replay ${input}`).to.equal(undefined);
      expect([...kinds.keys()]).to.include.members([...target.reaches]);
    });
  }

  const planted = (run: Target["run"], seed = '{"a":[1,2,3],"b":"text"}'): Target => ({
    name: "planted",
    seeds: [Buffer.from(seed)],
    words: ["[", "]", "x"],
    reaches: [],
    run,
  });
  const find = (target: Target): ReturnType<typeof fuzz> =>
    fuzz(target, { random: seeded(SEED), isOver: (inputs) => inputs >= 20_000 });

  it("finds a bug behind two conditions, and makes its input as small as it can be", async () => {
    const { failure } = await find(
      planted((input) =>
        outcomeOf(() => {
          const text = input.toString();
          const nothing = undefined as unknown as { readonly a: string };
          return text.includes("]") && text.includes("x") ? nothing.a : "";
        }),
      ),
    );
    expect(failure?.error).to.be.instanceOf(TypeError);
    expect(Array.from(failure?.input.toString() ?? "").sort()).to.deep.equal(["]", "x"]);
  });

  it("takes an undocumented error, a secret that is told and a slow answer for bugs", async () => {
    const throwing = await find(planted(() => outcomeOf(() => Promise.reject(new RangeError("too deep")))));
    expect(throwing).to.deep.include({ inputs: 1 }).and.have.nested.property("failure.error.name", "RangeError");
    const refusal = new GatewayError("invalid_token", `it is ${CANARY}`, { status: 401 });
    const telling = await find(planted(() => outcomeOf(() => Promise.reject(refusal))));
    expect(telling).to.have.nested.property("failure.error.name", "Finding");
    const slow = await find(
      planted(() => {
        const untilNs = process.hrtime.bigint() + 260_000_000n;
        while (process.hrtime.bigint() < untilNs);
        return { kind: "accepted", details: "" };
      }, ""),
    );
    expect(slow.failure?.error.message).to.match(/^takes 2\d\d ms|^takes \d{3,} ms/);
  });
});
