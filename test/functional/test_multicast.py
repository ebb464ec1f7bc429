"""add tests multicast-src: what it takes, and the frames it sends."""
import collections

import pytest
from frames import Capture
from test_kernel import TAP, tap_up
from test_traffic import RING
from warp17 import wait_for

TC = "port 0 test-case-id 0"
ADD = f"add tests multicast-src udp {TC} src 10.0.0.1 10.0.0.1 sport 5000 5000 dest "


def test_groups_alone_and_udp_alone(engine):
    e = engine(*RING)
    for command, why in (
            (ADD + "223.255.255.255 224.0.0.1 dport 1 1", "223.255.255.255 is not a multicast group, expected 224.0.0.0..239.255.255.255"),
            (ADD + "239.255.255.255 240.0.0.0 dport 1 1", "240.0.0.0 is not a multicast group"),
            (ADD + "10.0.0.2 10.0.0.2 dport 1 1", "10.0.0.2 is not a multicast group"),
            (ADD + "224.0.0.2 224.0.0.1 dport 1 1", "range reversed"),
            (ADD + "ff02::1 ff02::1 dport 1 1", "IPv6 is not supported yet"),
            (ADD + "224.0.0.0 239.255.255.255 dport 1 65535", "the ranges make 17591917608960 sessions, at most 2147483647"),
            (ADD.replace("udp", "tcp") + "224.0.0.1 224.0.0.1 dport 1 1", "tcp: only udp goes to multicast groups"),
            (ADD.replace("10.0.0.1", "224.0.0.1") + "224.0.0.1 224.0.0.1 dport 1 1", "src: 224.0.0.1 is not a host's address"),
            (f"add tests client udp {TC} src 10.0.0.1 10.0.0.1 sport 1 1 dest 224.0.0.1 224.0.0.1 dport 1 1", "not a host's address")):
        e.refuses(command, why)
    e.cli(ADD + "224.0.0.0 239.255.255.255 dport 7 7")
    e.refuses(ADD + "224.0.0.1 224.0.0.1 dport 1 1", "has a test case 0 already")
    e.refuses(f"set tests client raw {TC} data-req-plen 10 data-resp-plen 1", "nobody answers it: expected raw with data-resp-plen 0")
    e.refuses(f"set tests client http {TC} GET h / req-size 0", "")  # for that, or as HTTP runs over TCP
    e.cli(f"set tests client raw {TC} data-req-plen 10 data-resp-plen 0", f"set tests rate {TC} open 5",
          f"set tests timeouts {TC} uptime 5", f"set tests vlan-options {TC} vlan-id 7")
    config = e.show("tests config port 0")["tests"]["test_case_0"]
    assert config["type"] == e.show("tests state port 0")["tests"][0]["type"] == e.show(f"tests stats {TC}")["type"] == "UDP mcast source"
    assert e.document()["test_cases"][0]["type"] == "multicast-src"
    assert config["dest"] == "224.0.0.0-239.255.255.255"


