"""Which lcores serve which ports: --qmap, --qmap-default, several ring pairs, more lcores than fit 64 bits."""
import pytest
from warp17 import wait_for

POOLS = ("--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")
THREE = ("--lcores=0@0,1@1,2@1,3@1",)


def port_map(e):
    """Lcores of each port, by queue."""
    m = {}
    for q in e.show("port map")["queues"]:
        m.setdefault(q["port"], []).append(q["lcore"])
    return m


@pytest.mark.parametrize("share, expected", [
    ((), {p: [1, 2, 3] for p in range(4)}),
    (("--qmap-default", "max-q"), {p: [1, 2, 3] for p in range(4)}),
    # four ports share out three lcores
    (("--qmap-default", "max-c"), {0: [1], 1: [2], 2: [3], 3: [1]}),
    (("--qmap", "0.6", "--qmap", "1.0xC", "--qmap", "2.8", "--qmap", "3.00000000000000000000000000000002"),
     {0: [1, 2], 1: [2, 3], 2: [3], 3: [1]}),
])
def test_two_ring_pairs(engine, share, expected):
    e = engine("--ring-if-pairs", "2", *POOLS, *share, eal=THREE)
    assert port_map(e) == expected
    for client in (0, 2):
        e.cli(f"add tests l3_intf port {client} ip 10.0.{client}.1 mask 255.255.255.0",
              f"add tests l3_intf port {client + 1} ip 10.0.{client}.2 mask 255.255.255.0",
              f"add tests server tcp port {client + 1} test-case-id 0 src 10.0.{client}.2 10.0.{client}.2 sport 80 80",
              f"add tests client tcp port {client} test-case-id 0 src 10.0.{client}.1 10.0.{client}.1 sport 1 100 "
              f"dest 10.0.{client}.2 10.0.{client}.2 dport 80 80",
              f"set tests client raw port {client} test-case-id 0 data-req-plen 1 data-resp-plen 1 requests 10",
              f"set tests server raw port {client + 1} test-case-id 0 data-req-plen 1 data-resp-plen 1",
              f"set tests timeouts port {client} test-case-id 0 downtime infinite",
              f"start tests port {client + 1}", f"start tests port {client}")
    for client in (0, 2):
        wait_for(lambda: e.stats(client)["closed"] == 100, 30)
        assert e.stats(client)["responses"] == e.stats(client + 1)["requests"] == 1000
    for port in e.document()["ports"]:
        busy = [lc["lcore"] for lc in port["lcores"] if lc["stats"]["port"]["rx_pkts"] > 0]
        assert busy == expected[port["port"]]  # those and no others


def test_max_c_shares_out_a_pair(engine):
    e = engine("--ring-if-pairs", "1", *POOLS, "--qmap-default", "max-c", eal=("--lcores=0@0,1@1,2@1,3@1,4@0",))
    assert port_map(e) == {0: [1, 3], 1: [2, 4]}
    assert {q["lcore"]: q["cpu"] for q in e.show("port map")["queues"]} == {1: 1, 2: 1, 3: 1, 4: 0}


@pytest.mark.parametrize("share, why", [
    (("--qmap", "0.6", "--qmap", "1.2"), "ring ports 0 and 1 need the same number of lcores, they have 2 and 1"),
    (("--qmap", "0.2"), "port 1 is left out"),
    (("--qmap", "0.2", "--qmap", "1.3"), "--qmap of port 1: lcore 0 is no worker"),
    (("--qmap", "0.2", "--qmap", "1.10000000000000000000000000"), "lcore 100 is no worker"),
    (("--qmap", "0.2", "--qmap", "1.2", "--qmap", "2.2"), "port 2 does not exist, there are 2"),
])
def test_maps_that_cannot_be(engine, share, why):
    e = engine("--ring-if-pairs", "1", *POOLS, *share, eal=THREE, ready=False)
    assert e.proc.wait(30) == 1
    assert why in e.log.read_text()
    e.proc.returncode = 0  # as it should be


@pytest.mark.long
def test_seventy_workers(engine):
    """Workers poll in turn on one CPU, each a while: little is asked of them, and much time given."""
    pools = ("--mbuf-pool-sz", "280", "--tcb-pool-sz", "35", "--ucb-pool-sz", "35")
    high = "7E" + "0" * 16  # lcores 65..70
    e = engine("--ring-if-pairs", "2", *pools, "--qmap", "0.1FFFE", "--qmap", "1.1FFFE", "--qmap", "2." + high,
               "--qmap", "3." + high, eal=("--lcores", "0@0,(1-70)@1"))
    assert port_map(e) == {0: list(range(1, 17)), 1: list(range(1, 17)), 2: list(range(65, 71)), 3: list(range(65, 71))}
    e.cli("add tests l3_intf port 2 ip 10.0.0.1 mask 255.255.255.0",
          "add tests l3_intf port 3 ip 10.0.0.253 mask 255.255.255.0",
          "add tests server tcp port 3 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 80 80",
          "add tests client tcp port 2 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1 60 dest 10.0.0.253 10.0.0.253 dport 80 80",
          "set tests client raw port 2 test-case-id 0 data-req-plen 1 data-resp-plen 1 requests 2",
          "set tests server raw port 3 test-case-id 0 data-req-plen 1 data-resp-plen 1",
          "set tests timeouts port 2 test-case-id 0 downtime infinite", "start tests port 3", "start tests port 2")
    wait_for(lambda: e.stats(2)["closed"] == 60, 60, every=1)
    doc = e.document()
    assert len(doc["lcores"]) == 71
    port = next(p for p in doc["ports"] if p["port"] == 2)
    assert [lc["lcore"] for lc in port["lcores"] if lc["stats"]["tcp"]["tcb_alloc"] == 10] == list(range(65, 71))


def test_more_lcores_than_a_ring_has_queues(engine):
    """DPDK's ring driver has 16: each pair takes its 16 of the workers."""
    e = engine("--ring-if-pairs", "2", "--mbuf-pool-sz", "80", "--tcb-pool-sz", "20", "--ucb-pool-sz", "20",
               eal=("--lcores", "0@0,(1-20)@1"))
    assert port_map(e)[0] == port_map(e)[1] == list(range(1, 17))
    assert port_map(e)[2] == port_map(e)[3] == list(range(17, 21)) + list(range(1, 13))
