"""show link rate, and what the devices count beside the workers."""
import subprocess
import time

import pytest
from test_cli import shell, terminal  # noqa: F401 (fixtures)
from test_ui import CONFIG, RING
from warp17 import CLI, wait_for

UDP = ("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0", "add tests l3_intf port 1 ip 10.0.0.2 mask 255.255.255.0",
       "add tests server udp port 1 test-case-id 0 src 10.0.0.2 10.0.0.2 sport 7 7",
       "set tests server raw port 1 test-case-id 0 data-req-plen 1000 data-resp-plen 0",
       "add tests client udp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1 100 dest 10.0.0.2 10.0.0.2 dport 7 7",
       "set tests client raw port 0 test-case-id 0 data-req-plen 1000 data-resp-plen 0",
       "set tests rate port 0 test-case-id 0 send 2000", "start tests port 1", "start tests port 0")


def test_link_rate(engine):
    e = engine(*RING)
    e.cli(*UDP)
    wait_for(lambda: e.stats(0)["tx_msgs"] > 500)
    view = e.show("link rate")
    assert 0.9 < view["seconds"] < 5
    a, b = view["ports"]
    for p in (a, b):
        assert (p["link"], p["speed_mbps"], p["duplex"]) == ("UP", 10000, "full")
        for d in ("tx", "rx"):
            pps, mbps = p[d + "_pkts_per_second"], p[d + "_mbps"]
            assert p[d + "_percent"] == pytest.approx(100 * (mbps + pps * 24 * 8 / 1e6) / 10000, abs=0.001)
    assert 1000 < a["tx_pkts_per_second"] < 4000  # 2000, on a machine that does other things too
    assert a["tx_mbps"] == pytest.approx(a["tx_pkts_per_second"] * 1042 * 8 / 1e6, rel=0.02)
    assert b["rx_pkts_per_second"] == pytest.approx(a["tx_pkts_per_second"], rel=0.1)
    assert a["rx_pkts_per_second"] == b["tx_pkts_per_second"] == 0
    text = subprocess.run([CLI, "--prefix", e.prefix, "show link rate"], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL).stdout
    for word in ("Link", "Speed Mbit/s", "Duplex", "TX %", "RX %", "TX Mbit/s", "RX packets/s"):
        assert word in text, text


def test_devices_count_what_workers_do(engine):
    e = engine(*RING)
    e.cli(*CONFIG, "set tests client http port 0 test-case-id 0 GET h.example / req-size 7 requests 3",
          "start tests port 1", "start tests port 0")
    e.wait_passed(0)
    wait_for(lambda: e.stats(0)["open_now"] == 0)
    e.stop_tests(0, 1)

    def same():
        view = e.show("port statistics details")["ports"]
        return all(v["device"][k] == v["stats"][k] > 0 for v in view.values() for k in ("rx_pkts", "tx_pkts"))
    wait_for(same)
    _, view = (a["result"] for a in e.cli("clear statistics port 0", "show port statistics"))
    assert not any(view["ports"]["0"]["device"].values()) and view["ports"]["1"]["device"]["rx_pkts"] > 0
    text = subprocess.run([CLI, "--prefix", e.prefix, "show port statistics details"], capture_output=True, text=True,
                          timeout=30, stdin=subprocess.DEVNULL).stdout
    for label in ("The ports' devices", "Rx Missed", "Rx Errors", "Tx Errors", "Rx No Mbuf"):
        assert label in text, text


def test_the_wait_ends_when_nobody_wants_it(shell):  # noqa: F811
    def interrupted():
        shell.send("show link rate\n")
        shell.expect("show link rate\n")
        time.sleep(0.3)  # of the second that it takes, if the machine has time for us
        shell.send("\x03")
        return "no longer wanted" in shell.expect(shell.prompt)
    assert any(interrupted() for _ in range(5))
    assert "prefix" in shell.ask("show version", shell.prompt)
    shell.send("show link rate\n")
    shell.engine.kill()
    assert shell.left() == 3
