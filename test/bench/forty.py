"""Example 6 at full size: 40 M HTTP sessions, 80 M endpoints. First with sending held back (send rate 0): all open, all close.
Then as it stands: each asks over and over as soon as it is up, all are up at the same time and ask for a while, all close.
One JSON object on stdout, progress on stderr.

usage: forty.py; environment: SCALE (1) divides the sessions, SECONDS (20) of requests when all are up
exit: 0 all sessions came up, asked and closed with no failure; 1 not so, or no memory for it; 2 usage"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import noise
from look import Look, TOP, hugepages, lost, memory_mb, say
from warp17 import CLI, Engine

EXAMPLE = TOP / "config/examples/test_6_http_40M_sessions.cfg"
GAPS_S = 20  # of each loop that does nothing, at most
STALL_S = 60  # no session more or less for so long: given up
# what is asked of the whole; the exit code does not depend on them
GOALS = {"ready_s": 20, "bytes_per_endpoint": 160, "start_command_s": 1, "longest_turn_us": 1000, "cycles_per_packet_ratio": 2}
SMALL = 4000  # the scale at which cycles per packet are what they are with everything in the cache


class Failed(Exception):
    """What went wrong, as a sentence."""


def number(name, default, most):
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 1 <= int(text) <= most:
        print(f"forty: {name}: expected a number, 1..{most}, not '{text}'", file=sys.stderr)
        sys.exit(2)
    return int(text)


def commands(scale):
    """The example's lines but for those that start it, with fewer source ports; and its number of sessions."""
    lines = [x for x in EXAMPLE.read_text().splitlines() if x and x[0] != "#" and not x.startswith("start ")]
    client = next(x for x in lines if x.startswith("add tests client"))
    ips = [int(b) for b in re.search(r" src 10\.0\.0\.(\d+) 10\.0\.0\.(\d+) ", client).groups()]
    sports = [int(b) for b in re.search(r" sport (\d+) (\d+) ", client).groups()]
    dports = [int(b) for b in re.search(r" dport (\d+) (\d+)", client).groups()]
    ports = max(1, (sports[1] - sports[0] + 1) // scale)
    n = (ips[1] - ips[0] + 1) * ports * (dports[1] - dports[0] + 1)
    out = [x.replace(f"sport {sports[0]} {sports[1]}", f"sport {sports[0]} {sports[0] + ports - 1}") for x in lines]
    return [re.sub(r"clients-estab \d+", f"clients-estab {n}", x) for x in out], n


class Run:
    """One engine, all phases."""

    def __init__(self, tmp, scale, seconds):
        self.tmp, self.seconds, self.out = tmp, seconds, {}
        self.lines, self.n = commands(scale)
        pool = 2 * self.n // 1024
        self.options = ("--ring-if-pairs", "1", "--tcb-pool-sz", str(pool + pool // 256 + 16), "--ucb-pool-sz", "1")
        self.said, self.failures = 0.0, {}

    def progress(self, phase, look):
        if time.monotonic() - self.said >= 5:
            self.said = time.monotonic()
            c = look.tc(0)
            say(f"  {phase}: established {c['estab_now']}, open {c['open_now']}, responses {c['responses']}, longest turn "
                f"{look.longest_us():.0f} us")

    def wait(self, phase, done, moved):
        """Until done(look), the last look; an error when moved(look) stays the same for STALL_S."""
        was, since = None, time.monotonic()
        while True:
            look = Look(self.engine)
            self.progress(phase, look)
            if done(look):
                return look
            if moved(look) != was:
                was, since = moved(look), time.monotonic()
            if time.monotonic() - since > STALL_S:
                raise Failed(f"{phase}: nothing moved for {STALL_S} s at {was} of {self.n}; lost: {lost(look)}")
            time.sleep(0.2)

    def over(self, phase, first, last):
        """The longest turn until the phase's end (a maximum only grows), and what else the machine did in it."""
        self.out["phases"][phase] = {"seconds": round(last.time - first.time, 2),
                                     "longest_turn_us_so_far": round(last.longest_us()),
                                     "longest_interrupted_us_so_far": round(last.longest_us("longest_interrupted")),
                                     **last.since(first).noise}

    def ready(self):
        mb = memory_mb(*self.options)
        say(f"{self.n} sessions: an engine with {mb} MB of hugepages")
        if not hugepages("ensure", str(mb), str(os.getpid())):
            raise Failed(f"{mb} MB of hugepages are not to be had: free memory, or divide the sessions with SCALE=2")
        self.out = {"sessions": self.n, "hugepages_mb": mb, "phases": {}}
        begun = time.monotonic()
        self.engine = Engine(self.tmp, *self.options, prefix=f"w17-40m-{os.getpid()}", ready=False)
        before = noise.Sample(self.engine.proc.pid)
        while "warp17: READY" not in self.engine.log.read_text():
            if self.engine.proc.poll() is not None or time.monotonic() - begun > 300:
                raise Failed(f"the engine is not READY: {self.engine.log.read_text()[-500:]}")
            time.sleep(0.02)
        self.out["ready_s"] = round(time.monotonic() - begun, 2)
        seen = noise.Sample(self.engine.proc.pid).since(before)
        self.out["ready_other_load_percent"] = seen["other_load_percent"]
        say(f"  READY after {self.out['ready_s']} s")

    def configure(self):
        self.engine.cli(*self.lines, "set tests rate port 0 test-case-id 0 send 0", "start tests port 1")

    def open_alone(self):
        self.open("opening_alone")

    def close_alone(self):
        self.close("closing_alone")

    def as_it_stands(self):
        self.engine.cli("set tests rate port 0 test-case-id 0 send infinite")
        self.open("opening_with_requests")

    def open(self, phase):
        begun = time.monotonic()
        first = Look(self.engine)
        self.engine.cli("start tests port 0")
        command_s = round(time.monotonic() - begun, 2)
        look = self.wait(phase, lambda x: x.tc(0)["estab_now"] == self.n == x.tc(1)["estab_now"], lambda x: x.tc(0)["estab"])
        us = look.tc(0)["last_estab_us"]
        self.over(phase, first, look)
        self.out["phases"][phase] |= {"start_command_s": command_s, "opened_per_s": round(self.n / us * 1e6),
                                      "responses": look.tc(0)["responses"]}
        self.out["bytes_per_endpoint"] = look.endpoint_bytes()

    def requests(self):
        a = Look(self.engine)
        while time.time() - a.time < self.seconds:
            time.sleep(1)
            b = Look(self.engine)
            self.progress("requests", b)
        d = b.since(a)
        if b.tc(0)["estab_now"] != self.n:
            raise Failed(f"requests: {b.tc(0)['estab_now']} of {self.n} sessions are up; lost: {lost(b)}")
        self.over("requests", a, b)
        self.out["phases"]["requests"] |= {"transactions_per_s": round(d.rate("responses"))}
        self.out.update(transactions_per_s=round(d.rate("responses")), packets_per_s=round(d.packets_per_s()),
                        transactions_per_s_without_waits=round(d.rate("responses") / d.cpu_share()),
                        cycles_per_packet=round(d.cycles_per_packet(), 1))

    def close(self, phase):
        first = Look(self.engine)
        stop = subprocess.Popen([CLI, "--prefix", self.engine.prefix, "-c", "stop tests port 0"], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL)
        try:
            look = self.wait(phase, lambda x: not x.tc(0)["open_now"] and not x.tc(1)["open_now"],
                             lambda x: x.tc(0)["open_now"] + x.tc(1)["open_now"])
            if stop.wait(60) != 0:
                raise Failed(f"{phase}: stop tests was refused")
        finally:
            if stop.poll() is None:
                stop.kill()
            stop.wait()
        self.over(phase, first, look)
        self.out["phases"][phase]["closed_per_s"] = round(self.n / (look.time - first.time))
        # the server's counters go on; a client that is started counts anew
        closed = [look.tc(0)["closed"], look.tc(1)["closed"] - first.tc(1)["closed"]]
        if closed != [self.n, self.n]:
            self.failures[f"{phase}: closed in order, of {self.n}"] = closed
            say(f"forty: {phase}: closed in order: {closed} of {self.n} each; lost so far: {lost(look)}")

    def close_last(self):
        self.close("closing")
        self.engine.check_sums()
        look = Look(self.engine)
        self.out["retransmitted"] = sum(p["tsm"]["retrans_pkts"] for p in look.ports)
        self.out["failures"] = self.failures | lost(look)
        self.out["longest_turn_us"] = round(look.longest_us())
        self.out["start_command_s"] = max(p["start_command_s"] for p in self.out["phases"].values() if "start_command_s" in p)

    def all(self):
        self.engine, ended = None, False
        try:
            for phase in (self.ready, self.configure, self.open_alone, self.close_alone, self.as_it_stands, self.requests,
                          self.close_last):
                phase()
            ended = True
        except (Failed, AssertionError) as why:
            self.out["error"] = str(why)
            say(f"forty: {why}")
        finally:
            if self.engine and not ended:
                self.engine.kill()
            if self.engine:
                self.engine.stop()
        self.out["failures"] = self.out.get("failures", self.failures)
        self.out["passed"] = "error" not in self.out and not self.out["failures"]
        return self.out


def machine(memory, seconds):
    """The longest turns of loops that have no work (gaps_bench.c), in the memory that the engine had."""
    done = subprocess.run([TOP / "build/release/test/bench/gaps_bench", str(memory), str(seconds)], capture_output=True, text=True)
    if done.returncode != 0:
        return {"error": done.stderr.strip()}
    out = json.loads(done.stdout)
    say(f"a loop that does nothing: longest turn {out['idle']['longest_us']} us; one that touches {memory} MB: "
        f"{out['touching']['longest_us']} us, {out['touching']['over_1ms']} longer than 1 ms in {seconds} s")
    return out


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # engine and hugepages are given back
    scale, seconds = number("SCALE", 1, 50000), number("SECONDS", 20, 3600)
    try:
        with tempfile.TemporaryDirectory() as tmp:
            small = Run(pathlib.Path(tmp, "small"), SMALL, 4).all() if scale < SMALL else {}
            run = Run(pathlib.Path(tmp, "full"), scale, seconds)
            full = run.all()
            full["machine"] = machine(memory_mb(*run.options), min(seconds, GAPS_S))
    finally:
        hugepages("release", str(os.getpid()))
    if "cycles_per_packet" in small and "cycles_per_packet" in full:
        full["cycles_per_packet_of_10k_sessions"] = small["cycles_per_packet"]
        full["cycles_per_packet_ratio"] = round(full["cycles_per_packet"] / small["cycles_per_packet"], 2)
    full["goals"] = {k: {"figure": full[k], "at_most": most, "reached": full[k] <= most} for k, most in GOALS.items() if k in full}
    print(json.dumps(full, indent=1))
    sys.exit(0 if full["passed"] and small.get("passed", True) else 1)


if __name__ == "__main__":
    main()
