"""TCP settings of a test case: each is taken, shown and refused out of its bounds; and what a kernel on the other side of a TAP says was
agreed on is what was asked for."""
import re
import subprocess

import pytest
from test_kernel import TAP, inside, tap_up
from test_traffic import RING
from warp17 import wait_for

TC = "port 0 test-case-id 0"
SERVER = ("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0", "add tests l3_gw port 0 gw 172.16.1.1",
          "add tests server tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 80 80",
          "set tests server http port 0 test-case-id 0 200-OK resp-size 2000")

# name: what it is unless set, what it is set to, what is refused and how the refusal names what was expected
SETTINGS = {
    "win-size": (65535, 1073725440, {0: "1..1073725440", 1073725441: "1..1073725440"}),
    "syn-retry": (24, 128, {129: "0..128"}),
    "syn-ack-retry": (24, 0, {129: "0..128"}),
    "data-retry": (128, 0, {129: "0..128", -1: "-1"}),
    "retry": (12, 128, {129: "0..128"}),
    "rto": (50, 10000, {0: "1..10000", 10001: "1..10000"}),
    "fin-to": (1000, 0, {1001: "0..1000"}),
    "twait-to": (500, 10000, {10001: "0..10000"}),
    "orphan-to": (2000, 0, {2001: "0..2000"}),
    "twait-skip": (0, 1, {2: "0..1"}),
    "ack-delay": (0, 1, {2: "0..1"}),
    "ack-on-data": (1, 0, {2: "0..1"}),
    "fin-on-data": (1, 0, {2: "0..1"}),
    "congestion": ("cubic", "none", {"reno": "newreno", 1: "newreno"}),
    "mss": (0, 28, {27: "28..65495", 65496: "0..65495"}),
    "user-to": (0, 30000, {-1: "-1", "x": "x"}),
    "window-scale": (1, 0, {2: "0..1"}),
    "timestamps": (0, 1, {2: "0..1"}),
    "sack": (1, 0, {2: "0..1"}),
    "ecn": (0, 1, {2: "0..1"}),
}


def shown(e):
    return {k: v for k, v in e.show(f"tests tcp-options {TC}").items() if k not in ("port", "test_case_id")}


def test_each_setting_is_taken_shown_and_bounded(engine):
    e = engine(*RING)
    e.cli(*SERVER)
    want = {name: default for name, (default, _, _) in SETTINGS.items()}
    assert shown(e) == want  # no more and no fewer than are tested here
    for name, (_, value, refused) in SETTINGS.items():
        for bad, why in refused.items():
            e.refuses(f"set tests tcp-options {TC} {name} {bad}", why)
        assert shown(e) == want
        e.cli(f"set tests tcp-options {TC} {name} {value}")
        want[name] = value
        assert shown(e) == want  # nothing else has changed
    e.cli("start tests port 0")  # all of them at once
    e.refuses(f"set tests tcp-options {TC} rto 60", "running")
    assert shown(e) == want
    e.stop_tests(0)


def agreed(line):
    """What `ss -tino` says of a connection: its words, and its numbers by name."""
    words = line.split()
    return set(words), {k: int(v) for k, v in re.findall(r"\b(mss|rcvmss|advmss):(\d+)", line)}, \
        tuple(int(n) for n in (re.findall(r"wscale:(\d+),(\d+)", line) or [(0, 0)])[0])


def holds(line, settings, mtu=1500):
    words, sizes, (wscale, _) = agreed(line)
    on = {"window-scale": 1, "timestamps": 0, "sack": 1, "ecn": 0, "mss": 0, "win-size": 65535, **settings}
    assert ("ts" in words) == on["timestamps"], line
    assert ("sack" in words) == on["sack"], line
    assert ("ecn" in words) == on["ecn"], line
    assert ("wscale:" in line) == on["window-scale"], line
    assert wscale == (on["window-scale"] and max(0, on["win-size"].bit_length() - 16)), line
    assert sizes["mss"] == (on["mss"] or mtu - 40) - 12 * on["timestamps"], line


CASES = [{}, {"timestamps": 1}, {"ecn": 1}, {"sack": 0}, {"window-scale": 0}, {"mss": 536}, {"win-size": 1048576},
         {"timestamps": 1, "ecn": 1, "mss": 1000, "win-size": 1073725440}, {"window-scale": 0, "sack": 0}]

# a kernel's client: asks, reads the answer, and tells what its kernel says of the connection
ASKS = """
import socket, subprocess
s = socket.create_connection(("172.16.1.2", 80), 10)
s.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
got = b""
while len(got) < 2000:
    got += s.recv(65536)
print(subprocess.run(["ss", "-Htino", "dst", "172.16.1.2"], capture_output=True, text=True).stdout.replace("\\n", " "))
"""
# a kernel's server: takes a connection and keeps it
LISTENS = """
import socket, subprocess
with socket.create_server(("172.16.1.1", 8080)) as l:
    l.settimeout(20)
    print("listens", flush=True)
    c, _ = l.accept()
    c.settimeout(20)
    c.recv(1)
    print(subprocess.run(["ss", "-Htino", "sport", "8080"], capture_output=True, text=True).stdout.replace("\\n", " "))
"""


def tap(engine, netns):
    e = engine(*TAP, "--tap-netns", netns)
    tap_up(netns)
    for name in ("ecn", "sack", "timestamps", "window_scaling"):  # it asks for all, whatever the machine was set to
        assert inside(netns, "sysctl", "-qw", f"net.ipv4.tcp_{name}=1").returncode == 0
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    return e


def test_a_kernels_client_agrees_to_what_is_set(engine, netns):
    e = tap(engine, netns)
    e.cli(*SERVER)
    for settings in CASES:
        e.cli(f"del tests {TC}", *SERVER[2:], *(f"set tests tcp-options {TC} {k} {v}" for k, v in settings.items()), "start tests port 0")
        done = inside(netns, "/usr/bin/python3", "-c", ASKS, text=True)
        assert done.returncode == 0, done.stderr
        holds(done.stdout, settings)
        e.stop_tests(0)


def test_a_kernels_server_agrees_to_what_is_set(engine, netns):
    e = tap(engine, netns)
    e.cli(*SERVER[:2])
    for settings in CASES:
        listener = subprocess.Popen(["ip", "netns", "exec", netns, "/usr/bin/python3", "-c", LISTENS],
                                    stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        try:
            assert listener.stdout.readline() == "listens\n"
            e.cli("add tests client tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 10001 10001 "
                  "dest 172.16.1.1 172.16.1.1 dport 8080 8080",
                  f"set tests client http {TC} GET 172.16.1.1 / req-size 100",
                  *(f"set tests tcp-options {TC} {k} {v}" for k, v in settings.items()), "start tests port 0")
            holds(listener.communicate(timeout=30)[0], settings)
        finally:
            listener.kill()
            listener.wait()
        e.stop_tests(0)
        e.cli(f"del tests {TC}")
