"""config/examples, as users run them: scripts/example, at a thousandth of their sessions. Each must end as the specification
describes it. Several run at once: what is checked are counts, not speeds."""
import concurrent.futures
import json
import os
import re
import subprocess

import pytest
from warp17 import TOP

SCALE = 1000
SCALES = {14: 10}  # of examples with few sessions
AT_ONCE = 3  # examples
LONGEST_FIRST = (4, 2, 5, 1, 14, 3, 11, 12, 8, 9, 10, 13, 6, 7)
FAILED = ("failed_syn", "failed_rst", "failed_retry", "failed_icmp", "failed_to", "failed_app")


class Run:
    """What the script said of example n: state and counters by (port, test case)."""

    def __init__(self, n):
        env = {**os.environ, "WARP17_SCALE": str(SCALES.get(n, SCALE)), "WARP17_EXAMPLE_LIMIT": "180"}
        self.done = subprocess.run([str(TOP / "scripts/example"), "-j", str(n)], stdin=subprocess.DEVNULL, text=True,
                                   capture_output=True, timeout=300, env=env)
        self.states, self.stats, self.views = {}, {}, {}
        for line in self.done.stdout.splitlines():
            answer = json.loads(line)
            assert answer["ok"], line
            view = answer["result"]
            for t in view.get("tests", []):
                self.states[view["port"], t["test_case_id"]] = t
            if "stats" in view:
                self.stats[view["port"], view["test_case_id"]] = view["stats"]
                self.views[view["port"], view["test_case_id"]] = view

    def check(self):
        assert self.done.returncode == 0, self.done.stderr
        assert self.done.stderr.splitlines()[-1].startswith("PASS: "), self.done.stderr
        assert self.stats.keys() == self.states.keys() != set()
        for key, t in self.states.items():
            assert t["state"] == "PASSED" and not t["behind"], (key, t)
        for key, s in self.stats.items():
            assert s["opened"] == s["closed"] + s["failed_stop"] + sum(s[f] for f in FAILED) and s["open_now"] == 0, (key, s)
            assert all(s[f] == 0 for f in FAILED) and s["no_tcb"] == 0, (key, s)
        return self

    def both(self, client=(0, 0), server=(1, 0)):
        return self.stats[client], self.stats[server]


def number(item):
    return int(re.search(r"_(\d+)_", item.name).group(1))


@pytest.fixture(scope="module")
def run(request):
    """run(n): example n, which began when the first of this file's tests did, or soon after."""
    wanted = {number(i) for i in request.session.items if i.path == request.path and re.search(r"_\d+_", i.name)}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {n: pool.submit(Run, n) for n in LONGEST_FIRST if n in wanted}
        yield lambda n: runs[n].result().check()
        for r in runs.values():
            r.cancel()


@pytest.mark.long
def test_1_raw_tcp(run):
    c, s = run(1).both()  # up at 0 and at 20 s, for 5 s
    assert c["opened"] == c["estab"] == c["closed"] == s["closed"] == 2 and c["estab_once"] == 1
    assert c["requests"] == s["requests"] == c["responses"] == s["responses"] > 1000
    assert c["tx_bytes"] == s["rx_bytes"] == 100 * c["requests"]
    assert s["tx_bytes"] == c["rx_bytes"] == 200 * c["requests"]


@pytest.mark.long
def test_2_raw_udp(run):
    c, s = run(2).both()  # up at 10 s and at 30 s, for 5 s
    assert c["opened"] == c["closed"] == 2 and c["estab_once"] == 1
    assert c["requests"] == s["requests"] == s["responses"] > 1000
    assert c["tx_bytes"] == s["rx_bytes"] and 0 <= s["tx_bytes"] - c["rx_bytes"] <= 2 * 200


@pytest.mark.long
def test_3_http_get_and_head_at_once(run):
    r = run(3)
    get, head, s = r.stats[0, 0], r.stats[0, 1], r.stats[1, 0]
    assert get["responses"] > 1000 and head["responses"] > 1000 and get["resp_errors"] == head["resp_errors"] == 0
    assert s["requests"] == get["requests"] + head["requests"]
    assert get["rx_bytes"] > 2000 * get["responses"] and head["rx_bytes"] < 200 * head["responses"]


