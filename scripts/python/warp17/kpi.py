"""What a level came to: the key performance indicators of RFC 9411 (section 6.3) over a window of samples, and whether its
criteria (those of its sections 7.x) held there.

What is not measured is said to be so, with the reason, instead of a number.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from .histogram import Histogram
from .response_times import REQUEST, SHOWN, SYN, ResponseTimes, in_ms, merged
from .sampler import Key, Sample

CONNECTIONS, TRANSACTIONS, THROUGHPUT, CONCURRENT = GOALS = ("connections", "transactions", "throughput", "concurrent")
UNITS: Mapping[str, str] = {CONNECTIONS: "connections/s", TRANSACTIONS: "transactions/s", THROUGHPUT: "Mbit/s", CONCURRENT: "connections"}
DEVICE, GENERATOR = "device", "generator"
FAILED = ("failed_syn", "failed_rst", "failed_retry", "failed_icmp", "failed_to", "failed_app")
TERMINATED = tuple(k for k in FAILED if k != "failed_syn")  # that had been up, mostly
BEHIND = ("behind_open", "behind_send", "behind_close")
OWN_DROPS = ("tx_full", "handoff_full", "no_mbuf", "tcp_no_tcb", "udp_no_ucb")
BUSY_PERCENT = 70.0  # of a worker, on average: beyond it there are times when it has none left, and the limit may be its own
USED_UP = 0.95  # of the sessions


@dataclass(frozen=True)
class Criteria:
    """What has to hold. Ratios, not percent.

    failed        failed transactions of those attempted, less than
    terminated    connections reset or given up of those that were opened or are up, less than
    tolerance     how far the rate may be from what was asked, and any part of the window from the mean
    growth        how much of what was done the unanswered may grow by meanwhile
    response_ms, response_p99_ms  largest mean of response times to the last byte, and of their 99th percentile; None: any
    """

    failed: float = 1e-5
    terminated: float = 1e-5
    tolerance: float = 0.05
    growth: float = 0.01
    response_ms: Optional[float] = None
    response_p99_ms: Optional[float] = None


@dataclass(frozen=True)
class Asked:
    """A level as it is offered.

    goal       of GOALS
    level      in the goal's unit
    per_second what is to be opened or answered a second, 0 where the goal is CONCURRENT
    sessions   that the client has; of CONCURRENT so many have to be up
    seconds    of the whole window
    usual_ms   how long a session is busy when all is well, None: not known
    """

    goal: str
    level: int
    per_second: float
    sessions: int
    seconds: float
    usual_ms: Optional[float] = None


@dataclass(frozen=True)
class Where:
    """Whose counters: test cases of clients, and of servers where they are ours. single: a connection carries one transaction.
    timed: clients whose response times the engine measures."""

    clients: Sequence[Key]
    servers: Sequence[Key]
    single: bool = False
    timed: Sequence[Key] = ()

    @property
    def client_ports(self) -> Set[int]:
        return {p for p, _ in self.clients}

    @property
    def server_ports(self) -> Set[int]:
        return {p for p, _ in self.servers} - self.client_ports


@dataclass
class Verdict:
    """holds, or why not, and whose limit it was: DEVICE, GENERATOR, None where it holds. sure: more samples change nothing."""

    reasons: List[str] = field(default_factory=list)
    limit: Optional[str] = None
    sure: bool = False

    @property
    def holds(self) -> bool:
        return not self.reasons

    @property
    def reason(self) -> str:
        return "; ".join(self.reasons)

    def fails(self, why: str, sure: bool = True) -> None:
        self.reasons.append(why)
        self.sure |= sure


class Window:
    """Samples of a level, from its sustain phase; base was taken before its start, when all was at rest."""

    def __init__(self, base: Sample, samples: Sequence[Sample], where: Where, goal: str) -> None:
        self.base, self.samples, self.where, self.goal = base, samples, where, goal

    @property
    def seconds(self) -> float:
        return (self.samples[-1].mono_ns - self.samples[0].mono_ns) / 1e9 if self.samples else 0.0

    def count(self, name: str, sample: Sample) -> int:
        """Of the clients, since base."""
        return self.now(name, sample) - self.now(name, self.base)

    def now(self, name: str, sample: Sample) -> int:
        """A gauge of the clients."""
        return sum(int(sample.stats[k]["stats"][name]) for k in self.where.clients)

    def grown(self, *names: str) -> int:
        """So much they did in the window, together."""
        return sum(self.count(k, self.samples[-1]) - self.count(k, self.samples[0]) for k in names)

    def rate(self, name: str) -> float:
        return self.grown(name) / self.seconds if self.seconds > 0 else 0.0

    def done(self) -> str:
        """The counter that the goal's rate is about."""
        return "estab" if self.goal == CONNECTIONS else "responses"

    def begun(self) -> str:
        """The counter of attempts at that."""
        return "opened" if self.goal == CONNECTIONS else "requests"

    def to_come(self) -> int:
        """So many more may be done of what was begun, whatever the rate."""
        last = self.samples[-1]
        gone = self.count("failed_syn", last) if self.goal == CONNECTIONS else 0
        return max(0, self.count(self.begun(), last) - self.count(self.done(), last) - gone)

    def under_way(self, sample: Sample) -> int:
        """Connections from SYN to the response's last byte, where each carries one transaction; else requests without
        response. What failed is not among them."""
        begun = "opened" if self.where.single else "requests"
        gone = sum(self.count(k, sample) for k in FAILED) if self.where.single else 0
        return max(0, self.count(begun, sample) - self.count("responses", sample) - gone)

    def broken_off(self, sample: Sample) -> int:
        """Connections that closed before their time: before their response, or at all where they are to stay."""
        if self.where.single:
            return max(0, self.count("closed", sample) - self.count("responses", sample))
        return self.count("closed", sample) if self.goal != CONNECTIONS else 0

    def failed(self) -> int:
        early = self.broken_off(self.samples[-1]) - self.broken_off(self.samples[0])
        return self.grown("resp_errors", "resp_lost", "mismatches", *FAILED) + max(0, early)

    def terminated(self) -> int:
        early = self.broken_off(self.samples[-1]) - self.broken_off(self.samples[0])
        return self.grown(*TERMINATED) + max(0, early)

    def mbps(self, ports: Iterable[int], what: str) -> float:
        """Of a counter of bytes, over the time between its own readings."""
        last, first = self.samples[-1], self.samples[0]
        ns = last.ports_ns - first.ports_ns
        return sum(last.ports[p]["port"][what] - first.ports[p]["port"][what] for p in ports) * 8e3 / ns if ns > 0 else 0.0

    def times(self, begin: str) -> Optional[ResponseTimes]:
        """Of the window, of all clients of which they are measured from there; None: of none."""
        if not self.samples:
            return None
        first, last = self.samples[0].times, self.samples[-1].times
        return merged([last[k].since(first[k]) for k in self.where.timed], begin)

    def load_percent(self) -> Optional[float]:
        """Of the busiest worker, on average."""
        seen = [max(loads) for s in self.samples if (loads := [w["load_percent"] for w in s.workers if w["load_percent"] is not None])]
        return sum(seen) / len(seen) if seen else None


