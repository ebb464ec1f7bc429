"""A little of test/interop: nginx and curl, over a clean and over a bad link. The rest is make interop."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
from cells import client_cell, server_cell  # noqa: E402
from peers import curl, nginx  # noqa: E402


@pytest.mark.parametrize("link", ["clean", "1 % loss"])
def test_bodies_and_counts_agree_with_nginx(engine, netns, public, link):
    client_cell(engine, netns, public, nginx, link, expert=False)


@pytest.mark.parametrize("link", ["clean", "1 % loss"])
def test_bodies_and_counts_agree_with_curl(engine, netns, public, link):
    server_cell(engine, netns, public, curl, link, expert=False)
