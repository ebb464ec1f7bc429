"""The pictures of doc/page.md: a real engine under load on two ring pairs, seen by the browser that tests use.
usage: page_shots.py [SECONDS]   of traffic before the first picture (hugepages, root)"""
import pathlib
import sys
import tempfile
import time

from browser import Browser
from test_exporter import Exporter
from warp17 import TOP, Engine, wait_for

OPTIONS = ("--ring-if-pairs", "2", "--tcb-pool-sz", "64", "--ucb-pool-sz", "64", "--mbuf-pool-sz", "32")
WEB, RAW, SHUT, MCAST = "port 0 test-case-id 0", "port 2 test-case-id 0", "port 2 test-case-id 1", "port 2 test-case-id 2"
COMMANDS = (
    "add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0", "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0",
    "add tests l3_intf port 2 ip 11.0.0.1 mask 255.255.255.0", "add tests l3_intf port 3 ip 11.0.0.253 mask 255.255.255.0",
    "add tests server tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 80 80",
    "set tests server http port 1 test-case-id 0 200-OK resp-size 2000",
    f"add tests client tcp {WEB} src 10.0.0.1 10.0.0.1 sport 10001 20000 dest 10.0.0.253 10.0.0.253 dport 80 80",
    f"set tests client http {WEB} GET warp17.example /index.html req-size 0",
    *(f"set tests rate {WEB} {what}" for what in ("open 2000", "close 2000", "send 20000")),
    f"set tests timeouts {WEB} uptime 4", f"set tests timeouts {WEB} downtime 1", f"set tests criteria {WEB} run-time 300",
    "add tests server udp port 3 test-case-id 0 src 11.0.0.253 11.0.0.253 sport 6000 6000",
    "set tests server raw port 3 test-case-id 0 data-req-plen 100 data-resp-plen 200 rx-timestamp tx-timestamp",
    "set tests latency port 3 test-case-id 0 samples 100",
    f"add tests client udp {RAW} src 11.0.0.1 11.0.0.1 sport 20001 20100 dest 11.0.0.253 11.0.0.253 dport 6000 6000",
    f"set tests client raw {RAW} data-req-plen 100 data-resp-plen 200 rx-timestamp tx-timestamp",
    f"set tests latency {RAW} samples 100", f"set tests rate {RAW} send 8000", f"set tests criteria {RAW} data-MB 120 within 300",
    f"set tests async {RAW}",
    f"add tests client tcp {SHUT} src 11.0.0.1 11.0.0.1 sport 30001 30100 dest 11.0.0.253 11.0.0.253 dport 7777 7777",
    f"set tests client raw {SHUT} data-req-plen 100 data-resp-plen 200", f"set tests criteria {SHUT} clients-estab 100 within 5",
    "start tests port 1", "start tests port 3", "start tests port 0", "start tests port 2")


def pictures(b, e, into, seconds):
    e.cli(*COMMANDS, options=("--name", "anna"))
    time.sleep(seconds)
    for name, dark, at in (("light", False, "top"), ("dark", True, "tests"), ("phone", False, "top"), ("phone-tests", True, "tests")):
        b.view(*((390, 780) if "phone" in name else (1280, 800)), dark)
        time.sleep(1.5)
        b.js("if (arguments[0] === 'top') scrollTo(0, 0); else document.getElementById('h-' + arguments[0]).scrollIntoView()", at)
        if at != "top":
            b.js("scrollBy(0, -70)")
        time.sleep(1.5)
        b.shot(into / f"page-{name}.png")
    b.view(1280, 420, False)
    b.js("scrollTo(0, 0)")
    e.kill()
    wait_for(lambda: b.js("return document.getElementById('status').dataset.is") == "gone")
    time.sleep(8)
    b.shot(into / "page-gone.png")


def main():
    into = TOP / "doc/images"
    into.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as d:
        e = Engine(pathlib.Path(d) / "engine", *OPTIONS, prefix="lab")
        x = b = None
        try:
            x = Exporter(pathlib.Path(d), e.prefix)
            b = Browser()
            b.open(f"http://127.0.0.1:{x.port}/")
            pictures(b, e, into, float(sys.argv[1]) if len(sys.argv) > 1 else 75)
        finally:
            for what in (b and b.close, x and x.stop, e.stop):
                if what:
                    what()


main()
