"""Peers that are chattier than they must be: tcp-options ack-on-data 0, fin-on-data 0. Segment by segment: test/unit/tcp_apart_test.c."""
import subprocess

import pytest
from frames import ACK, FIN, RST, SYN, Capture
from test_kernel import inside
from test_tcp_wire import TC, US, lab, server  # noqa: F401 (a fixture)
from test_traffic import RING, pair
from warp17 import wait_for

RAW = ("raw", "data-req-plen 1 data-resp-plen 1 requests 1")
SESSIONS = 40


# of a session of a byte each way that both ends close: SYN, SYN-ACK, request, response with FIN, FIN, ACK. With ACKs apart the
# SYN-ACK, the request and the response have one each of their own; with FIN apart the server's is one more, and the client, whose
# FIN has gone by then, acknowledges it. With both the client's FIN does not carry the ACK of the response either.
@pytest.mark.parametrize("ack, fin, packets", [(1, 1, 6), (1, 0, 8), (0, 1, 9), (0, 0, 11)])
def test_packets_of_a_session(engine, ack, fin, packets):
    e = engine(*RING)
    say = [f"set tests tcp-options port {p} test-case-id 0 rto 10000 ack-on-data {ack} fin-on-data {fin}" for p in (0, 1)]
    pair(e, RAW, RAW, sports=(10001, 10000 + SESSIONS), extra=say)
    wait_for(lambda: e.stats(0)["closed"] == e.stats(1)["closed"] == SESSIONS)
    wait_for(lambda: e.group("tsm")["in_time_wait"] == 0)  # all is through
    port, arp, tcp = e.group("port"), e.group("arp"), e.group("tcp")
    assert port["tx_pkts"] - arp["tx_req"] - arp["tx_rep"] == SESSIONS * packets
    assert tcp["tx_data_pkts"] == tcp["tx_fin"] == 2 * SESSIONS
    assert e.group("tsm")["retrans_pkts"] == 0


@pytest.mark.parametrize("n", [100, 20000])
def test_many_lose_nothing(engine, n):
    """Transactions as fast as it goes, more of them than the port holds: three times the packets, none is lost."""
    e = engine("--ring-if-pairs", "1", "--tcb-pool-sz", "64", "--ucb-pool-sz", "16")
    say = [f"set tests tcp-options port {p} test-case-id 0 ack-on-data 0 fin-on-data 0" for p in (0, 1)]
    app = "raw", "data-req-plen 1 data-resp-plen 1"
    pair(e, app, app, sports=(10001, 10000 + n), extra=say)
    wait_for(lambda: e.stats(0)["responses"] > 10 * n, 30)
    e.stop_tests(0, 1)
    tcp = e.group("tcp")
    assert tcp["tx_ctrl_pkts"] >= tcp["tx_data_pkts"]
    assert e.group("port")["tx_failures"] == tcp["tx_ctrl_failed"] == tcp["tx_data_failed"] == 0


def apart(ours, ack, fin):
    """Is it as the options say, in what we sent?"""
    alone = ours[0].ack if ours[0].flags & ACK else 0  # a server's SYN-ACK
    rode = fins = 0
    for f in ours[1:]:
        if not f.payload and not f.flags & FIN:
            alone = f.ack
        rode += f.ack != alone
        fins += f.flags & FIN != 0 and f.payload != b""
    assert (rode != 0) == bool(ack), ours
    assert (fins != 0) == bool(fin), ours


BOTH = pytest.mark.parametrize("ack, fin", [(1, 1), (1, 0), (0, 1), (0, 0)])


@BOTH
def test_our_server_and_a_kernel(lab, netns, tmp_path, ack, fin):  # noqa: F811
    e = lab(*server(f"ack-on-data {ack} fin-on-data {fin}", size=20))
    with Capture(netns, tmp_path, "tcp") as c:
        done = inside(netns, "curl", "-sf", "-H", "Connection: close", f"http://{US}/")
        assert len(done.stdout) == 20
        wait_for(lambda: e.stats(0)["closed"] == 1)
    apart([f for f in c.frames if f.saddr == US], ack, fin)
    assert not any(f.flags & RST for f in c.frames)


LISTENS = """
import socket
with socket.create_server(("172.16.1.1", 8080)) as l:
    print("listens", flush=True)
    c, _ = l.accept()
    assert len(c.recv(10)) == 1
    c.sendall(b"y")
    assert c.recv(10) == b"", "not closed"
    c.close()
"""


@BOTH
def test_our_client_and_a_kernel(lab, netns, tmp_path, ack, fin):  # noqa: F811
    """One request, and FIN when it is answered; the client's FIN has no data to ride on."""
    e = lab(f"add tests client tcp {TC} src {US} {US} sport 2000 2000 dest 172.16.1.1 172.16.1.1 dport 8080 8080",
            "set tests client raw " + TC + " data-req-plen 1 data-resp-plen 1 requests 1",
            f"set tests tcp-options {TC} ack-on-data {ack} fin-on-data {fin} rto 1000")
    listener = subprocess.Popen(["ip", "netns", "exec", netns, "/usr/bin/python3", "-c", LISTENS], stdout=subprocess.PIPE, text=True)
    try:
        assert listener.stdout.readline() == "listens\n"
        with Capture(netns, tmp_path, "tcp") as c:
            e.cli("start tests port 0")
            wait_for(lambda: e.stats(0)["closed"] == 1)
            assert listener.wait(10) == 0
    finally:
        listener.kill()
        listener.wait()
    ours = [f for f in c.frames if f.saddr == US and not f.flags & SYN]
    data, = [f for f in ours if f.payload]
    end, = [f for f in ours if f.flags & FIN]
    before = ours[:ours.index(data)]
    assert len(before) == (not ack) and all(f.flags == ACK and f.ack == data.ack for f in before)
    between = ours[ours.index(data) + 1:ours.index(end)]
    assert len(between) == (not ack) and all(f.flags == ACK and f.ack == end.ack for f in between)
    assert not any(f.flags & RST for f in c.frames)
