"""Runs a plan on an engine: sets it up, starts it, looks at it until all test cases are over, stops it, and judges.

EngineRun is one engine's part, from its configuration to its place in the result document; who drives several engines has
several. run() is a whole run on one.
"""
from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from . import accounting, metrics, results
from .client import Warp17
from .errors import CommandFailed, ConnectionLost, EngineGone, InvalidParams, Refused, TimedOut, Warp17Error
from .plan import CaseSpec, Plan, PlanError, engine_options
from .plan_commands import Call
from .engine import option_words
from .response_times import METHOD, OFF, ResponseTimes
from .sampler import Key, Sample, Sampler, tables

SAMPLES_MAX = 3600  # beyond that every second one goes, and they are taken half as often
SETTLE_S = 3.0  # after a stop, until the last packets are counted
SOON_S = 0.1  # between samples when a verdict is due
STALL = "worker-stalled"
GONE = (EngineGone, ConnectionLost, TimedOut)  # of who drives engines: one that does not answer any more
Look = Callable[["EngineRun", float], None]


def mtus(w: Warp17) -> Dict[int, int]:
    """Of each port, for clear()."""
    return {p["port"]: p["mtu"] for p in w.ports()}


def stop_running(w: Warp17, ports: Sequence[int]) -> None:
    """Stops those that run: the others refuse."""
    for p in ports:
        if w.call("show.tests.state", port=p)["running"]:
            w.stop(p)


def clear(w: Warp17, ports: Sequence[int], groups: Sequence[int] = (), mtu: Optional[Mapping[int, int]] = None) -> None:
    """Stops the ports and takes away their test cases, interfaces, gateways and faults; then these IMIX groups. mtu: what
    ports are to have again. Applications of groups stay: there is no command to delete them, and they do nothing."""
    stop_running(w, ports)
    for p in ports:
        there = w.settings(p)
        for t in there["tests"].values():
            w.delete_test(p, t["test_case_id"])
        for i in there["l3_interfaces"]:
            w.delete_interface(p, i["ip"], vlan_id=i["vlan_id"] or None)
        if there["gw"] is not None:
            w.delete_gateway(p)
        w.delete_faults(p)
        if mtu is not None and mtu[p] != there["mtu"]:
            w.set_mtu(p, mtu[p])
    there_are = groups_of(w) if groups else []
    for g in groups:
        if g in there_are:
            w.delete_imix(g)


def groups_of(w: Warp17) -> List[int]:
    """IMIX groups of the engine."""
    return [g["imix_id"] for g in w.imix()["groups"]]


