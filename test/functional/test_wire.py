"""Segments that no kernel sends, made with scapy on the other side of a TAP: what comes back, what is counted, and that a kernel's
connections beside them go on working. After each the fixture holds the counters against sums.py."""
import json
import subprocess
import textwrap

import pytest
from test_kernel import inside, tap_up
from warp17 import wait_for

TAP = ("--tap-ifs", "1", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8")
US, PEER = "172.16.1.2", "172.16.1.9"  # the kernel is .1; nobody but scapy answers for .9
SIZE = 3000

# What every script begins with: a peer of its own address, so that the kernel does not answer for it.
PRELUDE = f"""
import collections, json, random, select, struct, time
from scapy.all import *
conf.verb = 0
mac = "02:00:00:00:00:09"  # both ends of the TAP have the same one
kernel = getmacbyip("{US}")
wire = conf.L2socket(iface="warp0")
eth, ip = Ether(src=mac, dst=kernel), IP(src="{PEER}", dst="{US}")
GET = b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"

Seg = collections.namedtuple("Seg", "flags seq ack dport options data")

def settle():
    # all segments that have come for the peer when the engine has answered three ARP requests, one after the other: what was
    # sent before them has had its answer then, however busy the machine is
    got = []
    for _ in range(3):
        wire.send(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=mac, psrc="{PEER}", pdst="{US}"))
        end, answered = time.monotonic() + 10, False
        while not answered:
            assert select.select([wire], [], [], end - time.monotonic())[0], "the engine answers no ARP"
            p = wire.recv()
            if p is None:  # our own
                continue
            if ARP in p and p[ARP].pdst == "{PEER}":
                answered = p[ARP].op == 2
                if not answered:
                    wire.send(Ether(src=mac, dst=p.src) / ARP(op=2, hwsrc=mac, psrc="{PEER}", hwdst=p.src, pdst=p[ARP].psrc))
            elif TCP in p and p[IP].dst == "{PEER}":
                t = p[TCP]  # scapy would make protocols of its payload, by port
                got.append(Seg(str(t.flags), t.seq, t.ack, t.dport, t.options, bytes(p[IP])[20 + 4 * t.dataofs:p[IP].len]))
    return got

class Conn:  # by hand: nothing is sent that the test does not send
    def __init__(self, sport, isn=1000, options=()):
        self.sport, self.seq, self.ack, self.got = sport, isn, 0, b""
        synack = self.say("S", options=list(options))[0]
        assert synack.flags == "SA" and synack.ack == (isn + 1) % 2**32, synack
        self.seq, self.ack = synack.ack, (synack.seq + 1) % 2**32
        self.say("A")

    def seg(self, flags, load=b"", off=0, ack=None, **kw):
        t = TCP(sport=self.sport, dport=80, flags=flags, seq=(self.seq + off) % 2**32, ack=self.ack if ack is None else ack, window=65535, **kw)
        return eth / ip / t / Raw(load) if load else eth / ip / t

    def say(self, *args, **kw):  # sends it, and what comes back
        wire.send(self.seg(*args, **kw))
        return settle()

    def read(self, back):  # keeps the bytes that came in order, and acknowledges them
        for t in back:
            if t.seq == self.ack and t.data:
                self.got += t.data
                self.ack = (self.ack + len(t.data)) % 2**32
        return self.say("A")

    def answer(self, back):  # the length of the body that comes, all of which was asked for
        begun, end = len(self.got), time.monotonic() + 10
        while (more := self.read(back)) or len(self.got) - begun < {SIZE}:
            back = more
            assert time.monotonic() < end, self.got[begun:]
        assert self.got[begun:].startswith(b"HTTP/1.1 200")
        return len(self.got[begun:].split(b"\\r\\n\\r\\n", 1)[1])

    def served(self):  # it asks, and the whole answer comes
        back = self.say("PA", GET)
        self.seq = (self.seq + len(GET)) % 2**32
        return self.answer(back) == {SIZE}

    def reset(self):
        self.say("R")

settle()  # so that the first SYN-ACK waits for nobody's address
out = {{}}
"""


@pytest.fixture
def wire(engine, netns):
    """wire(script): runs it in the namespace; what it left in out, and by how much each counter of `tcp` and `drop` grew."""
    made = []

    def start(tcbs="16", **options):
        options = {"rto": 1000, **options}  # nothing is sent again while scapy thinks
        e = engine(*TAP, "--tcb-pool-sz", tcbs, "--tap-netns", netns)
        tap_up(netns)
        wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
        e.cli(f"add tests l3_intf port 0 ip {US} mask 255.255.255.0",
              f"add tests server tcp port 0 test-case-id 0 src {US} {US} sport 80 80",
              f"set tests server http port 0 test-case-id 0 200-OK resp-size {SIZE}",
              *(f"set tests tcp-options port 0 test-case-id 0 {k.replace('_', '-')} {v}" for k, v in options.items()),
              "start tests port 0")
        made.append(e)
        return e

    def counters():
        return {k: v for group in ("drop", "tcp") for k, v in made[0].group(group).items()}

    def run(script, **options):
        e = made[0] if made else start(**options)
        assert curl(netns)
        before = counters()
        done = inside(netns, "/usr/bin/python3", "-c", PRELUDE + textwrap.dedent(script) + "\nprint(json.dumps(out))", text=True)
        assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-500:]
        grown = {k: v - before[k] for k, v in counters().items() if v != before[k]}
        assert curl(netns)
        return json.loads(done.stdout.splitlines()[-1]), grown

    run.start, run.made = start, made
    return run


