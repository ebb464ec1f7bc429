/* Parts of the page that several areas are made of. Nodes stay and their texts change, only when they differ. */
import { exact, human, known } from "./format.js";

export const $ = (id) => document.getElementById(id);

/* An element: attributes, then what is in it. */
export function h(tag, attributes = {}, ...inside) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    e.setAttribute(name, value);
  e.append(...inside);
  return e;
}

export function svg(tag, attributes = {}, ...inside) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes))
    e.setAttribute(name, value);
  e.append(...inside);
  return e;
}

export function text(e, value) {
  if (e.textContent !== value)
    e.textContent = value;
}

export function attribute(e, name, value) {
  if (value === null)
    e.removeAttribute(name);
  else if (e.getAttribute(name) !== String(value))
    e.setAttribute(name, value);
}

/* A number for people; all its digits are its title, and in data-exact. */
export function number(e, v, unit, how = human) {
  text(e, how(v));
  attribute(e, "title", exact(v, unit));
  attribute(e, "data-exact", known(v) ? String(v) : null);
}

/* A list of nodes for a list of things, by key: make(thing) once, show(node, thing) each time. */
export function keyed(parent, things, key, make, show) {
  const there = parent.nodes ?? (parent.nodes = new Map());
  const keys = new Set();
  let before = null;
  for (const thing of things) {
    const k = key(thing);
    keys.add(k);
    let node = there.get(k);
    if (!node) {
      node = make(thing);
      there.set(k, node);
    }
    const place = before ? before.nextSibling : parent.firstChild;
    if (node !== place)
      parent.insertBefore(node, place);
    before = node;
    show(node, thing);
  }
  for (const [k, node] of there) {
    if (!keys.has(k)) {
      node.remove();
      there.delete(k);
    }
  }
}

/* A table's cell; name stands before it where the table is a list of cards. */
export function cell(name, kind = "") {
  return h("td", { role: "cell", "data-name": name, class: kind });
}

/* A bar of 0..1 with its name for who cannot see it. */
export function bar(label) {
  const fill = h("span", { class: "fill" });
  const e = h("span", { class: "meter", role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100" }, fill);
  e.set = (share, spoken) => {
    const part = known(share) ? Math.max(0, Math.min(1, share)) : 0;
    fill.style.transform = `scaleX(${part.toFixed(4)})`;
    attribute(e, "aria-valuenow", known(share) ? Math.round(part * 100) : null);
    attribute(e, "aria-valuetext", spoken);
    attribute(e, "data-full", part >= 0.9 ? "yes" : "no");
  };
  return e;
}

const MARKS = { PASSED: "M3 8.5l3.2 3.2L13 5", FAILED: "M4 4l8 8M12 4l-8 8", RUNNING: "M5 3.5l7 4.5-7 4.5z", STOPPED: "M4.5 4.5h7v7h-7z",
  IDLE: "M3.5 8h9", up: "M8 13V3.5M4 7l4-4 4 4", down: "M4 4l8 8M12 4l-8 8" };

/* A word in its colour, and with its mark. */
export function badge() {
  const path = svg("path", { d: "" });
  const word = h("span");
  const e = h("span", { class: "badge" }, svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, path), word);
  e.set = (state, said = state) => {
    text(word, said);
    attribute(e, "data-is", state);
    attribute(path, "d", MARKS[state] ?? MARKS.IDLE);
  };
  return e;
}

/* A small line of the newest values, its scale its own. */
export function spark() {
  const path = svg("path", { d: "" });
  const e = svg("svg", { class: "spark", viewBox: "0 0 60 18", preserveAspectRatio: "none", "aria-hidden": "true" }, path);
  e.set = (values) => {
    const max = values.reduce((m, v) => (v > m ? v : m), 0) || 1;
    let d = "", open = false;
    values.forEach((v, i) => {
      if (!known(v)) {
        open = false;
        return;
      }
      d += `${open ? "L" : "M"}${(60 - (values.length - 1 - i)).toFixed(0)} ${(17 - 16 * v / max).toFixed(1)}`;
      open = true;
    });
    attribute(path, "d", d);
  };
  return e;
}
