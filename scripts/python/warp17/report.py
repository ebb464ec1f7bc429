"""A result document as one HTML file that needs no other: tables that are read without JavaScript, and plots by dygraphs."""
from __future__ import annotations

import datetime
import html
import json
import pathlib
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from . import metrics
from .results import Document, Path, headline, write_text

HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = "/usr/share/javascript/dygraphs/dygraph.min.js"
LICENCES = (HERE.parents[2] / "stats-exporter/page/dygraph.licence", pathlib.Path("/usr/share/doc/libjs-dygraphs/copyright"))

# title, unit, whose tables, (column, name beside the table's owner), logarithmic, is it left out when all is 0
CHARTS: Sequence[Tuple[str, str, str, Sequence[Tuple[str, str]], bool, bool]] = (
    ("Sessions established a second", "", "cases", (("established_per_second", ""),), False, False),
    ("Sessions established now", "", "cases", (("established_now", ""),), False, False),
    ("Transactions a second", "", "cases", (("transactions_per_second", ""),), False, True),
    ("Failed sessions a second", "", "cases", (("failures_per_second", ""),), False, True),
    ("Payload sent", "bit/s", "cases", (("tx_mbps", ""),), False, True),
    ("Latency since the start", "s", "cases", (("latency_p50_us", "p50"), ("latency_p99_us", "p99"), ("latency_max_us", "max")), True, True),
    ("Time to the first byte", "s", "cases", (("first_byte_p50_ms", "p50"), ("first_byte_p99_ms", "p99"), ("first_byte_max_ms", "max")), True, True),
    ("Time to the last byte", "s", "cases", (("last_byte_p50_ms", "p50"), ("last_byte_p99_ms", "p99"), ("last_byte_max_ms", "max")), True, True),
    ("Packets a second", "", "ports", (("tx_packets_per_second", "sent"), ("rx_packets_per_second", "received")), False, False),
    ("Ports' throughput", "bit/s", "ports", (("tx_mbps", "sent"), ("rx_mbps", "received")), False, False),
    ("Drops a second", "", "ports", (("drops_per_second", ""),), False, True),
    ("Retransmissions a second", "", "ports", (("retransmitted_per_second", ""),), False, True),
    ("Worker load", "%", "workers", (("load_percent", ""),), False, False),
)
SCALE = {"_mbps": 1e6, "_us": 1e-6, "_ms": 1e-3}  # to the unit of the chart
SHOWN = ("sessions_established", "failures", "established_per_second", "transactions", "transactions_per_second", "failed_transactions",
         "tx_mbps", "rx_mbps", "latency_p50_us", "latency_p99_us", "latency_max_us", "first_byte_avg_ms", "first_byte_p99_ms",
         "last_byte_avg_ms", "last_byte_p99_ms")


def write_html(doc: Document, path: Path) -> None:
    """The report. Where no dygraphs is found it has no plots, and says so."""
    write_text(path, page(doc))


def page(doc: Document) -> str:
    library = dygraphs()
    shown = charts(doc) if library else []
    parts = [
        "<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'; script-src \'unsafe-inline\'; '
        'img-src data:; base-uri \'none\'; form-action \'none\'">',
        f'<title>{escape(doc["plan"]["name"])}: {doc["verdict"]}</title>', f'<style>{(HERE / "report.css").read_text()}</style></head><body>',
        head(doc), "<main>", notes(doc), cases(doc), expectations(doc), plots(shown, library is not None), details(doc), engines(doc), "</main>",
        f'<footer>{escape(doc["tool"]["name"])} {escape(doc["tool"]["version"])}; the same numbers are in the JSON document, '
        f'{escape(doc["schema"])}</footer>']
    if shown and library:
        data = json.dumps(shown, separators=(",", ":")).replace("<", "\\u003c")
        parts += [f'<script type="application/json" id="data">{data}</script>', f"<script>{library}</script>",
                  f'<script>{(HERE / "report.js").read_text()}</script>']
    return "\n".join(p for p in parts if p) + "\n</body></html>\n"


def dygraphs() -> Optional[str]:
    """The library with its licence: beside us where we are installed, or Debian's libjs-dygraphs."""
    beside, debian = HERE / "dygraph.js", pathlib.Path(LIBRARY)
    if beside.is_file():
        text = beside.read_text(encoding="utf-8")
    elif debian.is_file():
        licences = [f for f in LICENCES if f.is_file()]
        licence = licences[0].read_text(encoding="utf-8").replace("/*", "").replace("*/", "") if licences else ""
        text = f"/* {licence} */\n{debian.read_text(encoding='utf-8')}"
    else:
        return None
    lines = [line for line in text.splitlines() if not line.startswith("//# sourceMappingURL")]
    return "\n".join(lines).replace("</script", "<\\/script")


