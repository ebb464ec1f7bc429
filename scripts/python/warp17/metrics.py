"""The numbers by which a test case is judged, by name: what expectations are about, and what reports show first."""
from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from .response_times import BYTES, SHOWN, ResponseTimes, in_ms
from .sampler import LATENCIES, Key, Sample, failures, latencies, mbps, per_second

LONG_NS = 90_000_000  # of less no rate is told: a sample too soon, and it is of one burst
Metrics = Dict[str, Optional[float]]
WORDS = {"avg": "mean", "min": "least", "max": "largest"}  # of distributions; percentiles are their own

# name: (unit, what it is)
OF_CASE: Mapping[str, Tuple[str, str]] = {
    "sessions_opened": ("", "Connections begun"),
    "sessions_established": ("", "Connections established"),
    "sessions_established_once": ("", "Sessions established at least once"),
    "sessions_established_most": ("", "Most sessions established at one time, as samples saw it"),
    "sessions_closed": ("", "Established connections that ended with FIN both ways"),
    "failures": ("", "Connections that failed: no answer, reset, given up, refused, timed out, ended by us, no control block"),
    "failures_percent": ("%", "Failures of the connections begun"),
    "established_per_second": ("1/s", "Connections established a second, on average"),
    "requests": ("", "Requests sent by a client, received by a server"),
    "transactions": ("", "Responses received by a client, sent by a server"),
    "transactions_per_second": ("1/s", "Transactions a second, on average"),
    "transactions_per_second_most": ("1/s", "The same, of the best interval between samples"),
    "failed_transactions": ("", "Responses that were errors, did not come (UDP), or had other bytes"),
    "responses_lost": ("", "Responses over UDP that did not come within a second"),
    "failed_transactions_percent": ("%", "Failed transactions of all that ended"),
    "messages": ("", "Messages sent"),
    "messages_per_second": ("1/s", "Messages sent a second, on average"),
    "tx_bytes": ("bytes", "Payload sent, once"),
    "rx_bytes": ("bytes", "Payload received in order"),
    "tx_mbps": ("Mbit/s", "Payload sent a second, on average"),
    "rx_mbps": ("Mbit/s", "Payload received a second, on average"),
    "runtime_s": ("s", "From the start to the engine's verdict"),
    "setup_s": ("s", "From the start to the last session's first establishment"),
    "latency_samples": ("", "Latencies measured"),
    **{f"latency_{q}_us": ("us", f"Latency: {WORDS.get(q, q.replace('_', '.'))}") for q in LATENCIES},
    "latency_violations": ("", "Latencies above max, and samples that left the average above max-avg"),
    **{f"{b}_byte_samples": ("", f"Responses whose time to the {b} byte was measured") for b in BYTES},
    **{f"{b}_byte_{q}_ms": ("ms", f"Response time to the {b} byte: {WORDS.get(q, q.replace('_', '.'))}") for b in BYTES for q in SHOWN},
}
# summed up for the whole run; of the others totals have the largest or nothing
SUMS = ("sessions_opened", "sessions_established", "sessions_established_once", "sessions_established_most", "sessions_closed", "failures",
        "established_per_second", "requests", "transactions", "transactions_per_second", "failed_transactions", "responses_lost", "messages",
        "messages_per_second", "tx_bytes", "rx_bytes", "tx_mbps", "rx_mbps", "latency_samples", "latency_violations",
        *(f"{b}_byte_samples" for b in BYTES))
LARGEST = ("latency_max_us", *(f"{b}_byte_max_ms" for b in BYTES))
OF_PORTS: Mapping[str, Tuple[str, str]] = {
    "packets_sent": ("", "Packets that ports took"),
    "packets_received": ("", "Packets taken from ports"),
    "packets_per_second": ("1/s", "Packets sent and received a second, on average, while tests ran"),
    "drops": ("", "Packets dropped, for all reasons, such as that nobody listens"),
    "losses": ("", "Packets that the engine or its devices lost for want of time or room"),
    "retransmissions": ("", "TCP segments sent again"),
    "worker_load_percent_most": ("%", "The busiest worker's share of time that found work, the largest of the samples"),
}
OF_RUN: Mapping[str, Tuple[str, str]] = {
    **{k: OF_CASE[k] for k in SUMS}, "failures_percent": OF_CASE["failures_percent"],
    "failed_transactions_percent": OF_CASE["failed_transactions_percent"],
    **{k: OF_CASE[k] for k in LARGEST}, **OF_PORTS}


