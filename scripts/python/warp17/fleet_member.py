"""An engine of a fleet, from the way to it to its place in the document. All of its methods are of its own thread."""
from __future__ import annotations

import contextlib
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import accounting, clock
from .client import Warp17
from .clock import Clocks
from .engine import option_words
from .errors import WaitTimedOut, Warp17Error
from .fleet_plan import EngineSpec, FleetPlan, launch_options
from .fleet_sums import Counters
from .histogram import Histogram
from .runner import GONE, EngineRun, give_back, groups_of, mtus, stop_running, take_ports
from .sampler import Key

LINK_S = 10.0  # until links are up
LISTEN_S = 15.0  # until servers listen
LOOK_S = 15.0  # an engine that does not answer a look for so long is lost; who does not at all is not there
STOP_S = 75.0  # a stop closes all sessions first
UNTIL_LOST = "the engine was lost while tests were {}: {}"


def our_realtime_ns() -> int:
    """Our clock with the date less our CLOCK_MONOTONIC, now."""
    return time.time_ns() - time.monotonic_ns()


class Member(EngineRun):
    """An EngineRun whose ports are started and stopped in groups, which has clocks and histograms."""

    def __init__(self, w: Warp17, spec: EngineSpec, clocks: Clocks, options: Sequence[str], address: str) -> None:
        super().__init__(w, spec.name, spec.part.cases, spec.part.start, launched=spec.attach is None, options=options, address=address,
                         offset_ns=clocks.real.offset_ns - our_realtime_ns(), error_ns=clocks.real.uncertainty_ns)
        self.histograms: Dict[Key, Histogram] = {}

    def links_up(self) -> None:
        """Waits for those of its ports. WaitTimedOut."""
        def down() -> List[int]:
            return [p["port"] for p in self.w.links() if p["port"] in self.order and p["link"] != "UP"]

        try:
            self.w.wait(lambda: not down(), LINK_S, 0.05)
        except WaitTimedOut as e:
            raise WaitTimedOut(f"port {', '.join(map(str, down()))}: no link within {LINK_S:g} s") from e

    def start_ports(self, ports: Sequence[int]) -> None:
        self.w.start(ports)

    def started_ns(self, ports: Sequence[int]) -> Optional[int]:
        """When the first of those ports began, of the engine's clock with the date; None: its events do not say."""
        events = self.w.call("show.events")["events"]
        return next((int(e["realtime_ns"]) for e in events
                     if e["no"] > self._last_event and e["event"] == "port-started" and e["port"] in ports), None)

    def listening(self, ports: Sequence[int]) -> None:
        """Waits until each of those ports has servers that listen, as far as it gets: test cases of a port wait for each
        other. WaitTimedOut."""
        for p in ports:
            self.w.wait(lambda: self._listens(p), LISTEN_S, 0.02)

    def _listens(self, port: int) -> bool:
        begun = [t for t in self.w.status(port) if t.state != "IDLE"]
        return bool(begun) and all(t.over or self.w.statistics(port, t.test_case_id)["stats"]["up"] > 0 for t in begun)

    def stop_ports(self, ports: Sequence[int]) -> None:
        if self.faults:
            return
        self.w.patience = STOP_S
        try:
            stop_running(self.w, ports)
        except GONE as e:
            self.faults.append(UNTIL_LOST.format("stopped", e))

    def finish(self) -> None:
        """After all have stopped: counters, events, histograms."""
        self.stop()
        if self._finals:
            self._read_histograms()

    def _read_histograms(self) -> None:
        for c in self.cases:
            if "latency" in self._finals[c.key]:
                try:
                    self.histograms[c.key] = Histogram.of_view(self.w.latency(*c.key))
                except ValueError as e:
                    self.warnings.append(f"{c.name}: {e}")

    def recount(self) -> None:
        """Counters once more, where another engine was not done yet when ours were read."""
        now = self._all_counters()
        self._counters = {p: {g: accounting.grown(self._before[0][p][g], v) for g, v in c.items()} for p, c in now[0].items()}
        self._devices = {p: accounting.grown(self._before[1][p], d) for p, d in now[1].items()}

    def network_counters(self) -> Dict[int, Counters]:
        """Of each port, what fleet_sums.ways() wants."""
        return {p: {"port": c["port"], "eth": c["ethernet"], "arp": c["arp"], "drop": c["drop"], "device": self._devices[p]}
                for p, c in self._counters.items()}


class Seat:
    """Where a member sits: come(), join(), and whatever became of that, leave()."""

    def __init__(self, spec: EngineSpec, plan: FleetPlan, replace: bool) -> None:
        self.spec = spec
        self.plan = plan
        self.replace = replace
        self.w: Optional[Warp17] = None
        self.begin: Optional[Clocks] = None
        self.end: Optional[Clocks] = None
        self._member: Optional[Member] = None
        self._options: List[str] = []
        self._address = ""
        self._mtu: Optional[Dict[int, int]] = None  # of ports that were taken, as it was
        self._others: List[int] = []  # IMIX groups that were there before

    @property
    def member(self) -> Member:
        assert self._member is not None
        return self._member

    @property
    def clocks(self) -> Clocks:
        assert self.begin is not None
        return self.begin

    def come(self) -> None:
        """Connects, or launches. Warp17Error."""
        self.w, self._options, self._address = self._connect()

    def join(self) -> None:
        """Measures the clocks, configures. Warp17Error; PlanError for what the engine does not take."""
        assert self.w is not None
        self.begin = self._measure()
        self._member = Member(self.w, self.spec, self.begin, self._options, self._address)
        part = self.spec.part
        if self.spec.attach is not None:
            before = mtus(self.w)
            take_ports(self.w, part, self.replace)
            self._mtu, self._others = before, groups_of(self.w)
        self.member.configure(part.calls, lambda call, what: part.locate(call.where, f"{self.spec.name}: {what}"))

    def links_up(self) -> None:
        """After all have joined: a link needs both ends. WaitTimedOut."""
        self.member.links_up()

    def _connect(self) -> Tuple[Warp17, List[str], str]:
        if self.spec.attach is not None:
            w = Warp17(self.spec.attach, token=self.spec.token(), tls=self.spec.tls(), timeout=LOOK_S)
            w.patience = STOP_S
            return w, [], self.spec.attach
        words, eal, options = launch_options(self.spec, self.plan)
        w = Warp17.launch(*words, eal=eal, **options)
        assert w.engine is not None
        return w, [*option_words(options), *words], w.engine.address

    def _measure(self) -> Clocks:
        assert self.w is not None
        w = self.w

        def ping() -> Dict[str, Any]:
            said: Dict[str, Any] = w.call("rpc.ping")
            if "mono_ns" not in said:
                raise Warp17Error("its RPC server does not tell its clock: it is older than warp17-fleet")
            return said

        return clock.measure(ping, self.plan.rounds)

    def note(self) -> None:
        """What is there just before the start. From now on an answer has to come soon."""
        assert self.w is not None
        self.member.begin()
        self.w.patience = LOOK_S

    def finish(self) -> None:
        self.member.finish()
        if not self.member.faults:
            with contextlib.suppress(*GONE):
                self.end = self._measure()

    def leave(self) -> None:
        """Gives ports back, and ends what was launched: LaunchFailed when it does not end. What else is wrong the run has said."""
        if self.w is None:
            return
        if self._mtu is not None:
            give_back(self.w, self.spec.part, self._mtu, self._others)
        self.w.close()


