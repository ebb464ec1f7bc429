"""A level of a search on an engine: its test cases are made, started, watched, stopped and taken away, so that each level
begins clean (the engine changes no rate of a port that runs).

Phases of a level: initialization (test cases are made), ramp-up (connections open, then a warm-up), sustain (the window that is
judged), ramp-down (connections close with FIN).
"""
from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import kpi
from .client import Warp17
from .errors import Warp17Error
from .kpi import CONCURRENT, CONNECTIONS, THROUGHPUT, Asked, Criteria, Verdict, Window
from .sampler import Sample, Sampler
from .search_load import Load

LOOK_S = 0.05  # between two looks at an engine
LOOKS_MAX = 400  # of a window
LEARN_PER_SECOND = 50.0
UNKNOWN_BYTES = 2000.0
OPENING_S = 10.0  # beyond the time that opening takes by its rate, for the last to be up
Say = Callable[[str], None]


class OutOfTime(Exception):
    """The search's time is over."""


@dataclass
class Result:
    """A level that was tried: what was asked, what came of it (kpis is None where nothing was sustained)."""

    asked: Asked
    verdict: Verdict
    kpis: Optional[Dict[str, Any]]
    seconds: float

    @property
    def value(self) -> Optional[float]:
        """In the goal's unit, as measured."""
        if self.kpis is None:
            return None
        if self.asked.goal == CONCURRENT:
            return float(self.kpis["concurrent_tcp_connections"]["min"])
        if self.asked.goal == THROUGHPUT:
            return float(self.kpis["inspected_throughput_mbps"]["both_ways"])
        name = "tcp_connections_per_second" if self.asked.goal == CONNECTIONS else "application_transactions_per_second"
        return float(self.kpis[name])


class Looks:
    """Takes samples with the counters of clients and the clock read next to each other, for rates over fractions of a second. What
    is slow to come, counters of ports and response times, is read where it is asked for; else a sample has what the last one had."""

    def __init__(self, w: Warp17, load: Load) -> None:
        self._w, self._clients = w, list(load.where.clients)
        self._sampler = Sampler(w, [*load.where.clients, *load.where.servers], load.order, load.where.timed)
        self._last = self._sampler.take()

    def whole(self) -> Sample:
        self._last = self._sampler.take()
        return self.quick()

    def quick(self) -> Sample:
        calls: List[Tuple[str, Dict[str, Any]]] = [("show.tests.stats", {"port": p, "test_case_id": t}) for p, t in self._clients]
        *views, ping, load = self._w.batch([*calls, ("rpc.ping", {}), ("show.lcore.load", {})])
        for answer in (*views, ping, load):
            if isinstance(answer, Warp17Error):
                raise answer
        stats = {**self._last.stats, **dict(zip(self._clients, views))}
        self._last = replace(self._last, realtime_ns=ping["realtime_ns"], mono_ns=ping["mono_ns"], stats=stats, workers=load["workers"])
        return self._last


