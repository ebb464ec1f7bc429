"""A cell of the matrix: one of our ends, one of theirs, over a TAP whose port is told how bad a link it is."""
import collections
import os
import time

from capture import Capture
from peers import KERNEL, OURS, PORT, Server, wait_for
from test_kernel import TAP, tap_up

LINKS = {
    "clean": None,
    "1 % loss": "loss 1",
    "reorder": "reorder 3 reorder-by 3 delay 1",
    "50 ms delay": "direction tx delay 50",
}
CONNS, REQUESTS, SIZE = 20, 500, 20000
PATIENT = ("data-retry 20 syn-retry 20 syn-ack-retry 20 retry 20 fin-to 1000 orphan-to 2000 twait-to 2000 "
           "timestamps 1 win-size 1000000 rto ")
RTO = {"clean": 1000, "1 % loss": 200, "reorder": 200, "50 ms delay": 1000}

# What tshark may say of a link that loses packets or lets them overtake each other. A clean one: nothing.
LOST = ("This frame is a (suspected) ", "Previous segment(s) not captured", "Duplicate ACK", "D-SACK Sequence",
        "ACKed segment that wasn't captured", "Duplicate to the ACK", "A new tcp session is started with the same ports")
# an ACK that our FIN has overtaken looks like one
LATE = LOST + ("TCP keep-alive segment",)
EXPLAINED = {"clean": (), "1 % loss": LOST, "reorder": LATE, "50 ms delay": ()}

Row = collections.namedtuple("Row", "ours theirs link requests ours_counted theirs_counted seconds ours_again rst expert")
rows = []


def first(e):
    """Before other work of the machine, as the kernel's TCP is, which runs in interrupts: a kernel takes a peer that lets it wait
    for milliseconds where a round trip takes microseconds for one that has lost something, and probes."""
    for task in os.listdir(f"/proc/{e.proc.pid}/task"):
        os.setpriority(os.PRIO_PROCESS, int(task), -20)


def begin(engine, netns):
    e = engine(*TAP, "--tap-netns", netns)
    first(e)
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    e.cli(f"add tests l3_intf port 0 ip {OURS} mask 255.255.255.0")
    return e


def impair(e, link):
    if LINKS[link]:
        e.cli(f"set tests faults port 0 {LINKS[link]}")


PROBES = ("kernel", "This frame is a (suspected) retransmission"), ("kernel", "This frame is a (suspected) spurious retransmission")


def unexplained(e, found, link):
    """Where nothing is lost, a kernel sends again what had arrived: after two round trips of microseconds without an answer it
    probes (RFC 8985 §7), and our worker may have waited for a CPU. Then all of it has come twice, and nothing else is wrong."""
    found = {k: n for k, n in found.items() if not any(k[1].startswith(x) for x in EXPLAINED[link])}
    if 0 < sum(found.get(p, 0) for p in PROBES) <= e.group("tcp")["rx_dup"]:
        found = {k: n for k, n in found.items() if k not in PROBES and k != ("WARP17", "Duplicate ACK")}
    return found


def judge(e, capture, link, expert, rst_explained=False):
    """What stands on the wire: (RSTs, what tshark says), after the checks."""
    # What is overtaken by the last ACK comes to an end that has forgotten the connection (LAST-ACK has no TIME-WAIT).
    late = link == "reorder"
    rst_explained |= late
    ours, theirs = capture.rsts()
    assert theirs == 0 or rst_explained, theirs
    assert ours == 0 or (late and ours <= e.group("drop")["tcp_no_conn"]), ours
    tcp = e.group("tcp")
    assert tcp["bad_csum"] == 0
    found = capture.expert() if expert else {}
    if rst_explained:
        found = {k: n for k, n in found.items() if not k[1].startswith("Connection reset")}
    assert not unexplained(e, found, link), found
    return ours + theirs, found


