"""The scripts, as real processes: hugepages, launcher, doctor, demo, test, install-deps. Each test has a ledger of hugepages,
a log directory and a prefix of its own, and must leave nothing of them."""
import ctypes
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
from warp17 import CLI, TOP, wait_for

SCRIPTS = TOP / "scripts"
SYS = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
RUNDIRS, HUGETLBFS = pathlib.Path("/var/run/dpdk"), pathlib.Path("/dev/hugepages")
SMALL = ("--ring-if-pairs", "1", "--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8")
PR_SET_CHILD_SUBREAPER = 36
namespaces = pytest.mark.skipif(subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode != 0,
                                reason="no mount namespaces here")


def run(*args, env=None, timeout=60, **kw):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})}, **kw)


def script(text, env):
    """Runs lines of shell; they find the scripts by $S."""
    return run("sh", "-uc", text, env={**env, "S": str(SCRIPTS)})


def pool(name="nr"):
    return int((SYS / f"{name}_hugepages").read_text())


def more_than_free():
    """MB that the pool has not got, by 64 pages: other engines of this machine may end meanwhile."""
    return 2 * (pool("free") - pool("resv") + 64)


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Place:
    def __init__(self, tmp, name):
        self.prefix = f"w17s-{os.getpid()}-{name}"
        self.lock = RUNDIRS / f".{self.prefix}.lock"
        self.ledger, self.log = tmp / "ledger", tmp / "log" / f"{self.prefix}.log"
        self.env = {"WARP17_HUGEPAGES_DIR": str(self.ledger), "WARP17_LOG_DIR": str(self.log.parent)}
        self.tmp = tmp

    def hugepages(self, *args, code=0):
        done = run(SCRIPTS / "hugepages", *args, env=self.env)
        assert done.returncode == code, done.stderr
        return done

    def launcher(self, command, *args, code=0, env=None, **kw):
        done = run(SCRIPTS / "warp17", command, "--prefix", self.prefix, *args, env={**self.env, **(env or {})}, **kw)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def start(self, *args):
        """An engine; its pid."""
        done = self.launcher("start", *(args or SMALL))
        return int(re.fullmatch(rf"warp17: READY prefix={self.prefix} pid=(\d+) .*\n", done.stdout)[1])

    def status(self, code=0):
        return json.loads(self.launcher("status", "-j", code=code).stdout)

    def findings(self, words):
        """What doctor would have mended, of those that hold all words: (text, command)."""
        done = run(SCRIPTS / "doctor", "-j", env=self.env)
        view = json.loads(done.stdout)
        fix = [c for c in view["checks"] if c["status"] == "fix"]
        assert view["ok"] == (not fix) and done.returncode == (1 if fix else 0)
        return [(c["text"], c["command"]) for c in fix if all(w in c["text"] + c["command"] for w in words)]

    def mend(self, *words, make=lambda: None):
        """The finding is there when make() was called, its command mends it. More than once: any DPDK program that starts
        takes away hugepage files that nobody has."""
        for _ in range(20):
            make()
            if found := self.findings(words):
                break
        (text, command), = found
        assert run("sh", "-c", command, env=self.env).returncode == 0, command
        assert not self.findings(words)
        return text

    def left(self):
        return [p for p in (RUNDIRS / self.prefix, self.lock, *HUGETLBFS.glob(f"{self.prefix}map_*"), self.ledger) if p.exists()]


@pytest.fixture
def place(tmp_path, request):
    p = Place(tmp_path, re.sub(r"\W", "", request.node.name)[-20:])
    yield p
    run(SCRIPTS / "warp17", "stop", "--prefix", p.prefix, env=p.env)
    assert not p.left()


@pytest.fixture
def holder():
    """holder() starts a process that holds nothing yet."""
    running = []

    def start():
        time.sleep(0.02)  # none starts at the same tick as another
        running.append(subprocess.Popen(["sleep", "100"]))
        return running[-1]

    yield start
    for p in running:
        p.kill()
        p.wait()


# ---- hugepages

