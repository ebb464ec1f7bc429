"""Interfaces, gateways and VLANs of a port: the specification's examples, from the frames that they send; what the port answers."""
import collections
import socket
import subprocess

import pytest
from frames import Capture
from test_kernel import TAP, inside
from test_traffic import RING
from warp17 import wait_for

GW_MACS = {None: "02:00:00:00:00:01"}  # of the kernel's interfaces, by VLAN
for v in (100, 300, 1000, 1001):
    GW_MACS[v] = f"02:00:00:00:{v >> 8:02x}:{v & 255:02x}"


def ip(netns, what):
    subprocess.run(["ip", "-n", netns, *what.split()], check=True)


# Not every kernel knows VLANs: this is the neighbour on them. Arguments: VLAN, address, MAC, of each.
NEIGHBOUR = """
import socket, struct, sys
who = {(int(v), socket.inet_aton(a)): bytes.fromhex(m.replace(":", "")) for v, a, m in zip(*[iter(sys.argv[1:])] * 3)}
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(263, 8, 1)  # PACKET_AUXDATA: the kernel takes the tag out of the frame
s.bind(("warp0", 3))
print("up", flush=True)
while True:
    b, aux, _, _ = s.recvmsg(2048, 100)
    for _, _, data in aux:
        status, *_, tci, _ = struct.unpack("IIIHHHH", data)
        mac = who.get((tci & 0xfff, b[38:42])) if status & 0x10 and b[12:14] == b"\\x08\\x06" and b[21] == 1 else None
        if mac:
            s.send(b[6:12] + mac + b"\\x81\\x00" + struct.pack("!H", tci) + b[12:20] + b"\\0\\2" + mac + b[38:42] + b[22:32])
"""


@pytest.fixture
def kernel(engine, netns):
    """An engine on a TAP, the other side of which has these addresses: {VLAN or None: address}."""
    running = []

    def up(addrs):
        e = engine(*TAP, "--tap-netns", netns)
        ip(netns, f"link set warp0 address {GW_MACS[None]} up")
        inside(netns, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        if None in addrs:
            ip(netns, f"addr add {addrs[None]}/24 dev warp0")
        tagged = [x for v, a in addrs.items() if v for x in (str(v), a, GW_MACS[v])]
        running.append(subprocess.Popen(["ip", "netns", "exec", netns, "/usr/bin/python3", "-c", NEIGHBOUR, *tagged],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True))
        assert running[-1].stdout.readline() == "up\n"
        wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
        return e

    yield up
    for p in running:
        p.kill()
        p.wait()


SENDS = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("warp0", 0))
for frame in sys.argv[1].split(","):
    s.send(bytes.fromhex(frame))