def curl(netns):
    """A kernel's client is served, whole."""
    done = inside(netns, "curl", "-sf", "-m", "10", f"http://{US}/")
    return done.returncode == 0 and len(done.stdout) == SIZE


def test_malformed_headers_are_dropped_by_name(wire):
    out, grown = wire("""
        c = Conn(2000)
        for off in (0, 4, 15):  # less than a header, more than there is
            wire.send(c.seg("A", GET[:3], dataofs=off))
        bad = c.seg("PA", GET)
        del bad[TCP].payload
        for n in (0, 10, 19):  # cut short
            wire.send(eth / IP(src=ip.src, dst=ip.dst, proto=6) / Raw(bytes(bad[TCP])[:n]))
        for src in ("0.0.0.0", "224.0.0.1", "255.255.255.255", "127.0.0.1"):
            wire.send(eth / IP(src=src, dst=ip.dst) / TCP(sport=7, dport=80, flags="S"))
        wire.send(eth / IP(src=ip.src, dst=ip.dst, version=6) / bad[TCP])
        wire.send(eth / IP(src=ip.src, dst=ip.dst, ihl=4) / bad[TCP])
        wire.send(eth / IP(src=ip.src, dst=ip.dst, len=2000) / bad[TCP])
        out["back"] = [t.flags for t in settle()]
        out["served"] = c.served()
        c.reset()
        """)
    assert out == {"back": [], "served": True}
    assert grown["tcp_hdr_len"] == 6 and grown["ip_src"] >= 3
    assert grown["ip_version"] == grown["ip_hdr_len"] == grown["ip_total_len"] == 1


def test_bad_checksums_are_dropped(wire):
    out, grown = wire("""
        c = Conn(2000)
        good = c.seg("PA", GET)
        good = Ether(bytes(good))
        wire.send(eth / IP(src=ip.src, dst=ip.dst, chksum=good[IP].chksum ^ 1) / c.seg("PA", GET)[TCP])
        wire.send(c.seg("PA", GET, chksum=good[TCP].chksum ^ 1))
        wire.send(c.seg("R", chksum=1))
        flipped = bytearray(bytes(good))
        flipped[-1] ^= 0x80
        wire.send(Raw(bytes(flipped)))
        wire.send(eth / ip / TCP(sport=2001, dport=80, flags="S", chksum=7))
        out["back"] = [t.flags for t in settle()]
        out["served"] = c.served()
        c.reset()
        """)
    assert out == {"back": [], "served": True}
    assert grown["ip_checksum"] == 1 and grown["tcp_checksum"] == 4


