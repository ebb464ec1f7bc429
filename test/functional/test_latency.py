"""Latencies as an operator sees them: of a delay that a port was told to make, by IPv4's option and by RAW's, over workers."""
import subprocess

import pytest
from test_ports import TWO_WORKERS
from test_traffic import L3, RING, pair
from warp17 import CLI, wait_for

DELAY_MS = 20
CL, SV = "port 0 test-case-id 0", "port 1 test-case-id 0"


def latency(e, port=1):
    return e.show(f"tests stats port {port} test-case-id 0")["latency"]


def run(engine, how, proto="tcp", extra=(), eal=()):
    e = engine(*RING, eal=eal)
    stamp = (" tx-timestamp", " rx-timestamp") if how == "raw" else ("", "")
    more = () if how == "raw" else (f"set tests ipv4-options {CL} tx-timestamp 1", f"set tests ipv4-options {SV} rx-timestamp 1")
    size = "data-req-plen 100 data-resp-plen 100"
    pair(e, ("raw", size + stamp[0]), ("raw", size + stamp[1]), proto=proto, extra=(*more, f"set tests faults port 0 direction tx delay {DELAY_MS}", f"set tests rate {CL} send 2000", *extra))
    return e


@pytest.mark.parametrize("how,proto", [("ipv4", "tcp"), ("ipv4", "udp"), ("raw", "tcp"), ("raw", "udp")])
def test_a_known_delay(engine, how, proto):
    e = run(engine, how, proto, (f"set tests latency {SV} max {DELAY_MS * 500} max-avg 3600000000 samples 100",))
    wait_for(lambda: latency(e)["global"]["samples"] > 3000, 60)
    both = latency(e)
    g, r = both["global"], both["recent"]
    # the delay counts from the turn in which a packet is sent, its stamp from then: of a turn that loses its CPU some are early
    assert 0 < g["min_ns"] <= g["p50_ns"] <= g["p90_ns"] <= g["p99_ns"] <= g["p99_9_ns"] <= g["max_ns"], g
    assert (DELAY_MS - 1) * 1e6 <= g["p50_ns"] < (DELAY_MS + 15) * 1e6, g  # the machine may be busy, but not half of the time
    assert g["invalid"] == 0 and g["max_avg_exceeded"] == 0
    assert r["samples"] == 100 and g["min_ns"] <= r["min_ns"] <= r["avg_ns"] <= r["max_ns"] <= g["max_ns"]
    e.stop_tests(0, 1)
    end = latency(e)["global"]
    assert end["samples"] // 2 < end["max_exceeded"] <= end["samples"]  # half the delay was allowed
    if how == "raw":  # each message once: the original showed them twice
        assert end["samples"] == e.stats(1)["requests"]
    else:
        assert end["samples"] == e.group("ipv4", 1)["rx_opts"]
    assert "latency" not in e.show(f"tests stats {CL}")  # who does not measure has none
    views(e, end)


def views(e, end):
    """The same in text, in the exporter's JSON and for Prometheus."""
    text = subprocess.run([CLI, "--prefix", e.prefix, "-c", f"show tests stats {SV}"], capture_output=True, text=True, check=True).stdout
    assert f"{end['p50_ns'] / 1000:.3f}" in text and "Global Avg lat/us" in text and "Recent Samples" in text, text
    assert e.show(f"tests latency {SV}")["latency"]["global"] == end
    doc = next(t for t in e.document()["test_cases"] if t["port"] == 1)
    assert doc["stats"]["latency"]["samples"] == end["samples"] and doc["stats"]["latency"]["over_max"] == end["max_exceeded"]
    assert doc["latency"]["p99_ns"] == end["p99_ns"] and doc["latency"]["recent"]["samples"] == 100
    assert next(t for t in e.document()["test_cases"] if t["port"] == 0)["latency"] is None
    assert abs(doc["latency"]["avg_ns"] - end["avg_ns"]) <= 1


def test_both_workers_are_merged(engine):
    """A ring pair of two workers; the sums are of both."""
    e = run(engine, "ipv4", eal=TWO_WORKERS)
    wait_for(lambda: latency(e)["global"]["samples"] > 1000, 60)
    e.stop_tests(0, 1)
    g = latency(e)["global"]
    assert g["samples"] == e.group("ipv4", 1)["rx_opts"] and g["invalid"] == 0
    assert g["p50_ns"] >= (DELAY_MS - 1) * 1e6
    lcores = next(p for p in e.document()["ports"] if p["port"] == 1)["lcores"]
    assert len(lcores) == 2 and all(lc["stats"]["ipv4"]["rx_opts"] > 0 for lc in lcores)


def test_a_new_start_forgets(engine):
    e = run(engine, "ipv4", "udp")
    wait_for(lambda: latency(e)["global"]["samples"] > 100, 60)
    e.stop_tests(0, 1)
    assert latency(e)["global"]["samples"] > 0
    e.cli(f"set tests latency {SV} samples 3")
    assert latency(e) == {"global": {k: (0 if k in ("samples", "invalid", "max_exceeded", "max_avg_exceeded") else None)
                                     for k in latency(e)["global"]},
                          "recent": {"samples": 0, "min_ns": None, "avg_ns": None, "max_ns": None, "jitter_ns": None}}


def test_settings(engine):
    e = engine(*RING)
    e.cli(*L3, f"add tests client tcp {CL} src 10.0.0.1 10.0.0.1 sport 1 1 dest 10.0.0.253 10.0.0.253 dport 80 80",
          f"set tests ipv4-options {CL} rx-timestamp 1", f"set tests latency {CL} max 5", f"set tests latency {CL} max-avg 4 samples 1000")
    want = {"max_us": 5, "max_avg_us": 4, "samples": 1000}
    assert e.show("tests config port 0")["tests"]["test_case_0"]["latency"] == e.show(f"tests latency {CL}")["limits"] == want
    for bad, why in {"samples 1001": "0..1000", "max -1": "-1", "": "max", "max-avg x": "x"}.items():
        e.refuses(f"set tests latency {CL} {bad}", why)
