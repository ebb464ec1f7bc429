"""Everything as a user who is not root, after one command of root's: nobody, whose files are the test's and go with it."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest
from test_kernel import inside
from warp17 import CLI, ENGINE, EXPORTER, TOP, wait_for

USER = "nobody"
MOUNT = pathlib.Path("/dev/hugepages-nobody")
SMALL = ("--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8")
AS_USER = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs")
COMMANDS = ("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
            "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0",
            "add tests server tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 80 80",
            "add tests client tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1 1000 dest 10.0.0.253 10.0.0.253 dport 80 80",
            "set tests client raw port 0 test-case-id 0 data-req-plen 1 data-resp-plen 1 requests 10",
            "set tests server raw port 1 test-case-id 0 data-req-plen 1 data-resp-plen 1",
            "set tests criteria port 0 test-case-id 0 clients-estab 1000", "start tests port 1", "start tests port 0")


class User:
    """The tree where everybody may read it, and a home."""

    def __init__(self, public):
        self.scripts = shutil.copytree(TOP / "scripts", public / "scripts")
        (public / "build").mkdir()
        for program in (ENGINE, CLI, EXPORTER):
            shutil.copy(program, public / "build")
        self.home = public / "home"
        self.home.mkdir(mode=0o700)
        shutil.chown(self.home, USER)
        self.prefix = f"w17n-{os.getpid()}"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home)}
        self.root_env = {**os.environ, "WARP17_HUGEPAGES_DIR": str(public / "ledger")}

    def root(self, *args):
        done = subprocess.run([self.scripts / "hugepages", *map(str, args)], env=self.root_env, capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr

    def run(self, *args, code=0, before=AS_USER):
        done = subprocess.run([*before, self.scripts / "warp17", *args], env=self.env, capture_output=True, text=True,
                              timeout=90, stdin=subprocess.DEVNULL, cwd="/")
        assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
        return done

    def cli(self, *commands):
        args = [w for c in commands for w in ("-c", c)]
        done = self.run("cli", "--prefix", self.prefix, "-j", *args)
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def user(public):
    u = User(public)
    try:
        yield u
    finally:
        if (u.home / "dpdk" / u.prefix).exists():
            u.run("stop", "--prefix", u.prefix)
        u.root("release", "--user", USER)
        assert not MOUNT.exists()


def test_all_of_it_as_another_user(user):
    user.root("ensure", 300, "--user", USER)
    assert MOUNT.is_mount() and MOUNT.stat().st_mode & 0o777 == 0o700 and MOUNT.owner() == USER
    done = user.run("start", "--prefix", user.prefix, "--ring-if-pairs", "1", *SMALL)
    assert done.stdout.startswith(f"warp17: READY prefix={user.prefix} ") and done.stderr == "", done
    pid = json.loads(user.run("status", "--prefix", user.prefix, "-j").stdout)["pid"]
    assert pathlib.Path(f"/proc/{pid}").owner() == USER
    assert any(MOUNT.iterdir())  # its memory
    assert all(a["ok"] for a in user.cli(*COMMANDS))
    state = lambda: user.cli("show tests state port 0")[0]["result"]["tests"][0]["state"]
    wait_for(lambda: state() == "PASSED", 30)
    done = user.run("exporter", "--prefix", user.prefix, "--once")
    t = next(t for t in json.loads(done.stdout)["test_cases"] if t["port"] == 0)
    assert t["state"] == "PASSED" and t["stats"]["tc"]["estab_once"] == 1000
    user.run("stop", "--prefix", user.prefix)
    user.run("status", "--prefix", user.prefix, code=3)
    assert not any(MOUNT.iterdir()) and not any((user.home / "dpdk").iterdir())
    assert (user.home / ".local/state/warp17" / f"{user.prefix}.log").exists()


def test_doctor_knows_the_users_pages(user):
    user.root("ensure", 4, "--user", USER)
    done = subprocess.run([*AS_USER, user.scripts / "warp17", "doctor"], env=user.env, capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL, cwd="/")
    assert f"{USER}, with hugepages in {MOUNT}" in done.stdout and "fix  user" not in done.stdout, done.stdout


def test_without_pages_the_engine_says_what_root_has_to_do(user):
    done = user.run("start", "--prefix", user.prefix, "--ring-if-pairs", "1", *SMALL, code=1)
    assert "MB of hugepages" in done.stderr and f"--user {USER}" in done.stderr, done.stderr


def test_taps_with_one_capability(user, netns):
    """CAP_NET_ADMIN is enough for them; in a network namespace of the test's."""
    user.root("ensure", 300, "--user", USER)
    capable = ("ip", "netns", "exec", netns, "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
               "--inh-caps=+net_admin", "--ambient-caps=+net_admin")
    user.run("start", "--prefix", user.prefix, "--tap-ifs", "1", *SMALL, before=capable)
    for args in (("link", "set", "warp0", "up"), ("addr", "add", "172.16.1.1/24", "dev", "warp0")):
        subprocess.run(["ip", "-n", netns, *args], check=True)
    user.cli("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0",
             "add tests server tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 80 80",
             "set tests server http port 0 test-case-id 0 200-OK resp-size 2000", "start tests port 0")
    done = inside(netns, "curl", "-sf", "http://172.16.1.2/")
    # the kernel shows a process with a capability to none without
    user.run("stop", "--prefix", user.prefix, before=capable)
    assert done.returncode == 0 and len(done.stdout) == 2000


def test_users_who_are_not_there(user):
    for name, why in (("w17-nobody", "there is no user w17-nobody"), ("../x", "expected a user's name")):
        done = subprocess.run([user.scripts / "hugepages", "ensure", "4", "--user", name], env=user.root_env,
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode in (1, 2) and why in done.stderr
