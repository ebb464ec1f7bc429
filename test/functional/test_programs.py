"""The programs: options, exit codes, what they say when something is wrong; operators."""
import ctypes
import fcntl
import os
import pathlib
import select
import signal
import subprocess
import time

import pytest
from warp17 import CLI, ENGINE, EXPORTER, TOP, Engine, wait_for

RING = ("--ring-if-pairs", "1", "--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8")


def run(*args, **kw):
    return subprocess.run(args, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **kw)


@pytest.mark.parametrize("program", [ENGINE, CLI, EXPORTER])
def test_help_and_version_start_nothing(program):
    for option in ("--help", "--version"):
        done = run(program, option)
        assert done.returncode == 0 and done.stdout
        assert "EAL" not in done.stderr
    assert run(program, "--", "--nonsense" if program == ENGINE else "x", "--prefix", "none").returncode in (2, 3)


@pytest.mark.parametrize("args, why", [
    (("--tcb-pool-sz", "x", "--ring-if-pairs", "1"), "expected a number, 1..4194303"),
    (("--mbuf-sz", "100", "--ring-if-pairs", "1"), "2176..9344"),
    (("--qmap", "0.0", "--ring-if-pairs", "1"), "at least one bit"),
    (("--qmap", "0.2", "--qmap-default", "max-q"), "cannot be combined"),
    (("--qmap", "0." + "2" * 33), "at most 32 hex digits"),
    (("--qmap", "0.2", "--qmap", "0.4"), "every port once"),
    (("--qmap", "64.2"), "a port below 64"),
    (("--qmap", "2"), "PORT.HEXMASK"),
    (("--qmap-default", "max-x"), "expected max-c|max-q"),
    (("--nope",), "unknown option '--nope'"),
    (("-l", "0,1"), "EAL arguments stand before --"),
    (("--ring-if-pairs", "--sw-checksum"), "--ring-if-pairs: 'nothing' given"),
    (("--ring-if-pairs", "1", "--tap-netns", "x"), "give --tap-ifs too"),
    (("--kni-ifs", "1", "--tap-ifs", "1"), "give one of them"),
    (("--ring-if-pairs", "1", "--mbuf-pool-sz", "3"), "expected a number, 4..65536"),
    (("--cmd-file",), "expected FILE"),
    (("--ring-if-pairs", "1", "--ring-if-pairs", "2"), "'2' given, expected the option once"),
    (("--ring-if-pairs", "32", "--tap-ifs", "64"), "128 ports: at most 64"),
    ((), "no port"),
])
def test_wrong_options(args, why):
    done = run(ENGINE, "--", *args)
    assert done.returncode == 2 and why in done.stderr, done.stderr


@pytest.mark.parametrize("args, code, why", [
    (("-l", "0-9999"), 2, "expected a list"),
    (("-l", "0-127"), 2, "it has no CPU"),
    (("-c", "F" * 32), 2, "it has no CPU"),
    (("-m", "1000000"), 1, "-m (--socket-mem) asks for 1000000 MB of hugepages"),
    (("-m", "-5"), 2, "'-5' given, expected megabytes"),
    (("--socket-mem=1,-5",), 2, "expected megabytes"),
    (("--no-hug",), 2, "EAL argument --no-huge: clients could not attach"),
    (("--in-mem",), 2, "EAL argument --in-memory: clients could not attach"),
    (("--proc-t=secondary",), 2, "EAL argument --proc-type: clients could not attach"),
    (("--file-pre", "w17t-eal2"), 2, "there is another before"),
    (("--lcores", "(0-128)@0"), 2, "expected lcores below 128"),
    (("--frob",), 1, "unrecognized option '--frob'"),
    (("--vdev", "net_foo0"), 1, 'failed to parse device "net_foo0"'),
    (("--vdev", "net_af_packet0,iface=w17none"), 1, "--vdev net_af_packet0,iface=w17none: no port came of it"),
])
def test_wrong_eal_arguments(args, code, why):
    done = run(ENGINE, "--file-prefix", "w17t-eal", *args, "--", *RING)
    assert done.returncode == code and why in done.stderr and len(done.stderr.splitlines()) < 10, done.stderr
    assert not pathlib.Path("/var/run/dpdk/w17t-eal").exists()


