/* The charts, drawn by dygraphs: one cross-hair for all of them, by pointer or arrow keys. */
/* global Dygraph */
import { clock, exact, human, humanOf, latency, percent } from "./format.js";

// its legend sets styles that the page's Content-Security-Policy forbids; ours is text in the caption
Dygraph.PLUGINS = Dygraph.PLUGINS.filter((p) => p !== Dygraph.Plugins.Legend);

const bits = (v) => humanOf(v, "bit/s");

// looks: each has its own colour (of Okabe and Ito's, which the colour-blind tell apart) and its own dashes
const LOOKS = { a: null, b: [7, 3], c: [2, 2], d: [9, 3, 2, 3] };
// series: field, name, look; quiet: not in the legend while it is zero. only: the chart is there when a test case has that
const CHARTS = [
  { id: "sessions", title: "Sessions/s", help: "Sessions established a second", value: human,
    series: [["estabC", "clients", "a"], ["estabS", "servers", "b"], ["failed", "failed", "c", "quiet"]] },
  { id: "open", title: "Open sessions", help: "Sessions established and not ended", value: human,
    series: [["openC", "clients", "a"], ["openS", "servers", "b"]] },
  { id: "transactions", title: "Transactions/s", help: "Responses a second: clients received, servers sent", value: human,
    series: [["transC", "clients", "a"], ["transS", "servers", "b"]] },
  { id: "latency", title: "Latency", help: "Percentiles of what was measured in the last second, of several test cases the worst; a gap where nothing was. Each line of the grid is ten times the one below",
    value: latency, decades: true, none: "No test case measures latency now.",
    series: [["p50", "p50", "a"], ["p90", "p90", "d"], ["p99", "p99", "b"], ["p99_9", "p99.9", "c"]] },
  { id: "responses", title: "Response time", help: "Percentiles of the time to a response's last byte, of the last second, of several test cases the worst; a gap where none came. Each line of the grid is ten times the one below",
    value: latency, decades: true, none: "No response came.", only: (t) => t.response_times,
    series: [["last_p50", "p50", "a"], ["last_p90", "p90", "d"], ["last_p99", "p99", "b"], ["last_p99_9", "p99.9", "c"]] },
  { id: "packets", title: "Packets/s", help: "Packets a second between workers and ports", value: human, of: "port",
    series: [["txPkts", "sent", "a"], ["rxPkts", "received", "b"]] },
  { id: "bits", title: "Throughput", help: "Bits a second, from the Ethernet header on", value: bits, of: "port",
    series: [["txBits", "sent", "a"], ["rxBits", "received", "b"]] },
  { id: "load", title: "Worker load", help: "Share of a worker's time that found work", value: percent, of: "all", top: 100,
    series: [["busiest", "busiest", "a"], ["average", "average", "d"]] },
  { id: "drops", title: "Drops/s", help: "Packets dropped a second, all reasons", value: human, of: "port",
    series: [["drops", "dropped", "c"]] },
];

/* Where a line's values are, when test cases or ports are shown by themselves. */
function source(chart, scope) {
  if (chart.of === "all")
    return "all";
  return chart.of === "port" && scope.startsWith("test") ? `port ${scope.slice(5).split("/")[0]}` : scope;
}

/* Where the grid's lines are: 0, a half and the whole of 1, 2, 4, 5 or 10 of a power of ten; or powers of ten alone. */
function grid(numbers, about) {
  const max = about.top ?? Math.max(0, ...numbers);
  if (about.decades) {
    const power = (v, round) => 10 ** round(Math.log10(Math.max(v, 1)));
    const low = power(Math.min(1e9, ...numbers), Math.floor), high = Math.max(10 * low, power(max, Math.ceil)), lines = [];
    for (let v = low; v <= high * 1.01; v *= 10)
      lines.push(v);
    return { lines, range: [low, high * 1.5] };
  }
  const unit = 10 ** Math.floor(Math.log10(max > 0 ? max : 1));
  const end = max > 0 ? unit * [1, 2, 4, 5, 10].find((n) => n * unit >= max) : 1;
  return { lines: [0, end / 2, end], range: [0, end * 1.08] };
}

