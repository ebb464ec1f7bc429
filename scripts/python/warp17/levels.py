"""A level of a search on an engine: its test cases are made, started, watched, stopped and taken away, so that each level
begins clean (the engine changes no rate of a port that runs).

Phases of a level: initialization (test cases are made), ramp-up (connections open, then a warm-up), sustain (the window that is
judged), ramp-down (connections close with FIN).
"""
from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import kpi
from .apps import App, HttpClient, HttpServer, Raw
from .client import Warp17
from .errors import Warp17Error
from .kpi import CONCURRENT, CONNECTIONS, THROUGHPUT, Asked, Criteria, Verdict, Where, Window
from .sampler import Sample, Sampler

LOOK_S = 0.05  # between two looks at an engine
LOOKS_MAX = 400  # of a window
OPENING_S = 10.0  # beyond the time that opening takes by its rate, for the last to be up
SPORT_FIRST, SPORT_LAST = 10000, 65000
FOREVER_S = 1000000
MSS = 40  # what IPv4 and TCP take of an MTU
HTTP_HEADS = 280  # of a request and a response together, about: for a first estimate
FRAME_HEADS = 54
Say = Callable[[str], None]


class OutOfTime(Exception):
    """The search's time is over."""


class Unfit(Warp17Error):
    """What was asked for cannot be tried on this engine."""

    exit_code = 2


@dataclass(frozen=True)
class Offer:
    """What is the same for all levels.

    goal         of kpi.GOALS
    app          "http" or "raw"; req_size, resp_size: bytes of its bodies
    client_port  server_port: None where the server is none of ours
    src          first and last address of the clients, mask theirs and the server's; dest the server's address
    dport        first and last port of the server
    gw           the clients' gateway, server_gw the server's
    sessions     of the client, where the goal is not CONCURRENT
    trickle      of CONCURRENT: transactions a second for each connection
    ramp_s       over which connections open, warm_up_s after that, before the window
    retries      of SYN, data and FIN, after which a connection has failed
    """

    goal: str
    app: str = "http"
    req_size: int = 0
    resp_size: int = 1024
    client_port: int = 0
    server_port: Optional[int] = 1
    src: Tuple[str, str] = ("10.0.0.1", "10.0.0.1")
    dest: str = "10.0.0.253"
    mask: str = "255.255.255.0"
    dport: Tuple[int, int] = (80, 80)
    gw: Optional[str] = None
    server_gw: Optional[str] = None
    sessions: int = 1000
    trickle: float = 0.1
    ramp_s: float = 1.0
    warm_up_s: float = 1.0
    retries: int = 3
    host: str = "www.foo42.net"
    object: str = "/index.html"

    def apps(self) -> Tuple[App, App]:
        """The client's and the server's."""
        requests = 1 if self.goal == CONNECTIONS else 0
        if self.app == "raw":
            return Raw(self.req_size, self.resp_size, requests=requests), Raw(self.req_size, self.resp_size)
        return HttpClient(self.host, self.object, "POST" if self.req_size else "GET", self.req_size, requests), HttpServer(self.resp_size)

    def addresses(self) -> int:
        first, last = (sum(int(b) << 8 * (3 - i) for i, b in enumerate(a.split("."))) for a in self.src)
        return last - first + 1

    def sports(self, sessions: int) -> Tuple[int, int]:
        """(source ports, sessions) that make at least so many. Unfit if there are not enough."""
        each = self.addresses() * (self.dport[1] - self.dport[0] + 1)
        n = max(1, math.ceil(sessions / each))
        if n > SPORT_LAST - SPORT_FIRST + 1:
            raise Unfit(f"{sessions} sessions need more addresses (--src) or ports of the server (--dport): there are "
                        f"{SPORT_LAST - SPORT_FIRST + 1} source ports for each of {each}")
        return n, n * each

    def estimate(self) -> float:
        """Bytes of frames of a transaction, before one was seen."""
        heads = HTTP_HEADS if self.app == "http" else 0
        segments = sum(math.ceil((n + heads / 2) / 1460) for n in (self.req_size, self.resp_size))
        return self.req_size + self.resp_size + heads + FRAME_HEADS * 2 * max(segments, 2)


@dataclass
class Result:
    """A level that was tried: what was asked, what came of it (kpis is None where nothing was sustained)."""

    asked: Asked
    verdict: Verdict
    kpis: Optional[Dict[str, Any]]
    busy_ms: Optional[float]
    bytes_per_transaction: Optional[float]
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


