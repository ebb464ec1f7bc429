"""The exporter's HTTP side: where it listens and to whom it answers, what it does with requests of any kind and with very
many of them, and that it can do no more than that."""
import base64
import concurrent.futures
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import ssl
import stat
import struct
import subprocess
import threading
import time

import pytest
from test_exporter import RING, Exporter, Load, exporter, prefix, run  # noqa: F401: fixtures
from test_nonroot import AS_USER, MOUNT, SMALL, USER, user  # noqa: F401: a fixture
from warp17 import MODE, TOP, wait_for

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def answers(sock):
    """All that comes until the end: status, headers and body of the first answer, and what follows it."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65536):
            data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
    length = int(headers.get("content-length", len(rest)))
    return int(lines[0].split()[1]) if head else None, headers, rest[:length], rest[length:]


def tcp(x, timeout=10):
    return socket.create_connection(("127.0.0.1", x.port), timeout)


def said(x, *parts):
    with tcp(x) as c:
        for part in parts:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                c.sendall(part)
        return answers(c)


# ---- requests of any kind

@pytest.mark.parametrize("status, request_", [
    (200, GET),
    (200, b"GET /healthz HTTP/1.0\r\n\r\n"),
    (200, b"\r\n" + GET),
    (200, b"GET http://whoever:80/healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    (200, b"GET /he%61lthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    (200, b"GET /healthz?a=%00&b&&=&since=x HTTP/1.1\r\nHost: x\r\n\r\n"),
    (200, b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
    (200, b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    (200, b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    (404, b"GET http://whoever/nothing HTTP/1.1\r\nHost: x\r\n\r\n"),
    (404, b"GET /healthz/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    (404, b"GET /../healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    (404, b"GET //healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    (400, b"GET /healthz HTTP/1.1\r\n\r\n"),
    (400, b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    (400, b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n"),
    (400, b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
    (400, b"GET /events?interval=199 HTTP/1.1\r\nHost: x\r\n\r\n"),
    (400, b"GET /api/v1/events?since=%31x HTTP/1.1\r\nHost: x\r\n\r\n"),
    (405, b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
    (405, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
    (405, b"BREW /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
    (413, b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"),
    (413, b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n"),
    (414, b"GET /" + b"a" * 2048 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    (414, b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    (431, b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000 + b"\r\n\r\n"),
    (431, b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 100000 + b"\r\n\r\n"),
    (431, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 2000 + b"\r\n"),
], ids=lambda v: repr(v)[:60])
def test_requests(exporter, status, request_):
    x = exporter()
    got, headers, body, rest = said(x, request_)
    assert got == status, (got, headers, body)
    if b"Content-Length: many" not in request_ and b"Content-Length: -1" not in request_:  # there libmicrohttpd 0.9.75 answers twice
        assert rest == b""
    assert headers["connection"].lower() == "close"
    if status == 405:
        assert headers["allow"] == "GET, HEAD"
    assert said(x, GET)[0] == 200


@pytest.mark.parametrize("request_", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    b"\0" * 1000, b"GET\r\n\r\n", b"GET /healthz\r\n\r\n", b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
    b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + bytes(65536) + b"\r\n",
    b"GET /healthz HTTP/1.1\r\n : x\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ids=lambda r: repr(r[:40]))
def test_what_is_no_request_is_refused_or_hung_up_on(exporter, request_):
    """At once or when its time is up; nobody else notices."""
    x = exporter()
    with tcp(x, 20) as c:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            for _ in range(20 if b"10000" in request_ else 1):
                c.sendall(request_)
        assert said(x, GET)[0] == 200
        with contextlib.suppress(OSError):
            c.shutdown(socket.SHUT_WR)
        got, *_ = answers(c)
        assert got is None or got in (200, 400, 404, 405, 413, 431, 505), got
        assert got != 200 or request_.startswith((b"GET /healthz\r\n", b"GET /healthz HTTP/9.9"))
    assert said(x, GET)[0] == 200


def test_pipelined_requests_get_one_answer_and_the_end(exporter):
    x = exporter()
    got, headers, body, rest = said(x, GET * 50)
    assert got == 200 and json.loads(body) == {"status": "ok"} and rest == b"" and headers["connection"].lower() == "close"


def test_every_answer_is_closed_to_other_pages(exporter, engine, prefix):
    x = exporter()
    paths = ("/metrics", "/api/v1/stats", "/api/v1/schema", "/healthz", "/nothing", "/events?interval=1")
    for with_engine in (False, True):
        for path, method in [(p, m) for p in paths for m in ("GET", "HEAD", "POST")]:
            _, _, headers = x.get(path, method)
            assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert "Access-Control-Allow-Origin" not in headers
        if not with_engine:
            status, _, headers = x.get("/readyz")
            assert status == 503 and int(headers["Retry-After"]) > 0
            engine(*RING, prefix=prefix)
            wait_for(x.ready)


# ---- many of them

def test_scrapers_at_the_same_time_share_a_sample(exporter, engine, prefix):
    x = exporter()
    engine(*RING, prefix=prefix)
    wait_for(x.ready)

    def look(_):
        before = time.time()
        doc = x.stats()
        return before, doc["timestamp"], time.time()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        began = time.time()
        looks = list(pool.map(look, range(200)))
        took = time.time() - began
    assert all(t - 0.2 < stamp <= after for t, stamp, after in looks)  # honest: of then, not of a refresh in the background
    stamps = {stamp for _, stamp, _ in looks}
    assert 1 <= len(stamps) <= took / 0.05 + 2 and len(stamps) < 200
    time.sleep(0.1)
    before, stamp, _ = look(0)
    assert stamp >= before - 0.001


def drip(socks, going):
    while going:
        for c in socks:
            with contextlib.suppress(OSError):
                c.send(b"X")
        time.sleep(0.5)


def slowly(x, n, first):
    socks = []
    for _ in range(n):
        c = socket.socket()
        c.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            c.connect(("127.0.0.1", x.port))
        socks.append(c)
    time.sleep(0.3)
    for c in socks:
        with contextlib.suppress(OSError):
            c.send(first)
    return socks


@pytest.mark.parametrize("first", [b"", b"GET /metrics HTTP/1.1\r\nA: ", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"])
def test_slowloris(exporter, first):
    """Connections that say a byte now and then, twice as many as there is room for, and new ones for those that are let go."""
    x = exporter()
    going, socks = [1], slowly(x, 1024, first)
    thread = threading.Thread(target=drip, args=(socks, going), daemon=True)
    thread.start()
    try:
        for _ in range(5):
            began = time.monotonic()
            assert x.get("/metrics", timeout=8)[0] == 200
            assert time.monotonic() - began < 5
            socks += slowly(x, 50, first)
    finally:
        going.clear()
        thread.join()
        for c in socks:
            c.close()
    assert x.get("/metrics")[0] == 200


def resident_kb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def test_ten_thousand_connections(exporter):
    """Memory stays as it is, and others are answered: meanwhile within the time a scraper has, then at once."""
    x = exporter()
    wanted, (was, hard) = 10000, resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, wanted + 500), hard))
    n = min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 400)
    socks = []
    try:
        x.get("/metrics")
        before = resident_kb(x.proc.pid)
        for batch in range(0, n, 500):
            socks += slowly(x, min(500, n - batch), b"GET /metrics HTTP/1.1\r\nA: ")
        assert len(socks) == n
        during = resident_kb(x.proc.pid)
        assert x.get("/metrics", timeout=15)[0] == 200
    finally:
        for c in socks:
            c.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (was, hard))
    wait_for(lambda: x.get("/healthz", timeout=15)[0] == 200, 20)
    began = time.monotonic()
    assert x.get("/metrics")[0] == 200 and time.monotonic() - began < 1
    after = resident_kb(x.proc.pid)
    print(f"{n} connections: VmRSS {before} KB before, {during} KB during, {after} KB after")
    if MODE == "release":
        assert max(during, after) < before + 20000


def test_engines_restart_under_load(exporter, engine, prefix, tmp_path):
    """At each door every request gets a whole answer, and one that is right."""
    path = tmp_path / "door"
    x = exporter("--port", "0", "--listen", f"unix:{path}")
    loads = [Load(x.port, p) for p in ("/metrics", "/api/v1/stats", "/api/v1/tests", "/nothing")]
    statuses = []
    try:
        for _ in range(3):
            e = engine(*RING, prefix=prefix)
            wait_for(x.ready)
            for _ in range(10):
                statuses.append(local(path, "/api/v1/stats")[0])
            e.kill()
            wait_for(lambda: not x.ready(), 2)
            for _ in range(30):
                statuses.append(local(path, "/api/v1/stats")[0])
                time.sleep(0.02)
    finally:
        for load in loads:
            load.stop()
    for load in loads:
        assert not load.errors, load.errors[:5]
        assert {*load.statuses} == {"/metrics": {200}, "/nothing": {404}}.get(load.path, {200, 503}), load.path
    assert {*statuses} == {200, 503}


# ---- where it listens

def reachable(path):
    with socket.socket(socket.AF_UNIX) as c:
        return c.connect_ex(str(path)) == 0


def local(path, url, timeout=5):
    """Over a Unix socket."""
    with socket.socket(socket.AF_UNIX) as c:
        c.settimeout(timeout)
        c.connect(str(path))
        c.sendall(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        status, headers, body, _ = answers(c)
        return status, body.decode(), headers


def test_many_sockets_over_restarts_of_the_engine(exporter, engine, prefix, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    x = exporter("--port", "0", "--listen", f"unix:{a}", "--listen", f"unix:{b},mode=0600", "--listen", "[::1]:0")
    ports = re.findall(r"listening on (.*):(\d+)\n", x.err.read_text())
    assert [host for host, _ in ports] == ["127.0.0.1", "[::1]"]
    assert stat.S_IMODE(a.stat().st_mode) == 0o660 and stat.S_IMODE(b.stat().st_mode) == 0o600

    def six():
        c = http.client.HTTPConnection("::1", int(ports[1][1]), timeout=5)
        c.request("GET", "/readyz")
        return c.getresponse().status
    for _ in range(2):
        e = engine(*RING, prefix=prefix)
        wait_for(x.ready, 5)
        assert local(a, "/readyz")[0] == local(b, "/readyz")[0] == six() == 200
        assert json.loads(local(b, "/api/v1/stats")[1])["engine"]["pid"] == e.proc.pid
        e.kill()
        wait_for(lambda: not x.ready(), 2)
        assert local(a, "/readyz")[0] == local(b, "/readyz")[0] == six() == 503
    x.stop()
    assert not a.exists() and not b.exists()


def test_unix_sockets_that_are_there(exporter, prefix, tmp_path):
    path = tmp_path / "door"
    listen = ("--prefix", prefix, "--listen", f"unix:{path}")
    path.write_text("mine")
    done = run(*listen)
    assert done.returncode == 1 and f"cannot listen on {path}: Address already in use" in done.stderr
    assert path.read_text() == "mine"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as s:  # nobody's any more
        s.bind(str(path))
    x = exporter("--port", "0", *listen[2:])
    wait_for(lambda: reachable(path))  # the fixture waits for the port, which comes first
    assert local(path, "/healthz")[0] == 200
    done = run(*listen, "--port", "0")
    assert done.returncode == 1 and "is another exporter running?" in done.stderr
    assert local(path, "/healthz")[0] == 200
    x.proc.kill()
    x.proc.wait()
    assert path.exists()
    y = exporter("--port", "0", *listen[2:])
    assert local(path, "/healthz")[0] == 200
    x.proc = y.proc  # for the fixture


def test_removed_when_a_later_one_cannot_be_opened(prefix, tmp_path):
    done = run("--prefix", prefix, "--listen", f"unix:{tmp_path}/door", "--listen", "192.0.2.1:9417")
    assert done.returncode == 1 and not (tmp_path / "door").exists()


@pytest.mark.parametrize("args, why", [
    (("--listen", "unix:door"), "--listen: expected ADDR:PORT or"),
    (("--listen", "unix:/" + "x" * 108), "--listen: expected"),
    (("--listen", "unix:/tmp/x,mode=0999"), "unix:/PATH,mode=0660"),
    (("--listen", "unix:/tmp/x,mode=1777"), "--listen: expected"),
    (("--listen", "127.0.0.1:0") * 9, "--listen: at most 8 times"),
    (("--tls-cert", "/dev/null"), "both or none"),
    (("--token-file", "/nowhere"), "--token-file /nowhere: No such file"),
    (("--token-file", "/dev/null"), "no regular file"),
])
def test_wrong_options(args, why):
    done = run(*args)
    assert done.returncode == 2 and why in done.stderr, done.stderr


# ---- to whom it answers

TOKEN = "s3cret-of-the-lab"


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o640)
    return path


def asked(x, authorization=None, path="/metrics"):
    c = http.client.HTTPConnection("127.0.0.1", x.port, timeout=5)
    c.request("GET", path, headers={"Authorization": authorization} if authorization else {})
    r = c.getresponse()
    r.read()
    return r.status, r.headers.get_all("WWW-Authenticate")


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_token(exporter, token, engine, prefix):
    x = exporter("--port", "0", "--token-file", str(token))
    status, challenges = asked(x)
    assert status == 401 and challenges[0].startswith("Bearer ") and challenges[1].startswith("Basic ")
    for path in ("/", "/nothing", "/readyz", "/api/v1/stats", "/events"):
        assert asked(x, path=path)[0] == 401
    assert asked(x, path="/healthz")[0] == 200
    for good in (f"Bearer {TOKEN}", f"bearer   {TOKEN}", basic(f"prometheus:{TOKEN}"), basic(f":{TOKEN}")):
        assert asked(x, good) == (200, None), good
    for bad in (TOKEN, "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN} x", f"Basic {TOKEN}",
                "Basic", "Basic ", "Basic !!!", basic(TOKEN), basic(f"a:{TOKEN}x"), basic("x" * 500 + ":" + TOKEN),
                "Bearer " + "x" * 300, f"Digest {TOKEN}"):
        assert asked(x, bad)[0] in (400, 401), bad
    e = engine(*RING, prefix=prefix)
    wait_for(lambda: asked(x, f"Bearer {TOKEN}", "/readyz")[0] == 200)
    e.kill()
    wait_for(lambda: asked(x, f"Bearer {TOKEN}", "/readyz")[0] == 503)
    assert asked(x)[0] == 401


def test_tokens_are_read_again(exporter, token):
    x = exporter("--port", "0", "--token-file", str(token))
    token.write_text("another")
    x.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: asked(x, "Bearer another")[0] == 200)
    assert asked(x, f"Bearer {TOKEN}")[0] == 401
    token.write_text("")
    x.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: "expected one line" in x.err.read_text())
    assert "still holds" in x.err.read_text() and asked(x, "Bearer another")[0] == 200
    assert "another" not in x.err.read_text()


@pytest.mark.parametrize("text, mode, why", [
    (TOKEN, 0o644, "everybody can read"), (TOKEN, 0o602, "everybody can read or change"), ("", 0o600, "expected one line"),
    ("two words", 0o600, "expected one line"), ("x" * 257, 0o600, "expected one line"), ("x" * 5000, 0o600, "too large")])
def test_tokens_that_are_none(token, text, mode, why):
    token.write_text(text)
    token.chmod(mode)
    done = run("--port", "0", "--token-file", token)
    assert done.returncode == 2 and why in done.stderr and "listening" not in done.stderr, done.stderr


def test_what_others_can_reach_is_told(exporter, token):
    """To listen for other machines is to be asked for; then who asks hears what that means, once."""
    x = exporter("--listen", "0.0.0.0:0")
    assert "whoever reaches it can read everything" in x.err.read_text()
    y = exporter("--listen", "0.0.0.0:0", "--token-file", str(token))
    assert "goes over the network in clear" in y.err.read_text()
    assert "network" not in exporter("--port", "0", "--token-file", str(token)).err.read_text()


def test_the_launchers_configuration(prefix, token, tmp_path):
    """Doors and token by warp17.conf; doors of the command line hold over the file's."""
    door = tmp_path / "door"
    conf = tmp_path / "warp17.conf"
    conf.write_text(f"PREFIX={prefix}\nEXPORTER_LISTEN=unix:{door},mode=0600 127.0.0.1:0\nEXPORTER_TOKEN_FILE={token}\n")
    for args, listens in (((), True), (("--port", "0"), False)):
        p = subprocess.Popen([TOP / "scripts/warp17", "exporter", *args], env={**os.environ, "WARP17_CONFIG": str(conf)},
                             stderr=subprocess.PIPE, text=True)
        try:
            port = int(re.search(r"127\.0\.0\.1:(\d+)", p.stderr.readline())[1])
            assert door.exists() == listens
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            c.request("GET", "/metrics")
            assert c.getresponse().status == 401
        finally:
            p.terminate()
            assert p.wait(5) == 0
        assert not door.exists()


