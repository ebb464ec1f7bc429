"""scripts/python/warp17 against an engine and its RPC server: all of its methods, its errors, live statistics, engines that
it starts. And that it is what it says of itself: typed, of the standard library alone, installable."""
import ast
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from pyclient import PACKAGE, client
from rpc import Server
from test_rpc import rpc, two  # noqa: F401: rpc is a fixture
from test_scripts import place  # noqa: F401: a fixture
from test_traffic import RING
from warp17 import TOP, wait_for

PY = "/usr/bin/python3"
POOLS = {"ring_if_pairs": 1, "tcb_pool_sz": 64, "ucb_pool_sz": 16, "mbuf_pool_sz": 16}
# of the engine's methods those that need no method here: the same by another word, or not for tests
NOT_TYPED = {"clear.stats", "set.tests.no_async", "set.syslog", "rpc.ping", "session.close", "unsubscribe"}


def run(*args, env=None, timeout=120, cwd=None):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})}, cwd=cwd)


class Recorded(client.Warp17):
    """Knows which methods it has called."""

    called: set = set()

    def call(self, method, /, **params):
        self.called.add(method)
        return super().call(method, **params)


def connected(s, **kw):
    return Recorded(("127.0.0.1", s.port), **kw)


def http_pair(w, sessions=100):
    """HTTP from port 0 to port 1."""
    w.add_interface(0, "10.0.0.1", "255.255.255.0")
    w.add_interface(1, "10.0.0.253", "255.255.255.0")
    w.add_server("tcp", 1, 0, "10.0.0.253", 6000)
    w.set_server(1, 0, client.HttpServer(resp_size=100, fields=["Cache-Control: no-store"]))
    w.add_client("tcp", 0, 0, ("10.0.0.1", "10.0.0.1"), (10001, 10000 + sessions), "10.0.0.253", "6000-6000")
    w.set_client(0, 0, client.HttpClient("www.foo42.net", "/index.html", fields=["Accept: text/plain", "X: \"1\""]))
    w.set_criteria(0, 0, "clients-estab", sessions)


# ---- what it is


def test_it_is_typed_and_of_the_standard_library_of_3_9():
    for f in PACKAGE.glob("*.py"):
        tree = ast.parse(f.read_text(), feature_version=(3, 9))
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 0}
        theirs = {"pytest"} if f.name == "pytest_plugin.py" else set()
        assert {n.split(".")[0] for n in names} <= sys.stdlib_module_names | theirs, f
        assert len(f.read_text().splitlines()) <= 400, f
    kept = TOP / "build/mypy"  # what it has read of Python's own library
    done = run(PY, "-m", "mypy", "--strict", "--python-version", "3.9", "--cache-dir", kept, PACKAGE)
    assert done.returncode == 0, done.stdout


def test_it_can_be_installed(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(PACKAGE.parent, source, ignore=shutil.ignore_patterns("__pycache__"))
    done = run(PY, "-m", "pip", "install", "--no-index", "--no-build-isolation", "--no-deps", "--target", tmp_path / "to", source)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "to/warp17/py.typed").exists()
    done = run(PY, "-c", "import warp17, importlib.metadata as m; print(warp17.__file__, m.version('warp17'), warp17.__version__)",
               env={"PYTHONPATH": str(tmp_path / "to")}, cwd=tmp_path)
    version = (TOP / "VERSION").read_text().strip()
    assert done.stdout.split() == [str(tmp_path / "to/warp17/__init__.py"), version, version], done.stderr


def test_what_is_public_explains_itself():
    for name in client.__all__:
        c = getattr(client, name)
        assert c.__doc__, name
        for method in vars(c).values():
            if callable(method) and not getattr(method, "__name__", "_").startswith("_"):
                assert method.__doc__ or name in ("Raw", "HttpClient", "HttpServer", "Echo"), (name, method)


# ---- methods