@pytest.mark.parametrize("prefix", ["..", ".", ".hidden", "-x", "a/b", "a%s", "", "x" * 64])
def test_wrong_prefix_touches_no_file(tmp_path, prefix):
    """What an engine finds in its run-time directory it takes for its dead predecessor's: ".." was /var/run."""
    precious = [tmp_path / "precious", tmp_path / "dpdk/precious"]
    precious[1].parent.mkdir()
    for f in precious:
        f.write_text("x")
    done = run(ENGINE, f"--file-prefix={prefix}", "--", "--ring-if-pairs", "1", "--tcb-pool-sz", "2000000",
               env={"RUNTIME_DIRECTORY": str(tmp_path)})
    assert all(f.exists() for f in precious)
    assert done.returncode == 2 and "given, expected 1 to 63 characters" in done.stderr


def test_a_run_time_directory_that_is_a_link_is_not_emptied(tmp_path):
    (tmp_path / "precious").write_text("x")
    (tmp_path / "dpdk").mkdir()
    (tmp_path / "dpdk/link").symlink_to(tmp_path)
    done = run(ENGINE, "--file-prefix", "link", "--", "--ring-if-pairs", "1", "--tcb-pool-sz", "2000000",
               env={"RUNTIME_DIRECTORY": str(tmp_path)})
    assert done.returncode == 1 and (tmp_path / "precious").exists()


def test_too_little_memory_is_one_sentence():
    done = run(ENGINE, "--file-prefix", "w17t-mem", "--", "--ring-if-pairs", "1", "--tcb-pool-sz", "2000000")
    assert done.returncode == 1
    assert "MB of hugepages" in done.stderr and "add " in done.stderr and len(done.stderr.splitlines()) == 1


def test_no_engine_is_exit_3():
    for program in (CLI, EXPORTER):
        done = run(program, "--prefix", "w17t-none", *(["-c", "show version"] if program == CLI else ["--once"]))
        assert done.returncode == 3 and "engine not running (prefix w17t-none)" in done.stderr


def test_second_engine_with_the_prefix_is_refused(engine):
    e = engine(*RING)
    done = run(ENGINE, "--file-prefix", e.prefix, "--", *RING)
    assert done.returncode == 1 and f"(pid {e.proc.pid})" in done.stderr
    assert e.show("version")["pid"] == e.proc.pid


def test_of_two_engines_at_once_one_starts(tmp_path):
    prefix = f"w17t-two-{os.getpid()}"
    for i in range(3):
        pair = [Engine(tmp_path / f"{i}{k}", *RING, prefix=prefix, ready=False) for k in range(2)]
        try:
            loser = wait_for(lambda: next((e for e in pair if e.proc.poll() is not None), None))
            winner = pair[1 - pair.index(loser)]
            wait_for(lambda: "READY" in winner.log.read_text())
            assert loser.proc.returncode == 1 and f"runs already (pid {winner.proc.pid})" in loser.log.read_text()
            assert winner.show("version")["pid"] == winner.proc.pid
        finally:
            for e in pair:
                e.stop()
        assert not winner.rundir().exists() and not winner.lock().exists()


