"""Established sessions that send nothing cost no CPU: the worker finds nothing to do, however many there are."""
import sys
import time

import pytest
from test_traffic import pair
from warp17 import TOP, wait_for

sys.path.insert(0, str(TOP / "test/bench"))
from look import Look  # noqa: E402

SESSIONS = 100_000
SILENT = "raw", "data-req-plen 0 data-resp-plen 0"
# what may be about a session that has nothing to do: an end far off, timestamps, delayed ACKs
KINDS = {"plain": (), "uptime": ("set tests timeouts port 0 test-case-id 0 uptime 3600",),
         "timestamps": tuple(f"set tests tcp-options port {p} test-case-id 0 timestamps 1 ack-delay 1" for p in (0, 1))}


def window(e, seconds=2.0):
    a = Look(e)
    time.sleep(seconds)
    return Look(e).since(a)


def cycles_a_turn(w):
    return w.lcores("all_cycles") * w.cpu_share() / w.lcores("loops")


@pytest.mark.parametrize("kind", KINDS)
def test_idle_sessions_cost_no_cycles(engine, kind):
    e = engine("--ring-if-pairs", "1", "--tcb-pool-sz", "256", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")
    none = window(e, 1.0)
    assert none.busy_percent() < 0.5
    pair(e, SILENT, SILENT, extra=("del tests port 0 test-case-id 0", *clients(), *KINDS[kind]))
    wait_for(lambda: e.stats(0)["estab_now"] == e.stats(1)["estab_now"] == SESSIONS, 60)
    wait_for(lambda: window(e, 0.2).lcores("busy_loops") == 0, 20)  # the timers of the handshakes are over
    w = window(e)
    assert cycles_a_turn(w) < 5 * cycles_a_turn(none) + 1000  # nor are there more looks: at each session they would be 100 000
    assert w.busy_percent() < 1
    assert w.packets_per_s() == 0
    assert e.stats(0)["estab_now"] == SESSIONS and e.group("tsm")["retrans_pkts"] == 0
    e.stop_tests(0, 1)


def clients():
    """More than an address has ports: of four."""
    return (*(f"add tests l3_intf port 0 ip 10.0.0.{i} mask 255.255.255.0" for i in (2, 3, 4)),
            "add tests client tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.4 sport 10001 35000 "
            "dest 10.0.0.253 10.0.0.253 dport 6000 6000",
            "set tests client {} port 0 test-case-id 0 {}".format(*SILENT))