def client_cell(engine, netns, tmp, make, link, expert=True):
    """Our client, their server."""
    e = begin(engine, netns)
    (tmp / "server").mkdir()
    server = Server(make, netns, tmp / "server", SIZE)
    try:
        capture = Capture(netns, tmp / "pcap")
        e.cli(f"add tests client tcp port 0 test-case-id 0 src {OURS} {OURS} sport 10001 {10000 + CONNS} "
              f"dest {KERNEL} {KERNEL} dport {PORT} {PORT}",
              f"set tests client http port 0 test-case-id 0 GET {KERNEL} /body req-size 0 requests {REQUESTS // CONNS}",
              "set tests timeouts port 0 test-case-id 0 downtime infinite",
              f"set tests tcp-options port 0 test-case-id 0 {PATIENT}{RTO[link]}")
        impair(e, link)
        begun = time.monotonic()
        e.cli("start tests port 0")
        wait_for(lambda: e.stats(0)["closed"] == CONNS or any(v for k, v in e.stats(0).items() if k.startswith("failed")), 120)
        took = time.monotonic() - begun
        s = e.stats(0)
        assert s["closed"] == CONNS and s["requests"] == s["responses"] == REQUESTS and s["resp_errors"] == 0, s
        assert e.group("http")["resp_2xx"] == REQUESTS and e.group("http")["invalid"] == 0
        heads = s["rx_bytes"] - REQUESTS * SIZE
        assert 0 < heads <= REQUESTS * 1000  # every body whole
        e.cli("stop tests port 0")
        wait_for(lambda: server.served() >= REQUESTS, 15)
        assert server.served() == REQUESTS
        time.sleep(0.5)
        capture.stop()
        rst, found = judge(e, capture, link, expert)
        again = e.group("tsm")["retrans_pkts"]
        rows.append(Row("client", make.__name__, link, REQUESTS, s["responses"], server.served(), took, again, rst, found))
    finally:
        server.stop()


def server_cell(engine, netns, tmp, client, link, expert=True):
    """Their client, our server."""
    e = begin(engine, netns)
    e.cli(f"add tests server tcp port 0 test-case-id 0 src {OURS} {OURS} sport 80 80",
          f"set tests server http port 0 test-case-id 0 200-OK resp-size {SIZE}",
          f"set tests tcp-options port 0 test-case-id 0 {PATIENT}{RTO[link]}", "start tests port 0")
    # of wrk, which asks as fast as it can, headers alone: else the capture loses packets
    capture = Capture(netns, tmp / "pcap", 128 if client.__name__ == "wrk" else 0)
    impair(e, link)
    begun = time.monotonic()
    counted, more = client(netns, tmp, CONNS, REQUESTS, SIZE)
    took = time.monotonic() - begun
    wait_for(lambda: e.stats(0)["open_now"] == 0, 20)
    s = e.stats(0)
    assert counted <= s["requests"] <= counted + more and s["responses"] <= s["requests"], (counted, s)
    assert more or s["responses"] == s["requests"]
    abrupt = client.__name__ == "wrk"  # which leaves with answers under way: the kernel refuses them
    assert s["closed"] + (s["failed_rst"] if abrupt else 0) == s["opened"], s
    time.sleep(0.5)
    capture.stop()
    rst, found = judge(e, capture, link, expert, abrupt)
    again = e.group("tsm")["retrans_pkts"]
    rows.append(Row("server", client.__name__, link, counted, s["responses"], counted, took, again, rst, found))


def table():
    """The rows, in Markdown."""
    out = ["| ours | theirs | link | ours counted | theirs counted | s | retransmitted by us | RST | tshark |",
           "|---|---|---|---|---|---|---|---|---|"]
    for r in rows:
        said = collections.Counter()
        for (_, m), n in r.expert.items():
            said[m] += n
        out.append(f"| {r.ours} | {r.theirs} | {r.link} | {r.ours_counted} | {r.theirs_counted} | {r.seconds:.1f} | {r.ours_again} | "
                   f"{r.rst or ''} | {'; '.join(f'{n} {m}' for m, n in said.most_common()) or 'nothing'} |")
    return out
