"use strict";

// Asks the gateway again and again, and shows what it says or that it says nothing.

/** @typedef {import("./report.js").PageReport} PageReport */

const LOOK_MS = 2000;
/** Nobody sees the page, but its tab's title and icon should not lie. */
const HIDDEN_LOOK_MS = 30_000;
const TIMEOUT_MS = 4000;
/** After the first look that fails; then twice as long each time. */
const RETRY_MS = 500;
const MAX_RETRY_MS = 8000;
/** A single look that fails is no outage. */
const LOST_AFTER = 2;

/** @type {PageReport | null} */
let latest = null;
/** The timer after which the URL is told what is filtered by. */
let remembering = 0;
let failures = 0;
let lostSinceMs = 0;
let lostBecause = "";
/** @type {number | undefined} */
let nextLook;
let isLooking = false;

/** What is chosen stands in the address, so that a wall screen can be pinned to it. */
const chosen = new URLSearchParams(location.hash.slice(1));

async function look() {
  if (isLooking) return;
  isLooking = true;
  clearTimeout(nextLook);
  try {
    show(await ask());
    failures = 0;
  } catch (error) {
    lose(error);
  } finally {
    isLooking = false;
    nextLook = setTimeout(() => void look(), delayMs());
  }
}

/** @param {unknown} error */
function lose(error) {
  if (failures === 0) lostSinceMs = Date.now();
  failures++;
  if (error instanceof LookError) lostBecause = error.message;
  else {
    console.error(error);
    lostBecause = "This page does not understand its answer: load it anew";
  }
  if (failures >= LOST_AFTER) showLost();
}

/** No answer, or one that is not the gateway's own. */
class LookError extends Error {}

/** @returns {Promise<PageReport>} */
async function ask() {
  // Relative, for a proxy may have put the gateway under a path of its own.
  const response = await fetch("dashboard/data", {
    cache: "no-store",
    // A proxy that wants a new login sends elsewhere, where this page may not go.
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => null);
  if (response === null) throw new LookError("Nothing answers");
  const { status } = response;
  if (response.type === "opaqueredirect" || status === 401 || status === 403) {
    throw new LookError("A proxy wants you to sign in: load this page anew");
  }
  if (status !== 200) throw new LookError(`A proxy or another program answers with status ${status}`);
  const text = await response.text().catch(() => null);
  if (text === null) throw new LookError("Nothing answers");
  try {
    return JSON.parse(text);
  } catch {
    throw new LookError("A proxy or another program answers with something else");
  }
}

function delayMs() {
  if (failures > 0) return Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** (failures - 1));
  return document.hidden ? HIDDEN_LOOK_MS : LOOK_MS;
}

/** @param {PageReport} report */
function show(report) {
  const { fleet, failovers, maxFailovers, gateway, now } = report;
  latest = report;
  const nowMs = Date.parse(now);
  document.body.removeAttribute("data-lost");
  showVerdict(verdictOn(fleet));
  showCompany(fleet.store ?? null);
  showFigures(fleet.sfus);
  showFleet(fleet.sfus, nowMs);
  applyFilter();
  showFailovers(failovers, maxFailovers, nowMs);
  setText(byId("pulse"), "Live");
  const own = document.documentElement.dataset.version;
  const other = own === gateway.version ? "" : " Another version than this page: load it anew.";
  setText(
    byId("about"),
    `SFU Gateway ${gateway.version}, up for ${duration(nowMs - Date.parse(gateway.startedAt))}.${other}`,
  );
}

function showLost() {
  document.body.dataset.lost = "";
  const since = clockTime(new Date(lostSinceMs));
  const below = latest === null ? "" : " Below is what it said last.";
  showVerdict({
    tone: "bad",
    headline: `Gateway unreachable since ${since}`,
    detail: `${lostBecause}, for ${duration(Date.now() - lostSinceMs)} now.${below}`,
    title: "unreachable",
  });
  setText(byId("pulse"), "Trying again");
}

function applyFilter() {
  const region = chosen.get("region");
  showRegions(latest?.fleet.sfus ?? [], region, (name) => choose("region", name === region ? "" : name));
  filterFleet(chosen.get("q") ?? "", region);
}

/**
 * @param {"q" | "region"} name
 * @param {string} value
 */
function choose(name, value) {
  if (value === "") chosen.delete(name);
  else chosen.set(name, value);
  applyFilter();
  clearTimeout(remembering);
  remembering = setTimeout(remember, 300);
}

/** Browsers refuse to be told at every key. */
function remember() {
  history.replaceState(null, "", chosen.size === 0 ? location.pathname + location.search : `#${chosen}`);
}

function start() {
  const filter = /** @type {HTMLInputElement} */ (byId("filter"));
  filter.value = chosen.get("q") ?? "";
  filter.addEventListener("input", () => choose("q", filter.value.trim()));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void look();
  });
  window.addEventListener("online", () => void look());
  // How long it has been lost goes on between two looks.
  setInterval(() => {
    if (failures >= LOST_AFTER) showLost();
  }, 1000);
  void look();
}

start();
