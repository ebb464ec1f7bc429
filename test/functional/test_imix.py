"""IMIX: groups of applications, from the commands to the packets of a ring pair; and what is refused."""
import subprocess

import pytest
from warp17 import CLI, wait_for

RING = ("--ring-if-pairs", "1", "--tcb-pool-sz", "64", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")
TWO_WORKERS = ("--qmap-default", "max-q")
L3 = ("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
      "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0")
# app-index: weight, client, server; servers have 16 more
RAW = {1: (50, "raw data-req-plen 100 data-resp-plen 200", "raw data-req-plen 100 data-resp-plen 200"),
       3: (30, "raw data-req-plen 40 data-resp-plen 70", "raw data-req-plen 40 data-resp-plen 70"),
       4: (15, "raw data-req-plen 1200 data-resp-plen 10", "raw data-req-plen 1200 data-resp-plen 10"),
       5: (5, "raw data-req-plen 10 data-resp-plen 1300", "raw data-req-plen 10 data-resp-plen 1300")}
MIXED = {**RAW, 3: (30, "http GET www.foo42.net /index.html req-size 0", "http 200-OK resp-size 3000")}


def group(e, apps, clients=0, servers=1):
    for i, (weight, client, server) in apps.items():
        e.cli(f"set tests imix app-index {i} client {client}", f"set tests imix app-index {i} weight {weight}",
              f"set tests imix app-index {i + 16} server {server}", f"set tests imix app-index {i + 16} weight {weight}")
    e.cli(f"add tests imix-id {clients} app 1,3-5", f"add tests imix-id {servers} app 17,19-21")


def pair(e, proto, sports, extra=()):
    e.cli(*L3, f"add tests server {proto} port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 6000 6000",
          f"add tests client {proto} port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport {sports[0]} {sports[1]} "
          "dest 10.0.0.253 10.0.0.253 dport 6000 6000",
          "set tests imix port 1 test-case-id 0 imix-id 1", "set tests imix port 0 test-case-id 0 imix-id 0", *extra)


def apps(e, port):
    view = e.show(f"tests stats port {port} test-case-id 0")
    return view["stats"], {a["app_index"]: a for a in view["apps"]}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("proto,what", [("tcp", MIXED), ("udp", RAW)])
def test_messages_are_shared_by_weight(engine, proto, what, workers):
    e = engine(*RING, *(TWO_WORKERS if workers == 2 else ()), eal=("--lcores=0@0,1@1,2@1",) if workers == 2 else ())
    assert e.show("version")["workers"] == workers
    group(e, what)
    pair(e, proto, (10001, 10300), ("set tests rate port 0 test-case-id 0 send 5000", "start tests port 1", "start tests port 0"))
    wait_for(lambda: e.stats(0)["requests"] > 10000, 60)
    e.stop_tests(0, 1)
    (call, c), (sall, s) = apps(e, 0), apps(e, 1)
    total = sum(a["stats"]["requests"] for a in c.values())
    assert total == call["requests"] and call["behind_send"] == 0
    for i, (weight, client, _) in what.items():
        a, b = c[i]["stats"], s[i + 16]["stats"]
        assert c[i]["weight"] == weight and c[i]["app"] == client.split()[0]
        assert abs(a["requests"] / total - weight / 100) < 0.02 * weight / 100, (i, a["requests"], total)
        assert a["estab"] == b["estab"] == 3 * weight  # 300 sessions, exactly by weight
        assert a["requests"] == b["requests"] and b["rx_bytes"] == a["tx_bytes"]
        assert a["resp_errors"] == 0
    for field in ("requests", "tx_bytes", "rx_bytes", "estab", "closed"):
        assert call[field] == sum(a["stats"][field] for a in c.values())
        assert sall[field] == sum(a["stats"][field] for a in s.values())
    doc = [t for t in e.document()["test_cases"] if t["port"] == 0][0]
    assert {a["app_index"]: a["stats"]["tc"]["requests"] for a in doc["apps"]} == {i: a["stats"]["requests"] for i, a in c.items()}


def test_groups_and_applications_are_shown(engine):
    e = engine(*RING)
    assert e.show("tests imix") == {"groups": [], "apps": []}
    group(e, MIXED)
    pair(e, "tcp", (1, 100))
    view = e.show("tests imix")
    assert [g["imix_id"] for g in view["groups"]] == [0, 1]
    assert [(a["app_index"], a["weight"]) for a in view["groups"][0]["apps"]] == [(1, 50), (3, 30), (4, 15), (5, 5)]
    assert (view["groups"][1]["port"], view["groups"][1]["test_case_id"]) == (1, 0)
    http = [a for a in view["apps"] if a["app_index"] == 3][0]
    assert (http["side"], http["app"], http["host"], http["req_size"]) == ("client", "http", "www.foo42.net", 0)
    assert [g["imix_id"] for g in e.show("tests imix 1")["groups"]] == [1]
    assert not e.cli("show tests imix imix-id 7", check=False)[0]["ok"]
    config = e.show("tests config port 0")["tests"]["test_case_0"]
    assert (config["app"], config["imix_id"]) == ("imix", 0)
    assert e.show("tests state port 0")["tests"][0]["app"] == "imix"
    # a plain application takes the place of the group, which is free then
    e.cli("set tests client raw port 0 test-case-id 0 data-req-plen 1 data-resp-plen 1", "del tests imix-id 0")
    assert e.show("tests config port 0")["tests"]["test_case_0"]["app"] == "raw"


def test_what_makes_no_group_is_refused(engine):
    e = engine(*RING)
    e.refuses("set tests imix app-index 1 weight 5", "is no application yet")
    e.refuses("add tests imix-id 0 app 1", "is no application yet")
    e.cli("set tests imix app-index 1 client raw data-req-plen 1 data-resp-plen 1")
    e.refuses("add tests imix-id 0 app 1", "has no weight")
    for weight in (0, 101):
        e.refuses(f"set tests imix app-index 1 weight {weight}", "out of range")
    for apps in ("", "32", "5-1", "1,", "-1", "1-", "a"):
        assert not e.cli(f"add tests imix-id 0 app {apps}", check=False)[0]["ok"], apps
    for i in range(1, 18):
        e.cli(f"set tests imix app-index {i} client raw data-req-plen 1 data-resp-plen 1", f"set tests imix app-index {i} weight 1")
    e.refuses("add tests imix-id 0 app 1-17", "17 applications, at most 16")
    e.cli("add tests imix-id 0 app 1-16", "set tests imix app-index 1 weight 85")
    e.refuses("add tests imix-id 0 app 17", "there is an imix-id 0 already")
    e.refuses("set tests imix app-index 2 weight 2", "would make 101, at most 100")
    e.cli("set tests imix app-index 17 weight 16")
    e.refuses("add tests imix-id 1 app 1,17", "make 101, at most 100")
    e.cli("set tests imix app-index 20 server raw data-req-plen 1 data-resp-plen 1", "set tests imix app-index 20 weight 1",
          "set tests imix app-index 21 client http GET h / req-size 0", "set tests imix app-index 21 weight 1")
    e.refuses("add tests imix-id 1 app 2,20", "a group has one or the other")
    e.refuses("set tests imix app-index 20 server http http-field \"X: y\"", "app-index 20 is not HTTP")
    e.refuses("del tests imix-id 1", "there is no imix-id 1")
    e.cli("add tests imix-id 1 app 20", "add tests imix-id 2 app 2,21", *L3,
          "add tests client udp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1 9 dest 10.0.0.253 10.0.0.253 dport 1 1",
          "add tests client tcp port 0 test-case-id 1 src 10.0.0.1 10.0.0.1 sport 1 9 dest 10.0.0.253 10.0.0.253 dport 1 1")
    e.refuses("set tests imix port 0 test-case-id 0 imix-id 1", "test case 0 is a client, app-index 20 of the group a server")
    e.refuses("set tests imix port 0 test-case-id 0 imix-id 2", "HTTP runs over TCP")
    e.refuses("set tests imix port 0 test-case-id 0 imix-id 9", "there is no imix-id 9")
    e.cli("set tests imix port 0 test-case-id 0 imix-id 0")
    e.refuses("set tests imix port 0 test-case-id 1 imix-id 0", "a group serves one test case")
    e.refuses("del tests imix-id 0", "is used by test case 0 of port 0")
    e.refuses("set tests imix app-index 2 client http GET h / req-size 0", "HTTP runs over TCP")
    e.refuses("set tests imix app-index 2 server raw data-req-plen 1 data-resp-plen 1", "which is a client")


def test_a_running_group_does_not_change(engine):
    e = engine(*RING)
    group(e, MIXED)
    pair(e, "tcp", (1, 100), ("start tests port 1", "start tests port 0"))
    wait_for(lambda: e.stats(0)["requests"] > 100)
    before = e.show("tests imix")["apps"]
    e.refuses("set tests imix app-index 1 weight 40", "which is running: stop tests port 0 first")
    e.refuses("set tests imix app-index 1 client raw data-req-plen 1 data-resp-plen 1", "which is running")
    e.refuses("set tests imix app-index 3 client http http-field \"X: y\"", "which is running")
    e.refuses("del tests imix-id 0", "is used by test case 0")
    e.refuses("set tests imix port 0 test-case-id 0 imix-id 1", "is running")
    assert e.show("tests imix")["apps"] == before
    e.cli("set tests imix app-index 9 client raw data-req-plen 1 data-resp-plen 1")  # of no group
    e.stop_tests(0, 1)
    assert apps(e, 0)[1][1]["stats"]["requests"] > 0
    e.cli("set tests imix app-index 1 weight 40")
    assert apps(e, 0)[1][1]["stats"]["requests"] == 0 and e.state(0) == "IDLE"
    e.cli("start tests port 1", "start tests port 0")
    wait_for(lambda: e.stats(0)["requests"] > 100)
    e.stop_tests(0, 1)


def test_text_and_metrics_name_the_applications(engine):
    e = engine(*RING)
    group(e, MIXED)
    pair(e, "tcp", (1, 100), ("start tests port 1", "start tests port 0"))
    wait_for(lambda: e.stats(0)["requests"] > 100)
    e.stop_tests(0, 1)
    text = lambda c: subprocess.run([CLI, "--prefix", e.prefix, "-c", c], capture_output=True, text=True, timeout=60).stdout
    out = text("show tests stats port 0 test-case-id 0")
    assert "1 raw (50)" in out and "3 http (30)" in out and "All" in out
    out = text("show tests imix")
    assert "IMIX group 0: port 0, test case 0" in out and "Application 3: client, weight 30" in out and "/index.html" in out