/* What grows with dygraphs' axis has no room for much. */
const axisLabel = (about, v) => (about.value === bits ? human(v) : about.value(v)).replace(/\.0+(?=\D|$)/, "").replace(/(\.\d)0(?=\D|$)/, "$1");

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function el(tag, name, text) {
  const e = document.createElement(tag);
  if (name)
    e.className = name;
  if (text !== undefined)
    e.textContent = text;
  return e;
}

/* A piece of line as it is in the chart. */
function swatch(look) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `swatch look-${look}`);
  svg.setAttribute("viewBox", "0 0 16 8");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", "M0 4h16");
  if (LOOKS[look])
    line.setAttribute("stroke-dasharray", LOOKS[look].join(" "));
  svg.append(line);
  return svg;
}

class Chart {
  constructor(about, group) {
    this.about = about;
    this.group = group;
    this.rows = [];
    this.lines = [];
    this.card = el("figure", "card chart");
    this.card.id = `chart-${about.id}`;
    const caption = el("figcaption");
    const title = el("h3", "", about.title);
    title.title = about.help;
    this.legend = el("ul", "legend");
    caption.append(title, this.legend);
    this.values = about.series.map(() => el("span", "value", "–"));
    this.items = about.series.map(([, name, look], i) => {
      const li = el("li");
      li.append(swatch(look), el("span", "name", name), this.values[i]);
      return li;
    });
    this.legend.append(...this.items);
    this.plot = el("div", "plot");
    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "img");
    this.area = el("div", "area");
    this.hair = el("div", "hair");
    this.hair.hidden = true;
    this.note = el("p", "note", about.none ?? "");
    this.note.hidden = true;
    this.plot.append(this.area, this.hair, this.note);
    this.card.append(caption, this.plot);
    this.listen();
  }

  /* In the document: dygraphs asks how large it is. */
  begin() {
    const labels = ["time", ...this.about.series.map(([, name]) => name)];
    this.graph = new Dygraph(this.area, [[Date.now(), ...this.about.series.map(() => null)]], {
      labels, legend: "never", showLabelsOnHighlight: false, interactionModel: {}, strokeWidth: 1.6, highlightCircleSize: 3,
      rightGap: 6, xRangePad: 0, axisLabelFontSize: 11, gridLineWidth: 1, fillAlpha: 0.1, resizable: "off", valueRange: [1, 10],
      series: Object.fromEntries(this.about.series.map(([, name, look], i) =>
        [name, { strokePattern: LOOKS[look], fillGraph: i === 0 && !this.about.decades }])),
      axes: {
        x: { drawGrid: false, pixelsPerLabel: 64, axisLabelFormatter: (ms) => clock(Number(ms)),
          ticker: (a, b, pixels) => this.group.ticks(a, b, pixels) },
        y: { axisLabelWidth: 44, logscale: this.about.decades ?? false, ticker: () => this.ticks() },
      },
      underlayCallback: (ctx, area, g) => this.shade(ctx, area, g),
      ...this.colours(),
    });
    new ResizeObserver(() => this.graph.resize()).observe(this.area);
  }

  /* Labels of many lines would touch each other. */
  ticks() {
    const each = Math.ceil(this.lines.length / 5);
    return this.lines.map((v, i) => ({ v, label: i % each === 0 ? axisLabel(this.about, v) : "" }));
  }

  colours() {
    return { colors: this.about.series.map(([, , look]) => css(`--line-${look}`)), axisLineColor: css("--axis"), gridLineColor: css("--grid") };
  }

  /* Times of which nothing is known. */
  shade(ctx, area, g) {
    ctx.fillStyle = css("--gap");
    for (const { from, to } of this.group.gaps) {
      const a = Math.max(area.x, g.toDomXCoord(from)), b = Math.min(area.x + area.w, g.toDomXCoord(to));
      if (b > a)
        ctx.fillRect(a, area.y, b - a, area.h);
    }
  }

  draw(store, scope, from, to) {
    const of = source(this.about, scope);
    this.rows = store.rows(of, this.about.series.map(([f]) => f), from);
    const numbers = this.rows.filter((r) => r[0] >= from).flatMap((r) => r.slice(1)).filter((v) => v !== null);
    this.card.hidden = Boolean(this.about.only) && numbers.length === 0 && !store.state?.tests.some(this.about.only);
    if (this.card.hidden) {
      this.rows = [];
      return;
    }
    const { lines, range } = grid(numbers, this.about);
    this.lines = lines;
    const file = this.rows.length ? this.rows : [[to, ...this.about.series.map(() => null)]];
    this.graph.updateOptions({ file, dateWindow: [from, to], valueRange: range });
    this.note.hidden = !this.about.none || numbers.length > 0;
    this.items.forEach((li, i) => {
      const quiet = this.about.series[i][3] === "quiet";
      li.hidden = numbers.length > 0 && !this.rows.some((r) => (quiet ? r[i + 1] > 0 : r[i + 1] !== null));
    });
    this.now = store.series.get(of)?.now ?? {};
    this.say();
  }

  /* The legend: values under the cross-hair, or the newest. */
  say() {
    const row = this.row();
    this.about.series.forEach(([field, name], i) => {
      const v = row ? row[i + 1] : this.now?.[field];
      this.values[i].textContent = this.about.value(v);
      this.values[i].title = `${name}: ${exact(v)}`;
    });
    const spoken = this.about.series.filter((_, i) => !this.items[i].hidden).map(([, name], i) => `${name} ${this.values[i].textContent}`).join(", ");
    this.plot.setAttribute("aria-label", `${this.about.title}, ${this.about.help}. ${row ? `At ${clock(row[0])}` : "Now"}: ${spoken}`);
    this.point(row);
  }

  /* The row nearest to the cross-hair. */
  row() {
    const ms = this.group.at;
    if (ms === null || this.rows.length === 0)
      return null;
    return this.rows.reduce((best, r) => (Math.abs(r[0] - ms) < Math.abs(best[0] - ms) ? r : best));
  }

  point(row) {
    const inside = row && row[0] >= this.group.from;
    this.hair.hidden = !inside;
    if (inside) {
      this.hair.style.transform = `translateX(${this.graph.toDomXCoord(row[0]).toFixed(1)}px)`;
      this.graph.setSelection(this.rows.indexOf(row));
    } else {
      this.graph.clearSelection();
    }
  }

  listen() {
    const by = (e) => this.group.cross(this.graph.toDataXCoord(e.clientX - this.area.getBoundingClientRect().left));
    this.plot.addEventListener("pointermove", by);
    this.plot.addEventListener("pointerdown", by);
    this.plot.addEventListener("pointerleave", (e) => e.pointerType === "mouse" && this.group.cross(null));
    this.plot.addEventListener("blur", () => this.group.cross(null));
    this.plot.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 }[e.key];
      if (e.key === "Escape")
        this.group.cross(null);
      if (step === undefined || this.rows.length === 0)
        return;
      e.preventDefault();
      const shown = this.rows.filter((r) => r[0] >= this.group.from);
      const row = this.row(), at = row ? shown.indexOf(row) + step : shown.length - 1;
      if (shown.length)
        this.group.cross(shown[Math.max(0, Math.min(shown.length - 1, at))][0]);
    });
  }
}

