"""The result document of a run, "warp17-run/1.1" (doc/schema/warp17-run.json): its parts, its verdict, its files.

A run makes the parts, document() puts them together and judges; one engine or several. What writes files are functions of
the document alone: write_json() and write_csv() here, junit.write_junit(), report.write_html().
"""
from __future__ import annotations

import csv
import io
import json
import os
import pathlib
import tempfile
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from . import __version__, metrics
from .response_times import ResponseTimes
from .sampler import Sample, per_second
from .views import TestState

Document = Dict[str, Any]
Path = Union[str, "os.PathLike[str]"]
SCHEMA = "warp17-run/1.1"
EXIT_CODES: Mapping[str, int] = {"passed": 0, "failed": 1, "invalid": 2}
INTERRUPTED = 130
SENDERS = ("client", "multicast")  # test cases that totals are of
SERIES = ("cases", "ports", "workers")


# ---- parts

def type_of(state: TestState) -> Dict[str, str]:
    """{"type", "proto"} of what the engine calls "TCP client", "UDP mcast source"."""
    proto, _, kind = state.type.partition(" ")
    return {"type": "multicast" if kind.startswith("mcast") else kind, "proto": proto.lower()}


def case(name: str, engine: str, state: TestState, final: Mapping[str, Any], numbers: metrics.Metrics,
         expect: Mapping[str, Any], times: Optional[ResponseTimes] = None) -> Document:
    """A test case, judged.

    state    before the tests were stopped
    final    statistics() after that
    numbers  metrics.of_case()
    expect   what is expected beyond its criterion, {metric or counter: comparison}
    times    its response times, where they are measured
    """
    judged = metrics.judged(expect, numbers, final["stats"])
    failed = why_failed(state) + [f"{name}: {metrics.sentence(j)}" for j in judged if not j["met"]]
    invalid = [f"{name}: {state.note or 'it did not keep its rates'}"] if state.behind else []
    return {
        "name": name, "engine": engine, "port": state.port, "test_case_id": state.test_case_id, **type_of(state), "app": state.app,
        "state": state.state, "criterion": {"name": state.criteria, "target": state.target, "achieved": state.achieved},
        "runtime_s": round(state.runtime_s, 3), "behind": state.behind, "note": state.note, "reason": state.reason,
        "verdict": "invalid" if invalid else "failed" if failed else "passed", "reasons": invalid + failed,
        "metrics": dict(numbers), "expectations": judged, "stats": dict(final["stats"]), "latency": final.get("latency"),
        "response_times": times.document() if times is not None else None, "apps": final.get("apps")}


def why_failed(state: TestState) -> List[str]:
    """The engine's sentence, or that there is none."""
    if state.passed:
        return []
    where = f"port {state.port} test case {state.test_case_id}"
    if state.state == "FAILED":
        return [f"{where} FAILED {state.reason}"]
    return [f"{where} is {state.state}, not PASSED: {state.criteria} {state.achieved} of {state.target}"]


def of_ports(samples: Sequence[Sample], final: Mapping[str, Mapping[str, int]], lost: int) -> metrics.Metrics:
    """Of an engine, metrics.OF_PORTS. final: its counters by group, as they grew during the run; lost: accounting.lost()."""
    port, ns = final["port"], samples[-1].mono_ns - samples[0].mono_ns if samples else 0
    first, last = ([sum(p["port"]["tx_pkts"] + p["port"]["rx_pkts"] for p in s.ports.values()) for s in (samples[0], samples[-1])]
                   if samples else (0, 0))
    loads = [w["load_percent"] for s in samples for w in s.workers if w["load_percent"] is not None]
    return {"packets_sent": port["tx_pkts"], "packets_received": port["rx_pkts"],
            "packets_per_second": per_second(first, last, ns) if ns else None, "drops": sum(final["drop"].values()), "losses": lost,
            "retransmissions": final["tsm"]["retrans_pkts"], "worker_load_percent_most": max(loads, default=None)}


def sum_of_ports(engines: Sequence[metrics.Metrics]) -> metrics.Metrics:
    """Of several engines: the load is that of the busiest."""
    total: metrics.Metrics = {}
    for name in metrics.OF_PORTS:
        known = [v for v in (e[name] for e in engines) if v is not None]
        total[name] = None if not known else max(known) if name.endswith("_most") else sum(known)
    return total


