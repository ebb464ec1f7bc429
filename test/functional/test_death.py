"""Engines that die, and what follows: clients leave, another starts at once, nothing has to be cleaned by hand; and the end that
was asked for is with FIN, in bounded time."""
import os
import re
import signal
import subprocess
import time

import pytest
from test_kernel import server
from test_scripts import alive, place  # noqa: F401: a fixture
from test_traffic import L3, RING
from warp17 import CLI, wait_for

BUSY = (*L3, "add tests server tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 80 80",
        "set tests server http port 1 test-case-id 0 200-OK resp-size 1000",
        "add tests client tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1000 1999 dest 10.0.0.253 10.0.0.253 dport 80 80",
        "set tests client http port 0 test-case-id 0 GET h.example / req-size 10", "start tests port 1", "start tests port 0")
CLIENTS = {
    "shell": ((), None),
    "read-only": (("--read-only",), None),
    "json": (("-j",), None),
    "monitor": ((), "monitor on\n"),
    "waits": ((), "show link rate\n" * 50),
}


def attached(prefix, kinds=CLIENTS):
    """A client of each kind, when all are there."""
    all_of_them = {}
    for kind in kinds:
        options, says = CLIENTS[kind]
        p = subprocess.Popen([CLI, "--prefix", prefix, "--name", kind, *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
        if says:
            p.stdin.write(says)
            p.stdin.flush()
        all_of_them[kind] = p

    def names():
        return subprocess.run([CLI, "--prefix", prefix, "-c", "show operators"], capture_output=True, text=True, timeout=30).stdout
    wait_for(lambda: all(kind in names() for kind in kinds), 20)
    return all_of_them


def all_leave(clients, seconds):
    """Each says why, and its code is 3."""
    end = time.monotonic() + seconds
    try:
        for kind, p in clients.items():
            assert p.wait(max(0.01, end - time.monotonic())) == 3, kind
            assert "the engine is gone" in p.stderr.read(), kind
    finally:
        for p in clients.values():
            p.kill()
            p.communicate()


def test_all_clients_leave_within_a_second(engine):
    e = engine(*RING)
    e.cli(*BUSY)
    wait_for(lambda: e.stats(0)["responses"] > 1000)
    clients = attached(e.prefix)
    e.proc.send_signal(signal.SIGKILL)
    all_leave(clients, 1)


def test_a_client_waits_through_a_restart(engine):
    """What a dead engine left behind is no engine."""
    e = engine(*RING, prefix=f"w17t-again-{os.getpid()}")
    e.kill()
    waits = subprocess.Popen([CLI, "--prefix", e.prefix, "--wait", "30", "-j", "show", "version"], stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    assert waits.poll() is None
    again = engine(*RING, prefix=e.prefix)
    out, _ = waits.communicate(timeout=30)
    assert waits.returncode == 0 and f'"pid":{again.proc.pid}' in out.replace(" ", "")


def test_start_works_at_once_after_a_kill(place):  # noqa: F811
    """With clients attached and traffic; three times over. In the end no file and no hold on hugepages is left."""
    for _ in range(3):
        pid = place.start()
        done = place.launcher("cli", *(w for c in BUSY for w in ("-c", c)))
        assert done.returncode == 0
        clients = attached(place.prefix, ["shell", "waits"])
        os.kill(pid, signal.SIGKILL)
        next_one = place.start()
        all_leave(clients, 5)
        assert not alive(pid) and place.status()["answers"]
        os.kill(next_one, signal.SIGKILL)
    assert "removed what a dead engine left: " in place.launcher("stop").stdout
    assert not place.left()


PEER = """
import select, socket, sys, time
socks = [socket.create_connection(("172.16.1.2", 80), 10) for _ in range(20)]
for s in socks:
    s.sendall(b"GET / HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
print("open", flush=True)
polite = sys.argv[1] == "True"
ends = []
for s in socks:
    s.settimeout(30)
    try:
        while s.recv(65536):
            pass
        ends.append("fin")
        if polite:
            s.close()
    except ConnectionResetError:
        ends.append("rst")
print(" ".join(ends), flush=True)
sys.stdin.read()  # our side stays open: the engine's sessions are in FIN-WAIT-2
"""


@pytest.mark.parametrize("polite", [True, False])
def test_the_end_is_with_fin_and_bounded(engine, netns, polite):
    """By a kernel that closes too, and by one that never does."""
    e = server(engine, netns)
    peer = subprocess.Popen(["ip", "netns", "exec", netns, "/usr/bin/python3", "-c", PEER, str(polite)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        assert peer.stdout.readline() == "open\n"
        wait_for(lambda: e.stats(0)["estab_now"] == 20)
        began = time.monotonic()
        e.proc.terminate()
        assert peer.stdout.readline().split() == ["fin"] * 20
        assert e.proc.wait(15) == 0
        took = time.monotonic() - began
        assert took < 13, took  # 5 s for the sessions, 5 s for all the rest
        assert re.search(r"port 0 stopped", e.log.read_text())
    finally:
        peer.kill()
        peer.communicate()
