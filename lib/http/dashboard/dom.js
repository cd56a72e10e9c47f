"use strict";

// Writes into the page: text only as text, and only where something has changed, so that a thousand rows cost little.

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/**
 * @param {Element} element
 * @param {string} text
 */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string} value
 */
function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * @param {HTMLElement} element
 * @param {boolean} isHidden
 */
function setHidden(element, isHidden) {
  if (element.hidden !== isHidden) element.hidden = isHidden;
}

/**
 * How much of a bar is full; a little only where it is nothing at all.
 *
 * @param {HTMLElement} bar
 * @param {number} share
 * @param {number} [from] where it begins
 */
function setBar(bar, share, from = 0) {
  const end = Math.min(1, from + share);
  const width = share > 0 ? `${Math.max(2, Math.round((end - Math.min(1, from)) * 1000) / 10)}%` : "0";
  const left = `${Math.round(Math.min(0.98, from) * 1000) / 10}%`;
  // By the object model, which the page's policy allows, as it does not allow `style="…"`.
  if (bar.style.width !== width) bar.style.width = width;
  if (bar.style.left !== left) bar.style.left = left;
}

/**
 * One more of a template, with its parts by their `data-is`.
 *
 * @param {string} id
 */
function instance(id) {
  const template = /** @type {HTMLTemplateElement} */ (byId(id));
  const element = /** @type {HTMLElement} */ (
    /** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild
  );
  /** @type {Record<string, HTMLElement>} */
  const parts = {};
  for (const part of element.querySelectorAll("[data-is]")) {
    parts[part.getAttribute("data-is") ?? ""] = /** @type {HTMLElement} */ (part);
  }
  /** @param {string} name */
  const part = (name) => {
    const found = parts[name];
    if (found === undefined) throw new Error(`#${id} has no ${name}`);
    return found;
  };
  return { element, part };
}

/**
 * Puts children into this order with as few moves as that takes where most stand in it already.
 *
 * @param {Element} parent
 * @param {readonly Element[]} children
 */
function arrange(parent, children) {
  let next = parent.firstElementChild;
  for (const child of children) {
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}
