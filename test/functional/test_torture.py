"""Clients killed, stopped and gone mad beside full traffic: what `make torture` does for minutes, in short."""
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from test_traffic import RING
from warp17 import TOP

sys.path.insert(0, str(TOP / "test/torture"))
import torture  # noqa: E402

SHORT = dict(seconds=5, kills=100, cycles=50)
KEPT = (0.8, 0.5)  # of the rate, over windows of a second, which tell no more: make torture measures
LONG = ("crowd", "scribble")
PARTS = [pytest.param(p, marks=[pytest.mark.long] if p in LONG else []) for p in torture.parts(None, **SHORT)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    t = torture.Torture(tmp_path_factory.mktemp("torture") / "engine", warm_s=0.5, before_s=1.0, kept=KEPT)
    yield t
    t.end()


@pytest.mark.parametrize("part", PARTS)
def test_nothing_that_a_client_does_hurts_engine_traffic_or_others(shared, part):
    assert shared.run(part, torture.parts(shared, **SHORT)[part]), json.dumps(shared.results[part])


def test_a_client_killed_inside_its_eal_keeps_nobody_out(engine):
    """It left a lock of the shared memory taken for writers; its count among the readers may stay."""
    e = engine(*RING)
    for n in (1, 2, 3):
        done = subprocess.run([torture.VICTIM, "--prefix", e.prefix, "show version"], timeout=10, stdin=subprocess.DEVNULL,
                              env=os.environ | {"WARP17_FAULT": f"eal_inside:kill:{n}"})
        assert done.returncode == -signal.SIGKILL
        e.cli("set syslog INFO")
    t = time.monotonic()
    assert e.stop() == 0 and time.monotonic() - t < 5
