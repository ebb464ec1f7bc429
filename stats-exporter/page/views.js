/* All areas but charts and test cases: at a glance, ports, workers, drops, operators. */
import { $, attribute, badge, bar, cell, h, keyed, number, text } from "./dom.js";
import { add, clock, duration, exact, human, humanOf, known, latency, moment, percent } from "./format.js";
import { portKey } from "./store.js";

const bits = (v) => humanOf(v, "bit/s");

/* ---- at a glance */

const GLANCE = [["tests", "Test cases"], ["sessions", "Sessions/s"], ["transactions", "Transactions/s"], ["latency", "Latency p99"],
  ["packets", "Packets/s sent"], ["bits", "Throughput sent"], ["load", "Busiest worker"], ["drops", "Drops/s"]];
const tiles = new Map();

export function glanceBegin() {
  for (const [id, name] of GLANCE) {
    const value = h("dd", { class: "big" }, h("span"), h("span", { class: "unit" })), sub = h("dd", { class: "sub" });
    $("glance").append(h("div", { class: "tile card", id: `tile-${id}` }, h("dt", {}, name), value, sub));
    tiles.set(id, { value, sub });
  }
}

function tile(id, v, unit, how, sub) {
  const t = tiles.get(id), [digits, suffix = ""] = how(v).split("\u202f");
  text(t.value.firstChild, digits);
  text(t.value.lastChild, suffix && `\u202f${suffix}`);
  attribute(t.value, "title", exact(v, unit));
  attribute(t.value, "data-exact", known(v) ? String(v) : null);
  text(t.sub, sub);
}

const count = (tests, state) => tests.filter((t) => t.state === state).length;

export function glance(store) {
  const s = store.state, now = store.series.get("all").now;
  if (!s)
    return;
  const [passed, failed, running] = ["PASSED", "FAILED", "RUNNING"].map((state) => count(s.tests, state));
  tile("tests", s.tests.length, "test cases", human, [[running, "running"], [passed, "passed"], [failed, "failed"]].filter(([n]) => n > 0)
    .map(([n, word]) => `${n}\u00a0${word}`).join(", "));
  attribute(tiles.get("tests").value.parentNode, "data-is", failed ? "bad" : null);
  const client = s.tests.some((t) => t.type !== "server");
  tile("sessions", client ? now.estabC : now.estabS, "sessions/s", human, `${human(client ? now.openC : now.openS)} open`);
  tile("transactions", client ? now.transC : now.transS, "transactions/s", human, client ? "clients received" : "servers sent");
  tile("latency", now.p99, "ns", latency, known(now.p99) ? `p50 ${latency(now.p50)}, last second` : "not measured now");
  tile("packets", now.txPkts, "packets/s", human, `rx ${human(now.rxPkts)}`);
  tile("bits", now.txBits, "bit/s", bits, `rx ${bits(now.rxBits)}`);
  const loads = s.lcores.filter((l) => l.role === "worker");
  tile("load", now.busiest, "%", percent, `${loads.length} worker${loads.length === 1 ? "" : "s"}`);
  const lost = [...store.rates.losses.values()];
  tile("drops", now.drops, "packets/s", human,
    lost.length ? `${human(lost.reduce((sum, d) => add(sum, d.total), 0))} in all` : "none so far");
  attribute(tiles.get("drops").value.parentNode, "data-is", now.drops > 0 ? "warn" : null);
}

/* ---- ports */

