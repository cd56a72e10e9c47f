"use strict";

// The last calls that one SFU failed, newest first.

/** @typedef {import("./report.js").Failover} Failover */

/** @type {Map<string, ReturnType<typeof instance>>} */
const shownFailovers = new Map();

const RECENT_MS = 600_000;

/**
 * @param {readonly Failover[]} failovers newest first
 * @param {number} limit how many the gateway remembers
 * @param {number} nowMs the gateway's wall clock
 */
function showFailovers(failovers, limit, nowMs) {
  const gone = new Set(shownFailovers.keys());
  for (const failover of failovers) {
    gone.delete(failover.id);
    let item = shownFailovers.get(failover.id);
    if (item === undefined) {
      item = itemOf(failover);
      shownFailovers.set(failover.id, item);
    }
    setText(item.part("ago"), `${duration(nowMs - Date.parse(failover.at))} ago`);
  }
  for (const id of gone) {
    shownFailovers.get(id)?.element.remove();
    shownFailovers.delete(id);
  }
  const elements = failovers.map(({ id }) => shownFailovers.get(id)?.element);
  arrange(
    byId("failover-list"),
    elements.filter((element) => element !== undefined),
  );
  setHidden(byId("no-failovers"), failovers.length > 0);

  const recent = failovers.filter(({ at }) => nowMs - Date.parse(at) <= RECENT_MS).length;
  // Of what it does not remember there may have been more.
  setText(byId("recent"), `${recent}${recent === limit ? "+" : ""}`);
}

/** @param {Failover} failover */
function itemOf({ at, outcome, ms, attempts, servedBy }) {
  const item = instance("failover");
  const when = new Date(at);
  const time = item.part("time");
  setText(time, clockTime(when));
  time.setAttribute("datetime", at);
  time.setAttribute("title", `${at} (as the log has it), ${when.toLocaleString()} here`);
  setText(item.part("took"), milliseconds(ms));
  const isServed = outcome === "ok";
  item.element.setAttribute("data-tone", isServed ? "warn" : "bad");
  for (const { sfu, failure, message } of attempts) {
    if (failure !== null) addStep(item, { tone: "warn", sfu, what: message ?? failure });
  }
  if (isServed && servedBy !== null) addStep(item, { tone: "good", sfu: servedBy, what: "served it" });
  else addStep(item, { tone: "bad", sfu: "", what: endingOf(outcome) });
  return item;
}

/** @param {string} outcome */
function endingOf(outcome) {
  if (outcome === "all_candidates_failed") return "no channel: nobody else could serve it";
  if (outcome === "caller_gone") return "no channel: the caller had hung up";
  if (outcome === "refused_by_sfu") return "the SFU refused this request";
  return `no channel: ${outcome.replaceAll("_", " ")}`;
}

/**
 * @param {ReturnType<typeof instance>} item
 * @param {{ tone: Tone, sfu: string, what: string }} step
 */
function addStep(item, { tone, sfu, what }) {
  const { element, part } = instance("step");
  element.setAttribute("data-tone", tone);
  part("icon").setAttribute("href", `#icon-${tone}`);
  setText(part("sfu"), plain(sfu));
  setText(part("what"), plain(what));
  item.part("steps").append(element);
}

/** @param {number} ms */
function milliseconds(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** @param {Date} date */
function clockTime(date) {
  return date.toLocaleTimeString("en-GB");
}
