"""How much of a worker is used: show lcore load, the exporter, the screen."""
import subprocess

import pytest
from test_cli import terminal  # noqa: F401 (a fixture)
from test_ui import ui  # noqa: F401 (a fixture)
from test_link import UDP
from test_ui import RING
from warp17 import CLI, wait_for

def workers(e):
    return e.show("lcore load")["workers"]


def known(e):
    """When the first second is over."""
    return wait_for(lambda: (w := workers(e)) and all(x["load_percent"] is not None for x in w) and w, 20)


def test_idle_and_busy(engine):
    e = engine(*RING)
    assert known(e)[0]["load_percent"] < 1
    e.cli(*UDP)  # 2000 packets a second
    few = wait_for(lambda: (w := workers(e)[0])["tx_pkts_per_second"] > 1000 and w, 30)
    # a turn that loses its CPU is long: no more can be said of a machine that others load
    assert 0 < few["load_percent"] <= 100 and few["rx_pkts_per_second"] > 0, few
    assert few["packets_per_turn"] > 0 and few["cycles_per_packet"] > 50, few
    wait_for(lambda: workers(e)[0]["longest_turn_us"] > 0, 30)
    e.stop_tests(0)
    e.cli("set tests rate port 0 test-case-id 0 send infinite", "start tests port 0")
    full = wait_for(lambda: (w := workers(e)[0])["load_percent"] > 90 and w, 30)
    assert full["packets_per_turn"] > 10 and full["tx_pkts_per_second"] > few["tx_pkts_per_second"], full
    e.stop_tests(0, 1)
    wait_for(lambda: workers(e)[0]["load_percent"] < 1, 30)
    assert workers(e)[0]["cycles_per_packet"] is None


def test_the_same_in_every_view(engine):
    """Text, the exporter's JSON, and Prometheus' seconds."""
    e = engine(*RING, eal=("--lcores=0@0,3@1,5@1",))
    e.cli(*UDP)
    w = wait_for(lambda: all(x["tx_pkts_per_second"] for x in known(e)) and workers(e), 30)
    assert [(x["lcore"], x["cpu"]) for x in w] == [(3, 1), (5, 1)]
    text = subprocess.run([CLI, "--prefix", e.prefix, "show lcore load"], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL).stdout
    for word in ("Lcore", "CPU", "Load %", "RX packets/s", "TX packets/s", "Packets/turn", "Cycles/packet", "Longest turn us"):
        assert word in text, text
    a = e.document()
    loads = {lc["lcore"]: lc["load"] for lc in a["lcores"]}
    assert loads[-1] is None and set(loads) == {-1, 3, 5}
    for lcore in (3, 5):
        assert 0 < loads[lcore]["percent"] <= 100 and loads[lcore]["tx_packets_per_second"] > 0
    wait_for(lambda: e.stats(0)["tx_msgs"] > 2000)
    b = e.document()
    assert all(y["stats"]["lcore"]["busy_cycles"] > x["stats"]["lcore"]["busy_cycles"]
               for x, y in zip(a["lcores"], b["lcores"]) if x["role"] == "worker")
    assert all(x["stats"]["lcore"]["longest"] >= x["stats"]["lcore"]["longest_now"] for x in b["lcores"])


@pytest.mark.parametrize("cols", [80, 120])
def test_on_the_screen(ui, cols):  # noqa: F811
    s = ui(24, cols)
    s.until(lambda lines: "load " in lines[0] and " %" in lines[0])
    s.shell.send("\t\x1b[F")  # the ports' area, its end
    s.until(lambda lines: any("LCORE load %" in x and "us/turn" in x for x in lines))
    row = s.until(lambda lines: [x.split("|")[-1].split() for x in lines[-4:] if x.split("|")[-1].split()[:1] == ["1"]])[0]
    assert len(row) == 7 and 0 <= float(row[1]) <= 100, row
