import { type Clock, systemClock } from "../../lib/clock.ts";
import { createLoop, type Loop } from "../../lib/loop.ts";

/** A process that is as busy as a spec wants it to be. */
export interface Machine {
  readonly clock: Clock;
  readonly loop: Loop;
  /** Has something to do for so long; looks at every millisecond, unless it is stopped meanwhile. */
  work(ms: number): void;
  /** Ends the present turn of the event loop, without a rest. */
  turn(): void;
  /** Nothing is seen of this, and it was not at rest. */
  stop(ms: number): void;
  rest(ms: number): void;
}

export function createMachine(): Machine {
  let nowMs = 1000;
  let idleMs = 0;
  let turns = 0;
  const clock: Clock = { ...systemClock, monotonic: () => nowMs };
  const loop = createLoop(clock, { idleMs: () => idleMs, turn: () => turns });
  return {
    clock,
    loop,
    work(ms) {
      for (let done = 0; done < ms; done++) {
        loop.look();
        nowMs++;
      }
      loop.look();
    },
    turn() {
      turns++;
    },
    stop(ms) {
      nowMs += ms;
    },
    rest(ms) {
      nowMs += ms;
      idleMs += ms;
      turns++;
    },
  };
}
