"""The exporter: what it serves, and that it outlives engines whatever becomes of them."""
import contextlib
import fcntl
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest
from warp17 import CLI, EXPORTER, TOP, wait_for

RING = ("--ring-if-pairs", "1", "--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8")
RUN = pathlib.Path("/var/run/dpdk")
MAGIC = 0x37315748  # of attach.h
OF_AN_ENGINE = ("/api/v1/stats", "/api/v1/events", "/api/v1/operators", "/readyz")
JSON = {*OF_AN_ENGINE, "/api/v1/schema", "/healthz"}


class Exporter:
    def __init__(self, tmp, prefix, *args, program=EXPORTER):
        self.err = tmp / f"exporter-{time.monotonic_ns()}.err"
        with open(self.err, "w") as err:
            self.proc = subprocess.Popen([program, "--prefix", prefix, *(args or ("--port", "0"))],
                                         stdin=subprocess.DEVNULL, stderr=err)
        self.port = int(wait_for(lambda: re.search(r"listening on .*:(\d+)\n", self.err.read_text()))[1])

    def get(self, path, method="GET", body=None, timeout=5):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body=body)
            r = c.getresponse()
            return r.status, r.read().decode(), r.headers
        finally:
            c.close()

    def ready(self):
        return self.get("/readyz")[0] == 200

    def why(self):
        status, text, _ = self.get("/readyz")
        return json.loads(text)["error"] if status == 503 else None

    def stats(self):
        status, text, _ = self.get("/api/v1/stats")
        assert status == 200, text
        return json.loads(text)

    def series(self):
        """name{labels} to value, of /metrics; what is about the exporter itself is not among it."""
        status, text, _ = self.get("/metrics")
        assert status == 200
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith(("#", "process_"))]
        assert len({k for k, _ in lines}) == len(lines)
        return {k: float(v) for k, v in lines}

    def stop(self, within=1.2):
        if self.proc.poll() is None:
            self.proc.terminate()
            t = time.monotonic()
            self.proc.wait(6)
            assert time.monotonic() - t < within
        return self.proc.returncode


@pytest.fixture
def prefix():
    return f"w17x-{os.getpid()}-{random.randrange(10**6)}"


@pytest.fixture
def exporter(tmp_path, prefix):
    """exporter(*options) starts one on a free port; each must stop cleanly, in time, at the end."""
    running = []

    def start(*args):
        running.append(Exporter(tmp_path, prefix, *args))
        return running[-1]

    yield start
    for x in running:
        assert x.stop() == 0, x.err.read_text()


