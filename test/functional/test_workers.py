"""Several workers share a port whose device has one queue: all that is counted is as with one."""
import re
import socket
import subprocess

import pytest
from test_kernel import gets, inside, tap_up
from test_traffic import L3, RING, pair
from warp17 import wait_for

POOLS = ("--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "24")
LCORES = {1: ("--lcores=0@0,1@1",), 2: ("--lcores=0@0,1@1,2@1",), 3: ("--lcores=0@0,1@1,2@1,3@0",)}
FAILED = ("failed_syn", "failed_rst", "failed_retry", "failed_to", "failed_app", "failed_icmp", "resp_errors", "resp_lost")
TOTALS = ("opened", "estab", "closed", "requests", "responses", "tx_bytes", "rx_bytes") + FAILED


def totals(e, port):
    return {k: v for k, v in e.stats(port).items() if k in TOTALS}


def each_worker(e, port, group, name):
    """That counter of a port by worker."""
    p = next(p for p in e.document()["ports"] if p["port"] == port)
    return [lc["stats"][group][name] for lc in p["lcores"]]


def tap(engine, netns, workers):
    e = engine("--tap-ifs", "1", *POOLS, "--tap-netns", netns, eal=LCORES[workers])
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    assert [q["lcore"] for q in e.show("port map")["queues"]] == list(range(1, workers + 1))
    e.cli("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0")
    return e


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_server_on_a_tap(engine, netns, workers):
    e = tap(engine, netns, workers)
    e.cli("add tests server tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 80 80",
          "set tests server http port 0 test-case-id 0 200-OK resp-size 20000", "start tests port 0")
    gets(netns, curls=20, others=180)
    done = inside(netns, "ping", "-c", "3", "-i", "0.2", "-s", "3000", "172.16.1.2", text=True)
    assert "3 received" in done.stdout, done.stdout
    assert inside(netns, "curl", "-s", "http://172.16.1.2:81/").returncode == 7  # refused
    wait_for(lambda: e.stats(0)["open_now"] == 0)
    s = e.stats(0)
    assert s["opened"] == s["estab"] == s["requests"] == s["responses"] == s["closed"] == 200
    assert all(s[k] == 0 for k in FAILED)
    assert all(n > 0 for n in each_worker(e, 0, "tcp", "rx_pkts"))  # all of them did some of it
    assert e.group("drop")["handoff_full"] == 0
    e.stop_tests(0)


@pytest.mark.parametrize("workers", [1, 2])
def test_client_on_a_tap(engine, netns, workers, tmp_path):
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"""
daemon off; worker_processes 1; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;
fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s; keepalive_requests 100000;
server {{ listen 172.16.1.1:8080; location / {{ return 200 "{'x' * 3000}"; }} }} }}
""")
    e = tap(engine, netns, workers)
    nginx = subprocess.Popen(["ip", "netns", "exec", netns, "nginx", "-p", str(tmp_path), "-c", str(conf)])
    try:
        wait_for(lambda: inside(netns, "curl", "-sf", "-o", "/dev/null", "http://172.16.1.1:8080/").returncode == 0)
        e.cli("add tests client tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 10001 10101 "
              "dest 172.16.1.1 172.16.1.1 dport 8080 8080",
              "set tests client http port 0 test-case-id 0 GET 172.16.1.1 / req-size 0 requests 20",
              # nobody listens there: each is refused
              "add tests client udp port 0 test-case-id 1 src 172.16.1.2 172.16.1.2 sport 20001 20010 "
              "dest 172.16.1.1 172.16.1.1 dport 9 9",
              "set tests client raw port 0 test-case-id 1 data-req-plen 10 data-resp-plen 10",
              "set tests rate port 0 test-case-id 1 send 10", "set tests async port 0 test-case-id 0",
              "start tests port 0")
        wait_for(lambda: e.stats(0)["open_now"] == 0 and e.stats(0)["opened"] == 101, 60)
        s = e.stats(0)
        assert s["responses"] == s["requests"] == 2020 and s["closed"] == s["estab"] == 101
        assert all(s[k] == 0 for k in FAILED)
        assert all(n >= 50 * 20 // workers for n in each_worker(e, 0, "http", "rx_resp"))
        wait_for(lambda: e.stats(0, 1)["icmp_errors"] >= 5)
        e.stop_tests(0)
        # errors went to those that had sent what they are about
        icmp = e.group("icmp", 0)
        assert icmp["err_matched"] == e.stats(0, 1)["icmp_errors"] and icmp["err_unmatched"] == 0, icmp
    finally:
        nginx.terminate()
        nginx.wait(10)


UDP_ECHO = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("172.16.1.1", 7000))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(65536)
    s.sendto(b"x" * 5000, peer)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_fragments_reach_their_owner(engine, netns, workers):
    """Answers of 5000 bytes, which fit no buffer: joined by the worker that has the queue, taken by the session's."""
    e = tap(engine, netns, workers)
    echo = subprocess.Popen(["ip", "netns", "exec", netns, "python3", "-c", UDP_ECHO], stdout=subprocess.PIPE)
    try:
        assert echo.stdout.readline() == b"ready\n"
        e.cli("add tests client udp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 10001 10010 "
              "dest 172.16.1.1 172.16.1.1 dport 7000 7000",
              "set tests client raw port 0 test-case-id 0 data-req-plen 10 data-resp-plen 5000 requests 20",
              "set tests rate port 0 test-case-id 0 send 200",
              "set tests timeouts port 0 test-case-id 0 downtime infinite", "start tests port 0")
        wait_for(lambda: e.stats(0)["closed"] == 10, 30)
        s = e.stats(0)
        assert s["requests"] == s["responses"] == 200 and s["rx_bytes"] == 1000000 and s["resp_lost"] == 0
        assert e.group("ipv4", 0)["reasm"] == 200
        assert all(n == 200 // workers for n in each_worker(e, 0, "ipv4", "reasm"))
        e.stop_tests(0)
    finally:
        echo.terminate()
        echo.wait(10)


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_totals_over_a_veth_do_not_depend_on_workers(engine, netns, proto):
    """Two ports on the ends of a veth pair, by the kernel's packet sockets."""
    seen = {}
    subprocess.run(["ip", "-n", netns, "link", "add", "w17a", "type", "veth", "peer", "name", "w17b"], check=True)
    for dev in ("w17a", "w17b"):
        inside(netns, "ethtool", "-K", dev, "tx", "off", "rx", "off")
        subprocess.run(["ip", "-n", netns, "link", "set", dev, "up"], check=True)
    for workers in (1, 2):
        e = engine(*POOLS, eal=LCORES[workers] + ("--vdev=net_af_packet0,iface=w17a", "--vdev=net_af_packet1,iface=w17b"),
                   netns=netns)
        pair(e, ("raw", "data-req-plen 100 data-resp-plen 200 requests 10"), ("raw", "data-req-plen 100 data-resp-plen 200"),
             sports=(1, 301), proto=proto, extra=("set tests timeouts port 0 test-case-id 0 downtime infinite",
                                                  "set tests rate port 0 test-case-id 0 open 1000"))
        wait_for(lambda: e.stats(0)["closed"] == 301, 60)
        if proto == "tcp":
            wait_for(lambda: e.stats(1)["closed"] == 301, 10)
        seen[workers] = totals(e, 0), totals(e, 1)
        assert all(n > 0 for n in each_worker(e, 0, proto, "rx_pkts") + each_worker(e, 1, proto, "rx_pkts"))
        e.stop_tests(0, 1)
        e.stop()
    assert seen[1] == seen[2]
    assert seen[1][0]["responses"] == 3010 and all(seen[1][p][k] == 0 for p in (0, 1) for k in FAILED)


def test_totals_over_a_ring_pair_do_not_depend_on_workers(engine):
    seen = {}
    for workers in (1, 2, 3):
        e = engine(*RING, eal=LCORES[workers])
        pair(e, ("http", "GET h / req-size 10 requests 10"), ("http", "200-OK resp-size 3000"), sports=(1, 1001),
             extra=("set tests timeouts port 0 test-case-id 0 downtime infinite",))
        wait_for(lambda: e.stats(0)["closed"] == 1001 and e.stats(1)["closed"] == 1001, 60)
        seen[workers] = totals(e, 0), totals(e, 1)
        e.stop_tests(0, 1)
        e.stop()
    assert seen[1] == seen[2] == seen[3]
    assert seen[1][0]["responses"] == 10010 and all(seen[1][p][k] == 0 for p in (0, 1) for k in FAILED)


@pytest.mark.parametrize("workers", [1, 2])
def test_faults_are_one_link_for_all_workers(engine, netns, workers):
    """A rate of 8 Mbit/s is that of the port, not of each worker."""
    e = tap(engine, netns, workers)
    e.cli("add tests server tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 80 80",
          "set tests server http port 0 test-case-id 0 200-OK resp-size 1000000",
          "set tests faults port 0 direction tx rate 8", "start tests port 0")
    done = inside(netns, "sh", "-c", "for i in 1 2 3 4; do curl -sf -o /dev/null -w '%{time_total}\\n' http://172.16.1.2/ & done; wait",
                  text=True)
    times = [float(t) for t in re.findall(r"[\d.]+", done.stdout)]
    assert len(times) == 4 and 3.9 < max(times) < 12, done.stdout
    f = e.group("faults", 0)
    assert f["tx_offered"] > 2000
    e.stop_tests(0)


def test_time_that_the_kernel_takes_is_told_apart(engine):
    """Two workers on one CPU: a turn in which the other one had it is none of ours."""
    e = engine(*RING, eal=LCORES[2])

    def loops():
        return [lc["stats"]["lcore"] for lc in e.document()["lcores"] if lc["role"] == "worker"]

    wait_for(lambda: all(w["interrupted"] >= 20 for w in loops()))
    us = e.document()["engine"]["tsc_hz"] / 1e6
    assert all(w["longest"] < 1000 * us <= w["longest_interrupted"] for w in loops())
    assert all(w["interrupted"] < w["loops"] / 100 for w in loops())
