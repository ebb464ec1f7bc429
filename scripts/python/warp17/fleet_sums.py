"""What several engines counted, together: counters add up, what is a state of now does not, rates add up at the same times; and
what one side sent the other has to have received, or it is lost by name."""
from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

Counters = Mapping[str, Mapping[str, int]]  # by group, by name
Table = Dict[str, Any]

# Of doc/counters.md what is no counter: a number of now, which is nobody's sum, and the largest of its kind.
NOW = frozenset({
    "faults.tx_held", "faults.rx_held", "tsm.missing_seq", "memory.tcb_total", "memory.tcb_free", "memory.ucb_total",
    "memory.ucb_free", "memory.side_total", "memory.side_free", "memory.mbuf_total", "memory.mbuf_free", "lcore.stalled_now",
    "tc.open_now", "tc.estab_now", "tc.up"})
LARGEST = frozenset({
    "timer.late_max_ms", "memory.tcb_bytes", "memory.ucb_bytes", "lcore.longest", "lcore.longest_now",
    "lcore.longest_interrupted", "tc.last_estab_us", "latency.max_ns", "times.first_max_ns",
    "times.last_max_ns"})


def kind_of(group: str, name: str) -> str:
    """"counter", "now" or "largest"."""
    full = f"{group}.{name}"
    if full in NOW or group == "tsm" and name.startswith("in_"):
        return "now"
    return "largest" if full in LARGEST else "counter"


def counters_table(engines: Mapping[str, Counters]) -> Table:
    """All counters of all engines: group, name, kind, total, then a column an engine. total is null for what is of now."""
    rows: List[List[Any]] = []
    for group, name in dict.fromkeys((g, n) for c in engines.values() for g, names in c.items() for n in names):
        values = [c.get(group, {}).get(name) for c in engines.values()]
        known = [v for v in values if v is not None]
        kind = kind_of(group, name)
        total = None if kind == "now" else max(known) if kind == "largest" else sum(known)
        rows.append([group, name, kind, total, *values])
    return {"columns": ["group", "name", "kind", "total", *engines], "rows": rows}


# ---- networks: what is sent is received

@dataclass(frozen=True)
class Network:
    """Ports that reach each other, (engine, port). loss: how many packets may be lost of those that one of two ports, or all
    ports of more, send; None: any number, for a device under test stands between them."""

    name: str
    ports: Sequence[Tuple[str, int]]
    loss: Optional[int] = 0


@dataclass
class Way:
    """From one port of a network to the other, or of all its ports where there are more than two.

    sent, received  packets; received are those that an engine can have sent to this one: no IPv6, no types that we do not speak,
             nothing that a switch floods to whom it is not for. Of more than two ports both are without ARP, of which each gets a copy
    foreign  packets received beyond those
    named    losses that a device has a counter for
    lost     the rest: sent, and neither received nor named; negative: received more than was sent
    """

    network: str
    sender: str
    receiver: str
    sent: int
    received: int
    foreign: int
    named: Dict[str, int] = field(default_factory=dict)
    allowed: Optional[int] = 0

    @property
    def lost(self) -> int:
        return self.sent - self.received - sum(self.named.values())

    @property
    def fits(self) -> bool:
        """Nobody lost more than was allowed. More than was sent never fits: the numbers are not of one network."""
        total = self.lost + sum(self.named.values())
        return self.lost >= 0 and (self.allowed is None or total <= self.allowed)

    def sentence(self) -> str:
        names = "".join(f", {n} {k}" for k, n in self.named.items() if n)
        way = f"{self.sender} to {self.receiver}: {self.sent} packets sent, {self.received} received{names}"
        if self.lost < 0:
            return f"{way}: {-self.lost} more than were sent, others are on that network"
        where = "in the device under test" if self.allowed is None else "on the way, nobody says where"
        return f"{way}: {self.lost} lost {where}"

    def document(self) -> Dict[str, Any]:
        return {"network": self.network, "from": self.sender, "to": self.receiver, "sent": self.sent, "received": self.received,
                "foreign": self.foreign, "named": dict(self.named), "lost": self.lost, "allowed": self.allowed, "fits": self.fits}