# ---- key performance indicators

HOW = {SYN: "from the connection's SYN to that byte of its first response", REQUEST: "from each request to that byte of its response"}
OF_WINDOW = "; least and largest of the window are within 1/128"
OTHERWISE = {SYN: "not measured: it counts from the SYN, and here times count from each request",
             REQUEST: "not measured: here times count from the SYN"}


def time_of(w: Window, begin: str, which: str) -> Dict[str, Any]:
    """A distribution in ms, and how it was measured, or why it was not. which: "first" or "last" byte."""
    times = w.times(begin)
    if times is None:
        why = OTHERWISE[begin] if w.where.timed else "not measured: it is switched off, or nothing answers the plan's clients"
        return {"samples": None, **dict.fromkeys(SHOWN), "how": why}
    of: Histogram = getattr(times, which)
    return {"samples": of.samples, **in_ms(of), "how": HOW[begin] + OF_WINDOW}


def busy_ms(w: Window) -> Optional[float]:
    """Mean time that a session is busy with a transaction, None: not known."""
    for begin in (REQUEST, SYN):
        times = w.times(begin)
        if times is not None and times.last.mean_ns is not None:
            return times.last.mean_ns / 1e6
    return None


def rounded(v: Optional[float], digits: int = 3) -> Optional[float]:
    return None if v is None else round(v, digits)


