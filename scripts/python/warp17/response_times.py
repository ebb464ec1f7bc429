"""Response times of client test cases as the engine measures them: to the first and to the last byte of responses, from the
connection's SYN (RFC 9411, section 6.3) or from each request on."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, Mapping, Optional

from .histogram import QUANTILES, Histogram

OFF, SYN, REQUEST = "off", "syn", "request"
METHOD, VIEW = "set.tests.response_times", "show.tests.response_times"
BYTES = ("first", "last")
# of a distribution, in the order of tables
SHOWN = ("min", "avg", "max", *(name for name, _ in QUANTILES))


@dataclass(frozen=True)
class ResponseTimes:
    """begin: SYN or REQUEST."""

    begin: str
    first: Histogram
    last: Histogram

    @classmethod
    def of_view(cls, view: Mapping[str, Any]) -> "ResponseTimes":
        """Of the result of VIEW. ValueError when it does not add up."""
        return cls(view["from"], *(Histogram.of_shown(view[f"{b}_byte"], view["buckets"][f"{b}_byte"]) for b in BYTES))

    def since(self, then: "ResponseTimes") -> "ResponseTimes":
        """Those that came after then: Histogram.since()."""
        return ResponseTimes(self.begin, self.first.since(then.first), self.last.since(then.last))

    def document(self) -> Dict[str, Any]:
        """As VIEW has it, with each its buckets."""
        return {"from": self.begin, **{f"{b}_byte": getattr(self, b).document() for b in BYTES}}


def merged(of: Iterable[ResponseTimes], begin: str) -> Optional[ResponseTimes]:
    """Of several test cases, those that were measured from there; None: none was."""
    found = [t for t in of if t.begin == begin]
    if not found:
        return None
    total = ResponseTimes(begin, Histogram(), Histogram())
    for t in found:
        total.first.merge(t.first)
        total.last.merge(t.last)
    return total


def in_ms(h: Histogram) -> Dict[str, Optional[float]]:
    """SHOWN of a distribution; None each where it has no samples."""
    of: Dict[str, Optional[float]] = {"min": h.min_ns, "avg": h.mean_ns, "max": h.max_ns, **{name: h.quantile(q) for name, q in QUANTILES}}
    return {name: None if (ns := of[name]) is None else round(ns / 1e6, 6) for name in SHOWN}