def test_blind_segments_change_nothing(wire):
    """RFC 5961: who does not know the numbers ends and feeds nothing. Where he hits the window he earns a challenge ACK."""
    out, grown = wire("""
        c = Conn(2000)
        def tried(*args, **kw):
            back = c.say(*args, **kw)
            assert all(t.seq == c.ack and t.ack == c.seq and not t.data for t in back)
            return [t.flags for t in back]
        out["rst outside"] = tried("R", off=10**9) + tried("R", off=-10) + tried("R", off=70000)
        out["rst inside"] = tried("R", off=1) + tried("RA", off=3000)
        out["syn outside"] = tried("S", off=10**9, ack=0)
        out["syn inside"] = tried("S", off=4000, ack=0) + tried("SA", off=0)
        out["data, ack of the future"] = tried("PA", GET, ack=(c.ack + 10**6) % 2**32)
        out["data, ack of long ago"] = tried("PA", GET, ack=(c.ack - 10**9) % 2**32)
        out["data outside"] = tried("PA", GET, off=10**9)
        out["data without ack"] = tried("P", GET)
        out["fin outside"] = tried("FA", off=10**9)
        out["served"] = c.served()
        c.reset()
        out["gone"] = [t.flags for t in c.say("A")]
        """)
    a = ["A"]
    assert out == {"rst outside": [], "rst inside": 2 * a, "syn outside": a, "syn inside": 2 * a, "data, ack of the future": a,
                   "data, ack of long ago": a, "data outside": a, "data without ack": [], "fin outside": a, "served": True, "gone": ["R"]}
    assert grown["tx_chal_ack"] >= 4 and grown["tcp_ack"] == 2 and grown["tcp_state"] == 1 and grown["rx_rst"] == 1
    assert grown["tcp_rst_seq"] + grown["tcp_seq"] == 3 + 3


def test_segments_outside_the_window_are_answered_with_an_ack(wire):
    out, grown = wire("""
        c = Conn(2000)
        out["back"] = []
        for off, n in ((-1, 1), (-20, 20), (-1000, 5), (65535, 1), (65536, 1000), (2**31 - 5, 10), (-1, 0)):  # the last: keep-alive
            back = c.say("A", b"x" * n, off=off)
            out["back"].append([(t.flags, t.seq == c.ack, t.ack == c.seq, len(t.data)) for t in back])
        out["served"] = c.served()
        c.reset()
        """)
    assert out == {"back": 7 * [[["A", True, True, 0]]], "served": True}
    assert grown["tcp_old"] == 4 and grown["tcp_seq"] == 3 and grown["rx_dup"] == 4


def test_overlapping_segments_deliver_each_byte_once(wire):
    """Whatever is sent twice, in part and with other bytes: the stream that the application sees goes on where it was, and what was
    delivered stays. The request is a valid one only if each byte is delivered once and at its place."""
    out, grown = wire("""
        c = Conn(2000)
        n = len(GET)
        c.say("A", GET[10:15], off=10)               # kept behind a hole
        c.say("A", GET[12:18], off=12)               # overlaps it behind
        c.say("A", GET[8:12], off=8)                 # and in front
        c.say("A", GET[10:15], off=10)               # once more
        c.say("A", GET[9:16], off=9)                 # around it
        c.say("A", b"XX", off=11)                    # other bytes, within what is kept
        out["hole"] = [t.ack == c.seq for t in c.say("A", b"YYY", off=14)]
        back = c.say("A", GET[:8])
        out["filled"] = [(t.ack - c.seq) % 2**32 for t in back]
        c.say("A", b"Z" * 18)                        # all of it delivered, now with other bytes
        c.say("A", b"Z" * 10 + GET[18:20], off=8)    # the same, and two new ones
        back = c.say("PA", b"Z" * 20 + GET[20:])                # and the rest
        c.seq = (c.seq + n) % 2**32
        out["answer"] = c.answer(back)
        out["served"] = c.served()
        c.reset()
        """)
    assert out == {"hole": [True], "filled": [18], "answer": SIZE, "served": True}
    assert grown["rx_ooo"] >= 3 and grown["tcp_old"] >= 3