@dataclass(frozen=True)
class Window:
    """What means are taken over: counters at its beginning and end, and its length in ns. begin: the sample that it begins with,
    None: it is from the start on."""

    first: Mapping[str, int]
    last: Mapping[str, int]
    ns: int
    begin: Optional[Sample] = None


def window(samples: Sequence[Sample], key: Key, warmup_s: float = 0) -> Optional[Window]:
    """Of a test case: from its start, or warmup_s later, to its end, or to the last sample in which something had happened.
    None: it did not run for so long."""
    seen = [s for s in samples if s.states[key].state != "IDLE"]
    if not seen:
        return None
    done = next((s for s in seen if ends_by_itself(s, key)), None)
    start = started(samples, seen[0], key)
    if done is not None:  # what it did it did by then
        last, end = done, start + round(done.states[key].runtime_s * 1e9)
    else:
        while len(seen) > 1 and seen[-1].stats[key]["stats"] == seen[-2].stats[key]["stats"]:
            seen.pop()  # nothing happened any more
        last, end = seen[-1], seen[-1].mono_ns
    first: Mapping[str, int] = {k: 0 for k in last.stats[key]["stats"]}
    begin = None
    if warmup_s > 0:
        begin = next((s for s in seen if s.mono_ns >= start + warmup_s * 1e9), None)
        if begin is None:
            return None
        first, start = begin.stats[key]["stats"], begin.mono_ns
    return Window(first, last.stats[key]["stats"], end - start, begin) if end > start else None


def started(samples: Sequence[Sample], first: Sample, key: Key) -> int:
    """When a test case began, by the clock of samples, ns. first is the first sample in which it had. One that was over by then
    began after the sample before: its run time says nothing of how long ago that was."""
    at = samples.index(first)
    if first.states[key].state != "RUNNING" and at > 0:
        return samples[at - 1].mono_ns
    return first.mono_ns - round(first.states[key].runtime_s * 1e9)


def ends_by_itself(sample: Sample, key: Key) -> bool:
    """Is it over, its sessions closed by the engine?"""
    t = sample.states[key]
    return t.over and t.criteria == "run-time"


def percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 6) if whole else 0.0


def of_case(samples: Sequence[Sample], key: Key, final: Mapping[str, Any], warmup_s: float = 0,
            times: Optional[ResponseTimes] = None) -> Metrics:
    """The metrics of a test case. final, times: statistics() and response times after it stopped; means are over its window()."""
    stats = final["stats"]
    failed = stats["resp_errors"] + stats["resp_lost"] + stats["mismatches"]
    last = samples[-1].states[key] if samples else None
    metrics: Metrics = {
        "sessions_opened": stats["opened"], "sessions_established": stats["estab"], "sessions_established_once": stats["estab_once"],
        "sessions_established_most": max((s.stats[key]["stats"]["estab_now"] for s in samples), default=0),
        "sessions_closed": stats["closed"], "failures": failures(stats), "failures_percent": percent(failures(stats), stats["opened"]),
        "requests": stats["requests"], "transactions": stats["responses"], "failed_transactions": failed,
        "responses_lost": stats["resp_lost"], "failed_transactions_percent": failed_percent(failed, stats["responses"], stats["resp_lost"]),
        "messages": stats["tx_msgs"],
        "tx_bytes": stats["tx_bytes"], "rx_bytes": stats["rx_bytes"], "runtime_s": last.runtime_s if last else None,
        "setup_s": last.estab_us / 1e6 if last and last.estab_us else None}
    of = window(samples, key, warmup_s)
    metrics.update(means(of))
    metrics.update(of_times(times if of is not None or warmup_s <= 0 else None, of.begin if of is not None else None, key))
    metrics["transactions_per_second_most"] = most(samples, key)
    metrics.update(of_latency(final))
    return {k: metrics[k] for k in OF_CASE}


def means(w: Optional[Window]) -> Metrics:
    """Of what is counted, a second."""
    of = {"established_per_second": ("estab", per_second), "transactions_per_second": ("responses", per_second),
          "messages_per_second": ("tx_msgs", per_second), "tx_mbps": ("tx_bytes", mbps), "rx_mbps": ("rx_bytes", mbps)}
    return {k: divided(w.first[counter], w.last[counter], w.ns) if w else None for k, (counter, divided) in of.items()}


