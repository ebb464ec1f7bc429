"""The Makefile: what is built anew when what it was made of is no longer the same. On a copy of the tree, by a compiler that
only says what it was asked for."""
import os
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
    assert done.returncode == 2 and "expected release, debug or asan" in done.stderr
