"""GET /events: the exporter's Server-Sent Events, as a page, curl and clients that read slowly or not at all have them."""
import contextlib
import json
import signal
import socket
import subprocess
import threading
import time

import pytest
from test_exporter import RING, exporter, prefix, traffic  # noqa: F401: fixtures
from test_exporter_http import TOKEN, certificate, resident_kb, token  # noqa: F401: a fixture
from warp17 import CLI, MODE, wait_for

STREAMS = 32


class Stream:
    """An event stream: the messages that have come, as (event, data, id), data as JSON gives it."""

    def __init__(self, x, query="", headers=(), version="1.1", read=True, **kw):
        self.c = socket.socket()
        if "rcvbuf" in kw:
            self.c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kw["rcvbuf"])
        self.c.settimeout(30)
        self.c.connect(("127.0.0.1", x.port))
        lines = [f"GET /events{query} HTTP/{version}", "Host: x", *headers]
        self.c.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.file = self.c.makefile("rb")
        self.messages, self.comments, self.retry, self.clean, self.over = [], 0, None, False, False
        self.headers, self.status, self.times = {}, None, []
        if read:
            self.begin()

    def begin(self):
        self.status = int(self.file.readline().split()[1])
        while (line := self.file.readline().strip()):
            key, value = line.decode().split(": ", 1)
            self.headers[key.lower()] = value
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def pieces(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            while part := self.file.read1(65536):
                yield part
            self.clean = True
            return
        while True:
            size = self.file.readline()
            if not size:
                return
            part = self.file.read(int(size, 16))
            self.file.readline()
            if not part:
                self.clean = True
                return
            yield part

    def run(self):
        text = b""
        with contextlib.suppress(OSError, ValueError):
            for part in self.pieces():
                text += part
                while b"\n\n" in text:
                    message, _, text = text.partition(b"\n\n")
                    self.take(message.decode())
        self.over = True

    def take(self, message):
        fields = {}
        self.times.append(time.monotonic())
        for line in message.split("\n"):
            name, _, value = line.partition(":")
            assert name not in fields, message
            fields[name] = value.removeprefix(" ")
        if "" in fields:
            self.comments += 1
        if "retry" in fields:
            assert not self.messages
            self.retry = int(fields["retry"])
        if "event" in fields:
            self.messages.append((fields["event"], json.loads(fields["data"]), fields.get("id")))

    def of(self, event):
        return [data for e, data, _ in self.messages if e == event]

    def first(self, event, timeout=5):
        return wait_for(lambda: self.of(event), timeout)[0]

    def close(self):
        self.c.shutdown(socket.SHUT_RDWR)
        self.c.close()


@pytest.fixture
def stream():
    made = []

    def make(*args, **kw):
        made.append(Stream(*args, **kw))
        return made[-1]

    yield make
    for s in made:
        with contextlib.suppress(OSError):
            s.close()


def as_json(x, path):
    status, text, _ = x.get(path)
    assert status == 200, text
    return json.loads(text)


def test_without_an_engine_it_says_why(exporter, stream):
    x = exporter()
    s = stream(x)
    assert s.status == 200 and s.headers["content-type"] == "text/event-stream" and s.headers["cache-control"] == "no-store"
    state = s.first("state", 1)
    assert s.retry == 1000
    assert state["schema"] == "warp17-live/1.1" and state["engine"] is None and abs(state["timestamp"] - time.time()) < 2
    assert state["ports"] == state["tests"] == state["lcores"] == []
    wait_for(lambda: "not running" in s.of("state")[-1]["why"], 3)
    assert not s.of("event") and not s.of("operators")


def test_states_are_what_the_api_says(exporter, engine, stream, prefix):
    x, e = exporter(), engine(*RING, prefix=prefix)
    traffic(e)
    wait_for(x.ready)
    s = stream(x, "?interval=200")
    state = s.first("state", 1)
    stats, ports, tests = (as_json(x, f"/api/v1/{what}") for what in ("stats", "ports", "tests"))
    assert state["engine"] == stats["engine"] and state["why"] is None
    assert [t["stats"] for t in state["tests"]] == [t["stats"] for t in stats["test_cases"]]
    assert [(p["port"], p["stats"]["tcp"]) for p in state["ports"]] == [(p["port"], p["stats"]["tcp"]) for p in ports["ports"]]
    assert [set(t) for t in state["tests"]] == [set(t) for t in tests["tests"]]
    assert [set(p) | {"lcores"} for p in state["ports"]] == [set(p) | {"lcores"} for p in ports["ports"]]
    assert [(lc["lcore"], lc["role"]) for lc in state["lcores"]] == [(lc["lcore"], lc["role"]) for lc in stats["lcores"]]
    assert set(state) == {"schema", "timestamp", "seq", "exporter", "engine", "why", "ports", "tests", "lcores"}


def test_intervals(exporter, engine, stream, prefix):
    x = exporter()
    engine(*RING, prefix=prefix)
    wait_for(x.ready)
    fast, slow, usual = stream(x, "?interval=200"), stream(x, "?interval=60000"), stream(x)
    time.sleep(4.2)
    counts = [len(s.of("state")) for s in (fast, slow, usual)]
    assert 15 <= counts[0] <= 23 and counts[1] <= 2 and 4 <= counts[2] <= 6, counts  # the second may come sooner: all keep step
    stamps = [s["timestamp"] for s in fast.of("state")]
    assert stamps == sorted(stamps)
    # of one moment, all get the same
    shared = {s["seq"]: s for s in fast.of("state")}
    assert all(shared.get(s["seq"], s) == s for s in usual.of("state")[1:])
    assert sum(s["seq"] in shared for s in usual.of("state")[1:]) >= 2
    for bad in ("199", "60001", "", "x", "1e3", "-200", "200.5", "99999999999999999999"):
        status, text, _ = x.get(f"/events?interval={bad}")
        assert status == 400 and "200..60000" in json.loads(text)["error"], bad
    for bad in ("", "x", "-1"):
        assert x.get(f"/events?since={bad}")[0] == 400


def test_events_come_at_once_and_with_numbers(exporter, engine, stream, prefix):
    x, e = exporter(), engine(*RING, prefix=prefix)
    wait_for(x.ready)
    s = stream(x, "?interval=60000")
    wait_for(lambda: s.of("event"))
    e.cli("acquire port 1", options=("--name", "anna"))
    known = as_json(x, "/api/v1/events")["events"]
    wait_for(lambda: len(s.of("event")) >= len(known), 1)
    known = as_json(x, "/api/v1/events")["events"]
    wait_for(lambda: s.of("event") == known, 1)
    assert [i for e_, _, i in s.messages if e_ == "event"] == [str(n["no"]) for n in known]
    last = known[-1]["no"]
    two = stream(x, f"?since={last - 2}")
    wait_for(lambda: len(two.of("event")) >= 2)
    assert two.of("event")[0]["no"] == last - 1
    again = stream(x, "?since=0", headers=[f"Last-Event-ID: {last - 1}"])
    assert again.first("event")["no"] == last
    for nonsense in ("x", "", "-5", "99999999999999999999999", "123456789"):  # the latter of an engine before this one
        whole = stream(x, headers=[f"Last-Event-ID: {nonsense}"])
        assert whole.first("event")["no"] == known[0]["no"]
    none = stream(x, "?since=18446744073709551615")
    none.first("state")
    time.sleep(0.3)
    assert all(n["no"] > last for n in none.of("event"))


def test_events_that_are_lost_are_told(exporter, engine, stream, prefix):
    x, e = exporter(), engine(*RING, prefix=prefix)
    wait_for(x.ready)
    for _ in range(14):
        e.cli(*["acquire port 0", "release port 0"] * 25, options=("--name", "anna"))
    time.sleep(1)  # the last one's leaving is an event too
    known = as_json(x, "/api/v1/events?since=0")
    assert known["lost"] > 0
    s = stream(x, "?since=0")
    wait_for(lambda: s.of("event") and s.of("event")[-1]["no"] == known["last"], 5)
    assert s.of("lost")[0]["lost"] >= known["lost"]
    assert s.of("event")[0]["no"] == s.of("lost")[0]["lost"] + 1 and len(s.of("lost")) == 1
    newest = stream(x)
    wait_for(lambda: len(newest.of("event")) == 50)
    time.sleep(0.2)
    assert [n["no"] for n in newest.of("event")] == list(range(known["last"] - 49, known["last"] + 1)) and not newest.of("lost")


def test_operators_when_they_change(exporter, engine, stream, prefix):
    x = exporter()
    engine(*RING, prefix=prefix)
    wait_for(x.ready)
    s = stream(x, "?interval=60000")
    (me,) = s.first("operators")["operators"]
    assert me["pid"] == x.proc.pid and s.of("operators")[0]["schema"].startswith("warp17-operators/")
    time.sleep(1.5)
    assert len(s.of("operators")) == 1
    cli = subprocess.Popen([CLI, "--prefix", prefix, "--name", "anna"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: {o["name"] for o in s.of("operators")[-1]["operators"]} == {"stats-exporter", "anna"})
    finally:
        cli.stdin.close()
        cli.wait(10)
    wait_for(lambda: len(s.of("operators")[-1]["operators"]) == 1)
    late = stream(x)
    assert late.first("operators")["operators"][0]["pid"] == x.proc.pid


def test_head_and_http_1_0(exporter, stream):
    x = exporter()
    status, body, headers = x.get("/events", "HEAD")
    assert status == 200 and body == "" and headers["Content-Type"] == "text/event-stream"
    assert x.get("/events?interval=1", "HEAD")[0] == 400
    for _ in range(STREAMS + 2):  # none of them stays
        assert x.get("/events", "HEAD")[0] == 200
    s = stream(x, "?interval=200", version="1.0")
    wait_for(lambda: len(s.of("state")) >= 3)
    assert "transfer-encoding" not in s.headers


def test_curl(exporter, engine, prefix):
    x = exporter()
    engine(*RING, prefix=prefix)
    wait_for(x.ready)
    done = subprocess.run(["curl", "-sN", "--max-time", "2", f"http://127.0.0.1:{x.port}/events?interval=500"], capture_output=True, text=True)
    assert done.returncode == 28 and done.stdout.startswith("retry: 1000\n\nevent: state\ndata: {")  # it was still going on
    assert 4 <= done.stdout.count("event: state\n") <= 6 and done.stdout.count("event: operators\n") >= 1


def test_there_are_so_many_and_no_more(exporter, engine, stream, prefix):
    x = exporter()
    engine(*RING, prefix=prefix)
    wait_for(x.ready)
    streams = [stream(x, "?interval=200") for _ in range(STREAMS)]
    for s in streams:
        s.first("state")
    status, text, headers = x.get("/events")
    assert status == 503 and int(headers["Retry-After"]) >= 1 and "streams" in json.loads(text)["error"]
    assert x.get("/metrics")[0] == 200  # nor do they keep scrapes out
    streams[0].close()
    again = wait_for(lambda: (s := stream(x)).status == 200 and s)
    again.first("state")


def test_they_end_well_when_the_engine_goes(exporter, engine, stream, prefix):
    x, e = exporter(), engine(*RING, prefix=prefix)
    wait_for(x.ready)
    streams = [stream(x, "?interval=200"), stream(x), stream(x, version="1.0"), stream(x, "?interval=60000")]
    for s in streams:
        s.first("state")
    e.kill()
    for s in streams:
        wait_for(lambda: s.over, 2)
        assert s.clean
    s = stream(x)  # at once
    assert s.status == 200
    wait_for(lambda: s.of("state") and s.of("state")[-1]["why"], 2)
    assert s.of("state")[-1]["engine"] is None
    e = engine(*RING, prefix=prefix)
    every = [s]  # the same stream goes on, if nothing has gone wrong in between: an exporter that attaches too early starts anew

    def followed():
        if every[-1].over:
            every.append(stream(x, headers=["Last-Event-ID: 4000"]))
        return (states := every[-1].of("state")) and (states[-1]["engine"] or {}).get("pid") == e.proc.pid

    wait_for(followed, 5)
    wait_for(lambda: every[-1].over or every[-1].of("event"))
    assert not every[-1].over and len(every) <= 3


def test_a_stopped_engine_is_told(exporter, engine, stream, prefix):
    x, e = exporter(), engine(*RING, prefix=prefix)
    wait_for(x.ready)
    s = stream(x, "?interval=200")
    assert s.first("state")["engine"]
    e.proc.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: s.of("state")[-1]["engine"] is None, 4)
        assert "has not moved" in s.of("state")[-1]["why"]
    finally:
        e.proc.send_signal(signal.SIGCONT)
    wait_for(lambda: s.of("state")[-1]["engine"], 2)
    assert s.of("state")[-1]["why"] is None


def test_they_do_not_keep_it_from_leaving(exporter, engine, stream, prefix):
    x = exporter()
    engine(*RING, prefix=prefix)
    wait_for(x.ready)
    streams = [stream(x, "?interval=60000") for _ in range(8)]
    for s in streams:
        s.first("state")
    assert x.stop() == 0
    for s in streams:
        wait_for(lambda: s.over, 1)
        assert s.clean


def many_tests(e):
    """States of some size."""
    e.cli("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
          *(f"add tests client tcp port 0 test-case-id {i} src 10.0.0.1 10.0.0.1 sport 1000 1099 dest 10.0.0.253 10.0.0.253 "
            f"dport {80 + i} {80 + i}" for i in range(16)))


def test_answers_that_nobody_reads_are_bounded(engine, exporter, prefix):
    """As many as --unread has room for wait for their readers; the others are told, and come through when those are gone."""
    engine("--ring-if-pairs", "8", *RING[2:], prefix=prefix)
    x = exporter("--unread", "4", "--port", "0")
    wait_for(x.ready)
    size, socks = len(x.get("/metrics")[1]), []
    assert 150000 < size < 1 << 22  # more than the kernel keeps for who does not read
    try:
        for _ in range((4 << 20) // size + 10):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.connect(("127.0.0.1", x.port))
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            socks.append(s)
        wait_for(lambda: x.get("/metrics")[0] == 503, 5)
        assert "have not read" in x.get("/metrics")[1] and x.get("/healthz")[0] == 200
    finally:
        for s in socks:
            s.close()
    wait_for(lambda: x.get("/metrics")[0] == 200, 5)


@pytest.mark.long
def test_who_reads_slowly_misses_states_and_slows_nobody(exporter, engine, stream, prefix):
    x, e = exporter(), engine(*RING, prefix=prefix)
    many_tests(e)
    wait_for(x.ready)
    good = stream(x, "?interval=200")
    good.first("state")
    before = resident_kb(x.proc.pid)
    lazy = [stream(x, "?interval=200", read=False, rcvbuf=4096) for _ in range(20)]
    time.sleep(12)
    assert 50 <= len(good.of("state")) <= 64
    assert x.get("/metrics", timeout=1)[0] == 200
    grown = resident_kb(x.proc.pid) - before
    print(f"20 that do not read: {grown} KB more; a state has {len(json.dumps(good.of('state')[0]))} bytes")
    if MODE == "release":
        assert grown < 20 * 300 + 8000
    late = lazy[0]
    late.begin()
    newest = good.of("state")[-1]["seq"]
    wait_for(lambda: late.of("state") and late.of("state")[-1]["seq"] >= newest, 5)
    seqs = [s["seq"] for s in late.of("state")]
    assert seqs == sorted(set(seqs)) and max(b - a for a, b in zip(seqs, seqs[1:])) > 5  # some were skipped
    assert time.time() - late.of("state")[-1]["timestamp"] < 2  # and it is up to date again


@pytest.mark.long
def test_who_takes_nothing_is_cut(exporter, engine, stream, prefix):
    x, e = exporter(), engine(*RING, prefix=prefix)
    many_tests(e)
    wait_for(x.ready)
    good = stream(x, "?interval=200")
    lazy = [stream(x, "?interval=200", read=False, rcvbuf=4096) for _ in range(STREAMS - 1)]
    time.sleep(20)
    assert x.get("/events")[0] == 503
    wait_for(lambda: x.get("/events", "HEAD")[0] == 200, 45, every=1)
    assert not good.over
    time.sleep(2)
    assert all(s.first("state") for s in [stream(x) for _ in range(STREAMS - 1)])
    del lazy


@pytest.mark.long
def test_a_comment_when_there_is_nothing_to_say(exporter, stream):
    x = exporter()
    s = stream(x, "?interval=60000")
    time.sleep(33)
    gaps = [b - a for a, b in zip(s.times, [*s.times[1:], time.monotonic()])]
    assert max(gaps) < 15.5 and s.comments >= 1 and len(s.of("state")) <= 2 and not s.over, gaps
    assert s.comments <= 2  # no chatter


def test_through_tls_and_with_a_token(exporter, engine, prefix, tmp_path, token):
    cert, key = certificate(tmp_path, "one")
    x = exporter("--port", "0", "--tls-cert", str(cert), "--tls-key", str(key), "--token-file", str(token))
    e = engine(*RING, prefix=prefix)

    def follow(seconds, *more):
        done = subprocess.run(["curl", "-sN", "--max-time", str(seconds), "--cacert", cert, *more, f"https://localhost:{x.port}/events?interval=200"],
                              capture_output=True, text=True)
        return done.returncode, done.stdout
    assert "token" in follow(2)[1]
    wait_for(lambda: f'"pid":{e.proc.pid},' in follow(1, "-u", f"me:{TOKEN}")[1])
    code, text = follow(3, "-H", f"Authorization: Bearer {TOKEN}")
    assert code == 28 and 12 <= text.count("event: state\n") <= 17 and text.count("event: event\n") >= 1


def test_streams_come_and_go_under_load(exporter, engine, prefix):
    """Clients that leave at any moment leave nothing behind."""
    x = exporter()
    engine(*RING, prefix=prefix)
    wait_for(x.ready)
    end = time.monotonic() + 5

    def some(seed):
        n = 0
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", x.port), 5) as c:
                c.sendall(b"GET /events?interval=200 HTTP/1.1\r\nHost: x\r\n\r\n")
                n += 1
                time.sleep((seed * 37 + n * 11) % 130 / 1000)
                if n % 3:
                    c.recv(100000)
    threads = [threading.Thread(target=some, args=(i,), daemon=True) for i in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    def free():
        streams = []
        try:
            for _ in range(STREAMS):
                streams.append(Stream(x, "?interval=200"))
            return all(s.status == 200 for s in streams)
        finally:
            for s in streams:
                with contextlib.suppress(OSError):
                    s.close()
    wait_for(free, 20, every=1)
