"""IPv4 settings of a test case: taken, shown, refused; and what tshark says of the packets that leave a TAP."""
import subprocess

from test_kernel import TAP, inside, tap_up
from test_traffic import L3, RING, pair
from warp17 import wait_for

TC = "port 0 test-case-id 0"
ADD = (*L3, f"add tests client tcp {TC} src 10.0.0.1 10.0.0.1 sport 10001 10010 dest 10.0.0.253 10.0.0.253 dport 80 80")
DSCP = {"be": 0, "cs1": 8, "cs2": 16, "cs3": 24, "cs4": 32, "cs5": 40, "cs6": 48, "cs7": 56, "ef": 46,
        **{f"af{c}{d}": 8 * c + 2 * d for c in (1, 2, 3, 4) for d in (1, 2, 3)}}
ECN = {"Non-ECT": 0, "ECT1": 1, "ECT0": 2, "CE": 3}


def shown(e):
    v = e.show(f"tests ipv4-options {TC}")
    assert e.show("tests config port 0")["tests"]["test_case_0"]["ipv4"] == {k: v[k] for k in v if k not in ("port", "test_case_id")}
    return v["tos"], v["dscp"], v["ecn"], v["tx-timestamp"], v["rx-timestamp"]


def test_settings_are_taken_shown_and_refused(engine):
    e = engine(*RING)
    e.cli(*ADD)
    opts = f"set tests ipv4-options {TC}"
    assert shown(e) == (0, "be", "Non-ECT", 0, 0)
    for i, (d, bits) in enumerate(DSCP.items()):
        ecn = list(ECN)[i % 4]
        e.cli(f"{opts} dscp {d} ecn {ecn}")
        assert shown(e) == (bits << 2 | ECN[ecn], d, ecn, 0, 0)
    e.cli(f"{opts} ecn ECT0")
    assert shown(e) == (DSCP["af43"] << 2 | 2, "af43", "ECT0", 0, 0)  # the other half stays
    e.cli(f"{opts} dscp af11")
    assert shown(e) == (42, "af11", "ECT0", 0, 0)
    e.cli(f"{opts} tos 255")
    assert shown(e) == (255, 63, "CE", 0, 0)  # a code point without a name
    e.cli(f"{opts} dscp cs1 ecn CE tx-timestamp 1 rx-timestamp 1")
    assert shown(e) == (35, "cs1", "CE", 1, 1)
    e.cli(f"{opts} tos 3 rx-timestamp 0")
    assert shown(e) == (3, "be", "CE", 1, 0)
    for bad, why in {"tos 256": "0..255", "tos -1": "-1", "dscp af44": "af44", "ecn ECT2": "ECT2", "tx-timestamp 2": "0..1",
                     "tos 1 dscp be": "give either", "ecn CE tos 1": "give either", "": "tos"}.items():
        e.refuses(f"{opts} {bad}", why)
    e.refuses("set tests ipv4-options port 0 test-case-id 1 tos 1", "no test case 1")
    e.cli("start tests port 0")
    e.refuses(f"{opts} tos 1", "running")
    e.refuses(f"set tests latency {TC} max 1", "running")
    e.stop_tests(0)


def test_raw_and_ipv4_stamps_exclude_each_other_in_either_order(engine):
    e = engine(*RING)
    e.cli(*ADD, f"set tests ipv4-options {TC} tx-timestamp 1")
    raw = f"set tests client raw {TC} data-req-plen 100 data-resp-plen 100"
    e.refuses(f"{raw} tx-timestamp", "not of both")
    e.cli(f"{raw} rx-timestamp", f"set tests ipv4-options {TC} tx-timestamp 0", f"{raw} tx-timestamp rx-timestamp requests 7")
    t = e.show("tests config port 0")["tests"]["test_case_0"]
    assert (t["rx_timestamp"], t["tx_timestamp"], t["requests"]) == (1, 1, 7)
    e.refuses(f"set tests ipv4-options {TC} tx-timestamp 1", "not of both")
    e.cli(f"set tests client http {TC} GET a / req-size 0", f"set tests ipv4-options {TC} tx-timestamp 1")  # its application has none


def test_raw_stamps_need_sixteen_bytes(engine):
    e = engine(*RING)
    e.cli(*ADD, f"add tests server tcp port 0 test-case-id 1 src 10.0.0.1 10.0.0.1 sport 81 81")
    for kind, tcid, sent, got in (("client", 0, "req", "resp"), ("server", 1, "resp", "req")):
        for flag, of in (("tx-timestamp", sent), ("rx-timestamp", got)):
            other = "resp" if of == "req" else "req"
            cmd = f"set tests {kind} raw port 0 test-case-id {tcid} data-{of}-plen %d data-{other}-plen 0 {flag}"
            if of == "resp":
                cmd = f"set tests {kind} raw port 0 test-case-id {tcid} data-req-plen 0 data-resp-plen %d {flag}"
            e.refuses(cmd % 15, f"{flag}: needs 16 bytes of data-{of}-plen, which is 15")
            e.cli(cmd % 16)