class EngineRun:
    """One engine's part of a run. In this order: configure(), begin(), start(), look() again and again, stop(), finish().

    w         the connection, which is of nobody else's meanwhile
    name      the engine's in the document
    cases     its test cases
    start     its ports in the order of their start
    launched  it ends after the run
    options   its command line, for the document
    offset_ns, error_ns  its real-time clock less ours, and how far off that may be; None where it has our clock
    """

    def __init__(self, w: Warp17, name: str, cases: Sequence[CaseSpec], start: Sequence[int], *, launched: bool, options: Sequence[str] = (),
                 address: str = "", offset_ns: Optional[int] = None, error_ns: int = 0) -> None:
        self.w = w
        self.name = name
        self.cases = list(cases)
        self.order = list(start)
        self.launched = launched
        self.options = list(options)
        self.address = address
        self.offset_ns = offset_ns
        self.error_ns = error_ns
        self.samples: List[Sample] = []
        self.faults: List[str] = []
        self.warnings: List[str] = []
        self.events: List[Dict[str, Any]] = []
        self.limits: Dict[Key, Optional[int]] = {}
        self._timed: Dict[Key, bool] = {}
        self._finals: Dict[Key, Dict[str, Any]] = {}
        self._times: Dict[Key, ResponseTimes] = {}
        self._about = {"version": "", "prefix": "", "pid": 0, "workers": 0}
        self._ports: List[Dict[str, Any]] = []
        self._configuration: List[str] = []
        self._counters: Dict[int, Dict[str, Dict[str, int]]] = {}
        self._devices: Dict[int, Dict[str, int]] = {}
        self._last_event = 0

    # ---- before

    def configure(self, calls: Sequence[Call], locate: Callable[[Call, str], str]) -> None:
        """Tells the engine. Raises PlanError for what it does not take, its sentence with the place that locate() says."""
        for call in calls:
            try:
                self.w.call(call.method, **call.params)
            except (InvalidParams, CommandFailed) as e:
                raise PlanError([locate(call, e.message)]) from e
            if call.method == METHOD:
                self._timed[(call.params["port"], call.params["test_case_id"])] = call.params["from"] != OFF

    def begin(self) -> None:
        """Notes what is there before the start, and takes the first sample."""
        about = self.w.session()["engine"]
        self._about = {k: about[k] for k in self._about}
        self._ports = [{k: p[k] for k in ("port", "name", "driver", "mac", "mtu")} for p in self.w.ports()]
        self._configuration = self.w.config()
        self._last_event = self.w.call("show.events", last=1)["last"]
        for p in self.order:
            for t in self.w.settings(p)["tests"].values():
                self.limits[(p, t["test_case_id"])] = t.get("criterion_within_s")
        self._sampler = Sampler(self.w, [c.key for c in self.cases], [p["port"] for p in self._ports],
                                [c.key for c in self.cases if self._timed.get(c.key)])
        self._before = self._all_counters()
        self.samples.append(self._sampler.take())

    def _all_counters(self) -> Tuple[Dict[int, Dict[str, Dict[str, int]]], Dict[int, Dict[str, int]]]:
        answers = [self.w.call(f"show.{g}.statistics") for g in accounting.GROUPS]
        return accounting.take(answers, [p["port"] for p in self._ports])

    # ---- while it runs

    def start(self) -> None:
        """Starts the ports, one after the other. CommandFailed, with the engine's sentence."""
        self.w.start(self.order)

    def look(self) -> Optional[Sample]:
        """Takes a sample. None: the engine is gone, which faults say."""
        try:
            self.samples.append(self._sampler.take())
        except Warp17Error as e:
            self.faults.append(f"the engine was lost while tests ran: {e}")
            return None
        return self.samples[-1]

    def over(self) -> bool:
        """Have all test cases come to their end? An engine that is gone has."""
        return bool(self.faults) or bool(self.samples) and all(t.over for t in self.samples[-1].states.values())

    def left_s(self) -> Optional[float]:
        """Seconds until the last test case is over at the latest; None: not known. Those of a port wait for each other."""
        if not self.samples:
            return None
        longest = 0.0
        for p in self.order:
            longest = max(longest, sum(self._left(k) for k in self.limits if k[0] == p and k in self.samples[-1].states))
        return longest

    def _left(self, key: Key) -> float:
        t = self.samples[-1].states[key]
        limit = t.target if t.criteria == "run-time" else self.limits[key] or 0
        return 0.0 if t.over else max(0.0, limit - t.runtime_s)

    # ---- after

    def stop(self) -> None:
        """Stops the ports, clients first, and notes what became of all."""
        if self.faults:
            return
        try:
            stop_running(self.w, list(reversed(self.order)))
            self._settle()
            self._finals = {c.key: self.w.statistics(*c.key) for c in self.cases}
            self._times = {(p, t): ResponseTimes.of_view(self.w.response_times(p, t)) for p, t in self.samples[-1].times}
            for (p, t), times in self._times.items():
                udp = self.samples[-1].states[(p, t)].type.startswith("UDP")
                self.faults += accounting.untimed(f"port {p} test case {t}", udp, self._finals[(p, t)]["stats"], times)
            self._read_events()
        except Warp17Error as e:  # gone, or another has taken the ports
            self.faults.append(f"the engine was lost while tests were stopped: {e}")

    def _settle(self) -> None:
        """Counters, once nothing is under way any more, and whether they add up."""
        end = time.monotonic() + SETTLE_S
        drivers = {p["port"]: p["driver"] for p in self._ports}
        while True:
            now = self._all_counters()
            self._counters = {p: {g: accounting.grown(self._before[0][p][g], v) for g, v in c.items()} for p, c in now[0].items()}
            self._devices = {p: accounting.grown(self._before[1][p], d) for p, d in now[1].items()}
            lost = accounting.unaccounted(self._counters, drivers)
            if not lost or time.monotonic() > end:
                break
            time.sleep(0.1)
        self.faults += lost
        self.warnings += accounting.own_losses(self._counters, self._devices)

    def _read_events(self) -> None:
        there = self.w.call("show.events")
        new = [e for e in there["events"] if e["no"] > self._last_event]
        missing = there["last"] - self._last_event - len(new)
        if missing > 0:
            self.warnings.append(f"{missing} events of the run are kept no more")
        self.events = [{"no": e["no"], "time": e["realtime_ns"] / 1e9, **{k: e[k] for k in ("event", "level", "port", "test_case_id", "text")}}
                       for e in new]
        self.faults += [e["text"] for e in self.events if e["event"] == STALL]

    def totals(self) -> Dict[str, Dict[str, int]]:
        """Counters of all ports, by group, as they grew."""
        return {g: {k: sum(c[g][k] for c in self._counters.values()) for k in next(iter(self._counters.values()))[g]}
                for g in (accounting.GROUPS if self._counters else ())}

    def ports(self) -> metrics.Metrics:
        """metrics.OF_PORTS of this engine."""
        if not self._counters:
            return {name: None for name in metrics.OF_PORTS}
        return results.of_ports(self.samples, self.totals(), accounting.lost(self._counters, self._devices))

    def document(self) -> Dict[str, Any]:
        """Its place among a document's engines."""
        doc: Dict[str, Any] = {
            "name": self.name, "address": self.address, "launched": self.launched, **self._about, "options": self.options,
            "ports": self._ports, "start": self.order, "configuration": self._configuration, "faults": self.faults, "events": self.events,
            "counters": self.totals()}
        if self.offset_ns is not None:
            doc["clock"] = {"offset_ns": self.offset_ns, "error_ns": self.error_ns}
        return doc

    def case_documents(self, warmup_s: float) -> List[Dict[str, Any]]:
        """Its test cases, judged; none before begin()."""
        if not self.samples:
            return []
        return [self._case_document(c, warmup_s) for c in self.cases]

    def _case_document(self, c: CaseSpec, warmup_s: float) -> Dict[str, Any]:
        last = self.samples[-1]
        final, times = self._finals.get(c.key, last.stats[c.key]), self._times.get(c.key, last.times.get(c.key))
        return results.case(c.name, self.name, last.states[c.key], final,
                            metrics.of_case(self.samples, c.key, final, warmup_s, times), c.expect, times)

    def tables(self, first: int, started: float) -> Dict[str, List[Dict[str, Any]]]:
        """Its part of the series. first: the place of its first test case among the document's."""
        return tables(self.samples, self.name, {c.key: first + i for i, c in enumerate(self.cases)}, started, self.offset_ns or 0)


