"""A run on several engines: all are set up, servers start and listen, clients start at one instant, all are looked at together until all
test cases are over, all are stopped, and what they counted is put together and judged: one document, one verdict."""
from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from . import clock, fleet_sums, results
from .clock import Timeline
from .errors import Warp17Error
from .fleet_crew import Crew, EngineLost, spread, start_together
from .fleet_member import UNTIL_LOST, Member, Seat, our_realtime_ns
from .fleet_plan import FleetPlan
from .fleet_sums import Way
from .histogram import Histogram
from .runner import GONE, SAMPLES_MAX, SETTLE_S, SOON_S, once, thinned

TOOL = "warp17-fleet"
Look = Callable[["Sequence[Member]", float], None]
DEVICE_S = 1.1  # devices' counters are read once a second


def run(plan: FleetPlan, *, replace: bool = False, look: Optional[Look] = None) -> results.Document:
    """Runs the plan; the result document, "warp17-run/1.0" with a part "fleet". Engines that were there are to be idle on the plan's
    ports, and are left so; replace: what is configured there is taken away first.

    look  is called at each sample, with the members and the seconds since the start
    Raises, before anything is started: PlanError for what an engine does not take; EngineLost, whose exit_code says why. When an
    engine is lost later, or on KeyboardInterrupt, all others are stopped and the document says so.
    """
    with Crew({e.name: Seat(e, plan, replace) for e in plan.engines}) as crew:
        try:
            for e in plan.engines:  # those of this machine one after the other: some ports want their other end to be there
                if e.attach is None:
                    crew.each("set up", Seat.come, [e.name])
            attached = [e.name for e in plan.engines if e.attach is not None]
            if attached:
                crew.each("set up", Seat.come, attached)
            crew.each("set up", Seat.join)
            crew.each("wait for links", Seat.links_up)
            crew.each("set up", Seat.note)
            doc = Fleet(plan, crew, look).measured()
        finally:
            left = leave(crew)
        doc["warnings"] += left
        return doc


def leave(crew: Crew[Seat]) -> List[str]:
    """Engines as they were found, and those that we started ended: whoever interrupts us, for nobody else would do it, and what was
    measured is not written yet. Sentences of those that do not end."""
    try:
        outcomes = crew.outcomes(Seat.leave)
    except KeyboardInterrupt:
        outcomes = crew.outcomes(Seat.leave)  # behind what is under way; again it does nothing
    return [f"{name}: {e}" for name, e in outcomes.items() if isinstance(e, Warp17Error)]