class FakeEngine:
    """Listens where an engine of that prefix would, and answers each client with code and text, or not at all."""

    def __init__(self, prefix, code=0, text="", answer=True, then_die=False):
        self.dir = RUN / prefix
        self.dir.mkdir(parents=True, exist_ok=True)
        self.path = self.dir / "warp17.sock"
        self.answer, self.then_die, self.hellos, self.clients = answer, then_die, [], []
        self.welcome = struct.pack("=IiIIQ128sQQ", MAGIC, code, 0, 1, 0, text.encode(), 0, 0)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.bind(str(self.path))
        self.sock.listen(64)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                c, _ = self.sock.accept()
                hello = c.recv(100)
                pid = struct.unpack("iii", c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
                self.hellos.append(tuple(pathlib.Path(f"/proc/{pid}/{f}").read_text() for f in ("comm", "cmdline")))
                assert struct.unpack_from("=I", hello)[0] == MAGIC
                if self.answer:
                    c.send(self.welcome)
                if self.then_die:
                    c.close()
                else:
                    self.clients = [*self.clients[-4:], c]

    def close(self):
        if self.sock.fileno() < 0:
            return  # the directory is the next engine's by now
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join()
        for c in self.clients:
            c.close()
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture
def fake(prefix):
    made = []

    def make(**kw):
        made.append(FakeEngine(prefix, **kw))
        return made[-1]

    yield make
    for f in made:
        f.close()


def open_files(pid):
    fds = pathlib.Path(f"/proc/{pid}/fd")
    files = []
    for fd in os.listdir(fds):
        with contextlib.suppress(OSError):
            files.append(os.readlink(fds / fd))
    return files


def run(*args, program=EXPORTER, **kw):
    return subprocess.run([program, *args], capture_output=True, text=True, timeout=30, **kw)


def promtool(text):
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- options and exit codes

@pytest.mark.parametrize("args, why", [
    (("--port", "abc"), "--port: expected a number, 0..65535, not 'abc'"),
    (("--port", "99999"), "not '99999'"),
    (("--port", ""), "not ''"),
    (("--listen", "127.0.0.1:"), "--listen: expected ADDR:PORT or [ADDR6]:PORT"),
    (("--listen", "127.0.0.1:99999"), "not '127.0.0.1:99999'"),
    (("--listen", "somewhere:1"), "not 'somewhere:1'"),
    (("--prefix", "a/b"), "--prefix: expected 1 to 63 characters"),
    (("--prefix", "x" * 64), "--prefix: expected"),
    (("more",), "unexpected 'more'"),
    (("--nonsense",), "usage:"),
    (("--port",), "usage:"),
])
def test_wrong_options(args, why):
    done = run(*args)
    assert done.returncode == 2 and why in done.stderr and not done.stdout, done.stderr


def test_address_in_use_and_not_ours(exporter):
    x = exporter()
    done = run("--port", str(x.port))
    assert done.returncode == 1 and "Address already in use" in done.stderr and len(done.stderr.splitlines()) == 1
    done = run("--listen", "192.0.2.1:9417")
    assert done.returncode == 1 and "cannot listen on 192.0.2.1:9417" in done.stderr


def test_ipv6(exporter):
    x = exporter("--listen", "[::1]:0")
    assert "listening on [::1]:" in x.err.read_text()
    c = http.client.HTTPConnection("::1", x.port, timeout=5)
    c.request("GET", "/healthz")
    assert c.getresponse().status == 200


def test_man_page_has_every_option():
    page = (TOP / "doc/man/warp17-stats-exporter.8").read_text().replace("\\-", "-")
    for option in re.findall(r"--[a-z]+", run("--help").stdout):
        assert option in page
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-z", TOP / "doc/man/warp17-stats-exporter.8"],
                              capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done.stderr


def test_standard_files_closed_at_start(tmp_path, prefix, engine):
    """Nothing of the exporter's own may come to be standard output or error."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    p = subprocess.Popen(["sh", "-c", f"exec '{EXPORTER}' --prefix {prefix} --port {port} <&- >&- 2>&-"])
    try:
        def healthy():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as c:
                c.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
                return c.recv(100)
        wait_for(healthy)
        for fd in "012":
            assert os.readlink(f"/proc/{p.pid}/fd/{fd}") == "/dev/null"
        e = engine(*RING, prefix=prefix)
        wait_for(lambda: b" 200 " in healthy())
        e.kill()
        wait_for(lambda: b" 503 " in healthy())
    finally:
        p.terminate()
        assert p.wait(5) == 0


def test_once(engine, prefix, fake, tmp_path):
    done = run("--prefix", prefix, "--once")
    assert done.returncode == 3 and f"engine not running (prefix {prefix})" in done.stderr and not done.stdout
    e = engine(*RING, prefix=prefix)
    done = run("--prefix", prefix, "--once")
    assert done.returncode == 0 and json.loads(done.stdout)["engine"]["pid"] == e.proc.pid
    with open("/dev/full", "w") as full:
        done = subprocess.run([EXPORTER, "--prefix", prefix, "--once"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "cannot write" in done.stderr
    wait_for(lambda: len(e.show("operators")["operators"]) == 1)
    with attach_lock(prefix):
        t = time.monotonic()
        done = run("--prefix", prefix, "--once")
        assert done.returncode == 5 and "did not end" in done.stderr and time.monotonic() - t < 6
    e.proc.send_signal(signal.SIGSTOP)
    done = run("--prefix", prefix, "--once")
    e.proc.send_signal(signal.SIGCONT)
    assert done.returncode == 5 and "does not answer" in done.stderr


def test_once_refused(prefix, fake):
    fake(code=-16, text="all 32 places for operators are taken")
    done = run("--prefix", prefix, "--once")
    assert done.returncode == 4 and "all 32 places" in done.stderr


# ---- operators and events

def test_operators_and_events_are_those_of_the_cli(engine, exporter):
    e = engine(*RING)
    x = exporter("--prefix", e.prefix, "--port", "0")
    wait_for(x.ready)
    name = "\N{SNOWMAN}" * 3
    e.cli("acquire port 1", options=("--name", "anna"))
    e.cli("show version", options=("--name", name))
    wait_for(lambda: "operator-left" in x.get("/api/v1/events")[1])

    def shown():
        status, text, _ = x.get("/api/v1/events")
        assert status == 200
        return json.loads(text)

    theirs, ours = e.show("events"), shown()
    ours["events"] = [n for n in ours["events"] if n["no"] <= theirs["last"]]
    assert ours["schema"] == "warp17-events/1.1" and ours["lost"] == 0 and ours["last"] >= theirs["last"]
    for a, b in zip(theirs["events"], ours["events"], strict=True):
        assert abs(a.pop("realtime_ns") / 1e9 - b.pop("time")) < 1e-5
        a.pop("time")
        assert a == b
    last = json.loads(x.get(f"/api/v1/events?since={ours['last'] - 2}")[1])["events"]
    assert last[0]["no"] == ours["last"] - 1
    assert json.loads(x.get("/api/v1/events?since=18446744073709551615")[1])["events"] == []
    for bad in ("-1", "", "x", "1x", "18446744073709551616"):
        assert x.get(f"/api/v1/events?since={bad}")[0] == 400
    status, text, _ = x.get("/api/v1/operators")
    (me,) = json.loads(text)["operators"]
    assert status == 200 and me["kind"] == "exporter" and me["pid"] == x.proc.pid and me["state"] == "attached"
    assert abs(me["since"] - time.time()) < 60


# ---- HTTP

def test_http_without_an_engine(exporter):
    x = exporter()
    wait_for(lambda: "not running" in x.why())
    for path in (*JSON, "/metrics"):
        status, body, headers = x.get(path)
        assert status == (503 if path in OF_AN_ENGINE else 200)
        assert headers["Cache-Control"] == "no-store" and int(headers["Content-Length"]) == len(body)
        assert headers["Content-Type"] == ("application/json" if path in JSON else
                                           "text/plain; version=0.0.4; charset=utf-8")
        if path in JSON:
            json.loads(body)
        status_head, body_head, headers_head = x.get(path, "HEAD")
        assert status_head == status and body_head == ""
        # the text of /metrics says how long it took, a document when it was made: with some digits more or less
        assert abs(int(headers_head["Content-Length"]) - len(body)) <= (3 if path == "/metrics" or "timestamp" in body else 0)
    status, body, _ = x.get("/nothing")
    assert status == 404 and "/metrics" in json.loads(body)["error"]
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        status, body, headers = x.get("/metrics", method, body="x" * 100000 if method == "POST" else None)
        assert status == 405 and headers["Allow"] == "GET, HEAD" and "GET" in json.loads(body)["error"]
    text = x.get("/metrics")[1]
    promtool(text)
    assert set(x.series()) == {"warp17_up", "warp17_engine_attached", "warp17_scrape_duration_seconds",
                               *(k for k in x.series() if k.startswith("warp17_build_info{version="))}
    assert x.series()["warp17_up"] == 0 == x.series()["warp17_engine_attached"]
    # the reason is on stderr, once
    time.sleep(1)
    assert x.err.read_text().count("not running") == 1


def test_slow_clients_block_nobody(exporter):
    x = exporter()
    slow = []
    for i in range(100):
        c = socket.create_connection(("127.0.0.1", x.port))
        if i % 2:
            c.sendall(b"GET /metrics HTTP/1.1\r\nHost:")
        slow.append(c)
    for _ in range(20):
        t = time.monotonic()
        assert x.get("/metrics")[0] == 200
        assert time.monotonic() - t < 0.5
    x.proc.terminate()  # nor do they keep it from leaving
    assert x.proc.wait(1.2) == 0
    for c in slow:
        c.close()


@pytest.mark.parametrize("program", ["", "with an engine"])
def test_as_many_slow_clients_as_there_is_room_for_block_a_scrape_for_a_moment_only(exporter, engine, prefix, program):
    """Each says a byte now and then, so none of them is idle."""
    if program:
        engine(*RING, prefix=prefix)
    x = exporter()
    if program:
        wait_for(x.ready)
    slow = [socket.create_connection(("127.0.0.1", x.port)) for _ in range(256)]

    def drip():
        while going:
            for c in slow:
                with contextlib.suppress(OSError):
                    c.send(b"G")
            time.sleep(0.3)

    going = [1]
    thread = threading.Thread(target=drip)
    thread.start()
    try:
        time.sleep(1)
        assert x.get("/metrics", timeout=8)[0] == 200
    finally:
        going.clear()
        thread.join()
        for c in slow:
            c.close()


def test_a_reader_that_leaves_hurts_nobody(exporter):
    x = exporter()
    for _ in range(50):
        c = socket.create_connection(("127.0.0.1", x.port))
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.sendall(b"GET /api/v1/schema HTTP/1.1\r\nHost: x\r\n\r\n")
        c.close()
    assert x.get("/healthz")[0] == 200


# ---- what it says

def traffic(e):
    e.cli("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
          "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0",
          "add tests server tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 80 80",
          "set tests server http port 1 test-case-id 0 200-OK resp-size 100",
          "add tests client tcp port 0 test-case-id 3 src 10.0.0.1 10.0.0.1 sport 1000 1099 "
          "dest 10.0.0.253 10.0.0.253 dport 80 80",
          "set tests client http port 0 test-case-id 3 GET h / req-size 0 requests 10",
          "set tests timeouts port 0 test-case-id 3 downtime infinite",
          "start tests port 1", "start tests port 0")
    wait_for(lambda: e.stats(0, 3)["closed"] == 100)
    e.stop_tests(0, 1)


def test_numbers_are_the_clis(exporter, engine, prefix):
    x, e = exporter(), engine(*RING, prefix=prefix)
    traffic(e)
    wait_for(x.ready)
    doc, metrics = x.stats(), x.series()
    assert doc["schema"] == "warp17-stats/1.2" and abs(doc["timestamp"] - time.time()) < 5
    assert x.stats()["seq"] == doc["seq"] + 1
    assert 0 < time.time() - doc["engine"]["start_time"] < 60
    assert doc["engine"]["version"] == e.show("version")["engine"]
    assert re.fullmatch("[0-9a-f]{16}", doc["engine"]["build"])
    assert doc["engine"]["prefix"] == prefix and doc["engine"]["state"] == "READY"
    schema = json.loads(x.get("/api/v1/schema")[1])["counters"]
    groups = {c["group"] for c in schema if c["scope"] == "port"} - {"device"}
    assert {"port", "eth", "arp", "ipv4", "tcp", "tsm", "http", "drop"} <= groups
    for group in groups - {"icmp"}:
        cli = e.show(f"{group if group != 'eth' else 'ethernet'} statistics")
        for port in (0, 1):
            assert doc["ports"][port]["stats"][group] == cli["ports"][str(port)]["stats"], group
    assert {c["name"] for c in schema if c["group"] == "device"} == set(doc["ports"][0]["device"])
    # read once a second
    device = wait_for(lambda: (d := [p["device"] for p in x.stats()["ports"]]) and all(p["rx_pkts"] for p in d) and d)
    for port in (0, 1):
        assert e.show("port statistics")["ports"][str(port)]["device"] == device[port]
        assert x.series()[f'warp17_device_rx_packets_total{{port="{port}"}}'] == device[port]["rx_pkts"]
    for p in doc["ports"]:
        for group, stats in p["stats"].items():
            for name, v in stats.items():
                assert v == sum(lc["stats"][group][name] for lc in p["lcores"])
    assert [(t["port"], t["test_case_id"]) for t in doc["test_cases"]] == [(0, 3), (1, 0)]
    for t in doc["test_cases"]:
        assert t["stats"]["tc"] == e.stats(t["port"], t["test_case_id"])
        assert t["state"] == e.state(t["port"], t["test_case_id"])
        assert t["stats"]["tc"]["responses"] == 1000
    tc, labels = doc["test_cases"][0]["stats"]["tc"], '{port="0",test_case="3"}'
    assert metrics["warp17_tc_responses_total" + labels] == 1000
    assert metrics["warp17_tc_last_estab_seconds" + labels] == pytest.approx(tc["last_estab_us"] / 1e6)
    rx = [v for k, v in metrics.items() if k.startswith('warp17_port_rx_packets_total{port="0"')]
    assert sum(rx) == doc["ports"][0]["stats"]["port"]["rx_pkts"] > 0
    assert metrics['warp17_port_link_up{port="0"}'] == 1 and metrics["warp17_up"] == 1
    assert 0 < metrics["warp17_scrape_duration_seconds"] < 1
    assert any(re.fullmatch(r'warp17_build_info{version="[^"]+",engine_version="[^"]+"}', k) for k in metrics)
    promtool(x.get("/metrics")[1])


@pytest.mark.alone
def test_cycles_are_seconds_of_the_machines_clock(exporter, engine, prefix):
    """The engine's clock runs as the machine's does, far better than to the 1 % of rates."""
    x = exporter()
    engine(*RING, prefix=prefix)
    wait_for(x.ready)

    def look():
        doc = x.stats()
        return doc["timestamp"], doc["lcores"][0]["stats"]["lcore"]["all_cycles"] / doc["engine"]["tsc_hz"]
    looks = []
    for _ in range(9):
        looks.append(look())
        time.sleep(0.3)
    seconds = sorted((c2 - c1) / (t2 - t1) for (t1, c1), (t2, c2) in zip(looks, looks[3:]))
    assert abs(seconds[len(seconds) // 2] - 1) < 0.0007, seconds  # each look may be a moment late


def test_deleted_test_cases_vanish(exporter, engine, prefix):
    x, e = exporter(), engine(*RING, prefix=prefix)
    traffic(e)
    wait_for(x.ready)
    assert any('test_case="3"' in k for k in x.series())
    e.cli("del tests port 0 test-case-id 3")
    wait_for(lambda: not any('test_case="3"' in k for k in x.series()), 1)  # a sample is shared for 50 ms
    assert [(t["port"], t["test_case_id"]) for t in x.stats()["test_cases"]] == [(1, 0)]


def test_memory_is_mapped_read_only(exporter, engine, prefix):
    x = exporter()
    engine(*RING, prefix=prefix)
    wait_for(x.ready)
    maps = [line.split() for line in pathlib.Path(f"/proc/{x.proc.pid}/maps").read_text().splitlines()]
    huge = [m for m in maps if len(m) > 5 and f"{prefix}map_" in m[5]]
    assert huge and {m[1] for m in huge} == {"r--s"}


# ---- engines that come and go

def test_serves_waits_and_follows_restarts(exporter, engine, prefix):
    x = exporter()
    pid = x.proc.pid
    for _ in range(3):
        e = engine(*RING, prefix=prefix)
        wait_for(x.ready, 5)
        assert x.stats()["engine"]["pid"] == e.proc.pid
        e.kill()
        wait_for(lambda: not x.ready(), 2)
        assert x.series()["warp17_up"] == 0 and len(x.series()) == 4
        assert x.get("/api/v1/stats")[0] == 503
        wait_for(lambda: "not running" in x.why(), 2)
        assert x.proc.poll() is None and pathlib.Path(f"/proc/{pid}/comm").read_text() == "warp17-stats-ex\n"
        assert not any("/dpdk/" in f or "/hugepages/" in f for f in open_files(pid))
    e = engine(*RING, prefix=prefix)
    wait_for(x.ready, 5)
    assert e.stop() == 0  # stopped, not killed
    wait_for(lambda: not x.ready(), 2)


def test_two_exporters_at_once(exporter, engine, prefix):
    a, b = exporter(), exporter()
    for _ in range(2):
        e = engine(*RING, prefix=prefix)
        wait_for(lambda: a.ready() and b.ready(), 5)
        assert a.stats()["engine"] == b.stats()["engine"]
        e.kill()
        wait_for(lambda: not a.ready() and not b.ready(), 2)


def test_stopped_engine_is_not_ready(exporter, engine, prefix):
    x, e = exporter(), engine(*RING, prefix=prefix)
    wait_for(x.ready)
    e.proc.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: not x.ready(), 2)
        assert "has not moved" in x.why() and "has not moved" in x.get("/api/v1/stats")[1]
        assert x.series()["warp17_up"] == 0 and x.series()["warp17_engine_attached"] == 1 and len(x.series()) == 4
    finally:
        e.proc.send_signal(signal.SIGCONT)
    wait_for(x.ready, 1)
    assert x.stats()["engine"]["pid"] == e.proc.pid


def test_engine_killed_while_the_exporter_attaches(exporter, engine, prefix):
    """Wherever in attaching it happens, the next engine starts and is served."""
    x = exporter()
    for i in range(16):
        (RUN / prefix / "warp17.sock").unlink(missing_ok=True)
        e = engine(*RING, prefix=prefix, ready=False)
        wait_for((RUN / prefix / "warp17.sock").exists, 15, every=0.002)
        if i % 2:
            wait_for(lambda: any("/dpdk/" in f for f in open_files(x.proc.pid)), 15, every=0)
            time.sleep(random.uniform(0, 0.03))  # about as long as it takes
        else:
            time.sleep(random.uniform(0, 0.4))
        e.kill()
    t = time.monotonic()
    e = engine(*RING, prefix=prefix)
    wait_for(x.ready, 5)
    assert time.monotonic() - t < 10 and x.stats()["engine"]["pid"] == e.proc.pid
    assert x.proc.poll() is None


class Load:
    """Requests one after the other, each on its own connection, until stopped; what came of them."""

    def __init__(self, port, path):
        self.port, self.path, self.going, self.statuses, self.errors = port, path, True, [], []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while self.going:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as c:
                    c.sendall(f"GET {self.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    text = b""
                    while part := c.recv(65536):
                        text += part
                head, body = text.split(b"\r\n\r\n", 1)
                assert len(body) == int(re.search(rb"Content-Length: (\d+)", head)[1]), "cut"
                self.statuses.append(int(head.split()[1]))
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(repr(error))

    def stop(self):
        self.going = False
        self.thread.join()


def test_no_request_is_lost_across_an_engines_death(exporter, engine, prefix):
    x = exporter()
    loads = [Load(x.port, path) for path in ("/metrics", "/metrics", "/api/v1/stats", "/readyz")]
    try:
        for _ in range(4):
            e = engine(*RING, prefix=prefix)
            wait_for(x.ready, 5)
            time.sleep(0.3)
            # connected, but silent yet: these ask the next image
            early = [socket.create_connection(("127.0.0.1", x.port), 5) for _ in range(5)]
            e.kill()
            wait_for(lambda: not x.ready(), 2)
            time.sleep(0.2)
            for c in early:
                c.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert c.recv(1000).startswith(b"HTTP/1.1 200 OK")
                c.close()
    finally:
        for load in loads:
            load.stop()
    for load in loads:
        assert not load.errors, load.errors[:5]
        assert {*load.statuses} == ({200} if load.path == "/metrics" else {200, 503})
        assert len(load.statuses) > 100


# ---- engines that will not have it, or that are broken

def steady(x):
    """Still the same process, under its name, with no descriptors piling up."""
    assert x.proc.poll() is None
    assert pathlib.Path(f"/proc/{x.proc.pid}/comm").read_text() == "warp17-stats-ex\n"
    assert len(open_files(x.proc.pid)) < 16


@pytest.mark.parametrize("kw, why", [
    ({"code": -71, "text": "this program was built from other tables than the engine (9.9)"}, "built from other"),
    ({"code": -16, "text": "all 32 places for operators are taken"}, "all 32 places"),
    ({"then_die": True}, "went away"),
    ({"answer": False, "then_die": True}, "did not answer"),
    ({"answer": False}, "does not answer"),
    ({}, "could not be mapped"),
])
def test_reasons_are_told_once_and_the_next_engine_is_served(exporter, engine, fake, prefix, kw, why):
    x = exporter()
    f = fake(**kw)
    load = Load(x.port, "/readyz")
    wait_for(lambda: why in x.why(), 10)
    seen = len(f.hellos)
    time.sleep(2)
    steady(x)
    assert x.err.read_text().count(why) == 1
    assert len(f.hellos) - seen <= 10  # a bounded rate
    f.close()
    e = engine(*RING, prefix=prefix)
    wait_for(x.ready, 5)
    load.stop()
    assert not load.errors, load.errors[:5]
    assert x.stats()["engine"]["pid"] == e.proc.pid


def test_a_client_executed_again_is_still_itself(fake, prefix):
    """Once more without address randomisation: the same name, and every word of a long command line."""
    f = fake()
    words = [CLI, "--prefix", prefix, *(("-c", "show tests config port 0 ") * 200), "-c", ""]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3 and "could not be mapped" in done.stderr
    assert f.hellos == [("warp17-cli\n", "\0".join(map(str, words)) + "\0")] * 2


@contextlib.contextmanager
def attach_lock(prefix):
    """What a client that is stopped while it attaches may hold."""
    fd = os.open(RUN / prefix, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@pytest.mark.long
def test_attaching_that_hangs_is_given_up_and_tried_again(exporter, engine, prefix):
    e = engine(*RING, prefix=prefix)
    with attach_lock(prefix):
        x = exporter()
        assert x.get("/healthz")[0] == 200 and x.series()["warp17_up"] == 0
        wait_for(lambda: "did not end in time" in x.why(), 8)
        time.sleep(5)
        steady(x)
        assert x.err.read_text().count("did not end in time") == 1
    wait_for(x.ready, 6)
    assert x.stats()["engine"]["pid"] == e.proc.pid
    x.stop()
    with attach_lock(prefix):  # SIGTERM ends it there too, when the EAL has had its time
        y = exporter()
        time.sleep(1)
        assert y.stop(5) == 0


def test_not_allowed(engine, prefix, public):
    e = engine(*RING, prefix=prefix)
    done = run("--prefix", prefix, "--once", program=shutil.copy(EXPORTER, public), user=65534, group=65534, extra_groups=[],
               env={"RUNTIME_DIRECTORY": "/var/run"})
    assert done.returncode == 3 and "not allowed to talk to the engine" in done.stderr
    assert e.show("version")["pid"] == e.proc.pid
