"""warp17-fleet with real engines: clients on one, servers on another, joined by memif or by veth; an engine that is killed; packets that
are lost; clocks and histograms whose answers are known; TLS and token; engines that it starts."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree

import pytest
from pyclient import client  # noqa: F401: first, for warp17_client
from rpc import Server
from schemas import check
from test_kernel import inside
from test_ports import veth  # noqa: F401: a fixture
from test_scripts import alive
from warp17 import TOP, wait_for
from warp17_client import fleet_plan
from warp17_client.histogram import Histogram
from warp17_client.plan import PlanError

FLEET = TOP / "scripts/warp17-fleet"
SMALL = ("--tcb-pool-sz", "32", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")
# management and worker of an engine share a CPU: two engines, two CPUs
LCORES = {"server": "--lcores=0@0,1@0", "client": "--lcores=0@1,1@1"}


def run(*args, timeout=120, **kw):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **kw)


@pytest.fixture
def serve(tmp_path):
    """serve(engine, *options): the address of an RPC server for it."""
    servers = []

    def start(e, *options, at=None):
        servers.append(Server(e, tmp_path / f"rpc{len(servers)}", *options, at=at))
        return f"127.0.0.1:{servers[-1].port}" if at else f"unix:{servers[-1].path}"
    yield start
    for s in servers:
        if s.proc.poll() is None:
            s.end()


@pytest.fixture
def pair(engine, tmp_path):
    """Two engines joined by a memif, {name: engine}."""
    return {name: engine(*SMALL, eal=(LCORES[name], f"--vdev=net_memif0,role={name},socket=w17-{os.getpid()}-{tmp_path.name}"))
            for name in ("server", "client")}


def http(addresses, sessions=1000, **top):
    """A plan, the client named first."""
    return {"schema": "warp17-fleet/1.0", "name": "test", "interval": 0.25, "engines": [
        {"name": "client", "attach": addresses["client"], "ports": [{"port": 0, "interfaces": [{"ip": "10.0.0.1/24"}]}],
         "cases": [{"name": "get", "port": 0, "criterion": {"clients-estab": sessions, "within": 20}, "rates": {"open": 2000},
                    "expect": {"failures": 0},
                    "client": {"proto": "tcp", "src": "10.0.0.1", "sport": f"10001-{10000 + sessions}", "dest": "10.0.0.253", "dport": 80,
                               "http": {"host": "www.example.net"}}}]},
        {"name": "server", "attach": addresses["server"], "ports": [{"port": 0, "interfaces": [{"ip": "10.0.0.253/24"}]}],
         "cases": [{"name": "serve", "port": 0, "criterion": {"servers-up": 1},
                    "server": {"proto": "tcp", "src": "10.0.0.253", "sport": 80, "http": {"resp_size": 1000}}}]}], **top}


def command(tmp_path, plan, *options):
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    return [str(FLEET), str(tmp_path / "plan.json"), "--output", str(tmp_path / "out"), "--force", *options]


def fleet(tmp_path, plan, *options, code=0):
    """Runs it; the result document, or what it said where there is none."""
    result = tmp_path / "out/result.json"
    result.unlink(missing_ok=True)
    done = run(*command(tmp_path, plan, *options))
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    if not result.exists():
        return done.stderr
    doc = json.loads(result.read_text())
    check(doc)
    assert doc["exit_code"] == code
    return doc


def case(doc, name):
    return next(c for c in doc["cases"] if c["name"] == name)


def idle(*engines):
    return all(all(x.startswith("#") for x in e.show("config")["lines"]) and not any(p["running"] for p in e.document()["ports"]) for e in engines)


def test_http_between_two_engines(pair, serve, tmp_path):
    doc = fleet(tmp_path, http({n: serve(e) for n, e in pair.items()}, duration=1.5))
    assert doc["verdict"] == "passed" and doc["tool"]["name"] == "warp17-fleet" and not doc["reasons"]
    get, server, f = case(doc, "get"), case(doc, "serve"), doc["fleet"]
    assert get["engine"] == "client" and server["engine"] == "server"
    assert get["stats"]["estab_once"] == server["stats"]["estab"] == 1000
    assert get["stats"]["responses"] >= 1000 and get["stats"]["requests"] == server["stats"]["requests"]
    # what one sent the other received, exactly
    there, back = f["networks"]
    assert (there["from"], there["to"], back["from"]) == ("client:0", "server:0", "server:0")
    assert all(w["lost"] == 0 and w["sent"] == w["received"] > 5000 for w in (there, back))
    counters = {e["name"]: e["counters"]["port"] for e in doc["engines"]}
    rows = {(r[0], r[1]): r[2:] for r in f["counters"]["rows"]}
    assert f["counters"]["columns"] == ["group", "name", "kind", "total", "client", "server"]
    assert rows["port", "tx_pkts"][:2] == ["counter", sum(c["tx_pkts"] for c in counters.values())]
    assert rows["tsm", "in_estab"][:2] == ["now", None]
    # one machine has one clock
    for c in f["clocks"]:
        for when in ("begin", "end"):
            assert abs(c[when]["monotonic_offset_ns"]) <= c[when]["uncertainty_ns"] < 2_000_000
            assert abs(c[when]["realtime_offset_ns"]) <= c[when]["uncertainty_ns"] + 100_000  # two readings of ours
        assert abs(c["drift"]["ppm"]) <= c["drift"]["uncertainty_ppm"] and not c["was_set"]
    # servers first, and each by the engine's own word
    start = f["start"]
    assert start["servers"]["instant_ns"] < start["clients"]["instant_ns"]
    for stage, name in (("servers", "server"), ("clients", "client")):
        (began,) = start[stage]["starts"]
        assert began["engine"] == name and -began["uncertainty_ns"] - 1_000_000 <= began["after_instant_ns"] < 1_000_000_000
        told = next(e for e in doc["engines"] if e["name"] == name)["events"]
        at = next(e["time"] for e in told if e["event"] == "port-started")
        assert abs(at - (start[stage]["instant_ns"] + began["after_instant_ns"]) / 1e9) < 0.002
    rates = [dict(zip(f["rates"]["columns"], r)) for r in f["rates"]["rows"]]
    assert max(r["clients_transactions_per_second"] or 0 for r in rates) > 0 and len(rates) >= 4
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"result.json", "series.csv", "junit.xml", "report.html"}
    suite = ElementTree.parse(tmp_path / "out/junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "0")
    assert idle(*pair.values())


def test_two_pairs_start_at_one_instant(engine, serve, tmp_path):
    """Two engines with clients, so that there is a spread; and with latencies, whose histograms are merged: by what each engine says."""
    def part(name, e):
        return {"name": name, "attach": serve(e), "ports": [{"port": 0, "interfaces": [{"ip": "10.0.0.1/24"}]},
                                                            {"port": 1, "interfaces": [{"ip": "10.0.0.253/24"}]}],
                "cases": [{"name": f"{name} udp", "port": 0, "criterion": {"run-time": 1}, "rates": {"send": 5000}, "ipv4": {"tx_timestamp": 1},
                           "client": {"proto": "udp", "src": "10.0.0.1", "sport": "1001-1010", "dest": "10.0.0.253", "dport": 7,
                                      "raw": {"data_req_plen": 64, "data_resp_plen": 64}}},
                          {"name": f"{name} sink", "port": 1, "criterion": {"servers-up": 1}, "ipv4": {"rx_timestamp": 1},
                           "server": {"proto": "udp", "src": "10.0.0.253", "sport": 7, "raw": {"data_req_plen": 64, "data_resp_plen": 64}}}]}
    engines = {n: engine("--ring-if-pairs", "1", *SMALL, eal=(LCORES[k],)) for n, k in (("a", "server"), ("b", "client"))}
    plan = {"schema": "warp17-fleet/1.0", "name": "latency", "interval": 0.25, "engines": [part(n, e) for n, e in engines.items()],
            "networks": [{"name": n, "ports": [f"{n}:0", f"{n}:1"]} for n in engines]}
    doc = fleet(tmp_path, plan)
    f = doc["fleet"]
    for stage in ("servers", "clients"):
        s = f["start"][stage]
        assert {x["engine"] for x in s["starts"]} == {"a", "b"}
        after = [x["after_instant_ns"] for x in s["starts"]]
        assert s["spread_ns"] == max(after) - min(after) < 500_000_000  # two CPUs for all of it; it is measured, not promised
    merged = f["latency"]["merged"]
    assert len(f["latency"]["cases"]) == 2 and merged["samples"] == sum(c["samples"] for c in f["latency"]["cases"]) > 5000
    both = Histogram()
    for c in f["latency"]["cases"]:
        of = case(doc, f"{c['engine']} sink")["latency"]["global"]
        assert {k: c[k] for k in ("samples", "min_ns", "max_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns")} == \
            {k: of[k] for k in ("samples", "min_ns", "max_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns")}  # as the engine reckons
        for least, n in c["buckets"]:
            both.add(least, n)
    assert merged["buckets"] == both.rows() and sum(n for _, n in merged["buckets"]) == merged["samples"]
    assert merged["max_ns"] == max(c["max_ns"] for c in f["latency"]["cases"])
    low, high = sorted(c["p99_ns"] for c in f["latency"]["cases"])
    assert low <= merged["p99_ns"] <= high


def begun(tmp_path, plan, *options, **kw):
    """In the background; the process, and the file with what it says."""
    log = tmp_path / "log"
    with open(log, "w") as out:
        return subprocess.Popen(command(tmp_path, plan, *options), stdin=subprocess.DEVNULL, stdout=out, stderr=out, **kw), log


def test_interrupted_while_it_stops_and_counts_what_was_measured_is_written(pair, serve, tmp_path):
    p, log = begun(tmp_path, http({n: serve(e) for n, e in pair.items()}, sessions=100, duration=1))
    try:
        runs = lambda: pair["client"].document()["ports"][0]["running"]
        wait_for(lambda: runs() or p.poll() is not None, 20)
        wait_for(lambda: not runs(), 20)
        p.send_signal(signal.SIGINT)
        assert p.wait(30) == 130, log.read_text()
    finally:
        p.kill()
    doc = check(json.loads((tmp_path / "out/result.json").read_text()))
    assert doc["exit_code"] == 130 and doc["reasons"] == ["interrupted"] and len(doc["fleet"]["networks"]) == 2
    assert case(doc, "get")["stats"]["estab_once"] == 100 and idle(*pair.values())


def test_imix_groups_of_others_stay(pair, serve, tmp_path):
    """One that is there is not the plan's to take away, though it may not have one of that number then."""
    group = "add tests imix-id 3 app 7"
    pair["client"].cli("set tests imix app-index 7 client raw data-req-plen 9 data-resp-plen 9", "set tests imix app-index 7 weight 9", group)
    plan = http({n: serve(e) for n, e in pair.items()}, sessions=100)
    plan["engines"][0]["imix"] = [{"id": 3, "client": [{"weight": 100, "raw": {"data_req_plen": 5, "data_resp_plen": 5}}]}]
    assert "imix[0]: client: there is an imix-id 3 already" in fleet(tmp_path, plan, code=2)
    assert group in pair["client"].show("config")["lines"]
    plan["engines"][0]["imix"][0]["id"] = 4
    assert fleet(tmp_path, plan)["verdict"] == "passed"
    assert [x for x in pair["client"].show("config")["lines"] if x.startswith("add tests imix-id")] == [group]


