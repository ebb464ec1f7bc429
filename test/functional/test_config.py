"""What a configuration may not say: each refusal names what was expected, and changes nothing."""
import pytest
from test_traffic import RING
from warp17 import wait_for

BASE = ("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
        "add tests client tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.9 sport 1 100 dest 10.0.0.253 10.0.0.253 dport 80 80",
        "add tests server udp port 0 test-case-id 1 src 10.0.0.1 10.0.0.1 sport 53 53",
        "set tests client http port 0 test-case-id 0 GET h / req-size 0")
TC = "port 0 test-case-id 0"


def test_refusals(engine):
    e = engine(*RING)
    e.cli(*BASE)
    for command, why in (
            # numbers out of their bounds
            ("add tests l3_intf port 64 ip 10.0.0.2 mask 255.255.255.0", "0..63"),
            ("add tests l3_intf port 0 ip 10.0.0.2 mask 255.255.255.0 vlan-id 4095", "0..4094"),
            (f"del tests port 0 test-case-id {2**32}", "0..15"),
            ("del tests port 0 test-case-id -1", "-1"),
            (f"set tests tcp-options {TC} rto 0", "1..10000"),
            (f"set tests criteria {TC} run-time 0", "1..4294967295"),
            (f"set tests client http {TC} GET h / req-size 99999999999", "req-size"),
            ("add tests client tcp port 0 test-case-id 2 src 10.0.0.1 10.0.0.1 sport 0 9 dest 10.0.0.2 10.0.0.2 dport 1 1",
             "1..65535"),
            # ranges reversed, addresses nobody has
            ("add tests server tcp port 0 test-case-id 2 src 10.0.0.9 10.0.0.1 sport 1 1", "src"),
            ("add tests server tcp port 0 test-case-id 2 src 10.0.0.1 10.0.0.1 sport 9 1", "sport"),
            ("add tests server tcp port 0 test-case-id 2 src 224.0.0.1 224.0.0.1 sport 1 1", "not a host's address"),
            ("add tests server tcp port 0 test-case-id 2 src 10.0.0.256 10.0.0.256 sport 1 1", "src"),
            ("add tests l3_intf port 0 ip 0.0.0.0 mask 255.255.255.0", "not a host's address"),
            ("add tests l3_intf port 0 ip 127.0.0.1 mask 255.255.255.0", "not a host's address"),
            ("add tests l3_intf port 0 ip 10.5.0.0 mask 255.255.0.0", "the network's or its broadcast address"),
            ("add tests l3_intf port 0 ip 10.0.0.255 mask 255.255.255.0", "the network's or its broadcast address"),
            ("add tests l3_intf port 0 ip 10.0.0.2 mask 255.255.255.0 gw 10.0.0.2", "is the interface itself"),
            ("add tests l3_intf port 0 ip 10.0.0.2 mask 255.255.255.0 gw 10.0.1.2", "not in the interface's subnet"),
            # what the other kind of test case has
            (f"set tests server raw {TC} data-req-plen 1 data-resp-plen 1", "is a client"),
            ("set tests rate port 0 test-case-id 1 open 5", "for clients"),
            (f"set tests criteria {TC} servers-up 1", "for servers"),
            (f"set tests criteria {TC} run-time 5 within 9", "run-time cannot fail"),
            ("set tests tcp-options port 0 test-case-id 1 rto 7", "is not TCP"),
            (f"set tests client http {TC} GET h noslash req-size 0", "expected one that begins with /"),
            # HTTP fields
            (f'set tests client http {TC} http-field "Content-Length: 5"', "Content-Length follows from the size"),
            (f'set tests client http {TC} http-field "no colon"', "Name: value"),
            (f'set tests client http {TC} http-field "Bad name: x"', "Name: value"),
            # too many sessions
            ("add tests client tcp port 0 test-case-id 2 src 10.0.0.1 10.255.255.255 sport 1 65535 "
             "dest 10.0.0.2 10.255.255.255 dport 1 65535", "sessions"),
            # words
            ("add tests server sctp port 0 test-case-id 2 src 10.0.0.1 10.0.0.1 sport 1 1", "sctp"),
            (f"set tests rate {TC} open", "open"),
            (f"set tests rate {TC} upside 5", "upside"),
            (f"del tests {TC} now", "now")):
        e.refuses(command, why)