class Levels:
    """Tries levels on an engine. close() takes away what prepare() and levels added. deadline: time.monotonic(), beyond which
    try_level() raises OutOfTime."""

    def __init__(self, w: Warp17, offer: Offer, criteria: Criteria, say: Say, deadline: float) -> None:
        self._w, self.offer, self.criteria, self._say, self._deadline = w, offer, criteria, say, deadline
        self._ports = [offer.client_port] + ([offer.server_port] if offer.server_port is not None else [])
        self._where = Where((offer.client_port, 0), None if offer.server_port is None else (offer.server_port, 0))
        self._keys = [k for k in (self._where.client, self._where.server) if k is not None]
        self._added: List[Tuple[int, str]] = []
        self._gateways: List[int] = []
        self._acquired: List[int] = []
        self._bytes = offer.estimate()
        self._usual_ms: Optional[float] = None
        self._mtu = 1500

    # ---- before and after all levels

    def prepare(self) -> None:
        """Acquires the ports; interfaces and gateways. Unfit when a port is not there or has test cases."""
        there = {p["port"]: p for p in self._w.ports()}
        for port in self._ports:
            if port not in there:
                raise Unfit(f"port {port}: the engine has ports {', '.join(map(str, sorted(there)))}")
            if self._w.settings(port)["tests"]:
                raise Unfit(f"port {port} has test cases: the search needs a port without (del tests port {port} ...)")
        for port, ip, gw in self._ends():
            self._w.acquire(port)
            self._acquired.append(port)
            settings = self._w.settings(port)
            self._mtu = min(self._mtu, there[port]["mtu"])
            if ip not in [i["ip"] for i in settings["l3_interfaces"]]:
                self._w.add_interface(port, ip, self.offer.mask)
                self._added.append((port, ip))
            if gw is not None and settings["gw"] is None:
                self._w.set_gateway(port, gw)
                self._gateways.append(port)

    def _ends(self) -> List[Tuple[int, str, Optional[str]]]:
        o = self.offer
        ends = [(o.client_port, o.src[0], o.gw)]
        return ends + ([(o.server_port, o.dest, o.server_gw)] if o.server_port is not None else [])

    def close(self) -> None:
        """Nothing of ours is left on the engine."""
        if self._acquired:
            self._take_away()
        for port in self._gateways:
            self._w.delete_gateway(port)
        for port, ip in self._added:
            self._w.delete_interface(port, ip)
        for port in self._acquired:
            self._w.release(port)
        self._gateways, self._added, self._acquired = [], [], []

    def _take_away(self) -> None:
        self._w.stop(self._ports)
        for port, tcid in self._keys:
            if any(t.test_case_id == tcid for t in self._w.status(port)):
                self._w.delete_test(port, tcid)

    # ---- a level

    def asked(self, level: int, seconds: float) -> Asked:
        """A level as numbers of the engine."""
        o = self.offer
        if o.goal == CONCURRENT:
            sessions = o.sports(level)[1]
            return Asked(o.goal, level, sessions * o.trickle, sessions, seconds)
        rate = level * 1e6 / 8 / self._bytes if o.goal == THROUGHPUT else float(level)
        rate = float(max(1, round(rate)))
        return Asked(o.goal, level, rate, o.sports(o.sessions)[1], seconds, self._usual_ms)

    def try_level(self, level: int, seconds: float) -> Result:
        """Offers it for so long; the engine is as before at the end. OutOfTime, and what the engine says."""
        began = time.monotonic()
        asked = self.asked(level, seconds)
        try:
            self._say("initialization")
            self._make(asked)
            sampler = Sampler(self._w, self._keys, self._ports)
            base = sampler.take()
            self._w.start(reversed(self._ports))
            samples, missing = self._ramp_up(sampler, base, asked)
            verdict = missing or self._sustain(sampler, base, asked, samples)
        finally:
            self._say("ramp-down")
            self._take_away()
        return self._result(asked, base, samples, verdict, time.monotonic() - began)

    def _make(self, asked: Asked) -> None:
        o, (client, server) = self.offer, self.offer.apps()
        n = o.sports(asked.sessions)[0]
        skip = o.goal == CONNECTIONS
        options = {"syn_retry": o.retries, "syn_ack_retry": o.retries, "data_retry": o.retries, "retry": o.retries, "twait_skip": skip}
        if o.server_port is not None:
            self._w.add_server("tcp", o.server_port, 0, o.dest, o.dport)
            self._w.set_server(o.server_port, 0, server)
            self._w.set_tcp_options(o.server_port, 0, **options)
        self._w.add_client("tcp", o.client_port, 0, o.src, (SPORT_FIRST, SPORT_FIRST + n - 1), o.dest, o.dport)
        self._w.set_client(o.client_port, 0, client)
        self._w.set_tcp_options(o.client_port, 0, **options)
        self._w.set_criteria(o.client_port, 0, "run-time", FOREVER_S)
        self._w.set_timeouts(o.client_port, 0, init=0, uptime="infinite", downtime=0 if skip else "infinite")
        whole = max(1, math.ceil(asked.per_second))
        if skip:
            self._w.set_rates(o.client_port, 0, open=whole)
        else:
            self._w.set_rates(o.client_port, 0, open=max(1, math.ceil(asked.sessions / o.ramp_s)), send=whole)

    def _ramp_up(self, sampler: Sampler, base: Sample, asked: Asked) -> Tuple[List[Sample], Optional[Verdict]]:
        """Until connections are up, and for the warm-up. A verdict when they do not come up."""
        self._say("ramp-up")
        if self.offer.goal != CONNECTIONS:
            end = time.monotonic() + self.offer.ramp_s + OPENING_S
            seen = [base]
            while (up := Window(base, seen, self._where, asked.goal).now("estab_now", seen[-1])) < asked.sessions:
                if time.monotonic() >= end or self._hopeless(base, seen[-1]):
                    return [], self._missing(base, seen[-1], asked, up)
                self._pause(LOOK_S)
                seen = [sampler.take()]
        self._pause(self.offer.warm_up_s)
        return [], None

    def _hopeless(self, base: Sample, now: Sample) -> bool:
        """Do connections fail that are not opened again?"""
        w = Window(base, [base, now], self._where, self.offer.goal)
        return w.failed() > 0 or w.count("no_tcb", now) > 0

    def _missing(self, base: Sample, now: Sample, asked: Asked, up: int) -> Verdict:
        v = Verdict()
        w = Window(base, [base, now], self._where, asked.goal)
        v.fails(f"{up} of {asked.sessions} connections came up, {w.failed()} failed")
        v.limit = kpi.whose(w, asked, v)
        return v

    def _sustain(self, sampler: Sampler, base: Sample, asked: Asked, samples: List[Sample]) -> Verdict:
        self._say("sustain")
        every = max(LOOK_S, asked.seconds / LOOKS_MAX)
        samples.append(sampler.take())
        while (w := Window(base, samples, self._where, asked.goal)).seconds < asked.seconds:
            early = kpi.judge(w, asked, self.criteria, over=False)
            if early.sure:
                return early
            self._pause(every)
            samples.append(sampler.take())
        return kpi.judge(w, asked, self.criteria)

    def _pause(self, seconds: float) -> None:
        if time.monotonic() + seconds > self._deadline:
            raise OutOfTime
        time.sleep(seconds)

    def _result(self, asked: Asked, base: Sample, samples: List[Sample], verdict: Verdict, seconds: float) -> Result:
        w = Window(base, samples, self._where, asked.goal)
        if w.seconds <= 0:
            return Result(asked, verdict, None, None, None, seconds)
        per_transaction = self._seen_bytes(w)
        busy = kpi.response_ms(w)[0]
        if verdict.holds:
            self._usual_ms = busy
            self._bytes = per_transaction or self._bytes
        return Result(asked, verdict, kpi.kpis(w, self._one_segment(w)), busy, per_transaction, seconds)

    def _seen_bytes(self, w: Window) -> Optional[float]:
        """Of frames, both ways, of a transaction."""
        n = w.grown("responses")
        mbps = kpi.throughput(w)["both_ways"]
        return mbps * w.seconds * 1e6 / 8 / n if n >= 10 and mbps > 0 else None

    def _one_segment(self, w: Window) -> Optional[bool]:
        """Is each response one? Known of our own server, whose responses are all as long."""
        n = w.grown("responses")
        if self._where.server is None or n == 0:
            return None
        return w.grown("rx_bytes") / n <= self._mtu - MSS