@pytest.mark.long
def test_engines_that_are_busy_or_not_there_are_said_before_anything_starts(pair, serve, tmp_path):
    addresses = {n: serve(e) for n, e in pair.items()}
    pair["server"].cli("add tests l3_intf port 0 ip 10.9.9.9 mask 255.255.255.0")
    before = pair["server"].show("config")
    assert "server: set up: port 0 of the engine has a configuration already" in fleet(tmp_path, http(addresses), code=4)
    assert pair["server"].show("config") == before and idle(pair["client"])
    gone = http({**addresses, "server": f"unix:{tmp_path}/nowhere"})
    assert re.search(r"server: set up: cannot reach unix:.*nowhere", fleet(tmp_path, gone, code=3))
    assert idle(pair["client"])
    doc = fleet(tmp_path, http(addresses, sessions=100), "--replace")
    assert doc["verdict"] == "passed" and idle(*pair.values())
    bad = http(addresses)
    bad["engines"][1]["ports"][0]["interfaces"].append({"ip": "10.0.0.253/24"})
    assert re.search(r"plan.json.*: server: ", fleet(tmp_path, bad, code=2))
    assert idle(*pair.values())


def test_a_fleet_fails_when_an_engine_does(pair, serve, tmp_path):
    plan = http({n: serve(e) for n, e in pair.items()}, sessions=100)
    plan["engines"][0]["cases"][0]["expect"] = {"transactions": "<= 1"}
    doc = fleet(tmp_path, plan, code=1)
    assert doc["verdict"] == "failed" and any("transactions is" in r for r in doc["reasons"])