"""
PEER = "02:00:00:00:00:09"


def send(netns, frames):
    done = inside(netns, "/usr/bin/python3", "-c", SENDS, ",".join(f.hex() for f in frames))
    assert done.returncode == 0, done.stderr


def ether(dst, vlan, kind):
    tag = b"" if vlan is None else b"\x81\x00" + vlan.to_bytes(2, "big")
    return bytes.fromhex(dst.replace(":", "")) + bytes.fromhex(PEER.replace(":", "")) + tag + kind.to_bytes(2, "big")


def who_has(target, sender, vlan=None):
    return ether("ff:ff:ff:ff:ff:ff", vlan, 0x806) + bytes.fromhex("0001080006040001" + PEER.replace(":", "")) \
        + socket.inet_aton(sender) + bytes(6) + socket.inet_aton(target)


def csum(b):
    n = sum(int.from_bytes(b[i:i + 2], "big") for i in range(0, len(b), 2))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return (~n & 0xffff).to_bytes(2, "big")


def echo(dst_mac, src, dst, vlan=None):
    icmp = b"\x08\x00\x00\x00\x00\x07\x00\x01" + b"hello---"
    icmp = icmp[:2] + csum(icmp) + icmp[4:]
    head = bytes.fromhex(f"4500{20 + len(icmp):04x}000100004001") + bytes(2) + socket.inet_aton(src) + socket.inet_aton(dst)
    return ether(dst_mac, vlan, 0x800) + head[:10] + csum(head) + head[12:] + icmp


EXAMPLES = {
    1: (({100: "19.1.1.1"}), """
         add tests l3_intf port 0 ip 19.1.1.2 mask 255.255.255.0 vlan-id 100 gw 19.1.1.1
         add tests client udp port 0 test-case-id 0 src 2.1.1.1 2.1.1.1 sport 1026 1026 dest 3.1.1.1 3.1.1.1 dport 1026 1026
         set tests client raw port 0 test-case-id 0 data-req-plen 64 data-resp-plen 0
         set tests vlan-options port 0 test-case-id 0 vlan-id 100 vlan-pri 7
     """, {"19.1.1.2": 100}, {"19.1.1.1": 100}, {"2.1.1.1": (100, 7)}),
    2: (({None: "12.1.1.1"}), """
         add tests l3_intf port 0 ip 12.1.1.2 mask 255.255.255.0
         add tests l3_gw port 0 gw 12.1.1.1
         add tests client udp port 0 test-case-id 0 src 2.1.1.1 2.1.1.1 sport 1026 1026 dest 3.1.1.1 3.1.1.1 dport 1026 1026
         set tests client raw port 0 test-case-id 0 data-req-plen 64 data-resp-plen 0
     """, {"12.1.1.2": None}, {"12.1.1.1": None}, {"2.1.1.1": (None, None)}),
    3: (({None: "12.1.1.1"}), """
         add tests l3_intf port 0 ip 12.1.1.2 mask 255.255.255.0 vlan-id 0 gw 12.1.1.1
         add tests client udp port 0 test-case-id 0 src 2.1.1.1 2.1.1.1 sport 1026 1026 dest 3.1.1.1 3.1.1.1 dport 1026 1026
         set tests client raw port 0 test-case-id 0 data-req-plen 64 data-resp-plen 0
     """, {"12.1.1.2": None}, {"12.1.1.1": None}, {"2.1.1.1": (None, None)}),
    4: (({None: "12.1.1.1", 1000: "13.1.1.1", 1001: "14.1.1.1"}), """
         add tests l3_intf port 0 ip 12.1.1.2 mask 255.255.255.0
         add tests l3_gw port 0 gw 12.1.1.1
         add tests l3_intf port 0 ip 13.1.1.2 mask 255.255.255.0 vlan-id 1000 gw 13.1.1.1
         add tests l3_intf port 0 ip 14.1.1.2 mask 255.255.255.0 vlan-id 1001 gw 14.1.1.1
         add tests client udp port 0 test-case-id 0 src 2.1.1.1 2.1.1.1 sport 1026 1026 dest 3.1.1.1 3.1.1.1 dport 1026 1026
         set tests client raw port 0 test-case-id 0 data-req-plen 64 data-resp-plen 0
         add tests client udp port 0 test-case-id 1 src 4.1.1.1 4.1.1.1 sport 1026 1026 dest 5.1.1.1 5.1.1.1 dport 1026 1026
         set tests client raw port 0 test-case-id 1 data-req-plen 64 data-resp-plen 0
         set tests vlan-options port 0 test-case-id 1 vlan-id 1000 vlan-pri 7
         add tests client udp port 0 test-case-id 2 src 7.1.1.1 7.1.1.1 sport 1026 1026 dest 8.1.1.1 8.1.1.1 dport 1026 1026
         set tests client raw port 0 test-case-id 2 data-req-plen 64 data-resp-plen 0
         set tests vlan-options port 0 test-case-id 2 vlan-id 1001 vlan-pri 7
     """, {"12.1.1.2": None, "13.1.1.2": 1000, "14.1.1.2": 1001}, {"12.1.1.1": None, "13.1.1.1": 1000, "14.1.1.1": 1001},
        {"2.1.1.1": (None, None), "4.1.1.1": (1000, 7), "7.1.1.1": (1001, 7)}),
    # beside the specification's: a VLAN without a gateway of its own takes the port's, which is asked for where it is; priority 0
    5: (({None: "12.1.1.1"}), """
         add tests l3_intf port 0 ip 12.1.1.2 mask 255.255.255.0
         add tests l3_intf port 0 ip 15.1.1.2 mask 255.255.255.0 vlan-id 300
         add tests l3_gw port 0 gw 12.1.1.1
         add tests client udp port 0 test-case-id 0 src 2.1.1.1 2.1.1.1 sport 1026 1026 dest 3.1.1.1 3.1.1.1 dport 1026 1026
         set tests client raw port 0 test-case-id 0 data-req-plen 64 data-resp-plen 0
         set tests vlan-options port 0 test-case-id 0 vlan-id 300
     """, {"12.1.1.2": None, "15.1.1.2": 300}, {"12.1.1.1": None}, {"2.1.1.1": (300, 0)}),
    # the port's gateway is a neighbour on a VLAN; a test case without a tag takes it too
    6: (({300: "15.1.1.1"}), """
         add tests l3_intf port 0 ip 15.1.1.2 mask 255.255.255.0 vlan-id 300
         add tests l3_gw port 0 gw 15.1.1.1
         add tests client udp port 0 test-case-id 0 src 2.1.1.1 2.1.1.1 sport 1026 1026 dest 3.1.1.1 3.1.1.1 dport 1026 1026
         set tests client raw port 0 test-case-id 0 data-req-plen 64 data-resp-plen 0
         add tests client udp port 0 test-case-id 1 src 2.1.1.2 2.1.1.2 sport 1026 1026 dest 3.1.1.1 3.1.1.1 dport 1026 1026
         set tests client raw port 0 test-case-id 1 data-req-plen 64 data-resp-plen 0
         set tests vlan-options port 0 test-case-id 1 vlan-id 300 vlan-pri 1
     """, {"15.1.1.2": 300}, {"15.1.1.1": 300}, {"2.1.1.1": (None, None), "2.1.1.2": (300, 1)}),
}


@pytest.mark.parametrize("n", EXAMPLES)
def test_examples_of_the_specification(kernel, netns, tmp_path, n):
    addrs, commands, intfs, gws, tags = EXAMPLES[n]
    e = kernel(addrs)
    e.cli(*commands.strip().splitlines(), *(f"set tests rate port 0 test-case-id {i} send 100" for i in range(len(tags))),
          *(f"set tests async port 0 test-case-id {i}" for i in range(len(tags) - 1)))
    with Capture(netns, tmp_path) as c:
        e.cli("start tests port 0")
        c.wait(lambda frames: all(sum(f.saddr == src for f in frames) > 20 for src in tags))
        e.stop_tests(0)
    asks = [(f.arp[2], f.arp[3], f.vlan) for f in c.frames if f.arp and f.arp[0] == 1]
    for addr, vlan in intfs.items():
        assert (addr, addr, vlan) in asks  # announced, as a request and as a reply
        assert (2, addr, addr, vlan) in [(f.arp[0], *f.arp[2:], f.vlan) for f in c.frames if f.arp]
    assert {(gw, vlan) for src, gw, vlan in asks if src != gw} == set(gws.items())  # each asked for on its VLAN, and nowhere else
    for src, gw, vlan in asks:
        assert src == gw or intfs[src] == vlan
    for f in c.frames:
        if f.saddr in tags:
            assert (f.vlan, f.pri) == tags[f.saddr] and len(f.payload) == 64
            on = [v for gw, v in gws.items() if v == f.vlan] or list(gws.values())
            assert f.dst == GW_MACS[on[0]]


def test_arp_is_answered_on_the_vlan_that_asks(kernel, netns, tmp_path):
    e = kernel({None: "12.1.1.1", 100: "19.1.1.1"})
    e.cli("add tests l3_intf port 0 ip 12.1.1.2 mask 255.255.255.0",
          "add tests l3_intf port 0 ip 19.1.1.2 mask 255.255.255.0 vlan-id 100",
          # sources in connected subnets need no interface each
          "add tests server tcp port 0 test-case-id 0 src 12.1.1.10 12.1.1.20 sport 80 80",
          "add tests client udp port 0 test-case-id 1 src 19.1.1.50 19.1.1.60 sport 1 1 dest 19.1.1.1 19.1.1.1 dport 9 9",
          "set tests vlan-options port 0 test-case-id 1 vlan-id 100", "start tests port 0")
    wait_for(lambda: e.stats(0, 1)["up"] == 11)
    answered = {("12.1.1.2", None), ("12.1.1.10", None), ("12.1.1.20", None), ("12.1.1.15", None),
                ("19.1.1.2", 100), ("19.1.1.50", 100), ("19.1.1.55", 100), ("19.1.1.60", 100)}
    not_ours = {("12.1.1.9", None), ("12.1.1.21", None), ("12.1.1.2", 100), ("12.1.1.15", 100), ("19.1.1.2", None), ("19.1.1.55", None),
                ("19.1.1.49", 100), ("19.1.1.61", 100), ("19.1.1.2", 101), ("19.1.1.2", 100 + 256)}
    with Capture(netns, tmp_path, "arp or (vlan and arp)") as c:
        for addr in ("12.1.1.2", "12.1.1.13"):  # the kernel asks
            assert inside(netns, "ping", "-c", "1", "-W", "5", addr).returncode == 0
        send(netns, [who_has(t, "12.1.1.99" if v is None else "19.1.1.99", v) for t, v in sorted(answered | not_ours, key=str)])
        wait_for(lambda: e.group("arp")["tx_rep"] >= 2 + 2 + len(answered))
        wait_for(lambda: e.group("arp")["not_mine"] >= len(not_ours))
        send(netns, [who_has("12.1.1.2", "12.1.1.98", 0)])  # a tag of priority alone is none
        c.wait(lambda frames: any(f.arp and f.arp[3] == "12.1.1.98" for f in frames))
    to_peer = collections.Counter((f.arp[2], f.vlan) for f in c.frames if f.arp and f.arp[0] == 2 and f.dst == PEER)
    assert to_peer == collections.Counter(answered) + collections.Counter([("12.1.1.2", None)])
    e.stop_tests(0)
    before = e.group("arp")["tx_rep"]
    send(netns, [who_has(t, "12.1.1.99", v) for t, v in answered])
    wait_for(lambda: e.group("drop")["stopped"] >= len(answered))
    assert e.group("arp")["tx_rep"] == before  # a port without tests is nobody


def test_256_interfaces(kernel, netns, tmp_path):
    """Every second on a VLAN of its own: each announces itself, answers ARP and ping; there is no 257th."""
    e = kernel({None: "172.16.1.1"})
    intfs = [(f"10.{i}.0.2", f"10.{i}.0.9", i if i % 2 else None) for i in range(256)]
    e.cli(*(f"add tests l3_intf port 0 ip {a} mask 255.255.255.0" + (f" vlan-id {v} gw {a[:-1]}1" if v else "") for a, _, v in intfs))
    e.refuses("add tests l3_intf port 0 ip 11.0.0.2 mask 255.255.255.0", "port 0 has 256 interfaces, no more are possible")
    e.cli("add tests server tcp port 0 test-case-id 0 src 10.255.0.2 10.255.0.2 sport 80 80",
          "set tests vlan-options port 0 test-case-id 0 vlan-id 255")
    us = e.show("port info")["ports"][0]["mac"]
    with Capture(netns, tmp_path) as c:
        e.cli("start tests port 0")
        c.wait(lambda frames: len(frames) >= 512 + 128)
        send(netns, [who_has(a, p, v) for a, p, v in intfs])
        send(netns, [echo(us, p, a, v) for a, p, v in intfs])
        wait_for(lambda: e.group("icmp")["tx_echo_rep"] == 256)
        c.wait(lambda frames: sum(f.proto == 1 and f.daddr.endswith(".9") for f in frames) == 256)
    ours = [f for f in c.frames if f.src == us]
    announced = {(f.arp[0], f.arp[2], f.vlan) for f in ours if f.arp and f.arp[2] == f.arp[3]}
    assert announced == {(op, a, v) for a, _, v in intfs for op in (1, 2)}
    asked = {(f.arp[3], f.vlan) for f in ours if f.arp and f.arp[0] == 1 and f.arp[2] != f.arp[3]}
    assert asked >= {(a[:-1] + "1", v) for a, _, v in intfs if v}
    assert {(f.arp[2], f.arp[3], f.vlan) for f in ours if f.arp and f.arp[0] == 2 and f.dst == PEER} == set(intfs)
    assert {(f.saddr, f.daddr, f.vlan) for f in ours if f.proto == 1 and f.ip[20] == 0} == set(intfs)
    assert sum(x["state"] == "local" for x in e.show("arp entries")["entries"]) == 256


def test_what_is_added_can_be_taken_away(engine):
    e = engine(*RING)
    local = lambda: [(x["ip"], x["vlan_id"]) for x in e.show("arp entries")["entries"] if x["port"] == 0]
    intfs = lambda: [(i["ip"], i["vlan_id"], i["gw"]) for i in e.show("tests config port 0")["l3_interfaces"]]
    e.cli("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
          "add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0 vlan-id 7 gw 10.0.0.7",
          "add tests l3_intf port 0 ip 10.0.1.1 mask 255.255.255.0", "add tests l3_gw port 0 gw 10.0.0.254")
    e.refuses("del tests l3_intf port 0 ip 10.0.0.2", "port 0 has no untagged interface 10.0.0.2")
    e.refuses("del tests l3_intf port 0 ip 10.0.1.1 vlan-id 7", "port 0 has no interface 10.0.1.1 on VLAN 7")
    e.refuses("del tests l3_gw port 1", "port 1 has no default gateway")
    e.refuses("add tests l3_intf port 0 ip 10.0.1.1 mask 255.255.0.0", "port 0 has that interface already")
    e.cli("del tests l3_intf port 0 ip 10.0.0.1")
    assert intfs() == [("10.0.0.1", 7, "10.0.0.7"), ("10.0.1.1", 0, None)]
    e.cli("del tests l3_intf port 0 ip 10.0.0.1 vlan-id 7", "add tests l3_intf port 0 ip 10.0.2.1 mask 255.255.255.0")
    assert intfs() == [("10.0.1.1", 0, None), ("10.0.2.1", 0, None)]
    wait_for(lambda: local() == [("10.0.1.1", 0), ("10.0.2.1", 0)])
    assert e.show("tests config port 0")["gw"] == "10.0.0.254"
    e.cli("del tests l3_gw port 0")
    assert e.show("tests config port 0")["gw"] is None
    e.refuses("del tests l3_gw port 0", "no default gateway")
    e.cli("add tests l3_gw port 0 gw 10.0.1.254", "add tests l3_gw port 0 gw 0.0.0.0")
    assert e.show("tests config port 0")["gw"] is None


def test_vlan_options_are_set_shown_and_taken_away(engine):
    e = engine(*RING)
    tc = "port 0 test-case-id 0"
    shown = lambda: tuple(e.show(f"tests vlan-options {tc}")[k] for k in ("vlan-id", "vlan-pri"))
    refused = e.cli(f"show tests vlan-options {tc}", check=False)[0]
    assert not refused["ok"] and "port 0 has no test case 0" in refused["error"]
    e.cli(f"add tests server tcp {tc} src 10.0.0.1 10.0.0.1 sport 1 1")
    assert shown() == (0, 0)
    for bad, why in (("vlan-pri 3", "missing 'vlan-id <n>'"), ("vlan-id 4095", "0..4094"), ("vlan-id 5 vlan-pri 8", "0..7"),
                     ("vlan-id 0 vlan-pri 3", "without a tag (vlan-id 0) there is no priority"), ("", "missing 'vlan-id <n>'")):
        e.refuses(f"set tests vlan-options {tc} {bad}", why)
    for vlan, pri in ((1, 0), (4094, 7), (100, None), (0, None)):
        e.cli(f"set tests vlan-options {tc} vlan-id {vlan}" + ("" if pri is None else f" vlan-pri {pri}"))
        assert shown() == (vlan, pri or 0)
        config = e.show("tests config port 0")["tests"]["test_case_0"]
        assert (config["vlan_id"], config["vlan_pri"]) == shown()
