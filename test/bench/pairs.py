"""What pairs of slices tell, of which one has what is measured and the other has not: the median of their ratios, how sure
that is, and whether it keeps to a goal."""
import math
import statistics

CONFIDENCE = 0.95


def median_interval(values, confidence=CONFIDENCE):
    """The interval of the median by order statistics (the sign test turned round): from the k-th least to the k-th largest, k as
    large as the binomial distribution allows. It asks nothing of how values are distributed, but that they are independent."""
    values, n = sorted(values), len(values)
    k, below = 0, 1  # below: of the 2^n ways to lie on either side of the median, those with at most k on one
    while 2 * below / 2**n <= 1 - confidence:
        k += 1
        below += math.comb(n, k)
    assert k, f"{n} values are too few for an interval of {confidence:.0%}"
    return values[k - 1], values[n - k]


def estimate(values, digits=4):
    low, high = median_interval(values)
    return {"median": round(statistics.median(values), digits), "low": round(low, digits), "high": round(high, digits)}


HOLDS, MISSES, UNTOLD = "held", "MISSED", "cannot tell"


def verdict(ratio, least, noisy=""):
    """Of an estimate; noisy: what speaks against it. It is missed only where no noise can be the reason."""
    if ratio["low"] >= least:
        return HOLDS
    return UNTOLD if ratio["high"] >= least or noisy else MISSES
