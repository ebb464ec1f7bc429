"""What a search's document looks like to people: tables, and the CSV of its levels."""
from __future__ import annotations

import csv
import io
from typing import Any, Dict, List, Mapping, Optional, Sequence

from .response_times import SHOWN

Document = Dict[str, Any]
CSV_KPIS = ("tcp_connections_per_second", "application_transactions_per_second", "attempted_transactions", "failed_transactions",
            "opened_connections", "terminated_connections", "worker_load_percent", "behind", "window_s")
TIMES: Mapping[str, str] = {
    "time_to_first_byte_ms": "time to first byte, ms", "time_to_last_byte_ms": "time to last byte, ms",
    "transaction_first_byte_time_ms": "request to first byte, ms", "transaction_response_time_ms": "request to last byte, ms"}
RFC_9411 = ("time_to_first_byte_ms", "time_to_last_byte_ms")
CSV_COLUMNS = ("n", "stage", "level", "attempt", "asked_per_second", "sessions", "verdict", "limit", "reason", "value", *CSV_KPIS,
               "concurrent_tcp_connections", "inspected_throughput_mbps", *(f"{of}_{q}" for of in TIMES for q in SHOWN), "seconds")


def number(v: Optional[float]) -> str:
    if v is None:
        return "-"
    return f"{v:,.0f}" if abs(v) >= 1000 or v == int(v) else f"{v:,.3g}" if abs(v) < 1 else f"{v:,.1f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side; numbers to the right. The first row is the head, the last column is as long as it is."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]) - 1)]
    right = [all(r[i][:1].isdigit() or r[i] == "-" for r in rows[1:]) for i in range(len(widths))]
    return "\n".join("  ".join([c.rjust(w) if to_right else c.ljust(w) for c, w, to_right in zip(r, widths, right)] + [r[-1]]).rstrip()
                     for r in rows)


def verdict(row: Mapping[str, Any]) -> str:
    return "holds" if row["holds"] else f"fails ({row['limit']})"


def levels(doc: Document) -> str:
    """A row for each level tried."""
    rows: List[List[str]] = [["stage", doc["unit"], "measured", "load %", "verdict", "why"]]
    for r in doc["levels"]:
        load = r["kpis"]["worker_load_percent"] if r["kpis"] else None
        rows.append([r["stage"], number(r["level"]), number(r["value"]), number(load), verdict(r), r["reason"]])
    return table(rows)


def time_of(kpi: Mapping[str, Any]) -> str:
    """All that was measured, or why nothing was."""
    if not kpi["samples"]:
        return "no response" if kpi["samples"] == 0 else str(kpi["how"])
    return ", ".join(f"{kpi[q]:.3f} {q.replace('_', '.')}" for q in SHOWN)


def kpis(of: Mapping[str, Any]) -> str:
    """RFC 9411's names."""
    up, mbps = of["concurrent_tcp_connections"], of["inspected_throughput_mbps"]
    rows = [["KPI", "value"],
            ["TCP connections per second", number(of["tcp_connections_per_second"])],
            ["concurrent TCP connections", f"{number(up['avg'])} avg, {number(up['min'])} min, {number(up['max'])} max"],
            ["application transactions per second", number(of["application_transactions_per_second"])],
            ["inspected throughput, Mbit/s", f"{number(mbps['both_ways'])} ({number(mbps['to_client'])} to the client, "
             f"{number(mbps['to_server'])} to the server)"],
            *([name, time_of(of[k])] for k, name in TIMES.items() if k in RFC_9411 or of[k]["samples"] is not None),
            ["failed transactions", f"{of['failed_transactions']} of {number(of['attempted_transactions'])}"],
            ["connections terminated", f"{of['terminated_connections']} (of {number(of['opened_connections'])} opened)"],
            ["worker load, %", number(of["worker_load_percent"])]]
    return table(rows)


def headline(doc: Document) -> str:
    """One line: what was found."""
    found = doc["result"]
    if doc["error"] is not None:
        return f"FAULT: {doc['error']}"
    if found is None:
        return f"{doc['outcome'].upper()}: no level was tried to its end"
    limit = f"limit: {found['limit'] or 'unknown'}" + (f" ({found['limit_reason']})" if found["limit_reason"] else "")
    if found["level"] is None:
        return f"{doc['outcome'].upper()}: nothing holds, not even {number(doc['search']['lowest'])} {doc['unit']}; {limit}"
    return (f"{doc['outcome'].upper()}: {number(found['value'])} {doc['unit']} {'hold' if found['confirmed'] else 'held, not confirmed'} "
            f"(asked: {number(found['level'])}); {limit}")


def text(doc: Document) -> str:
    """All of it."""
    parts = [levels(doc)] if doc["levels"] else []
    if doc["result"] is not None and doc["result"]["kpis"] is not None:
        parts.append(kpis(doc["result"]["kpis"]))
    return "\n\n".join([*parts, headline(doc)]) + "\n"


def flat(row: Mapping[str, Any]) -> List[Any]:
    of = row["kpis"]
    begin = [row[k] for k in CSV_COLUMNS[:6]] + ["holds" if row["holds"] else "fails", row["limit"], row["reason"], row["value"]]
    if of is None:
        return [*begin, *[None] * (len(CSV_COLUMNS) - len(begin) - 1), row["seconds"]]
    return [*begin, *(of[k] for k in CSV_KPIS), of["concurrent_tcp_connections"]["avg"], of["inspected_throughput_mbps"]["both_ways"],
            *(of[k][q] for k in TIMES for q in SHOWN), row["seconds"]]


def csv_text(doc: Document) -> str:
    """A line for each level tried, as CSV_COLUMNS; what is not there is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(flat(r) for r in doc["levels"])
    return out.getvalue()
