import fc from "fast-check";

// What holds for every input, not only for the ones that somebody thought of. The suite tries the same inputs each time. To
// look further, a hundred times as many of another seed:
//
//   PROPERTY_SEED=7 PROPERTY_TIMES=100 npx mocha --no-config --require spec/support/hooks.ts 'spec/properties/**/*.spec.ts'
//
// A failure prints its seed and the smallest input that fast-check has found for it; PROPERTY_SEED brings it back.
const SEED = numberOf("PROPERTY_SEED", 20_260_105);
const TIMES = numberOf("PROPERTY_TIMES", 1);

/** For the runs of one property in the suite, on a machine that has more to do. */
const PATIENCE_MS = 60_000;

/** One spec: `property` holds for so many inputs. */
export function holds<Inputs extends [unknown, ...unknown[]]>(
  what: string,
  runs: number,
  property: fc.IProperty<Inputs> | fc.IAsyncProperty<Inputs>,
): void {
  it(what, async function () {
    this.timeout(PATIENCE_MS * Math.max(1, TIMES));
    await fc.assert<Inputs>(property, { seed: SEED, numRuns: Math.max(1, Math.round(runs * TIMES)) });
  });
}

/** Lists of any length up to that one. (fast-check's own keep to ten, unless told otherwise.) */
export function upTo<T>(maxLength: number, item: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(item, { maxLength, size: "max" });
}

export function letterOf(letters: string): fc.Arbitrary<string> {
  return fc.constantFrom(...Array.from(letters));
}

function numberOf(variable: string, otherwise: number): number {
  const text = process.env[variable] ?? "";
  const value = text === "" ? otherwise : Number(text);
  if (!Number.isFinite(value)) throw new Error(`expected a number in ${variable}`);
  return value;
}