@pytest.mark.parametrize("local", [False, True])
def test_a_test_case_from_its_setup_to_its_verdict(engine, rpc, local):  # noqa: F811
    e, s = two(engine, rpc)
    with client.Warp17(f"unix:{s.path}" if local else f"127.0.0.1:{s.port}", name="anna") as w:
        http_pair(w)
        w.start([1, 0])
        states = w.wait([0, 1], timeout=30)
        assert [t.passed for t in states] == [True, True] and not states[0].behind
        assert states[0].target == states[0].achieved == 100 and "PASSED: clients-estab 100 of 100" in str(states[0])
        assert w.wait(lambda: w.statistics(0, 0)["stats"]["responses"] > 1000)
        w.stop([0, 1])
        stats = w.statistics(0, 0)["stats"]
        assert stats == e.stats(0) and stats["resp_errors"] == 0
        assert w.counters("tcp")["tx_syn"] == e.group("tcp")["tx_syn"] >= 100
        assert w.counters("tcp", port=1)["rx_syn"] >= 100
        assert e.show("tests config port 0")["tests"]["test_case_0"]["http_fields"] == "Accept: text/plain\r\nX: \"1\"\r\n"
        assert w.session()["name"] == "anna" and "anna" in [o["name"] for o in w.operators()]
        w.clear()
        assert w.statistics(0, 0)["stats"]["responses"] == 0
    wait_for(lambda: "anna" not in [o["name"] for o in e.show("operators")["operators"]], 2)


def test_every_method_of_the_engine_has_one_here(engine, rpc):  # noqa: F811
    """All are called, with all that they take; what they did is read back."""
    e, s = two(engine, rpc)
    Recorded.called = set()
    with connected(s) as w:
        http_pair(w)
        assert w.session()["ports"] == []
        w.acquire(0), w.acquire(1, force=True), w.release(1)
        w.set_gateway(0, "10.0.0.253"), w.delete_gateway(0)
        w.add_interface(0, "10.1.0.1", "255.255.255.0", vlan_id=5, gw="10.1.0.2"), w.delete_interface(0, "10.1.0.1", vlan_id=5)
        w.set_mtu(0, 1400), w.set_mtu(0, 1500)
        w.set_faults(0, loss=0.5, delay="500us", direction="tx", seed=4294967295), w.delete_faults(0)
        w.set_rates(0, 0, open=1000, close="infinite", send=5000)
        w.set_timeouts(0, 0, init=0, uptime=7, downtime="infinite")
        w.set_criteria(0, 0, "clients-estab", 100, within=20)
        w.set_async(0, 0), w.set_async(0, 0, on=False), w.set_async(0, 0)
        w.set_tcp_options(0, 0, win_size=100000, sack=False, congestion="newreno")
        w.set_ipv4_options(0, 0, dscp="af41", tx_timestamp=1, rx_timestamp=True)
        w.set_latency(0, 0, max=500, max_avg=100, samples=10)
        w.set_response_times(0, 0, "request"), w.set_response_times(0, 0, "off"), w.set_response_times(0, 0, "syn")
        w.set_vlan(0, 0, 7, 3), w.set_vlan(0, 0, 0)
        w.add_multicast(0, 3, "10.0.0.1", 5000, ("224.1.1.1", "224.1.1.2"), 6000)
        w.set_client(0, 3, client.Raw(10, 0)), w.delete_test(0, 3)
        w.add_client("udp", 0, 4, "10.0.0.1", "5000-5001", "10.0.0.253", 7), w.add_server("udp", 1, 4, "10.0.0.253", 7)
        w.set_client(0, 4, client.Echo(64, requests=3)), w.set_server(1, 4, client.Echo(64))
        w.set_client(0, 4, client.Raw(20, 20, 5, True, True)), w.set_server(1, 4, client.Raw(20, 20))
        w.set_imix_client(0, client.HttpClient("h", req_size=1, fields=["A: b"]), weight=40)
        w.set_imix_client(1, client.Raw(10, 20), weight=30), w.set_imix_client(2, client.Echo(9), weight=30)
        w.set_imix_server(4, client.HttpServer(5, fields=["C: d"]), weight=1), w.set_imix_server(5, client.Raw(1, 2))
        w.set_imix_server(6, client.Echo(9))
        w.add_imix(0, [0, 1, 2]), w.add_imix(1, [4]), w.delete_imix(1)
        with pytest.raises(client.CommandFailed):  # of the wrong side, or not whole: the engine knows
            w.set_imix(1, 4, 9)
        w.start(0), w.stop(0)
        w.clear(0)
        config = w.settings(0)["tests"]["test_case_0"]
        assert (config["rate_open"], config["rate_close"], config["rate_send"]) == (1000, "infinite", 5000)
        assert (config["init_s"], config["uptime_s"], config["downtime_s"]) == (0, 7, "infinite")
        assert config["criterion_within_s"] == 20 and config["async"] and config["sport"] == "10001-10100"
        assert w.call("show.tests.tcp_options", port=0, test_case_id=0)["congestion"] == "newreno"
        assert 500 in w.latency(0, 0)["limits"].values()
        assert w.response_times(0, 0)["from"] == "syn" and w.response_times(0, 0)["first_byte"]["samples"] == 0
        assert [a["weight"] for a in w.imix(0)["groups"][0]["apps"]] == [40, 30, 30]
        assert len(w.ports()) == len(w.links()) == len(w.link_rate()) == w.version()["ports"] == 2
        assert w.config(0) == [line for line in e.show("config port 0")["lines"]]
        assert w.state(0, 4).type and pytest.raises(KeyError, w.state, 0, 9)
        with w.live_stats(0, 0) as views:
            next(views)
        methods = {m["name"] for m in w.discover()["methods"]}
        left = {m for m in methods - Recorded.called - NOT_TYPED if not m.startswith("show.")} - {"subscribe"}
        assert not left and NOT_TYPED <= methods


