"use strict";

// The table of SFUs: a row for each, known by its address, changed in place.

/**
 * @typedef {object} Row
 * @property {HTMLElement} element
 * @property {(name: string) => HTMLElement} part
 * @property {string} address
 * @property {string} region
 * @property {string} standing
 * @property {string} words what the filter looks at
 * @property {string} place what its place in the table goes by
 */

/** @type {Map<string, Row>} */
const rows = new Map();

/** Where an SFU has no region. */
const NO_REGION = "no region";

/**
 * @param {readonly Sfu[]} sfus
 * @param {number} nowMs the gateway's wall clock
 */
function showFleet(sfus, nowMs) {
  const gone = new Set(rows.keys());
  for (const sfu of sfus) {
    gone.delete(sfu.address);
    showSfu(rowOf(sfu), sfu, nowMs);
  }
  for (const address of gone) {
    rows.get(address)?.element.remove();
    rows.delete(address);
  }
  arrange(
    byId("sfus"),
    [...rows.values()].sort(byUrgency).map(({ element }) => element),
  );
}

/** @param {Sfu} sfu */
function rowOf({ address }) {
  let row = rows.get(address);
  if (row === undefined) {
    row = { ...instance("sfu-row"), address, region: "", standing: "", words: "", place: "" };
    setText(row.part("address"), plain(address));
    rows.set(address, row);
  }
  return row;
}

/**
 * What is wrong first, then by region.
 *
 * @param {Row} a
 * @param {Row} b
 */
function byUrgency(a, b) {
  const urgency = weightOf(a.standing).urgency - weightOf(b.standing).urgency;
  if (urgency !== 0) return urgency;
  // Those without a region come last.
  if ((a.region === "") !== (b.region === "")) return a.region === "" ? 1 : -1;
  return compare(a.region, b.region) || compare(a.address, b.address);
}

/**
 * @param {Row} row
 * @param {Sfu} sfu
 * @param {number} nowMs
 */
function showSfu(row, sfu, nowMs) {
  const { element, part } = row;
  const { load, region, breaker, source, score, reportAgeMs } = sfu;
  const standing = standingOf(sfu);
  const { tone } = weightOf(standing);
  row.region = region ?? "";
  row.standing = standing;
  row.words = `${sfu.address} ${region ?? NO_REGION} ${standing} ${sfu.state} ${breaker} ${source}`.toLowerCase();
  // One that moves is taken out first: else all that it passes would be moved instead.
  const place = `${weightOf(standing).urgency} ${row.region}`;
  if (place !== row.place) element.remove();
  row.place = place;

  setAttribute(element, "data-tone", tone);
  setAttribute(part("icon"), "href", `#icon-${tone}`);
  setText(part("standing"), standing);
  setText(part("since"), sinceOf(sfu, nowMs));
  const note = plain(noteOn(sfu));
  setText(part("note"), note);
  setHidden(part("note"), note === "");
  setText(part("region"), plain(region ?? NOTHING));

  const max = load?.maxSessions ?? 1;
  setText(part("sessions"), load === null ? NOTHING : `${numbers.format(load.sessions)} / ${numbers.format(max)}`);
  const coming = Math.ceil(load?.expected ?? 0);
  setText(part("expected"), numbers.format(coming));
  setHidden(part("coming-count"), coming === 0);
  setBar(part("bar"), (load?.sessions ?? 0) / max);
  setBar(part("coming"), (load?.expected ?? 0) / max, (load?.sessions ?? 0) / max);
  setText(part("score"), score.toFixed(2));
  setText(part("channels"), load === null ? NOTHING : numbers.format(load.channels));
  setText(part("cpu"), percent(load?.cpu ?? null));
  setText(part("memory"), percent(load?.memory ?? null));
  setText(part("report"), reportAgeMs === null ? NOTHING : duration(reportAgeMs));
  // There was one, and it is too old to be believed.
  setAttribute(part("report"), "data-tone", load === null && reportAgeMs !== null ? "warn" : "quiet");
  setText(part("breaker"), breaker.replaceAll("_", " "));
  setAttribute(part("breaker"), "data-tone", { closed: "quiet", half_open: "warn", open: "bad" }[breaker]);
  setText(part("source"), source);
}

/**
 * Since when it is in the state that is shown. `since` tells it of what probes and calls have shown; of an SFU that is
 * out for another reason it would be misunderstood.
 *
 * @param {Sfu} sfu
 * @param {number} nowMs
 */
function sinceOf({ out, state, since }, nowMs) {
  return out === null || out === state ? duration(nowMs - Date.parse(since)) : "";
}

/**
 * Shows those that have all the words and are of the region, and hides the others.
 *
 * @param {string} text
 * @param {string | null} region
 */
function filterFleet(text, region) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows.values()) {
    const isShown =
      (region === null || region === (row.region === "" ? NO_REGION : row.region)) &&
      words.every((word) => row.words.includes(word));
    setHidden(row.element, !isShown);
    if (isShown) shown++;
  }
  const isPart = shown < rows.size;
  setText(
    byId("shown"),
    isPart ? `${numbers.format(shown)} of ${numbers.format(rows.size)}` : numbers.format(rows.size),
  );
  const nothing = rows.size === 0 ? "No SFU is in the fleet." : "No SFU matches the filter.";
  setText(byId("nothing"), nothing);
  setHidden(byId("nothing"), shown > 0);
}