# ---- the whole

def document(plan: Document, engines: Sequence[Document], cases: Sequence[Document], ports: metrics.Metrics, series: Document,
             started: float, ended: float, *, expect: Mapping[str, Any], reasons: Sequence[str] = (), warnings: Sequence[str] = (),
             interrupted: bool = False, tool: str = "warp17-run") -> Document:
    """Puts it together and judges it. invalid: an engine has faults, a test case is, or reasons (of the run itself) are given;
    failed: a test case is, or something of expect is not met.

    plan     the schema's "plan"
    ports    sum_of_ports() of the engines
    series   {"interval_s", "cases", "ports", "workers"}: sampler.tables() of all engines
    started, ended  seconds since 1970, UTC
    expect   of totals
    """
    totals = metrics.of_run([c["metrics"] for c in cases if c["type"] in SENDERS], ports)
    judged = metrics.judged(expect, totals, {})
    invalid = [*reasons, *(f"{e['name']}: {f}" if len(engines) > 1 else f for e in engines for f in e["faults"]),
               *(r for c in cases if c["verdict"] == "invalid" for r in c["reasons"])]
    failed = [r for c in cases if c["verdict"] == "failed" for r in c["reasons"]]
    failed += [f"all test cases: {metrics.sentence(j)}" for j in judged if not j["met"]]
    verdict = "invalid" if invalid or interrupted else "failed" if failed else "passed"
    return {
        "schema": SCHEMA, "tool": {"name": tool, "version": __version__}, "plan": plan,
        "started": round(started, 3), "ended": round(ended, 3), "duration_s": round(ended - started, 3),
        "verdict": verdict, "exit_code": INTERRUPTED if interrupted else EXIT_CODES[verdict], "reasons": invalid + failed,
        "warnings": list(warnings), "engines": list(engines), "cases": list(cases),
        "totals": {"metrics": totals, "expectations": judged}, "series": series}


def joined(interval_s: float, parts: Sequence[Mapping[str, List[Document]]]) -> Document:
    """Series of a document out of sampler.tables() of its engines."""
    return {"interval_s": interval_s, **{k: [table for part in parts for table in part[k]] for k in SERIES}}


def headline(doc: Document) -> str:
    """One line: what came of it."""
    cases = doc["cases"]
    passed = sum(c["verdict"] == "passed" for c in cases)
    return f"{doc['verdict'].upper()}: {doc['plan']['name']}: {passed} of {len(cases)} test cases passed in {doc['duration_s']:.1f} s"


# ---- files

def write_text(path: Path, text: str) -> None:
    """Whole or not at all: a reader never sees a part of it. OSError."""
    path = pathlib.Path(path)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="replace", newline="") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_json(doc: Document, path: Path) -> None:
    """The document."""
    write_text(path, json.dumps(doc, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_csv(doc: Document, path: Path) -> None:
    """The time series: a line a sample of a test case, a port or a worker ("of"), in the order of time."""
    columns: List[str] = []
    lines: List[Dict[str, Any]] = []
    for kind in SERIES:
        for table in doc["series"][kind]:
            columns += [c for c in table["columns"] if c not in columns]
            who = place(doc, kind, table)
            lines += [{**who, **dict(zip(table["columns"], row))} for row in table["rows"]]
    lines.sort(key=lambda line: float(line["time_s"]))
    out = io.StringIO()
    head = ["time_s", "of", "engine", "port", "test_case_id", "case", "lcore"]
    writer = csv.DictWriter(out, head + [c for c in columns if c != "time_s"], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_text(path, out.getvalue())


def place(doc: Document, kind: str, table: Mapping[str, Any]) -> Dict[str, Any]:
    """Whose a table of series is."""
    if kind != "cases":
        return {"of": kind[:-1], **{k: table[k] for k in ("engine", "port", "lcore") if k in table}}
    c = doc["cases"][table["case"]]
    return {"of": "case", "engine": c["engine"], "port": c["port"], "test_case_id": c["test_case_id"], "case": c["name"]}
