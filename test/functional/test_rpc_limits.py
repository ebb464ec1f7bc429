"""What the RPC server withstands: clients that are slow, silent, greedy, gone, or no clients of its; tokens; TLS in front; an
engine that does not answer. Others are served meanwhile. And the launcher."""
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest
from rpc import Client, RpcError
from test_conf_file import conf, warp17  # noqa: F401: a fixture
from test_rpc import TALK, TC, operators, rpc, two  # noqa: F401: a fixture
from test_scripts import SCRIPTS, alive, place, run  # noqa: F401: a fixture
from test_traffic import RING, pair
from warp17 import CLI, MODE, TOP, wait_for

PING = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "rpc.ping"}).encode() + b"\n"


def served(client, seconds=0.5):
    """Answers come at once, from the server and from the engine."""
    for method, params in (("show.version", {}), ("set.syslog", {"level": "INFO"})):
        began = time.monotonic()
        client.call(method, **params)
        assert time.monotonic() - began < seconds, method


def test_a_long_command_of_one_holds_up_nobody_else(engine, rpc):  # noqa: F811
    e, s = two(engine, rpc)
    pair(e, TALK, TALK)
    wait_for(lambda: e.stats(0)["responses"] > 100)
    a, b, c = s.client(), s.client(), s.client(local=True)
    for x in (a, b, c):
        x.call("session.info")
    a.call("set.tests.faults", port=0, loss=100)  # no FIN is answered: it takes a second or more
    began = time.monotonic()
    n = a.post("stop.tests", port=0)
    after = a.post("rpc.ping")  # of one client all is done in its order
    time.sleep(0.1)
    served(b)
    served(c)
    assert time.monotonic() - began < 0.9
    assert a.silent(0)
    assert a.answer()["id"] == n and a.answer()["id"] == after
    assert time.monotonic() - began > 0.9
    a.call("del.tests.faults", port=0)


def test_who_does_not_read_loses_notifications_and_holds_up_nobody(engine, rpc):  # noqa: F811
    e, s = two(engine, rpc)
    slow, other = s.client(), s.client()
    slow.call("subscribe", method="show.tcp.statistics", interval_ms=100)
    for _ in range(200):  # some 100 KB each
        slow.post("rpc.discover")
    other.call("session.info")
    began = time.monotonic()
    while time.monotonic() < began + 3:
        served(other)
        time.sleep(0.05)
    told, answers = [], 0
    while answers < 200 or not any(t["lost"] for t in told):
        m = slow.receive()
        answers += "result" in m
        if "method" in m:
            told.append(m["params"])
    assert max(t["lost"] for t in told) >= 5
    seqs = [t["seq"] for t in told]
    assert seqs == list(range(len(seqs)))
    memory = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{s.proc.pid}/status").read_text())[1])
    assert MODE == "asan" or memory < 60000, memory  # KB; the sanitizer has its own


@pytest.mark.long
def test_who_never_reads_is_cut_off(engine, rpc):  # noqa: F811
    _, s = two(engine, rpc)
    slow = s.client()
    slow.call("session.open", name="slow")
    for _ in range(200):
        slow.post("rpc.discover")
    began = time.monotonic()
    wait_for(lambda: "slow" not in operators(s.engine), 40, 0.5)
    assert time.monotonic() - began > 20


def test_many_requests_are_slowed_and_others_are_not(engine, rpc):  # noqa: F811
    _, s = two(engine, rpc)
    greedy, other = s.client(), s.client()
    other.call("session.info")
    began = time.monotonic()
    greedy.send(PING * 6000)
    n = 0
    while n < 6000:
        assert greedy.receive()["result"]
        n += 1
        if n % 500 == 0:
            served(other)
    assert 1.8 < time.monotonic() - began < 15  # 2000 at once, then 2000 a second


def refused(c, code, why):
    m = c.receive()
    assert m["error"]["code"] == code and why in m["error"]["message"] and m["id"] is None, m