class Fleet:
    """From the start of the tests to the document."""

    def __init__(self, plan: FleetPlan, crew: Crew[Seat], look: Optional[Look]) -> None:
        self.plan = plan
        self.crew = crew
        self.look = look
        self.members = {name: seat.member for name, seat in crew.members.items()}
        self.interval = plan.interval
        self.reasons: List[str] = []
        self.warnings: List[str] = []
        self.interrupted = False
        self.instants: Dict[str, int] = {}
        self.starts: Dict[str, Dict[str, int]] = {}
        self.ways: List[Way] = []
        self.began_ns = time.monotonic_ns()

    def measured(self) -> results.Document:
        started = time.time()
        self.began_ns = time.monotonic_ns()
        try:
            self.start("servers", {e.name: e.servers for e in self.plan.engines if e.servers})
            self.start("clients", {e.name: e.clients for e in self.plan.engines if e.clients})
            self.watch()
        except EngineLost as e:
            self.lost(e, "started")
        except KeyboardInterrupt:
            self.interrupt()
        try:
            self.stop()
        except KeyboardInterrupt:  # what was measured is not lost for that
            self.interrupt()
            self.stop()
        return self.document(started, time.time())

    def interrupt(self) -> None:
        self.interrupted = True
        self.reasons.append("interrupted")

    # ---- while it runs

    def past(self) -> float:
        return (time.monotonic_ns() - self.began_ns) / 1e9

    def start(self, stage: str, ports: Mapping[str, Sequence[int]]) -> None:
        """Those ports of all engines at one instant; servers have to listen before anybody goes on. EngineLost."""
        if not ports:
            return
        names = list(ports)

        def of(seat: Seat) -> Sequence[int]:
            return ports[seat.spec.name]

        self.instants[stage] = start_together(self.crew, names, lambda seat: seat.member.start_ports(of(seat)),
                                              {n: self.crew.members[n].clocks for n in names})
        told = self.crew.each(f"start of {stage}", lambda seat: seat.member.started_ns(of(seat)), names)
        self.starts[stage] = {n: ns for n, ns in told.items() if ns is not None}
        if stage == "servers":
            self.crew.each("wait for servers to listen", lambda seat: seat.member.listening(of(seat)), names)

    def watch(self) -> None:
        """Looks at all together until all is over and the plan's duration has gone by, or its timeout. EngineLost."""
        began = time.monotonic()
        due = began
        while True:
            time.sleep(max(0.0, due - time.monotonic()))
            self.crew.each("look", lambda seat: seat.member.look())
            gone = [m for m in self.members.values() if m.faults]
            past = time.monotonic() - began
            if gone:
                self.gone(gone)
                return
            if self.look is not None:
                self.look(list(self.members.values()), past)
            if all(m.over() for m in self.members.values()) and past >= self.plan.duration:
                return
            if past >= self.plan.timeout:
                self.warnings.append(f"given up after {self.plan.timeout:g} s")
                return
            self.thin()
            due = self.next_look(began, past, max(due + self.interval, time.monotonic()))

    def next_look(self, began: float, past: float, due: float) -> float:
        """Not a whole interval too late for what ends."""
        ends = [self.plan.timeout, *([self.plan.duration] if self.plan.duration > past else [])]
        left = [m.left_s() for m in self.members.values() if not m.over()]
        if left:
            ends.append(past + max(SOON_S, *(s or 0.0 for s in left)))
        return min(due, began + min(ends))

    def thin(self) -> None:
        if any(len(m.samples) >= SAMPLES_MAX for m in self.members.values()):
            for m in self.members.values():
                m.samples = thinned(m.samples)
            self.interval *= 2

    def gone(self, members: Sequence[Member]) -> None:
        for m in members:
            self.reasons.append(f"{m.name} was lost {self.past():.1f} s after the start; the other engines were stopped then")

    def lost(self, e: EngineLost, doing: str) -> None:
        """One that failed in a step, as tests were started or counted: gone, or it answers and did not do it."""
        member = self.members[e.engine]
        if isinstance(e.error, GONE):
            member.faults.append(UNTIL_LOST.format(doing, e.error))
            self.gone([member])
        else:
            self.reasons.append(f"{e}, {self.past():.1f} s after the start; all engines were stopped then")

    # ---- after

    def stop(self) -> None:
        """Clients of all, then servers of all; then what is left to be counted."""
        self.crew.outcomes(lambda seat: seat.member.stop_ports(seat.spec.clients))
        self.crew.outcomes(lambda seat: seat.member.stop_ports(seat.spec.servers))
        for name, outcome in self.crew.outcomes(Seat.finish).items():
            if isinstance(outcome, Warp17Error) and not self.members[name].faults:
                self.members[name].faults.append(str(outcome))
        if all(not m.faults and m.samples for m in self.members.values()):
            try:
                self.compare()
            except EngineLost as e:
                self.lost(e, "counted")

    def compare(self) -> None:
        """What was sent with what was received, once nothing is under way and the devices have been read."""
        end = time.monotonic() + SETTLE_S
        time.sleep(DEVICE_S)
        while True:
            self.crew.each("count", lambda seat: seat.member.recount())
            counters = {(m.name, p): c for m in self.members.values() for p, c in m.network_counters().items()}
            self.ways = fleet_sums.ways(self.plan.networks, counters)
            if all(w.lost == 0 for w in self.ways) or time.monotonic() > end:
                break
            time.sleep(0.2)
        for way in self.ways:
            if not way.fits:
                self.reasons.append(way.sentence())
            elif way.lost or any(way.named.values()):
                self.warnings.append(way.sentence())

    def document(self, started: float, ended: float) -> results.Document:
        cases: List[results.Document] = []
        tables = []
        for m in self.members.values():
            tables.append(m.tables(len(cases), started))
            cases += m.case_documents(self.plan.warmup)
        if not cases and not self.interrupted and not self.reasons:
            self.reasons.append("no sample could be taken")
        fleet = self.of_fleet()
        engines = [m.document() for m in self.members.values()]
        self.warnings += unlike(engines)
        several = len(self.members) > 1
        warnings = self.warnings + [f"{m.name}: {w}" if several else w for m in self.members.values() for w in m.warnings]
        doc = results.document(
            self.plan.document(), engines, cases,
            results.sum_of_ports([m.ports() for m in self.members.values()]), results.joined(self.interval, tables), started, ended,
            expect=self.plan.expect, reasons=once(self.reasons), warnings=once(warnings), interrupted=self.interrupted, tool=TOOL)
        doc["fleet"] = fleet
        return doc

    def of_fleet(self) -> Dict[str, Any]:
        """What is of no engine alone."""
        lines = {n: timeline(seat) for n, seat in self.crew.members.items()}
        return {
            "clocks": [self.clock_of(name, seat) for name, seat in self.crew.members.items()],
            "start": {stage: {**spread(self.starts.get(stage, {}), {n: line[1] for n, line in lines.items()}, instant),
                              "instant_ns": instant + our_realtime_ns()} for stage, instant in self.instants.items()},
            "networks": [w.document() for w in self.ways],
            "counters": fleet_sums.counters_table({n: m.totals() for n, m in self.members.items()}),
            "rates": fleet_sums.rates_table({k: [points(m, lines[n][0], self.began_ns, sums) for n, m in self.members.items()]
                                             for k, sums in RATES.items()}, self.interval),
            "latency": latencies(self.members)}

    def clock_of(self, name: str, seat: Seat) -> Dict[str, Any]:
        """Against ours, at the begin and the end; a clock that behaved oddly is warned of."""
        found: Dict[str, Any] = {"engine": name, "rounds": seat.clocks.rounds, "begin": offsets(seat.clocks), "end": None, "drift": None,
                                 "was_set": False}
        if seat.end is not None:
            d = clock.drift(seat.clocks.mono, seat.end.mono)
            found.update(end=offsets(seat.end), drift=d.document(), was_set=clock.was_set(seat.clocks, seat.end))
            if found["was_set"]:
                self.warnings.append(f"{name}: its clock was set during the run: times of its events are not comparable")
            if not d.plausible:
                self.warnings.append(f"{name}: its clock drifts by {d.ppm:.0f} of a million, as no clock does")
        return found


