"use strict";

// The headline, the tab's title and icon, and the figures beside it.

/** @typedef {{ tone: Tone, headline: string, detail: string, title: string }} Verdict */

/** Two marks that a tab's title can show, too. */
const MARKS = { good: "✓", calm: "✓", warn: "⚠", bad: "✕", quiet: "…" };

/**
 * @param {import("./report.js").Fleet} fleet
 * @returns {Verdict}
 */
function verdictOn({ available, total, store, sfus }) {
  const count = `${numbers.format(available)} of ${numbers.format(total)} ${total === 1 ? "SFU" : "SFUs"} available`;
  const title = `${available}/${total} SFUs`;
  if (total === 0) {
    return { tone: "bad", headline: "No SFU in the fleet", detail: "Every call is answered 503.", title };
  }
  const standings = sfus.map(standingOf);
  const wrong = standings.filter((standing) => standing !== "available");
  const detail = countsOf(wrong);
  if (available === 0) return { tone: "bad", headline: "No SFU available", detail, title };
  // Members of one call may meet different gateways.
  const isAlone = store?.away === true;
  if (available < total) {
    // One that is drained on purpose is nothing to be woken for.
    const tones = standings.map((standing) => weightOf(standing).tone);
    const isWrong = isAlone || tones.includes("bad") || tones.includes("warn");
    return { tone: isWrong ? "warn" : "calm", headline: count, detail, title };
  }
  if (isAlone || wrong.includes("failing")) return { tone: "warn", headline: count, detail, title };
  return { tone: "good", headline: "All well", detail: wrong.length === 0 ? count : `${count}, ${detail}`, title };
}

/**
 * `2 down, 1 draining`
 *
 * @param {readonly string[]} standings
 */
function countsOf(standings) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const standing of standings) counts.set(standing, (counts.get(standing) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => weightOf(a).urgency - weightOf(b).urgency || compare(a, b))
    .map(([standing, count]) => `${numbers.format(count)} ${standing}`)
    .join(", ");
}

/** @param {Verdict} verdict */
function showVerdict({ tone, headline, detail, title }) {
  document.body.dataset.tone = tone;
  setAttribute(byId("headline-icon"), "href", `#icon-${tone}`);
  // Read aloud where it changes, and only then.
  setText(byId("headline"), headline);
  setText(byId("detail"), detail);
  const tab = `${MARKS[tone]} ${title} · SFU Gateway`;
  if (document.title !== tab) document.title = tab;
  showTabIcon(tone);
}

/** @param {import("./report.js").Store | null} store */
function showCompany(store) {
  const line = byId("company");
  setHidden(line, store === null);
  if (store === null) return;
  const words = company(store);
  setText(line, `${words.charAt(0).toUpperCase()}${words.slice(1)}.`);
  setAttribute(line, "data-away", String(store.away));
}

/** A tab that is pinned shows nothing else. @type {Record<Tone, readonly [fill: string, mark: string]>} */
const TAB_ICONS = {
  good: ["1f9254", "M4.8 8.3l2.2 2.2 4.2-4.7"],
  calm: ["2f6fd6", "M8 4.5v6m-2.8-2.4L8 10.9l2.8-2.8"],
  warn: ["b97400", "M8 3.8v5m0 2.6v.4"],
  bad: ["d13438", "M5.4 5.4l5.2 5.2m0-5.2l-5.2 5.2"],
  quiet: ["7b8794", "M4.6 8h6.8"],
};

/** @param {Tone} tone */
function showTabIcon(tone) {
  const [fill, mark] = TAB_ICONS[tone];
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#${fill}"/>` +
    `<path d="${mark}" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"/></svg>`;
  setAttribute(byId("icon"), "href", `data:image/svg+xml,${encodeURIComponent(svg)}`);
}

/** @param {readonly Sfu[]} sfus */
function showFigures(sfus) {
  const loads = sfus.map(({ load }) => load).filter((load) => load !== null);
  /** @param {"sessions" | "channels" | "maxSessions"} name */
  const sum = (name) => loads.reduce((total, load) => total + load[name], 0);
  const isKnown = loads.length > 0;
  setText(byId("sessions"), isKnown ? numbers.format(sum("sessions")) : NOTHING);
  setText(byId("capacity"), isKnown ? `of ${numbers.format(sum("maxSessions"))}` : "");
  setText(byId("conferences"), isKnown ? numbers.format(sum("channels")) : NOTHING);
  setBar(byId("sessions-bar"), isKnown ? sum("sessions") / sum("maxSessions") : 0);
}
