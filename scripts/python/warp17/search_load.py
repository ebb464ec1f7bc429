"""What a search offers: which test cases a level has, and what the level means to them."""
from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .apps import App, HttpClient, HttpServer, Raw
from .client import Warp17
from .errors import Warp17Error
from .kpi import CONCURRENT, CONNECTIONS, THROUGHPUT, Asked, Where
from .response_times import OFF, REQUEST, SYN
from .runner import stop_running

SPORT_FIRST, SPORT_LAST = 10000, 65000
FOREVER_S = 1000000
HTTP_HEADS = 280  # of a request and a response together, about: for a first estimate
FRAME_HEADS = 54


class Unfit(Warp17Error):
    """What was asked for cannot be tried on this engine."""

    exit_code = 2


class Load:
    """The root of loads. In this order: prepare() once, make() and clean() around each level, close() once, also when one of
    the others failed.

    goal   of kpi.GOALS
    where  its test cases
    order  ports in the order of their start
    """

    goal: str
    where: Where
    order: Sequence[int]

    def prepare(self, w: Warp17) -> None:
        """What is the same for all levels. Unfit where the engine is not fit for it."""
        raise NotImplementedError

    def make(self, w: Warp17, asked: Asked) -> None:
        """The test cases of a level."""
        raise NotImplementedError

    def clean(self, w: Warp17) -> None:
        """Stops traffic and takes the test cases away."""
        raise NotImplementedError

    def close(self, w: Warp17) -> None:
        """Takes away what prepare() made."""
        raise NotImplementedError

    def sessions(self, level: int) -> int:
        """That all clients have together, at a level."""
        raise NotImplementedError

    def estimate(self) -> Optional[float]:
        """Bytes of frames of a transaction, both ways, before one was seen; None: that is to be found out."""
        return None

    def trickle(self) -> float:
        """Of CONCURRENT: transactions a second of each connection."""
        return 0.1

    def document(self) -> Dict[str, Any]:
        """{"offer", "plan"} of a search's document."""
        raise NotImplementedError

    def asked(self, level: int, seconds: float, bytes_per_transaction: float, usual_ms: Optional[float]) -> Asked:
        """A level as numbers of the engine."""
        sessions = self.sessions(level)
        if self.goal == CONCURRENT:
            return Asked(self.goal, level, sessions * self.trickle(), sessions, seconds)
        rate = level * 1e6 / 8 / bytes_per_transaction if self.goal == THROUGHPUT else level
        return Asked(self.goal, level, float(max(1, round(rate))), sessions, seconds, usual_ms)


def measured_from(goal: str) -> str:
    """From when on response times count: as RFC 9411's where each connection is new, else from each request on, or a connection
    that stays would have but one."""
    return SYN if goal == CONNECTIONS else REQUEST


@dataclass(frozen=True)
class Offer:
    """One client test case against one server.

    goal         of kpi.GOALS
    app          "http" or "raw"; req_size, resp_size: bytes of its bodies
    client_port  server_port: None where the server is none of ours
    src          first and last address of the clients, mask theirs and the server's; dest the server's address
    dport        first and last port of the server
    gw           the clients' gateway, server_gw the server's
    sessions     of the client, where the goal is not CONCURRENT
    trickle      of CONCURRENT: transactions a second for each connection
    ramp_s       over which connections open
    retries      of SYN, data and FIN, after which a connection has failed
    response_times  are measured
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
    retries: int = 3
    host: str = "www.foo42.net"
    object: str = "/index.html"
    response_times: bool = True

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


class OwnLoad(Load):
    """An Offer, on ports without test cases."""

    def __init__(self, offer: Offer) -> None:
        self.offer, self.goal = offer, offer.goal
        self._servers = [] if offer.server_port is None else [offer.server_port]
        self.order = [*self._servers, offer.client_port]
        clients = [(offer.client_port, 0)]
        self.where = Where(clients, [(p, 0) for p in self._servers], offer.goal == CONNECTIONS, clients if offer.response_times else [])
        self._added: List[Tuple[int, str]] = []
        self._gateways: List[int] = []
        self._acquired: List[int] = []

    def prepare(self, w: Warp17) -> None:
        there = [p["port"] for p in w.ports()]
        for port in self.order:
            if port not in there:
                raise Unfit(f"port {port}: the engine has ports {', '.join(map(str, sorted(there)))}")
            if w.settings(port)["tests"]:
                raise Unfit(f"port {port} has test cases: the search needs a port without (del tests port {port} ...)")
        for port, ip, gw in self._ends():
            w.acquire(port)
            self._acquired.append(port)
            settings = w.settings(port)
            if ip not in [i["ip"] for i in settings["l3_interfaces"]]:
                w.add_interface(port, ip, self.offer.mask)
                self._added.append((port, ip))
            if gw is not None and settings["gw"] is None:
                w.set_gateway(port, gw)
                self._gateways.append(port)

    def _ends(self) -> List[Tuple[int, str, Optional[str]]]:
        o = self.offer
        return [(o.client_port, o.src[0], o.gw), *((p, o.dest, o.server_gw) for p in self._servers)]

    def make(self, w: Warp17, asked: Asked) -> None:
        o, (client, server) = self.offer, self.offer.apps()
        n = o.sports(asked.sessions)[0]
        again = o.goal == CONNECTIONS
        options = {"syn_retry": o.retries, "syn_ack_retry": o.retries, "data_retry": o.retries, "retry": o.retries, "twait_skip": again}
        for port in self._servers:
            w.add_server("tcp", port, 0, o.dest, o.dport)
            w.set_server(port, 0, server)
            w.set_tcp_options(port, 0, **options)
        port = o.client_port
        w.add_client("tcp", port, 0, o.src, (SPORT_FIRST, SPORT_FIRST + n - 1), o.dest, o.dport)
        w.set_client(port, 0, client)
        w.set_response_times(port, 0, measured_from(o.goal) if o.response_times else OFF)
        w.set_tcp_options(port, 0, **options)
        w.set_criteria(port, 0, "run-time", FOREVER_S)
        w.set_timeouts(port, 0, init=0, uptime="infinite", downtime=0 if again else "infinite")
        whole = max(1, math.ceil(asked.per_second))
        if again:
            w.set_rates(port, 0, open=whole)
        else:
            w.set_rates(port, 0, open=max(1, math.ceil(asked.sessions / o.ramp_s)), send=whole)

    def clean(self, w: Warp17) -> None:
        stop_running(w, self.order[::-1])
        for port, tcid in [*self.where.clients, *self.where.servers]:
            if any(t.test_case_id == tcid for t in w.status(port)):
                w.delete_test(port, tcid)

    def close(self, w: Warp17) -> None:
        if self._acquired:
            self.clean(w)
        for port in self._gateways:
            w.delete_gateway(port)
        for port, ip in self._added:
            w.delete_interface(port, ip)
        for port in self._acquired:
            w.release(port)
        self._gateways, self._added, self._acquired = [], [], []

    def sessions(self, level: int) -> int:
        return self.offer.sports(level if self.goal == CONCURRENT else self.offer.sessions)[1]

    def estimate(self) -> float:
        o = self.offer
        heads = HTTP_HEADS if o.app == "http" else 0
        segments = sum(math.ceil((n + heads / 2) / 1460) for n in (o.req_size, o.resp_size))
        return o.req_size + o.resp_size + heads + FRAME_HEADS * 2 * max(segments, 2)

    def trickle(self) -> float:
        return self.offer.trickle

    def document(self) -> Dict[str, Any]:
        return {"offer": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.offer).items()}, "plan": None}
