"""What makes a test case PASSED or FAILED: all five criteria, both ways; test cases in sequence; ranges of any size; start and stop."""
import time

import pytest
from test_traffic import L3, RING, pair
from warp17 import wait_for

TC = "port 0 test-case-id 0"
RAW = (("raw", "data-req-plen 1000 data-resp-plen 10"), ("raw", "data-req-plen 1000 data-resp-plen 10"))


def row(e, port=0, tcid=0):
    return next(t for t in e.show(f"tests state port {port}")["tests"] if t["test_case_id"] == tcid)


def judged(e, port=0, tcid=0, timeout=20):
    wait_for(lambda: row(e, port, tcid)["state"] in ("PASSED", "FAILED"), timeout)
    return row(e, port, tcid)


def test_run_time(engine):
    e = engine(*RING)
    pair(e, *RAW, extra=(f"set tests criteria {TC} run-time 2",))
    began = time.monotonic()
    t = judged(e)
    assert t["state"] == "PASSED" and t["achieved"] == t["target"] == 2 and 1.9 < time.monotonic() - began
    assert 2 <= t["runtime_s"] < 4
    wait_for(lambda: e.stats(0)["open_now"] == 0)  # its time is over: it closes by itself
    assert e.stats(0)["closed"] == 100


@pytest.mark.parametrize("target, state", [(1, "PASSED"), (6, "PASSED"), (7, "FAILED")])
def test_servers_up(engine, target, state):
    e = engine(*RING)
    e.cli(*L3, f"add tests server tcp {TC} src 10.0.0.1 10.0.0.3 sport 80 81", f"set tests criteria {TC} servers-up {target} within 1",
          "start tests port 0")
    t = judged(e)
    assert (t["state"], t["achieved"]) == (state, 6)
    assert t["reason"] == ("" if state == "PASSED" else "servers-up: 6 of 7 within 1 s")
    assert e.stats(0)["up"] == 6  # it listens all the same


def test_servers_up_is_all_of_them_by_default(engine):
    e = engine(*RING)
    e.cli(*L3, f"add tests server tcp {TC} src 10.0.0.1 10.0.0.3 sport 80 81", "start tests port 0")
    assert judged(e)["state"] == "PASSED" and row(e)["target"] == 6


def test_clients_up_waits_for_them(engine):
    """[defect of the original: passed at once] Clients are up when their init time is over, and there may be too few."""
    e = engine(*RING)
    pair(e, *RAW, extra=(f"set tests timeouts {TC} init 3", f"set tests criteria {TC} clients-up 100 within 20"))
    began = time.monotonic()
    assert row(e)["state"] == "RUNNING" and row(e)["achieved"] == 0
    t = judged(e)
    assert t["state"] == "PASSED" and t["achieved"] == 100 and time.monotonic() - began > 2.5
    e.stop_tests(0)
    for settings, achieved in (("clients-up 101 within 1", 100), ("clients-up 1 within 1", 0)):
        e.cli(f"set tests timeouts {TC} init {0 if achieved else 60}", f"set tests criteria {TC} {settings}", "start tests port 0")
        t = judged(e)
        assert (t["state"], t["achieved"]) == ("FAILED", achieved)
        assert t["reason"].startswith(f"clients-up: {achieved} of {t['target']} within 1 s")
        e.stop_tests(0)


def test_clients_estab_counts_each_once(engine):
    """[defect of the original: cumulative] Ten sessions that open and close over and over never are eleven."""
    e = engine(*RING)
    pair(e, *RAW, sports=(1, 10), extra=(
        f"set tests timeouts {TC} uptime 0 downtime 0", f"set tests tcp-options {TC} twait-skip 1",
        f"set tests criteria {TC} clients-estab 11 within 2"))
    t = judged(e)
    assert t["state"] == "FAILED" and t["achieved"] == 10 and e.stats(0)["estab"] > 1000
    assert t["reason"].startswith("clients-estab: 10 of 11 within 2 s")
    e.stop_tests(0)
    e.cli(f"set tests criteria {TC} clients-estab 10 within 20", "start tests port 0")
    assert judged(e)["state"] == "PASSED"
    e.stop_tests(0)
    e.cli(f"set tests timeouts {TC} uptime infinite", f"set tests rate {TC} open 20", "start tests port 0")
    assert judged(e)["state"] == "PASSED" and e.stats(0)["estab_now"] == 10  # all of them at the same time


def test_data_mb(engine):
    """Of 1 000 000 bytes of payload sent; the first whole one too many is not there yet."""
    e = engine(*RING)
    pair(e, *RAW, sports=(1, 1), extra=(f"set tests criteria {TC} data-MB 2 within 60", "set tests criteria port 1 test-case-id 0 data-MB 1 within 2",
                                       f"set tests rate {TC} send 1000"))
    t = judged(e)
    assert t["state"] == "PASSED" and 2 == t["achieved"] and e.stats(0)["tx_bytes"] >= 2000000
    assert 1.5 < t["runtime_s"] < 30  # a thousand messages of 1000 bytes a second
    s = judged(e, 1)
    assert s["state"] == "FAILED" and s["reason"].startswith("data-MB: 0 of 1 within 2 s")  # servers can count it too
    e.stop_tests(0)
    e.cli(f"set tests rate {TC} send 0", f"set tests criteria {TC} data-MB 1 within 1", "start tests port 0")
    t = judged(e)
    assert (t["state"], t["achieved"]) == ("FAILED", 0) and e.stats(0)["estab"] == 1


