"""Takes the pictures of the live page for doc/images: an engine under load, the exporter, Chromium. make pictures; a minute and a half."""
import pathlib
import tempfile
import time

from browser import Browser
from test_exporter import Exporter
from warp17 import TOP, Engine, wait_for

TO = TOP / "doc/images"
SECONDS = 60  # of traffic, for the charts
RING = ("--ring-if-pairs", "1", "--tcb-pool-sz", "64", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "32")


def client(tcid, ports, *more):
    whose = f"port 0 test-case-id {tcid}"
    return (f"add tests client tcp {whose} src 10.0.0.1 10.0.0.1 sport {ports} dest 10.0.0.253 10.0.0.253 dport {80 + tcid} {80 + tcid}",
            *(f"set tests {what} {whose} {how}" for what, how in more))


COMMANDS = (
    "add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0", "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0",
    *(c for i in range(3) for c in (
        f"add tests server tcp port 1 test-case-id {i} src 10.0.0.253 10.0.0.253 sport {80 + i} {80 + i}",
        f"set tests server http port 1 test-case-id {i} 200-OK resp-size 2000",
        f"set tests ipv4-options port 1 test-case-id {i} tx-timestamp 1 rx-timestamp 1")),
    # sessions that come and go; some that come up once; more than can come up in their time, for nobody answers there
    *client(0, "10001 20000", ("client http", "GET warp17.example /index.html req-size 0"), ("rate", "open 2000"), ("rate", "close 2000"),
            ("rate", "send 28000"), ("timeouts", "uptime 4"), ("timeouts", "downtime 0"), ("criteria", "run-time 600"), ("async", ""),
            ("ipv4-options", "tx-timestamp 1 rx-timestamp 1"), ("response-times", "from request")),
    *client(1, "20001 20500", ("client http", "GET warp17.example /once req-size 0"), ("criteria", "clients-estab 500"), ("async", "")),
    *client(3, "30001 30100", ("client http", "GET warp17.example /nobody req-size 0"), ("criteria", "clients-estab 100 within 5"),
            ("async", "")),
    "start tests port 1")


def taken(b, engine):
    for name, dark, size, at in (("page-light", False, (1280, 800), None), ("page-dark", True, (1280, 800), "tests"),
                                 ("page-phone", False, (390, 780), None), ("page-phone-tests", False, (390, 780), "tests")):
        b.view(*size, dark)
        b.js("const e = document.getElementById(arguments[0])?.closest('section'); scrollTo(0, e ? e.offsetTop - 70 : 0)", at)
        time.sleep(2)
        b.shot(TO / f"{name}.png")
    b.view(1280, 420)
    b.js("scrollTo(0, 0)")
    engine.kill()
    wait_for(lambda: b.js("return document.getElementById('status')?.dataset.is") != "live", 10)
    time.sleep(1)
    b.shot(TO / "page-gone.png")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        engine = Engine(pathlib.Path(tmp), *RING, prefix="lab")
        exporter, b = Exporter(pathlib.Path(tmp), "lab"), Browser()
        try:
            engine.cli(*COMMANDS)
            wait_for(lambda: all(engine.state(1, i) == "PASSED" for i in range(3)))
            engine.cli("start tests port 0")
            wait_for(exporter.ready)
            b.open(f"http://127.0.0.1:{exporter.port}/")
            time.sleep(SECONDS)
            taken(b, engine)
        finally:
            b.close()
            exporter.stop(6)
            engine.kill()
            engine.stop()


if __name__ == "__main__":
    main()
