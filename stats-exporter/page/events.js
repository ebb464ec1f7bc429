/* The event log, the newest first. */
import { $, h, text } from "./dom.js";
import { clock, moment } from "./format.js";

const LEVELS = ["EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG"];
const KEPT = 500;

/* Where it was and who did it, as far as the text does not say. */
function where(e) {
  const said = [e.port === null ? "" : `port ${e.port}`, e.test_case_id === null ? "" : `test case ${e.test_case_id}`, e.operator?.name ?? ""];
  return said.filter((s) => s && !e.text.includes(s)).join(" · ");
}

function line(e) {
  const time = h("time", { datetime: new Date(e.time * 1000).toISOString(), title: moment(e.time * 1000) }, clock(e.time * 1000));
  return h("li", { "data-level": e.level, "data-event": e.event }, time, h("span", { class: `level level-${e.level}` }, e.level),
    h("span", { class: "what" }, h("strong", {}, e.event), " ", e.text, " ", h("span", { class: "sub" }, where(e))));
}

export class Events {
  constructor() {
    this.list = $("events");
    this.newest = new Map(); // number of each engine's newest, for what a new connection says again
    this.held = null; // while the page is paused
    $("level").addEventListener("change", () => this.filter());
  }

  take(e, engine) {
    if (e.no <= (this.newest.get(engine) ?? 0))
      return;
    this.newest = new Map([[engine, e.no]]);
    this.#put(line(e), LEVELS.indexOf(e.level));
  }

  lost(n) {
    this.#put(h("li", { class: "mark" }, `${n} event${n === 1 ? " was" : "s were"} lost: they came faster than they were read`), 0);
  }

  mark(said) {
    this.#put(h("li", { class: "mark" }, said), 0);
  }

  hold(on) {
    const held = this.held;
    this.held = on ? this.held ?? [] : null;
    if (!on && held)
      held.forEach(([li, level]) => this.#put(li, level));
  }

  #put(li, level) {
    if (this.held) {
      this.held.push([li, level]);
      this.held.splice(0, this.held.length - KEPT);
      return;
    }
    li.level = level;
    li.hidden = level > Number($("level").value);
    this.list.prepend(li);
    while (this.list.childElementCount > KEPT)
      this.list.lastChild.remove();
    this.#count();
  }

  filter() {
    const most = Number($("level").value);
    for (const li of this.list.children)
      li.hidden = li.level > most;
    this.#count();
  }

  #count() {
    const all = this.list.childElementCount, shown = this.list.querySelectorAll("li:not([hidden])").length;
    text($("events-count"), all === 0 ? "" : shown === all ? `the newest ${all}` : `${shown} of the newest ${all}`);
    $("events-none").hidden = shown > 0;
  }
}