# ---- TLS

def certificate(path, name, mode=0o600):
    """A self-signed one and its key; the key's mode."""
    cert, key = path / f"{name}.crt", path / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    key.chmod(mode)
    return cert, key


def secure(x, cert, path="/healthz", headers=()):
    done = subprocess.run(["curl", "-sS", "--max-time", "5", "--cacert", cert, *(a for h in headers for a in ("-H", h)), "-w", " %{http_code}",
                           f"https://localhost:{x.port}{path}"], capture_output=True, text=True)
    body, _, status = done.stdout.rpartition(" ")
    return done.returncode, int(status or 0), body


def peer_name(x):
    """Who is there, by s_client; what it says of the connection."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{x.port}", "-brief"], input="", capture_output=True,
                          text=True, timeout=10)
    return re.search(r"Peer certificate: CN = (\S+)", done.stderr)[1], done.stderr


def test_tls(exporter, engine, prefix, tmp_path, token):
    cert, key = certificate(tmp_path, "one")
    other, _ = certificate(tmp_path, "other")
    x = exporter("--port", "0", "--listen", f"unix:{tmp_path}/door", "--tls-cert", str(cert), "--tls-key", str(key),
                 "--token-file", str(token))
    assert secure(x, cert)[:2] == (0, 200)
    assert secure(x, other)[0] == 60  # not whom it trusts
    assert secure(x, cert, "/metrics")[1] == 401
    assert secure(x, cert, "/metrics", [f"Authorization: Bearer {TOKEN}"])[1] == 200
    name, about = peer_name(x)
    assert name == "one" and "TLSv1.3" in about
    done = subprocess.run(["openssl", "s_client", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-connect", f"127.0.0.1:{x.port}"],
                          input="", capture_output=True, text=True, timeout=10)
    assert done.returncode != 0
    assert said(x, GET)[0] is None  # in clear
    assert local(tmp_path / "door", "/healthz")[0] == 200
    e = engine(*RING, prefix=prefix)
    auth = [f"Authorization: Bearer {TOKEN}"]
    wait_for(lambda: secure(x, cert, "/readyz", auth)[1] == 200)
    assert json.loads(secure(x, cert, "/api/v1/stats", auth)[2])["engine"]["pid"] == e.proc.pid
    e.kill()
    wait_for(lambda: secure(x, cert, "/readyz", auth)[1] == 503)


def test_certificates_are_read_again(exporter, tmp_path):
    cert, key = certificate(tmp_path, "one")
    two, two_key = certificate(tmp_path, "two")
    x = exporter("--port", "0", "--tls-cert", str(cert), "--tls-key", str(key))
    going, wrong = [1], []

    def ask():
        while going:
            if secure(x, tmp_path / "both")[:2] != (0, 200):
                wrong.append(time.monotonic())
    (tmp_path / "both").write_text(cert.read_text() + two.read_text())
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    os.rename(two, cert)  # and the key has not come yet
    x.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: "still holds" in x.err.read_text())
    assert peer_name(x)[0] == "one"
    os.rename(two_key, key)
    x.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: peer_name(x)[0] == "two")
    going.clear()
    thread.join()
    assert not wrong


def test_keys_that_are_none(tmp_path):
    cert, key = certificate(tmp_path, "one", 0o644)
    other_cert, other_key = certificate(tmp_path, "other")
    done = run("--port", "0", "--tls-cert", cert, "--tls-key", key)
    assert done.returncode == 2 and f"--tls-key {key}: everybody can read" in done.stderr
    done = run("--port", "0", "--tls-cert", cert, "--tls-key", other_key)
    assert done.returncode == 2 and "--tls-cert" in done.stderr and "listening" not in done.stderr
    cert.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    done = run("--port", "0", "--tls-cert", cert, "--tls-key", other_key)
    assert done.returncode == 2 and "--tls-cert" in done.stderr and "listening" not in done.stderr
    assert other_cert.exists()


def test_connections_that_do_not_finish_a_handshake(exporter, tmp_path):
    cert, key = certificate(tmp_path, "one")
    x = exporter("--port", "0", "--tls-cert", str(cert), "--tls-key", str(key))
    socks = slowly(x, 600, b"\x16\x03\x01\x02\x00")
    try:
        for _ in range(3):
            began = time.monotonic()
            assert secure(x, cert)[:2] == (0, 200)
            assert time.monotonic() - began < 5
    finally:
        for c in socks:
            c.close()


# ---- what it can do at all

LIBC = ctypes.CDLL(None, use_errno=True)
SEIZE, INTERRUPT, GETREGS, SETREGS, SINGLESTEP, DETACH = 0x4206, 0x4207, 12, 13, 9, 17
WALL = 0x40000000
NR = {"open": 2, "socket": 41, "clone": 56, "fork": 57, "execve": 59, "kill": 62, "chmod": 90, "ptrace": 101, "mount": 165,
      "unlinkat": 263, "memfd_create": 319, "mkdir": 83, "getpid": 39, "bind": 49, "connect": 42, "clone3": 435}
EPERM, EACCES, ENOSYS = 1, 13, 38
CRITICAL = os.O_CREAT | os.O_WRONLY


class Inside:
    """A thread of a program, by default the first, made to call the system as a bug would have it."""

    def __init__(self, pid, thread=None):
        tasks = pathlib.Path(f"/proc/{pid}/task")
        self.pid = next(int(t.name) for t in tasks.iterdir() if (t / "comm").read_text().startswith(thread)) if thread else pid

    def ptrace(self, what, data=None):
        addr = ctypes.c_void_p()
        assert LIBC.ptrace(what, self.pid, addr, data) == 0, os.strerror(ctypes.get_errno())

    def __enter__(self):
        self.ptrace(SEIZE)
        self.ptrace(INTERRUPT)
        os.waitpid(self.pid, WALL)
        self.was = ctypes.create_string_buffer(27 * 8)
        self.ptrace(GETREGS, self.was)
        self.mem = open(f"/proc/{self.pid}/mem", "r+b", buffering=0)
        regs = struct.unpack("27Q", self.was)
        self.at, self.stack = regs[16] - 2, regs[19] - 8192
        self.mem.seek(self.at)
        assert self.mem.read(2) == b"\x0f\x05"
        return self

    def __exit__(self, *_):
        self.ptrace(SETREGS, self.was)
        self.ptrace(DETACH)
        self.mem.close()

    def call(self, name, *args):
        """Texts and bytes are put into its memory. What it returns."""
        words, at = [], self.stack
        for a in args:
            if isinstance(a, (str, bytes)):
                data = (a.encode() + b"\0") if isinstance(a, str) else a
                self.mem.seek(at)
                self.mem.write(data)
                words.append(at)
                at += len(data) + 16
            else:
                words.append(a & (2**64 - 1))
        words += [0] * (6 - len(words))
        regs = list(struct.unpack("27Q", self.was))
        regs[16], regs[10], regs[15] = self.at, NR[name], 2**64 - 1
        for reg, word in zip((14, 13, 12, 7, 9, 8), words):
            regs[reg] = word
        self.ptrace(SETREGS, struct.pack("27Q", *regs))
        self.ptrace(SINGLESTEP)
        os.waitpid(self.pid, WALL)
        now = ctypes.create_string_buffer(27 * 8)
        self.ptrace(GETREGS, now)
        return struct.unpack("27q", now)[10]


def status_of(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())


SANDBOX = pytest.mark.skipif(MODE == "asan" or os.uname().machine != "x86_64", reason="sanitizers need more; by x86-64's registers")


@SANDBOX
@pytest.mark.parametrize("images", [1, 2])
def test_it_can_do_no_more_than_it_must(exporter, engine, prefix, tmp_path, images):
    """In the first image and in those that follow it. Attaching to the next engine is what it still can."""
    x = exporter("--port", "0")
    for _ in range(images):
        e = engine(*RING, prefix=prefix)
        wait_for(x.ready)
        if images == 2:
            e.kill()
            wait_for(lambda: not x.ready())
    status = status_of(x.proc.pid)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert all(int(status[c], 16) & ~(1 << 1) == 0 for c in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb")), status
    mine = tmp_path / "mine"
    mine.write_text("mine")
    fenced = LIBC.syscall(444, None, 0, 1) > 0  # the kernel has Landlock
    with Inside(x.proc.pid) as i:
        assert i.call("getpid") == x.proc.pid
        assert i.call("fork") == -EPERM
        assert i.call("clone", 17) == -EPERM
        assert i.call("clone3", 0, 0) == -ENOSYS
        assert i.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0) == -EPERM
        assert i.call("socket", socket.AF_PACKET, socket.SOCK_RAW, 0) == -EPERM
        assert i.call("kill", os.getpid(), 0) == -EPERM
        assert i.call("kill", -1, 0) == -EPERM
        assert i.call("ptrace", 16, os.getpid()) == -EPERM
        assert i.call("mount", "none", "/mnt", "tmpfs", 0, 0) == -EPERM
        assert i.call("chmod", str(mine), 0o777) == -EPERM
        assert i.call("memfd_create", "x", 0) == -EPERM
        assert i.call("open", "/etc/hostname", os.O_RDONLY) >= 0  # reading is not what is taken
        if fenced:
            assert i.call("open", str(tmp_path / "new"), CRITICAL, 0o600) == -EACCES
            assert i.call("open", str(mine), os.O_WRONLY) == -EACCES
            assert i.call("open", "/etc/passwd", os.O_RDWR) == -EACCES
            assert i.call("unlinkat", -100, str(mine), 0) == -EACCES
            assert i.call("mkdir", str(tmp_path / "dir"), 0o700) == -EACCES
            assert i.call("execve", "/bin/sh", 0, 0) == -EACCES
    with Inside(x.proc.pid, "MHD") as i:  # who speaks to others
        assert i.call("fork") == -EPERM
        if fenced:
            assert i.call("open", "/etc/hostname", os.O_RDONLY) == -EACCES
            assert i.call("open", f"/var/run/dpdk/{prefix}/new", CRITICAL, 0o600) == -EACCES
            assert i.call("open", "/dev/null", os.O_WRONLY) == -EACCES
            assert i.call("execve", f"/proc/{x.proc.pid}/exe", 0, 0) == -EACCES
    assert mine.read_text() == "mine" and not (tmp_path / "new").exists()
    if images == 2:
        engine(*RING, prefix=prefix)
    wait_for(x.ready)


@SANDBOX
def test_without_its_sandbox(exporter, engine, prefix, tmp_path):
    """What the test before looks at is the sandbox's doing."""
    x = exporter("--port", "0", "--no-sandbox")
    engine(*RING, prefix=prefix)
    wait_for(x.ready)
    assert status_of(x.proc.pid)["NoNewPrivs"] == "0"
    with Inside(x.proc.pid) as i:
        assert i.call("open", str(tmp_path / "new"), CRITICAL, 0o600) >= 0
        assert i.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0) >= 0