def once(sentences: Sequence[str]) -> List[str]:
    """Each of them once: who is interrupted while he stops and counts does so again."""
    return list(dict.fromkeys(sentences))


def thinned(samples: List[Sample]) -> List[Sample]:
    """Every second one, and the last."""
    return samples[:-1:2] + samples[-1:]


# ---- a whole run

@contextlib.contextmanager
def engine_for(plan: Plan, *, attach: Optional[str] = None, args: Sequence[str] = (), token: Optional[str] = None,
               start_timeout: float = 60, timeout: float = 75) -> Iterator[Tuple[Warp17, bool, List[str]]]:
    """(a connection, was the engine launched, its options). One that was launched ends afterwards. attach, args: instead of,
    and beside, the plan's. Raises ConnectionLost, Refused, LaunchFailed."""
    address = attach or plan.attach
    if address is not None:
        with Warp17(address, token=token, timeout=timeout) as w:
            yield w, False, []
        return
    plan = dataclasses.replace(plan, engine={**plan.engine, "args": [*plan.engine.get("args", ()), *args]})
    words, eal, options = engine_options(plan)
    with Warp17.launch(*words, eal=eal, start_timeout=start_timeout, timeout=timeout, **options) as w:
        yield w, True, [*option_words(options), *words]


def run(plan: Plan, w: Warp17, *, launched: bool, options: Sequence[str] = (), address: str = "", replace: bool = False,
        look: Optional[Look] = None) -> results.Document:
    """Runs the plan and returns the result document. An engine that was there before has to be idle on the plan's ports, and
    is left so; replace: what is configured there is taken away first.

    look  is called at each sample, with the EngineRun and the seconds since the start
    Raises PlanError for what the engine does not take; Refused, ConnectionLost. KeyboardInterrupt while tests run makes the
    document one of an interrupted run.
    """
    engine = EngineRun(w, "engine", plan.cases, plan.start, launched=launched, options=options, address=address)
    before = mtus(w)
    if not launched:
        take_ports(w, plan, replace)
    others = groups_of(w)
    try:
        engine.configure(plan.calls, lambda call, what: plan.locate(call.where, what))
        engine.begin()
        return measured(plan, engine, look)
    finally:
        if not launched:
            give_back(w, plan, before, others)


