"""Looks at an engine again and again: each look is a Sample, a list of them makes the time series of a result document."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from .client import Warp17
from .errors import CommandFailed, Warp17Error
from .response_times import BYTES, VIEW, ResponseTimes, in_ms
from .views import FIELDS, TestState

Key = Tuple[int, int]  # port, test_case_id
Row = List[Any]
Table = Dict[str, Any]
BATCH_MAX = 200
FAILURES = ("failed_syn", "failed_rst", "failed_retry", "failed_icmp", "failed_to", "failed_app", "no_tcb")
GROUPS = ("port", "drop", "tsm")


@dataclass(frozen=True)
class Sample:
    """What an engine showed at one time, which is its own.

    realtime_ns, mono_ns  the clocks of its RPC server's machine, ns
    states      of each test case
    stats       of each test case, as statistics() has them
    ports       of each port: {"port": counters, "drop": counters, "tsm": counters, "device": counters}
    workers     as show lcore load has them
    ports_ns    when ports were read, by the clock of mono_ns: earlier, where the rest was read anew
    times       response times, of test cases of which they were asked for
    """

    realtime_ns: int
    mono_ns: int
    states: Mapping[Key, TestState]
    stats: Mapping[Key, Dict[str, Any]]
    ports: Mapping[int, Dict[str, Dict[str, int]]]
    workers: Sequence[Dict[str, Any]]
    ports_ns: int
    times: Mapping[Key, ResponseTimes] = field(default_factory=dict)


class Sampler:
    """Takes samples of some test cases of an engine, all in one batch of calls.

    keys   the test cases
    ports  whose counters are taken too; those of keys when left out
    timed  of keys, those whose response times are taken too
    """

    def __init__(self, w: Warp17, keys: Sequence[Key], ports: Optional[Sequence[int]] = None, timed: Sequence[Key] = ()) -> None:
        self._w = w
        self._keys = list(keys)
        self._timed = list(timed)
        self._ports = sorted(set(ports if ports is not None else [p for p, _ in keys]))

    def take(self) -> Sample:
        """A look. Raises the first error of a view: EngineGone, ConnectionLost, CommandFailed where a test case is gone."""
        calls: List[Tuple[str, Dict[str, Any]]] = [("rpc.ping", {}), ("show.lcore.load", {})]
        calls += [(f"show.{g}.statistics", {}) for g in GROUPS]
        calls += [("show.tests.state", {"port": p}) for p in sorted({p for p, _ in self._keys})]
        calls += [(what, {"port": p, "test_case_id": t}) for what, keys in (("show.tests.stats", self._keys), (VIEW, self._timed))
                  for p, t in keys]
        ping, load, *rest = self._batch(calls)
        groups, rest = rest[:len(GROUPS)], rest[len(GROUPS):]
        states = {(view["port"], t["test_case_id"]): TestState(port=view["port"], **{k: v for k, v in t.items() if k in FIELDS})
                  for view in rest if "tests" in view for t in view["tests"]}
        stats = {(view["port"], view["test_case_id"]): view for view in rest if "stats" in view}
        times = {(view["port"], view["test_case_id"]): ResponseTimes.of_view(view) for view in rest if "first_byte" in view}
        gone = [k for k in self._keys if k not in states]
        if gone:
            raise CommandFailed(f"port {gone[0][0]} has no test case {gone[0][1]} any more")
        ports = {p: {g: view["ports"][str(p)]["stats"] for g, view in zip(GROUPS, groups)} for p in self._ports}
        for p, counters in ports.items():
            counters["device"] = groups[0]["ports"][str(p)]["device"]
        return Sample(ping["realtime_ns"], ping["mono_ns"], {k: states[k] for k in self._keys}, stats, ports, load["workers"],
                      ping["mono_ns"], times)

    def _batch(self, calls: Sequence[Tuple[str, Dict[str, Any]]]) -> List[Any]:
        answers: List[Any] = []
        for at in range(0, len(calls), BATCH_MAX):
            answers += self._w.batch(calls[at:at + BATCH_MAX])
        for answer in answers:
            if isinstance(answer, Warp17Error):
                raise answer
        return answers


def failures(stats: Mapping[str, int]) -> int:
    """Sessions that did not come to a good end, of a test case's counters; those reset because it was stopped are none."""
    return sum(stats[k] for k in FAILURES)


def per_second(a: int, b: int, ns: int) -> float:
    """From counter a to counter b in so many ns."""
    return round((b - a) * 1e9 / ns, 1) if ns > 0 else 0.0


def mbps(a: int, b: int, ns: int) -> float:
    """The same of bytes, in Mbit/s."""
    return round((b - a) * 8e3 / ns, 3) if ns > 0 else 0.0


def counted(what: str) -> Callable[[Mapping[str, int]], int]:
    return lambda stats: stats[what]


