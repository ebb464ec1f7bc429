"""Start-up: how soon the engine is READY and a test under way, and what its memory comes to."""
import time

from warp17 import wait_for

TO = "dest 10.0.0.253 10.0.0.253 dport 80 80"


def test_default_pools_are_ready_soon_and_dense(engine):
    start = time.monotonic()
    e = engine("--ring-if-pairs", "1")
    assert time.monotonic() - start < 10  # 0.2 s on an idle machine
    memory = e.show("memory statistics")["total"]
    if memory["tcb_total"] == 512 * 1024:  # else there were fewer hugepages
        assert memory["tcb_bytes"] <= 160
    assert memory["ucb_bytes"] <= 96


def maps_of(pid):
    """MB that a process has of hugepages, as files and as its own."""
    mb = {True: 0, False: 0}
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            words = line.split()
            if words[0][-1] != ":":
                is_file = "map_" in line
            elif words[0] in ("Private_Hugetlb:", "Shared_Hugetlb:"):
                mb[is_file] += int(words[1]) // 1024
    return mb[True], mb[False]


def test_workers_memory_is_no_file_that_clients_map(engine):
    e = engine("--ring-if-pairs", "1", "--tcb-pool-sz", "2048")
    files, own = maps_of(e.proc.pid)
    assert own >= 2048 * 1024 * 150 // 2**20
    assert files < 300


def test_memory_the_user_gives_the_eal_has_the_workers(engine):
    e = engine("--ring-if-pairs", "1", "--tcb-pool-sz", "64", "--ucb-pool-sz", "64", eal=("-m", "400"))
    files, own = maps_of(e.proc.pid)
    assert own == 0 and files >= 400


def test_no_tuple_is_walked_before_traffic_begins(engine):
    """Nothing walks the tuples. The pools of the test hold a million; what they do not hold is refused as soon."""
    e = engine("--ring-if-pairs", "1", "--tcb-pool-sz", "2048", "--ucb-pool-sz", "16")
    e.cli("add tests l3_intf port 0 ip 10.0.0.1 mask 255.0.0.0", "add tests l3_intf port 1 ip 10.0.0.253 mask 255.0.0.0",
          "add tests server tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 80 80",
          f"add tests client tcp port 0 test-case-id 0 src 10.1.0.1 10.1.2.112 sport 1000 64999 {TO}",
          "start tests port 1")
    start = time.monotonic()
    answer = e.cli("start tests port 0", check=False)[0]
    assert not answer["ok"] and "79872000 TCP endpoints are wanted" in answer["error"], answer
    assert time.monotonic() - start < 5
    e.cli("del tests port 0 test-case-id 0",
          f"add tests client tcp port 0 test-case-id 0 src 10.1.0.1 10.1.0.16 sport 1000 64999 {TO}")
    start = time.monotonic()
    e.cli("start tests port 0")
    wait_for(lambda: e.stats(0)["opened"] > 0)
    assert time.monotonic() - start < 5
    wait_for(lambda: e.stats(0)["estab"] == 16 * 64000, 60)
