"""The command warp17-fleet: arguments, progress, files, exit status."""
from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Any, Dict, List, Optional, Sequence, TextIO

from . import fleet, fleet_plan, tool
from .errors import Warp17Error
from .fleet import TOOL
from .fleet_crew import EngineLost
from .fleet_member import Member
from .run_main import line

ABOUT = """Runs the test cases of a plan on several engines at once: servers on some, clients on others. Writes what became
of them: result.json, series.csv, junit.xml, report.html. PLAN.json is JSON, any other YAML."""
CODES = """exit: 0 passed, 1 failed, 2 invalid (an engine lost, packets missing, a rate not kept) or a wrong plan, 3 no engine,
4 refused, 5 no answer, 130 interrupted"""


def arguments(args: Optional[Sequence[str]]) -> argparse.Namespace:
    p = tool.parser(TOOL, ABOUT, CODES, "PLAN")
    p.add_argument("--replace", action="store_true", help="first take away what is configured on the plan's ports")
    a = p.parse_args(args)
    if a.plan is None and not a.schema:
        p.error("expected PLAN")
    return a


class Progress:
    """What fleet.run() tells, on a screen."""

    def __init__(self, out: TextIO) -> None:
        self.screen = tool.Screen(TOOL, out)

    def look(self, members: Sequence[Member], past: float) -> None:
        """For fleet.run()."""
        if self.screen.due([m.samples[-1].states[c.key].state for m in members for c in m.cases], past):
            self.screen.draw([f"{past:.0f} s", *(f"{m.name}:{line(m, i)}" for m in members for i in range(len(m.cases)))])


def planned(a: argparse.Namespace) -> fleet_plan.FleetPlan:
    return dataclasses.replace(fleet_plan.load(a.plan), **tool.times_of(a))


def performed(a: argparse.Namespace, plan: fleet_plan.FleetPlan) -> int:
    """Runs it and writes files; the exit status."""
    for e in plan.engines:  # files that are not there are said before anything is written
        e.token()
        e.tls()
    progress = None if a.quiet else Progress(sys.stderr)
    with tool.folder(TOOL, a.output, a.force) as to:
        if progress:
            progress.screen.say(f"{plan.name}: {sum(len(e.part.cases) for e in plan.engines)} test cases on {len(plan.engines)} engines")
        doc = fleet.run(plan, replace=a.replace, look=progress.look if progress else None)
    return tool.told(doc, to, a.json, of_fleet(doc["fleet"]))


def of_fleet(f: Dict[str, Any]) -> List[str]:
    """What is measured between engines, a line each."""
    found = [f"  clock of {c['engine']}: {us(c['begin']['realtime_offset_ns'])} off ours, +- {us(c['begin']['uncertainty_ns'])}"
             + (f", drift {c['drift']['ppm']:+.1f} +- {c['drift']['uncertainty_ppm']:.1f} ppm" if c["drift"] else "") for c in f["clocks"]]
    found += [f"  {stage} began within {us(s['spread_ns'])} +- {us(s['uncertainty_ns'])}" for stage, s in f["start"].items()
              if len(s["starts"]) > 1]
    found += [f"  {n['from']} to {n['to']}: {n['sent']} packets sent, {n['received']} received, {n['lost'] + sum(n['named'].values())} lost"
              for n in f["networks"]]
    if f["latency"]:
        m = f["latency"]["merged"]
        if m["samples"]:
            found.append(f"  latency of {m['samples']} samples: " + ", ".join(f"{k} {us(m[f'{k}_ns'])}" for k in ("p50", "p90", "p99", "p99_9", "max")))
    return found


def us(ns: float) -> str:
    return f"{ns / 1e6:.3f} ms" if abs(ns) >= 1e6 else f"{ns / 1e3:.1f} us"


def status_of(e: Warp17Error) -> int:
    """Of an engine that was lost, that of why."""
    return tool.status_of(e.error if isinstance(e, EngineLost) else e)


def work(a: argparse.Namespace) -> int:
    if a.schema:
        print(json.dumps(fleet_plan.schema(), indent=1))
        return 0
    plan = planned(a)
    if a.validate:
        print(f"{a.plan}: good: {len(plan.engines)} engines, {sum(len(e.part.cases) for e in plan.engines)} test cases")
        return 0
    return performed(a, plan)


def main(args: Optional[Sequence[str]] = None) -> int:
    """The exit status."""
    a = arguments(args)
    return tool.ended(TOOL, lambda: work(a), status_of)
