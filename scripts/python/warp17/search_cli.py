"""The command warp17-search: arguments, progress, files, exit status."""
from __future__ import annotations

import argparse
import contextlib
import ipaddress
import json
import pathlib
import sys
import tempfile
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, TextIO, Tuple

from . import __version__, plan as plans, results, search_options, search_text, tool
from .client import Warp17
from .kpi import CONCURRENT, CONNECTIONS, GOALS, THROUGHPUT, TRANSACTIONS, UNITS, Criteria
from .levels import Result
from .runner import engine_for
from .search import Step
from .search_load import Load, Offer, OwnLoad, Unfit
from .search_plan import PlanLoad
from .search_run import Plan, Progress, Run

TOOL = "warp17-search"
# of each goal: lowest and highest level, sessions of the client
DEFAULTS: Mapping[str, Tuple[int, int, int]] = {
    CONNECTIONS: (100, 1000000, 20000), TRANSACTIONS: (100, 10000000, 1000), THROUGHPUT: (1, 100000, 100), CONCURRENT: (100, 100000, 0)}
ABOUT = """Finds the highest load that an engine and what is behind it hold, in the terms of RFC 9411: TCP connections per second,
application transactions per second, throughput, concurrent connections. Levels rise until one fails, what is left is
halved until it is narrower than the resolution, the best level is tried again for longer."""
CODES = """Without --attach it starts an engine of its own with two ports joined in memory, and ends it.
exit: 0 found, 1 not even the lowest level holds, 2 invalid (wrong input, a fault of the engine, no stable answer, a file without room), 3 no engine,
4 refused, 5 no answer, or not within --max-time, 130 interrupted"""


# ---- arguments

def bounded(low: float, high: float, whole: bool = False) -> Callable[[str], Any]:
    """A type for argparse: a number in a range."""
    def parse(text: str) -> Any:
        try:
            value: Any = int(text) if whole else float(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} given, expected {'a whole number' if whole else 'a number'}, {low:g}..{high:g}")
        return value
    return parse


