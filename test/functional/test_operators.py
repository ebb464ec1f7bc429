"""Several operators: ports that one of them holds, what is refused, who did what, and events that all are told."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from test_cli import Shell
from test_kernel import tap_up
from test_traffic import L3, RING, pair
from warp17 import CLI, ENGINE, wait_for


class Operator:
    """A CLI that stays attached and takes a command after the other."""

    def __init__(self, engine, name, *options):
        self.proc = subprocess.Popen([CLI, "--prefix", engine.prefix, "--name", name, "--json", *options],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(self, command):
        self.send(command)
        return json.loads(self.proc.stdout.readline())

    def send(self, command):
        self.proc.stdin.write(command + "\n")
        self.proc.stdin.flush()

    def leave(self):
        """What it was told on stderr."""
        return self.proc.communicate(timeout=10)[1]


@pytest.fixture
def operator():
    all_of_them = []

    def come(*args):
        all_of_them.append(Operator(*args))
        return all_of_them[-1]

    yield come
    for o in all_of_them:
        if o.proc.poll() is None:
            o.proc.kill()
        o.proc.communicate()


def run(e, *args):
    return subprocess.run([CLI, "--prefix", e.prefix, *args], capture_output=True, text=True, timeout=60)


def events(e):
    return [x["event"] for x in e.show("events")["events"]]


def holder(e, port):
    return e.show("port info")["ports"][port]["held_by"]


def test_a_port_is_one_operators_until_it_lets_go(engine, operator):
    e = engine(*RING)
    anna, bob = operator(e, "anna"), operator(e, "bob")
    assert anna.ask("acquire port 0")["ok"] and anna.ask("acquire port 0")["ok"]  # it is theirs already
    assert holder(e, 0) == "anna" and holder(e, 1) is None
    refused = bob.ask(L3[0])
    assert not refused["ok"] and refused["code"] == -16
    assert re.fullmatch(rf"port 0 is held by anna \(pid {anna.proc.pid}\) since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d: "
                        "acquire port 0 force takes it", refused["error"])
    assert run(e, "start tests port 0").returncode == 4  # whatever the port would have said
    assert run(e, "release port 0").returncode == 4
    assert bob.ask("acquire port 0")["error"] == refused["error"]
    assert bob.ask(L3[1])["ok"]  # the other port is everybody's
    assert anna.ask(L3[0])["ok"]
    mine = {o["name"]: o for o in e.show("operators")["operators"]}
    assert mine["anna"]["ports"] == [0] and mine["bob"]["ports"] == [] and mine["anna"]["last_command"] == L3[0]
    assert anna.ask("release port 0")["ok"]
    assert holder(e, 0) is None
    assert bob.ask("release port 0")["error"] == "port 0 is held by nobody"
    assert bob.ask("acquire port 0")["ok"]
    assert bob.ask("acquire port 2")["error"] == "port 2 does not exist: the engine has ports 0..1"


def test_force_tells_the_former_holder(engine, operator):
    e = engine(*RING)
    anna, bob = operator(e, "anna"), operator(e, "bob")
    anna.ask("acquire port 1")
    assert bob.ask("acquire port 1 force")["ok"]
    assert holder(e, 1) == "bob"
    said = f"port 1 was taken from anna by bob (uid 0, pid {bob.proc.pid})"
    assert said in e.log.read_text()
    assert anna.ask("release port 1")["code"] == -16
    told = json.loads(anna.leave())  # though it does not monitor
    assert told["event"] == "port-taken" and told["text"] == said and told["port"] == 1
    assert bob.ask("acquire port 0 force")["ok"]  # nobody had it
    assert bob.leave() == ""
    assert events(e).count("port-taken") == 1


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_ports_of_who_dies_are_free_within_a_second(engine, operator, sig):
    e = engine(*RING)
    anna, bob = operator(e, "anna"), operator(e, "bob")
    for p in (0, 1):
        assert anna.ask(f"acquire port {p}")["ok"]
    anna.proc.send_signal(sig)
    wait_for(lambda: bob.ask("acquire port 0")["ok"], 1)
    assert bob.ask("acquire port 1")["ok"]
    wait_for(lambda: events(e).count("port-released") == 2)


def test_two_starts_at_once(engine, operator):
    """One success and one clear refusal, whoever is first."""
    e = engine(*RING)
    pair(e, ("raw", "data-req-plen 1 data-resp-plen 1"), ("raw", "data-req-plen 1 data-resp-plen 1"), start=False)
    e.cli("start tests port 1")
    both = [operator(e, "anna"), operator(e, "bob")]
    for o in both:
        o.ask("show version")
    for _ in range(5):
        for o in both:
            o.send("start tests port 0")
        answers = [json.loads(o.proc.stdout.readline()) for o in both]
        assert sorted(a["ok"] for a in answers) == [False, True]
        refused = next(a for a in answers if not a["ok"])
        assert refused["error"] == "port 0 is running: stop tests port 0 first"
        assert both[0].ask("stop tests port 0")["ok"]


def test_commands_of_two_never_leave_a_test_case_half_made(engine, operator):
    """Each command is whole: what stands is always that of one of them, whatever the order."""
    e = engine(*RING)
    e.cli(*L3)
    ranges = {"anna": "src 10.0.0.1 10.0.0.1 sport 1000 1999", "bob": "src 10.0.0.1 10.0.0.1 sport 3000 3099"}
    ops = {n: operator(e, n) for n in ranges}
    for o in ops.values():
        o.ask("show version")
    for _ in range(30):
        for n, o in ops.items():
            o.send("del tests port 0 test-case-id 0")
            o.send(f"add tests client tcp port 0 test-case-id 0 {ranges[n]} dest 10.0.0.253 10.0.0.253 dport 80 80")
        cases = e.show("tests config port 0")["tests"]
        assert all(c["sport"] in ("1000-1999", "3000-3099") for c in cases.values()), cases
        for o in ops.values():
            for _ in range(2):
                json.loads(o.proc.stdout.readline())


def test_who_may_only_look_is_refused_by_the_engine(engine):
    e = engine(*RING)
    for command in (L3[0], "start tests port 0", "acquire port 0", "acquire port 0 force", "set syslog DEBUG"):
        done = run(e, "--read-only", "--name", "guest", command)
        assert (done.returncode, done.stderr) == (4, "error: operator guest may only look\n")
    assert e.show("tests config port 0")["l3_interfaces"] == [] and holder(e, 0) is None
    refused = [c for c in e.show("audit")["changes"] if c["operator"]["name"] == "guest"]
    assert len(refused) == 5 and all(c["error"] == "operator guest may only look" and c["code"] == -1 for c in refused)
    assert run(e, "--read-only", "show operators").returncode == 0


def test_every_change_is_on_record(engine, tmp_path):
    commands = tmp_path / "commands"
    commands.write_text("\n".join(L3) + "\n")
    e = engine(*RING, "--cmd-file", str(commands))
    run(e, "--name", "anna", "del tests port 1 test-case-id 3")
    run(e, "--name", "anna", "set sys WARN")
    run(e, "--name", "anna", "no such command")  # the CLI's own mistake: nothing was asked for
    changes = e.show("audit")["changes"]
    assert [(c["operator"]["name"], c["port"], c["command"], c["error"]) for c in changes] == [
        ("command file", 0, L3[0], None), ("command file", 1, L3[1], None),
        ("anna", 1, "del tests port 1 test-case-id 3", "port 1 has no test case 3"),
        ("anna", None, "set syslog WARNING", None)]
    assert [c["no"] for c in changes] == [1, 2, 3, 4] and changes[0]["operator"]["pid"] == e.proc.pid
    assert all(abs(c["realtime_ns"] / 1e9 - time.time()) < 60 for c in changes)
    log = e.log.read_text()
    assert f"command file (uid 0, pid {e.proc.pid}): {L3[0]}: ok" in log
    assert re.search(r"anna \(uid 0, pid \d+\): del tests port 1 test-case-id 3: port 1 has no test case 3", log)
    assert [c["no"] for c in e.show("audit last 2")["changes"]] == [3, 4]
    text = run(e, "show audit last 1").stdout
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d anna \(uid 0, pid \d+\): set syslog WARNING: ok\n", text)


def test_the_record_is_bounded(engine, tmp_path):
    commands = tmp_path / "commands"
    commands.write_text("set syslog INFO\n" * 600)
    e = engine(*RING, "--cmd-file", str(commands))
    changes = e.show("audit")
    assert changes["last"] == 600 and [c["no"] for c in changes["changes"]] == list(range(89, 601))


def monitored(proc):
    return json.loads(proc.stdout.readline())


def monitor(e, *options):
    p = subprocess.Popen([CLI, "--prefix", e.prefix, "--name", "watcher", "--monitor", *options], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: "watcher" in [o["name"] for o in e.show("operators")["operators"] if o["state"] == "attached"])
    return p


def test_a_test_case_from_start_to_end(engine):
    e = engine(*RING)
    pair(e, ("raw", "data-req-plen 1 data-resp-plen 1"), ("raw", "data-req-plen 1 data-resp-plen 1"), start=False,
         extra=("set tests criteria port 0 test-case-id 0 clients-estab 1000 within 1",))
    m = monitor(e, "--json")
    seen = []

    def until(event, port):
        while not seen or (seen[-1]["event"], seen[-1]["port"]) != (event, port):
            seen.append(monitored(m))

    e.cli("start tests port 1", "start tests port 0")
    until("test-failed", 0)
    e.stop_tests(0)
    until("port-stopped", 0)
    e.stop_tests(1)
    until("port-stopped", 1)
    m.terminate()
    m.communicate()
    assert m.returncode == 0
    of = {p: [x["event"] for x in seen if x["port"] == p] for p in (0, 1)}
    assert of[0] == ["port-started", "test-started", "test-failed", "port-stopped"]
    assert of[1] == ["port-started", "test-started", "test-passed", "port-stopped"]
    failed = next(x for x in seen if x["event"] == "test-failed")
    assert failed["test_case_id"] == 0 and "clients-estab: 100 of 1000 within 1 s" in failed["text"]
    assert [x["no"] for x in seen] == list(range(seen[0]["no"], seen[0]["no"] + len(seen)))


def test_a_slow_reader_is_told_what_it_lost_and_slows_nobody(engine, operator):
    e = engine(*RING)
    m = monitor(e)
    m.send_signal(signal.SIGSTOP)
    anna = operator(e, "anna")
    for _ in range(300):  # 600 events, 512 are kept
        assert anna.ask("acquire port 0")["ok"] and anna.ask("release port 0")["ok"]
    assert e.show("events")["last"] >= 600
    m.send_signal(signal.SIGCONT)
    line = m.stdout.readline()
    while "lost" not in line:
        assert line.startswith("-- ")
        line = m.stdout.readline()
    lost = int(re.fullmatch(r"-- (\d+) events lost: more than are kept came at once\n", line)[1])
    assert 80 <= lost < 200
    m.terminate()
    rest = m.communicate()[0]
    assert len(rest.splitlines()) == 512


def test_monitor_leaves_the_line_that_is_edited_as_it_was(engine):
    e = engine(*RING)
    s = Shell(CLI, "--prefix", e.prefix)
    try:
        prompt = f"warp17[{e.prefix}]> "
        s.expect(prompt)
        s.ask("monitor on", prompt)
        s.send("show ver")
        s.expect("show ver")
        run(e, "--name", "anna", "acquire port 1")
        s.expect("port 1 was acquired by anna")
        s.expect("port 1 was released by anna")
        s.expect(prompt + "show ver")  # again, below
        s.send("sion\n")
        assert e.prefix in s.expect(prompt)
        s.ask("monitor off", prompt)
        run(e, "--name", "bob", "acquire port 0")
        assert s.ask("show port link", prompt).count("--") == 0
        s.send("exit\n")
        assert s.left() == 0
    finally:
        s.close()


def test_monitor_ends_with_the_engine(engine):
    e = engine(*RING)
    m = subprocess.Popen([CLI, "--prefix", e.prefix, "--monitor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len([o for o in e.show("operators")["operators"] if o["state"] == "attached"]) == 2)
    e.kill()
    out, err = m.communicate(timeout=2)
    assert m.returncode == 3 and "the engine is gone" in err


def test_a_link_goes_down_and_comes_back(engine, netns):
    e = engine("--tap-ifs", "1", "--tcb-pool-sz", "4", "--ucb-pool-sz", "4", "--mbuf-pool-sz", "8", "--tap-netns", netns)
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    for state, event in (("down", "link-down"), ("up", "link-up")):
        n = events(e).count(event)
        subprocess.run(["ip", "-n", netns, "link", "set", "warp0", state], check=True)
        wait_for(lambda: events(e).count(event) == n + 1)


def test_a_pool_runs_out_and_recovers(engine):
    """4096 blocks for both ends of 2000 sessions."""
    e = engine("--ring-if-pairs", "1", "--tcb-pool-sz", "4", "--ucb-pool-sz", "4", "--mbuf-pool-sz", "8")
    pair(e, ("raw", "data-req-plen 1 data-resp-plen 1"), ("raw", "data-req-plen 1 data-resp-plen 1"),
         sports=(10001, 12000))
    wait_for(lambda: "pool-low" in events(e))
    low = next(x for x in e.show("events")["events"] if x["event"] == "pool-low")
    assert re.fullmatch(r"lcore 1: \d+ of 4096 TCP control blocks are left: --tcb-pool-sz gives more", low["text"])
    assert low["text"] in e.log.read_text()
    e.stop_tests(0, 1)
    wait_for(lambda: "pool-ok" in events(e))


def receiver(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(str(path))
    s.settimeout(5)
    return s


def test_changes_go_to_syslog(engine, tmp_path):
    syslog = receiver(tmp_path / "log")
    e = engine(*RING, "--syslog", str(tmp_path / "log"))
    run(e, "--name", "anna", "acquire port 1")
    said = [syslog.recv(4096).decode() for _ in range(2)]
    head = rf"<%d>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d warp17\[{e.proc.pid}\]: "
    assert re.fullmatch(head % 30 + "port 1 was acquired by anna", said[0])
    assert re.fullmatch(head % 30 + r"anna \(uid 0, pid \d+\): acquire port 1: ok", said[1])
    syslog.close()
    (tmp_path / "log").unlink()
    run(e, "acquire port 0")  # nobody listens
    again = receiver(tmp_path / "log")
    run(e, "set syslog INFO")
    while not again.recv(4096).decode().endswith("set syslog INFO: ok"):
        pass
    again.close()


def test_a_syslog_that_takes_nothing_holds_nobody_up(engine, tmp_path):
    full = receiver(tmp_path / "log")
    e = engine(*RING, "--syslog", str(tmp_path / "log"))
    begun = time.monotonic()
    e.cli(*["set syslog INFO"] * 300)
    assert time.monotonic() - begun < 3
    full.close()
    assert e.show("audit")["last"] == 300


def test_levels_for_the_journal(engine, tmp_path):
    """With stderr as systemd gives it: a stream whose device and inode stand in JOURNAL_STREAM."""
    log = tmp_path / "journal"
    log.touch()
    st = log.stat()
    e = engine(*RING, env={**os.environ, "JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"})
    run(e, "acquire port 0")
    assert re.search(r"^\d\d:\d\d:\d\d warp17: port 0 was acquired", e.log.read_text(), re.M)  # another stream
    code = ("import os, sys; f = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND); os.dup2(f, 2); "
            "os.execv(sys.argv[2], sys.argv[2:])")
    prefix = f"w17j-{os.getpid()}"
    p = subprocess.Popen([sys.executable, "-c", code, str(log), str(ENGINE), "--file-prefix", prefix, "--", *RING],
                         env={**os.environ, "JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"})
    try:
        wait_for(lambda: "READY" in log.read_text(), 30)
        subprocess.run([CLI, "--prefix", prefix, "acquire port 0 force"], check=True)
        wait_for(lambda: re.search(r"^<6>warp17: port 0 was acquired", log.read_text(), re.M))
    finally:
        p.terminate()
        assert p.wait(20) == 0