def test_hugepages_nest_and_the_pool_comes_back(place, holder):
    a, b, before = holder(), holder(), pool()
    place.hugepages("ensure", more_than_free(), a.pid)
    assert pool() > before
    place.hugepages("ensure", 4, b.pid)
    place.hugepages("release", a.pid)
    assert pool() > before, "b still has a need"
    assert f"4 MB for {b.pid}" in place.hugepages("status").stdout
    place.hugepages("release", b.pid)
    assert pool() == before and not place.ledger.exists()


def test_hugepages_of_a_killed_holder_come_back(place, holder):
    a, before = holder(), pool()
    place.hugepages("ensure", more_than_free(), a.pid)
    a.kill()
    a.wait()
    assert "is gone" in place.hugepages("status").stdout
    place.hugepages("prune")
    assert pool() == before and not place.ledger.exists()


def test_hugepages_know_a_holder_from_a_later_process_of_its_number(place, holder):
    a, b = holder(), holder()
    place.hugepages("ensure", 4, a.pid)
    place.hugepages("ensure", 4, b.pid)
    (place.ledger / str(a.pid)).write_text("1 4\n")
    place.hugepages("prune")
    assert not (place.ledger / str(a.pid)).exists() and (place.ledger / str(b.pid)).exists()
    place.hugepages("release", b.pid)


def test_a_failed_ensure_takes_nothing(place, holder):
    a, before = holder(), pool()
    assert "could be had" in place.hugepages("ensure", 99999999, a.pid, code=1).stderr
    assert pool() == before and not place.ledger.exists()
    place.hugepages("ensure", 4, a.pid)
    place.hugepages("ensure", 99999999, holder().pid, code=1)
    place.hugepages("ensure", 99999999, code=1)
    assert sorted(p.name for p in place.ledger.iterdir()) == [str(a.pid), "taken"]
    place.hugepages("release", a.pid)
    a.kill()
    a.wait()
    assert "is gone" in place.hugepages("ensure", 4, a.pid, code=1).stderr
    assert pool() == before


def test_hugepages_promised_to_one_are_not_given_to_the_next(place, holder):
    a, b, before = holder(), holder(), pool()
    place.hugepages("ensure", more_than_free(), a.pid)
    after_a = pool()
    place.hugepages("ensure", 200, b.pid)
    assert pool() > after_a
    place.hugepages("release", a.pid)
    place.hugepages("release", b.pid)
    assert pool() == before


def test_hugepages_of_a_process_are_for_its_children_too(place):
    taken = 'read _ added _ <"$WARP17_HUGEPAGES_DIR/taken"; echo $added'
    done = script(f"$S/hugepages ensure {more_than_free()} $$; {taken}; sh -c '$S/hugepages ensure 4 $$; $S/hugepages release $$'; "
                  f"{taken}; $S/hugepages release $$", place.env)
    first, second = done.stdout.split()
    assert int(first) > 0 and second == first, done.stderr


def test_hugepages_ensured_by_hand_stay_until_released(place):
    before = pool()
    place.hugepages("ensure", more_than_free())
    place.hugepages("prune")
    assert pool() > before and "MB for you" in place.hugepages("status").stdout
    place.hugepages("release")
    assert pool() == before


def test_hugepages_at_once(place, holder):
    a, before = holder(), pool()
    place.hugepages("ensure", more_than_free(), a.pid)  # so that each of the others adds to the pool
    loop = "for i in 1 2 3; do $S/hugepages ensure 20 $$ && $S/hugepages release $$ || exit 1; done"
    many = [subprocess.Popen(["sh", "-c", loop], env={**os.environ, **place.env, "S": str(SCRIPTS)}, stderr=subprocess.PIPE)
            for _ in range(6)]
    assert [(p.wait(60), p.communicate()[1]) for p in many] == [(0, b"")] * 6
    place.hugepages("release", a.pid)
    assert pool() == before and not place.ledger.exists()