AT_START = (
    (("add tests client tcp port 0 test-case-id 2 src 10.0.0.9 10.0.0.10 sport 100 200 "
      "dest 10.0.0.253 10.0.0.253 dport 80 80",), "test cases 0 and 2 have sessions in common"),
    (("add tests server udp port 0 test-case-id 2 src 10.0.0.1 10.0.0.5 sport 1 100",),
     "test cases 1 and 2 have sockets in common"),
    (("add tests server tcp port 0 test-case-id 2 src 10.0.1.1 10.0.1.1 sport 1 100",), "10.0.1.1"),
    (("add tests client udp port 0 test-case-id 2 src 10.0.0.1 10.0.0.1 sport 1 1 dest 1.1.1.1 1.1.1.1 dport 1 1",),
     "no gateway"),
    (("add tests l3_intf port 0 ip 11.0.0.1 mask 255.0.0.0",
      "add tests client tcp port 0 test-case-id 2 src 10.0.0.9 10.0.0.9 sport 9 9 dest 11.0.1.1 11.1.1.1 dport 9 9"),
     "65537 destination addresses in subnets of port 0, at most 49152"),
    (("add tests l3_intf port 0 ip 10.0.2.1 mask 255.255.255.0",  # both ends have a subnet, what lies between has none
      "add tests client tcp port 0 test-case-id 2 src 10.0.0.200 10.0.2.5 sport 9 9 dest 10.0.0.3 10.0.0.3 dport 9 9"),
     "source 10.0.1.0: no interface"),
    (("add tests l3_gw port 0 gw 99.0.0.1",), "gateway 99.0.0.1: no interface of port 0 has it in its subnet"),
    (("add tests client tcp port 0 test-case-id 2 src 10.0.0.2 10.0.0.2 sport 9 9 dest 10.0.0.1 10.0.0.1 dport 9 9",),
     "destination 10.0.0.1 is an interface of port 0 itself"),
    (("add tests client tcp port 0 test-case-id 2 src 10.0.0.2 10.0.0.4 sport 9 9 dest 10.0.0.3 10.0.0.9 dport 9 9",),
     "sources and destinations have 10.0.0.3 in common"),
    (("add tests client tcp port 0 test-case-id 2 src 10.0.0.1 10.0.0.1 sport 1 60000 "
      "dest 10.0.0.253 10.0.0.253 dport 90 95",), "raise --tcb-pool-sz to"))


def undone(add):
    """What takes that away again."""
    words = add.split()
    return {"l3_intf": " ".join(["del", *words[1:7]]), "l3_gw": "del tests l3_gw port 0"}.get(words[2], "del tests port 0 test-case-id 2")


def test_refused_at_start(engine):
    e = engine(*RING)
    e.cli(*BASE)
    base = e.show("config")
    for extra, why in AT_START:
        e.cli(*extra)
        e.refuses("start tests port 0", why)
        e.cli(*map(undone, reversed(extra)))
        assert e.show("config") == base


def test_what_overlaps_on_another_vlan_or_transport_starts(engine):
    e = engine(*RING)
    e.cli(*BASE, "add tests server tcp port 0 test-case-id 2 src 10.0.0.1 10.0.0.1 sport 53 53",
          "add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0 vlan-id 7",
          "add tests server udp port 0 test-case-id 3 src 10.0.0.1 10.0.0.1 sport 53 53",
          "set tests vlan-options port 0 test-case-id 3 vlan-id 7",
          "start tests port 0", "stop tests port 0")


def test_unreached_criterion_fails_with_the_reason(engine):
    e = engine(*RING)
    e.cli(*BASE, f"set tests criteria {TC} clients-estab 900 within 2", "start tests port 0")  # nobody answers
    state = lambda: next(t for t in e.show("tests state port 0")["tests"] if t["test_case_id"] == 0)
    wait_for(lambda: state()["state"] == "FAILED", 5)
    assert state()["reason"].startswith("clients-estab: 0 of 900 within 2 s; ")
    assert state()["reason"].endswith("10.0.0.253 does not answer ARP")


def test_sources_behind_a_gateway_need_no_interface(engine):
    e = engine("--ring-if-pairs", "1", "--tcb-pool-sz", "16", "--ucb-pool-sz", "80", "--mbuf-pool-sz", "8")
    e.cli("add tests l3_intf port 0 ip 12.1.1.2 mask 255.255.255.0", "add tests l3_gw port 0 gw 12.1.1.1",
          f"add tests client udp {TC} src 2.1.1.1 2.1.1.1 sport 1026 1026 dest 3.1.1.1 3.1.1.1 dport 1026 1026",
          # of many destinations only some are neighbours
          "add tests client udp port 0 test-case-id 1 src 12.1.1.2 12.1.1.2 sport 9 9 dest 12.1.1.3 12.2.1.1 dport 9 9",
          "start tests port 0", "stop tests port 0")
