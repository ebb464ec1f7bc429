"""warp17.conf: what the launcher reads of it, that the command line holds over it, and how it is refused."""
import os
import re
import subprocess

import pytest
from test_scripts import SCRIPTS, SMALL, place, run  # noqa: F401: a fixture
from warp17 import ENGINE, EXPORTER, TOP, wait_for

POOLS = "TCB_POOL_SZ=16\nUCB_POOL_SZ=16\nMBUF_POOL_SZ=8\n"


@pytest.fixture
def conf(place, tmp_path):  # noqa: F811
    """conf(text) writes a file with the place's prefix; the environment in which it is the launcher's."""
    def make(text):
        path = tmp_path / "warp17.conf"
        path.write_text(f"PREFIX={place.prefix}\n{text}")
        return {**place.env, "WARP17_CONFIG": str(path)}
    return make


def warp17(*args, env, code=0):
    done = run(SCRIPTS / "warp17", *args, env=env)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def words_of(done):
    """The command line of the engine that has started."""
    pid = re.search(r"READY .*pid=(\d+)", done.stdout)[1]
    return open(f"/proc/{pid}/cmdline").read().split("\0")[1:-1]


def test_without_arguments_the_file_says_it_all(conf, place):  # noqa: F811
    env = conf('# a comment\n\n  RING_IF_PAIRS=1\n' + POOLS + 'LCORES="0@0,1@1"\nSW_CHECKSUM=yes\r\nMBUF_SZ=\n'
               "MPOOL_ANY_SOCK='no'\nQMAP=\"0.2 1.2\"\nEXPORTER_LISTEN=127.0.0.1:0")
    words = words_of(warp17("start", env=env))
    assert words == ["--file-prefix", place.prefix, "--lcores=0@0,1@1", "--", "--ring-if-pairs", "1", "--tcb-pool-sz", "16",
                     "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8", "--sw-checksum", "--qmap", "0.2", "--qmap", "1.2"]
    assert f"prefix {place.prefix}" in warp17("status", env=env).stdout
    assert '"prefix"' in warp17("cli", "-j", "show", "version", env=env).stdout
    exporter = subprocess.Popen([SCRIPTS / "warp17", "exporter"], env={**os.environ, **env}, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
    assert "127.0.0.1:" in exporter.stdout.readline()
    exporter.terminate()
    exporter.wait(10)
    assert f"stopped the engine with prefix {place.prefix}" in warp17("stop", env=env).stdout


@pytest.mark.parametrize("args, has, has_not", [
    (("--tcb-pool-sz=32",), ["--tcb-pool-sz=32", "--ring-if-pairs"], ["--tcb-pool-sz"]),
    # ports are one thing, and so is the map of them
    (("--ring-if-pairs", "2"), ["2", "--tcb-pool-sz"], ["1", "--qmap-default", "--tap-ifs"]),
    (("-l", "0", "--lcores=0@0,1@1", "--"), ["--ring-if-pairs", "-l"], ["--lcores=0,1", "--qmap-default"]),
])
def test_the_command_line_holds_over_the_file(conf, place, tmp_path, args, has, has_not):  # noqa: F811
    text = "RING_IF_PAIRS=1\nQMAP_DEFAULT=max-q\nLCORES=0,1\n" + POOLS
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "warp17").write_text(f'#!/bin/sh\ncase "$*" in *--print-memory*) echo 4; exit ;; esac\nprintf "%s\\n" "$@" '
                                    f">{tmp_path}/words\n")
    (bin_dir / "warp17").chmod(0o755)
    warp17("run", *args, env={**conf(text), "WARP17_BIN": str(bin_dir)})
    words = (tmp_path / "words").read_text().split()
    assert all(w in words for w in has) and not any(w in words for w in has_not), words
    warp17("run", "--config", "/dev/null", *args, env={**conf("nonsense"), "WARP17_BIN": str(bin_dir)})
    assert "--mbuf-pool-sz" not in (tmp_path / "words").read_text()


def test_a_prefix_that_is_given_is_not_the_files(conf, place):  # noqa: F811
    env = conf(POOLS + "RING_IF_PAIRS=1")
    other = place.prefix + "-2"
    try:
        assert f"prefix={other} " in warp17("start", "--prefix", other, env=env).stdout
        assert not place.left()[:-1]  # but the ledger, which is both's
    finally:
        warp17("stop", "--prefix", other, env=env)