@pytest.mark.parametrize("text", ["", "12", "12 3\n", "12 3 x\n", "12 3 0"])
def test_a_broken_ledger_is_told_and_mended_by_hand(place, holder, text):
    a, before = holder(), pool()
    place.hugepages("ensure", 4, a.pid)
    (place.ledger / "taken").write_text(text)
    for args in (("ensure", 4), ("release", a.pid)):
        assert f"{place.ledger}/taken is broken: remove it" in place.hugepages(*args, code=1).stderr
    (place.ledger / "taken").unlink()
    place.hugepages("ensure", 4, a.pid)
    place.hugepages("release", a.pid)
    assert pool() == before and not place.ledger.exists()


@namespaces
def test_hugetlbfs_is_mounted_and_unmounted(place):
    """In a mount namespace, where the machine's own mounts may go."""
    count = "grep -c hugetlbfs /proc/mounts"
    done = run("unshare", "-m", "sh", "-c", "for m in $(awk '$3 == \"hugetlbfs\" { print $2 }' /proc/mounts); do umount -l $m;"
               f" done; {count}; $S/hugepages ensure 4; $S/hugepages ensure 6; {count}; $S/hugepages release; {count}",
               env={**place.env, "S": str(SCRIPTS)})
    assert done.stdout.split() == ["0", "1", "0"], done.stderr


@pytest.mark.parametrize("args", [(), ("ensure",), ("ensure", "x"), ("ensure", "4", "x"), ("ensure", "-4"), ("nonsense",),
                                  ("release", "1", "2"), ("ensure", "9999999999")])
def test_hugepages_usage(place, args):
    done = place.hugepages(*args, code=2)
    assert "usage: hugepages" in done.stderr or "see --help" in done.stderr
    assert "exit:" in place.hugepages("--help").stdout


def test_without_root_each_says_so(public):
    scripts = shutil.copytree(SCRIPTS, public / "scripts")
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    done = run(*nobody, scripts / "hugepages", "ensure", "4")
    assert done.returncode == 1 and f"needs root: sudo {scripts}/hugepages ensure 4" in done.stderr
    done = run(*nobody, scripts / "doctor")
    assert done.returncode == 1 and re.search(rf"fix +user .*\n +sudo {scripts}/warp17 doctor\n", done.stdout)


# ---- launcher

def test_start_status_stop(place):
    assert place.status(code=3) == {"prefix": place.prefix, "running": False}
    assert "not running" in place.launcher("status", code=3).stdout
    pid = place.start()
    status = place.status()
    assert status["pid"] == pid and status["running"] and status["answers"] and 0 <= status["uptime_s"] < 60
    assert f"pid {pid}" in place.launcher("status").stdout
    assert (place.ledger / str(pid)).exists(), "the engine's own need"
    refused = place.launcher("start", *SMALL, code=1)
    assert f"runs already (pid {pid})" in refused.stderr and f"stop --prefix {place.prefix}" in refused.stderr
    assert f"stopped the engine with prefix {place.prefix} (pid {pid})" in place.launcher("stop").stdout
    assert not alive(pid) and not place.left()
    assert "no engine" in place.launcher("stop").stdout
    place.start()


@pytest.mark.parametrize("style", ["literal", "c", "escape", "shell"])
def test_the_callers_quoting_style_hides_no_engine(place, style):
    pid = place.start()
    assert f"pid {pid}" in place.launcher("status", env={"QUOTING_STYLE": style}).stdout


def test_a_prefix_given_as_the_eal_has_it(place):
    done = run(SCRIPTS / "warp17", "start", "--file-prefix", place.prefix, "--", *SMALL, env=place.env)
    assert done.returncode == 0 and f"prefix={place.prefix} " in done.stdout, done.stderr
    assert place.status()["running"]


def test_stop_after_kill_cleans_and_start_works_again(place):
    pid = place.start()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid))
    assert not place.status(code=3)["running"]
    assert RUNDIRS / place.prefix in place.left()
    out = place.launcher("stop").stdout
    assert "no engine" in out and f"removed what a dead engine left: {RUNDIRS / place.prefix}" in out
    assert not place.left()
    os.kill(place.start(), signal.SIGKILL)
    place.start()  # without stop
    place.launcher("stop")


