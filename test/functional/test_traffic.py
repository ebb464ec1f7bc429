"""Traffic on a ring pair: every way a session can go, and the sums."""
import time

import pytest
from warp17 import wait_for

RING = ("--ring-if-pairs", "1", "--tcb-pool-sz", "64", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")
L3 = ("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
      "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0")


def pair(e, app_client, app_server, sports=(10001, 10100), proto="tcp", extra=(), start=True):
    """A client test case on port 0, a server on port 1; started, if start."""
    e.cli(*L3,
          f"add tests server {proto} port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 6000 6000",
          f"set tests server {app_server[0]} port 1 test-case-id 0 {app_server[1]}",
          f"add tests client {proto} port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport {sports[0]} {sports[1]} "
          "dest 10.0.0.253 10.0.0.253 dport 6000 6000",
          f"set tests client {app_client[0]} port 0 test-case-id 0 {app_client[1]}",
          *extra, *(("start tests port 1", "start tests port 0") if start else ()))


@pytest.mark.parametrize("csum", [False, True])
@pytest.mark.parametrize("size", [0, 1, 1460, 1461, 8192, 100000])
def test_http_bodies_of_any_size(engine, size, csum):
    e = engine(*RING, *(["--sw-checksum"] if csum else []))
    pair(e, ("http", f"GET h / req-size {size} requests 20"), ("http", f"200-OK resp-size {size}"),
         extra=("set tests timeouts port 0 test-case-id 0 downtime infinite",))
    wait_for(lambda: e.stats(0)["closed"] == 100)
    c, s = e.stats(0), e.stats(1)
    assert c["responses"] == c["requests"] == s["requests"] == s["responses"] == 2000
    assert c["tx_bytes"] == s["rx_bytes"] and s["tx_bytes"] == c["rx_bytes"]
    assert e.group("tsm")["retrans_pkts"] == 0
    e.stop_tests(0, 1)


@pytest.mark.parametrize("twait", ["twait-skip 1", "twait-to 10"])
@pytest.mark.parametrize("closer", ["client", "server"])
def test_open_and_close_over_and_over(engine, twait, closer):
    requests = {"client": ("requests 1", ""), "server": ("", "requests 1")}[closer]
    e = engine(*RING)
    pair(e, ("raw", f"data-req-plen 1 data-resp-plen 1 {requests[0]}"),
         ("raw", f"data-req-plen 1 data-resp-plen 1 {requests[1]}"), sports=(10001, 11000),
         extra=("set tests timeouts port 0 test-case-id 0 downtime 0",
                f"set tests tcp-options port 0 test-case-id 0 {twait}",
                f"set tests tcp-options port 1 test-case-id 0 {twait}"))
    wait_for(lambda: e.stats(0)["closed"] > 50000, 20)
    e.stop_tests(0, 1)
    c = e.stats(0)
    assert sum(c[k] for k in ("failed_syn", "failed_rst", "failed_retry", "failed_to", "failed_app")) == 0


def test_rates_are_kept(engine):
    e = engine(*RING)
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10"), ("raw", "data-req-plen 10 data-resp-plen 10"),
         sports=(10001, 30000), extra=("set tests rate port 0 test-case-id 0 open 2000 send 5000",))
    wait_for(lambda: e.show("tests stats port 0 test-case-id 0")["rates"]["established_per_second"] > 0, 5)
    rates = []
    for _ in range(4):
        before = e.stats(0)
        wait_for(lambda: e.stats(0)["last_estab_us"] > before["last_estab_us"] + 1000000, 5)
        now = e.stats(0)
        done = now["estab"] - before["estab"] + now["behind_open"] - before["behind_open"]  # what it had no CPU for is said
        rates.append(done / (now["last_estab_us"] - before["last_estab_us"]) * 1e6)
    assert all(abs(r - 2000) < 2000 * 0.02 for r in rates), rates
    assert abs(e.show("tests stats port 0 test-case-id 0")["rates"]["requests_per_second"] - 5000) < 250
    e.stop_tests(0, 1)


def test_shown_rates_are_those_of_the_last_second(engine):
    e = engine(*RING)
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10"), ("raw", "data-req-plen 10 data-resp-plen 10"),
         extra=("set tests rate port 0 test-case-id 0 open 2 send 1000",))
    rates = lambda: e.show("tests stats port 0 test-case-id 0")["rates"]
    t = time.monotonic()
    first = wait_for(lambda: rates()["messages_per_second"])  # over less than a second, of which it is the rate all the same
    sent, t = e.stats(0)["tx_msgs"], time.monotonic() - t
    assert abs(first * t - sent) < 0.3 * sent, (first, t, sent)
    seen = []
    for _ in range(3):
        before = e.stats(0)["estab"]
        wait_for(lambda: e.stats(0)["estab"] >= before + 2, 5)
        seen.append(rates()["established_per_second"])
    assert 2 in seen and all(1 <= r <= 3 for r in seen), seen
    e.stop_tests(0, 1)
    assert set(rates().values()) == {0}