def test_first_of_overlapping_bytes_win(wire):
    out, grown = wire("""
        c = Conn(2000)
        c.say("A", GET[10:15], off=10)
        c.say("A", GET[8:10] + b"?????" + GET[15:18], off=8)  # over it from in front, and beyond
        c.say("A", b"??" + GET[18:20], off=16)                # over the end of that
        back = c.say("PA", GET[:8] + b"?" * 12 + GET[20:])    # and over all of it, in order
        out["acked"] = max((t.ack - c.seq) % 2**32 for t in back) == len(GET)
        c.seq += len(GET)
        out["answer"] = [t.data[:12].decode() for t in back if t.data][:1]
        c.reset()
        """)
    assert out == {"acked": True, "answer": ["HTTP/1.1 200"]}


@pytest.mark.parametrize("isn", [0xffffff00, 0x7fffff80])
def test_sequence_numbers_wrap(wire, isn):
    out, grown = wire(f"""
        c = Conn(2000, isn={isn})
        out["served"] = [c.served() for _ in range(12)]  # some 350 bytes from us: in the middle of a request
        c2 = Conn(2001, isn={(isn + 240) % 2**32})
        c2.say("A", GET[10:], off=10)  # kept across the wrap
        back = c2.say("PA", GET[:10])
        out["kept"] = [(t.ack - c2.seq) % 2**32 for t in back][-1]
        c.reset(), c2.reset()
        """)
    assert out == {"served": 12 * [True], "kept": 27}
    assert "tcp_seq" not in grown and "tcp_old" not in grown


def test_option_soup_is_survived(wire):
    """Options of every kind and length, cut off, doubled, not negotiated: on SYN and on data."""
    out, grown = wire("""
        rand = random.Random(5)
        soups = [bytes(rand.randrange(256) for _ in range(rand.choice((4, 8, 12, 20, 40)))) for _ in range(60)]
        soups += [bytes([k, n]) + bytes(max(0, 38 - 0)) for k in (2, 3, 4, 5, 8, 19, 28, 34) for n in (0, 1, 2, 39, 40, 41, 255)]
        soups += [b"\\1" * 40, b"\\0" * 40, b"\\2\\4\\0\\0" * 10, b"\\3\\3\\16\\1" * 10, b"\\1" * 39 + b"\\2", b"\\10\\12" + b"\\377" * 38]
        def soup(sport, flags, seq, ack, opts, load=b""):  # byte by byte: scapy would mend it
            opts += bytes(-len(opts) % 4)
            head = struct.pack("!HHIIBBH", sport, 80, seq, ack, (20 + len(opts)) // 4 << 4, flags, 65535)
            csum = in4_chksum(6, ip, head + bytes(4) + opts + load)
            wire.send(eth / IP(src=ip.src, dst=ip.dst, proto=6) / Raw(head + struct.pack("!HH", csum, 0) + opts + load))
            return settle()
        ok = 0
        for i, o in enumerate(soups):
            if [t.flags for t in soup(3000 + i, 2, 1, 0, o) if t.dport == 3000 + i] == ["SA"]:
                ok += 1
                wire.send(eth / ip / TCP(sport=3000 + i, dport=80, flags="R", seq=2))
        out["opened"] = ok == len(soups)
        c = Conn(2000)
        for i, o in enumerate(soups[:len(GET)]):  # a byte of the request with each
            back = soup(2000, 24, c.seq, c.ack, o, GET[i:i + 1])
            c.seq += 1
        out["answer"] = c.answer(back)
        stamps = c.say("PA", GET, options=[("Timestamp", (7, 9)), ("WScale", 3)])
        out["unasked"] = sorted({len(t.options) for t in stamps})
        c.reset()
        """, syn_ack_retry=1)
    assert out == {"opened": True, "answer": SIZE, "unasked": [0]}
    assert "tcp_hdr_len" not in grown and "tcp_checksum" not in grown


