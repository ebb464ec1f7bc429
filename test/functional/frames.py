"""Frames on an interface, as tcpdump saw them: with Capture(netns, tmp_path) as c: ...; then c.frames."""
import dataclasses
import re
import signal
import socket
import struct
import subprocess
import time

from warp17 import wait_for


@dataclasses.dataclass
class Frame:
    t: float
    raw: bytes
    dst: str
    src: str
    tci: int | None  # of the 802.1Q tag, None without
    type: int
    arp: tuple | None = None  # op, sender MAC, sender IP, target IP
    ip: bytes = b""  # the whole packet
    saddr: str = ""
    daddr: str = ""
    proto: int = 0
    sport: int = 0
    dport: int = 0
    flags: int = 0  # TCP's
    seq: int = 0
    ack: int = 0
    win: int = 0  # as it stands, not scaled
    options: bytes = b""
    payload: bytes = b""

    @property
    def vlan(self):
        return None if self.tci is None else self.tci & 0xfff

    @property
    def pri(self):
        return None if self.tci is None else self.tci >> 13


FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def mac(b):
    return b.hex(":")


def l4(f, b):
    if f.proto == socket.IPPROTO_TCP:
        f.sport, f.dport, f.seq, f.ack, off, f.flags, f.win = struct.unpack_from("!HHIIBBH", b)
        f.options, f.payload = b[20:(off >> 4) * 4], b[(off >> 4) * 4:]
    elif f.proto == socket.IPPROTO_UDP:
        f.sport, f.dport = struct.unpack_from("!HH", b)
        f.payload = b[8:]


def parse(t, raw):
    f = Frame(t, raw, mac(raw[:6]), mac(raw[6:12]), None, int.from_bytes(raw[12:14], "big"))
    at = 14
    if f.type == 0x8100:
        f.tci, f.type, at = int.from_bytes(raw[14:16], "big"), int.from_bytes(raw[16:18], "big"), 18
    if f.type == 0x0806:
        b = raw[at:]
        f.arp = (b[7], mac(b[8:14]), socket.inet_ntoa(b[14:18]), socket.inet_ntoa(b[24:28]))
    if f.type == 0x0800:
        f.ip = raw[at:at + int.from_bytes(raw[at + 2:at + 4], "big")]
        f.proto, f.saddr, f.daddr = f.ip[9], socket.inet_ntoa(f.ip[12:16]), socket.inet_ntoa(f.ip[16:20])
        if not f.ip[6] & 0x1f and not f.ip[7]:
            l4(f, f.ip[(f.ip[0] & 15) * 4:])
    return f


def read(path):
    b = path.read_bytes()
    frames, at = [], 24
    while at + 16 <= len(b):
        sec, usec, n, _ = struct.unpack_from("<IIII", b, at)
        if at + 16 + n > len(b):
            break
        frames.append(parse(sec + usec / 1e6, b[at + 16:at + 16 + n]))
        at += 16 + n
    return frames


class Capture:
    def __init__(self, netns, tmp_path, what="", dev="warp0"):
        self.path = tmp_path / f"{dev}.pcap"
        self.path.unlink(missing_ok=True)
        self.cmd = ["ip", "netns", "exec", netns, "tcpdump", "-U", "--immediate-mode", "-n", "-B", "32768", "-s", "9500", "-Z", "root",
                    "-i", dev, "-w", str(self.path), *what.split()]

    def __enter__(self):
        self.proc = subprocess.Popen(self.cmd, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        line = self.proc.stderr.readline()
        while line and "listening on" not in line:
            line = self.proc.stderr.readline()
        assert line, "tcpdump has left"
        return self

    def now(self):
        """What was seen so far."""
        return read(self.path)

    def wait(self, what, timeout=10):
        """Until what(frames) is true; its value."""
        return wait_for(lambda: what(self.now()), timeout, 0.1)

    def drain(self):
        """Until tcpdump has written all that the kernel has for it: it may have had no CPU for a while, and leaves the rest behind
        when it is told to end."""
        for _ in range(200):
            self.proc.send_signal(signal.SIGUSR1)
            said = self.proc.stderr.readline()
            got, of = (int(re.search(rf"(\d+) packets? {w}", said)[1]) for w in ("captured", "received by filter"))
            if got == of:
                return
            time.sleep(0.05)

    def __exit__(self, *exc):
        if exc[0] is None:
            self.drain()
        self.proc.send_signal(signal.SIGINT)
        said = self.proc.communicate(timeout=20)[1]
        assert exc[0] is not None or "0 packets dropped by kernel" in said, said
        self.frames = read(self.path)
