"""Distributions of latencies as the engine keeps them (common/stats/histogram.h): below 128 ns a value has its own bucket, from
there on an octave is cut in 64, so that the middle of a bucket is within 1/128 of all that is in it. Those of several engines
add up bucket by bucket: what the sum says is what one histogram of all their samples would have said."""
from __future__ import annotations

import math
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

SUB_BITS = 6  # 64 buckets an octave
TOP_BITS = 37  # the last bucket has all from 2^37 ns - 2^31 ns on
BUCKETS = (TOP_BITS - SUB_BITS + 1) << SUB_BITS
QUANTILES: Sequence[Tuple[str, float]] = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999))


def bucket_of(value_ns: int) -> int:
    """The number of a value's bucket."""
    value = max(0, min(value_ns, (1 << TOP_BITS) - 1))
    shift = max(0, value.bit_length() - 1 - SUB_BITS)
    return (shift << SUB_BITS) + (value >> shift)


def least_of(bucket: int) -> int:
    """The least value of a bucket, ns."""
    shift = max(0, (bucket >> SUB_BITS) - 1)
    return (bucket - (shift << SUB_BITS)) << shift


def middle_of(bucket: int) -> int:
    """The value that stands for a bucket, ns."""
    shift = max(0, (bucket >> SUB_BITS) - 1)
    return least_of(bucket) + ((1 << shift) >> 1)


class Histogram:
    """Counts by bucket. min_ns and max_ns are exact but in what since() gives, None when there are no samples."""

    def __init__(self) -> None:
        self.counts: Dict[int, int] = {}
        self.min_ns: Optional[int] = None
        self.max_ns: Optional[int] = None
        self.sum_ns = 0

    @classmethod
    def of(cls, values_ns: Iterable[int]) -> "Histogram":
        """Of samples."""
        h = cls()
        for v in values_ns:
            h.record(v)
        return h

    @classmethod
    def of_view(cls, latency: Mapping[str, Any]) -> "Histogram":
        """Of the result of show.tests.latency. ValueError when it does not add up, as from a server that has no buckets."""
        shown, rows = latency["latency"]["global"], latency.get("buckets")
        if shown["samples"] and rows is None:
            raise ValueError("the engine's RPC server gives no buckets of latencies: it is older than warp17-fleet")
        return cls.of_shown(shown, rows or [])

    @classmethod
    def of_shown(cls, shown: Mapping[str, Any], rows: Iterable[Sequence[int]]) -> "Histogram":
        """Of what a view says of it (samples, min_ns, avg_ns, max_ns) and its buckets, [least ns, count]."""
        h = cls()
        if not shown["samples"]:
            return h
        for least, count in rows:
            h.add(int(least), int(count))
        h.sum_ns = round(shown["avg_ns"] * h.samples)  # of a view of what goes on the number of samples may be another moment's
        h.min_ns, h.max_ns = shown["min_ns"], shown["max_ns"]
        return h

    def add(self, least_ns: int, count: int) -> None:
        """That many in the bucket that begins there; ValueError when none does."""
        bucket = bucket_of(least_ns)
        if least_of(bucket) != least_ns or count < 0:
            raise ValueError(f"[{least_ns}, {count}] given, expected the least value of a bucket, and how many")
        if count:
            self.counts[bucket] = self.counts.get(bucket, 0) + count

    def record(self, value_ns: int, times: int = 1) -> None:
        """A value, so many times."""
        bucket = bucket_of(value_ns)
        self.counts[bucket] = self.counts.get(bucket, 0) + times
        self.sum_ns += value_ns * times
        self.min_ns = value_ns if self.min_ns is None else min(self.min_ns, value_ns)
        self.max_ns = value_ns if self.max_ns is None else max(self.max_ns, value_ns)

    def merge(self, other: "Histogram") -> None:
        """Adds another one's samples."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.sum_ns += other.sum_ns
        if other.min_ns is not None:
            self.min_ns = other.min_ns if self.min_ns is None else min(self.min_ns, other.min_ns)
        if other.max_ns is not None:
            self.max_ns = other.max_ns if self.max_ns is None else max(self.max_ns, other.max_ns)

    def since(self, then: "Histogram") -> "Histogram":
        """What came after then, of which this has all. Its least and its largest are known by their buckets alone, and by the mean
        between them, which is within 1/128, unless then there was nothing."""
        h = Histogram()
        h.counts = {b: n - then.counts.get(b, 0) for b, n in self.counts.items() if n > then.counts.get(b, 0)}
        if not h.counts:
            return h
        h.sum_ns = self.sum_ns - then.sum_ns
        h.min_ns, h.max_ns = self.min_ns, self.max_ns
        if then.counts and self.min_ns is not None and self.max_ns is not None:
            mean = h.sum_ns / h.samples
            h.min_ns = max(self.min_ns, min(middle_of(min(h.counts)), math.floor(mean)))
            h.max_ns = max(h.min_ns, min(self.max_ns, max(middle_of(max(h.counts)), math.ceil(mean))))
        return h

    @property
    def mean_ns(self) -> Optional[float]:
        n = self.samples
        return self.sum_ns / n if n else None

    @property
    def samples(self) -> int:
        return sum(self.counts.values())

    def quantile(self, of: float) -> Optional[int]:
        """The least value that `of` of all (0 to 1) are not above, but for a bucket's width, ns; None when there are none."""
        n = self.samples
        if n == 0:
            return None
        rank, seen, value = min(max(math.ceil(of * n), 1), n), 0, 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                value = middle_of(bucket)
                break
        if self.min_ns is not None and self.max_ns is not None:
            value = min(max(value, self.min_ns), max(self.max_ns, self.min_ns))
        return value

    def rows(self) -> List[List[int]]:
        """[least value of a bucket in ns, count], of those that have any."""
        return [[least_of(b), self.counts[b]] for b in sorted(self.counts)]

    def document(self) -> Dict[str, Any]:
        """samples, min_ns, avg_ns, max_ns, the percentiles, and the buckets."""
        n = self.samples
        shown: Dict[str, Any] = {"samples": n, "min_ns": self.min_ns, "avg_ns": round(self.sum_ns / n) if n else None,
                                 "max_ns": self.max_ns}
        shown.update({f"{name}_ns": self.quantile(of) for name, of in QUANTILES})
        shown["buckets"] = self.rows()
        return shown