@pytest.mark.parametrize("line, why", [
    ("nonsense", "'nonsense' given, expected KEY=value"),
    ("TCB_POOL=1", "there is no key 'TCB_POOL' (see "),
    ("RING_IF_PAIRS=1\nTCB_POOL_SZ=0", "TCB_POOL_SZ: --tcb-pool-sz: '0' given, expected a number, 1..4194303"),
    ("RING_IF_PAIRS=33", "RING_IF_PAIRS: --ring-if-pairs: '33' given, expected a number, 0..32"),
    ("RING_IF_PAIRS=1\nRING_IF_PAIRS=1", "RING_IF_PAIRS is there twice"),
    ("SW_CHECKSUM=maybe", "SW_CHECKSUM: 'maybe' given, expected yes or no"),
    ("QMAP_DEFAULT=max", "QMAP_DEFAULT: --qmap-default: 'max' given, expected max-c|max-q"),
    ("QMAP=0.2 1.x", "QMAP: --qmap: '1.x' given, expected PORT.HEXMASK"),
    ("LCORES=a-b", "LCORES: EAL argument --lcores: 'a-b' given"),
    ("EAL_ARGS=-n 4 -- --ring-if-pairs 1", "EAL_ARGS: '-n 4 -- --ring-if-pairs 1' given, expected arguments of the EAL, without"),
    ("CMD_FILE=start.cfg", "CMD_FILE: 'start.cfg' given, expected the whole path of a file"),
    ("CMD_FILE=/nowhere/start.cfg", "CMD_FILE: --cmd-file /nowhere/start.cfg: No such file"),
    ("LCORES=$(reboot)", "LCORES: '$(reboot)' given, expected quotes around it at most, and no $"),
    ("EXPORTER_LISTEN=here", "EXPORTER_LISTEN: --listen"),
])
def test_what_is_wrong_is_refused_with_file_and_line(conf, place, line, why):  # noqa: F811
    env = conf(line)
    done = warp17("start", *SMALL, env=env, code=2)
    assert f"error: {env['WARP17_CONFIG']}:{2 + line.count(chr(10))}: {why}" in done.stderr, done.stderr
    assert not place.left() and not place.log.exists()


@pytest.mark.parametrize("prefix", ["a/b", ".x", "-x", "50%"])
def test_wrong_prefixes(place, tmp_path, prefix):  # noqa: F811
    (tmp_path / "c").write_text(f"PREFIX={prefix}\n")
    for command in ("start", "stop", "status", "cli", "exporter"):
        done = warp17(command, env={"WARP17_CONFIG": str(tmp_path / "c")}, code=2)
        assert f"c:1: PREFIX: '{prefix}' given, expected a name without" in done.stderr, done.stderr


def test_a_file_that_is_not_there(place, tmp_path):  # noqa: F811
    done = warp17("start", "--config", str(tmp_path / "c"), env={}, code=2)
    assert f"error: {tmp_path}/c: expected a configuration that can be read" in done.stderr


def test_the_shipped_file_has_every_key_with_its_default(place):  # noqa: F811
    text = (TOP / "config/warp17.conf").read_text()
    keys = set("".join(re.findall(r'config_keys="?[^\'" ]*([^\'"]*)[\'"]', (SCRIPTS / "config.sh").read_text().replace("='", "="))).split())
    there = re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.M)
    assert keys and {k for k, _ in there} == keys and len(there) == len(keys)
    engine = run(ENGINE, "--help").stdout
    for option, key in (("tcb-pool-sz", "TCB_POOL_SZ"), ("ucb-pool-sz", "UCB_POOL_SZ"), ("mbuf-sz", "MBUF_SZ")):
        assert re.search(rf"--{option} .*\(default (\d+)", engine)[1] == dict(there)[key]
    assert f"(default {dict(there)['EXPORTER_LISTEN']})" in run(EXPORTER, "--help").stdout


def test_run_becomes_the_engine(conf, place):  # noqa: F811
    """As systemd starts it: what dies with its process gives its pages back; `clean` takes the rest away."""
    env = {**os.environ, **conf("RING_IF_PAIRS=1\n" + POOLS)}
    log = open(place.tmp / "log.txt", "w+")
    p = subprocess.Popen([SCRIPTS / "warp17", "run"], env=env, stderr=log, stdin=subprocess.DEVNULL)
    wait_for(lambda: "READY" in (place.tmp / "log.txt").read_text() or p.poll() is not None, 30)
    assert os.readlink(f"/proc/{p.pid}/exe") == str(ENGINE)
    assert f"runs (pid {p.pid})" in warp17("clean", env=env).stdout and p.poll() is None
    assert f"runs already (pid {p.pid})" in warp17("run", env=env, code=1).stderr
    p.kill()
    p.wait()
    assert place.left()
    assert "removed what a dead engine left" in warp17("clean", env=env).stdout
    assert not place.left()
