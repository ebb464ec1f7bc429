"""Response times as an operator sees them: on a path whose delay is known, each response once, whoever shows them."""
import subprocess
import time

import pytest
from test_ports import TWO_WORKERS
from test_traffic import L3, RING, pair
from warp17 import CLI, wait_for

WAY_MS = 10  # each way
CL, SV = "port 0 test-case-id 0", "port 1 test-case-id 0"
FAR = tuple(f"set tests faults port {p} direction tx delay {WAY_MS}" for p in (0, 1))
ONCE = f"set tests timeouts {CL} downtime infinite"
HTTP = (("http", "GET h / req-size 0 requests 5"), ("http", "200-OK resp-size 3000"))
RAW = (("raw", "data-req-plen 100 data-resp-plen 100 requests 5"), ("raw", "data-req-plen 100 data-resp-plen 100"))
PARTS = ("first_byte", "last_byte")


def times(e):
    return e.show(f"tests response-times {CL}")


def adds_up(view):
    for p in PARTS:
        t, rows = view[p], view["buckets"][p]
        assert sum(n for _, n in rows) == t["samples"] > 0 and [r[0] for r in rows] == sorted(r[0] for r in rows)
        assert 0 < t["min_ns"] <= t["p50_ns"] <= t["p90_ns"] <= t["p99_ns"] <= t["p99_9_ns"] <= t["max_ns"], t
        assert t["min_ns"] <= t["avg_ns"] <= t["max_ns"]


def ended(e, n=100):
    wait_for(lambda: e.stats(0)["closed"] == n, 30)
    e.stop_tests(0, 1)
    view = times(e)
    adds_up(view)
    return view


@pytest.mark.parametrize("start,proto,apps,ways", [("syn", "tcp", HTTP, 4), ("request", "tcp", HTTP, 2), ("request", "tcp", RAW, 2), ("request", "udp", RAW, 2)])
def test_a_known_delay(engine, start, proto, apps, ways):
    e = engine(*RING)
    pair(e, *apps, proto=proto, extra=(*FAR, ONCE, f"set tests response-times {CL} from {start}"))
    view = ended(e)
    n = {"syn": 100, "request": 500}[start]
    assert view["from"] == start and e.stats(0)["responses"] == 500
    for p in PARTS:
        assert view[p]["samples"] == n
        # a delay counts from the turn in which a packet is sent, and the machine may be busy, but not half of the time
        assert (ways * WAY_MS - 1) * 1e6 <= view[p]["p50_ns"] < (ways * WAY_MS + 15) * 1e6, view[p]
    assert view["last_byte"]["min_ns"] >= view["first_byte"]["min_ns"]
    shown(e, view, start)


def shown(e, view, start):
    """The same in the test case's statistics, as text, as counters for the exporter, and as settings."""
    stats = e.show(f"tests stats {CL}")["response_times"]
    assert stats == {k: view[k] for k in ("from", *PARTS)}
    text = subprocess.run([CLI, "--prefix", e.prefix, "-c", f"show tests response-times {CL}", "-c", f"show tests stats {CL}"], capture_output=True, text=True, check=True).stdout
    assert f"response times from {start}" in text and text.count(f"{view['last_byte']['p99_ns'] / 1000:.3f}") >= 2, text
    counted = next(t for t in e.document()["test_cases"] if t["port"] == 0)["stats"]["times"]
    for p in ("first", "last"):
        t = view[f"{p}_byte"]
        assert counted[f"{p}_samples"] == t["samples"] and counted[f"{p}_max_ns"] == t["max_ns"]
        assert abs(counted[f"{p}_sum_ns"] / t["samples"] - t["avg_ns"]) <= 1
    assert e.show("tests config port 0")["tests"]["test_case_0"]["response_times"] == start
    assert f"set tests response-times {CL} from {start}" in e.show("config port 0")["lines"]
    assert "response_times" not in e.show(f"tests stats {SV}")


def test_workers_are_merged_and_clear_is_the_readers(engine):
    e = engine(*RING, eal=TWO_WORKERS)
    pair(e, *HTTP, extra=(*FAR, f"set tests timeouts {CL} downtime 0", f"set tests response-times {CL} from syn"))
    wait_for(lambda: times(e)["last_byte"]["samples"] > 300, 30)
    e.stop_tests(0, 1)
    view, c = times(e), e.stats(0)
    adds_up(view)
    assert c["closed"] * 0.9 <= view["last_byte"]["samples"] <= view["first_byte"]["samples"] <= c["estab"]
    assert view["first_byte"]["p50_ns"] >= (4 * WAY_MS - 1) * 1e6
    _, before, _, after = e.cli("show version", f"show tests response-times {CL}", "clear statistics", f"show tests response-times {CL}")
    assert before["result"] == view and after["result"]["since_clear"] and after["result"]["buckets"] == {p: [] for p in PARTS}
    assert after["result"]["first_byte"]["samples"] == 0 and after["result"]["last_byte"]["max_ns"] is None
    assert times(e) == view  # nobody else's are cleared
    e.cli(f"set tests response-times {CL} from request")  # what was measured was another thing
    assert times(e)["last_byte"] == {k: 0 if k == "samples" else None for k in view["last_byte"]}
    e.cli(f"set tests response-times {CL} from off", "start tests port 1", "start tests port 0")
    wait_for(lambda: e.stats(0)["responses"] > 100, 30)
    view = times(e)
    assert view["from"] == "off" and view["first_byte"]["samples"] == 0 and view["buckets"] == {p: [] for p in PARTS}
    e.stop_tests(0, 1)