PortCounters = Mapping[Tuple[str, int], Counters]  # of each port: "port", "eth", "arp", "drop" and "device"
NAMED = ("rx_missed", "rx_errors")  # of the receiver's device
NAMED_TX = ("tx_errors",)  # of the sender's


def foreign(c: Counters) -> int:
    """Packets that no engine sent, or not to this one."""
    return c["eth"]["rx_ipv6"] + c["eth"]["rx_other"] + c["drop"]["eth_not_mine"]


def words(ports: Sequence[Tuple[str, int]]) -> str:
    return " + ".join(f"{e}:{p}" for e, p in ports)


def way_of(n: Network, counters: PortCounters, senders: Sequence[Tuple[str, int]], receivers: Sequence[Tuple[str, int]]) -> Way:
    named = {k: sum(counters[r]["device"][k] for r in receivers) for k in NAMED}
    named.update({k: sum(counters[s]["device"][k] for s in senders) for k in NAMED_TX})
    sent = sum(counters[s]["port"]["tx_pkts"] for s in senders)
    others = sum(foreign(counters[r]) for r in receivers)
    if len(n.ports) > 2:
        sent -= sum(counters[s]["arp"]["tx_req"] + counters[s]["arp"]["tx_rep"] for s in senders)
        others += sum(counters[r]["eth"]["rx_arp"] for r in receivers)
    return Way(n.name, words(senders), words(receivers), sent, sum(counters[r]["port"]["rx_pkts"] for r in receivers) - others, others,
               named, n.loss)


def ways(networks: Sequence[Network], counters: PortCounters) -> List[Way]:
    """Each network's: both ways of two ports, one sum of more. Its counters are those of the run alone, when nothing is under
    way any more."""
    found: List[Way] = []
    for n in networks:
        if len(n.ports) == 2:
            a, b = n.ports
            found += [way_of(n, counters, [a], [b]), way_of(n, counters, [b], [a])]
        else:
            found.append(way_of(n, counters, n.ports, n.ports))
    return found


# ---- rates at the same times

Points = Sequence[Tuple[float, float]]  # (s, value of a counter), in the order of time


def at_time(points: Points, looks: Sequence[float], t: float) -> Optional[float]:
    """A counter's value then, between two looks evenly; None outside of them. looks: the times of points."""
    if not points or t < points[0][0] or t > points[-1][0]:
        return None
    i = bisect.bisect_left(looks, t)
    if points[i][0] == t:
        return points[i][1]
    (t0, v0), (t1, v1) = points[i - 1], points[i]
    return v0 + (v1 - v0) * (t - t0) / (t1 - t0)


def rates(engines: Sequence[Points], times: Sequence[float]) -> List[Optional[float]]:
    """The sum of the engines' rates between one time and the next, per second: as many as times, the first None. None too
    where an engine was not looked at."""
    values: List[Optional[float]] = []
    looks = [[p[0] for p in points] for points in engines]
    for t in times:
        each = [at_time(points, of, t) for points, of in zip(engines, looks)]
        values.append(None if any(v is None for v in each) else sum(v for v in each if v is not None))
    found: List[Optional[float]] = [None] if values else []
    for (t0, v0), (t1, v1) in zip(zip(times, values), list(zip(times, values))[1:]):
        found.append(None if v0 is None or v1 is None or t1 <= t0 else round((v1 - v0) / (t1 - t0), 3))
    return found


def rates_table(series: Mapping[str, Sequence[Points]], interval_s: float) -> Table:
    """By name what is counted, of each engine: {"requests_per_second": [points, points]}. A row every interval_s, in the time
    that all were looked at."""
    every = [p for engines in series.values() for p in engines if p]
    if not every:
        return {"columns": ["time_s", *series], "rows": []}
    first, last = max(p[0][0] for p in every), min(p[-1][0] for p in every)
    times = [round(first + i * interval_s, 6) for i in range(max(0, int((last - first) / interval_s + 1e-9)) + 1)]
    columns: List[List[Optional[float]]] = [rates(engines, times) for engines in series.values()]
    return {"columns": ["time_s", *series], "rows": [[t, *(c[i] for c in columns)] for i, t in enumerate(times)]}


