"""Rates are true, on one worker and on several, and a test that falls behind says so."""
import time

import pytest
from test_traffic import pair
from warp17 import wait_for

POOLS = ("--ring-if-pairs", "1", "--tcb-pool-sz", "128", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")
WORKERS = {1: ("--lcores=0@0,1@1",), 2: ("--lcores=0@0,1@1,2@1",)}
AGAIN = ("set tests timeouts port 0 test-case-id 0 downtime 0", "set tests tcp-options port 0 test-case-id 0 twait-skip 1",
         "set tests tcp-options port 1 test-case-id 0 twait-skip 1")
RAW = ("raw", "data-req-plen 1 data-resp-plen 1")
ONCE = ("raw", "data-req-plen 1 data-resp-plen 1 requests 1")


def rates(e):
    return e.show("tests stats port 0 test-case-id 0")["rates"]


def row(e):
    return e.show("tests state port 0")["tests"][0]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("rate", [1, 10, 1000, 100000])
def test_open_rate_by_the_engines_own_clock(engine, rate, workers):
    """Sessions that are established, between the times at which the last of them was."""
    e = engine(*POOLS, eal=WORKERS[workers])
    pair(e, ONCE, RAW, sports=(1, 20000), extra=AGAIN + (f"set tests rate port 0 test-case-id 0 open {rate}",))
    wait_for(lambda: e.stats(0)["estab"] > 1, 30)
    before = e.stats(0)
    window_us = 2900000 if rate < 1000 else 1000000
    wait_for(lambda: e.stats(0)["last_estab_us"] >= before["last_estab_us"] + window_us, 30)
    now = e.stats(0)
    s = (now["last_estab_us"] - before["last_estab_us"]) / 1e6
    # what the machine had no time for is said: with it the sum must be right
    done = now["estab"] - before["estab"]
    given_up = now["behind_open"] - before["behind_open"]
    assert abs(done + given_up - rate * s) <= max(0.01 * rate * s, 1.01), (done, given_up, s)
    wait_for(lambda: abs(rates(e)["established_per_second"] - rate) <= rate // 100, 10)
    e.stop_tests(0, 1)
    assert now["failed_syn"] == 0


def test_shown_rate_of_one_a_second_is_one(engine):
    e = engine(*POOLS)
    pair(e, ONCE, RAW, extra=AGAIN + ("set tests rate port 0 test-case-id 0 open 1",))
    wait_for(lambda: e.stats(0)["estab"] > 1, 10)
    wait_for(lambda: rates(e)["established_per_second"] == 1, 3)
    end = time.monotonic() + 5
    seen = set()
    while time.monotonic() < end:
        seen.add(rates(e)["established_per_second"])
        time.sleep(0.1)
    assert seen == {1}
    e.stop_tests(0, 1)
    wait_for(lambda: rates(e)["established_per_second"] == 0, 5)


def behind(e, what, rate):
    """Said in the state, in the JSON, by a counter and with the verdict."""
    e.wait_passed(0)
    note, begin = row(e)["note"], f"behind its {what} rate: "
    assert row(e)["behind"] and note.startswith(begin) and f"of {rate}/s" in note, note
    assert "close" not in note
    t = next(t for t in e.document()["test_cases"] if t["port"] == 0)
    assert t["behind"] and t["note"].startswith(begin) and t["stats"]["tc"][f"behind_{what}"] > 1000000
    assert f"test case 0 PASSED, {begin}" in e.log.read_text()
    assert not e.show("tests state port 1")["tests"][0]["behind"]


RUN_1S = "set tests criteria port 0 test-case-id 0 run-time 1"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_send_rate_that_cannot_be_kept_is_said(engine, workers):
    e = engine(*POOLS, eal=WORKERS[workers])
    pair(e, RAW, RAW, sports=(1, 20000), extra=("set tests rate port 0 test-case-id 0 send 49000000", RUN_1S))
    behind(e, "send", 49000000)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_open_rate_that_cannot_be_kept_is_said(engine, workers):
    """Sessions that are refused at once, so that there are always some to open."""
    e = engine(*POOLS, eal=WORKERS[workers])
    pair(e, ONCE, RAW, sports=(1, 20000), extra=AGAIN + (
        "del tests port 1 test-case-id 0", "add tests server tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 1 1",
        "set tests rate port 0 test-case-id 0 open 50000000", RUN_1S))
    behind(e, "open", 50000000)


def test_a_rate_that_can_be_kept_is_not_behind(engine):
    """Unless the machine gives the worker no CPU for more than 100 ms, which it may once."""
    e = engine(*POOLS)
    pair(e, ONCE, RAW, extra=AGAIN + ("set tests rate port 0 test-case-id 0 open 100 send 100 close 100",
                                      "set tests criteria port 0 test-case-id 0 run-time 2"))
    for _ in range(5):
        e.wait_passed(0)
        last = row(e)
        if not last["behind"]:
            break
        e.stop_tests(0)
        e.cli("start tests port 0")
    assert (last["behind"], last["note"]) == (False, ""), last