def test_a_batch_is_done_in_order(engine, rpc):  # noqa: F811
    _, s = two(engine, rpc)
    with connected(s) as w:
        done = w.batch([("add.tests.l3_intf", {"port": 0, "ip": "10.0.0.1", "mask": "255.255.255.0"}),
                        ("set.tests.mtu", {"port": 64, "mtu": 1500}), ("show.tests.config", {"port": 0})])
        assert done[0] == {"message": ""} and done[2]["l3_interfaces"][0]["ip"] == "10.0.0.1"
        assert isinstance(done[1], client.InvalidParams) and done[1].parameter == "port"
        assert w.batch([]) == []


# ---- errors


def test_errors_have_the_engines_sentence(engine, rpc):  # noqa: F811
    e, s = two(engine, rpc)
    with connected(s, name="anna") as w, connected(s, name="bob", read_only=True) as bob:
        with pytest.raises(client.InvalidParams, match=r"^port: 64 is out of range, expected 0\.\.63$") as it:
            w.set_mtu(64, 1500)
        assert (it.value.parameter, it.value.expected, it.value.where) == ("port", "0..63", "params.port")
        assert (it.value.code, it.value.exit_code) == (-32602, 2)
        with pytest.raises(client.InvalidParams) as it:
            w.add_server("tcp", 1, 0, ("10.0.0.2", "somewhere"), 80)
        assert it.value.where == "params.src.last"
        with pytest.raises(client.MethodNotFound):
            w.call("set.tests.colour", port=0)
        by_cli = e.cli("set tests mtu port 0 9000", check=False)[0]
        with pytest.raises(client.CommandFailed) as it:
            w.set_mtu(0, 9000)
        assert (it.value.message, it.value.engine_errno, it.value.exit_code) == (by_cli["error"], by_cli["code"], 1)
        with pytest.raises(client.Refused, match="operator bob may only look") as it:
            bob.stop(0)
        assert it.value.exit_code == 4
        with pytest.raises(TypeError, match="HttpServer is not for a client"):
            w.set_client(0, 0, client.HttpServer(1))
        with pytest.raises(client.Warp17Error, match="expected .first, last."):
            w.add_server("tcp", 1, 0, ("10.0.0.2",), 80)
        assert len(w.ports()) == 2  # it goes on


def test_a_token_is_asked_for(engine, rpc, tmp_path):  # noqa: F811
    e = engine(*RING)
    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n")
    token.chmod(0o600)
    s = rpc(e, "--token-file", str(token))
    with connected(s, token="0123456789abcdef") as w:
        assert w.version()["ports"] == 2
    for wrong in (None, "0123456789abcdeX"):
        with pytest.raises(client.Refused):
            connected(s, token=wrong)


