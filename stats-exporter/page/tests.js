/* The table of test cases: state, verdict and why, the criterion's progress, and of the chosen one all its counters. */
import { $, attribute, badge, bar, cell, h, keyed, number, spark, text } from "./dom.js";
import { duration, exact, human, humanOf, known, latency } from "./format.js";
import { failures, isServer, testKey } from "./store.js";

export const STATES = ["RUNNING", "PASSED", "FAILED", "STOPPED", "IDLE"];
const SPARK_SLOTS = 60;

/* Megabytes and seconds have their unit, the rest is counted. */
function amount(t, v) {
  if (t.criterion_unit === "seconds")
    return duration(Number(v));
  return t.criterion_unit === "megabytes" ? humanOf(Number(v) * 1e6, "B") : human(v);
}

const share = (t) => t.fraction ?? (t.target > 0 ? Number(t.achieved) / Number(t.target) : null);

function make(t, choose) {
  const key = testKey(t);
  const open = h("button", { type: "button", class: "link", "aria-expanded": "false" }, `${t.port}/${t.test_case_id}`);
  open.addEventListener("click", () => choose(key));
  const row = h("tr", { role: "row", "data-key": key });
  const p = { open, what: h("span", { class: "sub" }), state: badge(), behind: h("span", { class: "tag warn", hidden: "" }, "behind"),
    bar: bar(`Criterion of test case ${t.port}/${t.test_case_id}`), done: h("span", { class: "done" }), why: h("span", { class: "why" }), note: h("span", { class: "why note" }),
    estab: h("span"), spark: spark(), total: h("span", { class: "sub" }), openNow: h("span"), trans: h("span"), transTotal: h("span", { class: "sub" }),
    failed: h("span"), p99: h("span"), p99All: h("span", { class: "sub" }) };
  const add = (name, kind, ...inside) => {
    const td = cell(name, kind);
    td.append(...inside);
    row.append(td);
  };
  add("Test case", "id", p.open, p.what);
  add("State", "", p.state, p.behind);
  add("Criterion", "grow criterion", p.bar, p.done, p.why, p.note);
  add("Sessions/s", "num", p.spark, p.estab, p.total);
  add("Open", "num", p.openNow);
  add("Transactions/s", "num", p.trans, p.transTotal);
  add("Failed", "num", p.failed);
  add("Latency p99", "num", p.p99, p.p99All);
  row.parts = p;
  return row;
}

function show(row, t, store, chosen) {
  const p = row.parts, tc = t.stats.tc, now = store.rates.tests.get(testKey(t)) ?? {}, side = isServer(t) ? "S" : "C";
  attribute(p.open, "aria-expanded", chosen ? "true" : "false");
  attribute(row, "data-chosen", chosen ? "yes" : "no");
  attribute(row, "data-state", t.state);
  text(p.what, `${t.type} · ${t.proto} · ${t.app}`);
  p.state.set(t.state);
  p.behind.hidden = !t.behind;
  const part = share(t), done = `${amount(t, t.achieved)} of ${amount(t, t.target)}`;
  p.bar.set(part, `${t.criterion}: ${done}`);
  attribute(p.bar, "data-state", t.state);
  text(p.done, `${t.criterion}  ${done}`);
  attribute(p.done, "title", `${t.criterion}: ${exact(t.achieved)} of ${exact(t.target)} ${t.criterion_unit ?? ""}`.trim());
  attribute(p.done, "data-exact", String(t.achieved));
  text(p.why, t.reason);
  text(p.note, t.note);
  number(p.estab, now[`estab${side}`], "sessions/s");
  text(p.total, `${human(tc.estab)} in all`);
  attribute(p.total, "title", exact(tc.estab, "sessions established"));
  attribute(p.total, "data-exact", String(tc.estab));
  p.spark.set(store.tail(testKey(t), `estab${side}`, SPARK_SLOTS));
  number(p.openNow, tc.estab_now, "sessions established now");
  number(p.trans, now[`trans${side}`], "transactions/s");
  text(p.transTotal, `${human(tc.responses)} in all`);
  attribute(p.transTotal, "title", exact(tc.responses, "responses"));
  attribute(p.transTotal, "data-exact", String(tc.responses));
  number(p.failed, failures(tc), "sessions failed");
  attribute(p.failed, "class", failures(tc) > 0 ? "bad" : null);
  number(p.p99, now.p99, "ns in the last second", latency);
  const all = t.latency?.p99_ns;
  text(p.p99All, known(all) ? `${latency(all)} since its start` : "");
  attribute(p.p99All, "title", exact(all, "ns"));
  attribute(p.p99All, "data-exact", known(all) ? String(all) : null);
}

/* Counters that are not zero, and how long it ran. */
function details(t, labels) {
  const dl = h("dl", { class: "counters" });
  const one = (name, value, title) => dl.append(h("div", { title }, h("dt", {}, name), h("dd", {}, value)));
  one("Ran", duration(t.runtime_s), "Since its start, until it ended");
  for (const [group, of] of Object.entries(t.stats)) {
    for (const [name, v] of Object.entries(of)) {
      const about = labels.get(`${group}.${name}`);
      if (Number(v) !== 0)
        one(about?.label ?? `${group}.${name}`, exact(v), about?.help ?? "");
    }
  }
  for (const [what, of] of [["Latency", t.latency], ["First byte", t.response_times?.first_byte], ["Last byte", t.response_times?.last_byte]]) {
    for (const [name, v] of Object.entries(of ?? {})) {
      if (name.endsWith("_ns") && v !== null)
        one(`${what} ${name.slice(0, -3).replace("_", ".")} since its start`, latency(v), exact(v, "ns"));
    }
  }
  return dl;
}

export class Tests {
  constructor(onChoose, redraw) {
    this.body = $("tests").tBodies[0];
    this.filter = null; // a state
    this.buttons = new Map();
    this.chosen = null;
    this.choose = (key) => onChoose(this.chosen === key ? "all" : key);
    for (const state of [null, ...STATES]) {
      const b = h("button", { type: "button", "aria-pressed": "false" });
      b.addEventListener("click", () => {
        this.filter = state;
        redraw();
      });
      this.buttons.set(state, b);
      $("verdicts").append(b);
    }
  }

  draw(store, labels) {
    const tests = store.state?.tests ?? [];
    for (const [state, b] of this.buttons) {
      const n = tests.filter((t) => state === null || t.state === state).length;
      text(b, `${state ?? "all"} ${n}`);
      b.hidden = state !== null && n === 0 && this.filter !== state;
      attribute(b, "aria-pressed", this.filter === state ? "true" : "false");
    }
    const shown = tests.filter((t) => this.filter === null || t.state === this.filter);
    keyed(this.body, shown, testKey, (t) => make(t, this.choose), (row, t) => show(row, t, store, testKey(t) === this.chosen));
    this.#expand(shown.find((t) => testKey(t) === this.chosen), labels);
    $("tests-none").hidden = tests.length > 0;
    $("tests").hidden = tests.length === 0;
  }

  /* Under the chosen one's row. */
  #expand(t, labels) {
    this.more?.remove();
    this.more = null;
    if (!t)
      return;
    const row = this.body.nodes.get(testKey(t));
    this.more = h("tr", { role: "row", class: "more" }, h("td", { role: "cell", colspan: "8" }, details(t, labels)));
    row.after(this.more);
  }
}