def test_within_is_ten_minutes_unless_said(engine):
    e = engine(*RING)
    e.cli(f"add tests client tcp {TC} src 10.0.0.1 10.0.0.1 sport 1 1 dest 10.0.0.2 10.0.0.2 dport 1 1")
    within = lambda: e.show("tests config port 0")["tests"]["test_case_0"].get("criterion_within_s")
    assert within() is None  # run-time cannot fail
    for given, want in (("clients-up 1", 600), ("clients-estab 1 within 5", 5), ("data-MB 4294967295", 600), ("run-time 1", None)):
        e.cli(f"set tests criteria {TC} {given}")
        assert within() == want
    e.refuses(f"set tests criteria {TC} run-time 1 within 1", "run-time cannot fail")
    e.refuses(f"set tests criteria {TC} clients-up 1 within 0", "1..2000000")


@pytest.mark.parametrize("word", ["noasync", "no-async"])
def test_async_and_its_opposite(engine, word):
    e = engine(*RING)
    e.cli(*L3, *(f"add tests server tcp port 0 test-case-id {i} src 10.0.0.1 10.0.0.1 sport {80 + i} {80 + i}" for i in range(3)),
          *(f"set tests criteria port 0 test-case-id {i} run-time 3" for i in range(3)),
          *(f"set tests async port 0 test-case-id {i}" for i in range(2)))
    is_async = lambda: [e.show("tests config port 0")["tests"][f"test_case_{i}"]["async"] for i in range(3)]
    assert is_async() == [True, True, False]
    e.cli(f"set tests {word} port 0 test-case-id 1")
    assert is_async() == [True, False, False]
    e.cli("start tests port 0")
    wait_for(lambda: row(e, 0, 1)["state"] == "RUNNING")
    assert [row(e, 0, i)["state"] for i in range(3)] == ["RUNNING", "RUNNING", "IDLE"]
    wait_for(lambda: row(e, 0, 2)["state"] == "RUNNING")
    assert row(e, 0, 1)["state"] == "PASSED"


def test_start_and_stop(engine):
    e = engine(*RING)
    refused = lambda c: e.cli(c, check=False)[0]
    for command, why in (("start tests port 0", "port 0 has no test case"), ("stop tests port 0", "port 0 is not running"),
                         ("start tests port 2", "port 2 does not exist"), ("stop tests port 2", "port 2 does not exist"),
                         (f"del tests {TC}", "port 0 has no test case 0")):
        answer = refused(command)
        assert not answer["ok"] and why in answer["error"], answer
    pair(e, *RAW)
    assert "port 0 is running" in refused("start tests port 0")["error"]
    assert "port 0 is running" in refused(f"del tests {TC}")["error"]
    e.stop_tests(0)
    assert row(e)["state"] == "STOPPED"
    e.cli(f"del tests {TC}")
    assert "has no test case" in refused("start tests port 0")["error"]
    assert e.show("tests state port 0")["tests"] == []


def test_more_than_two_thousand_million_sessions_are_refused(engine):
    e = engine(*RING)
    everywhere = "0.0.0.1 223.255.255.254"
    add = f"add tests client tcp {TC} src "
    e.refuses(add + f"{everywhere} sport 1 65535 dest {everywhere} dport 1 65535", "2^64 sessions or more, at most 2147483647")
    e.refuses(add + f"{everywhere} sport 1 1 dest 9.9.9.9 9.9.9.9 dport 1 1", "make 3758096382 sessions, at most 2147483647")
    e.refuses(add + "10.0.0.1 10.0.0.1 sport 1 65535 dest 9.9.9.9 9.9.9.9 dport 1 65535", "make 4294836225 sessions")
    e.cli(add + "10.0.0.1 10.0.0.1 sport 1 65535 dest 9.9.9.9 9.9.9.9 dport 1 32768")  # 2 147 450 880
    e.cli(*L3, "add tests l3_gw port 0 gw 10.0.0.253")
    e.refuses("start tests port 0", "2147450880 TCP endpoints are wanted of lcore")


def test_a_server_of_all_addresses_and_ports(engine):
    e = engine(*RING)
    clients = [("1.0.0.1", 1), ("9.9.9.9", 65535), ("126.1.2.3", 4711), ("223.255.255.254", 80)]
    e.cli("add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0", "add tests l3_gw port 1 gw 10.0.0.1",
          "add tests server tcp port 1 test-case-id 0 src 0.0.0.1 223.255.255.254 sport 1 65535", "set tests server http port 1 test-case-id 0 200-OK resp-size 10",
          "add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0", "add tests l3_gw port 0 gw 10.0.0.253", "start tests port 1")
    for i, (dest, port) in enumerate(clients):
        e.cli(f"add tests client tcp port 0 test-case-id {i} src 10.0.0.1 10.0.0.1 sport {1000 + i} {1000 + i} dest {dest} {dest} dport {port} {port}",
              f"set tests client http port 0 test-case-id {i} GET h / req-size 0 requests 3", f"set tests timeouts port 0 test-case-id {i} downtime infinite",
              f"set tests async port 0 test-case-id {i}")
    e.cli("start tests port 0")
    wait_for(lambda: all(e.stats(0, i)["closed"] == 1 for i in range(len(clients))))
    t = judged(e, 1)
    assert t["state"] == "PASSED" and e.stats(1)["up"] == t["achieved"] == 3758096382 * 65535
    assert e.stats(1)["responses"] == 3 * len(clients)
