"""The three programs as a test uses them: an engine of its own prefix, commands, views, and what must always hold."""
import json
import os
import pathlib
import signal
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
ENGINE, CLI, EXPORTER = BUILD / "warp17", BUILD / "warp17-cli", BUILD / "warp17-stats-exporter"
FAILED = ("failed_syn", "failed_rst", "failed_retry", "failed_to", "failed_app", "failed_stop", "no_tcb")


def wait_for(what, timeout=10.0, every=0.05):
    """Calls what() until it is true; its last value. Fails after timeout seconds."""
    end = time.monotonic() + timeout
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout} s"
        time.sleep(every)


class Engine:
    """A running engine; its log is in log."""

    def __init__(self, tmp, *args, eal=(), prefix=None, ready=True):
        self.prefix = prefix or f"w17t-{os.getpid()}-{tmp.name[-12:]}"
        self.log = tmp / "engine.log"
        cmd = [ENGINE, "--file-prefix", self.prefix, *eal, "--", *args]
        with open(self.log, "w") as log:
            self.proc = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if ready:
            wait_for(lambda: "warp17: READY" in self.log.read_text() or self.proc.poll() is not None, 30)
            assert self.proc.poll() is None, self.log.read_text()

    def cli(self, *commands, check=True, options=()):
        """Runs commands in one CLI with JSON answers; the list of answers."""
        args = [CLI, "--prefix", self.prefix, "-j", *options]
        for c in commands:
            args += ["-c", c]
        done = subprocess.run(args, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if check:
            assert done.returncode == 0, f"{done.returncode}: {done.stdout} {done.stderr}"
        return answers

    def show(self, what):
        return self.cli("show " + what)[0]["result"]

    def stats(self, port, tcid=0):
        return self.show(f"tests stats port {port} test-case-id {tcid}")["stats"]

    def group(self, group, port=None):
        view = self.show(f"{group} statistics")
        return view["total"] if port is None else view["ports"][str(port)]["stats"]

    def state(self, port, tcid=0):
        return next(t for t in self.show(f"tests state port {port}")["tests"] if t["test_case_id"] == tcid)["state"]

    def wait_passed(self, port, tcid=0, timeout=30):
        wait_for(lambda: self.state(port, tcid) != "RUNNING" and self.state(port, tcid) != "IDLE", timeout)
        assert self.state(port, tcid) == "PASSED"

    def stop_tests(self, *ports):
        for p in ports:
            self.cli(f"stop tests port {p}")

    def check_pools_full(self, held=0):
        """After every test all pools are full again (gauges are refreshed four times a second). held: buffers that the
        device keeps in its receive queues."""
        def full():
            m = self.show("memory statistics")["total"]
            return all(m[f"{k}_total"] == m[f"{k}_free"] for k in ("tcb", "ucb", "side")) \
                and m["mbuf_total"] - m["mbuf_free"] <= held
        wait_for(full, 3)

    def check_adds_up(self, clients=(), servers=()):
        """What was sent was received or dropped by name; what was opened ended, by name."""
        a, b = self.group("port", 0), self.group("port", 1)
        assert a["tx_pkts"] == b["rx_pkts"] and b["tx_pkts"] == a["rx_pkts"]
        assert a["tx_bytes"] == b["rx_bytes"] and b["tx_bytes"] == a["rx_bytes"]
        for port, tcid in (*clients, *servers):
            s = self.stats(port, tcid)
            assert s["open_now"] == 0 and s["estab_now"] == 0
            assert s["opened"] == s["closed"] + sum(s[k] for k in FAILED if k != "no_tcb"), s

    def stop(self):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(15)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                raise
        return self.proc.returncode
