"""What times of sending tell and cost: the latency of requests and responses while little is asked, and what stamping takes
from transactions while all is asked. Works with figures of their own kind, beside those of works.py."""
import os
import time
from dataclasses import dataclass

import noise
from look import Look, lost
from warp17 import Engine
from windows import WINDOW_S, all_up, lost_at_stop, settled, spread, started, windows_running
from works import Work, http, raw

PAIRS_LEAST = 3  # of windows without and with stamps
QUANTILES = ("p50", "p99", "p99_9")


@dataclass(frozen=True)
class Special:
    """Measured by: measure(e, self, runs) = figures, Windows, what was lost. tell(figures): a line of them."""
    name: str
    help: str
    goal: dict
    work: Work
    measure: callable
    tell: callable
    without: tuple = ()  # of a cost: commands that take the stamps away, and that make them
    stamped: tuple = ()
    measured: tuple = ()  # ports that measure then

    def options(self):
        return self.work.options()

    def run(self, tmp, runs):
        e = Engine(tmp, *self.options(), prefix=f"w17bench-{os.getpid()}")
        try:
            e.cli(*self.work.commands())
            figures, windows, failed = self.measure(e, self, runs)
            e.check_sums()
            seen = noise.worst([w.noise for w in windows])
            return {"what": self.help, **figures, "goal": self.goal, **seen, "not_trusted": noise.why_not_trusted(seen),
                    "lost": failed}
        finally:
            e.stop()


def unmeasured(look, ports):
    """Who should have taken times and did not, or took some that are none."""
    out = {}
    for port in ports:
        seen = look.stamps(port)
        out |= {f"port {port} times": "none"} if not seen["samples"] else {}
        out |= {f"port {port} invalid times": seen["invalid"]} if seen["invalid"] else {}
    return out


def latency(e, special, runs):
    """A start each run. The request as its receiver measures it, the response as the client does: their sum is the whole, but
    for what the server does from the receipt of the burst until its response is built."""
    seen, windows, failed = [], [], {}
    for _ in range(runs):
        started(e)
        all_up(e, special.work)
        a = Look(e)
        time.sleep(WINDOW_S)
        b = Look(e)
        windows.append(b.since(a))
        failed |= lost(b) | unmeasured(b, (0, 1))
        seen.append({q: [(b.latencies[port, 0][q + "_ns"] or 0) / 1000 for port in (1, 0)] for q in QUANTILES})
        settled(e)
        failed |= lost_at_stop(Look(e))
    figures = {"unit": "us", "requests_per_s": spread([w.rate("requests") for w in windows])}
    for q in QUANTILES:
        figures[q] = spread([sum(s[q]) for s in seen], 2)
        figures[q + "_request"], figures[q + "_response"] = (spread(side, 2) for side in zip(*(s[q] for s in seen)))
    return figures, windows, failed


def tell_latency(r):
    return (", ".join(f"{q.replace('_', '.')} {r[q]['median']:.2f} us ({r[q]['min']:.2f}-{r[q]['max']:.2f})" for q in QUANTILES)
            + "  goal " + ", ".join(f"{q} {us}" for q, us in r["goal"].items()))


def cost(e, special, runs):
    """Pairs of windows, a start each, without stamps and with: what one pair begins with, the next ends with."""
    rates, bare, windows, failed = {0: [], 1: []}, {0: [], 1: []}, [], {}
    for i in range(max(runs, PAIRS_LEAST)):
        for on in (i % 2, 1 - i % 2):
            e.cli(*(special.stamped if on else special.without))
            started(e)
            (w,), (rate,) = windows_running(e, special.work, 1)
            windows.append(w)
            rates[on].append(rate)
            bare[on].append(rate / w.cpu_share())
            failed |= lost(w.b)
            if on:
                failed |= unmeasured(w.b, special.measured)
            settled(e)
            failed |= lost_at_stop(Look(e))
    return {"unit": special.work.unit, "without": spread(rates[0]), "with": spread(rates[1]),
            "without_stamps_or_waits": spread(bare[0]), "with_stamps_without_waits": spread(bare[1]),
            "cost_percent": spread([100 * (1 - b / a) for a, b in zip(rates[0], rates[1])], 1),
            "cost_percent_without_waits": spread([100 * (1 - b / a) for a, b in zip(bare[0], bare[1])], 1)}, windows, failed


def tell_cost(r):
    c, bare = r["cost_percent"], r["cost_percent_without_waits"]
    return (f"{r['without']['median'] / 1e6:8.2f} M {r['unit']}, with stamps {r['with']['median'] / 1e6:.2f} M: cost {c['median']} % "
            f"({c['min']}-{c['max']})  without waits {bare['median']} %  goal {r['goal']['cost_percent']} %")


def of_packets(on, *ways):
    """Commands: IPv4 stamps of what these ports send, measured by the other."""
    return tuple(f"set tests ipv4-options port {port} test-case-id 0 {what} {on}"
                 for sender in ways for port, what in ((sender, "tx-timestamp"), (sender ^ 1, "rx-timestamp")))


def packets(name, what, work, *ways):
    return Special(name, what, {"cost_percent": 5}, work, cost, tell_cost, of_packets(0, *ways), of_packets(1, *ways),
                   tuple(sender ^ 1 for sender in ways))


def messages(name, what, work, *ways):
    """Stamps in RAW messages, of what these ports send."""
    ends = ("client", "server")
    _, plain = work.client
    plain = plain.replace(" requests 0", "")

    def commands(on):
        return tuple(f"set tests {end} raw port {port} test-case-id 0 {plain}"
                     + (" tx-timestamp" if on and port in ways else "") + (" rx-timestamp" if on and port ^ 1 in ways else "")
                     for port, end in enumerate(ends))

    return Special(name, what, {"cost_percent": 5}, work, cost, tell_cost, commands(False), commands(True),
                   tuple(sender ^ 1 for sender in ways))


FEW = Work("", "", "transactions/s", 0, 10, ("raw", "data-req-plen 64 data-resp-plen 64 tx-timestamp rx-timestamp"), ("responses",),
           extra=("set tests rate port 0 test-case-id 0 send 1000",))
HTTP_100 = Work("", "", "transactions/s", 0, 100, http(), ("responses",))
HTTP_10K = Work("", "", "transactions/s", 0, 10_000, http(), ("responses",))
RAW1_100 = Work("", "", "transactions/s", 0, 100, raw(1, 1), ("responses",))
RAW64_100 = Work("", "", "transactions/s", 0, 100, raw(64, 64), ("responses",))
UDP_10K = Work("", "", "packets/s", 0, 10_000, raw(18, 0), ("requests",), proto="udp")
COSTS = (
    packets("timestamps_http", "http_100 without and with the request's packets stamped and measured", HTTP_100, 0),
    packets("timestamps_raw", "RAW 1 B, 100 sessions, so", RAW1_100, 0),
    packets("timestamps_udp", "UDP 18 B one way, 10 k flows, so", UDP_10K, 0),
    packets("timestamps_both", "http_100, every packet stamped and measured", HTTP_100, 0, 1),
    packets("timestamps_both_raw", "RAW 1 B, 100 sessions, so", RAW1_100, 0, 1),
    packets("timestamps_both_10k", "HTTP, 10 k sessions, so", HTTP_10K, 0, 1),
    messages("timestamps_messages", "RAW 64 B, 100 sessions, without and with stamps in the requests", RAW64_100, 0),
)
SPECIAL = (
    Special("latency", "RAW 64 B request and response, 1000 a second over 10 sessions", {"p50": 5, "p99": 50}, FEW, latency, tell_latency),
    *COSTS,
)