@pytest.mark.long
def test_4_http_10M_sessions(run):
    c, s = run(4).both()  # up at 0 and at 45 s, for 30 s and until the end at 60 s
    n = 10_000_000 // SCALE
    assert c["estab_once"] == n and c["estab"] == s["estab"] == c["closed"] + c["failed_stop"] == 2 * n
    assert c["responses"] > 100 * n and c["resp_errors"] == 0


@pytest.mark.long
def test_5_raw_10M_sessions(run):
    r = run(5)
    c, s = r.both()
    n = 10_000_000 // SCALE
    assert c["estab_once"] == c["estab"] == s["estab"] == n
    # all opened at the rate: the last one after 10 s less one period
    assert 9_900_000 < c["last_estab_us"] < 10_500_000
    assert s["tx_bytes"] >= 4096 * c["responses"] and c["tx_bytes"] == s["rx_bytes"] >= 1024 * c["responses"]
    took = r.states[0, 0]["runtime_s"]
    assert 0.95 < c["requests"] / (900 * took) < 1.01


@pytest.mark.long
def test_6_http_40M_sessions(run):
    r = run(6)
    c, s = r.both()
    n = 40_000_000 // SCALE
    assert r.states[0, 0]["achieved"] == r.states[0, 0]["target"] == n
    assert c["estab"] == s["estab"] == n and c["responses"] > 0


def test_7_routing_raw_8M_sessions(run):
    c, s = run(7).both()
    n = 8_000_000 // SCALE
    assert c["estab"] == c["closed"] == s["estab"] == s["closed"] == n and c["tx_bytes"] == s["tx_bytes"] == 0


def test_8_http_fields(run):
    c, s = run(8).both()
    assert c["responses"] > 100 and c["resp_errors"] == 0
    # what the fields add is in every message
    request = len("GET /index.html HTTP/1.1\r\nHost: www.foo42.net\r\nAccept: text/plain\r\nAccept-Language: en\r\n\r\n")
    response = 100 + len("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n\r\n")
    assert c["tx_bytes"] > request * c["requests"] and s["tx_bytes"] > response * c["responses"]


def test_9_ipv4_tos(run):
    r = run(9)
    assert r.stats[0, 0]["responses"] > 100 and r.stats[0, 1]["responses"] > 100


def test_10_multicast_and_unicast(run):
    r = run(10)
    unicast, groups = r.stats[0, 0], r.stats[0, 1]
    assert unicast["responses"] > 100
    assert groups["tx_bytes"] == 100 * groups["tx_msgs"] > 0 and groups["rx_bytes"] == groups["responses"] == 0


@pytest.mark.parametrize("sides", [[(0, 0), (1, 0)]])
def test_11_ipv4_latency(run, sides):
    r = run(11)
    for side in sides:
        measured(r.views[side], r.stats[side])


def test_12_raw_latency(run):
    r = run(12)
    for side in ((0, 0), (0, 1), (1, 0), (1, 1)):
        measured(r.views[side], r.stats[side])


def measured(view, stats):
    all_, recent = view["latency"]["global"], view["latency"]["recent"]
    assert all_["samples"] > 10 and recent["samples"] <= 100
    assert 0 < all_["min_ns"] <= all_["p50_ns"] <= all_["p99_ns"] <= all_["max_ns"]


def test_13_vlan_udp(run):
    r = run(13)
    for tcid in range(3):
        c, s = r.both((0, tcid), (1, tcid))
        assert c["estab"] == s["estab"] > 0 and c["requests"] == s["requests"] > 100 and c["resp_lost"] == 0


def test_14_imix(run):
    r = run(14)
    for side, weights in (((0, 0), (50, 30, 10, 10)), ((0, 1), (70, 30))):
        asked = [a["stats"]["requests"] for a in r.views[side]["apps"]]
        assert len(asked) == len(weights) and sum(asked) == r.stats[side]["requests"] > 1000
        for n, weight in zip(asked, weights):
            assert abs(n / sum(asked) - weight / sum(weights)) < 0.02, (side, asked)