def test_sizes_and_depths(engine, rpc):  # noqa: F811
    _, s = two(engine, rpc)
    c = s.client()
    c.send([json.loads(PING)] * 257)
    refused(c, -32600, "a batch of 257 requests, expected 1..256")
    c.send([json.loads(PING)] * 256)
    assert len(c.receive()) == 256
    c.send(b"[" * 17 + b"]" * 17 + b"\n")
    refused(c, -32700, "more than 16 deep")
    c.send(b'{"a":' * 5000 + b"\n")
    refused(c, -32700, "more than 16 deep")
    big = {"jsonrpc": "2.0", "id": 1, "method": "rpc.ping", "params": {"x": "y" * (1 << 20)}}
    big["params"]["x"] = big["params"]["x"][:(1 << 20) - len(json.dumps(big)) + (1 << 20)]
    c.send(big)
    assert c.receive()["error"]["code"] == -32602  # as long as may be, and looked at
    c.send(b"{" + b" " * (1 << 20) + b"}" * 70000)
    refused(c, -32600, "a line of more than 1048576 bytes")
    assert c.receive() is None
    c = s.client()
    c.send([{"jsonrpc": "2.0", "id": i, "method": "rpc.discover"} for i in range(200)])
    answers = c.receive()
    codes = [a.get("error", {}).get("code") for a in answers]
    assert len(codes) == 200 and codes[0] is None and codes[-1] == -32600 and codes == sorted(codes, key=lambda x: x or 0, reverse=True)
    assert "the batch's answers take more than" in answers[-1]["error"]["message"]


def test_what_is_no_json_rpc_is_hung_up_on(engine, rpc):  # noqa: F811
    """As of a web page that has a browser post a request: its headers are no JSON."""
    e, s = two(engine, rpc)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "set.syslog", "params": {"level": "DEBUG"}})
    for text in (f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}\n", "\x16\x03\x01\x02\x00\n", "help\n"):
        c = s.client()
        c.send(text.encode())
        refused(c, -32700, "this is JSON-RPC 2.0")
        assert c.receive() is None
    assert not e.show("audit")["changes"]


@pytest.mark.long
def test_who_says_nothing_is_let_go(engine, rpc):  # noqa: F811
    _, s = two(engine, rpc)
    silent, talks = s.client(), s.client()
    silent.send(b'{"jsonrpc"')
    talks.call("rpc.ping")
    assert silent.receive(15) is None  # after 10 s
    assert talks.call("rpc.ping")


def test_more_clients_than_places(engine, rpc):  # noqa: F811
    e, s = two(engine, rpc)
    clients = [s.client() for _ in range(31)]
    for i, c in enumerate(clients):
        c.call("session.open", name=f"c{i}")
    assert len(clients[0].call("show.operators")["operators"]) == 32
    late = s.client(local=True)
    told = late.fails("show.version")
    assert (told.code, told.message) == (4, "all 32 places for operators are taken (show operators)")
    assert late.call("rpc.ping") and late.fails("session.info").code == 4
    clients[7].close()
    wait_for(lambda: "c7" not in {o["name"] for o in clients[0].call("show.operators")["operators"]}, 1)
    assert late.call("session.open", name="late")["name"] == "late"
    more = [s.client() for _ in range(34)]  # with the 31 one more than 64
    for c in more:
        c.send(PING)
    assert all(c.receive()["result"] for c in more[:33])
    told = more[-1].receive()
    assert told is None or told["error"]["message"] == "there is no room for more than 64 clients"
    for c in clients[1:]:
        c.close()
    time.sleep(0.3)  # their ends are seen one by one
    assert s.client().call("show.version")["pid"] == e.proc.pid


def test_clients_that_come_and_go_leave_nothing(engine, rpc):  # noqa: F811
    e, s = two(engine, rpc)
    fds = pathlib.Path(f"/proc/{s.proc.pid}/fd")
    Client(s.path).call("show.version")
    wait_for(lambda: len(operators(e)) == 2, 2)
    before = len(list(fds.iterdir()))
    for i in range(150):
        c = Client(s.path if i % 2 else ("127.0.0.1", s.port))
        if i % 3:
            c.call("session.open", name=f"n{i}")
        if i % 5 == 0:
            c.post("stop.tests", port=0)
        if i % 7 == 0:
            c.post("show.link.rate")
        if i % 11 == 0:
            c.send(b'{"half')
        c.close()
    wait_for(lambda: len(list(fds.iterdir())) == before and len(operators(e)) == 2, 5)
    assert e.rundir().joinpath("config").exists() and s.proc.poll() is None


