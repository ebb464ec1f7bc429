"""Histograms of the exporter's documents, by what their schema says of buckets."""
import math


def begins(bucket, sub_bits):
    """The least ns that are counted there."""
    shift = max(0, (bucket >> sub_bits) - 1)
    return (bucket - (shift << sub_bits)) << shift


def middles(h):
    """{middle of a bucket, ns: how many}."""
    bits, edge = h["sub_bits"], [begins(h["first"] + i, h["sub_bits"]) for i in range(len(h["counts"]) + 1)]
    assert 0 <= bits <= 6
    return {(a + b) // 2: n for a, b, n in zip(edge, edge[1:], h["counts"])}


def between(now, was):
    """What came between two of them, which have no new start between them."""
    before = middles(was)
    return {ns: n - before.get(ns, 0) for ns, n in middles(now).items()}


def quantile(counts, of):
    """None: there are none."""
    left = max(1, math.ceil(of * sum(counts.values())))
    for ns, n in sorted(counts.items()):
        left -= n
        if left <= 0:
            return ns
    return None


def of_buckets(rows, sub_bits):
    """The same histogram out of the CLI's [least ns, how many], of which each bucket has several."""
    counts = {}
    for least, n in rows:
        k = next(k for k in range((38 - sub_bits) << sub_bits) if begins(k + 1, sub_bits) > least)
        counts[k] = counts.get(k, 0) + n
    first, last = min(counts, default=0), max(counts, default=-1)
    return {"sub_bits": sub_bits, "first": first, "counts": [counts.get(k, 0) for k in range(first, last + 1)]}
