"""The three programs as a test uses them: an engine of its own prefix, commands, views, and what must always hold."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from sums import differences

TOP = pathlib.Path(__file__).resolve().parents[2]
MODE = os.environ.get("WARP17_MODE", "release")  # of the programs under test: make asan
PEERS = TOP / "build" / MODE / "test/functional"
BUILD = TOP / "build" if MODE == "release" else TOP / "build" / MODE
ENGINE, CLI, EXPORTER = BUILD / "warp17", BUILD / "warp17-cli", BUILD / "warp17-stats-exporter"
if MODE != "release":
    os.environ["WARP17_BIN"] = str(BUILD)  # for the scripts


def wait_for(what, timeout=10.0, every=0.02):
    """Calls what() until it is true; its last value. Fails after timeout seconds."""
    end = time.monotonic() + timeout
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout} s"
        time.sleep(every)


class Engine:
    """A running engine, in network namespace netns if that is given; its log is in log."""

    def __init__(self, tmp, *args, eal=(), prefix=None, ready=True, netns=None, **kw):
        self.prefix = prefix or f"w17t-{os.getpid()}-{tmp.parent.name[-12:]}-{tmp.name}"
        tmp.mkdir(exist_ok=True)
        self.log = tmp / "engine.log"
        cmd = ["ip", "netns", "exec", netns] if netns else []
        cmd += [ENGINE, "--file-prefix", self.prefix, *eal, "--", *args]
        with open(self.log, "w") as log:
            self.proc = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **kw)
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

    def refuses(self, command, why):
        """The command is answered with an error that says why, and changes nothing of port 0."""
        before, answer, after = self.cli("show tests config port 0", command, "show tests config port 0", check=False)
        assert not answer["ok"] and why in answer["error"], answer
        assert before["ok"] and after["ok"] and before["result"] == after["result"]

    def show(self, what):
        return self.shown(what)[0]

    def shown(self, *what):
        """Views, of one CLI: starting it takes longer than what it says."""
        return [answer["result"] for answer in self.cli(*("show " + w for w in what))]

    def stats(self, port, tcid=0):
        return self.show(f"tests stats port {port} test-case-id {tcid}")["stats"]

    def group(self, group, port=None):
        view = self.show(f"{group} statistics")
        return view["total"] if port is None else view["ports"][str(port)]["stats"]

    def state(self, port, tcid=0):
        return next(t for t in self.show(f"tests state port {port}")["tests"] if t["test_case_id"] == tcid)["state"]

    def wait_passed(self, port, tcid=0, timeout=30):
        assert wait_for(lambda: (state := self.state(port, tcid)) not in ("RUNNING", "IDLE") and state, timeout) == "PASSED"

    def stop_tests(self, *ports):
        self.cli(*(f"stop tests port {p}" for p in ports))

    def document(self):
        """All counters at once: what the exporter's --once prints."""
        done = subprocess.run([EXPORTER, "--prefix", self.prefix, "--once"], capture_output=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def check_sums(self):
        """Stops all tests; everything must add up then, within the time that closing takes."""
        now = self.document()
        if running := [p["port"] for p in now["ports"] if p["running"]]:
            self.stop_tests(*running)
            now = self.document()
        end = time.monotonic() + 10
        while (wrong := differences(now)) and time.monotonic() < end:
            time.sleep(0.1)
            now = self.document()
        assert not wrong, wrong

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def stop(self):
        """Ends the engine as the launcher does; its exit status. What a killed one left is taken away."""
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(15)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                raise
        if self.proc.returncode == -signal.SIGKILL:
            shutil.rmtree(self.rundir(), ignore_errors=True)
            self.lock().unlink(missing_ok=True)
            for f in pathlib.Path("/dev/hugepages").glob(f"{self.prefix}map_*"):
                f.unlink()
        return self.proc.returncode

    def lock(self):
        return self.rundir().with_name(f".{self.prefix}.lock")

    def rundir(self):
        return pathlib.Path("/var/run/dpdk", self.prefix)