def test_an_engine_that_is_stopped_times_out(engine, rpc):  # noqa: F811
    e, s = two(engine, rpc, "--timeout", "1")
    c, d = s.client(), s.client()
    c.call("session.info")
    e.proc.send_signal(signal.SIGSTOP)
    try:
        told = c.fails("set.syslog", level="INFO")
        assert told.code == 5 and told.message.startswith("no answer in 1 s: the engine is busy, stopped or hung")
        told = d.fails("show.version")
        assert told.code == 5 and "does not answer" in told.message
        time.sleep(1.5)
        assert c.fails("show.version").message.startswith("the engine has shown no sign of life for")
        assert c.call("rpc.ping") and d.call("rpc.ping")  # the server itself is there
    finally:
        e.proc.send_signal(signal.SIGCONT)
    wait_for(lambda: not isinstance(call_or_error(c, "show.version"), RpcError), 5)
    assert c.call("set.syslog", level="NOTICE") == {"message": ""}
    assert d.call("session.open", name="d")["name"] == "d"


def call_or_error(c, method, **params):
    try:
        return c.call(method, **params)
    except RpcError as e:
        return e


# ---- tokens, TLS


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text("0123456789abcdef0123\n")
    path.chmod(0o600)
    return path


def test_a_token_comes_first(engine, rpc, token, tmp_path):  # noqa: F811
    e = engine(*RING)
    s = rpc(e, "--token-file", str(token), at=("0.0.0.0:0", f"unix:{tmp_path}/s2"))
    s.path = f"{tmp_path}/s2"
    c = s.client()
    for method in ("rpc.ping", "rpc.discover", "show.version", "stop.tests", "session.info"):
        told = c.fails(method)
        assert told.code == 4 and told.message.startswith("the token has to be said first")
    assert "server" in c.call("session.open", name="anna", token="0123456789abcdef0123")
    assert c.call("show.version")["pid"] == e.proc.pid
    for wrong in ("0123456789abcdef0124", "0123456789abcdef012", "0123456789abcdef01230", "x", None):
        d = s.client()
        told = d.fails("session.open", **({} if wrong is None else {"token": wrong}))
        assert (told.code, told.message) == (4, "the token is not right")
        assert d.receive() is None
    d = s.client()  # no second guess in a batch
    d.send([{"jsonrpc": "2.0", "id": i, "method": "session.open", "params": {"token": t}}
            for i, t in enumerate(("0" * 20, "0123456789abcdef0123"))])
    assert [a["error"]["code"] for a in d.receive()] == [4, 4] and d.receive() is None
    assert s.client(local=True).call("show.version")["pid"] == e.proc.pid  # its mode is enough
    assert operators(e).keys() >= {"anna"} and len(operators(e)) <= 4


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_token_that_others_can_read_is_none(token, mode):
    token.chmod(mode)
    done = subprocess.run([CLI, "--prefix", "nobody", "--rpc", "0.0.0.0:0", "--token-file", str(token)], capture_output=True,
                          text=True, timeout=20)
    assert done.returncode == 2 and "can be read by others: chmod 600 it" in done.stderr


FRONTS = {"stunnel4": ("    [warp17]", "0.0.0.0:42425", "foreground = yes\npid =\n", ()),
          "haproxy": ("    frontend warp17", ":42425", "", ("-db", "-f"))}


