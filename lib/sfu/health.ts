import type { Clock } from "../clock.ts";
import type { Registry } from "./registry.ts";
import type { Sfu } from "./sfu.ts";

/** Notes what was found of an SFU's health; «since» stays where nothing has changed. */
export type NoteHealth = (sfu: Sfu, state: "healthy" | "failing" | "down" | "misconfigured", reason?: string) => void;

export function createHealthNotes(clock: Clock, registry: Registry): NoteHealth {
  return (sfu, state, reason = "") => {
    const current = registry.health(sfu);
    if (current.state === state && (!("reason" in current) || current.reason === reason)) return;
    const sinceMs = current.state === state ? current.sinceMs : clock.now();
    registry.setHealth(sfu, state === "healthy" ? { state, sinceMs } : { state, sinceMs, reason });
  };
}