def test_the_end_of_the_engine_is_told(engine, rpc):  # noqa: F811
    e, s = two(engine, rpc)
    w = connected(s)
    e.stop()
    with pytest.raises((client.EngineGone, client.ConnectionLost)) as it:
        while True:
            w.version()
    assert it.value.exit_code == 3
    w.close(), w.close()
    with pytest.raises(client.ConnectionLost, match="the connection is closed"):
        w.version()
    s.proc.wait(10)
    with pytest.raises(client.ConnectionLost, match=r"cannot reach 127\.0\.0\.1:\d+: Connection refused"):
        connected(s)


@pytest.mark.parametrize("addr", ["127.0.0.1", "127.0.0.1:port", "127.0.0.1:70000", ":0"])
def test_addresses_that_are_none(addr):
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        client.Warp17(addr)


def peer(answers):
    """A server that gives each line it gets the next of answers; bytes, or None to say nothing. Its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listening, listening.accept()[0] as c, c.makefile("rb") as lines:
            for answer, _ in zip(answers, lines):
                if answer is not None:
                    c.sendall(answer)
            lines.readline() if answers[-1] is None else None

    threading.Thread(target=serve, daemon=True).start()
    return listening.getsockname()


def answer(n, result):
    return json.dumps({"jsonrpc": "2.0", "id": n, "result": result}).encode() + b"\n"


def test_servers_that_say_nothing_or_nonsense():
    w = client.Warp17(peer([answer(1, {}), None, answer(2, "late") + answer(3, "in time"), b"no JSON\n"]), timeout=0.5)
    began = time.monotonic()
    with pytest.raises(client.TimedOut, match="show.version: no answer within 0.5 s") as it:
        w.version()
    assert 0.4 < time.monotonic() - began < 5 and it.value.exit_code == 5
    assert w.version() == "in time"  # the answer that came too late is another's
    with pytest.raises(client.ConnectionLost, match="no JSON came"):
        w.version()
    refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": 4, "message": "64 clients are here", "data": {"exit_code": 4}}}
    with pytest.raises(client.Refused, match="64 clients are here"):
        client.Warp17(peer([json.dumps(refusal).encode() + b"\n"]))
    with pytest.raises(client.ConnectionLost, match="the server ended the connection"):
        client.Warp17(peer([b'{"half'])).version()


# ---- live, and waiting


def test_live_statistics_while_calls_go_on(engine, rpc):  # noqa: F811
    e, s = two(engine, rpc)
    with connected(s) as w:
        http_pair(w)
        w.start([1, 0])
        with w.live_stats(0, 0, interval=0.1) as views, w.events(since=0) as events:
            seen = []
            for view in views:
                assert w.statistics(0, 0)["stats"]["responses"] >= view["stats"]["responses"]
                seen.append((views.seq, views.realtime_ns, view["stats"]["responses"]))
                if len(seen) == 5:
                    break
            assert seen == sorted(seen) and len({n for n, _, _ in seen}) == 5 and seen[-1][2] > seen[0][2] and views.lost == 0
            assert 0.3e9 < seen[-1][1] - seen[0][1] < 10e9
            assert next(x for x in events if x["event"] == "test-passed" and x["port"] == 0)["test_case_id"] == 0
            while True:  # those that are there; then there is nothing
                try:
                    events.next(timeout=0.3)
                except client.TimedOut as x:
                    assert "nothing within 0.3 s" in str(x)
                    break
        assert list(views) == []  # ended
        with w.live("show.tests.stats", interval=0.1, port=0, test_case_id=7) as views:
            for _ in range(2):  # a view that cannot be had comes again
                with pytest.raises(client.CommandFailed):
                    next(views)
        with pytest.raises(client.InvalidParams, match="a show method"):
            w.live("start.tests", port=0)
        w.stop([0, 1])


def test_wait_says_what_was_there(engine, rpc):  # noqa: F811
    _, s = two(engine, rpc)
    with connected(s) as w:
        http_pair(w)
        w.set_criteria(0, 0, "clients-estab", 101)
        w.start([1, 0])
        began = time.monotonic()
        with pytest.raises(client.WaitTimedOut, match="not within 1 s: port 0 test case 0 RUNNING: clients-estab 100 of 101") as it:
            w.wait(0, timeout=1)
        assert 1 <= time.monotonic() - began < 5 and isinstance(it.value, TimeoutError) and it.value.exit_code == 5
        with pytest.raises(client.WaitTimedOut, match="not within 0 s: 0"):
            w.wait(lambda: 0, timeout=0)
        w.stop([0, 1])
        assert [t.state for t in w.wait(0, timeout=5)] == ["STOPPED"]


# ---- engines of its own


@pytest.fixture
def ledger(place, monkeypatch):  # noqa: F811
    """Hugepages of the test's own, which have to be given back."""
    for k, v in place.env.items():
        monkeypatch.setenv(k, v)
    return place


