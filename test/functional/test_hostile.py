"""What must not hurt the engine: clients that write garbage, hang or die at any moment, and packets that are wrong."""
import errno
import random
import signal
import subprocess
import time

import pytest
from test_kernel import inside, server
from test_traffic import RING, pair
from warp17 import CLI, EXPORTER, PEERS, wait_for

HOSTILE = PEERS / "hostile"


def traffic(engine):
    """An engine with sessions that open, talk and close without end."""
    e = engine(*RING)
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10 requests 1"), ("raw", "data-req-plen 10 data-resp-plen 10"),
         extra=("set tests timeouts port 0 test-case-id 0 downtime 0",
                "set tests tcp-options port 0 test-case-id 0 twait-skip 1"))
    return e


def alive(e):
    """The engine serves others at once, and its traffic goes on."""
    before = e.stats(0)["closed"]
    t = time.monotonic()
    e.cli("set syslog INFO")
    assert time.monotonic() - t < 1
    wait_for(lambda: e.stats(0)["closed"] > before + 1000, 5)


@pytest.mark.parametrize("what", ["garbage", "ahead"])
def test_garbage_in_its_slot_hurts_the_client_alone(engine, what):
    e = traffic(engine)
    for seed in range(5):
        done = subprocess.run([HOSTILE, e.prefix, what, str(seed)], timeout=30)
        assert done.returncode == 0
    assert e.log.read_text().count("broken ring, dropped") == 5
    wait_for(lambda: len(e.show("operators")["operators"]) == 1)
    alive(e)


@pytest.mark.parametrize("seed", range(3))
def test_any_cell_is_answered(engine, seed):
    e = engine(*RING)
    done = subprocess.run([HOSTILE, e.prefix, "cells", str(seed)], timeout=120)
    assert done.returncode == 0
    assert e.show("version")["pid"] == e.proc.pid


