"""Those who look at an engine all the time: an exporter, four scrapers at 10 Hz, two of /metrics and two of /api/v1/stats, two that
follow /events, and a CLI asked ten times a second. One thread, so that looking costs little. They look when they are told to;
in between the exporter is stopped (SIGSTOP): it pushes nothing and samples nothing, whoever is connected."""
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time

from warp17 import CLI, EXPORTER, wait_for

HZ, FOLLOWERS = 10, 2
SCRAPERS = ("/metrics", "/api/v1/stats", "/metrics", "/api/v1/stats")
COMMAND = b"show tests stats port 0 test-case-id 0\n"
ANSWER_S = 10.0


def cpu_s(pid):
    """CPU time of a process by its clock (clock_getcpuclockid(3)), to the nanosecond."""
    return time.clock_gettime(~pid << 3 | 2)


class Scraper:
    def __init__(self, port, path):
        self.port, self.done, self.bytes, self.bad = port, 0, 0, 0
        self.request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.room = bytearray(1 << 20)

    def scrape(self):
        with socket.create_connection(("127.0.0.1", self.port), ANSWER_S) as c:
            c.sendall(self.request)
            n = first = c.recv_into(self.room)
            ok = self.room[:first].startswith(b"HTTP/1.1 200")
            while part := c.recv_into(self.room):
                n += part
        self.done, self.bytes, self.bad = self.done + 1, self.bytes + n, self.bad + (not ok)


def follow(port):
    """A connection to /events."""
    c = socket.create_connection(("127.0.0.1", port), ANSWER_S)
    c.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
    assert b" 200 " in c.recv(65536).split(b"\r\n")[0], "/events is refused"
    return c


def up(port):
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}/readyz"],
                          capture_output=True, text=True)
    return done.stdout == "200"


class Crowd:
    """All of them, silent; with: they go at its end."""

    def __init__(self, prefix):
        self.events = self.answers = self.asked = 0  # since they had met
        self.latest_s = 0.0
        self.err = tempfile.TemporaryFile("w+")
        self.exporter = subprocess.Popen([EXPORTER, "--prefix", prefix, "--port", "0"], stdin=subprocess.DEVNULL, stderr=self.err)
        self.cli, self.followers = None, []
        try:
            self.meet(prefix)
        except BaseException:
            self.end()
            raise

    def meet(self, prefix):
        port = int(wait_for(lambda: re.search(r"listening on .*:(\d+)\n", self.text()))[1])
        wait_for(lambda: up(port), 20)
        self.cli = subprocess.Popen([CLI, "--prefix", prefix, "-j"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.scrapers = [Scraper(port, path) for path in SCRAPERS]
        self.followers = [follow(port) for _ in range(FOLLOWERS)]
        self.pieces = [*(s.scrape for s in self.scrapers), self.ask]
        self.ask()
        self.all_answered()
        self.silence()
        self.events = self.answers = self.asked = 0

    def text(self):
        self.err.seek(0)
        return self.err.read()

    def pids(self):
        return self.exporter.pid, self.cli.pid

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.end()

    def end(self):
        for f in self.followers:
            f.close()
        for p in (self.cli, self.exporter):
            if p is not None and p.poll() is None:
                p.send_signal(signal.SIGCONT)
                p.terminate()
                p.wait(10)
        self.err.close()

    def silence(self):
        """Returns when each of the exporter's threads stands."""
        self.exporter.send_signal(signal.SIGSTOP)
        seen = os.waitid(os.P_PID, self.exporter.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert seen.si_code == os.CLD_STOPPED, f"the exporter has gone: {self.text()}"

    def ask(self):
        os.write(self.cli.stdin.fileno(), COMMAND)
        self.asked += 1

    def read(self, until):
        """Takes what comes by itself until then, or only what is there."""
        while True:
            left = max(0.0, until - time.monotonic())
            for f in select.select([*self.followers, self.cli.stdout], [], [], left)[0]:
                if f is self.cli.stdout:
                    text = os.read(f.fileno(), 1 << 20)
                    self.answers += text.count(b"\n")
                else:
                    text = f.recv(1 << 20)
                    self.events += text.count(b"\ndata:")
                assert text, f"who looks was left: {self.text()}"
            if not left:
                return

    def all_answered(self):
        end = time.monotonic() + ANSWER_S
        while self.answers < self.asked:
            assert time.monotonic() < end, "the CLI does not answer"
            self.read(time.monotonic() + 0.001)

    def look(self, seconds):
        """Each its turns, evenly; silent again when that time is over and all was answered."""
        self.exporter.send_signal(signal.SIGCONT)
        began = time.monotonic()
        for turn in range(round(seconds * HZ) * len(self.pieces)):
            due = began + turn / (HZ * len(self.pieces))
            self.read(due)
            self.latest_s = max(self.latest_s, time.monotonic() - due)
            self.pieces[turn % len(self.pieces)]()
        self.read(began + seconds)
        self.all_answered()
        self.silence()

    def told(self, seconds):
        """What they saw, who were told to look for so long."""
        done = sum(s.done for s in self.scrapers)
        return {"seconds": round(seconds, 2), "scrapes_per_s": round(done / seconds, 1), "bad": sum(s.bad for s in self.scrapers),
                "bytes_per_scrape": sum(s.bytes for s in self.scrapers) // max(1, done), "followers": FOLLOWERS,
                "events_per_s": round(self.events / seconds, 1), "cli_answers_per_s": round(self.answers / seconds, 1),
                "latest_ms": round(self.latest_s * 1000, 1)}
