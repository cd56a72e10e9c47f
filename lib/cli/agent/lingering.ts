import type { Cancel, Clock } from "../../clock.ts";

/** A signal that follows another one after a while. */
export interface Lingering {
  readonly signal: AbortSignal;
  /** Leaves no timer and no listener behind. */
  release(): void;
}

export function lingering(clock: Clock, signal: AbortSignal, lingerMs: number): Lingering {
  const controller = new AbortController();
  let cancel: Cancel = () => undefined;
  const onAbort = (): void => {
    cancel = clock.after(lingerMs, () => controller.abort(signal.reason));
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return {
    signal: controller.signal,
    release() {
      cancel();
      signal.removeEventListener("abort", onAbort);
    },
  };
}
