"""A running engine looked at: all its counters and the machine's at one moment, and what two such looks tell."""
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test/functional"))
from warp17 import ENGINE  # noqa: E402

import noise  # noqa: E402

# counters of a test case that are 0 when nothing went wrong; "failed_*" beside
LOSSES = ("resp_errors", "resp_lost", "mismatches", "no_tcb")


def say(text):
    print(text, file=sys.stderr, flush=True)


def hugepages(*what):
    """scripts/hugepages; true: it could."""
    return subprocess.run([TOP / "scripts/hugepages", *what]).returncode == 0


def memory_mb(*options, eal=()):
    """Hugepages that an engine with these options needs, and what the program of the ceiling and rounding take."""
    out = subprocess.run([ENGINE, *eal, "--", *options, "--print-memory"], capture_output=True, text=True, check=True).stdout
    return int(out) + 32


def document(engine):
    """All counters. On a machine that others load, attaching may not end in the time it has: once more then."""
    for _ in range(3):
        try:
            return engine.document()
        except AssertionError as e:
            why = e
    raise why


class Look:
    """All counters of an engine, and the CPUs' time, at one moment."""

    def __init__(self, engine):
        self.noise = noise.Sample(engine.proc.pid, getattr(engine, "companions", ()))
        doc = document(engine)
        self.time, self.tsc_hz = doc["timestamp"], doc["engine"]["tsc_hz"]
        self.ports = [p["stats"] for p in doc["ports"]]
        self.tcs = {(t["port"], t["test_case_id"]): t["stats"]["tc"] for t in doc["test_cases"]}
        self.latency_counts = {(t["port"], t["test_case_id"]): t["stats"]["latency"] for t in doc["test_cases"]}
        self.latencies = {(t["port"], t["test_case_id"]): t["latency"] for t in doc["test_cases"]}
        self.lcores = [lc["stats"] for lc in doc["lcores"] if lc["role"] == "worker"]

    def tc(self, port):
        return self.tcs[port, 0]

    def longest_us(self, what="longest"):
        """Of one turn so far; what "longest_interrupted": of those in which the kernel took the CPU."""
        return max(lc["lcore"][what] for lc in self.lcores) / self.tsc_hz * 1e6

    def stamps(self, port):
        """What a test case counted of times."""
        return self.latency_counts[port, 0]

    def tcb_pool(self):
        return sum(lc["memory"]["tcb_total"] for lc in self.lcores)

    def endpoint_bytes(self):
        return max(lc["memory"]["tcb_bytes"] for lc in self.lcores)

    def tx_packets(self):
        return sum(p["port"]["tx_pkts"] for p in self.ports)

    def since(self, earlier):
        return Window(earlier, self)


class Window:
    """From one look to the next."""

    def __init__(self, a, b):
        self.a, self.b, self.seconds = a, b, b.time - a.time
        self.noise = b.noise.since(a.noise)

    def rate(self, *counters, port=0):
        """Of a client's test case, a second."""
        a, b = self.a.tc(port), self.b.tc(port)
        return sum(b[c] - a[c] for c in counters) / self.seconds

    def lcores(self, counter):
        """Of all workers together."""
        return sum(b["lcore"][counter] - a["lcore"][counter] for a, b in zip(self.a.lcores, self.b.lcores))

    def turns_per_s(self):
        return self.lcores("loops") / self.seconds

    def busy_percent(self):
        """Of the workers' cycles, those of turns that found work."""
        return 100 * self.lcores("busy_cycles") / max(1, self.lcores("all_cycles"))

    def packets_per_s(self):
        return (self.b.tx_packets() - self.a.tx_packets()) / self.seconds

    def cpu_share(self):
        """Of the time the workers wanted to run, the part in which they did."""
        return max(0.01, 1 - self.noise["worker_wait_percent"] / 100)

    def cycles_per_packet(self):
        """TSC cycles of turns that found work, without those in which the worker waited for its CPU."""
        busy, every = self.lcores("busy_cycles"), self.lcores("all_cycles")
        waited = self.b.noise.workers_wait_s(self.a.noise) * self.b.tsc_hz
        return busy * max(0.0, 1 - waited / max(1, every)) / max(1, self.b.tx_packets() - self.a.tx_packets())

    def steal_percent(self):
        return self.noise["steal_percent"]

    def other_load_percent(self):
        return self.noise["other_load_percent"]


def lost(look):
    """What went wrong, by name: nothing of this may be anything but 0 on a ring pair."""
    out = {}
    for n, p in enumerate(look.ports):
        found = {f"drop.{k}": v for k, v in p["drop"].items()}
        # announcements to a port whose tests were not started yet
        arp = look.ports[n ^ 1]["arp"]
        if p["drop"]["stopped"] <= arp["tx_req"] + arp["tx_rep"]:
            del found["drop.stopped"]
        # segments sent again in vain, where the worker was kept from its CPU for longer than the RTO: "retransmitted" tells
        if p["drop"]["tcp_old"] <= look.ports[n ^ 1]["tsm"]["retrans_pkts"]:
            del found["drop.tcp_old"]
        found |= {f"{g}.{k}": p[g][k] for g, k in (("port", "tx_failures"), ("tcp", "tcb_alloc_err"), ("udp", "ucb_alloc_err"))}
        out |= {f"port {n} {k}": v for k, v in found.items() if v}
    for (port, tcid), t in look.tcs.items():
        out |= {f"port {port} test case {tcid} {k}": v for k, v in t.items() if v and (k in LOSSES or k.startswith("failed_"))}
    return out
