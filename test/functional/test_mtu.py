"""set tests mtu: what it takes, and that nothing larger is on the wire, but things as large are."""
import re

import pytest
from frames import Capture
from test_kernel import inside, tap_up
from test_ports import veth  # noqa: F401, a fixture
from test_traffic import RING, pair
from warp17 import wait_for

SMALL = ("--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8")
US = "172.16.1.2"


def mtus(e):
    return [p["mtu"] for p in e.show("port info")["ports"]], [e.show(f"tests config port {p}")["mtu"] for p in (0, 1)]


def test_it_is_taken_shown_and_bounded(engine):
    e = engine(*RING)
    assert mtus(e) == ([1500, 1500], [1500, 1500])
    for bad, why in ((67, "68..9198"), (9199, "68..9198"), ("x", "68..9198"), (2031, "packet buffers hold 2030: start the engine with --mbuf-sz 2177"),
                     (9198, "--mbuf-sz 9344")):
        e.refuses(f"set tests mtu port 0 {bad}", why)
    e.refuses("set tests mtu port 2 1500", "port 2 does not exist")
    for mtu in (68, 2030, 1400):
        e.cli(f"set tests mtu port 0 {mtu}")
        assert mtus(e) == ([mtu, 1500], [mtu, 1500])  # the other end of the pair has its own
    e.cli("set tests mtu 576 port 1")
    assert mtus(e) == ([1400, 576], [1400, 576])
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10"), ("raw", "data-req-plen 10 data-resp-plen 10"))
    e.refuses("set tests mtu port 0 1500", "port 0 is running")
    e.refuses("set tests mtu port 1 1500", "port 1 is running")
    text = e.cli("show tests config port 1")[0]
    assert text["result"]["mtu"] == 576


