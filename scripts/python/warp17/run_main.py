"""The command warp17-run: arguments, progress, files, exit status."""
from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
from typing import Optional, Sequence, TextIO

from . import plan_schema, tool
from .metrics import EXPECTED_SAYS, OF_CASE, OF_RUN
from .plan import Plan, load
from .runner import EngineRun, engine_for, run
from .sampler import CASE_COLUMNS, case_rows

TOOL = "warp17-run"
ABOUT = """Runs the test cases of a plan on an engine until their criteria are decided, and writes what became of them:
result.json, series.csv, junit.xml, report.html."""
CODES = """PLAN.yaml and PLAN.json are plans (--schema), any other file is commands as warp17-cli -f takes and "show config" prints.
exit: 0 passed, 1 failed, 2 invalid or a wrong plan, 3 no engine, 4 refused, 5 no answer, 130 interrupted"""


def arguments(args: Optional[Sequence[str]]) -> argparse.Namespace:
    p = tool.parser(TOOL, ABOUT, CODES, "PLAN|CFG")
    p.add_argument("--metrics", action="store_true", help="print what expectations can be about")
    p.add_argument("--attach", metavar="ADDR", help="use a running engine: HOST:PORT or unix:PATH of its RPC server")
    p.add_argument("--token-file", metavar="FILE", type=pathlib.Path, help="the token that RPC server asks for")
    p.add_argument("--replace", action="store_true", help="with --attach: first take away what is configured on the plan's ports")
    p.add_argument("--engine-opts", metavar="OPTIONS", default="", help="more options of the engine that is started, in one word")
    a = p.parse_args(args)
    if a.plan is None and not (a.schema or a.metrics):
        p.error("expected PLAN or CFG")
    if a.attach is not None and a.engine_opts:
        p.error("--engine-opts is for an engine that is started, --attach for one that runs")
    return a


# ---- progress

class Progress:
    """What run() tells, on a screen."""

    def __init__(self, out: TextIO, plan: Plan) -> None:
        self.screen = tool.Screen(TOOL, out)
        self.plan = plan

    def look(self, engine: EngineRun, past: float) -> None:
        """For run()."""
        if self.screen.due([engine.samples[-1].states[c.key].state for c in engine.cases], past):
            self.screen.draw([self.head(engine, past), *(line(engine, i) for i in range(len(engine.cases)))])

    def head(self, engine: EngineRun, past: float) -> str:
        left = max(engine.left_s() or 0.0, self.plan.duration - past)
        return f"{past:.0f} s, at most {left:.0f} s left" if left > 0 else f"{past:.0f} s"


def line(engine: EngineRun, at: int) -> str:
    """A test case now: state, criterion, sessions, rates."""
    spec, now = engine.cases[at], engine.samples[-1]
    row = dict(zip(CASE_COLUMNS, case_rows(engine.samples[-2:], spec.key, 0)[-1]))
    state = now.states[spec.key]
    rates = "".join(f", {human(row[k])} {what}/s" for k, what in
                    (("established_per_second", "sessions"), ("transactions_per_second", "transactions")) if row[k])
    failed = f", {row['failures']} failed" if row["failures"] else ""
    return (f"  {spec.name}: {state.state} {state.criteria} {state.achieved} of {state.target}, {human(row['established_now'])} established"
            f"{rates}{failed}{', behind its rate' if state.behind else ''}")


def human(v: float) -> str:
    """12345 as 12.3k."""
    for by, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if v >= by:
            return f"{v / by:.3g}{prefix}"
    return f"{v:.3g}" if v < 1000 else f"{v:.0f}"


# ---- the whole

def planned(a: argparse.Namespace) -> Plan:
    return dataclasses.replace(load(a.plan), **tool.times_of(a))


def performed(a: argparse.Namespace, plan: Plan) -> int:
    """Runs it and writes files; the exit status."""
    args, token = tool.words_of(a.engine_opts), tool.token_of(a.token_file)
    progress = None if a.quiet else Progress(sys.stderr, plan)
    with tool.folder(TOOL, a.output, a.force) as to:
        with engine_for(plan, attach=a.attach, args=args, token=token) as (w, launched, options):
            address = (w.engine.address if w.engine else None) or a.attach or plan.attach or ""
            if progress:
                progress.screen.say(f"{plan.name}: {len(plan.cases)} test cases on {'an engine of its own' if launched else address}")
            doc = run(plan, w, launched=launched, options=options, address=address, replace=a.replace,
                      look=progress.look if progress else None)
            return tool.told(doc, to, a.json)  # an engine that does not end, and who does not wait for it, find it written


def work(a: argparse.Namespace) -> int:
    if a.schema:
        print(json.dumps(plan_schema.schema(), indent=1))
        return 0
    if a.metrics:
        print_metrics()
        return 0
    plan = planned(a)
    if a.validate:
        print(f"{a.plan}: good: {len(plan.cases)} test cases, ports {', '.join(map(str, plan.ports))}")
        return 0
    return performed(a, plan)


def main(args: Optional[Sequence[str]] = None) -> int:
    """The exit status."""
    a = arguments(args)
    return tool.ended(TOOL, lambda: work(a))


def print_metrics() -> None:
    print(f"Each is expected to be {EXPECTED_SAYS}.")
    for title, names in (("Of a test case", OF_CASE), ("Of all clients and ports", OF_RUN)):
        print(f"\n{title}:")
        for name, (unit, what) in names.items():
            print(f"  {name:30} {what}{f' ({unit})' if unit else ''}")
