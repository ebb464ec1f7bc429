"""IPv4 beside the usual, over a TAP: options, fragments, ICMP errors, path MTU discovery with the kernel as router."""
import subprocess

import pytest
from test_kernel import inside, server, tap_up
from warp17 import wait_for

PRELUDE = """
import time
from scapy.all import *
conf.verb = 0
mac = next(l.split()[3] for l in open("/proc/net/arp") if l.startswith("172.16.1.2 "))
eth = Ether(dst=mac, src=get_if_hwaddr("warp0"))
s = conf.L2socket(iface="warp0")
def ip(**kw):
    return IP(src="172.16.1.1", dst="172.16.1.2", **kw)
def answer(p, what, timeout=3):
    return srp1(p, iface="warp0", timeout=timeout, filter=what)
def parts(p, size=1480):
    return [bytes(eth / f) for f in fragment(p, fragsize=size)]
"""


def scapy(netns, script):
    """Runs the script with scapy and a neighbour that is known, in the namespace; what it prints."""
    assert inside(netns, "ping", "-c", "1", "-W", "2", "172.16.1.2").returncode == 0
    done = inside(netns, "/usr/bin/python3", "-c", PRELUDE + script, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def servers(engine, netns):
    """HTTP over TCP on port 80 and RAW over UDP on port 81, whose requests are of 7000 bytes."""
    e = server(engine, netns)
    e.stop_tests(0)
    wait_for(lambda: e.cli("add tests server udp port 0 test-case-id 1 src 172.16.1.2 172.16.1.2 sport 81 81",
                           check=False)[0]["ok"])
    e.cli("set tests server raw port 0 test-case-id 1 data-req-plen 7000 data-resp-plen 10", "start tests port 0")
    wait_for(lambda: e.stats(0, 1)["up"] == 1)
    return e


def test_options_are_skipped_and_source_routes_dropped(servers, netns):
    scapy(netns, """
rr = IPOption_RR(length=11, pointer=4, routers=["0.0.0.0"] * 2)
for o in (rr, IPOption_Timestamp(), IPOption_Router_Alert(), IPOption(option=7, length=255, value=bytes(2))):
    o = [o]
    got = answer(eth / ip(options=o) / ICMP(id=7) / (b"abc" * 20), "icmp and src 172.16.1.2")
    assert got[ICMP].type == 0 and got[Raw].load == b"abc" * 20 and not got[IP].options, got
    sent, got[IP].chksum, got[ICMP].chksum = (got[IP].chksum, got[ICMP].chksum), None, None
    again = Ether(bytes(got))
    assert sent == (again[IP].chksum, again[ICMP].chksum)
got = answer(eth / ip(options=[rr]) / TCP(sport=4000, dport=80, flags="S"), "tcp and src 172.16.1.2")
assert got[TCP].flags == "SA"
s.send(eth / ip(options=[IPOption_LSRR(routers=["10.0.0.1"])]) / TCP(sport=4001, dport=80, flags="S"))
s.send(eth / ip(options=[IPOption_SSRR(routers=["10.0.0.1"])]) / ICMP())
""")
    wait_for(lambda: servers.group("drop")["ip_src_route"] == 2)
    assert servers.group("ipv4")["rx_opts"] == 7
    assert servers.stats(0)["opened"] == 1


def test_kernel_sends_fragments_and_gets_them_back(servers, netns):
    """The kernel fragments 7000 bytes of UDP and pings larger than the MTU, and joins the replies' fragments."""
    udp = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: without DF
s.connect(("172.16.1.2", 81))
for i in range(50):
    s.send(bytes(7000))
    assert len(s.recv(100)) == 10
"""
    done = inside(netns, "/usr/bin/python3", "-c", udp, text=True)
    assert done.returncode == 0, done.stderr
    assert servers.stats(0, 1)["requests"] == servers.stats(0, 1)["responses"] == 50
    for size in ("1473", "2500", "9000"):
        done = inside(netns, "ping", "-c", "3", "-i", "0.2", "-s", size, "172.16.1.2", text=True)
        assert done.returncode == 0 and " 3 received" in done.stdout, done.stdout
        assert "wrong" not in done.stdout
    assert servers.group("ipv4")["reasm"] == 59


@pytest.mark.long
def test_fragments_in_bad_order_and_bad_ones(servers, netns):
    scapy(netns, """
request = UDP(sport=5000, dport=81) / bytes(7000)
for order in (list, lambda f: f[::-1], lambda f: f[2:] + f[:2]):
    t = AsyncSniffer(iface="warp0", filter="udp and src 172.16.1.2", count=1, timeout=3)
    t.start()
    time.sleep(0.5)
    for f in order(parts(ip(id=RandShort()._fix()) / request)):
        s.send(f)
    t.join()
    assert len(t.results) == 1 and t.results[0][UDP].dport == 5000, t.results
# teardrop, an overlap in the middle, a hole, a first one without its header
s.send(eth / ip(id=1, flags="MF") / UDP(sport=1, dport=81, len=44) / bytes(24))
s.send(eth / ip(id=1, frag=2, proto=17) / bytes(4))
f = parts(ip(id=2) / request)
s.send(f[0])
s.send(eth / ip(id=2, flags="MF", frag=90, proto=17) / bytes(1480))
for x in f[1:]:
    s.send(x)
s.send(parts(ip(id=3) / request)[1])
s.send(eth / ip(id=4, flags="MF") / TCP(dport=80, flags="S").__class__(bytes(TCP(dport=80, flags="S"))[:16]))
s.send(eth / ip(id=5, frag=1, proto=6) / bytes(40))
time.sleep(0.2)
""")
    ipv4, drops = servers.group("ipv4"), servers.group("drop")
    assert servers.stats(0, 1)["requests"] == ipv4["reasm"] == 3
    assert ipv4["reasm_fail"] >= 2 and drops["frag_bad"] >= 8, (ipv4, drops)
    # what is left is given up, in time or when the test stops; check_sums() sees that nothing stays
    wait_for(lambda: servers.group("drop")["frag_timeout"] >= 1, 30)
    assert servers.group("ipv4")["reasm_timeout"] >= 1


def test_flood_of_first_fragments_starves_nobody(servers, netns):
    scapy(netns, """
f = parts(ip(id=1) / UDP(sport=5000, dport=81) / bytes(7000))[0]
for i in range(6000):
    b = bytearray(f)
    b[18:20] = i.to_bytes(2, "big")
    b[24:26] = bytes(2)
    b[24:26] = checksum(bytes(b[14:34])).to_bytes(2, "big")
    s.send(bytes(b))
    if i % 100 == 0:
        time.sleep(0.005)
""")
    wait_for(lambda: servers.group("drop")["frag_full"] > 1000)
    assert inside(netns, "curl", "-sf", "-o", "/dev/null", "http://172.16.1.2/").returncode == 0
    # a second after the flood there is room again
    wait_for(lambda: inside(netns, "ping", "-c", "1", "-W", "1", "-s", "3000", "172.16.1.2").returncode == 0, 5)


def test_nobody_listens_the_kernel_is_told(servers, netns):
    udp = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(("172.16.1.2", 9))
s.send(b"x")
try:
    s.recv(1)
except ConnectionRefusedError:
    print("refused")
"""
    assert inside(netns, "/usr/bin/python3", "-c", udp, text=True).stdout == "refused\n"
    scapy(netns, """
got = answer(eth / ip(proto=99) / b"nobody", "icmp and src 172.16.1.2")
assert (got[ICMP].type, got[ICMP].code) == (3, 2) and got[IPerror].proto == 99, got
for p in (ip(id=9, frag=100, proto=17) / bytes(40), ip() / ICMP(type=3, code=3) / ip() / UDP()):
    assert answer(eth / p, "icmp and src 172.16.1.2", 0.5) is None
assert srp1(Ether(dst="ff:ff:ff:ff:ff:ff", src=eth.src) / ip() / UDP(dport=9), iface="warp0", timeout=0.5,
            filter="icmp and src 172.16.1.2") is None
""")
    assert servers.group("icmp")["tx_unreach"] == 2


def client(engine, netns, n, *kernel_rules):
    e = engine("--tap-ifs", "1", "--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8",
               "--tap-netns", netns)
    tap_up(netns)
    for rule in kernel_rules:
        subprocess.run(["ip", "-n", netns, *rule.split()], check=True)
    subprocess.run(["ip", "netns", "exec", netns, "sysctl", "-qw", "net.ipv4.ip_forward=1",
                    "net.ipv4.icmp_ratemask=0"], check=True)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    e.cli("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0",
          "add tests l3_gw port 0 gw 172.16.1.1",
          f"add tests client tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 10001 {10000 + n} "
          "dest 10.9.0.2 10.9.0.2 dport 80 80",
          "set tests timeouts port 0 test-case-id 0 init 0",
          "set tests criteria port 0 test-case-id 0 clients-estab " + str(n) + " within 2",
          "start tests port 0")
    return e


def test_kernel_refuses_by_icmp_and_the_verdict_says_so(engine, netns):
    """The router has no way: communication prohibited is a hard error. (It says so five times, then once a second.)"""
    e = client(engine, netns, 4, "route add prohibit 10.9.0.0/24")
    wait_for(lambda: e.stats(0)["failed_icmp"] >= 4)
    assert e.group("icmp")["err_matched"] == e.group("icmp")["rx_unreach"] == e.stats(0)["icmp_errors"]
    wait_for(lambda: e.state(0) == "FAILED")
    tests = e.show("tests state port 0")["tests"]
    assert "refused by an ICMP error" in str(tests), tests


def test_soft_errors_and_forged_ones_end_nothing(engine, netns):
    e = client(engine, netns, 1, "route add unreachable 10.9.0.0/24")
    wait_for(lambda: e.stats(0)["icmp_errors"] >= 1)  # host unreachable
    assert e.stats(0)["failed_icmp"] == 0
    scapy(netns, """
for code in (2, 3, 13):
    for sport, seq in ((10001, 0), (10001, 0x7fffffff), (10002, 0), (80, 0)):
        s.send(eth / ip() / ICMP(type=3, code=code) / IP(src="172.16.1.2", dst="10.9.0.2", flags="DF")
               / TCP(sport=sport, dport=80, seq=seq, flags="S"))
s.send(eth / ip() / ICMP(type=3, code=3) / IP(src="172.16.1.9", dst="10.9.0.2") / TCP(sport=10001, dport=80))
s.send(eth / ip() / ICMP(type=3, code=3) / bytes(8))
s.send(eth / ip() / ICMP(type=4) / bytes(28))
""")
    wait_for(lambda: e.group("icmp")["rx_quench"] == 1)
    icmp = e.group("icmp")
    assert icmp["err_seq"] == 6 and icmp["err_unmatched"] == 8, icmp
    assert e.stats(0)["failed_icmp"] == 0


@pytest.fixture
def narrow(netns):
    """A host behind the kernel as router, whose link to it takes 1000 bytes and does not know."""
    far = netns + "b"

    def up():
        for c in (f"netns add {far}", f"-n {netns} link add va type veth peer name vb netns {far}",
                  f"-n {netns} link set va mtu 1000 up", f"-n {far} link set vb up",
                  f"-n {netns} addr add 10.9.0.1/24 dev va", f"-n {far} addr add 10.9.0.2/24 dev vb",
                  f"-n {far} route add default via 10.9.0.1"):
            subprocess.run(["ip", *c.split()], check=True)
        subprocess.run(["ip", "netns", "exec", netns, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        return far

    yield up
    subprocess.run(["ip", "netns", "del", far], check=False)


def test_path_mtu_is_found_and_remembered(engine, netns, narrow):
    e = server(engine, netns)
    e.stop_tests(0)
    wait_for(lambda: e.cli("set tests server http port 0 test-case-id 0 200-OK resp-size 2000000",
                           check=False)[0]["ok"])
    e.cli("start tests port 0")
    far = narrow()
    for _ in range(3):
        done = inside(far, "curl", "-sf", "--max-time", "20", "http://172.16.1.2/")
        assert done.returncode == 0 and len(done.stdout) == 2000000
    icmp, tsm = e.group("icmp"), e.group("tsm")
    assert 1 <= icmp["rx_need_frag"] <= 12, icmp  # of the first window alone: then all know
    assert icmp["err_matched"] + icmp["err_seq"] == icmp["rx_need_frag"]
    assert icmp["pmtu_less"] == 3
    assert tsm["retrans_pkts"] < 40 and tsm["retrans_to"] == 0, tsm
    wait_for(lambda: e.stats(0)["closed"] == 3)