function portMake() {
  const row = h("tr", { role: "row" });
  const p = { id: h("strong"), what: h("span", { class: "sub" }), link: badge(), speed: h("span", { class: "sub" }), rx: h("span"),
    rxTotal: h("span", { class: "sub" }), tx: h("span"), txTotal: h("span", { class: "sub" }), rxBits: h("span"), rxBytes: h("span", { class: "sub" }),
    txBits: h("span"), txBytes: h("span", { class: "sub" }), rxBar: bar("Received, of the link's speed"), txBar: bar("Sent, of the link's speed"),
    rxShare: h("span"), txShare: h("span"), unknown: h("span", { class: "sub" }, "speed not known"), both: h("span", { class: "pair" }) };
  const put = (name, kind, ...inside) => {
    const td = cell(name, kind);
    td.append(...inside);
    row.append(td);
  };
  p.both.append(h("span", { class: "sub" }, "rx"), p.rxBar, p.rxShare, h("span", { class: "sub" }, "tx"), p.txBar, p.txShare);
  put("Port", "id", p.id, p.what);
  put("Link", "", p.link, p.speed);
  put("Received packets/s", "num", p.rx, p.rxTotal);
  put("Sent packets/s", "num", p.tx, p.txTotal);
  put("Received bit/s", "num", p.rxBits, p.rxBytes);
  put("Sent bit/s", "num", p.txBits, p.txBytes);
  put("Utilisation", "grow", p.both, p.unknown);
  row.parts = p;
  return row;
}

function totalOf(e, v, how, unit) {
  text(e, `${how(v)} in all`);
  attribute(e, "title", exact(v, unit));
  attribute(e, "data-exact", String(v));
}

function portShow(row, port, now) {
  const p = row.parts, c = port.stats.port;
  text(p.id, `${port.port}  ${port.name}`);
  text(p.what, `${port.driver} · mtu ${port.mtu}${port.running ? " · tests run" : ""}`);
  p.link.set(port.link_up ? "up" : "down", port.link_up ? "Up" : "Down");
  text(p.speed, port.speed_mbps ? humanOf(port.speed_mbps * 1e6, "bit/s") : "");
  number(p.rx, now.rxPkts, "packets/s");
  number(p.tx, now.txPkts, "packets/s");
  number(p.rxBits, now.rxBits, "bit/s", bits);
  number(p.txBits, now.txBits, "bit/s", bits);
  totalOf(p.rxTotal, c.rx_pkts, human, "packets");
  totalOf(p.txTotal, c.tx_pkts, human, "packets");
  totalOf(p.rxBytes, c.rx_bytes, (v) => humanOf(v, "B"), "bytes");
  totalOf(p.txBytes, c.tx_bytes, (v) => humanOf(v, "B"), "bytes");
  p.both.hidden = !port.speed_mbps;
  p.unknown.hidden = Boolean(port.speed_mbps);
  for (const dir of ["rx", "tx"]) {
    const v = now[`${dir}Share`];
    p[`${dir}Bar`].set(v === undefined ? null : v / 100, percent(v));
    number(p[`${dir}Share`], v, "%", percent);
  }
}

export function ports(store) {
  const all = store.state?.ports ?? [];
  keyed($("ports").tBodies[0], all, portKey, portMake, (row, p) => portShow(row, p, store.rates.ports.get(portKey(p)) ?? {}));
  $("ports").hidden = all.length === 0;
  $("ports-none").hidden = all.length > 0;
}

/* ---- workers */

function workerMake(l) {
  const p = { load: h("strong"), bar: bar(`Load of lcore ${l.lcore}`), rx: h("span"), tx: h("span"), cost: h("span") };
  const li = h("li", {}, h("div", { class: "line" }, h("span", { class: "name" }, `lcore ${l.lcore}`), p.load), p.bar,
    h("div", { class: "line sub" }, h("span", {}, "rx ", p.rx, "/s"), h("span", {}, "tx ", p.tx, "/s"), h("span", {}, p.cost, " cycles/packet")));
  li.parts = p;
  return li;
}

function workerShow(li, { load }) {
  const p = li.parts;
  number(p.load, load?.percent, "%", percent);
  p.bar.set(load ? load.percent / 100 : null, percent(load?.percent));
  number(p.rx, load?.rx_packets_per_second, "packets/s");
  number(p.tx, load?.tx_packets_per_second, "packets/s");
  number(p.cost, load?.cycles_per_packet, "cycles/packet");
}

