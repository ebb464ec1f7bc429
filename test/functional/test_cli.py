"""The CLI: the shell on a terminal, batches, exit codes, what is printed, and the engine's end under each of them."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from warp17 import CLI, TOP, wait_for

RING = ("--ring-if-pairs", "1", "--tcb-pool-sz", "4", "--ucb-pool-sz", "4", "--mbuf-pool-sz", "8")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b[=>]|\r|\x07")
L3 = "add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0"
SERVER = "add tests server tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 80 80"
HTTP = "set tests server http port 0 test-case-id 0 200-OK resp-size 1"
FIELD = "set tests server http port 0 test-case-id 0 http-field "


class Shell:
    """A program on a terminal of its own; what it shows is in seen, without escape sequences."""

    def __init__(self, *args, env=()):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.raw, self.at = "", 0
        environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **dict(env)}
        self.proc = subprocess.Popen(args, stdin=slave, stdout=slave, stderr=slave, env=environment,
                                     preexec_fn=self._own_terminal, start_new_session=True)

    @staticmethod
    def _own_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def read(self, timeout):
        if select.select([self.master], [], [], timeout)[0]:
            self.raw += os.read(self.master, 65536).decode(errors="replace")

    @property
    def seen(self):
        return ESCAPES.sub("", self.raw)

    def expect(self, text, timeout=5):
        """Waits until text comes after what was expected before."""
        end = time.monotonic() + timeout
        while text not in self.seen[self.at:]:
            assert time.monotonic() < end, f"no {text!r} in {self.seen[self.at:]!r}"
            self.read(0.1)
        found = self.seen.index(text, self.at)
        before, self.at = self.seen[self.at:found], found + len(text)
        return before

    def send(self, text):
        os.write(self.master, text.encode() if isinstance(text, str) else text)

    def ask(self, line, prompt):
        """Types a line; what it answers."""
        self.send(line + "\n")
        return self.expect(prompt)

    def left(self, timeout=5):
        """Its exit status; the terminal must be as it was."""
        end = time.monotonic() + timeout
        while self.proc.poll() is None and time.monotonic() < end:
            self.read(0.05)
        assert self.proc.poll() is not None, self.seen
        self.read(0)
        assert termios.tcgetattr(self.slave) == self.before
        return self.proc.returncode

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal():
    shells = []

    def start(*args, **kw):
        shells.append(Shell(*args, **kw))
        return shells[-1]

    yield start
    for s in shells:
        s.close()


@pytest.fixture
def shell(engine, terminal, tmp_path):
    """An engine and a shell at its prompt."""
    e = engine(*RING)
    s = terminal(CLI, "--prefix", e.prefix, env={"HOME": str(tmp_path)}.items())
    s.engine, s.prompt = e, f"warp17[{e.prefix}]> "
    s.expect(s.prompt)
    yield s
    if e.proc.poll() is None:
        e.proc.send_signal(signal.SIGCONT)


def run(e, *args, **kw):
    kw = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 30, "text": True, **kw}
    return subprocess.run([CLI, "--prefix", e.prefix, *args], **kw)


def lines(text):
    return [json.loads(x) for x in text.splitlines()]


# --- the shell


def test_tab_completes_and_lists(shell):
    shell.send("sh\t")
    shell.expect("show ")
    shell.send("te\ts\t\t")  # first what they share, then the list
    shell.expect("tests stat")
    shell.expect("state  stats\n")
    shell.expect(shell.prompt + "show tests stat")
    shell.send("e\tpo\t0\n")
    assert "no test cases" in shell.expect(shell.prompt)
    shell.send(FIELD + "\t")
    shell.expect('"<text>"')
    before = shell.expect(shell.prompt + FIELD)
    shell.send("x\x15")  # the hint was shown, not inserted
    shell.expect("x")
    assert "Field line" in before
    shell.send("set tests rate port 0 test-case-id 0 open \t")
    shell.expect("<0..4294967294>  infinite")
    shell.expect("open ")
    shell.send("i\t")
    shell.expect("infinite ")
    shell.send("\x15exit\n")
    assert shell.left() == 0


def test_tab_completes_names_of_files(shell, tmp_path):
    (tmp_path / "conf").mkdir()
    for name in ("first.cfg", "second.cfg", "seco\u00e9.cfg", "a b.cfg", "a c.cfg", ".hidden", "bad\x01", "#c"):
        (tmp_path / "conf" / name).write_text("show version\n")
    (tmp_path / "conf" / "my dir").mkdir()
    (tmp_path / "conf" / "my dir" / "inner.cfg").write_text("show version\n")
    shell.send(f"file input {tmp_path}/con\t")
    shell.expect("conf/")
    shell.send("\t")  # all there is, without its directory
    assert shell.expect(shell.prompt).split() == "#c a b.cfg a c.cfg first.cfg my dir/ second.cfg seco\u00e9.cfg".split()
    shell.expect("conf/")
    shell.send("fi\t\n")
    assert "prefix" in shell.expect(shell.prompt)
    for typed in ("sec\t\u00e9\t", "secon\t", "my\tin\t", '"a b"\t', ".h\t"):
        shell.send(f"file input {tmp_path}/conf/{typed}\n")
        assert "prefix" in shell.expect("\n" + shell.prompt), typed
    shell.send("file input co?")
    assert "<file>" in shell.expect(shell.prompt)
    shell.send(f"\x15file input {tmp_path}/conf/a\t")  # to go on it would have to stand in quotes
    shell.expect("a b.cfg")
    shell.expect(shell.prompt)
    shell.send("\x15exit\n")
    assert shell.left() == 0


def test_question_mark_helps_but_not_in_text(shell):
    shell.send("?")
    text = shell.expect(shell.prompt)
    for word in ("add", "start", "show", "file", "help", "exit", "quit"):
        assert f"\n  {word} " in text, text
    shell.send("start tests ?")
    shell.expect("Ethernet port")
    shell.expect(shell.prompt)
    shell.send("port 0 ?")
    shell.expect("<enter>")
    shell.expect(shell.prompt)
    shell.send("\x15")
    shell.ask(L3, shell.prompt)
    shell.ask(SERVER, shell.prompt)
    shell.ask(HTTP, shell.prompt)
    for typed in ('"A: b?c"', r"X:d\?e", "Y:f\x16?g"):
        shell.ask(FIELD + typed, shell.prompt)
    test = shell.engine.show("tests config port 0")["tests"]["test_case_0"]
    assert test["http_fields"] == "A: b?c\r\nX:d?e\r\nY:f?g\r\n"


def test_what_is_not_ascii_is_one_character(shell):
    shell.ask(L3, shell.prompt)
    shell.ask(SERVER, shell.prompt)
    shell.ask(HTTP, shell.prompt)
    shell.ask(FIELD + '"X: caféü\x7fs"', shell.prompt)  # erases one character, not half of one
    test = shell.engine.show("tests config port 0")["tests"]["test_case_0"]
    assert test["http_fields"] == "X: cafés\r\n"
    assert "cafés" in shell.ask("show tests config port 0", shell.prompt)


def test_ctrl_c_abandons_the_line(shell):
    shell.send("stop te\x03")
    shell.expect("^C\n" + shell.prompt)
    assert "prefix" in shell.ask("show version", shell.prompt)
    os.kill(shell.proc.pid, signal.SIGINT)
    shell.expect("^C\n" + shell.prompt)
    shell.send("\x04")
    assert shell.left() == 0


@pytest.mark.parametrize("how", ["exit\n", "quit\n", "  exit \n", "\x04"])
def test_ways_out(shell, how):
    shell.send("exitfoo\n")
    shell.expect("unknown word 'exitfoo'")
    shell.expect(shell.prompt)
    shell.send(how)
    assert shell.left() == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_and_restore_the_terminal(shell, sig):
    shell.send("show te")
    shell.expect("show te")
    assert termios.tcgetattr(shell.slave) != shell.before
    os.kill(shell.proc.pid, sig)
    assert shell.left() == -sig


def test_stop_and_continue(engine, terminal, tmp_path):
    e = engine(*RING)
    s = terminal("bash", "--norc", "-i", env={"HOME": str(tmp_path), "PS1": "sh$ "}.items())
    s.expect("sh$ ")
    s.send(f"{CLI} --prefix {e.prefix}\n")
    s.expect("]> ")
    s.send("show ver")
    s.expect("show ver")
    s.send("\x1a")
    s.expect("Stopped")
    s.expect("sh$ ")
    s.send("echo a$((1+1))b; fg\n")
    s.expect("a2b")
    s.expect("]> show ver")
    s.send("sion\n")
    s.expect("prefix")
    s.expect("]> ")
    s.send("\x04")
    s.expect("sh$ ")
    s.send("exit\n")
    assert s.left() == 0


def test_tables_are_as_wide_as_the_terminal(shell):
    fcntl.ioctl(shell.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    shell.send("show port info\n")
    shell.expect("Port")
    text = ("Port" + shell.expect(shell.prompt)).splitlines()
    assert max(map(len, text)) <= 60 and len([x for x in text if x.startswith("Port ")]) > 1, text


def test_a_gateway_that_is_not_there(engine):
    e = engine(*RING)
    e.cli(L3)
    view = e.show("tests config port 0")
    assert view["gw"] is None and view["l3_interfaces"][0]["gw"] is None
    text = run(e, "show", "tests", "config", "port", "0").stdout
    assert "GW -\n" in text and re.search(r"^  10\.0\.0\.1 +255\.255\.255\.0 +0  -$", text, re.M), text


def test_a_resized_terminal(shell):
    fcntl.ioctl(shell.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    os.kill(shell.proc.pid, signal.SIGWINCH)
    shell.send("show memory statistics details\n")
    shell.expect("Bytes/TCB")
    shell.expect(shell.prompt)


def test_history(shell, terminal, tmp_path):
    shell.ask("show port link", shell.prompt)
    shell.send("exit\n")
    assert shell.left() == 0
    kept = tmp_path / ".warp17_history"
    assert kept.stat().st_mode & 0o777 == 0o600
    again = terminal(CLI, "--prefix", shell.engine.prefix, env={"HOME": str(tmp_path)}.items())
    again.expect(shell.prompt)
    again.send("\x10\x10\n")
    assert "Speed" in again.expect(shell.prompt)
    again.send("\x04")
    assert again.left() == 0
    before = kept.read_text()
    assert run(shell.engine, "show", "version", env={**os.environ, "HOME": str(tmp_path)}).returncode == 0
    assert kept.read_text() == before


def test_the_engine_is_killed_under_a_shell(shell):
    shell.send("show te")
    shell.expect("show te")
    shell.engine.proc.kill()
    assert shell.left(1) == 3
    shell.engine.proc.wait()
    shell.expect("\nwarp17-cli: the engine is gone\n")


def test_the_engine_is_killed_under_a_shell_that_waits(shell):
    shell.engine.proc.send_signal(signal.SIGSTOP)
    shell.send("set syslog INFO\n")
    time.sleep(0.2)
    shell.engine.proc.kill()
    assert shell.left(1) == 3
    shell.engine.proc.wait()
    shell.expect("the engine is gone")


def test_ctrl_c_ends_the_wait_for_an_answer(shell):
    shell.engine.proc.send_signal(signal.SIGSTOP)
    shell.send("set syslog INFO\n")
    time.sleep(0.2)
    shell.send("\x03")
    shell.expect("no longer waited for", 1)
    shell.expect(shell.prompt)
    shell.engine.proc.send_signal(signal.SIGCONT)
    assert "error" not in shell.ask("set syslog INFO", shell.prompt)


# --- batches


@pytest.mark.parametrize("options", [(), ("-j",), ("-f", "-")])
def test_a_batch_leaves_when_the_engine_dies_while_stdin_is_open(engine, options):
    e = engine(*RING)
    p = subprocess.Popen([CLI, "--prefix", e.prefix, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    p.stdin.write("show version\n")
    p.stdin.flush()
    assert "engine" in p.stdout.readline()
    e.proc.kill()
    assert p.wait(1) == 3
    e.proc.wait()
    assert p.stderr.read() == "warp17-cli: the engine is gone\n"
    p.stdin.close()
    p.stdout.close()
    p.stderr.close()


def test_a_batch_leaves_when_the_engine_dies_while_stdout_is_full(engine):
    e = engine(*RING)
    p = subprocess.Popen([CLI, "--prefix", e.prefix], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    p.stdin.write("help\n" * 100)
    p.stdin.close()
    time.sleep(0.5)
    assert p.poll() is None
    e.proc.kill()
    assert p.wait(1) == 3
    e.proc.wait()
    p.stdout.close()
    p.stderr.close()


def test_the_next_engine_starts_at_once(engine, tmp_path):
    e = engine(*RING)
    p = subprocess.Popen([CLI, "--prefix", e.prefix], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(e.show("operators")["operators"]) == 2)
    e.proc.kill()
    e.proc.wait()
    again = engine(*RING, prefix=e.prefix)
    assert again.show("version")["pid"] == again.proc.pid
    assert p.wait(1) == 3


@pytest.mark.parametrize("how", ["file", "stdin", "-c", "words"])
def test_long_lines_are_refused_whole(engine, tmp_path, how):
    e = engine(*RING)
    long = "show version # " + "x" * 4090 + " show port link"
    cfg = tmp_path / "long.cfg"
    cfg.write_text(f"{long}\nset syslog DEBUG # {'x' * (4096 - 19)}\n")
    if how == "file":
        done, where = run(e, "-f", str(cfg)), f"{cfg}:1: "
    elif how == "stdin":
        done, where = run(e, stdin=cfg.open()), "stdin:1: "
    elif how == "-c":
        done, where = run(e, "-c", long), ""
    else:
        done, where = run(e, "show", "version", "#", "x" * 4090), ""
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.splitlines()[0] == f"{where}error: longer than 4096 characters"


def test_words_of_the_command_line_keep_their_quotes(engine):
    e = engine(*RING)
    e.cli(L3, SERVER, HTTP)
    for text in ("A: b", 'B: "c" \\ d', "C:#e"):
        done = run(e, *FIELD.split(), text)
        assert done.returncode == 0, done.stderr
    got = e.show("tests config port 0")["tests"]["test_case_0"]["http_fields"]
    assert got == 'A: b\r\nB: "c" \\ d\r\nC:#e\r\n'
    assert run(e, "show version").returncode == 0  # one word is a line


def test_many_commands(engine):
    e = engine(*RING)
    answers = e.cli(*["show version"] * 300)
    assert len(answers) == 300 and all(a["ok"] for a in answers)


def test_files_that_cannot_be_read(engine, tmp_path):
    e = engine(*RING)
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file")):
        done = run(e, "-c", "show version", "-f", str(path))
        assert done.returncode == 2 and why in done.stderr and str(path) in done.stderr
        assert done.stdout == ""  # nothing was run
        done = run(e, "-j", "-c", f"file input {path}")
        assert done.returncode == 2 and why in lines(done.stdout)[0]["error"]


def test_a_batch_that_cannot_be_read_is_not_ok(engine, tmp_path):
    e = engine(*RING)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        for options in ((), ("-j",)):
            done = run(e, *options, stdin=fd)
            assert done.returncode == 2 and done.stderr == "warp17-cli: stdin: Is a directory\n"
    finally:
        os.close(fd)


def test_errors_name_file_and_line(engine, tmp_path):
    e = engine(*RING)
    cfg = tmp_path / "bad.cfg"
    cfg.write_text("# fine\nshow version\nstart tests port 0\nnope\nset tests rate port 0 test-case-id 0\n")
    done = run(e, "-f", str(cfg))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"{cfg}:3: error: port 0 has no test case",
        f"{cfg}:4: error: unknown word 'nope', expected add|del|set|start|stop|acquire|release|show|clear|monitor|file|help|exit|quit",
        f"{cfg}:5: error: expected at least one of open|close|send",
        f"{cfg}: 3 of 5 lines failed"]
    answers = lines(run(e, "-j", "-f", str(cfg)).stdout)
    assert [(a["ok"], a["file"], a["line"]) for a in answers] == [
        (True, str(cfg), 2), (False, str(cfg), 3), (False, str(cfg), 4), (False, str(cfg), 5)]
    answers = lines(run(e, "-j", "-e", stdin=cfg.open()).stdout)
    assert [(a["file"], a["line"]) for a in answers] == [("stdin", 2), ("stdin", 3)]
    assert "file" not in e.cli("show version")[0]


def test_file_input_exit_and_help_in_a_batch(engine, tmp_path):
    e = engine(*RING)
    inner, outer, loop = tmp_path / "in put", tmp_path / "outer", tmp_path / "loop"
    inner.write_text("show version\nnope\n")
    outer.write_text(f'file input "{inner}"\nexit\nshow version\n')
    loop.write_text(f"file input {loop}\n")
    done = run(e, "-j", "-f", str(outer))
    answers = lines(done.stdout)
    assert [a["command"].split()[0] for a in answers] == ["show", "nope", "file", "exit"]
    assert answers[1]["file"] == str(inner) and answers[1]["line"] == 2
    assert answers[2]["result"] == {"lines": 2, "failed": 1} and done.returncode == 2
    done = run(e, "-f", str(loop))
    assert done.returncode == 2 and "more than 8 deep" in done.stderr
    text = run(e, "help").stdout
    assert "set tests rate port <n> test-case-id <n> [open <n>|infinite]" in text
    assert run(e, "-c", "quit", "-c", "nope").returncode == 0


def test_echo(engine):
    e = engine(*RING)
    done = run(e, "-x", "-c", "show port link")
    assert done.stdout.startswith("> show port link\nPort")
    done = run(e, "-x", "-j", "-c", "show port link")
    assert done.stderr == "> show port link\n" and lines(done.stdout)[0]["ok"]


# --- exit codes


def test_exit_codes(engine):
    e = engine(*RING)
    assert run(e, "show", "version").returncode == 0
    assert run(e, "start", "tests", "port", "0").returncode == 1
    assert run(e, "nope").returncode == 2
    for options in (("--nope",), ("--timeout", "abc"), ("--timeout", "0"), ("--timeout", "86401"), ("--timeout",),
                    ("--wait", "-1"), ("--prefix", ""), ("--prefix", "a/b"), ("--prefix", ".."), ("--prefix", "a%s"), ("--name", "x" * 40)):
        done = run(e, *options, "-c", "show version")
        assert done.returncode == 2 and done.stderr and not done.stdout, options
    assert subprocess.run([CLI, "--prefix", "w17t-none", "show", "version"], capture_output=True).returncode == 3
    done = run(e, "--read-only", "set", "syslog", "INFO")
    assert done.returncode == 4 and "may only look" in done.stderr
    e.proc.send_signal(signal.SIGSTOP)
    try:
        done = run(e, "show", "version")
        assert done.returncode == 5 and "does not answer" in done.stderr
    finally:
        e.proc.send_signal(signal.SIGCONT)


def test_a_stopped_engine_is_a_time_out_for_changes_and_a_warning_for_shows(engine):
    e = engine(*RING)
    p = subprocess.Popen([CLI, "--prefix", e.prefix, "--timeout", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(e.show("operators")["operators"]) == 2)
    e.proc.send_signal(signal.SIGSTOP)
    try:
        time.sleep(2.2)
        out, err = p.communicate("set syslog INFO\nshow version\n", timeout=10)
    finally:
        e.proc.send_signal(signal.SIGCONT)
    assert p.returncode == 5
    assert "stdin:1: error: no answer in 1 s" in err and "stdin:2: warning: the engine has shown no sign of life" in err
    assert "prefix" in out


def test_dialling_a_stopped_engine_ends_when_its_queue_is_full(engine):
    import socket
    e = engine(*RING)
    e.proc.send_signal(signal.SIGSTOP)
    held = []
    try:
        with pytest.raises(BlockingIOError):
            for _ in range(1000):
                s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                held.append(s)
                s.setblocking(False)
                s.connect(f"/var/run/dpdk/{e.prefix}/warp17.sock")
        done = run(e, "show", "version", timeout=10)
        assert done.returncode == 5 and "does not answer" in done.stderr
    finally:
        for s in held:
            s.close()
        e.proc.send_signal(signal.SIGCONT)
    wait_for(lambda: run(e, "show", "version").returncode == 0, 10)


def test_one_operator_too_many(engine):
    e = engine(*RING)
    held = [subprocess.Popen([CLI, "--prefix", e.prefix], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(32)]
    try:
        for p in held:
            p.stdin.write("show version\n")
            p.stdin.flush()
        for p in held:
            assert p.stdout.readline().startswith("engine")
        for _ in range(5):
            done = run(e, "show", "version")
            assert done.returncode == 4, done.stderr
            assert done.stderr == "warp17-cli: all 32 places for operators are taken (show operators)\n"
    finally:
        for p in held:
            p.stdin.close()
        codes = [p.wait(10) for p in held]
    assert codes == [0] * 32


def test_wait_for_the_engine(engine, tmp_path):
    prefix = f"w17t-wait-{os.getpid()}"
    args = [CLI, "--prefix", prefix, "--wait"]
    assert subprocess.run([*args, "0", "show", "version"], capture_output=True).returncode == 3
    t = time.monotonic()
    assert subprocess.run([*args, "1", "show", "version"], capture_output=True).returncode == 3
    assert time.monotonic() - t < 3
    p = subprocess.Popen([*args, "20", "-j", "show", "version"], stdout=subprocess.PIPE, text=True)
    e = engine(*RING, prefix=prefix)
    out, _ = p.communicate(timeout=20)
    assert p.returncode == 0 and lines(out)[0]["result"]["pid"] == e.proc.pid


def test_closed_descriptors_and_a_full_disk(engine):
    e = engine(*RING)
    for redirect in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(["sh", "-c", f'"$0" --prefix {e.prefix} -c "show version" {redirect}', CLI],
                              capture_output=True, text=True, timeout=10)
        assert done.returncode == 0, (redirect, done.stderr)
        assert (">&-" in redirect.replace("2>&-", "")) or "prefix" in done.stdout
    with open("/dev/full", "w") as full:
        done = run(e, "show", "version", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and "write error" in done.stderr


def test_the_manual_has_every_option():
    text = subprocess.run([CLI, "--help"], capture_output=True, text=True).stdout
    manual = (TOP / "doc/man/warp17-cli.1").read_text().replace("\\-", "-")
    options = re.findall(r"--[a-z-]+|(?<= )-[a-zA-Z](?=[, ])", text)
    assert len(options) > 15
    assert [o for o in options if o not in manual] == []


# --- what is printed


def test_statistics_are_tables_of_labels(engine):
    e = engine(*RING)
    text = run(e, "show", "tcp", "statistics").stdout.splitlines()
    assert text[0] == "TCP segments and control blocks"
    assert text[1].split() == ["Port", "0", "Port", "1", "Total"]
    row = next(x for x in text if x.startswith("Malloced TCBs"))
    assert row.split()[2:] == ["0", "0", "0"]
    assert len({len(x) for x in text[1:]}) == 1  # numbers stand on the right
    one = run(e, "show", "tcp", "statistics", "port", "1").stdout.splitlines()
    assert one[1].split() == ["Port", "1"]
    details = run(e, "show", "ipv4", "statistics", "details").stdout.splitlines()
    assert details[1].split("  ")[-1].strip() == "Total" and "0: lcore" in details[1] and "Port 1" in details[1]
    assert re.search(r"^TCP No Connection +0 +0 +0$", run(e, "show", "drop", "statistics").stdout, re.M)
    memory = run(e, "show", "memory", "statistics", "details").stdout.splitlines()
    assert "management" in memory[1] and memory[1].split()[-1] == "Total"
    assert any(re.match(r"TCB Total +4096 +0 +4096$", x) for x in memory)
    for group in ("port", "ethernet", "arp", "route", "icmp", "tsm", "udp", "http", "drop", "timer", "msg", "lcore"):
        assert run(e, "show", group, "statistics").returncode == 0
    assert "rx_pkts" in e.show("port statistics")["total"]  # names in JSON


def test_tests_are_shown_whole(engine):
    e = engine(*RING, "--cmd-file", str(TOP / "config/examples/test_3_http_multiple.cfg"))
    config = run(e, "show", "tests", "config", "port", "0").stdout
    for line in (r"Port 0", r"  GW 10\.0\.0\.253", r"  10\.0\.0\.1  255\.255\.255\.0 +0  -",
                 r"Test case 0: TCP client, Async", r"Test case 1: TCP client, Sync",
                 r"  Local IP:Port +10\.0\.0\.1-10\.0\.0\.1:10001-10001",
                 r"  Remote IP:Port +10\.0\.0\.253-10\.0\.0\.253:80-80", r"  Rate Open +INFINITE",
                 r"  Delay Init +0 s", r"  Delay Downtime +INFINITE", r"  Criteria +run-time 5", r"  Application +http",
                 r"  method +HEAD", r"  req-size +0"):
        assert re.search(f"^{line}$", config, re.M), (line, config)
    state = run(e, "show", "tests", "state", "port", "0").stdout
    assert re.search(r"^TcId +Type +App +State +Criteria +Quick stats +Runtime +Note$", state, re.M), state
    assert re.search(r"^1 +TCP client +http +(RUNNING|PASSED) +run-time 5 +Run Time \(s\) \d+ +\d+\.\d\d s$", state, re.M)
    stats = run(e, "show", "tests", "stats", "port", "0", "test-case-id", "1").stdout
    for label in ("Estab/s", "Closed/s", "Data Send/s", "Established", "Responses", r"Failed \(Retries\)"):
        assert re.search(f"^{label} +\\d+$", stats, re.M), (label, stats)
    assert "no test cases" not in run(e, "show", "tests", "config", "port", "1").stdout
    e.stop_tests(0, 1)


def test_json_is_valid_whatever_is_typed(engine):
    e = engine(*RING)
    e.cli(L3, SERVER, HTTP)
    for raw in (b"sh\xffow", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"caf\xc3\xa9", b"a\x01b",
                b"nul\0tail"):
        done = run(e, "-j", input=raw + b"\n", stdin=None, text=False)
        answer = json.loads(done.stdout)
        assert done.returncode == 2 and not answer["ok"] and answer["command"] and answer["error"], raw
    done = run(e, "-j", input=FIELD.encode() + b'"X: \xff\xe9t\xc3\xa9"\n', stdin=None, text=False)
    assert json.loads(done.stdout)["ok"]
    assert e.show("tests config port 0")["tests"]["test_case_0"]["http_fields"] == "X: \ufffd\ufffdt\u00e9\r\n"