def most(samples: Sequence[Sample], key: Key) -> Optional[float]:
    return max((per_second(a.stats[key]["stats"]["responses"], b.stats[key]["stats"]["responses"], b.mono_ns - a.mono_ns)
                for a, b in zip(samples, samples[1:]) if a.states[key].state != "IDLE" and b.mono_ns - a.mono_ns > LONG_NS), default=None)


def of_latency(final: Mapping[str, Any]) -> Metrics:
    of = final.get("latency", {}).get("global")
    metrics: Metrics = {f"latency_{q}_us": v for q, v in zip(LATENCIES, latencies(final))}
    metrics["latency_samples"] = of["samples"] if of else None
    metrics["latency_violations"] = of["max_exceeded"] + of["max_avg_exceeded"] if of else None
    return metrics


def of_times(times: Optional[ResponseTimes], begin: Optional[Sample], key: Key) -> Metrics:
    """From the sample begin on, where there is one."""
    if times is not None and begin is not None:
        times = times.since(begin.times[key])
    metrics: Metrics = {}
    for b in BYTES:
        h = getattr(times, b) if times is not None else None
        metrics[f"{b}_byte_samples"] = h.samples if h is not None else None
        metrics.update({f"{b}_byte_{q}_ms": v for q, v in (in_ms(h) if h is not None else dict.fromkeys(SHOWN)).items()})
    return metrics


def of_run(cases: Sequence[Metrics], ports: Metrics) -> Metrics:
    """Of a whole run: cases are the metrics of those that open sessions or send, ports those of OF_PORTS."""
    total: Metrics = {}
    for name in SUMS:
        known = [v for v in (c[name] for c in cases) if v is not None]
        total[name] = round(sum(known), 3) if known else None
    total["failures_percent"] = percent(total["failures"] or 0, total["sessions_opened"] or 0)
    total["failed_transactions_percent"] = failed_percent(*(total[k] or 0 for k in ("failed_transactions", "transactions", "responses_lost")))
    for name in LARGEST:
        total[name] = max((v for v in (c[name] for c in cases) if v is not None), default=None)
    return {**total, **ports}


def failed_percent(failed: float, responses: float, lost: float) -> float:
    """Bad responses are among the responses, those of other bytes may not be."""
    return percent(failed, max(failed, responses + lost))


# ---- expectations

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq, "!=": operator.ne}
COMPARISON = r"(>=|<=|==|!=|>|<) *([0-9]+(?:\.[0-9]+)?)"
BETWEEN = r"([0-9]+(?:\.[0-9]+)?) *\.\. *([0-9]+(?:\.[0-9]+)?)"
EXPECTED = f"^ *(?:{COMPARISON}|{BETWEEN}) *$"
EXPECTED_SAYS = 'a number, a comparison such as ">= 1000", or a range such as "990..1010"'


def parse(expected: Any) -> Optional[Callable[[float], bool]]:
    """What EXPECTED_SAYS as something to call with a value; None if it is nothing of that."""
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return lambda v: bool(v == expected)
    found = re.match(EXPECTED, expected) if isinstance(expected, str) else None
    if found is None:
        return None
    word, number, low, high = found.groups()
    if word is not None:
        return lambda v: COMPARISONS[word](v, float(number))
    return lambda v: float(low) <= v <= float(high)


def judged(expect: Mapping[str, Any], metrics: Mapping[str, Optional[float]], counters: Mapping[str, int]) -> List[Dict[str, Any]]:
    """Each of expect against the metric, or the counter, of its name, as a document has it. What was not measured is not met."""
    found = []
    for name, expected in expect.items():
        value = metrics[name] if name in metrics else counters.get(name)
        test = parse(expected)
        found.append({"metric": name, "expected": expected if isinstance(expected, str) else f"== {expected}", "value": value,
                      "met": value is not None and test is not None and test(value)})
    return found


def sentence(judgement: Mapping[str, Any]) -> str:
    """Of one that is not met."""
    value = judgement["value"]
    return f"{judgement['metric']} is {'not measured' if value is None else value}, expected {judgement['expected']}"
