/** Ends, closes or removes one thing. */
export type Undo = () => unknown;

const open = new Set<Undo>();

/**
 * Undoes, after each spec of the suite that called this, what was begun in it, all at once and each whatever becomes of
 * the others.
 *
 * Mocha goes to no further hook once one has failed, and does not end while a process or a server is there. What could
 * not be undone after its spec is therefore undone after the suite, or at the very end (`undoAll`).
 *
 * @returns takes down what is to be undone
 */
export function useCleanup(): (undo: Undo) => void {
  const own = new Set<Undo>();
  const clean = (): Promise<void> => {
    const undos = [...own];
    own.clear();
    return run(undos);
  };
  afterEach(clean);
  after(clean);
  return (undo) => {
    own.add(undo);
    open.add(undo);
  };
}

/** What is still there, of whichever suite. */
export function undoAll(): Promise<void> {
  return run([...open]);
}

async function run(undos: readonly Undo[]): Promise<void> {
  for (const undo of undos) open.delete(undo);
  const results = await Promise.allSettled(undos.map((undo) => Promise.resolve().then(undo)));
  const reasons = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  if (reasons.length === 1) throw reasons[0];
  if (reasons.length > 1) throw new AggregateError(reasons, `not undone: ${reasons.map(String).join("; ")}`);
}