def test_what_a_changed_test_case_did_before_is_gone(engine):
    e = engine(*RING)
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10"), ("raw", "data-req-plen 10 data-resp-plen 10"),
         extra=("set tests criteria port 0 test-case-id 0 clients-estab 10",))
    e.wait_passed(0)
    e.stop_tests(0, 1)
    assert e.state(0) == "PASSED" and e.stats(0)["estab"] == 100 and e.stats(0)["up"] == 0
    e.cli("set tests criteria port 0 test-case-id 0 clients-estab 20")
    assert e.state(0) == "IDLE" and set(e.stats(0).values()) == {0}
    assert e.stats(1)["estab"] == 100
    e.cli("del tests port 1 test-case-id 0",
          "add tests client tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 1 1 dest 10.0.0.1 10.0.0.1 dport 1 1")
    assert set(e.stats(1).values()) == {0}


def test_totals_are_those_of_their_columns(engine):
    e = engine(*RING)
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10"), ("raw", "data-req-plen 10 data-resp-plen 10"))
    for _ in range(5):
        view = e.show("ethernet statistics details")
        for name, total in view["total"].items():
            ports = view["ports"].values()
            assert total == sum(p["stats"][name] for p in ports)
            assert all(p["stats"][name] == sum(lc[name] for lc in p["lcores"].values()) for p in ports)
    e.stop_tests(0, 1)


def test_neighbours_are_shown(engine):
    e = engine(*RING)
    entries = lambda: sorted((x["port"], x["ip"], x["state"]) for x in e.show("arp entries")["entries"])
    local = [(0, "10.0.0.1", "local"), (1, "10.0.0.253", "local")]
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10"), ("raw", "data-req-plen 10 data-resp-plen 10"))
    known = [(0, "10.0.0.1", "local"), (0, "10.0.0.253", "known"), (1, "10.0.0.1", "known"), (1, "10.0.0.253", "local")]
    wait_for(lambda: entries() == known, 1)
    macs = {x["ip"]: x["mac"] for x in e.show("arp entries")["entries"] if x["state"] == "known"}
    assert macs == {x["ip"]: x["mac"] for x in e.show("arp entries")["entries"] if x["state"] == "local"}
    e.stop_tests(0, 1)
    wait_for(lambda: entries() == local, 1)


def test_sequence_waits_and_stops_between(engine):
    e = engine(*RING)
    e.cli(*L3, "add tests server tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 80 80",
          "set tests server http port 1 test-case-id 0 200-OK resp-size 10")
    for tcid in (0, 1):
        e.cli(f"add tests client tcp port 0 test-case-id {tcid} src 10.0.0.1 10.0.0.1 sport {1000 + tcid} {1000 + tcid} "
              "dest 10.0.0.253 10.0.0.253 dport 80 80",
              f"set tests client http port 0 test-case-id {tcid} GET h / req-size 0",
              f"set tests criteria port 0 test-case-id {tcid} run-time 1")
    e.cli("start tests port 1", "start tests port 0")
    assert (e.state(0, 0), e.state(0, 1)) == ("RUNNING", "IDLE")
    e.wait_passed(0, 0)
    e.wait_passed(0, 1)
    e.stop_tests(0, 1)


def test_criterion_data_mb(engine):
    e = engine(*RING)
    pair(e, ("raw", "data-req-plen 1000 data-resp-plen 10"), ("raw", "data-req-plen 1000 data-resp-plen 10"),
         extra=("set tests criteria port 0 test-case-id 0 data-MB 5",))
    e.wait_passed(0)
    assert e.stats(0)["tx_bytes"] >= 5000000


def test_nobody_answers(engine):
    """A closed port answers with RST, and sessions are counted as failed by it; nothing is left."""
    e = engine(*RING)
    e.cli(*L3, "add tests server tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 6000 6000",
          "add tests client tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1 100 "
          "dest 10.0.0.253 10.0.0.253 dport 7000 7000", "start tests port 1", "start tests port 0")
    wait_for(lambda: e.stats(0)["failed_rst"] == 100)
    e.stop_tests(0, 1)


def test_more_sessions_than_the_pool_holds_is_refused(engine):
    e = engine(*RING)
    e.cli(*L3, "add tests client tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1 60000 "
          "dest 10.0.0.253 10.0.0.253 dport 1 10")
    answer = e.cli("start tests port 0", check=False)[0]
    assert not answer["ok"] and "600000 TCP endpoints" in answer["error"] and "--tcb-pool-sz" in answer["error"]