def test_a_users_own_follows_his_engines(user, tmp_path):
    """From before there are run-time directory and hugepages, over a mount that goes and comes: the sandbox keeps it from none."""
    log = tmp_path / "err"
    with open(log, "w") as err:
        p = subprocess.Popen([*AS_USER, user.scripts / "warp17", "exporter", "--prefix", user.prefix, "--port", "0"], env=user.env,
                             stderr=err, stdin=subprocess.DEVNULL, cwd="/")
    try:
        port = int(wait_for(lambda: re.search(r"listening on .*:(\d+)\n", log.read_text()))[1])

        def status(path="/readyz"):
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            c.request("GET", path)
            return c.getresponse().status
        assert status("/healthz") == 200 and status() == 503
        assert MODE == "asan" or status_of(p.pid)["NoNewPrivs"] == "1"
        for _ in range(2):
            user.root("ensure", 300, "--user", USER)
            user.run("start", "--prefix", user.prefix, "--ring-if-pairs", "1", *SMALL)
            wait_for(lambda: status() == 200)
            user.run("stop", "--prefix", user.prefix)
            wait_for(lambda: status() == 503)
            user.root("release", "--user", USER)
            assert not MOUNT.exists()
    finally:
        p.terminate()
        assert p.wait(5) == 0, log.read_text()


def test_the_unit_is_hard():
    """systemd's own opinion of it: exposure of at most 2 of 10."""
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager",
                           TOP / "config/systemd/warp17-exporter.service"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
