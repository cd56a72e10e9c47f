"use strict";

// What the page says, without the page: the same words as `sfu-gateway status`.

/** @typedef {import("./report.js").Sfu} Sfu */
/** @typedef {import("./report.js").Tone} Tone */

const NOTHING = "–";

/**
 * What matters most of an SFU, in a word or two.
 *
 * @param {Sfu} sfu
 */
function standingOf({ out, available, state }) {
  if (out !== null) return out.replaceAll("_", " ");
  if (state === "failing" || state === "unknown") return state;
  return available ? "available" : state;
}

/** From what needs somebody most, and how it looks; {@link standingOf}'s words. */
const TONES = new Map(
  /** @type {[string, Tone][]} */ ([
    ["misconfigured", "bad"],
    ["down", "bad"],
    ["expired", "bad"],
    ["breaker open", "bad"],
    ["on trial", "warn"],
    ["overloaded", "warn"],
    ["failing", "warn"],
    // Somebody wanted it.
    ["draining", "calm"],
    ["unknown", "quiet"],
    ["available", "good"],
  ]),
);

const URGENCIES = [...TONES.keys()];

/**
 * What a later gateway may say besides comes first, and counts as bad.
 *
 * @param {string} standing
 */
function weightOf(standing) {
  return { urgency: URGENCIES.indexOf(standing), tone: TONES.get(standing) ?? "bad" };
}

/**
 * How long, in its largest unit: `3 s`, `12 min`, `5 h`, `40 d`.
 *
 * @param {number} ms
 */
function duration(ms) {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** @param {number | null} share */
function percent(share) {
  return share === null ? NOTHING : `${Math.round(share * 100)} %`;
}

const numbers = new Intl.NumberFormat("en");

/**
 * An SFU may have registered itself under whatever name: nothing in it shall turn the reading direction, or look empty.
 *
 * @param {string} text
 */
function plain(text) {
  return text.replace(/\p{C}/gu, "?");
}

/**
 * How far a drain has come. Conferences that it was given since its last report count: their sessions are about to come.
 *
 * @param {Sfu} sfu
 */
function drainProgress({ load }) {
  if (load === null) return "draining, how many sessions are left is not known";
  const { sessions, expected } = load;
  if (sessions + Math.ceil(expected) === 0) return "drained: empty, can be stopped";
  const yetToCome = expected > 0 ? ", its last conferences are still filling" : "";
  return `draining, ${numbers.format(sessions)} ${sessions === 1 ? "session" : "sessions"} left${yetToCome}`;
}

/**
 * What is to be known of an SFU that is not just well; empty of one that is.
 *
 * @param {Sfu} sfu
 */
function noteOn(sfu) {
  const { out, state, reason, draining } = sfu;
  const drain = draining ? drainProgress(sfu) : null;
  // The drain's own reason says less.
  if (drain !== null && out === "draining" && state !== "failing") return drain;
  return [reason, drain].filter((part) => part !== null).join("; ");
}

/**
 * Of gateways that share a store: how many there are, or that they cannot be reached.
 *
 * @param {import("./report.js").Store} store
 */
function company({ away, forSeconds, instances }) {
  if (away)
    return `the other gateways have been out of reach for ${duration((forSeconds ?? 0) * 1000)}: each goes on by itself`;
  return instances === 1 ? "no other gateway shares its store" : `${instances} gateways share a store`;
}

/** sfu2 before sfu10. */
const { compare } = new Intl.Collator("en", { numeric: true });