def ip(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected an IPv4 address") from e


def ips(text: str) -> Tuple[str, str]:
    first, _, last = text.partition("-")
    found = ip(first), ip(last or first)
    if ipaddress.IPv4Address(found[1]) < ipaddress.IPv4Address(found[0]):
        raise argparse.ArgumentTypeError(f"{text!r} given, expected the first address not above the last")
    return found


def ports(text: str) -> Tuple[int, int]:
    first, _, last = text.partition("-")
    number = bounded(1, 65535, whole=True)
    found = number(first), number(last or first)
    if found[1] < found[0]:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected the first port not above the last")
    return found


def server_port(text: str) -> Optional[int]:
    return None if text == "none" else int(bounded(0, 63, whole=True)(text))


def add_load(p: argparse.ArgumentParser) -> None:
    g = p.add_argument_group("load")
    g.add_argument("--goal", choices=GOALS, help="what is to be highest: %(choices)s")
    g.add_argument("--plan", metavar="PLAN|CFG",
                   help="a plan of warp17-run, instead of the options below and of addresses: its clients' rates are searched; its search "
                   "says what options do not")
    g.add_argument("--app", choices=("http", "raw"), default="http", help="application (default %(default)s)")
    g.add_argument("--req-size", type=bounded(0, 100000000, True), default=0, metavar="BYTES", help="of a request's body (default 0)")
    g.add_argument("--resp-size", type=bounded(0, 100000000, True), default=1024, metavar="BYTES", help="of a response's (default 1024)")
    g.add_argument("--host", default="www.foo42.net", help="HTTP's Host (default %(default)s)")
    g.add_argument("--object", default="/index.html", help="HTTP's request target (default %(default)s)")
    g.add_argument("--sessions", type=bounded(1, 4000000, True), metavar="N",
                   help="client sessions (default 20000 for connections, 1000 for transactions, 100 for throughput)")
    g.add_argument("--trickle", type=bounded(0.0001, 1000), default=0.1, metavar="N",
                   help="transactions a second of each of the concurrent connections (default %(default)s)")
    g.add_argument("--no-response-times", action="store_true", help="measure none: the generator has more time for sessions")
    g.add_argument("--retries", type=bounded(0, 128, True), default=3, metavar="N", help="TCP's, before a connection has failed (default 3)")


def add_place(p: argparse.ArgumentParser) -> None:
    g = p.add_argument_group("engine and addresses")
    g.add_argument("--attach", metavar="ADDR", help="use a running engine: HOST:PORT or unix:PATH of its RPC server")
    g.add_argument("--token-file", metavar="FILE", type=pathlib.Path, help="the token that RPC server asks for")
    g.add_argument("--engine-opts", metavar="OPTIONS", help="options of the engine that is started, in one word (default --ring-if-pairs 1)")
    g.add_argument("--client-port", type=bounded(0, 63, True), default=0, metavar="N", help="of the engine (default 0)")
    g.add_argument("--server-port", type=server_port, default=1, metavar="N|none",
                   help="of the engine (default 1); none: the server is another's")
    g.add_argument("--src", type=ips, default=("10.0.0.1", "10.0.0.1"), metavar="IP[-IP]", help="clients (default 10.0.0.1)")
    g.add_argument("--dest", type=ip, default="10.0.0.253", metavar="IP", help="the server (default %(default)s)")
    g.add_argument("--mask", type=ip, default="255.255.255.0", metavar="IP", help="of both (default %(default)s)")
    g.add_argument("--dport", type=ports, default=(80, 80), metavar="PORT[-PORT]", help="of the server (default 80)")
    g.add_argument("--gw", type=ip, metavar="IP", help="the clients' gateway")
    g.add_argument("--server-gw", type=ip, metavar="IP", help="the server's gateway")


def add_numbers(g: Any, numbers: Mapping[str, search_options.Number]) -> None:
    """Options by search_options."""
    for name, of in numbers.items():
        text = of.help if of.default is None else f"{of.help} (default {of.default:g})"
        g.add_argument(f"--{name}", type=bounded(of.low, of.high, of.whole), default=of.default, metavar=of.value, help=text.replace("%", "%%"))


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(TOOL, description=ABOUT, epilog=CODES, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_load(p)
    add_place(p)
    add_numbers(p.add_argument_group("search"), search_options.SEARCH)
    add_numbers(p.add_argument_group("criteria, all of which have to hold over the window"), search_options.CRITERIA)
    p.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the document (doc/schema/warp17-search.json) here; - is standard output")
    p.add_argument("--csv", type=pathlib.Path, metavar="FILE", help="write the levels that were tried here")
    p.add_argument("-q", "--quiet", action="store_true", help="no progress")
    p.add_argument("-V", "--version", action="version", version=f"{TOOL} {__version__}")
    return p


def arguments(args: Optional[Sequence[str]]) -> Tuple[argparse.Namespace, Optional[plans.Plan]]:
    """What is asked for, and the plan. Raises PlanError."""
    p = parser()
    a = p.parse_args(args)
    plan = None if a.plan is None else plans.load(a.plan)
    if plan is not None:
        p.set_defaults(**plan.search)
        a = p.parse_args(args)
    if a.goal is None:
        p.error("expected --goal" if plan is None else f"expected --goal, or a goal in the search of {a.plan}")
    a.lowest, a.highest = getattr(a, "from"), a.to
    lowest, highest, sessions = DEFAULTS[a.goal]
    a.lowest, a.sessions = a.lowest or min(lowest, a.highest or lowest), a.sessions or sessions
    a.highest = a.highest or max(highest, a.lowest)
    if a.lowest > a.highest:
        p.error(f"--from {a.lowest} is above --to {a.highest}")
    if a.server_port == a.client_port:
        p.error(f"--server-port: {a.server_port} is the client's port too")
    if a.attach is not None and a.engine_opts is not None:
        p.error("--engine-opts is for an engine that is started, --attach for one that runs")
    if a.plan is not None and a.goal == CONCURRENT:
        p.error("--goal concurrent takes no --plan: its levels are numbers of sessions")
    if a.app == "raw" and a.resp_size == 0:
        p.error("--resp-size: 0 given, expected 1 or more: without a response there is no transaction")
    return a, plan


def offer_of(a: argparse.Namespace) -> Offer:
    return Offer(a.goal, a.app, a.req_size or (1 if a.app == "raw" else 0), a.resp_size, a.client_port, a.server_port, a.src, a.dest, a.mask,
                 a.dport, a.gw, a.server_gw, a.sessions, a.trickle, a.ramp, a.retries, a.host, a.object,
                 not a.no_response_times)


def criteria_of(a: argparse.Namespace) -> Criteria:
    return Criteria(a.max_failed / 100, a.max_terminated / 100, a.tolerance / 100, response_ms=a.max_response, response_p99_ms=a.max_response_p99)


def plan_of(a: argparse.Namespace) -> Plan:
    return Plan(a.lowest, a.highest, a.resolution / 100, a.factor, a.tries, a.ramp, a.warm_up, a.sustain, a.confirm, a.max_time)


# ---- progress

class Shown(Progress):
    """On standard error: on a terminal the last line says what goes on, elsewhere there is a line for each level tried."""

    def __init__(self, out: TextIO, unit: str) -> None:
        self.out, self.unit, self.live = out, unit, out.isatty()

    def phase(self, step: Step, phase: str) -> None:
        if self.live and step.stage:
            tool.written(self.out, f"\r\033[K{self._what(step)}: {phase}", OSError)

    def tried(self, step: Step, result: Result) -> None:
        v = result.verdict
        came = "holds" if v.holds else f"fails, {v.limit}: {v.reason}"
        line = f"{self._what(step)}: {search_text.number(result.value)} measured, {came}\n"
        tool.written(self.out, f"{chr(13) + chr(27) + '[K' if self.live else ''}{line}", OSError)

    def _what(self, step: Step) -> str:
        again = f", try {step.attempt}" if step.attempt > 1 else ""
        return f"{step.stage} {search_text.number(step.level)} {self.unit}{again}"


# ---- engine, files

def engine_words(a: argparse.Namespace) -> List[str]:
    """Options of an engine of our own: what is asked for, and pools that hold both ends of all sessions."""
    words = tool.words_of("--ring-if-pairs 1" if a.engine_opts is None else a.engine_opts)
    sessions = a.highest + 1000 if a.goal == CONCURRENT else a.sessions
    sizes = {"--tcb-pool-sz": (2 if a.server_port is not None else 1) * sessions * 17 // 16 // 1024 + 16, "--ucb-pool-sz": 16}
    for name, size in sizes.items():
        if not any(w == name or w.startswith(name + "=") for w in words):
            words += [name, str(size)]
    return words


@contextlib.contextmanager
def connected(a: argparse.Namespace, plan: Optional[plans.Plan]) -> Iterator[Warp17]:
    """To an engine that runs, or to one of our own, which ends afterwards."""
    token = tool.token_of(a.token_file)
    if plan is not None:
        with engine_for(plan, attach=a.attach, args=tool.words_of(a.engine_opts or ""), token=token) as (w, _, _):
            yield w
    elif a.attach is not None:
        with Warp17(a.attach, token=token) as w:
            yield w
    else:
        with Warp17.launch(*engine_words(a)) as w:
            yield w


def writable(path: Optional[pathlib.Path]) -> None:
    """Unfit, before anything is started, where a file cannot be written."""
    if path is None or str(path) == "-":
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "is a directory")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as e:
        raise Unfit(f"{path}: {e.strerror or e}") from e


def told(a: argparse.Namespace, doc: Dict[str, Any]) -> int:
    """Writes the files and prints what was found; the exit status: INVALID where a file could not be written, which is said."""
    whole = json.dumps(doc, indent=1, allow_nan=False) + "\n"
    to_stdout = str(a.json) == "-"
    missing = []
    for path, text in ((None if to_stdout else a.json, whole), (a.csv, search_text.csv_text(doc))):
        if path is None:
            continue
        try:
            results.write_text(path, text)
        except OSError as e:
            missing.append(f"{path}: {e.strerror or e}")
    tool.written(sys.stdout, whole if to_stdout else search_text.text(doc))
    for sentence in missing:
        tool.complain(TOOL, sentence)
    return tool.INVALID if missing else int(doc["exit_code"])


# ---- the whole

def searched(a: argparse.Namespace, plan: Optional[plans.Plan]) -> int:
    """Searches and writes; the exit status."""
    for path in (a.json, a.csv):
        writable(path)
    load: Load = OwnLoad(offer_of(a)) if plan is None else PlanLoad(plan, a.goal)
    load.sessions(a.highest)
    if not load.where.timed and (a.max_response or a.max_response_p99):
        raise Unfit("--max-response is about response times, " + ("and --no-response-times is given" if plan is None else
                                                                  f"and {a.plan} switches them off, or nothing answers its clients"))
    with connected(a, plan) as w:
        run = Run(w, load, criteria_of(a), plan_of(a), None if a.quiet else Shown(sys.stderr, UNITS[a.goal]))
        status = told(a, run.run())  # an engine that does not end, and who does not wait for it, find it written
        if run.error is not None:
            tool.complain(TOOL, run.error)
    return status


def main(args: Optional[Sequence[str]] = None) -> int:
    """The exit status."""
    return tool.ended(TOOL, lambda: searched(*arguments(args)))
