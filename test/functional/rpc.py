"""JSON-RPC as a test speaks it: plain sockets, nothing of the client libraries. And the server, as a test starts it."""
import json
import os
import re
import select
import signal
import socket
import subprocess
import time

from warp17 import CLI, TOP, wait_for


class RpcError(Exception):
    """What an answer's error says."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code, self.message, self.data = error["code"], error["message"], error["data"]


class Client:
    """A connection; at is (host, port) or the path of a Unix socket. Notifications that come meanwhile are in told."""

    def __init__(self, at):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(at, str) else socket.AF_INET)
        self.socket.settimeout(20)
        self.socket.connect(at)
        self.buffer, self.told, self.n = b"", [], 0

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else (json.dumps(data) + "\n").encode())

    def receive(self, timeout=20):
        """The next message; None at the end of the connection."""
        end = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                got = self.socket.recv(1 << 20)
            except ConnectionResetError:
                got = b""
            if not got:
                assert not self.buffer, self.buffer
                return None
            self.buffer += got
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def answer(self, timeout=20):
        """The next message that is no notification."""
        while (m := self.receive(timeout)) is not None and "method" in m:
            self.told.append(m)
        return m

    def post(self, method, /, **params):
        """Asks and does not wait; the id."""
        self.n += 1
        self.send({"jsonrpc": "2.0", "id": self.n, "method": method, "params": params})
        return self.n

    def call(self, method, /, **params):
        n = self.post(method, **params)
        m = self.answer()
        assert m is not None, "hung up on"
        assert m["jsonrpc"] == "2.0" and m["id"] == n and ("error" in m) != ("result" in m), m
        if "error" in m:
            raise RpcError(m["error"])
        return m["result"]

    def fails(self, method, /, **params):
        """The error of a call that has to be refused."""
        try:
            result = self.call(method, **params)
        except RpcError as e:
            return e
        raise AssertionError(f"{method} was done: {result}")

    def notification(self, method, timeout=10):
        """The next one of a method; its params."""
        end = time.monotonic() + timeout
        while True:
            for i, m in enumerate(self.told):
                if m["method"] == method:
                    return self.told.pop(i)["params"]
            m = self.receive(max(0.001, end - time.monotonic()))
            assert m is not None and "method" in m, m
            self.told.append(m)

    def silent(self, seconds):
        return not self.told and not self.buffer and not select.select([self.socket], [], [], seconds)[0]

    def close(self):
        self.socket.close()


def confined(tmp):
    """What comes before the server's command: held to its unit when WARP17_CONFINED is set (test_install.py)."""
    if "WARP17_CONFINED" not in os.environ:
        return []
    return [TOP / "test/functional/confine.py", "--show", TOP, "--write", tmp.parent, TOP / "config/systemd/warp17-rpc.service"]


class Server:
    """warp17-cli --rpc for an engine, on a port of its own and a Unix socket in tmp."""

    def __init__(self, engine, tmp, *options, at=None):
        tmp.mkdir(exist_ok=True)
        self.engine, self.log, self.path, self.clients = engine, tmp / "rpc.log", str(tmp / "s"), []
        where = at if at is not None else ("127.0.0.1:0", f"unix:{self.path}")
        with open(self.log, "a") as log:
            self.proc = subprocess.Popen([*confined(tmp), CLI, "--prefix", engine.prefix, "--rpc", *where, *options],
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: "RPC READY" in self.log.read_text() or self.proc.poll() is not None, 20)
        assert self.proc.poll() is None, self.log.read_text()
        ready = re.findall(r"RPC READY (.*)", self.log.read_text())[-1]
        assert f"prefix={engine.prefix} pid={self.proc.pid} " in ready
        self.port = int(m[1]) if (m := re.search(r"[0-9.]:(\d+)\b", ready)) else None

    def client(self, local=False):
        self.clients.append(Client(self.path if local else ("127.0.0.1", self.port)))
        return self.clients[-1]

    def end(self, sig=signal.SIGTERM):
        for c in self.clients:
            c.close()
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        return self.proc.wait(10)