def test_stop_leaves_an_engine_that_starts_alone(place):
    """What it has made looks like a dead engine's until its EAL is up; it has the prefix locked."""
    made = RUNDIRS / place.prefix / "config"
    made.parent.mkdir(parents=True)
    made.touch()
    with open(place.lock, "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        assert "removed" not in place.launcher("stop").stdout and made.exists()
    assert "removed" in place.launcher("stop").stdout and not place.left()


def test_a_zombie_does_not_run(place):
    """As in a container whose first process does not reap: here the test is who should, and does not."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        pid = place.start()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z")
        place.status(code=3)
        view = json.loads(run(SCRIPTS / "doctor", "-j", env=place.env).stdout)
        assert [c for c in view["checks"] if c["status"] == "note" and f"{pid} is a zombie" in c["text"]]
        assert "removed" in place.launcher("stop").stdout
        pid2 = place.start()
        place.launcher("stop")
        os.waitpid(pid, 0)
        os.waitpid(pid2, 0)
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0)


def test_stop_ends_a_stopped_engine(place):
    pid = place.start()
    os.kill(pid, signal.SIGSTOP)
    assert not place.status()["answers"]
    assert "stopped the engine" in place.launcher("stop").stdout


def test_stop_names_clients_that_hold_a_dead_engines_memory(place):
    pid = place.start()
    client = subprocess.Popen([CLI, "--prefix", place.prefix], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: f"/{place.prefix}/fbarray_memseg" in pathlib.Path(f"/proc/{client.pid}/maps").read_text())
        # the EAL maps others before, and has this one locked before it maps it
        client.send_signal(signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not alive(pid))
        assert f"kill -KILL {client.pid}" in place.launcher("stop", code=1).stderr
        assert place.mend(place.prefix, "clients still have")
    finally:
        client.kill()
        client.wait()
    assert not place.left()


@pytest.fixture
def fake(place):
    """fake(script) makes that the engine; the environment in which it is."""
    def make(body):
        engine = place.tmp / "bin" / "warp17"
        engine.parent.mkdir()
        engine.write_text(f'#!/bin/sh\ncase "$*" in *--print-memory*) echo 4; exit ;; esac\necho $$ >{place.tmp}/pid\n{body}\n')
        engine.chmod(0o755)
        return {"WARP17_BIN": str(engine.parent)}
    return make


def fake_pid(place):
    return int(wait_for(lambda: (place.tmp / "pid").exists() and (place.tmp / "pid").read_text()))


def test_an_engine_that_takes_too_long_is_ended(place, fake):
    done = place.launcher("start", *SMALL, env={**fake("exec sleep 100"), "WARP17_START_TIMEOUT": "1"}, code=5)
    assert "not READY after 1 s and was ended" in done.stderr
    assert not alive(fake_pid(place)) and not place.left()


def test_the_ready_of_an_earlier_run_is_not_believed(place, fake):
    place.log.parent.mkdir()
    place.log.write_text("warp17: READY prefix=old pid=1\n")
    done = place.launcher("start", *SMALL, env=fake("sleep 0.3; echo the reason; exit 1"), code=1)
    assert "READY" not in done.stdout and "the reason" in done.stderr and "did not start" in done.stderr
    assert not place.left()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing(place, fake, sig):
    env = {**os.environ, **place.env, **fake("exec sleep 100")}
    p = subprocess.Popen([SCRIPTS / "warp17", "start", "--prefix", place.prefix, *SMALL], env=env)
    pid = fake_pid(place)
    p.send_signal(sig)
    assert p.wait(10) == 130
    assert not alive(pid) and not place.left()


def test_of_two_starts_at_once_one_wins(place):
    command = [SCRIPTS / "warp17", "start", "--prefix", place.prefix, *SMALL]
    both = [subprocess.Popen(command, env={**os.environ, **place.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)]
    assert sorted(p.wait(20) for p in both) == [0, 1]
    loser = next(p for p in both if p.returncode == 1).stderr.read()
    assert "is under way" in loser or "runs already" in loser
    assert place.status()["answers"]
    for p in both:
        p.communicate()


def test_start_says_what_the_engine_lacks(place):
    done = place.launcher("start", "--ring-if-pairs", "1", "--tcb-pool-sz", "2000000", code=1)
    assert re.search(r"warp17: error: needs \d+ MB of hugepages, \d+ MB are free: add \d+ pages", done.stderr), done.stderr
    assert not place.left()


def test_help_and_version_start_nothing(place):
    for args in ((), ("--help",), ("help",), *((c, "--help") for c in ("start", "stop", "status", "cli", "exporter", "doctor",
                                                                        "demo"))):
        done = run(SCRIPTS / "warp17", *args, env=place.env)
        assert done.returncode == 0 and "usage:" in done.stdout and "exit" in done.stdout and not done.stderr, args
    assert "--ring-if-pairs" in run(SCRIPTS / "warp17", "start", "--help", env=place.env).stdout
    assert re.match(r"warp17 \d", run(SCRIPTS / "warp17", "start", "--version", env=place.env).stdout)
    assert not place.left() and not place.log.parent.exists()


@pytest.mark.parametrize("args, why", [
    (("nonsense",), "unknown command 'nonsense' (see warp17 --help)"),
    (("start", "--ring-if-pairs", "1", "--nonsense"), "unknown option '--nonsense' (see --help; EAL arguments stand before --)"),
    (("start", "--prefix"), "expected a name"),
    (("start", "--prefix", "a/b"), "expected a name"),
    (("stop", "--nonsense"), "unknown option '--nonsense' (see warp17 stop --help)"),
    (("stop", "--prefix", ".."), "expected a name"),
    (("status", "x"), "unknown option 'x' (see warp17 status --help)"),
    (("doctor", "--prefix", "x"), "unknown option '--prefix' (see warp17 doctor --help)"),
    (("cli", "--nonsense"), "--nonsense"),
    (("exporter", "--nonsense"), "--nonsense"),
    (("demo", "--nonsense"), "unknown option '--nonsense' (see --help)"),
    (("example", "--nonsense"), "unknown option '--nonsense' (see --help)"),
    (("example", "15"), "there is no example 15, expected 1..14 or a file (see --help)"),
])
def test_wrong_usage_is_exit_2(place, args, why):
    done = run(SCRIPTS / "warp17", *args, env=place.env)
    assert done.returncode == 2 and why in done.stderr, done.stderr


# ---- doctor: each finding goes away by its own command

@pytest.fixture
def neighbour(tmp_path):
    """Another engine that runs."""
    p = Place(tmp_path / "neighbour", "neighbour")
    p.tmp.mkdir()
    pid = p.start()
    yield p
    assert f"(pid {pid})" in p.launcher("stop").stdout


def test_doctor_mends_leftovers_of_a_dead_engine(place, neighbour):
    pid = place.start()
    assert not place.findings([place.prefix])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid))
    assert place.mend("dead engine", place.prefix)
    assert not place.left()


def test_doctor_finds_pages_of_a_dead_engine_without_a_directory(place):
    assert place.mend("dead engine", place.prefix, make=(HUGETLBFS / f"{place.prefix}map_0").touch)


def test_doctor_mends_stopped_processes(place):
    pid = place.start()
    client = subprocess.Popen([CLI, "--prefix", place.prefix], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: f"/{place.prefix}/" in pathlib.Path(f"/proc/{client.pid}/maps").read_text())
        client.send_signal(signal.SIGSTOP)
        assert "warp17-cli" in place.mend(f"kill -KILL {client.pid}")
        os.kill(pid, signal.SIGSTOP)
        assert place.mend(f"kill -CONT {pid}")
    finally:
        client.kill()
        client.wait()
    assert place.status()["answers"]


def test_doctor_mends_hugepages_of_gone_processes(place, holder):
    a = holder()
    place.hugepages("ensure", 4, a.pid)
    a.kill()
    a.wait()
    assert place.mend("kept for processes that are gone")


# a finding of the check is there, and is not when its command was run
AGAIN = """
    finding() { $S/doctor >"$WARP17_LOG_DIR.doctor"; grep -A1 "fix  $1" "$WARP17_LOG_DIR.doctor"; }
    finding %(check)s || exit 9
    eval "$(grep -A1 "fix  %(check)s" "$WARP17_LOG_DIR.doctor" | tail -n 1)" >/dev/null || exit 8
    ! finding %(check)s"""


@namespaces
def test_doctor_mends_mounts_and_devices(place):
    """In namespaces where no engine is seen, nothing is mounted, and /dev/net is empty."""
    done = run("unshare", "-mpf", "--mount-proc", "sh", "-c",
               "for m in $(awk '$3 == \"hugetlbfs\" { print $2 }' /proc/mounts); do umount -l $m; done; "
               "mount -t tmpfs none /dev/net; " + AGAIN % {"check": "hugepages"} + " || exit; $S/hugepages release; "
               + AGAIN % {"check": "tun"}, env={**place.env, "S": str(SCRIPTS)})
    assert done.returncode == 0, done


def test_doctor_mends_an_affinity_of_one_cpu(place):
    done = run("taskset", "-c", "0", "sh", "-c", AGAIN % {"check": "cpus"}, env={**place.env, "S": str(SCRIPTS)})
    assert done.returncode == 0, done


def tree(place, *names):
    """A copy of parts of this tree, with times."""
    copy = place.tmp / "tree"
    copy.mkdir()
    for n in names:
        (shutil.copytree if (TOP / n).is_dir() else shutil.copy2)(TOP / n, copy / n)
    return copy


def test_doctor_mends_missing_programs(place):
    copy = tree(place, "Makefile", "VERSION", "scripts", "common", "engine", "cli", "stats-exporter", "test", "build")
    (copy / "build/warp17-stats-exporter").unlink()
    git = run("git", "-C", TOP, "rev-parse", "--absolute-git-dir").stdout.strip()
    same = {"GIT_DIR": git, "GIT_WORK_TREE": str(TOP)} if git else {}  # else it has another version, and all is linked again
    done = run("sh", "-c", AGAIN % {"check": "programs"}, env={**place.env, **same, "S": str(copy / "scripts")})
    assert done.returncode == 0, done


# ---- demo, test, install-deps

def demo_left(out):
    """Processes, directories and files of the demo that printed out."""
    prefix = re.search(r"warp17-demo-\d+", out)
    if prefix is None:
        return []
    cmdlines = [p.read_bytes() for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if alive(p.parent.name)]
    return [c for c in cmdlines if prefix[0].encode() in c] \
        + [p for p in (RUNDIRS / prefix[0], *HUGETLBFS.glob(f"{prefix[0]}map_*")) if p.exists()]


def test_demo(place):
    done = run(SCRIPTS / "demo", env={**place.env, "TMPDIR": str(place.tmp)})
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "PASS: demo", done.stdout + done.stderr
    assert re.search(r"sessions established at once +100000\n", done.stdout)
    assert re.search(r"time to establish them, seconds +\d+\.\d{3}\n", done.stdout)
    assert not demo_left(done.stdout) and not place.left() and not list(place.tmp.glob("tmp.*"))


@pytest.mark.parametrize("at", ["starting an engine", "starting the exporter", "measuring"])
def test_an_interrupted_demo_leaves_nothing(place, at):
    env = {**os.environ, **place.env, "TMPDIR": str(place.tmp)}
    p = subprocess.Popen([SCRIPTS / "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    out = ""
    while at not in out:
        line = p.stdout.readline()
        assert line, out
        out += line
    p.send_signal(signal.SIGTERM)
    began = time.monotonic()
    out += p.communicate(timeout=20)[0]
    assert p.returncode == 130 and time.monotonic() - began < 5
    assert out.splitlines()[-1].startswith(f"FAIL: demo: {at}"), out
    assert not demo_left(out) and not place.left() and not list(place.tmp.glob("tmp.*"))


def suite(place, makefile, install="exit 0", test="def test_it():\n    pass\n"):
    """scripts/test of a tree with such parts, running; its temporary files are in the place."""
    copy = tree(place, "scripts")
    (copy / "Makefile").write_text(makefile)
    (copy / "scripts/install-deps").write_text(f"#!/bin/sh\n{install}\n")
    (copy / "test/functional").mkdir(parents=True)
    (copy / "test/functional/test_it.py").write_text(test)
    (copy / "test/functional/test_beside.py").write_text("import pytest\n\n@pytest.mark.beside\ndef test_it():\n    pass\n")
    (copy / "test/functional/pytest.ini").write_text("[pytest]\nmarkers =\n    beside\n    long\n")
    ours = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}  # what the pytest around us was told, or is
    return subprocess.Popen([copy / "scripts/test"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=place.tmp,
                            env={**ours, **place.env, "TMPDIR": str(place.tmp)})


def suite_end(place, p):
    """Its status and last two lines."""
    lines = p.communicate(timeout=30)[0].splitlines()
    assert not place.left() and not list(place.tmp.glob("tmp.*"))
    return p.returncode, lines[-2:]


UNITS = "\t@echo '[==========] Running 2 test(s).'; echo '[       OK ] a'; echo '[       OK ] b'; echo '[  PASSED  ] 2 test(s).'\n"
REPLAY = "replay:\n\t@echo '[       OK ] request: 40 inputs'\n"
SIM = "sim:\n\t@echo '[       OK ] 2 seeds from 0'\n" + REPLAY
GOOD = "all peers:\nstyle:\n" + SIM + "unit:\n" + UNITS


@pytest.mark.parametrize("kw, end", [
    ({"makefile": GOOD}, (0, ["PASS: test", "7 passed, 0 failed"])),
    ({"makefile": GOOD, "install": "exit 1"}, (1, ["FAIL: test", "0 passed, 1 failed"])),
    ({"makefile": "all peers:\n\tfalse\n"}, (1, ["FAIL: test", "0 passed, 1 failed"])),
    ({"makefile": "all peers:\nstyle:\n\tfalse\n" + SIM + "unit:\n" + UNITS}, (1, ["FAIL: test", "6 passed, 1 failed"])),
    ({"makefile": "all peers:\nstyle:\n" + SIM + "unit:\n\t@echo '[  FAILED  ] a'; false\n"}, (1, ["FAIL: test", "5 passed, 1 failed"])),
    ({"makefile": "all peers:\nstyle:\nsim:\n\t@echo '[  FAILED  ] seed 7'; false\n" + REPLAY + "unit:\n" + UNITS},
     (1, ["FAIL: test", "6 passed, 1 failed"])),
    ({"makefile": GOOD.replace(REPLAY, "replay:\n\t@echo '[  FAILED  ] http'; false\n")}, (1, ["FAIL: test", "6 passed, 1 failed"])),
    ({"makefile": GOOD, "test": "def test_it():\n    assert 0\n\ndef test_2():\n    pass\n"},
     (1, ["FAIL: test", "7 passed, 1 failed"])),
    ({"makefile": GOOD, "test": "nonsense"}, (1, ["FAIL: test", "6 passed, 3 failed"])),
])
def test_the_suite_counts_and_says_how_it_ended(place, kw, end):
    assert suite_end(place, suite(place, **kw)) == end


def test_an_interrupted_suite_says_so_and_lets_tests_clean_up(place):
    """The test's own clean-up runs, as at Ctrl-C."""
    mark = place.tmp / "mark"
    p = suite(place, GOOD, test=f"import pathlib, time\n\ndef test_it():\n    mark = pathlib.Path('{mark}')\n    mark.touch()\n"
                                "    try:\n        time.sleep(60)\n    finally:\n        mark.unlink()\n")
    wait_for(mark.exists)
    p.send_signal(signal.SIGTERM)
    assert suite_end(place, p) == (130, ["FAIL: test", "5 passed, 1 failed"])
    assert not mark.exists()


def test_make_demo_and_test_need_no_package(place):
    copy = tree(place, "Makefile", "VERSION")
    for d in ("common", "engine", "cli", "stats-exporter", "test"):
        (copy / d).mkdir()
    (copy / "pkg-config").write_text("#!/bin/sh\nexit 1\n")
    (copy / "pkg-config").chmod(0o755)
    env = {"PATH": f"{copy}:{os.environ['PATH']}", "MAKEFLAGS": ""}
    for goal in ("demo", "test", "clean", "help"):
        done = run("make", "-n", goal, cwd=copy, env=env)
        assert done.returncode == 0 and not done.stderr, done.stderr
    for goals in ((), ("all",), ("clean", "all"), ("unit",)):
        done = run("make", "-n", *goals, cwd=copy, env=env)
        assert done.returncode == 2 and "run scripts/install-deps" in done.stderr


INSTALL = """
    mount --bind %(sbin)s /usr/sbin
    PATH=%(stubs)s:$PATH
    $S/install-deps --build & p=$!
    while [ ! -e %(stubs)s/called ]; do sleep 0.05; done
    cat /usr/sbin/policy-rc.d >%(stubs)s/guard
    [ -z "%(signal)s" ] || kill -%(signal)s $p
    wait $p; echo $?
    ls /usr/sbin"""


@namespaces
@pytest.mark.parametrize("admins, sig", [(None, ""), (None, "TERM"), (None, "HUP"), ("exit 0\n", "TERM"),
                                         ("# made by install-deps of WARP17, which removes it\n", "")])
def test_install_deps_guards_services_and_takes_the_guard_away(place, admins, sig):
    """With commands that only pretend, and a /usr/sbin of its own."""
    sbin, stubs = place.tmp / "sbin", place.tmp / "stubs"
    for d in (sbin, stubs):
        d.mkdir()
    for name, body in (("dpkg-query", "exit 1"), ("dpkg", ""), ("apt-get", f"touch {stubs}/called; sleep 0.5")):
        (stubs / name).write_text(f"#!/bin/sh\n{body}\n")
        (stubs / name).chmod(0o755)
    if admins:
        (sbin / "policy-rc.d").write_text(admins)
    done = run("unshare", "-m", "sh", "-c", INSTALL % {"sbin": sbin, "stubs": stubs, "signal": sig}, env={"S": str(SCRIPTS)})
    ours = admins is None or "WARP17" in admins
    assert done.stdout.splitlines()[-1 if ours else -2] == ("130" if sig else "0"), done
    assert ("exit 101" in (stubs / "guard").read_text()) == ours
    assert (sbin / "policy-rc.d").exists() != ours


def test_install_deps_tries_twice_and_says_what_is_missing(place):
    stubs = place.tmp / "stubs"
    stubs.mkdir()
    for name, body in (("dpkg-query", "exit 1"), ("sleep", ""), ("dpkg", ""),
                       ("apt-get", f'echo "$*" >>{stubs}/calls; case "$*" in *update*) exit 1 ;; esac; '
                                   f"[ $(grep -c install {stubs}/calls) = 2 ]")):
        (stubs / name).write_text(f"#!/bin/sh\n{body}\n")
        (stubs / name).chmod(0o755)
    env = {"PATH": f"{stubs}:{os.environ['PATH']}"}
    done = run(SCRIPTS / "install-deps", env=env)
    assert done.returncode == 0 and "once more" in done.stderr, done
    assert (stubs / "calls").read_text().count("shellcheck") == 2
    done = run(SCRIPTS / "install-deps", "--check", env=env)
    assert done.returncode == 1 and "libbsd-dev" in done.stdout
    assert run(SCRIPTS / "install-deps", "--nonsense").returncode == 2
    assert run(SCRIPTS / "install-deps", "--build").returncode == 0
