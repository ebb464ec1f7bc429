"""The engine as a service: what systemd hears of it (sd_notify), and that a worker which does not turn is told of."""
import ctypes
import os
import pathlib
import re
import select
import socket
import time

import pytest
from test_traffic import RING
from warp17 import wait_for

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000


class Manager:
    """The socket that systemd would have."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.env = {**os.environ, "NOTIFY_SOCKET": str(name).replace("\0", "@")}

    def heard(self, seconds):
        """All messages of so long."""
        end, messages = time.monotonic() + seconds, []
        while select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
            messages.append(self.socket.recv(4096).decode())
        return messages

    def hears(self, text, timeout=10):
        """Waits for a message that has the line; all until then."""
        end, messages = time.monotonic() + timeout, []
        while not messages or text not in messages[-1].splitlines():
            assert select.select([self.socket], [], [], max(0, end - time.monotonic()))[0], (text, messages)
            messages.append(self.socket.recv(4096).decode())
        return messages


class Worker:
    """A worker's thread that can be stopped alone, as one that hangs."""

    def __init__(self, engine):
        self.tid = next(int(t.name) for t in pathlib.Path(f"/proc/{engine.proc.pid}/task").iterdir()
                        if "worker" in (t / "comm").read_text())

    def __enter__(self):
        assert LIBC.ptrace(PTRACE_SEIZE, self.tid, None, None) == 0
        assert LIBC.ptrace(PTRACE_INTERRUPT, self.tid, None, None) == 0
        os.waitpid(self.tid, WALL)

    def __exit__(self, *_):
        assert LIBC.ptrace(PTRACE_DETACH, self.tid, None, None) == 0


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_of_start_and_end(engine, tmp_path, abstract):
    m = Manager(f"\0{tmp_path}" if abstract else str(tmp_path / "notify"))
    e = engine(*RING, env=m.env)
    messages = m.hears("READY=1")
    assert f"STATUS=ready: prefix {e.prefix}, 2 ports, 1 workers" in messages[-1].splitlines()
    assert messages[0].startswith("STATUS=takes memory: ")
    assert m.heard(0.5) == []  # it has not asked for a watchdog
    e.proc.terminate()
    assert m.hears("STOPPING=1") == ["STOPPING=1\nSTATUS=ends traffic"]
    assert e.proc.wait(10) == 0


def test_the_watchdog_hears_while_workers_turn(engine, tmp_path):
    """A worker that hangs makes it fire, though management goes on."""
    m = Manager(str(tmp_path / "notify"))
    e = engine(*RING, env={**m.env, "WATCHDOG_USEC": "1000000"})
    m.hears("READY=1")
    for _ in range(3):
        m.hears("WATCHDOG=1")
    with Worker(e):
        assert len(m.heard(1)) <= 1  # it may have turned since the last
        assert m.heard(1.5) == []
        e.cli("show version", "set syslog INFO")
    m.hears("WATCHDOG=1")


def test_a_watchdog_of_another_process_hears_nothing(engine, tmp_path):
    m = Manager(str(tmp_path / "notify"))
    engine(*RING, env={**m.env, "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"})
    m.hears("READY=1")
    assert m.heard(1) == []


def test_a_manager_that_does_not_read_holds_nobody_up(engine, tmp_path):
    m = Manager(str(tmp_path / "notify"))
    e = engine(*RING, env={**m.env, "WATCHDOG_USEC": "200000"})  # its queue holds 10, two seconds' worth
    time.sleep(2.5)
    began = time.monotonic()
    e.cli("set syslog INFO")
    assert time.monotonic() - began < 2
    e.proc.terminate()
    assert e.proc.wait(10) == 0


def test_a_worker_that_stalls_is_told_of(engine):
    e = engine(*RING)

    def lcore(name):
        return e.group("lcore")[name]

    def events():
        return [x["event"] for x in e.show("events")["events"] if x["event"].startswith("worker")]

    assert (lcore("stalls"), lcore("stalled_now")) == (0, 0)
    began = time.monotonic()
    with Worker(e):
        wait_for(lambda: lcore("stalled_now") == 1)
        time.sleep(1.5)  # told once
        assert (lcore("stalls"), lcore("stalled_now")) == (1, 1)
        assert len(re.findall(r"worker on lcore 1 has not turned for \d\.\d s: it hangs, or has no CPU", e.log.read_text())) == 1
    wait_for(lambda: lcore("stalled_now") == 0)
    seconds, = re.findall(r"worker on lcore 1 turns again, after (\d+\.\d) s", e.log.read_text())
    assert 2.4 < float(seconds) < 30
    assert lcore("stalls") == 1
    assert events() == ["worker-stalled", "worker-turns"]
    with Worker(e):  # again within 10 s: counted alone
        wait_for(lambda: lcore("stalls") == 2, 5)
    wait_for(lambda: lcore("stalled_now") == 0)
    assert events() == ["worker-stalled", "worker-turns"] or time.monotonic() > began + 10


def test_an_engine_that_was_stopped_whole_has_no_stall(engine):
    """Nor one whose machine was: management did not look meanwhile."""
    e = engine(*RING)
    os.kill(e.proc.pid, 19)
    time.sleep(3)
    os.kill(e.proc.pid, 18)
    time.sleep(1)
    assert e.group("lcore")["stalls"] == 0 and "has not turned" not in e.log.read_text()
