"""The command warp17-run: arguments, progress, files, exit status."""
from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import shlex
import signal
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, TextIO

from . import __version__, junit, plan_schema, report, results
from .errors import LaunchFailed, Warp17Error
from .metrics import EXPECTED_SAYS, OF_CASE, OF_RUN
from .plan import Plan, PlanError, load
from .runner import EngineRun, engine_for, run
from .sampler import CASE_COLUMNS, case_rows

INVALID, NO_ENGINE = 2, 3
WRITERS = {"result.json": results.write_json, "series.csv": results.write_csv, "junit.xml": junit.write_junit,
           "report.html": report.write_html}
PLAIN_EVERY_S = 5.0
ABOUT = """Runs the test cases of a plan on an engine until their criteria are decided, and writes what became of them:
result.json, series.csv, junit.xml, report.html."""
CODES = """PLAN.yaml and PLAN.json are plans (--schema), any other file is commands as warp17-cli -f takes and "show config" prints.
exit: 0 passed, 1 failed, 2 invalid or a wrong plan, 3 no engine, 4 refused, 5 no answer, 130 interrupted"""


def arguments(args: Optional[Sequence[str]]) -> argparse.Namespace:
    p = argparse.ArgumentParser("warp17-run", description=ABOUT, epilog=CODES, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("plan", nargs="?", metavar="PLAN|CFG", help="what to do")
    p.add_argument("--validate", action="store_true", help="only check the plan")
    p.add_argument("--schema", action="store_true", help="print the JSON Schema of plans")
    p.add_argument("--metrics", action="store_true", help="print what expectations can be about")
    p.add_argument("--attach", metavar="ADDR", help="use a running engine: HOST:PORT or unix:PATH of its RPC server")
    p.add_argument("--token-file", metavar="FILE", type=pathlib.Path, help="the token that RPC server asks for")
    p.add_argument("--replace", action="store_true", help="with --attach: first take away what is configured on the plan's ports")
    p.add_argument("--engine-opts", metavar="OPTIONS", default="", help="more options of the engine that is started, in one word")
    p.add_argument("--output", metavar="DIR", type=pathlib.Path, help="where files go (default warp17-run-<time>)")
    p.add_argument("--force", action="store_true", help="write over files that are there")
    p.add_argument("--duration", metavar="S", type=seconds, help="seconds that tests run at least, instead of the plan's")
    p.add_argument("--timeout", metavar="S", type=seconds, help="seconds after which what is not over has failed, instead of the plan's")
    p.add_argument("--json", action="store_true", help="print the result document, not a summary")
    p.add_argument("-q", "--quiet", action="store_true", help="no progress")
    p.add_argument("-V", "--version", action="version", version=f"warp17-run {__version__}")
    a = p.parse_args(args)
    if a.plan is None and not (a.schema or a.metrics):
        p.error("expected PLAN or CFG")
    return a


def seconds(text: str) -> float:
    value = float(text) if text.replace(".", "", 1).isdigit() else -1
    if not 0 <= value <= 2000000:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected seconds, 0..2000000")
    return value


# ---- progress

class Progress:
    """On standard error: redrawn on a terminal, else lines every few seconds and whenever a state changes."""

    def __init__(self, out: TextIO, plan: Plan) -> None:
        self.out = out
        self.plan = plan
        self.live = out.isatty()
        self.drawn = 0
        self.said = 0.0
        self.states: List[str] = []

    def say(self, text: str) -> None:
        self.out.write(f"warp17-run: {text}\n")
        self.out.flush()

    def look(self, engine: EngineRun, past: float) -> None:
        """For run()."""
        states = [engine.samples[-1].states[c.key].state for c in engine.cases]
        if not self.live and states == self.states and past - self.said < PLAIN_EVERY_S:
            return
        self.said, self.states = past, states
        lines = [self.head(engine, past), *(line(engine, i) for i in range(len(engine.cases)))]
        if self.live:
            width = os.get_terminal_size(self.out.fileno()).columns or 80
            up = f"\033[{self.drawn}A" if self.drawn else ""
            self.out.write(up + "".join(f"\r\033[K{text[:width - 1]}\n" for text in lines))
            self.drawn = len(lines)
        else:
            self.out.write("".join(f"{text}\n" for text in lines))
        self.out.flush()

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


# ---- files

def folder(a: argparse.Namespace) -> pathlib.Path:
    """Where files go; made. Raises PlanError where something would be written over, before anything is started."""
    path: pathlib.Path = a.output or pathlib.Path(time.strftime("warp17-run-%Y%m%d-%H%M%S"))
    there = [n for n in WRITERS if (path / n).exists()]
    if there and not a.force:
        raise PlanError([f"{path / there[0]} is there already: another --output, or --force"])
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".warp17-run-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as e:
        raise PlanError([f"{path}: {e.strerror or e}"]) from e
    return path


def token_of(path: Optional[pathlib.Path]) -> Optional[str]:
    if path is None:
        return None
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as e:
        raise PlanError([f"--token-file {path}: {getattr(e, 'strerror', None) or e}"]) from e


# ---- the whole

@contextlib.contextmanager
def signals_end_us() -> Iterator[None]:
    """SIGTERM and SIGHUP as Ctrl-C: an engine of ours is ended, what was measured is written. A second one while that is
    done changes nothing."""
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def end(number: int, frame: Any) -> None:
        for s in before:
            signal.signal(s, lambda *args: None)  # not SIG_IGN, which programs that we start would have too
        raise KeyboardInterrupt

    for s, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(s, end)
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


def planned(a: argparse.Namespace) -> Plan:
    plan = load(a.plan)
    changes: Dict[str, Any] = {k: v for k, v in (("duration", a.duration), ("timeout", a.timeout)) if v is not None}
    if changes.get("timeout") == 0:
        raise PlanError(["--timeout: 0 given, expected seconds, 1..2000000"])
    return Plan(**{**{f: getattr(plan, f) for f in plan.__dataclass_fields__}, **changes}) if changes else plan


def performed(a: argparse.Namespace, plan: Plan) -> int:
    """Runs it and writes files; the exit status."""
    to, token = folder(a), token_of(a.token_file)
    progress = None if a.quiet else Progress(sys.stderr, plan)
    try:
        args = shlex.split(a.engine_opts)
    except ValueError as e:
        raise PlanError([f"--engine-opts: {e}"]) from e
    doc = None
    try:
        with engine_for(plan, attach=a.attach, args=args, token=token) as (w, launched, options):
            address = (w.engine.address if w.engine else None) or a.attach or plan.attach or ""
            if progress:
                progress.say(f"{plan.name}: {len(plan.cases)} test cases on {'an engine of its own' if launched else address}")
            doc = run(plan, w, launched=launched, options=options, address=address, replace=a.replace,
                      look=progress.look if progress else None)
    finally:
        if doc is None and a.output is None:  # nothing to put there
            with contextlib.suppress(OSError):
                to.rmdir()
    for name, write in WRITERS.items():
        write(doc, to / name)
    if a.json:
        print(json.dumps(doc, allow_nan=False))
    else:
        print("\n".join([*(f"  {r}" for r in doc["reasons"]), *(f"  warning: {r}" for r in doc["warnings"]),
                         f"{results.headline(doc)}; {to / 'report.html'}"]))
    return int(doc["exit_code"])


def main(args: Optional[Sequence[str]] = None) -> int:
    """The exit status."""
    a = arguments(args)
    try:
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
        with signals_end_us():
            return performed(a, plan)
    except PlanError as e:
        for problem in e.problems:
            print(f"warp17-run: error: {problem}", file=sys.stderr)
        return INVALID
    except Warp17Error as e:
        print(f"warp17-run: error: {e}", file=sys.stderr)
        if isinstance(e, LaunchFailed):
            return e.exit_code if e.exit_code in (INVALID, 5) else NO_ENGINE
        return INVALID if e.exit_code == 1 else e.exit_code
    except ValueError as e:  # an address that is none
        print(f"warp17-run: error: {e}", file=sys.stderr)
        return INVALID
    except OSError as e:
        print(f"warp17-run: error: {e}", file=sys.stderr)
        return INVALID
    except KeyboardInterrupt:
        return results.INTERRUPTED


def print_metrics() -> None:
    print(f"Each is expected to be {EXPECTED_SAYS}.")
    for title, names in (("Of a test case", OF_CASE), ("Of all clients and ports", OF_RUN)):
        print(f"\n{title}:")
        for name, (unit, what) in names.items():
            print(f"  {name:30} {what}{f' ({unit})' if unit else ''}")