def test_requests_that_no_parser_makes_are_refused(engine):
    e = engine(*RING)
    before = e.document()["ports"], e.show("tests config port 0"), e.show("version")
    done = subprocess.run([HOSTILE, e.prefix, "bounds", "0"], timeout=300, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 500
    assert (e.document()["ports"], e.show("tests config port 0"), e.show("version")) == before


def test_calls_given_up_do_not_cost_the_connection(engine):
    e = engine(*RING)
    done = subprocess.run([HOSTILE, e.prefix, "late", "0"], timeout=60)
    assert done.returncode == 0
    assert "broken ring" not in e.log.read_text()


def test_clients_take_nothing_of_the_engines_heap(engine):
    """They leave by _exit(): what one took there would be lost for good, and a full heap grows while it runs."""
    e = engine(*RING)

    def heap():
        return int(subprocess.run([HOSTILE, e.prefix, "heap", "0"], capture_output=True, timeout=30, check=True).stdout)

    before = heap()
    for _ in range(3):
        e.cli("set syslog INFO")
        e.document()
    assert heap() == before > 0


def test_clients_killed_at_any_moment(engine):
    """Attaching takes about 50 ms: kills fall on every step of it, and of the command after it."""
    e = traffic(engine)
    rand = random.Random(7)
    for i in range(100):
        args = [EXPORTER, "--once"] if i % 4 == 0 else [CLI, "-c", "set syslog INFO"]
        p = subprocess.Popen([args[0], "--prefix", e.prefix, *args[1:]], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rand.uniform(0, 0.12))
        p.kill()
        p.wait()
    wait_for(lambda: len(e.show("operators")["operators"]) == 1, 1)
    alive(e)
    files = [f.name for f in (e.rundir()).iterdir()]
    assert len(files) < 20, files  # the dead left none


def test_a_client_stopped_while_it_attaches_is_ended(engine):
    """It may hold a lock of the EAL's and so keep others out: the engine ends it after 5 s."""
    e = traffic(engine)
    stopped = []
    try:
        for i in range(12):
            stopped.append(subprocess.Popen([CLI, "--prefix", e.prefix], stdin=subprocess.PIPE,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            time.sleep(0.004 * i)
            stopped[-1].send_signal(signal.SIGSTOP)
        wait_for(lambda: [p for p in stopped if p.poll() == -signal.SIGKILL], 8)
        assert "did not finish attaching in 5 s: ended" in e.log.read_text()
        time.sleep(1)  # all stopped within the same second
        alive(e)
    finally:
        for p in stopped:
            p.kill()
            p.wait()


def test_no_signal_ends_a_client_inside_the_eal(engine):
    """It would leave a lock of the shared memory taken, as the one here did, and nobody could attach any more. The
    engine says so when that has happened."""
    e = engine(*RING)
    assert subprocess.run([HOSTILE, e.prefix, "lock", "0"], timeout=30).returncode == 0
    p = subprocess.Popen([CLI, "--prefix", e.prefix, "show", "version"], stdin=subprocess.DEVNULL)
    time.sleep(0.5)
    for s in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        p.send_signal(s)
    time.sleep(0.5)
    assert p.poll() is None
    assert p.wait(10) < 0  # the alarm's time: the signals come through
    assert "restart the engine" not in e.log.read_text()
    done = subprocess.run([CLI, "--prefix", e.prefix, "show", "version"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 5 and "did not end in time" in done.stderr
    wait_for(lambda: "left it locked; restart the engine" in e.log.read_text(), 2)
    e.kill()


def test_a_record_that_stays_in_the_middle_of_a_change_is_not_shown(engine):
    e = engine(*RING)
    assert subprocess.run([HOSTILE, e.prefix, "odd", "0"], timeout=30).returncode == 0
    answer = e.cli("show operators", check=False)[0]
    assert answer["code"] == -errno.EAGAIN and "cannot be read" in answer["error"]


def frames():
    """Packets with one thing wrong each, and then bits flipped at random."""
    return r'''
import errno
import random
from scapy.all import *
conf.verb = 0
rand = random.Random(3)
mac = open("/sys/class/net/warp0/address").read().strip()
s = conf.L2socket(iface="warp0")
dst = arping_mac = getmacbyip("172.16.1.2")
eth = Ether(src=mac, dst=dst)
ip = IP(src="172.16.1.1", dst="172.16.1.2")
syn = TCP(sport=4000, dport=80, flags="S", seq=1)
wrong = [Raw(b"x" * n) for n in (0, 1, 13)] + [eth / Raw(b"y" * n) for n in (0, 1, 46)]
wrong += [eth / IP(version=6, src="172.16.1.1", dst="172.16.1.2") / syn, eth / IP(ihl=4) / syn, eth / IP(ihl=15) / syn]
wrong += [eth / ip.__class__(len=n, src="172.16.1.1", dst="172.16.1.2") / syn for n in (0, 19, 20, 39, 41, 65535)]
wrong += [eth / IP(src="172.16.1.1", dst="172.16.1.2", chksum=1) / syn, eth / ip / TCP(dport=80, flags="S", chksum=1)]
wrong += [eth / ip / TCP(dport=80, flags=f, dataofs=o) for f in range(256) for o in (0, 4, 5, 6, 15)]
wrong += [eth / ip / TCP(dport=80, flags="S", options=[(k, b"z" * n)]) for k in range(3, 40) for n in (0, 1, 7, 30)]
wrong += [eth / ip / UDP(dport=80, len=n) / Raw(b"u" * 20) for n in (0, 7, 8, 27, 28, 29, 65535)]
wrong += [eth / IP(src=a, dst="172.16.1.2") / syn for a in ("0.0.0.0", "224.0.0.1", "255.255.255.255", "172.16.1.2")]
wrong += [eth / IP(src="172.16.1.1", dst="172.16.1.2", flags=f, frag=n) / syn for f, n in ((1, 0), (0, 1), (1, 8191))]
wrong += [eth / IP(src="172.16.1.1", dst="172.16.1.2", proto=p) / Raw(b"p" * 30) for p in (0, 1, 2, 6, 17, 47, 255)]
wrong += [eth / ip / ICMP(type=t, code=1) / Raw(b"i" * n) for t in range(20) for n in (0, 8, 1000)]
wrong += [eth / ARP(op=o, hwtype=h, hwlen=l) for o in (0, 1, 2, 9) for h in (0, 1) for l in (0, 6, 255)]
wrong += [eth / Dot1Q(vlan=v) / ip / syn for v in (0, 1, 4095)] + [eth / Dot1Q() / Dot1Q() / ip / syn, eth / Dot1Q()]
wrong = [bytes(p) for p in wrong]
good = [bytes(p) for p in (eth / ip / syn, eth / ip / TCP(sport=4001, dport=80, flags="PA") / Raw(b"GET / HTTP/1.1\r\n\r\n"),
        eth / ip / UDP(dport=80) / Raw(b"u" * 20), eth / ip / ICMP() / Raw(b"i" * 40), eth / ARP(op=1, pdst="172.16.1.2"))]
for i in range(4000):
    p = bytearray(rand.choice(good))
    for _ in range(rand.randint(1, 8)):
        p[rand.randrange(14 if rand.random() < 0.9 else 0, len(p))] = rand.randrange(256)
    wrong.append(bytes(p[:rand.randint(14, len(p))]) if rand.random() < 0.3 else bytes(p))
dropped = lambda: int(open("/sys/class/net/warp0/statistics/tx_dropped").read())
before, sent = dropped(), 0
for p in wrong:
    try:
        s.send(p)
        sent += 1
        if sent % 100 == 0:
            time.sleep(0.002)  # on a busy machine the engine's queue in the kernel is soon full
    except OSError:  # the kernel itself refuses frames without a whole header
        pass
print(sent - (dropped() - before))
'''


def test_wrong_packets_are_counted_and_change_nothing(engine, netns):
    e = server(engine, netns)
    assert inside(netns, "curl", "-sf", "http://172.16.1.2/").returncode == 0
    done = inside(netns, "/usr/bin/python3", "-c", frames(), text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5000
    wait_for(lambda: e.group("port")["rx_pkts"] >= int(done.stdout), 10)
    drops = e.group("drop")
    for reason in ("eth_type", "ip_version", "ip_hdr_len", "ip_total_len", "ip_src", "ip_checksum", "frag_bad",
                   "ip_proto", "icmp_bad", "icmp_other", "udp_bad", "udp_checksum", "udp_no_socket", "tcp_hdr_len",
                   "tcp_checksum", "tcp_no_conn", "arp_bad"):
        assert drops[reason] > 0, (reason, drops)
    done = inside(netns, "curl", "-sf", "http://172.16.1.2/")
    assert done.returncode == 0 and len(done.stdout) == 2000