class Levels:
    """Tries levels of a load on an engine.

    ramp_s, warm_up_s  seconds over which connections open, and after that, before the window
    say                is told the phase of a level
    deadline           time.monotonic(), beyond which try_level() raises OutOfTime
    """

    def __init__(self, w: Warp17, load: Load, criteria: Criteria, ramp_s: float, warm_up_s: float, say: Say, deadline: float) -> None:
        self._w, self._load, self._criteria = w, load, criteria
        self._ramp_s, self._warm_up_s, self._say, self._deadline = ramp_s, warm_up_s, say, deadline
        self._bytes: Optional[float] = load.estimate()
        self._usual_ms: Optional[float] = None

    def try_level(self, level: int, seconds: float) -> Result:
        """Offers it for so long; the engine is as before at the end. OutOfTime, and what the engine says."""
        began = time.monotonic()
        if self._bytes is None:
            self._bytes = self._learn()
        asked = self._load.asked(level, seconds, self._bytes, self._usual_ms)
        w, verdict = self._offer(asked)
        return self._result(asked, w, verdict, time.monotonic() - began)

    def _learn(self) -> float:
        """Bytes of a transaction, for a level in Mbit/s, from a second of a few."""
        if self._load.goal != THROUGHPUT:
            return UNKNOWN_BYTES
        asked = Asked(THROUGHPUT, 0, LEARN_PER_SECOND, self._load.sessions(0), 1.0)
        w, _ = self._offer(asked)
        return self._seen_bytes(w, w.grown("responses")) or UNKNOWN_BYTES if w.seconds > 0 else UNKNOWN_BYTES

    def _offer(self, asked: Asked) -> Tuple[Window, Verdict]:
        load = self._load
        try:
            self._say("initialization")
            load.make(self._w, asked)
            looks = Looks(self._w, load)
            base = looks.quick()
            self._w.start(load.order)
            samples: List[Sample] = []
            verdict = self._ramp_up(looks, base, asked) or self._sustain(looks, base, asked, samples)
        finally:
            self._say("ramp-down")
            load.clean(self._w)
        return self._window(base, samples), verdict

    def _window(self, base: Sample, samples: List[Sample]) -> Window:
        return Window(base, samples, self._load.where, self._load.goal)

    def _ramp_up(self, looks: Looks, base: Sample, asked: Asked) -> Optional[Verdict]:
        """Until connections are up, and for the warm-up. A verdict when they do not come up."""
        self._say("ramp-up")
        if asked.goal != CONNECTIONS:
            end = time.monotonic() + self._ramp_s + OPENING_S
            while True:
                w = self._window(base, [base, looks.quick()])
                up = w.now("estab_now", w.samples[-1])
                if up >= asked.sessions:
                    break
                if time.monotonic() >= end or w.failed() > 0 or w.count("no_tcb", w.samples[-1]) > 0:
                    return self._missing(self._window(base, [base, looks.whole()]), asked, up)
                self._pause(LOOK_S)
        self._pause(self._warm_up_s)
        return None

    def _missing(self, w: Window, asked: Asked, up: int) -> Verdict:
        v = Verdict()
        v.fails(f"{up} of {asked.sessions} connections came up, {w.failed()} failed")
        v.limit = kpi.whose(w, asked, v)
        return v

    def _sustain(self, looks: Looks, base: Sample, asked: Asked, samples: List[Sample]) -> Verdict:
        """Fills samples; ends early when it is sure that the level fails. What one look was sure of and the last one is not, as a
        burst came between, was not sure: the window goes on."""
        self._say("sustain")
        every = max(LOOK_S, asked.seconds / LOOKS_MAX)
        samples.append(looks.whole())
        while True:
            while (w := self._window(base, samples)).seconds < asked.seconds and not kpi.judge(w, asked, self._criteria, over=False).sure:
                self._pause(every)
                samples.append(looks.quick())
            samples.append(looks.whole())
            w = self._window(base, samples)
            over = w.seconds >= asked.seconds
            verdict = kpi.judge(w, asked, self._criteria, over)
            if over or verdict.sure:
                return verdict

    def _pause(self, seconds: float) -> None:
        if time.monotonic() + seconds > self._deadline:
            raise OutOfTime
        time.sleep(seconds)

    def _result(self, asked: Asked, w: Window, verdict: Verdict, seconds: float) -> Result:
        if w.seconds <= 0:
            return Result(asked, verdict, None, seconds)
        n = w.grown("responses")
        if verdict.holds:
            self._usual_ms = kpi.busy_ms(w)
            self._bytes = self._seen_bytes(w, n) or self._bytes
        return Result(asked, verdict, kpi.kpis(w), seconds)

    @staticmethod
    def _seen_bytes(w: Window, n: int) -> Optional[float]:
        """Of frames, both ways, of each of n transactions."""
        bytes_of_all = kpi.throughput(w)["both_ways"] * w.seconds * 1e6 / 8
        return bytes_of_all / n if n >= 10 and bytes_of_all > 0 else None
