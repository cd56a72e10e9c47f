import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";

/**
 * When requests set out. The bytes of one may wait while others are served, so the first on a connection counts from
 * the moment when that was opened: callers connect in order to ask. Later ones count from when they are read.
 */
export interface Arrivals {
  /** To be told of every connection as it is accepted. */
  opened(socket: Socket): void;
  /** Whether none has been asked for on it yet. */
  isFirst(socket: Socket): boolean;
  /** On the clock's monotonic scale; to be asked once for each request. */
  of(socket: Socket): number;
}

export function createArrivals(clock: Clock): Arrivals {
  const openedMs = new WeakMap<Socket, number>();
  return {
    opened: (socket) => openedMs.set(socket, clock.monotonic()),
    isFirst: (socket) => openedMs.has(socket),
    of(socket) {
      const arrivedMs = openedMs.get(socket) ?? clock.monotonic();
      openedMs.delete(socket);
      return arrivedMs;
    },
  };
}
