import { styleText } from "node:util";
import { systemClock } from "../../clock.ts";
import type { BreakerState } from "../../sfu/sfu.ts";
import type { CallResult } from "./caller.ts";

/** Says what happens, as it happens. */
export interface Narrator {
  line(text: string): void;
  chapter(title: string): void;
  told(text: string): void;
  call(result: CallResult): void;
  breaker(name: string, from: BreakerState, to: BreakerState): void;
  health(name: string, text: string, isBad: boolean): void;
}

type Color = Parameters<typeof styleText>[0];

const BREAKER_COLORS = { open: "red", half_open: "yellow", closed: "green" } as const;

/** @param startedMs the moment that the times on the left count from */
export function createNarrator(write: (text: string) => void, color: boolean, startedMs: number): Narrator {
  const paint = (style: Color, text: string): string =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const line = (text: string): void => write(`${text}\n`);
  const timed = (text: string): void => {
    const seconds = ((systemClock.monotonic() - startedMs) / 1000).toFixed(1);
    line(`${paint("dim", `${seconds.padStart(5)} s`)}  ${text}`);
  };

  return {
    line,
    chapter: (title) => line(`\n${paint("bold", title)}`),
    told: timed,
    call({ number, region, status, by, ms, failed }) {
      const who = by ?? paint("red", `nobody (${String(status)})`);
      const trail = failed.length === 0 ? "" : paint("yellow", `  after ${failed.join(", ")}`);
      const from = region ?? "anywhere";
      timed(
        `call ${String(number).padStart(3)} from ${from.padEnd(9)} served by ${who.padEnd(10)} ${ms.toFixed(0).padStart(5)} ms${trail}`,
      );
    },
    breaker(name, from, to) {
      timed(paint(BREAKER_COLORS[to], `breaker of ${name}: ${from} → ${to}`));
    },
    health(name, text, isBad) {
      timed(paint(isBad ? "red" : "green", `${name} ${text}`));
    },
  };
}
