/** How much is waited for something, and how often one looks, in real milliseconds. */
export interface Patience {
  readonly patienceMs?: number;
  /** Between two looks; without one, every turn of the event loop has its look. */
  readonly pauseMs?: number;
}

/** A socket gets there in this time. */
const PATIENCE_MS = 3000;

/** For what another process does, its start above all, on a machine that has more to do. It has the processor meanwhile. */
export const FOR_A_PROCESS: Patience = { patienceMs: 15_000, pauseMs: 5 };

const { setImmediate: nextTurn, setTimeout: later } = globalThis;

/**
 * Waits until something that goes on in the background has happened.
 *
 * @throws where it has not when the patience is at its end, fake clock or not
 */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patience: Patience = {},
): Promise<void> {
  if (!(await comesTrue(holds, patience))) throw new Error(`still not so: ${what}`);
}

/** As `eventually`, for those who go on without it. @returns whether it has happened */
export async function comesTrue(
  holds: () => boolean | Promise<boolean>,
  { patienceMs = PATIENCE_MS, pauseMs }: Patience,
): Promise<boolean> {
  const giveUp = process.hrtime.bigint() + BigInt(patienceMs) * 1_000_000n;
  while (!(await holds())) {
    if (process.hrtime.bigint() > giveUp) return false;
    await new Promise<void>((resolve) => {
      if (pauseMs === undefined) nextTurn(resolve);
      else later(resolve, pauseMs);
    });
  }
  return true;
}