def test_applications_of_a_group(engine):
    """All that are answered, each by its own test case's clock."""
    e = engine(*RING)
    e.cli(*L3, *(f"set tests imix app-index {i} {side} {app}" for i, side, app in (
        (0, "client", "http GET h / req-size 0 requests 5"), (1, "client", "raw data-req-plen 9 data-resp-plen 90 requests 5"),
        (2, "server", "http 200-OK resp-size 3000"), (3, "server", "raw data-req-plen 9 data-resp-plen 90"))),
        *(f"set tests imix app-index {i} weight 50" for i in range(4)), "add tests imix-id 0 app 0,1", "add tests imix-id 1 app 2,3")
    e.cli(f"add tests server tcp {SV} src 10.0.0.253 10.0.0.253 sport 6000 6000", f"set tests imix {SV} imix-id 1",
          f"add tests client tcp {CL} src 10.0.0.1 10.0.0.1 sport 10001 10100 dest 10.0.0.253 10.0.0.253 dport 6000 6000",
          f"set tests imix {CL} imix-id 0", ONCE, f"set tests response-times {CL} from request", "start tests port 1", "start tests port 0")
    assert ended(e)["last_byte"]["samples"] == 500


def test_memory_comes_and_goes(engine):
    """Words of half a million sessions and their other ends, 8 MB: while the port runs, without a wait for them."""
    e = engine(*RING[:2], "--tcb-pool-sz", "2048", *RING[4:])
    e.cli(*L3, f"add tests server tcp {SV} src 10.0.0.253 10.0.0.253 sport 6000 6000",
          f"add tests client tcp {CL} src 10.0.0.1 10.0.0.10 sport 10001 60000 dest 10.0.0.253 10.0.0.253 dport 6000 6000",
          f"set tests client raw {CL} data-req-plen 9 data-resp-plen 9 requests 1", f"set tests server raw {SV} data-req-plen 9 data-resp-plen 9",
          f"set tests rate {CL} open 1000", "start tests port 1", "start tests port 0")
    wait_for(lambda: e.stats(0)["responses"] > 10)
    e.stop_tests(0)
    before = anonymous_mb(e)
    e.cli(f"set tests response-times {CL} from syn")
    began = time.monotonic()
    e.cli("start tests port 0")
    assert time.monotonic() - began < 1
    wait_for(lambda: times(e)["last_byte"]["samples"] > 10)
    assert 7 < anonymous_mb(e) - before < 18, (before, anonymous_mb(e))
    e.stop_tests(0, 1)
    assert anonymous_mb(e) - before < 2, (before, anonymous_mb(e))


def anonymous_mb(e):
    return int(next(x for x in open(f"/proc/{e.proc.pid}/status") if x.startswith("RssAnon")).split()[1]) / 1024


def test_what_is_refused(engine):
    e = engine(*RING[:1], "2", *RING[2:])
    pair(e, ("raw", "data-req-plen 9 data-resp-plen 0"), ("raw", "data-req-plen 9 data-resp-plen 0"), start=False,
         extra=("add tests client udp port 0 test-case-id 1 src 10.0.0.1 10.0.0.1 sport 1 1 dest 10.0.0.253 10.0.0.253 dport 1 1",
                "add tests multicast-src udp port 0 test-case-id 2 src 10.0.0.1 10.0.0.1 sport 1 1 dest 224.0.0.9 224.0.0.9 dport 1 1"))
    for line, why in ((f"set tests response-times {SV} from syn", "for clients"),
                      ("set tests response-times port 0 test-case-id 1 from syn", "UDP"),
                      ("set tests response-times port 0 test-case-id 2 from request", "multicast")):
        e.refuses(line, why)
    e.cli(f"set tests response-times {CL} from syn", "start tests port 1")
    e.refuses("start tests port 0", "is answered")
    e.stop_tests(1)
    more = [f"add tests client tcp port {p} test-case-id {t} src 10.0.0.1 10.0.0.1 sport {9 + t} {9 + t} dest 10.0.9.9 10.0.9.9 dport 9 9"
            for p in (2, 3) for t in range(16)]
    e.cli(*more, *(f"set tests response-times port {p} test-case-id {t} from syn" for p, t in [(2, t) for t in range(16)] + [(3, t) for t in range(15)]))
    e.refuses("set tests response-times port 3 test-case-id 15 from syn", "32 test cases")
    e.cli("del tests port 2 test-case-id 3", "set tests response-times port 3 test-case-id 15 from syn")
