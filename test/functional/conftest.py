import os
import subprocess

import pytest
from warp17 import Engine


@pytest.fixture
def engine(tmp_path):
    """engine(*options) starts one; it must stop cleanly at the end of the test."""
    running = []

    def start(*args, **kw):
        running.append(Engine(tmp_path, *args, **kw))
        return running[-1]

    yield start
    codes = [e.stop() for e in running]
    assert all(c in (0, -9) for c in codes), [e.log.read_text() for e in running]


@pytest.fixture
def netns():
    """A network namespace of the test's own; its name."""
    name = f"w17-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)