def test_ip_options_are_skipped(wire):
    out, grown = wire("""
        ip.options = [IPOption_RR(routers=["0.0.0.0"] * 3), IPOption_NOP(), IPOption(b"\\x44\\x0c\\x05\\x00" + bytes(8))]
        c = Conn(2000)
        out["served"] = c.served()
        c.reset()
        """)
    assert out == {"served": True}
    assert not [k for k in grown if k.startswith("ip_")]


def test_soft_icmp_errors_abort_nothing(wire):
    """RFC 9293 §3.9.2.2: soft unreachables, time exceeded, parameter problem; Source Quench is as if it had not come."""
    out, grown = wire("""
        c = Conn(2000)
        back = c.say("PA", GET)  # so that there is something in flight, which they quote
        c.seq += len(GET)
        quoted = bytes(IP(src=ip.dst, dst=ip.src, flags="DF") / TCP(sport=80, dport=2000, seq=c.ack, ack=c.seq, flags="A"))[:28]
        for kind, code in ((3, 0), (3, 1), (3, 5), (4, 0), (11, 0), (11, 1), (12, 0)):
            wire.send(eth / ip / ICMP(type=kind, code=code) / Raw(quoted))
        out["back"] = settle()
        out["answer"] = c.answer(back)
        out["served"] = c.served()
        c.reset()
        """)
    assert out == {"back": [], "answer": SIZE, "served": True}
    assert grown["tx_data_pkts"] == 2 * 6  # two answers, nothing sent again


def test_syn_flood_with_pool_exhaustion(wire, netns):
    """The pool is full of half-open connections for as long as the SYN-ACKs are repeated: then they are given up and everyone is
    served again, without anybody's help."""
    e = wire.start(tcbs="1", rto=50, syn_ack_retry=3)  # 50 + 100 + 200 + 400 ms
    total = next(lc["stats"]["memory"]["tcb_total"] for lc in e.document()["lcores"] if lc["role"] == "worker")
    out, grown = wire(f"""
        frame = bytearray(bytes(eth / ip / TCP(sport=1, dport=80, flags="S", seq=1, chksum=0)))
        base = sum(int.from_bytes(frame[i:i + 2], "big") for i in range(26, 34, 2)) + 6 + 20
        sent, at = 0, 34
        while sent < {total} * 3:
            n = sent % 60000 + 1000
            frame[at:at + 2] = n.to_bytes(2, "big")
            frame[at + 7] = 1 + sent // 60000
            frame[at + 16:at + 18] = b"\\0\\0"
            s = base + sum(int.from_bytes(frame[i:i + 2], "big") for i in range(at, at + 20, 2))
            while s >> 16:
                s = (s & 65535) + (s >> 16)
            frame[at + 16:at + 18] = (65535 - s).to_bytes(2, "big")
            wire.outs.send(frame)
            sent += 1
            if sent % 256 == 0:
                time.sleep(0.005)
        out["sent"] = sent
        """)
    assert grown["tcp_no_tcb"] > 0 and grown["tcb_alloc_err"] == grown["tcp_no_tcb"], grown
    wait_for(lambda: e.group("tsm")["in_syn_rcvd"] == 0, 5)
    s = e.stats(0)
    assert s["no_tcb"] == e.group("drop")["tcp_no_tcb"] and s["failed_syn"] > 0
    assert curl(netns)
