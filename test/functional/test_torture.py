"""Clients killed, stopped and gone mad beside full traffic: what `make torture` does for minutes, in short."""
import json
import sys

import pytest
from warp17 import TOP

sys.path.insert(0, str(TOP / "test/torture"))
import torture  # noqa: E402

SHORT = dict(seconds=8, kills=100, cycles=50)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    t = torture.Torture(tmp_path_factory.mktemp("torture") / "engine", warm_s=0.5, before_s=1.0)
    yield t
    t.end()


@pytest.mark.parametrize("part", torture.parts(None, **SHORT))
def test_nothing_that_a_client_does_hurts_engine_traffic_or_others(shared, part):
    assert shared.run(part, torture.parts(shared, **SHORT)[part]), json.dumps(shared.results[part])