def offsets(c: clock.Clocks) -> Dict[str, int]:
    """monotonic: against our CLOCK_MONOTONIC; realtime: against our clock with the date."""
    return {"monotonic_offset_ns": c.mono.offset_ns, "realtime_offset_ns": c.real.offset_ns - our_realtime_ns(),
            "uncertainty_ns": c.mono.uncertainty_ns}


def timeline(seat: Seat) -> Tuple[Timeline, Timeline]:
    """Its clocks against ours: the monotonic one, and the one with the date."""
    end = seat.end or seat.clocks
    return Timeline(seat.clocks.mono, end.mono), Timeline(seat.clocks.real, end.real)


def unlike(engines: Sequence[Mapping[str, Any]]) -> List[str]:
    """That engines (of a document) are of several versions, which may do and count otherwise."""
    several = len({e["version"] for e in engines}) > 1
    return ["engines are not of one version: " + ", ".join(f"{e['name']} {e['version']}" for e in engines)] if several else []


# rates of the fleet: name, and what of a sample is counted: of which test cases, or of ports
RATES: Mapping[str, Tuple[str, str]] = {
    "clients_established_per_second": ("client", "estab"), "clients_transactions_per_second": ("client", "responses"),
    "servers_transactions_per_second": ("server", "responses"), "multicast_messages_per_second": ("multicast", "tx_msgs"),
    "packets_sent_per_second": ("ports", "tx_pkts"), "packets_received_per_second": ("ports", "rx_pkts"),
    "bytes_sent_per_second": ("ports", "tx_bytes"), "bytes_received_per_second": ("ports", "rx_bytes")}


def points(m: Member, line: Timeline, began_ns: int, of: Tuple[str, str]) -> List[Tuple[float, float]]:
    """A counter of an engine at each look, by our clock, seconds since the start."""
    whose, counter = of
    found = []
    for s in m.samples:
        if whose == "ports":
            value = sum(p["port"][counter] for p in s.ports.values())
        else:
            value = sum(s.stats[k]["stats"][counter] for k, t in s.states.items() if results.type_of(t)["type"] == whose)
        found.append(((line.ours(s.mono_ns) - began_ns) / 1e9, float(value)))
    return found


def latencies(members: Mapping[str, Member]) -> Optional[Dict[str, Any]]:
    """Each test case's, and that of all their samples; None: nothing was measured."""
    merged = Histogram()
    cases = []
    for m in members.values():
        for (port, tcid), h in m.histograms.items():
            merged.merge(h)
            cases.append({"engine": m.name, "port": port, "test_case_id": tcid, **h.document()})
    return {"cases": cases, "merged": merged.document()} if cases else None
