"""What is there: configuration, states, counters, latencies. Counters are exact integers from the engine's start, or from
clear() on, which concerns this connection alone."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

View = Dict[str, Any]


@dataclass(frozen=True)
class TestState:
    """A test case as it is now.

    state      IDLE, RUNNING, PASSED, FAILED or STOPPED
    criteria, target, achieved  what makes it PASSED, how many are wanted, how many are there
    runtime_s  seconds since its start
    estab_us   us from its start to the last session's first establishment
    behind     it did not keep its own rates: what it shows is not what was asked; note says so in words
    reason     why it FAILED
    """

    port: int
    test_case_id: int
    type: str
    app: str
    criteria: str
    target: int
    achieved: int
    state: str
    runtime_s: float
    estab_us: int
    behind: bool
    note: str
    reason: str

    @property
    def over(self) -> bool:
        return self.state in ("PASSED", "FAILED", "STOPPED")

    @property
    def passed(self) -> bool:
        return self.state == "PASSED"

    def __str__(self) -> str:
        why = "".join(f", {w}" for w in (self.reason, self.note) if w)
        return (f"port {self.port} test case {self.test_case_id} {self.state}: {self.criteria} {self.achieved} of {self.target}"
                f"{why}")


FIELDS = set(TestState.__dataclass_fields__)


class Views:
    """Methods of Warp17. All raise InvalidParams or CommandFailed: no such port, no such test case."""

    def call(self, method: str, /, **params: Any) -> Any:
        raise NotImplementedError

    def version(self) -> View:
        """Versions, prefix, pid, number of ports and workers."""
        return self._view("version")

    def _view(self, what: str, **params: Any) -> View:
        view: View = self.call(f"show.{what}", **params)
        return view

    def ports(self) -> List[View]:
        """Of each port: name, driver, mac, mtu (bytes), queues, held_by (an operator or None)."""
        ports: List[View] = self._view("port.info")["ports"]
        return ports

    def links(self) -> List[View]:
        """Of each port: link ("up", "down"), speed_mbps, duplex."""
        ports: List[View] = self._view("port.link")["ports"]
        return ports

    def link_rate(self) -> List[View]:
        """Of each port, over the next second, which it takes: tx_mbps, tx_percent, tx_pkts_per_second, and rx_."""
        ports: List[View] = self._view("link.rate")["ports"]
        return ports

    def config(self, port: Optional[int] = None) -> List[str]:
        """The configuration, as the commands that make it again."""
        lines: List[str] = self._view("config", port=port)["lines"]
        return lines

    def settings(self, port: int) -> View:
        """Interfaces and test cases of a port."""
        return self._view("tests.config", port=port)

    def status(self, port: int) -> List[TestState]:
        """The states of a port's test cases."""
        view = self._view("tests.state", port=port)
        return [TestState(port=port, **{k: v for k, v in t.items() if k in FIELDS}) for t in view["tests"]]

    def state(self, port: int, test_case_id: int) -> TestState:
        """The state of one; KeyError if there is none."""
        for t in self.status(port):
            if t.test_case_id == test_case_id:
                return t
        raise KeyError(f"port {port} has no test case {test_case_id}")

    def statistics(self, port: int, test_case_id: int) -> View:
        """Of a test case: "stats" (counters: opened, estab, closed, requests, tx_bytes, ...), "rates" (per second, of the
        last whole second), "apps" (of an IMIX group), "latency" (ns)."""
        return self._view("tests.stats", port=port, test_case_id=test_case_id)

    def latency(self, port: int, test_case_id: int) -> View:
        """Latencies in ns: "latency" with "global" and "recent" (samples, min_ns, avg_ns, max_ns, jitter_ns, percentiles),
        "limits" (us), "on"."""
        return self._view("tests.latency", port=port, test_case_id=test_case_id)

    def response_times(self, port: int, test_case_id: int) -> View:
        """Response times of a client in ns: "from", "first_byte" and "last_byte" (samples, min_ns, avg_ns, max_ns, percentiles),
        "buckets" of both."""
        return self._view("tests.response_times", port=port, test_case_id=test_case_id)

    def imix(self, imix_id: Optional[int] = None) -> View:
        """IMIX groups and applications, and what these did."""
        return self._view("tests.imix", imix_id=imix_id)

    def counters(self, group: str, port: Optional[int] = None) -> View:
        """Counters of a group ("port", "ethernet", "arp", "ipv4", "tcp", "tsm", "udp", "drop", ...; doc/counters.md): the sum
        of all ports, or those of one."""
        view = self._view(f"{group}.statistics", port=port)
        counters: View = view["total"] if port is None else view["ports"][str(port)]["stats"]
        return counters

    def clear(self, port: Optional[int] = None) -> None:
        """Counters start from 0 for this connection; gauges and maxima stay."""
        self.call("clear.statistics", port=port)

    def operators(self) -> List[View]:
        """Who is attached, and which ports they hold."""
        there: List[View] = self._view("operators")["operators"]
        return there
