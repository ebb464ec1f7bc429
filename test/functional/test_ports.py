"""Kinds of ports and how lcores share them: kernel interfaces by their drivers, several workers, the EAL's old spellings."""
import subprocess

import pytest
from test_kernel import inside
from test_traffic import RING, pair
from warp17 import wait_for

SMALL = ("--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")
TWO_WORKERS = ("--lcores=0@0,1@0,2@1",)


@pytest.fixture
def veth(netns):
    """A pair of interfaces in two namespaces of the test's own: w17e, for the engine, in the one whose name this is;
    w17k, the kernel's 172.16.1.1, in the one of fixture netns."""
    name = netns + "e"
    run = lambda *args: subprocess.run(args, check=True)
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "add", "w17e", "type", "veth", "peer", "name", "w17k", "netns", netns)
        for ns, dev in ((name, "w17e"), (netns, "w17k")):
            # the kernel leaves checksums to a device that is none, and joins packets that no wire would carry
            inside(ns, "ethtool", "-K", dev, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off")
            run("ip", "-n", ns, "link", "set", dev, "up")
        run("ip", "-n", netns, "addr", "add", "172.16.1.1/24", "dev", "w17k")
        yield name
    finally:
        run("ip", "netns", "del", name)


@pytest.mark.parametrize("vdev", ["net_af_packet0,iface=w17e", "net_af_xdp0,iface=w17e,force_copy=1"])
def test_server_on_a_kernel_interface(engine, netns, veth, vdev):
    e = engine(*SMALL, eal=("--vdev=" + vdev,), netns=veth)
    e.cli("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0",
          "add tests server tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 80 80",
          "set tests server http port 0 test-case-id 0 200-OK resp-size 20000", "start tests port 0")
    done = inside(netns, "curl", "-sf", "http://172.16.1.2/")
    assert done.returncode == 0 and len(done.stdout) == 20000
    done = inside(netns, "wrk", "-c", "16", "-t", "1", "-d", "2", "http://172.16.1.2/", text=True)
    assert done.returncode == 0 and "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    assert e.stats(0)["responses"] > 100


@pytest.mark.parametrize("share", [("--qmap-default", "max-q"), ("--qmap", "0.6", "--qmap", "1.6")])
def test_two_workers_share_the_ports(engine, share):
    e = engine(*RING, *share, eal=TWO_WORKERS)
    assert {(q["port"], q["queue"], q["lcore"]) for q in e.show("port map")["queues"]} == \
        {(0, 0, 1), (0, 1, 2), (1, 0, 1), (1, 1, 2)}
    pair(e, ("http", "GET h / req-size 10 requests 100"), ("http", "200-OK resp-size 3000"), sports=(1, 1000),
         extra=("set tests timeouts port 0 test-case-id 0 downtime infinite",))
    wait_for(lambda: e.stats(0)["closed"] == 1000, 60)
    c, s = e.stats(0), e.stats(1)
    assert c["responses"] == s["responses"] == 100000 and c["failed_syn"] == 0
    for port in e.document()["ports"]:  # and both did work
        assert all(lc["stats"]["port"]["rx_pkts"] > 1000 for lc in port["lcores"])


@pytest.mark.parametrize("share", [("--qmap-default", "max-c"), ("--qmap", "0.2", "--qmap", "1.4")])
def test_a_worker_for_each_port(engine, share):
    e = engine(*RING, *share, eal=TWO_WORKERS)
    assert {(q["port"], q["queue"], q["lcore"]) for q in e.show("port map")["queues"]} == {(0, 0, 1), (1, 0, 2)}
    pair(e, ("raw", "data-req-plen 100 data-resp-plen 200 requests 50"), ("raw", "data-req-plen 100 data-resp-plen 200"),
         sports=(1, 1000), extra=("set tests timeouts port 0 test-case-id 0 downtime infinite",))
    wait_for(lambda: e.stats(0)["closed"] == 1000, 60)
    assert e.stats(1)["responses"] == 50000


def test_old_spelling_of_a_device(engine):
    """-w was -a before DPDK 20.11; the specification's command lines have it."""
    e = engine(*RING, eal=("-c", "3", "-n", "4", "-w", "0000:ff:1f.7", "-m", "300"))
    assert [p["kind"] for p in e.show("port info")["ports"]] == ["ring", "ring"]
