"""Engines for tests of pytest: the fixtures warp17_engine and warp17, and failures that have the engine's sentence.

    def test_it_holds(warp17):
        warp17.add_interface(0, "10.0.0.1", "255.255.255.0")
        ...
        warp17.start([1, 0])
        assert_passed(warp17.wait([0, 1], timeout=60))

Options (also in pytest.ini): --warp17-attach, --warp17-token-file, --warp17-engine-opts, --warp17-scope, --warp17-artifacts.
"""
from __future__ import annotations

import json
import pathlib
import re
import shlex
from typing import Any, Callable, Dict, Generator, Iterable, Iterator, List, Optional

import pytest

from .client import Warp17
from .connection import token_in
from .engine import LocalEngine
from .errors import Warp17Error
from .results import write_text
from .runner import clear, groups_of, mtus
from .views import TestState

CONNECTION = pytest.StashKey[Warp17]()
REPORT_LINES = 40
__all__ = ["assert_passed", "warp17", "warp17_engine"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ours, on the command line and in pytest.ini (warp17_attach, ...)."""
    group = parser.getgroup("warp17", "WARP17")
    for name, metavar, what in (
            ("attach", "ADDR", "use a running engine: HOST:PORT or unix:PATH of its RPC server"),
            ("token-file", "FILE", "the token that RPC server asks for"),
            ("engine-opts", "OPTIONS", "options of the engine that is launched (default --ring-if-pairs 1)"),
            ("scope", "SCOPE", "an engine for each session or module (default session)"),
            ("artifacts", "DIR", "write what the engine shows there, as JSON, when a test with the fixture warp17 fails")):
        group.addoption(f"--warp17-{name}", metavar=metavar, help=what)
        parser.addini(f"warp17_{name.replace('-', '_')}", what)


def setting(config: pytest.Config, name: str, default: str = "") -> str:
    given = config.getoption(f"--warp17-{name}")
    return str(given or config.getini(f"warp17_{name.replace('-', '_')}") or default)


def scope(fixture_name: str, config: pytest.Config) -> Any:
    word = setting(config, "scope", "session")
    if word not in ("session", "module"):
        raise pytest.UsageError(f"--warp17-scope: {word!r} given, expected session or module")
    return word


class Attached:
    """An engine that was there before; token: what its RPC server asks for."""

    def __init__(self, address: str, token: Optional[str]) -> None:
        self.address = address
        self.token = token

    def stop(self) -> None:
        """Leaves it as it is."""


@pytest.fixture(scope=scope)
def warp17_engine(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An engine for a whole session (or module): the one of --warp17-attach, or one of this machine, which is ended after
    it. Its address is what Warp17() takes."""
    address = setting(request.config, "attach")
    if address:
        file = setting(request.config, "token-file")
        try:
            token = token_in(file) if file else None
        except ValueError as e:
            raise pytest.UsageError(f"--warp17-token-file {e}") from e
        yield Attached(address, token)
        return
    words = shlex.split(setting(request.config, "engine-opts", "--ring-if-pairs 1"))
    eal: List[str] = []
    if "--" in words:
        eal, words = words[:words.index("--")], words[words.index("--") + 1:]
    engine = LocalEngine(*words, eal=eal)
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def warp17(warp17_engine: Any, request: pytest.FixtureRequest) -> Iterator[Warp17]:
    """A connection to that engine, whose ports are ours, have stopped and have no configuration, before the test and after."""
    name = re.sub(r"[^A-Za-z0-9._-]", "", request.node.name)[:24] or "pytest"
    with Warp17(warp17_engine.address, name=f"pytest-{name}", token=getattr(warp17_engine, "token", None)) as w:
        ports = [p["port"] for p in w.ports()]
        for p in ports:
            w.acquire(p)
        clear(w, ports, groups_of(w))
        before = mtus(w)
        request.node.stash[CONNECTION] = w
        yield w
        try:
            clear(w, ports, groups_of(w), before)
        except Warp17Error as e:
            pytest.fail(f"the engine could not be left clean: {e}", pytrace=False)


def assert_passed(states: Iterable[TestState]) -> None:
    """Fails with the engine's sentences unless all test cases have PASSED, each at the rates that were asked for."""
    __tracebackhide__ = True
    wrong = [str(t) for t in states if not t.passed or t.behind]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


# ---- reports

def shown(w: Warp17) -> Dict[str, Any]:
    """What an engine shows: versions, configuration, states, counters. What cannot be had is an error in its place."""
    def tried(what: Callable[[], Any]) -> Any:
        try:
            return what()
        except Warp17Error as e:
            return {"error": str(e)}

    def of_ports(what: Callable[[int], Any]) -> Any:
        ports = tried(lambda: [p["port"] for p in w.ports()])
        return {p: tried(lambda p=p: what(p)) for p in ports} if isinstance(ports, list) else ports  # type: ignore[misc]

    groups = ("port", "ethernet", "arp", "ipv4", "icmp", "tcp", "tsm", "udp", "http", "drop", "lcore")
    return {"version": tried(w.version), "configuration": tried(w.config), "events": tried(lambda: w.call("show.events")["events"]),
            "tests": of_ports(lambda p: [w.call("show.tests.state", port=p),
                                         *(w.statistics(p, t.test_case_id) for t in w.status(p))]),
            "counters": {g: tried(lambda g=g: w.counters(g)) for g in groups}}  # type: ignore[misc]


def sentences(of: Dict[str, Any]) -> List[str]:
    """Of shown(): the test cases that are not PASSED, and the newest events."""
    lines: List[str] = []
    tests = of["tests"]
    for port, views in tests.items():
        for t in views[0]["tests"] if isinstance(views, list) else ():
            why = "".join(f", {t[k]}" for k in ("reason", "note") if t[k])
            lines.append(f"port {port} test case {t['test_case_id']} {t['state']}: {t['criteria']} {t['achieved']} of {t['target']}{why}")
    events = of["events"] if isinstance(of["events"], list) else []
    lines += [f"{e['time']} {e['text']}" for e in events if e["event"] != "command"][-10:]
    return lines[-REPORT_LINES:]


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> Generator[None, Any, None]:
    """Adds the engine's sentences to the report of a test that failed, and writes its artifact."""
    outcome = yield
    report = outcome.get_result()
    w: Optional[Warp17] = item.stash[CONNECTION] if CONNECTION in item.stash else None
    if w is None or call.when != "call" or not report.failed:
        return
    of = shown(w)
    report.sections.append(("WARP17", "\n".join(sentences(of)) or "the engine shows nothing"))
    folder = setting(item.config, "artifacts")
    if folder:
        path = pathlib.Path(folder) / (re.sub(r"[^A-Za-z0-9._-]+", "-", item.nodeid).strip("-")[-150:] + ".json")
        report.sections.append(("WARP17 artifact", kept(path, {"test": item.nodeid, "failure": str(report.longrepr), **of})))


def kept(path: pathlib.Path, artifact: Dict[str, Any]) -> str:
    """Writes it; where it is, or why it is not: an error of a hook would end all tests."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(artifact, indent=1) + "\n")
    except OSError as e:
        return f"{path}: {e.strerror or e}"
    return str(path)
