"use strict";

// The fleet by region, for one that is too large to be read row by row. Each is a button that shows its SFUs alone.

/** From so many SFUs on. */
const LARGE = 8;

/** @type {Map<string, ReturnType<typeof instance>>} */
const regionButtons = new Map();

/**
 * @param {readonly Sfu[]} sfus
 * @param {string | null} chosen
 * @param {(region: string) => void} onChoice
 */
function showRegions(sfus, chosen, onChoice) {
  const regions = byRegion(sfus);
  // It stays to be let go, even where its SFUs have left.
  if (chosen !== null && !regions.has(chosen)) {
    regions.set(chosen, { total: 0, available: 0, sessions: 0, capacity: 0 });
  }
  const list = byId("regions");
  for (const [name, { element }] of regionButtons) {
    if (regions.has(name)) continue;
    element.remove();
    regionButtons.delete(name);
  }
  for (const [name, region] of regions) showRegion(buttonOf(name, onChoice), name, region, name === chosen);
  const inOrder = [...regionButtons].sort(([a], [b]) => {
    return Number(a === NO_REGION) - Number(b === NO_REGION) || compare(a, b);
  });
  arrange(
    list,
    inOrder.map(([, { element }]) => element),
  );
  setHidden(list, chosen === null && (sfus.length < LARGE || regions.size < 2));
}

/** @param {readonly Sfu[]} sfus */
function byRegion(sfus) {
  /** @type {Map<string, { total: number, available: number, sessions: number, capacity: number }>} */
  const regions = new Map();
  for (const { region, available, load } of sfus) {
    const name = region ?? NO_REGION;
    const sums = regions.get(name) ?? { total: 0, available: 0, sessions: 0, capacity: 0 };
    sums.total++;
    if (available) sums.available++;
    sums.sessions += load?.sessions ?? 0;
    sums.capacity += load?.maxSessions ?? 0;
    regions.set(name, sums);
  }
  return regions;
}

/**
 * @param {string} name
 * @param {(region: string) => void} onChoice
 */
function buttonOf(name, onChoice) {
  let made = regionButtons.get(name);
  if (made === undefined) {
    made = instance("region");
    made.element.querySelector("button")?.addEventListener("click", () => onChoice(name));
    regionButtons.set(name, made);
  }
  return made;
}

/**
 * @param {ReturnType<typeof instance>} button
 * @param {string} name
 * @param {{ total: number, available: number, sessions: number, capacity: number }} sums
 * @param {boolean} isChosen
 */
function showRegion({ element, part }, name, { total, available, sessions, capacity }, isChosen) {
  const tone = available === total ? "good" : available === 0 ? "bad" : "warn";
  setAttribute(element, "data-tone", tone);
  setAttribute(part("icon"), "href", `#icon-${tone}`);
  const button = element.querySelector("button");
  if (button !== null) setAttribute(button, "aria-pressed", String(isChosen));
  setText(part("name"), plain(name));
  setText(part("available"), `${numbers.format(available)}/${numbers.format(total)}`);
  setText(part("full"), percent(capacity === 0 ? null : sessions / capacity));
  setBar(part("bar"), capacity === 0 ? 0 : sessions / capacity);
}
