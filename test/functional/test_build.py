"""The Makefile: what is built anew when what it was made of is no longer the same. On a copy of the tree, by a compiler that
only says what it was asked for."""
import os
import re
import shutil
import subprocess

import pytest
from warp17 import TOP

CC = """#!/bin/sh
echo " $*" >>"$LOG"
while [ "$1" != -o ]; do shift; done
echo >"$2"
"""
PKG_CONFIG = """#!/bin/sh
case "$*" in *--modversion*) echo "$DPDK"; exit ;; esac
exec "$REAL_PKG_CONFIG" "$@"
"""


@pytest.fixture
def tree(tmp_path):
    """tree(*args, **env) runs make; what was compiled and linked: the files after -o."""
    for name in ("Makefile", "VERSION", "common", "engine", "cli", "stats-exporter"):
        (shutil.copytree if (TOP / name).is_dir() else shutil.copy)(TOP / name, tmp_path / name)
    (tmp_path / "test").mkdir()
    (tmp_path / "bin").mkdir()
    for name, text in (("fake-cc", CC), ("pkg-config", PKG_CONFIG)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)

    def make(*args, **env):
        log = tmp_path / "log"
        log.write_text("")
        clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MODE", "CC")}
        done = subprocess.run(["make", "-s", "CC=fake-cc", *args], cwd=tmp_path, capture_output=True, text=True, check=False,
                              env={**clean, "LOG": str(log), "DPDK": "1", "REAL_PKG_CONFIG": shutil.which("pkg-config"),
                                   "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", **env})
        assert done.returncode == 0, done.stderr
        return {line.split(" -o ")[1].split()[0]: line for line in log.read_text().splitlines()}

    make.top = tmp_path
    return make


def test_what_is_built_anew(tree):
    assert {"build/warp17", "build/warp17-cli", "build/warp17-stats-exporter"} <= {*tree()}
    assert not tree()
    for name in ("engine/l2_eth/gone.c", "common/util/gone.c"):
        (tree.top / name).write_text("int gone;\n")
        assert name.replace(".c", ".o") in tree()["build/warp17"]
        (tree.top / name).unlink()
        assert "gone" not in tree()["build/warp17"], "of a source that was deleted"
    assert not tree()
    assert len(tree(DPDK="2")) > 50, "headers of another DPDK"


@pytest.mark.parametrize("mode", ["relase", "", "release debug"])
def test_a_mode_that_is_none_is_refused(mode):
    done = subprocess.run(["make", "-n", f"MODE={mode}", "all"], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "expected release, debug, asan, sim or fuzz" in done.stderr


@pytest.mark.parametrize("what, instead, why", [
    (r"tcp_test\.c::simultaneous_open_establishes", "tcp_test.c::simultaneous_open", "MUST-10: there is no test test/unit/tcp_test.c::simul"),
    (r"tcp_test\.c::simultaneous_open_establishes", "no_test.c::simultaneous_open_establishes", "MUST-10: there is no test test/unit/no_"),
    (r"test_kernel\.py::\w+", "test_kernel.py::server", "MUST-2: there is no test test/functional/test_kernel.py::server"),
    (r"tcp_clauses_test\.c::urgent\w+", "tcp_peer.h::peer_estab", "SHLD-13: there is no test test/unit/tcp_peer.h::peer_estab"),
    (r"^\| MUST-37 .*\n", "", "RFC 9293 MUST-37 is missing"),
    (r"^\| SHLD-31 ", "| SHLD-30 ", "RFC 9293 SHLD-30 is there twice"),
    (r"^(\| MUST-5 .*) done ", r"\1 nearly ", 'MUST-5: status "nearly" is unknown'),
    (r"^(\| MUST-5 .*) done \|.*", r"\1 done | | |", "MUST-5 is done, but no test is named"),
    (r"^(\| MUST-5 .*) done \|.*", r"\1 not done | | |", "MUST-5 is not done, and no reason is given"),
    (r"^(\| MUST-5 .*) done ", r"\1 not done ", "MUST-5 is not done, but a test is named"),
    (r"^(\| MUST-5 .*) \|$", r"\1", "a row of 5 cells, not 6"),
    (r"^## RFC 9438$", "## Annex", "no clause of RFC 9438"),
])
def test_the_clause_table_is_checked(tmp_path, what, instead, why):
    text = (TOP / "doc/tcp-conformance.md").read_text()
    wrong, n = re.subn(what, instead, text, count=1, flags=re.M)
    assert n == 1
    for name, good in ((text, True), (wrong, False)):
        (tmp_path / "doc.md").write_text(name)
        done = subprocess.run(["scripts/check-conformance.sh", tmp_path / "doc.md"], cwd=TOP, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == good, done.stderr
    assert why in done.stderr