# ---- data of the plots

def charts(doc: Document) -> List[Document]:
    """[{"title", "unit", "log", "labels", "rows"}], rows by time: what dygraphs takes."""
    found = []
    for title, unit, kind, columns, log, quiet in CHARTS:
        lines = [(label(doc, kind, t, name), line(t, column, log)) for t in doc["series"][kind] for column, name in columns]
        lines = [(name, points) for name, points in lines if any(v is not None for v in points.values())]
        if not lines or quiet and not any(v for _, points in lines for v in points.values()):
            continue
        times = sorted({t for _, points in lines for t in points})
        found.append({"title": title, "unit": unit, "log": log, "labels": unlike([name for name, _ in lines]),
                      "rows": [[t, *(points.get(t) for _, points in lines)] for t in times]})
    return found


def label(doc: Document, kind: str, table: Mapping[str, Any], name: str) -> str:
    if kind == "cases":
        owner = str(doc["cases"][table["case"]]["name"])
    else:
        owner = f"port {table['port']}" if kind == "ports" else f"lcore {table['lcore']}"
        owner = f"{table['engine']} {owner}" if len(doc["engines"]) > 1 else owner
    return f"{owner} {name}".strip()


def unlike(names: Iterable[str]) -> List[str]:
    """The same, none twice: dygraphs tells lines apart by their names."""
    found: List[str] = []
    for name in names:
        n = 2
        one = name
        while one in found:
            one, n = f"{name} ({n})", n + 1
        found.append(one)
    return found


def line(table: Mapping[str, Any], column: str, log: bool) -> Dict[float, Optional[float]]:
    """{time_s: value in the unit of the chart}; a logarithmic one has nothing at 0."""
    if column not in table["columns"]:
        return {}
    at = table["columns"].index(column)
    scale = next((s for end, s in SCALE.items() if column.endswith(end)), 1)
    return {row[0]: None if row[at] is None or log and row[at] == 0 else row[at] * scale for row in table["rows"]}


# ---- parts of the page

def escape(text: object) -> str:
    return html.escape(str(text))


def number(v: Any) -> str:
    """As people read it; nothing for what was not measured."""
    if v is None:
        return '<span class="none">–</span>'
    if isinstance(v, bool) or not isinstance(v, (int, float)):
        return escape(v)
    return f"{v:,}" if isinstance(v, int) else f"{v:,.0f}" if abs(v) >= 1000 else f"{v:,.6g}"


def word(verdict: str) -> str:
    return f'<span class="verdict {escape(verdict.lower())}">{escape(verdict.upper())}</span>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Cells are HTML already; the first of a row names it."""
    body = "".join("<tr>" + "".join(f"<th scope=row>{c}</th>" if i == 0 else f"<td>{c}</td>" for i, c in enumerate(r)) + "</tr>\n"
                   for r in rows)
    cells = "".join(f"<th scope=col>{h}</th>" for h in heads)
    return f'<div class="scroll"><table><caption>{escape(caption)}</caption><thead><tr>{cells}</tr></thead><tbody>\n{body}</tbody></table></div>'