@pytest.mark.parametrize("program", FRONTS)
def test_tls_by_a_front_as_the_manual_has_it(engine, rpc, token, tmp_path, program):  # noqa: F811
    s = rpc(engine(*RING), "--token-file", str(token), at=("127.0.0.1:0",))
    first, accept, before, options = FRONTS[program]
    text = (TOP / "doc/rpc.md").read_text()
    lines = re.sub(r"(?m)^    ", "", re.match(r"(?:    .*\n)+", text[text.index(first):])[0])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pem, conf_file = tmp_path / "rpc.pem", tmp_path / "front.conf"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout",
                    tmp_path / "key", "-out", tmp_path / "crt"], check=True, capture_output=True)
    pem.write_text((tmp_path / "key").read_text() + (tmp_path / "crt").read_text())
    pem.chmod(0o600)
    conf_file.write_text(before + lines.replace(accept, f"127.0.0.1:{port}").replace("42424", str(s.port))
                         .replace("/etc/warp17/rpc.pem", str(pem)))
    with open(tmp_path / "front.log", "w") as log:
        proc = subprocess.Popen([program, *options, conf_file], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        context = ssl.create_default_context(cafile=tmp_path / "crt")
        context.check_hostname = False
        raw = wait_for(lambda: connected(port) or proc.poll() is not None, 10)
        assert raw is not True, (tmp_path / "front.log").read_text()
        c = Client.__new__(Client)
        c.socket, c.buffer, c.told, c.n = context.wrap_socket(raw), b"", [], 0
        assert c.call("session.open", name="far", token=token.read_text().strip())["name"] == "far"
        assert c.call("show.version")["ports"] == 2
        c.close()
    finally:
        proc.terminate()
        proc.wait(10)


def connected(port):
    try:
        return socket.create_connection(("127.0.0.1", port), 5)
    except ConnectionRefusedError:
        return None


# ---- the launcher

POOLS = "RING_IF_PAIRS=1\nTCB_POOL_SZ=16\nUCB_POOL_SZ=16\nMBUF_POOL_SZ=8\n"


def test_start_brings_it_and_stop_ends_it(conf, place, tmp_path):  # noqa: F811
    env = conf(POOLS + f"RPC_LISTEN=127.0.0.1:0 unix:{tmp_path}/s")
    done = warp17("start", env=env)
    ready = re.search(rf"RPC READY prefix={place.prefix} pid=(\d+) 127.0.0.1:(\d+) unix:{tmp_path}/s\n", done.stdout)
    pid = int(ready[1])
    assert Client(("127.0.0.1", int(ready[2]))).call("show.version")["prefix"] == place.prefix
    assert json.loads(warp17("status", "-j", env=env).stdout)["rpc_pid"] == pid
    assert f"its RPC server is pid {pid}" in warp17("status", env=env).stdout
    assert "runs already" in warp17("start", env=env, code=1).stderr
    warp17("stop", env=env)
    assert not alive(pid) and not os.path.exists(f"{tmp_path}/s")


def test_start_fails_when_it_cannot_listen(conf, place):  # noqa: F811
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        env = conf(POOLS + f"RPC_LISTEN=127.0.0.1:{taken.getsockname()[1]}")
        done = warp17("start", env=env, code=1)
        assert "Address already in use" in done.stderr and "the RPC server did not start" in done.stderr
        assert json.loads(run(SCRIPTS / "warp17", "status", "-j", env={**os.environ, **env}).stdout)["running"] is False


def test_it_goes_with_a_killed_engine_and_comes_with_the_next(conf, place, tmp_path):  # noqa: F811
    env = conf(POOLS + f"RPC_LISTEN=unix:{tmp_path}/s")
    warp17("start", env=env)
    status = json.loads(warp17("status", "-j", env=env).stdout)
    os.kill(status["pid"], signal.SIGKILL)
    wait_for(lambda: not alive(status["rpc_pid"]), 5)
    warp17("start", env=env)
    assert Client(f"{tmp_path}/s").call("show.version")["pid"] == json.loads(warp17("status", "-j", env=env).stdout)["pid"]


def test_rpc_in_the_foreground(conf, place, tmp_path, token):  # noqa: F811
    env = conf(POOLS + f"RPC_LISTEN=\nRPC_TOKEN_FILE={token}")
    warp17("start", env=env)
    proc = subprocess.Popen([SCRIPTS / "warp17", "rpc", "127.0.0.1:0", f"unix:{tmp_path}/s"], env={**os.environ, **env},
                            stderr=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r" 127.0.0.1:(\d+) ", proc.stderr.readline())[1])
        c = Client(("127.0.0.1", port))
        assert c.fails("show.version").code == 4 and c.call("session.open", token=token.read_text().strip())
    finally:
        proc.terminate()
        assert proc.wait(10) == 0
        proc.stderr.close()


@pytest.mark.parametrize("line, why", [("RPC_LISTEN=here", "RPC_LISTEN: --rpc: 'here' given, expected ADDR:PORT"),
                                       ("RPC_LISTEN=127.0.0.1:1 unix:", "RPC_LISTEN: --rpc: 'unix:' given"),
                                       ("RPC_TOKEN_FILE=x", "RPC_TOKEN_FILE: 'x' given, expected the whole path of a file")])
def test_what_is_wrong_in_the_file(conf, place, line, why):  # noqa: F811
    env = conf(line)
    assert why in warp17("start", env=env, code=2).stderr