def test_largest_mtu_has_its_buffers(engine):
    e = engine(*RING, "--mbuf-sz", "9344")
    assert mtus(e) == ([1500, 1500], [1500, 1500])
    e.cli("set tests mtu port 0 9198", "set tests mtu port 1 9198")
    pair(e, ("http", "GET h / req-size 100000 requests 5"), ("http", "200-OK resp-size 100000"),
         extra=("set tests timeouts port 0 test-case-id 0 downtime infinite",))
    wait_for(lambda: e.stats(0)["closed"] == 100)
    full = -(-100000 // 9158) * 500  # segments for the bodies of one way
    assert full <= e.group("tcp", 0)["tx_data_pkts"] <= full + 1000


@pytest.mark.parametrize("mtus", [(68, 68), (68, 9000), (1500, 576), (9000, 1500)])
def test_ends_of_a_pair_with_different_mtus_agree(engine, mtus):
    """TCP sends what both take; a UDP datagram is as large as its sender's port allows."""
    e = engine(*RING, "--mbuf-sz", "9344")
    e.cli(*(f"set tests mtu port {p} {m}" for p, m in enumerate(mtus)))
    n = 100
    pair(e, ("raw", "data-req-plen 20000 data-resp-plen 20000 requests 1"), ("raw", "data-req-plen 20000 data-resp-plen 20000"),
         sports=(1, n), extra=("set tests timeouts port 0 test-case-id 0 downtime infinite",))
    wait_for(lambda: e.stats(0)["closed"] == n, 30)
    segments = -(-20000 // (min(mtus) - 40))
    for p in (0, 1):
        assert n * segments <= e.group("tcp", p)["tx_data_pkts"] <= n * segments * 1.3
    e.stop_tests(0, 1)
    e.cli("del tests port 0 test-case-id 0", "del tests port 1 test-case-id 0",
          "add tests server udp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 6000 6000",
          "set tests server raw port 1 test-case-id 0 data-req-plen 20000 data-resp-plen 20000",
          f"add tests client udp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1 {n} dest 10.0.0.253 10.0.0.253 dport 6000 6000",
          "set tests client raw port 0 test-case-id 0 data-req-plen 20000 data-resp-plen 20000 requests 1",
          "set tests timeouts port 0 test-case-id 0 downtime infinite", "start tests port 1", "start tests port 0")
    wait_for(lambda: e.stats(0)["closed"] == n)
    assert [e.group("udp", p)["tx_pkts"] for p in (0, 1)] == [n * -(-20000 // (m - 28)) for m in mtus]


TAP = ("--tap-ifs", "1", *SMALL)
UDP = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
s.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE: all of it, should the reader have no CPU meanwhile
s.connect(("172.16.1.2", 81))
s.send(b"x" * 10)
got = 0
while got < 30000:
    got += len(s.recv(65536))
print(got)
"""


@pytest.mark.parametrize("mtu", [68, 576, 1500])
def test_nothing_larger_is_on_the_wire(engine, netns, tmp_path, mtu):
    e = engine(*TAP, "--tap-netns", netns)
    e.cli(f"set tests mtu port 0 {mtu}")
    assert f" mtu {mtu} " in inside(netns, "ip", "link", "show", "dev", "warp0", text=True).stdout  # of the link, so of its other end too
    inside(netns, "ip", "link", "set", "dev", "warp0", "mtu", "9000")  # now the kernel would take more
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    e.cli(f"add tests l3_intf port 0 ip {US} mask 255.255.255.0",
          f"add tests server tcp port 0 test-case-id 0 src {US} {US} sport 80 80",
          "set tests server http port 0 test-case-id 0 200-OK resp-size 200000",
          f"add tests server udp port 0 test-case-id 1 src {US} {US} sport 81 81",
          "set tests server raw port 0 test-case-id 1 data-req-plen 10 data-resp-plen 30000", "start tests port 0")
    wait_for(lambda: e.stats(0, 1)["up"] == 1)
    with Capture(netns, tmp_path, f"src {US}") as c:
        done = inside(netns, "curl", "-sf", "--max-time", "60", f"http://{US}/")
        assert done.returncode == 0 and len(done.stdout) == 200000, done
        done = inside(netns, "/usr/bin/python3", "-c", UDP, text=True)
        assert done.returncode == 0 and int(done.stdout) == 30000, done.stderr
    for proto in (6, 17):
        sizes = [len(f.ip) for f in c.frames if f.proto == proto]
        assert max(sizes) == mtu, (proto, max(sizes))
        assert sum(s == mtu for s in sizes) >= 30000 // mtu - 1
    syn_ack = next(f for f in c.frames if f.flags == 0x12)
    assert re.search(b"^\x02\x04" + (mtu - 40).to_bytes(2, "big"), syn_ack.options)


def test_larger_than_the_device_takes(engine, netns):
    e = engine(*TAP, "--tap-netns", netns, "--mbuf-sz", "9344")
    e.refuses("set tests mtu port 0 1505", "the device of port 0 does not take it: Invalid argument, it says 68..1504")
    e.cli("set tests mtu port 0 1504")
    assert e.show("port info")["ports"][0]["mtu"] == 1504


@pytest.mark.parametrize("vdev", ["net_af_packet0,iface=w17e", "net_af_xdp0,iface=w17e,force_copy=1"])
def test_kernel_interface_is_told(engine, netns, veth, tmp_path, vdev):  # noqa: F811
    e = engine(*SMALL, eal=("--vdev=" + vdev,), netns=veth)
    e.cli("set tests mtu port 0 1300", f"add tests l3_intf port 0 ip {US} mask 255.255.255.0",
          f"add tests server tcp port 0 test-case-id 0 src {US} {US} sport 80 80",
          "set tests server http port 0 test-case-id 0 200-OK resp-size 100000", "start tests port 0")
    assert " mtu 1300 " in inside(veth, "ip", "link", "show", "dev", "w17e", text=True).stdout
    with Capture(netns, tmp_path, f"tcp and src {US}", "w17k") as c:
        assert len(inside(netns, "curl", "-sf", "--max-time", "30", f"http://{US}/").stdout) == 100000
    assert max(len(f.ip) for f in c.frames) == 1300 and sum(len(f.ip) == 1300 for f in c.frames) >= 100000 // 1260
    e.stop_tests(0)
    for mtu in (1500, 68, 1500):
        e.cli(f"set tests mtu port 0 {mtu}")
        assert f" mtu {mtu} " in inside(veth, "ip", "link", "show", "dev", "w17e", text=True).stdout
