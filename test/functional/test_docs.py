"""What is written about the programs: man pages that are clean and name every option, and the reference, which needs no
engine. That doc/commands.md, counters.md and rpc-methods.md are current is part of make style."""
import re
import subprocess

import pytest
from warp17 import BUILD, CLI, TOP

PAGES = {"warp17-engine.8": BUILD / "warp17", "warp17-cli.1": CLI, "warp17-stats-exporter.8": BUILD / "warp17-stats-exporter",
         "warp17.8": TOP / "scripts/warp17", "warp17-run.1": TOP / "scripts/warp17-run",
         "warp17-fleet.1": TOP / "scripts/warp17-fleet", "warp17-search.1": TOP / "scripts/warp17-search"}


def test_every_page_is_checked():
    assert {p.name for p in (TOP / "doc/man").iterdir()} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_man_pages(page):
    path = TOP / "doc/man" / page
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], capture_output=True, text=True)
    assert (lint.returncode, lint.stdout) == (0, "")
    text = path.read_text().replace("\\-", "-").replace('"', "")
    done = subprocess.run([PAGES[page], "--help"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", done.stdout))
    assert options and not [o for o in options if not re.search(re.escape(o) + r"(?![a-z-])", text)]


@pytest.mark.parametrize("part", ["commands", "counters", "rpc-methods"])
def test_the_reference_needs_no_engine(part):
    done = subprocess.run([CLI, "--reference", part], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (TOP / f"doc/{part}.md").read_text()


def test_the_reference_has_bounds_and_defaults():
    text = (TOP / "doc/commands.md").read_text()
    for row in ("| `rto <n>` | one of these | 1..10000 | 50 |", "| `downtime <n>\\|infinite` | one of these |",
                "| `reorder-by <ms>` | one of these | &lt;ms>, 0.001..10000 (or in us or s: 500us) | 1 |"):
        assert row in text, row
    assert "* `cubic`: RFC 9438" in text
    done = subprocess.run([CLI, "--reference", "colours"], capture_output=True, text=True)
    assert done.returncode == 2 and "expected commands, counters, rpc-methods or openrpc" in done.stderr