export function workers(store) {
  const all = (store.state?.lcores ?? []).filter((l) => l.role === "worker");
  keyed($("workers"), all, (l) => l.lcore, workerMake, workerShow);
  $("workers-none").hidden = all.length > 0;
}

/* ---- drops */

function dropMake() {
  const p = { name: h("strong"), help: h("span", { class: "sub" }), total: h("span", { class: "total" }), rate: h("span", { class: "tag warn" }) };
  const li = h("li", {}, h("div", { class: "reason" }, p.name, p.help), p.rate, p.total);
  li.parts = p;
  return li;
}

export function drops(store, labels) {
  const all = [...store.rates.losses.values()].sort((a, b) => (a.total > b.total ? -1 : 1));
  keyed($("drops"), all, (d) => `${d.group}.${d.name}`, dropMake, (li, d) => {
    const about = labels.get(`${d.group}.${d.name}`), p = li.parts;
    text(p.name, about?.label ?? `${d.group}.${d.name}`);
    text(p.help, about?.help ?? "");
    number(p.total, d.total, "packets");
    attribute(p.total, "title", `${exact(d.total, "packets")}: ${d.ports.map(([port, v]) => `port ${port} ${exact(v)}`).join(", ")}`);
    text(p.rate, `+${human(d.perSecond)}/s`);
    p.rate.hidden = !(d.perSecond > 0);
    attribute(li, "data-grows", d.perSecond > 0 ? "yes" : "no");
    attribute(li, "data-reason", `${d.group}.${d.name}`);
  });
  $("drops-none").hidden = all.length > 0;
}

/* ---- operators */

function operatorMake() {
  const row = h("tr", { role: "row" });
  const p = { name: h("strong"), who: h("span", { class: "sub" }), what: h("span"), read: h("span", { class: "sub" }), since: h("span"),
    n: h("span"), last: h("code") };
  const put = (name, kind, ...inside) => {
    const td = cell(name, kind);
    td.append(...inside);
    row.append(td);
  };
  put("Name", "id", p.name, p.who);
  put("Attached", "", p.what, p.read);
  put("Since", "", p.since);
  put("Commands", "num", p.n);
  put("Last command", "grow", p.last);
  row.parts = p;
  return row;
}

export function operators(doc) {
  const all = doc?.operators ?? [];
  keyed($("operators").tBodies[0], all, (o) => `${o.slot} ${o.pid} ${o.since}`, operatorMake, (row, o) => {
    const p = row.parts;
    text(p.name, o.name);
    text(p.who, `uid ${o.uid} · pid ${o.pid}`);
    text(p.what, o.state === "attached" ? o.kind : `${o.kind}, ${o.state}`);
    text(p.read, o.read_only ? "read only" : "may change");
    text(p.since, clock(o.since * 1000));
    attribute(p.since, "title", moment(o.since * 1000));
    number(p.n, o.commands, "commands");
    text(p.last, o.last_command || "–");
  });
  $("operators").hidden = all.length === 0;
  $("operators-none").hidden = all.length > 0;
}

/* ---- the engine */

export function facts(store, nowMs) {
  const e = store.state?.engine;
  if (!e)
    return;
  text($("fact-prefix"), e.prefix);
  text($("fact-version"), e.version);
  attribute($("fact-version"), "title", `build ${e.build}`);
  text($("fact-pid"), String(e.pid));
  const workers = store.state.lcores.filter((l) => l.role === "worker");
  text($("fact-workers"), String(workers.length));
  attribute($("fact-workers"), "title", `lcores ${workers.map((l) => l.lcore).join(", ")}`);
  text($("fact-uptime"), duration(nowMs / 1000 - e.start_time));
  attribute($("fact-uptime"), "title", `since ${moment(e.start_time * 1000)}`);
  text($("exporter"), store.state.exporter?.version ?? "");
}