export class Charts {
  constructor(into, onCross) {
    this.at = null; // of the cross-hair, ms
    this.from = 0;
    this.gaps = [];
    this.onCross = onCross;
    this.all = CHARTS.map((about) => new Chart(about, this));
    into.append(...this.all.map((c) => c.card));
    this.all.forEach((c) => c.begin());
  }

  /* Round times, at most one for each 64 pixels. */
  ticks(from, to, pixels) {
    const steps = [5, 10, 15, 30, 60, 120, 300, 600].map((s) => s * 1000);
    const step = steps.find((s) => (to - from) / s <= Math.max(1, pixels / 80)) ?? steps[steps.length - 1];
    const ticks = [];
    for (let v = Math.ceil(from / step) * step; v <= to; v += step)
      ticks.push({ v, label: step < 60000 ? clock(v) : clock(v).slice(0, 5) });
    return ticks;
  }

  /* The window, or less of it when less is known. */
  draw(store, scope, windowMs, to) {
    this.from = Math.max(to - windowMs, Math.min(store.oldest || to, to - 60000));
    this.gaps = store.gaps.filter((g) => g.to >= this.from);
    this.all.forEach((c) => c.draw(store, scope, this.from, to));
  }

  recolour() {
    this.all.forEach((c) => c.graph.updateOptions(c.colours()));
  }

  cross(ms) {
    this.at = ms;
    this.all.forEach((c) => c.say());
    this.onCross(ms === null ? null : this.all[0].row()?.[0] ?? null);
  }
}
