/** How long a socket or a child process may need to get there, in real milliseconds. */
const PATIENCE_MS = 3000;

const { setImmediate: nextTurn } = globalThis;

/**
 * Waits, turn by turn of the event loop, until something that goes on in the background has happened.
 *
 * @throws where it has not after three real seconds, fake clock or not
 */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUp = process.hrtime.bigint() + BigInt(PATIENCE_MS) * 1_000_000n;
  while (!(await holds())) {
    if (process.hrtime.bigint() > giveUp) throw new Error(`still not so: ${what}`);
    await new Promise<void>((resolve) => nextTurn(resolve));
  }
}