def test_an_engine_from_start_to_stop(ledger):
    with client.Warp17.launch(prefix=ledger.prefix, **POOLS) as w:
        there = w.engine
        assert w.version()["prefix"] == ledger.prefix and w.version()["pid"] == there.pid
        http_pair(w)
        w.start([1, 0])
        assert all(t.passed for t in w.wait([0, 1]))
        folder = pathlib.Path(there.address[len("unix:"):]).parent
        assert there.log.parent == folder and folder.stat().st_mode & 0o777 == 0o700
        assert ledger.status()["running"]
    assert not ledger.status(code=3)["running"] and not ledger.left() and not folder.exists()
    there.stop()


def test_an_engine_that_does_not_start_says_why(ledger):
    with pytest.raises(client.LaunchFailed, match="tcb-pool-sz"):
        client.Warp17.launch(prefix=ledger.prefix, ring_if_pairs=1, tcb_pool_sz="many")
    assert not ledger.left()


def test_an_engine_that_runs_is_let_alone(ledger):
    pid = ledger.start()
    with pytest.raises(client.LaunchFailed, match="runs already"):
        client.Warp17.launch(prefix=ledger.prefix, **POOLS)
    assert ledger.status()["pid"] == pid


def test_an_exception_ends_the_engine_too(ledger):
    with pytest.raises(ZeroDivisionError):
        with client.Warp17.launch("--ring-if-pairs", "1", eal=("-l", "0,1"), prefix=ledger.prefix, tcb_pool_sz=16, ucb_pool_sz=16,
                                  mbuf_pool_sz=8, sw_checksum=True):
            1 / 0
    assert not ledger.left()


# ---- the example


def example(ledger, *args, **env):
    return run(PY, TOP / "examples/python/test_1_http_4M.py", *args, env={**ledger.env, **env}, timeout=180)


def test_the_example_passes_and_fails(ledger):
    done = example(ledger, "--seconds", "1", WARP17_SCALE="1000")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert re.search(r"^PASS: .*4000 HTTP sessions", done.stdout, re.M) and re.search(r"4000 established", done.stdout)
    done = example(ledger, "--scale", "10000", "--within", "1", "--rate", "10")
    assert done.returncode == 1 and "FAIL: port 0 test case 0 FAILED: clients-estab" in done.stdout, (done.stdout, done.stderr)


def test_the_example_on_an_engine_that_runs(engine, rpc, ledger):  # noqa: F811
    e, s = two(engine, rpc)
    done = example(ledger, "--scale", "1000", "--seconds", "1", "--attach", f"127.0.0.1:{s.port}")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert e.stats(0)["estab_once"] == 4000 and not e.show("tests state port 0")["running"]
    assert example(ledger, "--attach", "127.0.0.1:1").returncode == 3
    assert example(ledger, "--scale", "none").returncode == 2


