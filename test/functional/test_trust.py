"""doc/trust.md: who may attach, what is mapped writable, and what comes over the engine's socket."""
import errno
import os
import pathlib
import random
import shutil
import socket
import stat
import struct
import subprocess

import pytest
from test_hostile import HOSTILE
from test_operators import Operator
from test_traffic import RING
from warp17 import CLI, EXPORTER, MODE, wait_for

NOBODY, NOGROUP = 65534, 65534
NAME_MAX = 32
MAGIC = 0x37315748


@pytest.fixture
def rundirs(public, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(public))


@pytest.fixture
def place(rundirs, engine, public):
    """An engine whose run-time directory is the test's, and copies of the clients that everybody may run."""
    e = engine(*RING)
    for program in (CLI, EXPORTER, HOSTILE):
        shutil.copy(program, public)
    return e, public / "dpdk" / e.prefix


def as_user(place, program, *args, group=NOGROUP):
    e, rundir = place
    return subprocess.run([rundir.parents[1] / program.name, "--prefix", e.prefix, *args], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL, user=NOBODY, group=group, extra_groups=[])


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def operators(e):
    return len(e.show("operators")["operators"])


CLIENTS = pytest.mark.parametrize("program,args,code", [(CLI, ("show", "version"), 4), (EXPORTER, ("--once",), 3)])


@CLIENTS
def test_another_user_is_refused(place, program, args, code):
    e, rundir = place
    assert mode(rundir) == 0o700 and mode(rundir / "warp17.sock") == 0o660
    done = as_user(place, program, *args)
    assert done.returncode == code and "not allowed to talk to the engine" in done.stderr, done
    for d in (rundir, rundir.parent):  # opened by mistake: the socket's own mode says the same
        d.chmod(0o755)
    done = as_user(place, program, *args)
    assert done.returncode == code and "not allowed to talk to the engine" in done.stderr, done
    assert operators(e) == 1 and "came" not in e.log.read_text()


@CLIENTS
def test_who_is_only_in_the_sockets_group_gets_no_memory(place, program, args, code):
    """With the directories opened he may shake hands; the memory is the engine's user's alone."""
    e, rundir = place
    for d in (rundir, rundir.parent):
        d.chmod(0o750)
    huge = list(pathlib.Path("/dev/hugepages").glob(f"{e.prefix}map_*"))
    assert huge and all(mode(f) & 0o077 == 0 for f in huge)
    done = as_user(place, program, *args, group=rundir.stat().st_gid)
    assert done.returncode == 3 and "could not be mapped" in done.stderr, done
    wait_for(lambda: operators(e) == 1, 2)


def maps_of(pid):
    return [m.split() for m in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()]


def test_the_cli_maps_all_but_the_slots_read_only(engine):
    """And of the workers' own memory, which is anonymous, nothing."""
    e = engine(*RING)
    shell = Operator(e, "anna")
    try:
        assert shell.ask("show version")["ok"]
        maps = maps_of(shell.proc.pid)
        anonymous = [any("/anon_hugepage" in m for m in of) for of in (maps_of(e.proc.pid), maps)]
        assert anonymous == [True, False]
        huge = [m for m in maps if len(m) > 5 and f"{e.prefix}map_" in m[5]]
        spans = [[int(x, 16) for x in m[0].split("-")] for m in huge if m[1] == "rw-s"]
        assert {m[1] for m in huge} == {"r--s", "rw-s"}
        assert sum(hi - lo for lo, hi in spans) == 2 << 20, spans
    finally:
        shell.leave()


def seqpacket(rundir):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)
    s.connect(str(rundir / "warp17.sock"))
    return s


def hung_up(s):
    try:
        return s.recv(1000) == b""
    except ConnectionResetError:
        return True


def test_a_hello_that_is_none_costs_its_connection(engine):
    """Of any size and any bytes; others are served meanwhile."""
    e = engine(*RING)
    rand = random.Random(5)
    for size in [1, 2, 7, 8, 15, 16, 55, 57, 64, 1000, 60000, *(rand.randrange(1, 300) for _ in range(40))]:
        s = seqpacket(e.rundir())
        s.send(rand.randbytes(size))
        answer = b"x"
        while answer:  # at most a sentence, if the size is right
            try:
                answer = s.recv(1000)
            except ConnectionResetError:
                break
        s.close()
    e.cli("set syslog INFO")
    assert operators(e) == 1


def test_a_program_of_another_build_is_refused(engine):
    e = engine(*RING)
    s = seqpacket(e.rundir())
    s.send(struct.pack("=IIQII32s", MAGIC, 0, 1, 0, 0, b"old"))
    _, code, *_, text = struct.unpack_from("=IiIIQ128s", s.recv(1000))  # what all builds have in common
    assert code == -errno.EPROTO and b"built from other tables than the engine" in text
    assert hung_up(s)


def test_who_says_nothing_is_let_go(engine):
    e = engine(*RING)
    silent = [seqpacket(e.rundir()) for _ in range(60)]  # more than there are places
    done = subprocess.run([CLI, "--prefix", e.prefix, "--wait", "10", "show", "version"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done
    assert all(hung_up(s) for s in silent)
    view = e.cli("show operators", options=("--wait", "10"))[0]["result"]  # on a loaded machine the 2 s of a handshake may pass
    assert len(view["operators"]) == 1


def test_a_name_is_printable_whatever_it_is(engine):
    e = engine(*RING)
    name = b"a\x1b[2J\n\x7f\xff" + b"x" * 40
    assert subprocess.run([HOSTILE, e.prefix, "heap", "0"], env={**os.environb, b"HOSTILE_NAME": name}, timeout=30).returncode == 0
    names = {n["operator"]["name"] for n in e.show("events")["events"] if n["event"] == "operator-came"}
    assert ("a_[2J___" + "x" * 40)[:NAME_MAX - 1] in names, names


def test_pid_and_user_are_the_kernels_word(engine):
    """They are in no message: who asks and who is recorded is what SO_PEERCRED says."""
    e = engine(*RING)
    shell = Operator(e, "anna")
    try:
        assert shell.ask("set syslog INFO")["ok"]
        by = [c["operator"] for c in e.show("audit")["changes"] if c["operator"]["name"] == "anna"]
        assert [(o["pid"], o["uid"]) for o in by] == [(shell.proc.pid, os.getuid())]
    finally:
        shell.leave()


@pytest.mark.skipif(MODE == "asan", reason="there it is a report of the sanitizer's")
def test_a_client_that_writes_elsewhere_ends_itself(engine):
    """Containment: a stray pointer of a client's hits memory that is read only, and costs that client alone."""
    e = engine(*RING)
    done = subprocess.run([HOSTILE, e.prefix, "stray", "0"], capture_output=True, text=True, timeout=30)
    assert done.returncode == -11, done
    wait_for(lambda: operators(e) == 1, 2)