FIELDS = ("ip.proto", "ip.dsfield", "ip.hdr_len", "ip.opt.type", "ip.opt.len", "ip.opt.ptr", "ip.opt.overflow", "ip.opt.flag",
          "ip.opt.time_stamp", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "ip.len")


def decoded(pcap):
    """A row of fields for each packet of ours that has been captured so far."""
    done = subprocess.run(["tshark", "-r", pcap, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-Y",
                           "ip.src == 172.16.1.2 and not icmp", "-T", "fields", "-E", "separator=;",
                           *(x for f in FIELDS for x in ("-e", f))], capture_output=True, text=True)
    return [dict(zip(FIELDS, line.split(";"))) for line in done.stdout.splitlines()]


def sent(e):
    """Packets that TCP and UDP have sent by now: a late answer of TIME_WAIT to a busy kernel's peer is one more."""
    t, u = e.group("tcp"), e.group("udp")
    return t["tx_ctrl_pkts"] + t["tx_data_pkts"] + u["tx_pkts"]


def test_tshark_decodes_what_leaves(engine, netns, tmp_path):
    """A kernel's side of a TAP: every packet of two clients, TCP and UDP, has the ToS, and the first's has a timestamp option that
    the kernel's server does not mind."""
    e = engine(*TAP, "--tap-netns", netns)
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    pcap = tmp_path / "c.pcapng"
    dump = subprocess.Popen(["ip", "netns", "exec", netns, "tcpdump", "-i", "warp0", "--immediate-mode", "-U", "-B", "32768", "-s", "9500",
                             "-w", pcap, "ip"],
                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    serve = subprocess.Popen(["ip", "netns", "exec", netns, "/usr/bin/python3", "-u", "-c", """
import socket
s = socket.create_server(("172.16.1.1", 80)); print("up")
for _ in range(3):
    c = s.accept()[0]
    n = 0
    while b := c.recv(65536): n += len(b)
    print(n)
    c.close()
"""], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        while "listening" not in (line := dump.stderr.readline()):
            assert line, "tcpdump has ended"
        assert serve.stdout.readline() == "up\n"
        e.cli("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0", "add tests l3_gw port 0 gw 172.16.1.1",
              f"add tests client tcp {TC} src 172.16.1.2 172.16.1.2 sport 10001 10003 dest 172.16.1.1 172.16.1.1 dport 80 80",
              f"set tests client raw {TC} data-req-plen 5000 data-resp-plen 0 requests 2",
              f"set tests ipv4-options {TC} dscp af41 ecn ECT1 tx-timestamp 1",
              "add tests client udp port 0 test-case-id 1 src 172.16.1.2 172.16.1.2 sport 10001 10003 dest 172.16.1.1 172.16.1.1 dport 81 81",
              "set tests client raw port 0 test-case-id 1 data-req-plen 100 data-resp-plen 0 requests 2",
              "set tests ipv4-options port 0 test-case-id 1 tos 3", "set tests async port 0 test-case-id 0",
              "start tests port 0")
        wait_for(lambda: e.stats(0)["closed"] == 3 and e.stats(0, 1)["closed"] == 3)
        assert [serve.stdout.readline() for _ in range(3)] == ["10000\n"] * 3
        rows = wait_for(lambda: len(d := decoded(pcap)) == sent(e) and d, 20)
    finally:
        dump.terminate()
        dump.communicate()
        serve.kill()
        serve.wait()
    tcp, udp = [r for r in rows if r["ip.proto"] == "6"], [r for r in rows if r["ip.proto"] == "17"]
    assert len(udp) == e.stats(0, 1)["tx_msgs"] == 6 and len(tcp) >= 3 * (2 + 7)
    times = []
    for r in tcp:
        assert int(r["ip.dsfield"], 16) == 34 << 2 | 1 and r["ip.hdr_len"] == "32", r
        assert (r["ip.opt.type"], r["ip.opt.len"], r["ip.opt.ptr"], r["ip.opt.overflow"], int(r["ip.opt.flag"], 16)) \
            == ("68", "12", "13", "0", 0), r
        high, low = (int(t) for t in r["ip.opt.time_stamp"].split(","))
        assert high >> 31 == low >> 31 == 1
        times.append((high & 0x7fffffff) << 31 | low & 0x7fffffff)
        assert r["ip.checksum.status"] == r["tcp.checksum.status"] == "1", r
    assert max(int(r["ip.len"]) for r in tcp) == 1500
    assert times == sorted(times) and times[0] > 0
    assert all(r["ip.dsfield"] == "0x03" and r["ip.hdr_len"] == "20" and r["ip.opt.type"] == "" for r in udp), udp