def when(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def head(doc: Document) -> str:
    about = f'<p class="about">{escape(doc["plan"]["description"])}</p>' if doc["plan"]["description"] else ""
    where = ", ".join(f'{escape(e["name"])} {escape(e["version"])}' for e in doc["engines"])
    return (f'<header><h1>{word(doc["verdict"])} {escape(doc["plan"]["name"])}</h1>{about}<p>{escape(headline(doc))}</p>'
            f'<p class="soft">{when(doc["started"])}; {where}; {escape(doc["plan"]["file"] or "")}</p></header>')


def notes(doc: Document) -> str:
    parts = []
    for name, texts, of in (("Why", doc["reasons"], doc["verdict"]), ("To be known", doc["warnings"], "warning")):
        if texts:
            parts.append(f'<section class="note {of}"><h2>{name}</h2><ul>' + "".join(f"<li>{escape(t)}</li>" for t in texts) + "</ul></section>")
    return "\n".join(parts)


def metric_head(name: str) -> str:
    unit, what = {**metrics.OF_CASE, **metrics.OF_RUN}.get(name, ("", ""))
    said = not unit or name.endswith(("_s", "_us", "_mbps", "_bytes")) or "per_second" in name or "percent" in name
    return f'<span title="{escape(what)}">{escape(name.replace("_", " "))}{"" if said else f" ({escape(unit)})"}</span>'


def cases(doc: Document) -> str:
    columns = [m for m in SHOWN if any(c["metrics"].get(m) for c in doc["cases"])]
    several = len(doc["engines"]) > 1
    rows = []
    for i, c in enumerate(doc["cases"]):
        criterion = c["criterion"]
        rows.append([f'<a href="#case-{i}">{escape(c["name"])}</a>', word(c["verdict"]), *([escape(c["engine"])] if several else []),
                     f'{c["port"]}/{c["test_case_id"]}', escape(f'{c["proto"]} {c["type"]} {c["app"]}'),
                     f'{escape(criterion["name"])} {number(criterion["achieved"])} of {number(criterion["target"])}', number(c["runtime_s"]),
                     *(number(c["metrics"].get(m)) for m in columns)])
    heads = ["test case", "verdict", *(["engine"] if several else []), "port/id", "what", "criterion", "run time (s)",
             *(metric_head(m) for m in columns)]
    return "<section><h2>Test cases</h2>" + table(heads, rows, "Each test case, and the metrics by which it is compared") + "</section>"


def expectations(doc: Document) -> str:
    of = [(c["name"], e) for c in doc["cases"] for e in c["expectations"]]
    of += [("all test cases", e) for e in doc["totals"]["expectations"]]
    if not of:
        return ""
    rows = [[escape(name), metric_head(e["metric"]), escape(e["expected"]), number(e["value"]), word("passed" if e["met"] else "failed")]
            for name, e in of]
    return ("<section><h2>Expectations</h2>" + table(["of", "metric", "expected", "found", "met"], rows, "What the plan expects beyond criteria")
            + "</section>")


def plots(shown: Sequence[Document], library: bool) -> str:
    if not library:
        return "<section><h2>Over time</h2><p>No plots: there was no dygraphs where this was written (apt-get install libjs-dygraphs).</p></section>"
    if not shown:
        return ""
    figures = "".join(f'<figure><figcaption><h3>{escape(c["title"])}</h3><div class="legend"></div></figcaption><div class="plot" role="img" '
                      f'aria-label="{escape(c["title"])}: {escape(", ".join(c["labels"]))}"></div></figure>\n' for c in shown)
    return ('<section><h2>Over time</h2><noscript><p>Plots need JavaScript; the CSV file has what they show.</p></noscript>'
            '<p class="soft hint">Seconds since the start. Drag to zoom all plots, shift and drag to move, double-click to see all again.</p>'
            f'<div class="plots">{figures}</div></section>')


def details(doc: Document) -> str:
    parts = ["<section><h2>All numbers</h2>"]
    for i, c in enumerate(doc["cases"]):
        reasons = "".join(f"<p>{escape(r)}</p>" for r in c["reasons"])
        parts.append(f'<details id="case-{i}"><summary>{word(c["verdict"])} {escape(c["name"])}</summary>{reasons}'
                     '<div class="side">' + metrics_table(c["metrics"]) + counters_table(c["stats"], "Counters (doc/counters.md, tc)")
                     + "</div></details>")
    parts.append('<details><summary>All test cases together</summary>' + metrics_table(doc["totals"]["metrics"]) + "</details></section>")
    return "\n".join(parts)


def metrics_table(numbers: Mapping[str, Any]) -> str:
    return table(["metric", "value"], [[metric_head(k), number(v)] for k, v in numbers.items()], "Metrics")


def counters_table(counters: Mapping[str, Any], caption: str) -> str:
    return table(["counter", "value"], [[escape(k), number(v)] for k, v in counters.items() if v], caption)


def engines(doc: Document) -> str:
    parts = ["<section><h2>Engines</h2>"]
    for e in doc["engines"]:
        facts = [["address", escape(e["address"])], ["version", escape(e["version"])], ["workers", number(e["workers"])],
                 ["options", f'<code>{escape(" ".join(e["options"]))}</code>'], ["ports started", escape(", ".join(map(str, e["start"])))]]
        facts += [[f'port {p["port"]}', escape(f'{p["name"]}, {p["driver"]}, {p["mac"]}, MTU {p["mtu"]}')] for p in e["ports"]]
        events = [[when(x["time"]), escape(x["event"]), escape(x["text"])] for x in e["events"]]
        counters = "".join(counters_table(v, f"Counters of all ports: {k}") for k, v in e["counters"].items() if any(v.values()))
        parts.append(f'<details><summary>{escape(e["name"])}</summary>{table(["engine", ""], facts, "What it is")}'
                     f'<h3>Configuration</h3><pre>{escape(chr(10).join(e["configuration"]))}</pre>'
                     f'{table(["time", "event", "what"], events, "What happened") if events else ""}<div class="side">{counters}</div></details>')
    parts.append(f'<details><summary>The plan</summary><pre>{escape(doc["plan"]["text"])}</pre></details></section>')
    return "\n".join(parts)