def throughput(w: Window) -> Dict[str, Any]:
    """Frames from the Ethernet header on, as they arrived at our ports: both ways where both ends are ours, else what the
    client's port received and sent."""
    clients, servers = w.where.client_ports, w.where.server_ports
    there = (clients, "tx_bytes") if not w.where.servers else (servers, "rx_bytes")
    mbps = [w.mbps(*of) for of in ((clients, "rx_bytes"), there)]
    return {"both_ways": round(sum(mbps), 3), "to_client": round(mbps[0], 3), "to_server": round(mbps[1], 3)}


def kpis(w: Window) -> Dict[str, Any]:
    """The names of RFC 9411, section 6.3, and what the verdict rests on."""
    up = [w.now("estab_now", s) for s in w.samples]
    return {
        "tcp_connections_per_second": round(w.rate("estab"), 1),
        "concurrent_tcp_connections": {"min": min(up), "avg": round(sum(up) / len(up), 1), "max": max(up)},
        "application_transactions_per_second": round(w.rate("responses"), 1),
        "inspected_throughput_mbps": throughput(w),
        "time_to_first_byte_ms": time_of(w, SYN, "first"),
        "time_to_last_byte_ms": time_of(w, SYN, "last"),
        "transaction_first_byte_time_ms": time_of(w, REQUEST, "first"),
        "transaction_response_time_ms": time_of(w, REQUEST, "last"),
        "attempted_transactions": attempts(w), "failed_transactions": w.failed(),
        "opened_connections": w.grown("opened"), "terminated_connections": w.terminated(),
        "worker_load_percent": rounded(w.load_percent(), 1), "behind": w.grown(*BEHIND), "window_s": round(w.seconds, 3),
        "looks": len(w.samples)}


def attempts(w: Window) -> int:
    return w.grown(w.begun())


# ---- criteria

def judge(w: Window, asked: Asked, criteria: Criteria, over: bool = True) -> Verdict:
    """Does the level hold? over: the window is whole; else only what no more samples can mend is looked at."""
    v = Verdict()
    if w.seconds <= 0:
        return v
    failed(w, asked, criteria, v, over)
    if asked.goal == CONCURRENT:
        all_up(w, asked, v)
    else:
        rate_kept(w, asked, criteria, v, over)
    if over:
        steady(w, asked, criteria, v)
        responses(w, criteria, v)
    if v.reasons:
        v.limit = whose(w, asked, v)
    return v


def failed(w: Window, asked: Asked, criteria: Criteria, v: Verdict, over: bool) -> None:
    """Before the window is over what may still be attempted counts as attempted, so that failures are judged by the whole."""
    whole = 0.0 if over else asked.per_second * asked.seconds * (1 + criteria.tolerance)
    connections = w.grown("opened") + w.now("estab_now", w.samples[0])
    most = whole if asked.goal == CONNECTIONS else asked.sessions
    for what, bad, of, limit in (("failed transactions", w.failed(), attempts(w), criteria.failed * max(attempts(w), whole)),
                                 ("connections terminated", w.terminated(), connections, criteria.terminated * max(connections, most))):
        if bad and bad >= limit:
            v.fails(f"{what}: {bad} of {of} ({100 * bad / max(of, bad):.4g} %)")


def all_up(w: Window, asked: Asked, v: Verdict) -> None:
    least = min(w.now("estab_now", s) for s in w.samples)
    if least < asked.sessions:
        v.fails(f"{least} of {asked.sessions} connections were up")


def rate_kept(w: Window, asked: Asked, criteria: Criteria, v: Verdict, over: bool) -> None:
    """Before the window is over: what is under way may all come at once, and what is begun from now on at the highest rate."""
    done = w.grown(w.done())
    wanted = asked.per_second * (w.seconds if over else asked.seconds)
    best = done if over else done + w.to_come() + max(0.0, asked.seconds - w.seconds) * asked.per_second * (1 + criteria.tolerance)
    if best < wanted * (1 - criteria.tolerance) - 2:
        got = w.rate(w.done())
        v.fails(f"{got:.1f}/s of {asked.per_second:.1f}/s asked ({100 * (got / asked.per_second - 1):+.1f} %)")


