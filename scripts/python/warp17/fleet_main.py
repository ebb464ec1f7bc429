"""The command warp17-fleet: arguments, progress, files, exit status."""
from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
from typing import Any, Dict, List, Optional, Sequence, TextIO

from . import __version__, fleet, fleet_plan, tool
from .errors import Warp17Error
from .fleet import TOOL
from .fleet_crew import EngineLost
from .fleet_member import Member
from .run_main import line

ABOUT = """Runs the test cases of a plan on several engines at once: servers on some, clients on others. Writes what became
of them: result.json, series.csv, junit.xml, report.html."""
CODES = """exit: 0 passed, 1 failed, 2 invalid (an engine lost, packets missing, a rate not kept) or a wrong plan, 3 no engine,
4 refused, 5 no answer, 130 interrupted"""


def arguments(args: Optional[Sequence[str]]) -> argparse.Namespace:
    p = argparse.ArgumentParser(TOOL, description=ABOUT, epilog=CODES, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("plan", nargs="?", metavar="PLAN", help="what to do: YAML, or JSON by its name")
    p.add_argument("--validate", action="store_true", help="only check the plan")
    p.add_argument("--schema", action="store_true", help="print the JSON Schema of plans")
    p.add_argument("--replace", action="store_true", help="first take away what is configured on the plan's ports")
    p.add_argument("--output", metavar="DIR", type=pathlib.Path, help="where files go (default warp17-fleet-<time>)")
    p.add_argument("--force", action="store_true", help="write over files that are there")
    p.add_argument("--duration", metavar="S", type=tool.seconds, help="seconds that tests run at least, instead of the plan's")
    p.add_argument("--timeout", metavar="S", type=tool.seconds, help="seconds after which what is not over has failed, instead of the plan's")
    p.add_argument("--json", action="store_true", help="print the result document, not a summary")
    p.add_argument("-q", "--quiet", action="store_true", help="no progress")
    p.add_argument("-V", "--version", action="version", version=f"{TOOL} {__version__}")
    a = p.parse_args(args)
    if a.plan is None and not a.schema:
        p.error("expected PLAN")
    if a.timeout == 0:
        p.error("--timeout: 0 given, expected seconds, 1..2000000")
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
    plan = fleet_plan.load(a.plan)
    changes: Dict[str, Any] = {k: v for k, v in (("duration", a.duration), ("timeout", a.timeout)) if v is not None}
    return dataclasses.replace(plan, **changes)


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
    """Of an engine that was lost, why; else the run is invalid."""
    if not isinstance(e, EngineLost):
        return tool.INVALID
    return tool.NO_ENGINE if e.exit_code == 1 else e.exit_code


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
