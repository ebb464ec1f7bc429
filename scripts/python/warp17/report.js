/* The plots of a report: one zoom for all of them. */
/* global Dygraph */
(() => {
  "use strict";
  const DASHES = [null, [7, 3], [2, 2], [9, 3, 2, 3]];
  const COLOURS = 6;
  const PREFIXES = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colours = (n) => Array.from({ length: n }, (_, i) => css(`--line-${i % COLOURS}`));

  /* 12300 as 12.3 k. */
  function human(v, unit) {
    if (v === null || v === undefined || Number.isNaN(v))
      return "–";
    const a = Math.abs(v);
    const [by, prefix] = v === 0 || unit === "%" || (a < 1 && !unit) ? [1, ""] : PREFIXES.find(([p]) => a >= p * 0.9995) ?? PREFIXES[PREFIXES.length - 1];
    return `${Number((v / by).toPrecision(4))} ${prefix}${unit}`.trim();
  }

  function legend(data) {
    const parts = data.series.filter((s) => s.isVisible).map((s) => {
      const span = document.createElement("span"), swatch = document.createElement("i");
      swatch.style.background = s.color;
      span.append(swatch, data.x === undefined ? s.label : `${s.label} ${s.yHTML ?? ""}`);
      return span.outerHTML;
    });
    return parts.join("") + (data.x === undefined ? "" : `<span>at ${data.xHTML}</span>`);
  }

  const charts = JSON.parse(document.getElementById("data").textContent);
  const figures = [...document.querySelectorAll("figure")];
  const graphs = [];
  let zooming = false;

  function zoomed(window) {
    if (zooming)
      return;
    zooming = true;
    graphs.forEach((g) => g.updateOptions({ dateWindow: window }));
    zooming = false;
  }

  charts.forEach((c, i) => {
    const n = c.labels.length;
    graphs.push(new Dygraph(figures[i].querySelector(".plot"), c.rows, {
      labels: ["s", ...c.labels], labelsDiv: figures[i].querySelector(".legend"), legend: "always", legendFormatter: legend,
      includeZero: !c.log, strokeWidth: 1.6, highlightCircleSize: 3, rightGap: 6, gridLineWidth: 1, connectSeparatedPoints: true,
      drawPoints: c.rows.length < 4, axisLabelFontSize: 11, colors: colours(n), axisLineColor: css("--axis"), gridLineColor: css("--grid"),
      series: Object.fromEntries(c.labels.map((l, k) => [l, { strokePattern: DASHES[(k + Math.floor(k / COLOURS)) % DASHES.length] }])),
      axes: {
        x: { drawGrid: false, axisLabelFormatter: (v) => `${Number(v.toPrecision(6))}`, valueFormatter: (v) => `${v} s` },
        y: { axisLabelWidth: 62, logscale: c.log, axisLabelFormatter: (v) => human(v, c.unit), valueFormatter: (v) => human(v, c.unit) },
      },
      zoomCallback: (a, b) => zoomed(graphs[i].isZoomed("x") ? [a, b] : null),
    }));
  });

  const recolour = () => graphs.forEach((g, i) =>
    g.updateOptions({ colors: colours(charts[i].labels.length), axisLineColor: css("--axis"), gridLineColor: css("--grid") }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  // paper is light, and shows what is folded
  matchMedia("print").addEventListener("change", recolour);
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((d) => { d.open = true; });
    graphs.forEach((g) => g.resize());
  });
  addEventListener("afterprint", () => {
    folded.forEach((d) => { d.open = false; });
    graphs.forEach((g) => g.resize());
  });
  const show = () => {
    const d = document.getElementById(location.hash.slice(1));
    if (d)
      d.open = true;
  };
  addEventListener("hashchange", show);
  show();
})();