def parts(w: Window, n: int = 4) -> List[List[Sample]]:
    """The window in n parts of the same time, each beginning with the sample that the one before ended with."""
    first, last = w.samples[0].mono_ns, w.samples[-1].mono_ns
    marks = [first + (last - first) * i // n for i in range(n + 1)]
    at = [min(range(len(w.samples)), key=lambda j: abs(w.samples[j].mono_ns - m)) for m in marks]
    return [list(w.samples[a:b + 1]) for a, b in zip(at, at[1:]) if b > a]


def steady(w: Window, asked: Asked, criteria: Criteria, v: Verdict) -> None:
    """Each part of the window is as the mean, and what is unanswered does not grow."""
    pieces = parts(w)
    if asked.goal != CONCURRENT and not v.reasons:
        mean = w.rate(w.done())
        for piece in pieces:
            s = (piece[-1].mono_ns - piece[0].mono_ns) / 1e9
            n = w.count(w.done(), piece[-1]) - w.count(w.done(), piece[0])
            if abs(n - mean * s) > criteria.tolerance * mean * s + 2:
                v.fails(f"not constant: {n / s:.1f}/s for {s:.1f} s, {mean:.1f}/s on average")
                break
    if len(pieces) > 1:
        ends = [sum(w.under_way(s) for s in piece) / len(piece) for piece in (pieces[0], pieces[-1])]
        done = w.grown("responses")
        if ends[1] - ends[0] > max(criteria.growth * done, 2 + 3 * ends[0] ** 0.5):
            v.fails(f"falls behind: unanswered grew from {ends[0]:.0f} to {ends[1]:.0f}, {done} answered meanwhile")


def responses(w: Window, criteria: Criteria, v: Verdict) -> None:
    """Times to the last byte, from wherever they are measured."""
    for begin in (SYN, REQUEST):
        times = w.times(begin)
        if times is None or criteria.response_ms is None and criteria.response_p99_ms is None:
            continue
        if times.last.samples == 0:
            v.fails("no response")
            continue
        of = in_ms(times.last)
        for what, value, most in (("mean response time", of["avg"], criteria.response_ms),
                                  ("99th percentile of response times", of["p99"], criteria.response_p99_ms)):
            if most is not None and value is not None and value > most:
                v.fails(f"{what} {value:.3f} ms, at most {most:g} ms wanted")


def own_fault(w: Window, asked: Asked) -> Optional[str]:
    """What says that the engine itself was the limit, or its settings."""
    first, last = w.samples[0], w.samples[-1]
    ports = w.where.client_ports | w.where.server_ports
    signs: List[Tuple[str, Callable[[], int]]] = [
        ("worker behind its rate", lambda: w.grown(*BEHIND)),
        ("control blocks used up", lambda: w.count("no_tcb", last)),
        ("packets that the engine dropped", lambda: sum(last.ports[p]["drop"].get(k, 0) - first.ports[p]["drop"].get(k, 0)
                                                         for p in ports for k in OWN_DROPS)),
        ("packets that its ports missed", lambda: sum(last.ports[p]["device"].get(k, 0) - first.ports[p]["device"].get(k, 0)
                                                       for p in ports for k in ("rx_missed", "rx_no_mbuf")))]
    for what, n in signs:
        if n() > 0:
            return f"{what}: {n()}"
    load = w.load_percent()
    if load is not None and load >= BUSY_PERCENT:
        return f"worker load {load:.0f} %"
    if asked.usual_ms and asked.per_second * asked.usual_ms / 1e3 > USED_UP * asked.sessions:
        return f"{asked.sessions} sessions are too few: each is busy for {asked.usual_ms:.3g} ms even below the limit"
    return None


def whose(w: Window, asked: Asked, v: Verdict) -> str:
    """DEVICE, or GENERATOR and the reason for that too."""
    fault = own_fault(w, asked)
    if fault is None:
        return DEVICE
    v.reasons.append(f"the generator's: {fault}")
    return GENERATOR