def left_of(pid):
    """What of a script's engines still runs."""
    found = []
    for f in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if re.search(rb"\0p[yl]%d-" % pid, f.read_bytes()):
                found.append(f)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def interrupted(command, ledger, sig, after):
    """Runs an example and interrupts it, once it says that sessions are there, or so many seconds after it began to start its
    engine."""
    p = subprocess.Popen([*command, "--scale", "1000", "--seconds", "100"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env={**os.environ, **ledger.env})
    try:
        if after is None:
            assert b"established" in p.stdout.readline()
            assert left_of(p.pid)
        else:
            wait_for(lambda: left_of(p.pid), 20, every=0.01)
            time.sleep(after)
        p.send_signal(sig)
        err = p.communicate(timeout=60)[1]
    finally:
        p.kill()
    assert p.returncode == 130, err
    wait_for(lambda: not left_of(p.pid), 5)
    assert not ledger.left()


WHEN = [(signal.SIGINT, None), (signal.SIGTERM, None), (signal.SIGTERM, 0), (signal.SIGINT, 0.3)]


@pytest.mark.parametrize("sig,after", WHEN)
def test_an_interrupted_script_leaves_no_engine(ledger, sig, after):
    interrupted([PY, TOP / "examples/python/test_1_http_4M.py"], ledger, sig, after)


@pytest.mark.long
def test_the_benchmark_draws_what_it_measured(ledger, tmp_path):
    out = tmp_path / "out"
    done = run(PY, TOP / "examples/python/test_2_perf_benchmark.py", "--scale", "10000", "--sizes", "32,1024,1400", "--seconds", "1",
               "--runs", "1", "--output", out, env={**ledger.env, "MPLCONFIGDIR": str(tmp_path)}, timeout=180)
    assert done.returncode == 0, (done.stdout, done.stderr)
    results = json.loads((out / "results.json").read_text())
    assert results["sessions"] == 1000
    assert {k: [r["size"] for r in rows] for k, rows in results["results"].items()} == {
        "tcp_raw": [32, 1024, 1400], "tcp_http": [32, 1024, 1400], "udp_raw": [32, 1024]}
    for rows in results["results"].values():
        for r in rows:  # what a packet carries is what was asked for, with its headers
            assert r["setup_per_s"] > 0 and r["pps"] > 100 and r["percent"] > 0
            assert r["mbps"] * 1e6 / 8 / r["pps"] > r["size"] * (1 if rows is results["results"]["udp_raw"] else 0.5), r
    page = (out / "report.html").read_text()
    drawn = sorted(f.name for f in out.glob("*.png"))
    assert drawn == ["tcp_http_link_usage.png", "tcp_http_pps.png", "tcp_http_setup.png", "tcp_raw_link_usage.png", "tcp_raw_pps.png",
                     "tcp_raw_setup.png", "udp_raw_link_usage.png", "udp_raw_pps.png"]
    for name in drawn:
        png = (out / name).read_bytes()
        assert png.startswith(b"\x89PNG") and base64.b64encode(png).decode() in page
    assert "http" not in re.sub(r"base64,[^\"]*|tcp_http", "", page)  # needs nothing from elsewhere


# ---- what is written about it


def snippets(language):
    text = (TOP / "doc/scripting.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def test_the_snippets_run(ledger, tmp_path):
    python, perl = snippets("python"), snippets("perl")
    assert (len(python), len(perl)) == (2, 1)
    outputs = []
    for i, (text, command) in enumerate([*[(t, [PY]) for t in python], *[(t, ["perl", "-w", f"-I{TOP}/scripts/perl"]) for t in perl]]):
        f = tmp_path / f"snippet{i}"
        f.write_text(text)
        done = run(*command, f, env={**ledger.env, "PYTHONPATH": str(PACKAGE.parent)})
        assert (done.returncode, done.stderr) == (0, ""), (text, done.stdout, done.stderr)
        outputs.append(done.stdout)
    for out in (outputs[0], outputs[2]):
        assert "port 0 test case 0 PASSED: clients-estab 1000 of 1000\n" in out and int(re.search(r"(\d+) responses", out)[1]) > 0
    assert "port | port: 64 is out of range, expected 0..63\n" in outputs[1]
    assert float(re.search(r"^([\d.]+) us$", outputs[1], re.M)[1]) > 150, outputs[1]  # of 200