def test_beside_unicast_on_a_pair_of_ports(engine):
    """As example 10: the other end hears the groups, and nobody there listens to them; unicast beside them is answered."""
    e = engine(*RING)
    e.cli("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0", "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0",
          "add tests server udp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 6000 6000",
          "set tests server raw port 1 test-case-id 0 data-req-plen 10 data-resp-plen 20",
          "add tests client udp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1 100 dest 10.0.0.253 10.0.0.253 dport 6000 6000",
          f"set tests client raw {TC} data-req-plen 10 data-resp-plen 20 requests 50", f"set tests async {TC}",
          "add tests multicast-src udp port 0 test-case-id 1 src 10.0.0.1 10.0.0.1 sport 1 100 dest 224.0.0.1 224.0.0.100 dport 6000 6000",
          "set tests client raw port 0 test-case-id 1 data-req-plen 3000 data-resp-plen 0 requests 2",
          *(f"set tests timeouts port 0 test-case-id {i} downtime infinite" for i in (0, 1)),
          "set tests criteria port 0 test-case-id 1 clients-estab 10000", "start tests port 1", "start tests port 0")
    e.wait_passed(0, 1)
    wait_for(lambda: e.stats(0, 1)["closed"] == 10000 and e.stats(0)["closed"] == 100)
    m, c = e.stats(0, 1), e.stats(0)
    assert m["requests"] == m["tx_msgs"] == 20000 and m["tx_bytes"] == 60000000 and m["resp_lost"] == m["responses"] == 0
    assert c["responses"] == 5000 and c["resp_lost"] == 0
    wait_for(lambda: e.group("drop", 1)["udp_no_socket"] == 3 * 20000)
    assert e.group("icmp", 1)["tx_unreach"] == 0  # RFC 1122: never about what came to a group
    assert e.group("route", 0)["nh_miss"] <= 100  # of the unicast ones, while ARP answers


@pytest.mark.parametrize("vlan", [0, 100])
def test_frames_of_all_ranges(engine, netns, tmp_path, vlan):
    """No gateway, no neighbour, the source in no subnet: all tuples, each to its group's MAC."""
    e = engine(*TAP, "--tap-netns", netns)
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    e.cli("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0",
          f"add tests multicast-src udp {TC} src 9.0.0.1 9.0.0.2 sport 5000 5002 dest 224.127.255.254 224.128.0.2 dport 7 8",
          f"set tests client raw {TC} data-req-plen 20 data-resp-plen 0 requests 1", f"set tests timeouts {TC} downtime infinite",
          "add tests multicast-src udp port 0 test-case-id 1 src 9.0.0.3 9.0.0.3 sport 1 1 dest 239.255.255.254 239.255.255.255 dport 9 9",
          "set tests client raw port 0 test-case-id 1 data-req-plen 20 data-resp-plen 0 requests 1",
          "set tests timeouts port 0 test-case-id 1 downtime infinite", f"set tests async {TC}",
          *([f"set tests vlan-options {TC} vlan-id {vlan} vlan-pri 5"] if vlan else []))
    with Capture(netns, tmp_path, "not arp and not ip6") as c:
        e.cli("start tests port 0")
        wait_for(lambda: e.stats(0)["closed"] == 60 and e.stats(0, 1)["closed"] == 2)
        c.wait(lambda frames: len(frames) >= 62)
    ours = [f for f in c.frames if f.saddr.startswith("9.")]
    got = collections.Counter((f.saddr, f.sport, f.daddr, f.dport) for f in ours)
    groups = ("224.127.255.254", "224.127.255.255", "224.128.0.0", "224.128.0.1", "224.128.0.2")
    want = {(f"9.0.0.{s}", p, g, d) for s in (1, 2) for p in (5000, 5001, 5002) for g in groups for d in (7, 8)}
    assert got.keys() == want | {("9.0.0.3", 1, "239.255.255.254", 9), ("9.0.0.3", 1, "239.255.255.255", 9)} and set(got.values()) == {1}
    macs = {"224.127.255.254": "01:00:5e:7f:ff:fe", "224.127.255.255": "01:00:5e:7f:ff:ff", "224.128.0.0": "01:00:5e:00:00:00",
            "224.128.0.1": "01:00:5e:00:00:01", "224.128.0.2": "01:00:5e:00:00:02",  # RFC 1112: the low 23 bits
            "239.255.255.254": "01:00:5e:7f:ff:fe", "239.255.255.255": "01:00:5e:7f:ff:ff"}
    for f in ours:
        assert f.dst == macs[f.daddr] and len(f.payload) == 20
        tag = (vlan, 5) if vlan and f.saddr != "9.0.0.3" else (None, None)
        assert (f.vlan, f.pri) == tag
    assert e.group("arp")["tx_req"] == 1  # its own announcement: no group was asked for
