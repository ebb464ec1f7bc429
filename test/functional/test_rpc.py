"""warp17-cli --rpc on an engine: every method, operators, errors, batches, subscriptions, and how it begins and ends. What it
withstands is in test_rpc_limits.py."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import jsonschema
import pytest
from rpc import Client, Server
from test_traffic import L3, RING, pair
from warp17 import CLI, TOP, wait_for

OPENRPC = json.loads((TOP / "doc/schema/openrpc.json").read_text())
TC = {"port": 0, "test_case_id": 0}
TALK = ("raw", "data-req-plen 10 data-resp-plen 10")


@pytest.fixture
def rpc(tmp_path):
    """rpc(engine, *options) starts a server. At the end of the test it must end as it should."""
    servers = []

    def start(engine, *options, **kw):
        servers.append(Server(engine, tmp_path / f"rpc{len(servers)}", *options, **kw))
        return servers[-1]

    yield start
    codes = [(s.end(), s.log.read_text()) for s in servers]
    assert all(c in (0, 3, -signal.SIGKILL) for c, _ in codes), codes


def two(engine, rpc, *options):
    """An engine and its server."""
    e = engine(*RING)
    return e, rpc(e, *options)


def operators(e):
    return {o["name"]: o for o in e.show("operators")["operators"]}


def document():
    return json.loads(subprocess.run([CLI, "--reference", "openrpc"], capture_output=True, check=True, timeout=30).stdout)


# ---- methods


def test_the_description_is_openrpc(engine, rpc):
    e, s = two(engine, rpc)
    c = s.client()
    doc = c.call("rpc.discover")
    jsonschema.Draft7Validator.check_schema(OPENRPC)
    jsonschema.validate(doc, OPENRPC)
    assert doc == document()  # needs no engine
    assert len(operators(e)) == 2  # asking that makes no operator of it: these are the server, and who looks
    parts = {"components": doc["components"]}
    for m in doc["methods"]:
        for p in [*m["params"], m["result"]]:
            jsonschema.Draft7Validator.check_schema({**parts, **p["schema"]})


SHOWN = {"show.config": {}, "show.tests.config": {"port": 0}, "show.tests.state": {"port": 0}, "show.tests.stats": TC,
         "show.tests.tcp_options": TC, "show.tests.vlan_options": TC, "show.tests.ipv4_options": TC, "show.tests.latency": TC,
         "show.tests.response_times": TC, "show.tests.faults": {"port": 0}, "show.tests.imix": {}, "show.audit": {"last": 3}, "show.events": {}}


def shape(v):
    """What a value is made of, without its numbers."""
    if isinstance(v, dict):
        return {k: shape(x) for k, x in v.items()}
    if isinstance(v, list):
        return [shape(x) for x in v[:1]]
    return "number" if isinstance(v, (int, float)) and not isinstance(v, bool) else type(v).__name__


def test_every_view_is_the_clis_and_as_described(engine, rpc):
    e, s = two(engine, rpc)
    pair(e, TALK, TALK, extra=("set tests ipv4-options port 0 test-case-id 0 tx-timestamp 1 rx-timestamp 1",
                               "set tests latency port 0 test-case-id 0 max 100 samples 10",
                               "set tests response-times port 0 test-case-id 0 from request", "set tests faults port 0 delay 0.001",
                               "set tests imix app-index 3 server http 200-OK resp-size 10", "set tests imix app-index 3 weight 5",
                               "add tests imix-id 2 app 3"))
    wait_for(lambda: e.stats(0)["responses"] > 100)
    c = s.client()
    doc = c.call("rpc.discover")
    shows = [m for m in doc["methods"] if m["name"].startswith("show.")]
    assert len(shows) > 35 and set(SHOWN) <= {m["name"] for m in shows}
    for m in shows:
        for params in [SHOWN.get(m["name"], {}), *([{"details": True, "port": 1}] if m["name"].endswith(".statistics") else [])]:
            view = c.call(m["name"], **params)
            jsonschema.validate(view, {"components": doc["components"], **m["result"]["schema"]})
            words = m["name"].split(".")[1:]
            line = " ".join(w.replace("_", "-") if w != "l3_intf" else w for w in words)
            args = " ".join("details" if v is True else f"{k.replace('_', '-')} {v}" for k, v in params.items())
            by_cli = e.show(f"{line} {args}".strip())
            if m["name"] != "show.operators":
                assert shape(view) == shape(by_cli), m["name"]
    c.call("stop.tests", port=0)
    c.call("stop.tests", port=1)
    assert c.call("show.tests.config", port=0) == e.show("tests config port 0")


def test_a_whole_test_case_by_json_alone(engine, rpc):
    e, s = two(engine, rpc)
    c = s.client(local=True)
    assert c.call("add.tests.l3_intf", port=0, ip="10.0.0.1", mask="255.255.255.0") == {"message": ""}
    c.call("add.tests.l3_intf", port=1, ip="10.0.0.253", mask="255.255.255.0")
    server = {"port": 1, "test_case_id": 0}
    c.call("add.tests.server", proto="tcp", src="10.0.0.253", sport=6000, **server)
    c.call("set.tests.server.http", status="200-OK", resp_size=100, **server)
    c.call("add.tests.client", proto="tcp", src={"first": "10.0.0.1", "last": "10.0.0.1"}, sport="10001-10100",
           dest="10.0.0.253-10.0.0.253", dport={"first": 6000, "last": 6000}, **TC)
    c.call("set.tests.client.http", method="GET", host="www.foo42.net", object="/", req_size=0, **TC)
    c.call("set.tests.client.http.field", http_field="X-Test: \"1\"", **TC)
    c.call("set.tests.criteria", criterion="clients-estab", count=100, **TC)
    c.call("set.tests.timeouts", uptime="infinite", init=0, **TC)
    c.call("set.tests.tcp_options", sack=False, win_size=100000, congestion="newreno", **TC)
    c.call("set.tests.faults", port=0, delay=0.5, loss="0.01%")
    config = e.show("tests config port 0")["tests"]["test_case_0"]
    assert config["sport"] == "10001-10100" and config["http_fields"] == "X-Test: \"1\"\r\n"
    assert e.show("tests tcp-options port 0 test-case-id 0")["sack"] == 0
    assert e.show("tests faults port 0")["tx"]["loss_percent"] == 0.01
    for p in (1, 0):
        c.call("start.tests", port=p)
    wait_for(lambda: c.call("show.tests.state", port=0)["tests"][0]["state"] == "PASSED")
    wait_for(lambda: c.call("show.tests.stats", **TC)["stats"]["responses"] > 1000)
    for p in (0, 1):
        c.call("stop.tests", port=p)
    assert c.call("show.tests.stats", **TC)["stats"] == e.stats(0)
    assert c.call("show.config")["lines"] == e.show("config")["lines"]
    c.call("del.tests.faults", port=0)


def test_link_rate_takes_a_second_of_its_own_client_only(engine, rpc):
    _, s = two(engine, rpc)
    a, b = s.client(), s.client()
    a.post("show.link.rate")
    began = time.monotonic()
    b.call("show.version")
    assert time.monotonic() - began < 0.7
    view = a.answer()["result"]
    assert 0.8 < view["seconds"] < 3 and time.monotonic() - began > 0.8 and len(view["ports"]) == 2


def test_each_client_clears_for_itself(engine, rpc):
    e, s = two(engine, rpc)
    pair(e, TALK, TALK)
    wait_for(lambda: e.stats(0)["responses"] > 1000)
    e.stop_tests(0, 1)
    a, b = s.client(), s.client()
    assert a.call("clear.statistics") == {}
    assert a.call("show.tcp.statistics")["since_clear"] and a.call("show.tcp.statistics")["total"]["tx_syn"] == 0
    assert a.call("show.tests.stats", **TC)["stats"]["responses"] == 0
    assert b.call("show.tcp.statistics")["total"]["tx_syn"] >= 100 and b.call("show.tests.stats", **TC)["stats"]["responses"] > 1000


# ---- operators


def test_each_client_is_an_operator_of_its_own(engine, rpc):
    e, s = two(engine, rpc)
    anna, bob = s.client(), s.client(local=True)
    info = anna.call("session.open", name="anna")
    assert info["name"] == "anna" and not info["read_only"] and info["engine"]["pid"] == e.proc.pid
    assert info["server"]["pid"] == s.proc.pid and info["peer"].startswith("127.0.0.1:")
    assert bob.call("session.open", name="bob", read_only=True)["peer"] == f"uid {os.getuid()} pid {os.getpid()}"
    there = operators(e)
    assert {"anna", "bob", "rpc-server"} <= set(there) and there["bob"]["read_only"] and there["rpc-server"]["read_only"]
    assert {o["pid"] for n, o in there.items() if n in ("anna", "bob", "rpc-server")} == {s.proc.pid}
    assert anna.call("acquire.port", port=0) == {"message": ""}
    assert anna.call("session.info")["ports"] == [0] and bob.call("session.info")["ports"] == []
    refused = bob.fails("stop.tests", port=1)
    assert (refused.code, refused.message, refused.data) == (4, "operator bob may only look", {"exit_code": 4, "errno": -1})
    carl = s.client()
    refused = carl.fails("add.tests.l3_intf", port=0, ip="10.0.0.1", mask="255.255.255.0")
    assert refused.code == 4 and refused.data["errno"] == -16
    assert re.fullmatch(rf"port 0 is held by anna \(pid {s.proc.pid}\) since .*: acquire port 0 force takes it", refused.message)
    assert carl.call("session.info")["name"] == f"rpc@127.0.0.1:{carl.socket.getsockname()[1]}" in operators(e)
    assert carl.fails("session.open", name="late").message.startswith("this connection has its session")
    assert e.cli(L3[0], check=False)[0]["code"] == -16
    anna.close()
    wait_for(lambda: "anna" not in operators(e), 1)
    assert carl.call("add.tests.l3_intf", port=0, ip="10.0.0.1", mask="255.255.255.0") == {"message": ""}
    by = {c["operator"]["name"] for c in e.show("audit")["changes"]}
    assert {"anna", "bob", carl.call("session.info")["name"]} <= by
    # who leaves takes nothing of the others' with it: the process's files are there until it ends
    assert list(e.rundir().glob(f"mp_socket_{s.proc.pid}_*")) and list(e.rundir().glob(f"fbarray_*_{s.proc.pid}"))
    s.end()
    wait_for(lambda: not list(e.rundir().glob(f"*_{s.proc.pid}*")), 2)


def test_a_client_is_told_when_its_port_is_taken(engine, rpc):
    e, s = two(engine, rpc)
    anna = s.client()
    anna.call("session.open", name="anna")
    anna.call("acquire.port", port=1)
    assert anna.call("subscribe", events=True) == {"subscription": 1}
    e.cli("acquire port 1 force", options=("--name", "bob"))
    while (told := anna.notification("event"))["event"]["event"] != "port-taken":
        pass
    assert told["event"]["text"].startswith("port 1 was taken from anna by bob") and told["lost"] == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_when_the_server_ends_all_of_its_operators_leave(engine, rpc, sig):
    e, s = two(engine, rpc)
    clients = [s.client() for _ in range(5)]
    for i, c in enumerate(clients):
        c.call("session.open", name=f"c{i}")
    clients[0].call("acquire.port", port=0)
    assert len(operators(e)) == 7
    s.proc.send_signal(sig)
    assert s.proc.wait(5) == (0 if sig == signal.SIGTERM else -sig)
    wait_for(lambda: len(operators(e)) == 1, 1)
    assert e.show("port info")["ports"][0]["held_by"] is None
    assert clients[0].receive() is None
    assert os.path.exists(s.path) == (sig == signal.SIGKILL)
    again = rpc(e, at=("127.0.0.1:0", f"unix:{s.path}"))  # over the file that it left
    assert Client(s.path).call("show.version")["pid"] == e.proc.pid and again.proc.poll() is None


def test_names_are_judged(engine, rpc):
    _, s = two(engine, rpc)
    c = s.client()
    for name in ("", "a b", "a/b", "x" * 32, "ä", 7, "a\n"):
        e = c.fails("session.open", name=name)
        assert e.code == -32602 and e.data["parameter"] == "name" and e.data["where"] == "params.name", e.message
    assert c.call("session.open", name="x" * 31)["name"] == "x" * 31


# ---- errors, batches, notifications


def test_errors_have_the_engines_sentence(engine, rpc):
    e, s = two(engine, rpc)
    c = s.client()
    for method, params, line in (("start.tests", {"port": 0}, "start tests port 0"),
                                 ("show.tests.stats", {"port": 1, "test_case_id": 7}, "show tests stats port 1 test-case-id 7"),
                                 ("show.tests.state", {"port": 9}, "show tests state port 9"),
                                 ("release.port", {"port": 1}, "release port 1"),
                                 ("add.tests.l3_gw", {"port": 0, "gw": "::1"}, "add tests l3_gw port 0 gw ::1")):
        by_cli = e.cli(line, check=False)[0]
        told = c.fails(method, **params)
        assert (told.message, told.data["errno"], told.code) == (by_cli["error"], by_cli["code"], 1), method
    told = c.fails("set.tests.rate", open="many", **TC)
    assert told.code == -32602 and told.data == {"exit_code": 2, "parameter": "open", "where": "params.open",
                                                 "expected": "0..4294967294 or infinite"}
    assert c.fails("no.such.method").code == -32601
    assert c.fails("show.tests.ui").code == -32601


ADDRESS = "'10.0.0.300' is not an IP address"
PORT = "70000 is out of range, expected <port> <port>, 1..65535"


WRONG_RANGES = [
    ("src", {"first": "10.0.0.300", "last": "10.0.0.9"}, ".first", ADDRESS),
    ("src", {"first": "10.0.0.1", "last": "10.0.0.300"}, ".last", ADDRESS),
    ("src", {"first": "10.0.0.300", "last": "10.0.0.300"}, ".first", ADDRESS),
    ("src", {"first": "10.0.0.1", "last": ""}, ".last", "'' is not an IP address"),
    ("src", {"first": 1, "last": "10.0.0.9"}, ".first", "an integer given"),
    ("src", {"first": "10.0.0.1", "last": None}, ".last", "null given"),
    ("src", {"first": "10.0.0.9", "last": "10.0.0.1"}, "", "range reversed: 10.0.0.9 > 10.0.0.1"),
    ("src", {"first": "10.0.0.1", "last": "::1"}, "", "10.0.0.1 and ::1 are of different families"),
    ("src", {"first": "10.0.0.1"}, "", "an object given"),
    ("src", {"first": "10.0.0.1", "end": "10.0.0.9"}, "", "an object given"),
    ("src", "10.0.0.300-10.0.0.9", "", ADDRESS), ("src", "10.0.0.1-10.0.0.300", "", ADDRESS), ("src", "10.0.0.300", "", ADDRESS),
    ("src", "10.0.0.9-10.0.0.1", "", "range reversed"), ("src", ["10.0.0.1", "10.0.0.9"], "", "a list given"),
    ("sport", {"first": 70000, "last": 70001}, ".first", PORT),
    ("sport", {"first": 0, "last": 1}, ".first", "0 is out of range"),
    ("sport", {"first": 1, "last": 70000}, ".last", PORT),
    ("sport", {"first": 1, "last": "2"}, ".last", "a text given"),
    ("sport", {"first": 2, "last": 1}, "", "range reversed: 2 > 1"),
    ("sport", "1-70000", "", PORT), ("sport", 70000, "", PORT), ("sport", [1, 2], "", "a list given")]


def test_where_a_range_is_wrong(engine, rpc):
    """The end of an object that is wrong by itself; else the whole of it, as of a text."""
    _, s = two(engine, rpc)
    c = s.client()
    for name, value, where, why in WRONG_RANGES:
        told = c.fails("add.tests.server", **{"proto": "tcp", "src": "10.0.0.1", "sport": 1, **TC, name: value})
        assert (told.code, told.data["parameter"], told.data["where"]) == (-32602, name, f"params.{name}{where}"), (value, told.data)
        assert told.message.startswith(f"{name}: {why}"), (value, told.message)


def test_batches_and_notifications(engine, rpc):
    e, s = two(engine, rpc)
    c = s.client()
    ask = {"jsonrpc": "2.0", "id": 1, "method": "show.version"}
    add = {"jsonrpc": "2.0", "method": "add.tests.l3_intf", "params": {"port": 0, "ip": "10.0.0.1", "mask": "255.0.0.0"}}
    c.send([ask, add, {**ask, "id": "x", "method": "show.tests.config", "params": {"port": 0}}, 1, {**ask, "id": None},
            {"jsonrpc": "2.0", "method": "nosuch"}, {**add, "id": 2.5}])
    a = c.receive()
    assert [x["id"] for x in a] == [1, "x", None, None, 2.5]
    assert [x["ip"] for x in a[1]["result"]["l3_interfaces"]] == ["10.0.0.1"]  # in their order
    assert a[2]["error"]["code"] == -32600 and a[3]["result"]["pid"] == e.proc.pid and a[4]["error"]["code"] == 1
    c.send([add, add])
    c.send({**add, "params": {"port": 1, "ip": "10.0.0.2", "mask": "255.0.0.0"}})
    assert c.silent(0.3)
    assert len(e.show("tests config port 1")["l3_interfaces"]) == 1
    c.send([])
    assert c.receive()["error"]["code"] == -32600
    c.send(b'{"jsonrpc": "2.0", "id": 1, "method": \n')
    a = c.receive()
    assert a["error"]["code"] == -32700 and a["id"] is None and a["error"]["data"]["exit_code"] == 2
    assert c.call("rpc.ping")["version"]  # and goes on
    c.send(b"\r\n  \n" + json.dumps(ask).encode())  # the last line needs no end when the client has said all
    c.socket.shutdown(socket.SHUT_WR)
    assert c.receive()["id"] == 1 and c.receive() is None


def test_requests_in_pieces_and_many_at_once(engine, rpc):
    _, s = two(engine, rpc)
    c = s.client()
    for b in json.dumps({"jsonrpc": "2.0", "id": 5, "method": "rpc.ping"}).encode() + b"\n":
        c.send(bytes([b]))
    assert c.receive()["id"] == 5
    for i in range(500):
        c.post("set.syslog", level="INFO" if i % 2 else "DEBUG")
    assert [c.receive()["id"] for _ in range(500)] == list(range(1, 501))


def test_the_session_is_closed_politely(engine, rpc):
    e, s = two(engine, rpc)
    c = s.client()
    c.call("session.open", name="anna")
    assert c.call("session.close") == {} and c.receive() is None
    wait_for(lambda: "anna" not in operators(e), 1)


# ---- subscriptions


def test_events_as_they_happen_and_those_before(engine, rpc):
    e, s = two(engine, rpc)
    e.cli(*L3)
    e.cli("acquire port 0", options=("--name", "anna"))
    a, b = s.client(), s.client()
    assert b.call("subscribe", events=True, since=0)["subscription"] == 1
    seen = []
    while "port-released" not in seen:
        seen.append(b.notification("event")["event"]["event"])
    assert "port-acquired" in seen
    a.call("subscribe", events=True)
    e.cli("acquire port 1", options=("--name", "carl"))
    n = a.notification("event")
    while n["event"]["event"] != "port-acquired":
        n = a.notification("event")
    assert n["subscription"] == 1 and n["event"]["operator"]["name"] == "carl" and n["event"]["port"] == 1
    assert a.call("unsubscribe", subscription=1) == {}
    assert a.fails("unsubscribe", subscription=1).message == "there is no such subscription"
    a.told.clear()
    e.cli("acquire port 1", options=("--name", "dora"))
    assert a.silent(0.5)


def test_statistics_again_and_again(engine, rpc):
    e, s = two(engine, rpc)
    pair(e, TALK, TALK)
    c = s.client()
    first = c.call("subscribe", method="show.tests.stats", params=TC, interval_ms=100)["subscription"]
    rate = c.call("subscribe", method="show.link.rate", interval_ms=300)["subscription"]
    seen = [c.notification("statistics") for _ in range(12)]
    of = [n for n in seen if n["subscription"] == first]
    assert [n["seq"] for n in of] == list(range(len(of))) and of[0]["method"] == "show.tests.stats"
    counts = [n["result"]["stats"]["responses"] for n in of]
    assert counts == sorted(counts) and counts[0] < counts[-1]
    gaps = [(b["realtime_ns"] - a["realtime_ns"]) / 1e9 for a, b in zip(of, of[1:])]
    assert 0.05 < sum(gaps) / len(gaps) < 0.4, gaps
    rates = [n for n in seen if n["subscription"] == rate]
    assert rates and rates[0]["result"]["ports"][0]["tx_pkts_per_second"] > 0
    assert c.call("rpc.ping")["realtime_ns"] > of[-1]["realtime_ns"]  # requests go on between
    e.stop_tests(0, 1)
    e.cli("del tests port 0 test-case-id 0")
    wait_for(lambda: (n := c.notification("statistics"))["subscription"] == first
             and n.get("error", {}).get("message") == "port 0 has no test case 0")
    c.call("unsubscribe", subscription=first)
    c.call("unsubscribe", subscription=rate)
    c.told.clear()
    assert c.silent(0.5)


def test_what_cannot_be_subscribed_to(engine, rpc):
    _, s = two(engine, rpc)
    c = s.client()
    assert c.fails("subscribe").code == -32602
    assert c.fails("subscribe", events=True, method="show.version").code == -32602
    assert c.fails("subscribe", method="start.tests", params={"port": 0}).data["parameter"] == "method"
    assert c.fails("subscribe", method="show.version", interval_ms=99).data["parameter"] == "interval_ms"
    e = c.fails("subscribe", method="show.tests.stats", params={"port": 0})
    assert e.data["parameter"] == "test_case_id" and e.data["where"] == "params.params.test_case_id"
    for i in range(16):
        assert c.call("subscribe", method="show.version", interval_ms=3600000)["subscription"] == i + 1
    assert c.fails("subscribe", events=True).code == 1


# ---- beginning and end


def test_the_default_places(engine, tmp_path):
    e = engine(*RING)
    free = socket.socket()
    try:
        free.bind(("127.0.0.1", 42424))
    except OSError:
        pytest.skip("somebody has port 42424")
    free.close()
    s = Server(e, tmp_path / "rpc", at=())
    try:
        path = e.rundir() / "rpc.sock"
        assert path.stat().st_mode & 0o777 == 0o660
        assert Client(str(path)).call("show.version") == Client(("127.0.0.1", 42424)).call("show.version")
        done = subprocess.run([CLI, "--prefix", e.prefix, "--rpc"], capture_output=True, text=True, timeout=20)
        assert done.returncode == 1 and "42424: Address already in use (is another RPC server running?)" in done.stderr
    finally:
        assert s.end() == 0
    assert not path.exists()


@pytest.mark.parametrize("args, why", [
    (("--rpc", "nonsense"), "'nonsense' given, expected ADDR:PORT, [ADDR6]:PORT or unix:PATH"),
    (("--rpc=0.0.0.0:0",), "--token-file is needed"), (("--rpc", "[::]:0"), "--token-file is needed"),
    (("--rpc", "-c", "show version"), "--rpc takes no commands"), (("--rpc", *["127.0.0.1:0"] * 9), "one place too many"),
    (("--rpc", "--token-file", "/nowhere"), "/nowhere No such file"), (("--token-file", "/dev/null"), "is no file")])
def test_usage(args, why):
    done = subprocess.run([CLI, "--prefix", "nobody", *args], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and why in done.stderr, done.stderr


def test_the_end_of_the_engine_is_told(engine, rpc):
    e, s = two(engine, rpc)
    pair(e, TALK, TALK)
    wait_for(lambda: e.stats(0)["responses"] > 100)
    c, idle = s.client(), s.client()
    c.call("set.tests.faults", port=0, loss=100)
    idle.call("show.version")
    c.post("stop.tests", port=0)  # FINs are lost, so it waits
    time.sleep(0.2)
    e.kill()
    a = c.receive()
    assert a["error"]["code"] == 3 and a["error"]["message"] == "the engine is gone" and c.receive() is None
    assert idle.receive() is None
    assert s.proc.wait(5) == 3 and "the engine is gone" in s.log.read_text()


def test_an_engine_that_comes_later(engine, rpc, tmp_path):
    prefix = f"w17r-{os.getpid()}"
    proc = subprocess.Popen([CLI, "--prefix", prefix, "--rpc", f"unix:{tmp_path}/s", "--wait", "20"], stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(0.3)
        e = engine(*RING, prefix=prefix)
        assert "RPC READY" in proc.stderr.readline()
        assert Client(f"{tmp_path}/s").call("show.version")["pid"] == e.proc.pid
    finally:
        proc.terminate()
        assert proc.wait(10) == 0
        proc.stderr.close()


# ---- what doc/rpc.md says


def examples(word):
    """The indented lines of doc/rpc.md that hold a word."""
    return [line[4:] for line in (TOP / "doc/rpc.md").read_text().splitlines() if line.startswith("    ") and word in line]


@pytest.mark.parametrize("word", ["| nc ", "/dev/tcp/"])
def test_the_one_liners_of_the_manual(engine, rpc, word):
    e, s = two(engine, rpc)
    lines = examples(word)
    assert lines
    for line in lines:
        done = subprocess.run(["bash", "-c", line.replace("42424", str(s.port))], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and json.loads(done.stdout.splitlines()[0])["result"]["pid"] == e.proc.pid, (line, done)


def test_every_rpc_of_the_original_has_its_method():
    text = (TOP / "doc/rpc.md").read_text()
    table = text[text.index("## From the original's RPCs"):]
    names = {m["name"] for m in document()["methods"]}
    used = set(re.findall(r"`([a-z0-9_]+(?:\.[a-z0-9_]+)+)`", table))
    assert used <= names, used - names
    for rpc_name in ("GetVersion", "ConfigurePort", "GetPortCfg", "ConfigureTestCase", "GetTestCase", "DelTestCase", "ConfigureImixGroup",
                     "GetImixGroup", "DelImixGroup", "SetPortOptions", "GetPortOptions", "SetTcpSockopt", "GetTcpSockopt",
                     "SetIpv4Sockopt", "GetIpv4Sockopt", "SetVlanSockopt", "GetVlanSockopt", "PortStart", "PortStop", "GetTestStatus",
                     "GetImixStatistics", "GetStatistics", "ClearStatistics", "ConfigureL3Intf", "ConfigureL3Gw", "UpdateTestCase",
                     "GetTestCaseApp", "UpdateTestCaseApp"):
        assert f"| {rpc_name} |" in table, rpc_name
    assert pathlib.Path(TOP / "doc/rpc-methods.md").exists()