@pytest.mark.long
def test_tls_and_token(pair, serve, tmp_path):
    """As Ansible and Kubernetes set it up: stunnel before a server that asks for a token."""
    key, crt, token, conf = (tmp_path / n for n in ("key", "crt", "token", "stunnel.conf"))
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=w17",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", crt).check_returncode()
    token.write_text("0123456789abcdef\n")
    token.chmod(0o600)
    behind = serve(pair["server"], "--token-file", str(token), at=("127.0.0.1:0",))
    port = free_port()
    conf.write_text(f"foreground = yes\npid =\nsyslog = no\n[warp17]\naccept = 127.0.0.1:{port}\nconnect = {behind}\ncert = {crt}\nkey = {key}\n")
    with open(tmp_path / "stunnel.log", "w") as log:
        front = subprocess.Popen(["stunnel4", conf], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(lambda: run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", crt, "-verify_return_error").returncode == 0)
        plan = http({"server": f"127.0.0.1:{port}", "client": serve(pair["client"])}, sessions=100)
        plan["engines"][1].update(token_file="token", tls_ca="crt")
        assert fleet(tmp_path, plan)["verdict"] == "passed"
        (tmp_path / "wrong").write_text("fedcba9876543210\n")
        plan["engines"][1]["token_file"] = "wrong"
        assert "server: set up: " in fleet(tmp_path, plan, code=4)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=other",
            "-keyout", tmp_path / "k2", "-out", tmp_path / "other").check_returncode()
        plan["engines"][1].update(token_file="token", tls_ca="other")
        assert "certificate verify failed" in fleet(tmp_path, plan, code=3)
    finally:
        front.terminate()
        front.wait(10)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- over the kernel's veth, where packets can be lost


@pytest.fixture
def wire(engine, netns, veth):  # noqa: F811
    """Two engines on the ends of a veth pair, each end in a namespace of its own."""
    for ns, dev in ((veth, "w17e"), (netns, "w17k")):
        assert inside(ns, "sysctl", "-qw", f"net.ipv6.conf.{dev}.disable_ipv6=1").returncode == 0
    subprocess.run(["ip", "-n", netns, "addr", "flush", "dev", "w17k"], check=True)
    vdev = lambda dev: f"--vdev=net_af_packet0,iface={dev}"
    return {"client": engine(*SMALL, eal=(LCORES["client"], vdev("w17e")), netns=veth),
            "server": engine(*SMALL, eal=(LCORES["server"], vdev("w17k")), netns=netns), "netns": netns}


def calmed(plan):
    """At a rate that the kernel's rings of af_packet always hold."""
    plan["engines"][0]["cases"][0]["rates"] = {"open": 200, "send": 1000}
    return plan


def flooded(plan):
    """Without a bound to the requests, and none on what may fail."""
    del plan["engines"][0]["cases"][0]["expect"]
    return plan


def test_an_engine_that_is_killed_makes_it_invalid_and_the_others_stop(wire, serve, tmp_path):
    """Over veth: DPDK's memif frees at the end of a peer what a worker may be reading, and takes the other engine with it."""
    pair = {n: wire[n] for n in ("client", "server")}
    p, log = begun(tmp_path, calmed(http({n: serve(e) for n, e in pair.items()}, sessions=200, duration=60)))
    try:
        wait_for(lambda: "PASSED clients-estab" in log.read_text() or p.poll() is not None, 30)
        killed = time.monotonic()
        pair["server"].kill()
        assert p.wait(30) == 2, log.read_text()
        assert time.monotonic() - killed < 20
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
    doc = json.loads((tmp_path / "out/result.json").read_text())
    assert doc["verdict"] == "invalid" and doc["exit_code"] == 2
    (why,) = [r for r in doc["reasons"] if re.match(r"server was lost [0-9.]+ s after the start; the other engines were stopped then", r)]
    assert why in log.read_text()
    assert [bool(e["faults"]) for e in doc["engines"]] == [False, True]
    assert case(doc, "get")["stats"]["estab_once"] == 200  # what the other counted is there
    assert "error" in (tmp_path / "out/junit.xml").read_text()
    assert idle(pair["client"])


@pytest.mark.long
def test_over_veth_what_is_lost_is_found(wire, serve, tmp_path):
    addresses = {n: serve(wire[n]) for n in ("client", "server")}
    calm = lambda **top: calmed(http(addresses, sessions=200, duration=2, **top))
    doc = fleet(tmp_path, calm())
    assert doc["verdict"] == "passed" and all(w["lost"] == 0 and w["sent"] > 1000 for w in doc["fleet"]["networks"])
    # as fast as it goes, which the kernel's rings do not hold: it drops, and counts that nowhere that an engine sees; TCP mends it
    flood = lambda **top: flooded(http(addresses, duration=2, **top))
    doc = fleet(tmp_path, flood(), code=2)
    lossy = next(w for w in doc["fleet"]["networks"] if w["lost"])
    assert lossy["lost"] > 0 and not lossy["fits"] and case(doc, "get")["verdict"] == "passed"
    assert f"{lossy['from']} to {lossy['to']}: {lossy['sent']} packets sent, {lossy['received']} received: {lossy['lost']} lost on the way, " \
        "nobody says where" in doc["reasons"]
    doc = fleet(tmp_path, flood(networks=[{"name": "dut", "ports": ["client:0", "server:0"], "loss": "any"}]))
    assert doc["verdict"] == "passed" and any("lost in the device under test" in w for w in doc["warnings"])


@pytest.fixture
def switch(netns):
    """A bridge of the kernel's; engines take the interfaces e0, e1, e2."""
    run("ip", "-n", netns, "link", "add", "w17b", "type", "bridge", "mcast_snooping", "0").check_returncode()
    for i in range(3):
        run("ip", "-n", netns, "link", "add", f"e{i}", "type", "veth", "peer", "name", f"b{i}").check_returncode()
        run("ip", "-n", netns, "link", "set", f"b{i}", "master", "w17b").check_returncode()
    for dev in ("w17b", *(f"{k}{i}" for k in "eb" for i in range(3))):
        inside(netns, "sysctl", "-qw", f"net.ipv6.conf.{dev}.disable_ipv6=1")
        inside(netns, "ethtool", "-K", dev, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off")
        run("ip", "-n", netns, "link", "set", dev, "up").check_returncode()
    return netns


@pytest.mark.long
def test_three_engines_on_a_switch(engine, serve, switch, tmp_path):
    """Which hands ARP requests to all: no packet is lost for that, and none too many."""
    engines = {n: engine(*SMALL, eal=(LCORES["server" if n == "server" else "client"], f"--vdev=net_af_packet0,iface=e{i}"), netns=switch)
               for i, n in enumerate(("client", "server", "other"))}
    plan = calmed(http({n: serve(e) for n, e in engines.items()}, sessions=50, duration=0.5))
    other = json.loads(json.dumps(plan["engines"][0]).replace("10.0.0.1", "10.0.0.2"))
    other.update(name="other", attach=serve(engines["other"]))
    plan["engines"].append(other)
    doc = fleet(tmp_path, plan)
    (way,) = doc["fleet"]["networks"]
    assert way["from"] == "client:0 + server:0 + other:0" and way["sent"] == way["received"] > 500 and way["foreign"] > 0
    assert [c["stats"].get("estab_once") for c in doc["cases"] if c["type"] == "client"] == [50, 50]


# ---- engines that it starts


def ended(doc):
    """Its engines are processes no more."""
    return all(e["launched"] and e["pid"] > 0 and not alive(e["pid"]) for e in doc["engines"])


@pytest.mark.long
def test_the_example_starts_and_ends_its_engines(tmp_path):
    done = run(FLEET, TOP / "examples/fleet/two-engines.yaml", "--output", tmp_path / "out", "--json", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    doc = check(json.loads(done.stdout))
    assert case(doc, "http client")["stats"]["estab_once"] == 10000 and len(doc["engines"]) == 2 and ended(doc)


@pytest.mark.long
def test_interrupted_it_ends_its_engines(tmp_path):
    log = tmp_path / "log"
    with open(log, "w") as out:
        p = subprocess.Popen([FLEET, TOP / "examples/fleet/two-engines.yaml", "--output", tmp_path / "out", "--duration", "60"],
                             stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_for(lambda: "RUNNING" in log.read_text() or p.poll() is not None, 60)
        p.send_signal(signal.SIGINT)
        assert p.wait(60) == 130, log.read_text()
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
    doc = check(json.loads((tmp_path / "out/result.json").read_text()))
    assert doc["exit_code"] == 130 and "interrupted" in doc["reasons"] and ended(doc)


@pytest.mark.long
def test_an_impatient_operator_leaves_no_engine(tmp_path):
    """Ctrl-C is for all that the terminal has in its foreground; again and again, it ends no end of an engine."""
    log = tmp_path / "log"
    with open(log, "w") as out:
        p = subprocess.Popen([FLEET, TOP / "examples/fleet/two-engines.yaml", "--output", tmp_path / "out", "--duration", "60"],
                             stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        wait_for(lambda: "RUNNING" in log.read_text() or p.poll() is not None, 60)
        for _ in range(600):
            if p.poll() is not None:
                break
            os.killpg(p.pid, signal.SIGINT)
            time.sleep(0.1)
        assert p.wait(1) in (130, -signal.SIGINT), log.read_text()  # Python's own end has no handler any more
    finally:
        p.kill()
        p.wait()
    doc = check(json.loads((tmp_path / "out/result.json").read_text()))
    assert doc["reasons"].count("interrupted") == 1 and not doc["warnings"] and ended(doc), doc["warnings"]


# ---- plans that are wrong


def spoiled(change):
    plan = http({"client": "127.0.0.1:1", "server": "unix:/nowhere"})
    change(plan)
    return plan


@pytest.mark.parametrize("change, why", [
    (lambda p: p["engines"][0].pop("attach"), "engines[0].attach: missing, expected the address"),
    (lambda p: p["engines"][0].update(attach="here"), "engines[0].attach: 'here' given, expected HOST:PORT"),
    (lambda p: p["engines"][0].update(name="server"), "engines[1].name: 'server' is another one's"),
    (lambda p: p["engines"][0].update(attach="unix:/nowhere"), "engines[1].attach: 'unix:/nowhere' is another one's"),
    (lambda p: p["engines"][0].update(attach="host:99999"), "engines[0].attach: 'host:99999' given, expected HOST:PORT"),
    (lambda p: p["engines"][0].update(name="a b"), "engines[0].name: 'a b' given, expected a name of letters"),
    (lambda p: p["engines"][0].update(engine={"ring_if_pairs": 1}), "given beside engine, expected one of them"),
    (lambda p: p["engines"][1].update(token_file="t"), "engines[1].token_file: given without HOST:PORT"),
    (lambda p: p["engines"][1].update(tls_ca="t"), "engines[1].tls_ca: given without HOST:PORT"),
    (lambda p: p["engines"][0]["cases"][0]["client"].update(sport=0), "0 given"),
    (lambda p: p["engines"][0]["cases"][0].update(speed=1), "engines[0].cases[0].speed: unknown key"),
    (lambda p: p.update(networks=[{"ports": ["client:0", "server:1"]}]), "'server:1' given, expected a port with test cases: client:0, server:0"),
    (lambda p: p.update(networks=[{"ports": ["client:0", "client:0"]}]), "'client:0' is there twice"),
    (lambda p: p.update(networks=[{"ports": ["client:0"]}]), "networks[0].ports: 1 given"),
    (lambda p: p.update(networks=[{"ports": ["client:0", "server:0"], "loss": -1}]), "networks[0].loss: -1 given"),
    (lambda p: p["engines"][1]["cases"][0].update(ipv4={"rx_timestamp": 1}), "whose stamps are of another clock"),
    (lambda p: (p["engines"][1]["cases"][0].update(ipv4={"rx_timestamp": 1}), p.update(networks=[])), "whose stamps are of another clock"),
    (lambda p: p["engines"][0]["cases"].append({"name": "m", "port": 1, "multicast": {
        "src": "10.0.0.1", "sport": 1, "dest": "224.0.0.9", "dport": 1, "raw": {"data_req_plen": 1, "data_resp_plen": 0}}}),
     "engines[0].cases[1].multicast: multicast given on a port of a network of more than two"),
    (lambda p: p.update(clock_rounds=0), "clock_rounds: 0 given, expected 1..1000"),
    (lambda p: p.update(engines=[]), "engines: 0 given"),
    (lambda p: p.update(schema="warp17-plan/1.0"), "schema: 'warp17-plan/1.0' given, expected warp17-fleet/1.0"),
])
def test_a_wrong_plan_is_said_with_its_place(change, why):
    text = json.dumps(spoiled(change), indent=1)
    with pytest.raises(PlanError) as e:
        fleet_plan.parse(text, "plan.json", json=True)
    assert any(why in p and re.match(r"plan\.json:\d+: ", p) for p in e.value.problems), e.value.problems


def test_wrong_plans_and_arguments_end_with_2_and_leave_nothing(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("schema: warp17-fleet/1.0\nname: x\nengines:\n  - name: a\n    attach: 127.0.0.1:1\n    start: [99]\n")
    for words, why in (((plan,), f"{plan}:6: engines[0].start[0]: 99 given, expected 0..63"), ((tmp_path / "none.yaml",), "No such file"),
                       ((), "expected PLAN"), ((plan, "--timeout", "0"), "--timeout: '0' given, expected seconds, 1.."), ((plan, "--duration", "x"), "'x' given, expected seconds")):
        done = run(FLEET, *words, cwd=tmp_path)
        assert done.returncode == 2 and why in done.stderr and not done.stdout, (done.stdout, done.stderr)
    assert {p.name for p in tmp_path.iterdir()} == {"plan.yaml"}
    missing = http({"client": "127.0.0.1:1", "server": "unix:/nowhere"})
    missing["engines"][0]["token_file"] = "no-token"
    assert "client: token_file" in fleet(tmp_path, missing, code=2) and not (tmp_path / "out").exists()
    (tmp_path / "no-token").write_text("\n")
    assert re.search(r"client: token_file .*no-token: expected a line of 1 to 255", fleet(tmp_path, missing, code=2))


def test_pools_that_are_asked_for_are_the_engines():
    """Whichever way; the others hold the sessions of all engines."""
    plan = spoiled(lambda p: p["engines"][1].update(engine={"args": ["--tcb-pool-sz=64"]}) or p["engines"][1].pop("attach"))
    of = fleet_plan.parse(json.dumps(plan), json=True)
    args, _, options = fleet_plan.launch_options(of.engines[1], of)
    assert args == ["--tcb-pool-sz=64"] and "tcb_pool_sz" not in options and options["ucb_pool_sz"] == 16
    del plan["engines"][1]["engine"]["args"]
    of = fleet_plan.parse(json.dumps(plan), json=True)
    assert fleet_plan.launch_options(of.engines[1], of)[2]["tcb_pool_sz"] > 16


# ---- servers that are none of ours


@pytest.fixture
def stranger():
    """stranger(results): a server that answers each request with the result of its method in that, or {}; its address."""
    threads, socks = [], []

    def serve_one(s, results):
        c = s.accept()[0]
        with c, c.makefile("rwb") as f:
            for line in f:
                asked = json.loads(line)
                f.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": results.get(asked["method"], {})}).encode() + b"\n")
                f.flush()

    def start(results):
        s = socket.create_server(("127.0.0.1", 0))
        socks.append(s)
        threads.append(threading.Thread(target=serve_one, args=(s, results), daemon=True))
        threads[-1].start()
        return f"127.0.0.1:{s.getsockname()[1]}"
    yield start
    for s in socks:
        s.close()
    for t in threads:
        t.join(5)


@pytest.mark.long
def test_who_does_not_answer_is_not_waited_for_long(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as s:
        at = f"127.0.0.1:{s.getsockname()[1]}"
        began = time.monotonic()
        said = fleet(tmp_path, http({"client": at, "server": "unix:/nowhere"}), code=5)
        assert "client: set up: session.open: no answer within 15 s" in said and time.monotonic() - began < 40


def test_a_server_of_another_age_or_kind_is_an_error_with_its_name(stranger, tmp_path):
    """And never 1, which is a test case's that failed."""
    clock = {"mono_ns": time.monotonic_ns(), "realtime_ns": time.time_ns()}
    for results, why in (({}, "client: set up: its RPC server does not tell its clock: it is older than warp17-fleet; server: set up: "),
                         ({"rpc.ping": clock}, "KeyError")):
        plan = http({"client": stranger(results), "server": stranger(results)})
        said = fleet(tmp_path, plan, code=2)
        assert why in said and "warp17-fleet: error: " in said, said
