"""clear statistics: one CLI counts from then on, the others and the engine know nothing of it."""
import json
import subprocess

import pytest
from test_ui import CONFIG, RING
from warp17 import CLI, wait_for

TC = "tests stats port 0 test-case-id 0"


@pytest.fixture
def done(engine):
    """An engine on which 100 sessions did 3 requests each, and nothing moves any more."""
    e = engine(*RING)
    e.cli(*CONFIG, "set tests client http port 0 test-case-id 0 GET h.example / req-size 7 requests 3",
          "start tests port 1", "start tests port 0")
    e.wait_passed(0)
    wait_for(lambda: e.stats(0)["open_now"] == 0)
    e.stop_tests(0)
    return e


def results(e, *commands):
    return [a["result"] for a in e.cli(*commands)]


@pytest.mark.parametrize("clear", ["clear statistics", "clear stats"])
def test_all_count_from_then_on(done, clear):
    before, tc, _, after, tc_after, timers = results(done, "show tcp statistics", "show " + TC, clear, "show tcp statistics",
                                                     "show " + TC, "show msg statistics details")
    assert before["total"]["tx_syn"] == 200 and tc["stats"]["estab"] == 100
    assert after["since_clear"] and "since_clear" not in before
    assert not any(after["total"].values()) and set(after["total"]) == set(before["total"])
    assert not any(p["stats"]["rx_pkts"] for p in after["ports"].values())
    assert tc_after["stats"]["estab"] == tc_after["stats"]["requests"] == 0
    assert tc_after["stats"]["last_estab_us"] == tc["stats"]["last_estab_us"] > 0  # a maximum
    assert timers["lcores"]["lcore_1"]["rcvd"] == 0
    # nobody else
    assert done.show("tcp statistics")["total"] == before["total"]
    assert done.show(TC)["stats"] == tc["stats"]


def test_of_one_port(done):
    before, _, after, other, lcores = results(done, "show tcp statistics", "clear stats port 0", "show tcp statistics",
                                              "show " + TC.replace("0 test-case-id 0", "1 test-case-id 3"),
                                              "show msg statistics")
    assert not any(after["ports"]["0"]["stats"].values())
    assert after["ports"]["1"] == before["ports"]["1"] and after["total"] == before["ports"]["1"]["stats"]
    assert other["stats"]["estab"] == 100 and lcores["total"]["rcvd"] > 0
    assert "ports 0..1" in done.cli("clear statistics port 2", check=False)[0]["error"]


def test_gauges_stay_and_what_begins_anew_counts_from_there(engine):
    e = engine(*RING)
    e.cli(*CONFIG, "set tests rate port 0 test-case-id 0 send 0", "start tests port 1", "start tests port 0")
    e.wait_passed(0)
    tsm, tc = results(e, "clear statistics", "show tsm statistics", "show " + TC)[1:]
    assert tsm["total"]["in_estab"] == 200 and tc["stats"]["estab_now"] == 100 and tc["stats"]["estab"] == 0
    # cleared while it ran, and again started by the same CLI
    cli = subprocess.Popen([CLI, "--prefix", e.prefix, "-j"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(command):
        cli.stdin.write(command + "\n")
        cli.stdin.flush()
        return json.loads(cli.stdout.readline())["result"]

    for command in ("clear statistics", "stop tests port 0", "start tests port 0"):
        ask(command)
    wait_for(lambda: ask("show " + TC)["stats"]["estab"] == 100)
    assert ask("show " + TC)["stats"]["opened"] == 100
    ask("clear statistics")
    assert ask("show " + TC)["stats"]["estab"] == 0
    cli.communicate(timeout=30)
    assert cli.returncode == 0


def test_the_text_says_so(done):
    text = subprocess.run([CLI, "--prefix", done.prefix, "-c", "clear statistics", "-c", "show udp statistics"],
                          capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL).stdout
    assert text.startswith("UDP datagrams and control blocks, since clear statistics\n")


def test_applications_and_latencies_count_from_then_on(engine):
    e = engine(*RING)
    e.cli(*CONFIG[:3], "set tests ipv4-options port 0 test-case-id 0 tx-timestamp 1",
          "add tests server tcp port 1 test-case-id 3 src 10.0.0.2 10.0.0.2 sport 80 80",
          "set tests ipv4-options port 1 test-case-id 3 rx-timestamp 1",
          "set tests latency port 1 test-case-id 3 samples 50",
          *(f"set tests imix app-index {i} {side} raw data-req-plen 10 data-resp-plen 10{more}"
            for i, (side, more) in enumerate((("client", " requests 3"), ("server", "")))),
          "set tests imix app-index 0 weight 1", "set tests imix app-index 1 weight 1",
          "add tests imix-id 0 app 0", "add tests imix-id 1 app 1",
          "set tests imix port 0 test-case-id 0 imix-id 0", "set tests imix port 1 test-case-id 3 imix-id 1",
          "start tests port 1", "start tests port 0")
    wait_for(lambda: e.stats(0)["responses"] == 300)
    e.stop_tests(0, 1)
    server = "show tests stats port 1 test-case-id 3"
    tc, before, imix, _, tc_after, after, imix_after = results(
        e, "show " + TC, server, "show tests imix", "clear statistics", "show " + TC, server, "show tests imix")
    assert tc["apps"][0]["stats"]["requests"] == imix["groups"][0]["apps"][0]["stats"]["requests"] == 300
    assert before["latency"]["global"]["samples"] > 300 and before["latency"]["recent"]["samples"] == 50
    assert tc_after["stats"]["requests"] == tc_after["apps"][0]["stats"]["requests"] == 0
    assert imix_after["groups"][0]["apps"][0]["stats"]["requests"] == 0
    assert after["latency"]["global"]["samples"] == after["latency"]["recent"]["samples"] == 0
    assert after["latency"]["global"]["min_ns"] is after["latency"]["global"]["p99_ns"] is None
    assert after["since_clear"] and imix_after["groups"][1]["since_clear"] and "since_clear" not in before
    assert e.show(server.removeprefix("show "))["latency"] == before["latency"]  # nobody else
