"""TCP options of a test case, from the segments on the wire to a kernel; times are exact in test/unit/tcp_settings_test.c."""
import pytest
from frames import ACK, FIN, RST, SYN, Capture
from test_kernel import TAP, inside, tap_up
from test_vlan import csum, send
from warp17 import wait_for

US, TC = "172.16.1.2", "port 0 test-case-id 0"


@pytest.fixture
def lab(engine, netns):
    """lab(*commands): an engine on a TAP that has run those; the kernel behind it is its gateway and forwards nothing."""

    def up(*commands):
        e = engine(*TAP, "--tap-netns", netns)
        tap_up(netns)
        inside(netns, "sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv4.tcp_window_scaling=1")
        wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
        e.cli(f"add tests l3_intf port 0 ip {US} mask 255.255.255.0", "add tests l3_gw port 0 gw 172.16.1.1", *commands)
        return e

    return up


def server(settings, size=2000):
    return (f"add tests server tcp {TC} src {US} {US} sport 80 80", f"set tests server http {TC} 200-OK resp-size {size}",
            f"set tests tcp-options {TC} {settings}", "start tests port 0")


def option(f, kind):
    """The value of a TCP option, None without."""
    b = f.options
    while b and b[0] != 0:
        if b[0] == kind:
            return int.from_bytes(b[2:b[1]], "big")
        b = b[1:] if b[0] == 1 else b[b[1]:]
    return None


def gaps(frames):
    return [b.t - a.t for a, b in zip(frames, frames[1:])]


def backed_off(frames, rto):
    """Not before its time, each twice as late as the one before; a busy machine may be late."""
    assert all(rto * 2**i - 0.01 <= g <= rto * 2**i * 1.5 + 0.2 for i, g in enumerate(gaps(frames))), gaps(frames)


@pytest.mark.parametrize("size, scale", [(1000, 0), (65535, 0), (65536, 1), (1000000, 4), (1073725440, 14)])
def test_win_size(lab, netns, tmp_path, size, scale):
    lab(*server(f"win-size {size}"))
    with Capture(netns, tmp_path, f"tcp and src {US}") as c:
        assert len(inside(netns, "curl", "-sf", f"http://{US}/").stdout) == 2000
    syn_ack, *rest = [f for f in c.frames if not f.flags & RST]
    assert syn_ack.flags == SYN | ACK and syn_ack.win == min(size, 65535) and (option(syn_ack, 3) or 0) == scale
    assert rest and {f.win for f in rest} == {size >> scale}


@pytest.mark.parametrize("retries, rto", [(0, 50), (1, 300), (4, 100)])
def test_syn_retry_and_rto(lab, netns, tmp_path, retries, rto):
    e = lab(f"add tests client tcp {TC} src {US} {US} sport 1000 1000 dest 10.9.0.2 10.9.0.2 dport 80 80",
            f"set tests tcp-options {TC} syn-retry {retries} rto {rto}")
    with Capture(netns, tmp_path, f"tcp and src {US}") as c:
        e.cli("start tests port 0")
        wait_for(lambda: e.stats(0)["failed_syn"] == 1)
    syns = [f for f in c.frames if f.flags == SYN]
    syns = syns[-(retries + 1):] if len(syns) > retries + 1 else syns
    assert len(c.frames) == len(syns) and len(syns) in (retries, retries + 1)  # the first may have waited for ARP
    if len(syns) == retries + 1:
        backed_off(syns, rto / 1000)


def test_syn_ack_retry(lab, netns, tmp_path):
    e = lab(*server("syn-ack-retry 3 rto 100"))
    us = bytes.fromhex(e.show("port info")["ports"][0]["mac"].replace(":", ""))
    src, dst = bytes([10, 9, 0, 5]), bytes([172, 16, 1, 2])  # the kernel throws away what comes back
    tcp = bytes.fromhex("0457 0050 00001388 00000000 5002 ffff 0000 0000")
    tcp = tcp[:16] + csum(src + dst + bytes([0, 6, 0, len(tcp)]) + tcp) + tcp[18:]
    head = bytes.fromhex("4500 0028 0001 0000 4006 0000") + src + dst
    head = head[:10] + csum(head) + head[12:]
    assert inside(netns, "ping", "-c", "1", US).returncode == 0  # so that the gateway is known
    with Capture(netns, tmp_path, f"tcp and src {US}") as c:
        send(netns, [us + bytes(5) + b"\x09" + b"\x08\x00" + head + tcp])
        wait_for(lambda: e.stats(0)["failed_syn"] == 1)
    assert [f.flags for f in c.frames] == [SYN | ACK] * 4
    assert len({(f.seq, f.ack) for f in c.frames}) == 1
    backed_off(c.frames, 0.1)


@pytest.mark.parametrize("on", [0, 1])
def test_ack_delay(lab, netns, tmp_path, on):
    """A request in two segments half a second apart: the first is acknowledged alone, at once or after a while."""
    lab(*server(f"ack-delay {on}"))
    asks = f"""
import socket, time
s = socket.create_connection(("{US}", 80), 10)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.sendall(b"GET / HTTP/1.1\\r\\n")
time.sleep(0.5)
s.sendall(b"Host: a\\r\\n\\r\\n")
n = 0
while n < 2000:
    n += len(s.recv(65536))
"""
    with Capture(netns, tmp_path, "tcp") as c:
        done = inside(netns, "/usr/bin/python3", "-c", asks, text=True)
        assert done.returncode == 0, done.stderr
    first = next(f for f in c.frames if f.payload.startswith(b"GET"))
    ack = next(f for f in c.frames if f.saddr == US and f.flags == ACK and not f.payload and f.ack == first.seq + len(first.payload))
    second = next(f for f in c.frames if f.payload.startswith(b"Host"))
    answer = next(f for f in c.frames if f.saddr == US and f.payload)
    assert ack.t < second.t and answer.ack == second.seq + len(second.payload)
    assert (ack.t - first.t > 0.01) == bool(on), ack.t - first.t
    alone = [f for f in c.frames if f.saddr == US and f.flags == ACK and not f.payload and second.t < f.t < answer.t]
    assert not alone  # the response acknowledges its request


def test_fin_to(lab, netns, tmp_path):
    """A kernel's client that acknowledges our FIN and stays: it is reset when fin-to is over, and not before."""
    e = lab(*server("fin-to 700"))
    stays = f"""
import socket
s = socket.create_connection(("{US}", 80), 10)
s.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
while s.recv(65536):
    pass
try:
    s.settimeout(10)
    while True:
        s.sendall(b"") or __import__("time").sleep(0.05)
        if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            break
except OSError:
    pass
print("reset")
"""
    with Capture(netns, tmp_path, "tcp") as c:
        assert inside(netns, "/usr/bin/python3", "-c", stays, text=True).stdout == "reset\n"
    fins = [f for f in c.frames if f.saddr == US and f.flags & FIN]
    rst = next(f for f in c.frames if f.saddr == US and f.flags & RST)
    assert len(fins) == 1 and 0.69 <= rst.t - fins[0].t < 3
    assert e.stats(0)["failed_to"] == 1
