import os
import pathlib
import signal
import subprocess
import tempfile

import pytest
from warp17 import Engine

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup, and programs that a test starts would do as well


@pytest.fixture
def engine(tmp_path):
    """engine(*options) starts one. At the end of the test its counters must add up, it must not have needed more memory
    than it planned, and it must stop cleanly, unless the test killed it."""
    running = []

    def start(*args, **kw):
        running.append(Engine(tmp_path / str(len(running)), *args, **kw))
        return running[-1]

    yield start
    try:
        for e in running:
            if e.proc.poll() is None:
                e.check_sums()
                assert "memory grew" not in e.log.read_text()
    finally:
        codes = [e.stop() for e in running]
    assert all(c in (0, -signal.SIGKILL) for c in codes), [e.log.read_text() for e in running]


@pytest.fixture
def netns():
    """A network namespace of the test's own; its name."""
    name = f"w17-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.fixture
def public():
    """A directory that every user can read, wherever the tree is."""
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        yield pathlib.Path(d)