# columns of a test case's table that are rates: name, what is counted, how it is divided
CASE_RATES: Sequence[Tuple[str, Callable[[Mapping[str, int]], int], Callable[[int, int, int], float]]] = (
    ("opened_per_second", counted("opened"), per_second),
    ("established_per_second", counted("estab"), per_second),
    ("closed_per_second", counted("closed"), per_second),
    ("failures_per_second", failures, per_second),
    ("requests_per_second", counted("requests"), per_second),
    ("transactions_per_second", counted("responses"), per_second),
    ("messages_per_second", counted("tx_msgs"), per_second),
    ("tx_mbps", counted("tx_bytes"), mbps),
    ("rx_mbps", counted("rx_bytes"), mbps),
)
LATENCIES = ("avg", "p50", "p90", "p99", "p99_9", "max")
TIMES = ("avg", "p50", "p99", "max")
NO_TIMES: Row = [None] * (len(TIMES) * len(BYTES))
CASE_COLUMNS = ("time_s", "state", "achieved", "established_now", "failures", *(name for name, _, _ in CASE_RATES),
                *(f"latency_{q}_us" for q in LATENCIES), *(f"{b}_byte_{q}_ms" for b in BYTES for q in TIMES))
PORT_COLUMNS = ("time_s", "tx_packets_per_second", "rx_packets_per_second", "tx_mbps", "rx_mbps", "drops_per_second",
                "retransmitted_per_second")
WORKER_COLUMNS = ("time_s", "load_percent")


def seconds(sample: Sample, started: float, offset_ns: int = 0) -> float:
    """Between started (s since 1970 of this machine) and the sample, whose clock is ahead of ours by offset_ns."""
    return round((sample.realtime_ns - offset_ns) / 1e9 - started, 3)


def latencies(view: Mapping[str, Any]) -> List[Optional[float]]:
    """In us, by LATENCIES; None: not measured. Since the test case began."""
    of = view.get("latency", {}).get("global", {})
    return [None if of.get(f"{q}_ns") is None else of[f"{q}_ns"] / 1e3 for q in LATENCIES]


def response_times(before: Optional[Sample], now: Sample, key: Key) -> Row:
    """In ms, by TIMES, of the first and of the last byte; None: not measured. Of what came since the sample before, or since the
    start where that is None."""
    times = now.times.get(key)
    if times is None:
        return NO_TIMES
    if before is not None and key in before.times:
        times = times.since(before.times[key])
    return [of[q] for of in (in_ms(times.first), in_ms(times.last)) for q in TIMES]


def case_rows(samples: Sequence[Sample], key: Key, started: float, offset_ns: int = 0) -> List[Row]:
    """A row a sample by CASE_COLUMNS; rates and response times are those since the sample before, so the first has none. A test
    case begins with counters of 0, whatever they were before its start."""
    rows: List[Row] = []
    for before, now in zip([None, *samples], samples):
        view, state = now.stats[key], now.states[key]
        stats = view["stats"]
        rates: Row = [None] * len(CASE_RATES)
        times = NO_TIMES
        if before is not None and state.state != "IDLE":
            ns = now.mono_ns - before.mono_ns
            idle = before.states[key].state == "IDLE"
            times = response_times(None if idle else before, now, key)
            rates = [divided(0 if idle else what(before.stats[key]["stats"]), what(stats), ns) for _, what, divided in CASE_RATES]
        rows.append([seconds(now, started, offset_ns), state.state, state.achieved, stats["estab_now"], failures(stats), *rates,
                     *latencies(view), *times])
    return rows


def port_rows(samples: Sequence[Sample], port: int, started: float, offset_ns: int = 0) -> List[Row]:
    """A row a sample by PORT_COLUMNS, as case_rows(). Mbit/s are of frames from the Ethernet header on."""
    rows: List[Row] = []
    for before, now in zip(samples, samples[1:]):
        ns, a, b = now.mono_ns - before.mono_ns, before.ports[port], now.ports[port]
        rows.append([seconds(now, started, offset_ns), per_second(a["port"]["tx_pkts"], b["port"]["tx_pkts"], ns),
                     per_second(a["port"]["rx_pkts"], b["port"]["rx_pkts"], ns), mbps(a["port"]["tx_bytes"], b["port"]["tx_bytes"], ns),
                     mbps(a["port"]["rx_bytes"], b["port"]["rx_bytes"], ns),
                     per_second(sum(a["drop"].values()), sum(b["drop"].values()), ns),
                     per_second(a["tsm"]["retrans_pkts"], b["tsm"]["retrans_pkts"], ns)])
    return rows


def worker_rows(samples: Sequence[Sample], lcore: int, started: float, offset_ns: int = 0) -> List[Row]:
    """A row a sample by WORKER_COLUMNS."""
    return [[seconds(s, started, offset_ns), w["load_percent"]] for s in samples for w in s.workers if w["lcore"] == lcore]


def tables(samples: Sequence[Sample], engine: str, cases: Mapping[Key, int], started: float, offset_ns: int = 0) -> Dict[str, List[Table]]:
    """An engine's part of a document's series: {"cases", "ports", "workers"}. cases: the place of each test case among the
    document's."""
    if not samples:
        return {"cases": [], "ports": [], "workers": []}
    return {
        "cases": [{"case": at, "columns": list(CASE_COLUMNS), "rows": case_rows(samples, key, started, offset_ns)}
                  for key, at in cases.items()],
        "ports": [{"engine": engine, "port": p, "columns": list(PORT_COLUMNS), "rows": port_rows(samples, p, started, offset_ns)}
                  for p in samples[0].ports],
        "workers": [{"engine": engine, "lcore": w["lcore"], "columns": list(WORKER_COLUMNS),
                     "rows": worker_rows(samples, w["lcore"], started, offset_ns)} for w in samples[0].workers],
    }
