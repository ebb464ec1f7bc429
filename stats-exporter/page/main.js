/* The page: what the feed says goes into the store at once, and onto the screen when somebody looks. */
import { Charts } from "./charts.js";
import { $, attribute, h, text } from "./dom.js";
import { Events } from "./events.js";
import { Feed } from "./feed.js";
import { clock, duration, moment } from "./format.js";
import { portKey, Store, testKey } from "./store.js";
import { Tests } from "./tests.js";
import * as views from "./views.js";

const WORDS = {
  connecting: ["Connecting", ""],
  live: ["Live", ""],
  gone: ["Engine gone", "The engine is gone."],
  lost: ["No exporter", "The exporter does not answer."],
  stale: ["Stale", "The data is stale."],
};
const THEMES = ["auto", "light", "dark"];
const ICONS = { auto: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM8 2.5v11a5.5 5.5 0 0 0 0-11z",
  light: "M8 4.8a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4zM7.3 1h1.4v2.4H7.3zM7.3 12.6h1.4V15H7.3zM1 7.3h2.4v1.4H1zM12.6 7.3H15v1.4h-2.4z",
  dark: "M6.2 1.6A6.6 6.6 0 1 0 14.4 9.8 5.6 5.6 0 0 1 6.2 1.6z" };
const PAUSE_ICON = "M4 3h3v10H4zM9 3h3v10H9z", PLAY_ICON = "M4 2.5l9.5 5.5L4 13.5z";

const store = new Store(), events = new Events(), labels = new Map();
let windowMs = 5 * 60000, scope = "all", pausedAt = null, view = store, ahead = 0, operators = null, drawing = 0;

views.glanceBegin();
const charts = new Charts($("charts"), (ms) => text($("cursor-time"), ms === null ? "" : `at ${clock(ms)}`));
const tests = new Tests(choose, draw);
const feed = new Feed({
  state(doc) {
    if (store.take(doc))
      events.mark(`Another engine: pid ${doc.engine.pid}, started ${moment(doc.engine.start_time * 1000)}`);
    ahead = doc.timestamp * 1000 - Date.now();
    if (doc.engine && labels.size === 0)
      learn();
    draw();
  },
  operators(doc) {
    operators = doc;
    draw();
  },
  event: (e, engine) => events.take(e, engine),
  lost: (n) => events.lost(n),
  health,
});

/* What counters are called. */
async function learn() {
  labels.set("", null); // asked for
  try {
    const doc = await (await fetch(`${location.origin}/api/v1/schema`)).json();
    doc.counters.forEach((c) => labels.set(`${c.group}.${c.name}`, c));
    draw();
  } catch {
    labels.clear();
  }
}

/* One drawing a frame, and none that nobody sees. */
function draw() {
  if (drawing || document.hidden || pausedAt !== null)
    return;
  drawing = requestAnimationFrame(() => {
    drawing = 0;
    paint();
  });
}

function paint() {
  options();
  views.facts(view, feed.health.is === "live" ? nowMs() : view.newest);
  views.glance(view);
  charts.draw(view, scope, windowMs, nowMs());
  tests.draw(view, labels);
  views.ports(view);
  views.workers(view);
  views.drops(view, labels);
  views.operators(operators);
}

/* The moment that is shown, by the engine's clock. */
const nowMs = () => (pausedAt ?? Date.now()) + ahead;

/* What charts may show by itself. */
function options() {
  const list = [["all", "all ports and test cases"],
    ...(view.state?.ports ?? []).map((p) => [portKey(p), `port ${p.port}: ${p.name}`]),
    ...(view.state?.tests ?? []).map((t) => [testKey(t), `test case ${t.port}/${t.test_case_id}: ${t.type} ${t.app}`])];
  const select = $("scope"), said = JSON.stringify(list);
  if (select.said === said)
    return;
  select.said = said;
  select.replaceChildren(...list.map(([value, name]) => h("option", { value }, name)));
  if (!list.some(([value]) => value === scope))
    scope = "all";
  select.value = scope;
  tests.chosen = scope.startsWith("test") ? scope : null;
}

function choose(key) {
  scope = key;
  $("scope").value = key;
  tests.chosen = key.startsWith("test") ? key : null;
  paint();
}

function health({ is, why, since }) {
  const [word, what] = WORDS[is];
  attribute($("status"), "data-is", is);
  text($("status-text"), word);
  $("banner").hidden = is === "live" || is === "connecting";
  attribute($("main"), "data-old", is === "live" ? "no" : "yes");
  text($("banner-what"), what);
  text($("banner-why"), why ? `${why[0].toUpperCase()}${why.slice(1)}${/[.?!]$/.test(why) ? "" : "."}` : "");
  attribute($("banner"), "data-is", is);
  attribute($("banner"), "data-since", String(since));
  document.title = is === "live" ? "WARP17 live" : `${word} · WARP17`;
  since_();
}

/* Times that pass while nothing comes. */
function since_() {
  const { is, since } = feed.health;
  if (is === "live" || is === "connecting")
    return;
  const kept = store.count ? " What is shown is what was known last." : "";
  text($("banner-since"), `Since ${clock(since)}, ${duration((Date.now() - since) / 1000)}.${kept} The page goes on by itself.`);
  if (store.count && pausedAt === null && !document.hidden)
    charts.draw(store, scope, windowMs, nowMs());
}

function pause() {
  const on = pausedAt === null;
  pausedAt = on ? Date.now() : null;
  view = on ? store.freeze() : store;
  attribute($("pause"), "aria-pressed", on ? "true" : "false");
  text($("pause-text"), on ? `Paused ${clock(pausedAt)}` : "Pause");
  $("pause-icon").setAttribute("d", on ? PLAY_ICON : PAUSE_ICON);
  events.hold(on);
  draw();
}

function theme(name) {
  const root = document.documentElement;
  if (name === "auto")
    delete root.dataset.theme;
  else
    root.dataset.theme = name;
  $("theme-icon").setAttribute("d", ICONS[name]);
  const said = `Colours: ${name === "auto" ? "as the system" : name}`;
  attribute($("theme"), "aria-label", said);
  attribute($("theme"), "title", said);
  charts.recolour();
}

const themeNow = () => document.documentElement.dataset.theme ?? "auto";

document.querySelectorAll("[data-window]").forEach((b) => b.addEventListener("click", () => {
  windowMs = Number(b.dataset.window) * 60000;
  document.querySelectorAll("[data-window]").forEach((o) => attribute(o, "aria-pressed", o === b ? "true" : "false"));
  charts.draw(view, scope, windowMs, nowMs());
}));
$("scope").addEventListener("change", () => choose($("scope").value));
$("pause").addEventListener("click", pause);
$("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(themeNow()) + 1) % THEMES.length];
  try {
    localStorage.setItem("warp17-theme", next);
  } catch {
    // for this visit then
  }
  theme(next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.recolour());
document.addEventListener("visibilitychange", draw);
theme(themeNow());
setInterval(since_, 1000);
feed.start();