def test_an_engine_waits_for_one_that_starts_or_ends(tmp_path):
    """Until the EAL is up only the lock tells it from a dead one, and its files look like a dead one's."""
    e = Engine(tmp_path / "0", *RING, prefix=f"w17t-lock-{os.getpid()}")
    e.stop()
    with open(e.lock(), "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        again = Engine(tmp_path / "1", *RING, prefix=e.prefix, ready=False)
        time.sleep(1)
        assert again.proc.poll() is None and not e.rundir().exists()
        e.lock().unlink()  # as the one that ends does
    wait_for(lambda: "READY" in again.log.read_text())
    assert again.stop() == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signals_end_an_engine_cleanly(engine, sig):
    e = engine(*RING)
    e.proc.send_signal(sig)
    assert e.proc.wait(5) == 0
    assert not e.rundir().exists() and not e.lock().exists()


def test_nohup_is_respected(engine):
    e = engine(*RING, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    e.proc.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    e.cli("set syslog INFO")


def test_an_engine_keeps_no_descriptor_of_its_callers(engine):
    """Not the lock of a script, nor the pipe that someone reads to its end."""
    r, w = os.pipe()
    engine(*RING, pass_fds=(w,))
    os.close(w)
    assert select.select([r], [], [], 1)[0] and os.read(r, 1) == b""
    os.close(r)


def test_an_engine_ends_whatever_its_workers_do(tmp_path):
    libc = ctypes.CDLL(None)
    seize, interrupt, all_threads = 0x4206, 0x4207, 0x40000000
    e = Engine(tmp_path / "0", *RING)
    tid = next(int(t.name) for t in pathlib.Path(f"/proc/{e.proc.pid}/task").iterdir()
               if "worker" in (t / "comm").read_text())
    assert libc.ptrace(seize, tid, None, None) == 0 and libc.ptrace(interrupt, tid, None, None) == 0
    os.waitpid(tid, all_threads)
    e.proc.send_signal(signal.SIGTERM)
    wait_for(lambda: os.waitpid(tid, all_threads | os.WNOHANG)[0], 8)
    assert e.proc.wait(5) == 0
    assert not e.rundir().exists() and not e.lock().exists()


def test_one_shot_is_quick_and_exit_codes_tell(engine):
    e = engine(*RING)
    t = time.monotonic()
    assert run(CLI, "--prefix", e.prefix, "show", "version").returncode == 0
    assert time.monotonic() - t < 0.5
    assert run(CLI, "--prefix", e.prefix, "-c", "start tests port 0").returncode == 1
    assert run(CLI, "--prefix", e.prefix, "-c", "shoe version").returncode == 2
    assert run(CLI, "--prefix", e.prefix, "--read-only", "-c", "start tests port 0").returncode == 4
    assert run(CLI, "--prefix", e.prefix, "--nonsense").returncode == 2


REFUSED = (
    ("start tests port 5", "port 5 does not exist: the engine has ports 0..1"),
    ("start tests port 0", "port 0 has no test case"),
    ("stop tests port 0", "port 0 is not running"),
    ("del tests port 0 test-case-id 3", "port 0 has no test case 3"),
    ("add tests l3_intf port 0 ip 10.0.0.1 mask 255.0.255.0", "not a netmask"),
    ("add tests l3_intf port 0 ip 2001:db8::1 mask 255.255.255.0", "IPv6 is not supported yet"),
    ("set tests rate port 0 test-case-id 0 open 5", "has no test case 0"),
    ("show tests stats port 0 test-case-id 0", "has no test case 0"))


def test_bad_commands_change_nothing(engine):
    e = engine(*RING)
    for command, why in REFUSED:
        e.refuses(command, why)


def test_configuration_rules(engine):
    e = engine(*RING)
    e.cli("add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0",
          "add tests server tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 80 80")
    for command, why in (
            ("add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0", "already"),
            ("add tests server tcp port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 81 81", "already"),
            ("set tests timeouts port 1 test-case-id 0 uptime 5", "for clients"),
            ("set tests client raw port 1 test-case-id 0 data-req-plen 1 data-resp-plen 1", "is a server"),
            ("set tests server http port 1 test-case-id 0 http-field \"A: b\"", "is not HTTP"),
            ("set tests criteria port 1 test-case-id 0 clients-estab 1", "is for clients")):
        answer = e.cli(command, check=False)[0]
        assert not answer["ok"] and why in answer["error"], answer
    e.cli("set tests server http port 1 test-case-id 0 200-OK resp-size 5")
    answer = e.cli("set tests server http port 1 test-case-id 0 http-field \"Content-Length: 7\"", check=False)[0]
    assert not answer["ok"] and "Content-Length" in answer["error"]
    e.cli("start tests port 1")
    answer = e.cli("set tests server http port 1 test-case-id 0 200-OK resp-size 6", check=False)[0]
    assert not answer["ok"] and "stop tests port 1 first" in answer["error"]


def test_command_file_errors_name_the_line(engine, tmp_path):
    cfg = tmp_path / "bad.cfg"
    cfg.write_text("# fine\nadd tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0\nstart tests port 77\n"
                   f"show version\n# {'x' * 4096}\nset syslog INFO # {'y' * 4000}\nset syslog")
    e = engine(*RING, "--cmd-file", str(cfg))
    log = e.log.read_text()
    assert f"{cfg}:3: error: port: 77 is out of range" in log
    assert f"{cfg}:4: warning: left out, only the CLI does 'show version'" in log
    assert f"{cfg}:5: error: longer than 4096 characters" in log
    assert f"{cfg}:7: error: " in log and log.count("error: ") == 3
    assert f"{cfg}: 3 of 7 lines failed" in log
    done = run(CLI, "--prefix", e.prefix, "-f", str(cfg))
    assert done.returncode == 1 and f"{cfg}:3: error: port: 77" in done.stderr


def test_a_command_file_waits_for_a_stop(engine, tmp_path):
    cfg = tmp_path / "stop.cfg"
    cfg.write_text("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0\n"
                   "add tests server tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 80 80\n"
                   "start tests port 0\nstop tests port 0\nset tests server raw port 0 test-case-id 0 data-req-plen 1 data-resp-plen 9\n"
                   "start tests port 0\n")
    e = engine(*RING, "--cmd-file", str(cfg))
    assert "error: " not in e.log.read_text()
    wait_for(lambda: e.state(0) == "PASSED")


@pytest.mark.parametrize("make, why", [
    (os.mkfifo, "not a regular file"),  # once read it is empty for the engine, and for the launcher's second look
    (os.mkdir, "not a regular file"),
    (lambda path: path.touch(), "the file is empty"),
    (lambda path: None, "No such file"),
])
def test_a_command_file_must_be_one(tmp_path, make, why):
    make(tmp_path / "cmds")
    done = run(ENGINE, "--", "--ring-if-pairs", "1", "--cmd-file", str(tmp_path / "cmds"))
    assert done.returncode == 2 and why in done.stderr


def test_sixteen_operators_at_once(engine):
    e = engine(*RING)
    procs = [subprocess.Popen([CLI, "--prefix", e.prefix, "--name", f"op{i}"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) for i in range(16)]
    wait_for(lambda: len(e.show("operators")["operators"]) == 17, 20)
    for p in procs:
        p.stdin.write("show version\nset syslog INFO\n")
        p.stdin.close()
    for p in procs:
        assert "prefix" in p.stdout.read()
        assert p.wait(10) == 0
    wait_for(lambda: len(e.show("operators")["operators"]) == 1)


def test_killed_and_stopped_operators_hurt_nobody(engine):
    e = engine(*RING)
    victims = [subprocess.Popen([CLI, "--prefix", e.prefix], stdin=subprocess.PIPE) for _ in range(4)]
    wait_for(lambda: len(e.show("operators")["operators"]) == 5)
    for p in victims[:2]:
        p.kill()
        p.wait()
    victims[2].send_signal(signal.SIGSTOP)
    wait_for(lambda: len(e.show("operators")["operators"]) == 3, 1)
    e.cli("set syslog DEBUG")
    for p in victims[2:]:
        p.kill()
        p.wait()


def test_client_leaves_when_the_engine_dies(engine):
    e = engine(*RING)
    p = subprocess.Popen([CLI, "--prefix", e.prefix], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: len(e.show("operators")["operators"]) == 2)
    e.proc.kill()
    e.proc.wait()
    assert p.wait(1) == 3


def test_engine_restarts_after_kill(engine):
    e = engine(*RING, prefix="w17t-restart")
    e.proc.kill()
    e.proc.wait()
    again = engine(*RING, prefix="w17t-restart")
    assert again.show("version")["pid"] == again.proc.pid


def test_shell_scripts_have_no_syntax_errors():
    for name in ("warp17", "demo", "test", "hugepages", "install-deps"):
        assert run("sh", "-n", str(TOP / "scripts" / name)).returncode == 0