def take_ports(w: Warp17, plan: Plan, replace: bool) -> None:
    """Acquires the plan's ports; they are to be empty."""
    for p in plan.ports:
        w.acquire(p)
    if replace:
        clear(w, plan.ports, plan.groups)
    there = [p for p in plan.ports if configured(w, p)]
    if there:
        for p in plan.ports:
            w.release(p)
        raise Refused(f"port {there[0]} of the engine has a configuration already: take it away, or say --replace")


def configured(w: Warp17, port: int) -> List[str]:
    """The port's configuration as commands, without comments."""
    return [line for line in w.config(port) if line and not line.startswith("#")]


def give_back(w: Warp17, plan: Plan, mtu: Mapping[int, int], others: Sequence[int]) -> None:
    """Empties and releases the plan's ports, and takes away its IMIX groups but those that were there before: others."""
    with contextlib.suppress(Warp17Error):  # gone, or not answering: the run has said so
        clear(w, plan.ports, [g for g in plan.groups if g not in others], mtu)
        for p in plan.ports:
            w.release(p)


def measured(plan: Plan, engine: EngineRun, look: Optional[Look]) -> results.Document:
    """From the start of the tests to the document."""
    reasons: List[str] = []
    interrupted = False
    started, interval = time.time(), plan.interval
    try:
        try:
            engine.start()
        except CommandFailed as e:
            raise PlanError([f"{plan.file}: {e.message}"]) from e
        interval = watch(plan, engine, look)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        try:
            engine.stop()
        except KeyboardInterrupt:
            interrupted = True
            engine.stop()
    reasons += ["interrupted"] if interrupted else []
    ended = time.time()
    cases = engine.case_documents(plan.warmup)
    return results.document(plan.document(), [engine.document()], cases, results.sum_of_ports([engine.ports()]),
                            results.joined(interval, [engine.tables(0, started)]), started, ended, expect=plan.expect, reasons=reasons,
                            warnings=once(engine.warnings), interrupted=interrupted)


def watch(plan: Plan, engine: EngineRun, look: Optional[Look]) -> float:
    """Looks until all is over and the plan's duration has gone by, or its timeout. Returns the time between samples, which
    grows on long runs."""
    began, interval = time.monotonic(), plan.interval
    due = began + min(interval, SOON_S)
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        sample = engine.look()
        past = time.monotonic() - began
        if look is not None and sample is not None:
            look(engine, past)
        if sample is None or engine.over() and past >= plan.duration:
            return interval
        if past >= plan.timeout:
            engine.warnings.append(f"given up after {plan.timeout:g} s")
            return interval
        if len(engine.samples) >= SAMPLES_MAX:
            engine.samples = thinned(engine.samples)
            interval *= 2
        due = max(due + interval, time.monotonic())
        ends = [plan.timeout, *([plan.duration] if plan.duration > past else [])]
        left = engine.left_s()
        if left is not None and not engine.over():  # not a whole interval too late
            ends.append(past + max(left, SOON_S))
        due = min(due, began + min(ends))
