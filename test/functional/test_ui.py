"""show tests ui on a terminal: what its areas show, what its keys do, and that the terminal is left as it was, however it
ends."""
import fcntl
import os
import signal
import struct
import subprocess
import termios
import time

import pyte
import pytest
from test_cli import Shell, terminal  # noqa: F401 (a fixture)
from warp17 import CLI, wait_for

RING = ("--ring-if-pairs", "1", "--tcb-pool-sz", "4", "--ucb-pool-sz", "4", "--mbuf-pool-sz", "8")
CONFIG = ("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0", "add tests l3_intf port 1 ip 10.0.0.2 mask 255.255.255.0",
          "add tests client tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1001 1100 dest 10.0.0.2 10.0.0.2 dport 80 80",
          "set tests criteria port 0 test-case-id 0 clients-estab 100",
          "set tests client http port 0 test-case-id 0 GET h.example / req-size 7",
          "set tests tcp-options port 0 test-case-id 0 rto 77",
          "add tests server tcp port 1 test-case-id 3 src 10.0.0.2 10.0.0.2 sport 80 80",
          "set tests server http port 1 test-case-id 3 200-OK resp-size 2000")
LEFT = "\x1b[?1049l"  # the terminal's other screen is left


class Screen:
    """A program on a terminal, and what stands on it."""

    def __init__(self, shell, rows=24, cols=80):
        self.shell, self.fed = shell, 0
        self.screen = pyte.Screen(cols, rows)
        self.stream = pyte.Stream(self.screen)
        self.resize(rows, cols)

    def resize(self, rows, cols):
        self.screen.resize(rows, cols)
        fcntl.ioctl(self.shell.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def look(self):
        self.shell.read(0.05)
        self.stream.feed(self.shell.raw[self.fed:])
        self.fed = len(self.shell.raw)
        return self.screen.display

    def until(self, what, timeout=20):
        """Waits until what(lines) is true; its value."""
        end = time.monotonic() + timeout
        while not (value := what(self.look())):
            assert time.monotonic() < end, "\n".join(self.screen.display)
        return value

    def shows(self, *texts):
        self.until(lambda lines: all(any(t in x for x in lines) for t in texts))
        return "\n".join(self.screen.display)

    def key(self, key, *texts):
        self.shell.send(key)
        return self.shows(*texts)


@pytest.fixture
def ui(engine, terminal):  # noqa: F811
    """ui(rows, cols) starts it beside traffic of 100 sessions."""
    def start(rows=24, cols=80, args=("-c", "show tests ui"), ring=RING, config=CONFIG, **kw):
        e = engine(*ring)
        e.cli(*config, *(f"start tests port {p}" for p in (1, 0) if config))
        s = Screen(terminal(CLI, "--prefix", e.prefix, *args, **kw), rows, cols)
        s.engine = e
        return s
    return start


def numbers(lines, label, left):
    """The columns of a row in the left or right part of the screen."""
    for x in lines:
        part = x.split("|")[0 if left else -1]
        if part.startswith(label):
            return part[len(label):].split()
    return []


@pytest.mark.parametrize("rows, cols", [(24, 80), (40, 120)])
def test_the_areas_and_their_keys(ui, rows, cols):
    s = ui(rows, cols)
    s.shows("WARP17 " + s.engine.prefix, " Tests ", " P0 TC0 statistics", " Ports 0-1 of 2", "Port 0 UP 10G", "Port 1 UP 10G",
            "q Quit  n Next  b Back  s Statistics  c Config  l Latency")
    s.until(lambda lines: any(x.startswith(">") and " 0  0 TCP cli PASSED  100/100" in x for x in lines))
    s.shows("  1  3 TCP ser PASSED  1/1")
    # statistics: totals, and rates from the second look on
    s.until(lambda lines: numbers(lines, "Established ", True)[:1] == ["100"])
    s.until(lambda lines: numbers(lines, "Requests ", True) and numbers(lines, "Requests ", True)[-1] not in ("0", "-"))
    # ports: of both of them, total and rate
    row = s.until(lambda lines: [x for x in [numbers(lines, "Received Packet", False)] if len(x) >= 4 and "-" not in x])[0]
    assert row[-1] != "0"
    assert s.until(lambda lines: numbers(lines, "ESTABLISHED", False)) == ["100", "100"]
    # configuration
    text = s.key("c", "P0 TC0 configuration", "Test case 0: TCP client", "Local IP:Port", "Rate Open")
    assert "10.0.0.1:1001" in text.replace("\n", "").replace(" ", "") or "10.0.0.1" in text
    s.shell.send("\x1b[6~" * 3)  # PgDn
    s.shows("ecn ")
    s.key("n", "P1 TC3 configuration", "Test case 3: TCP server", "200-OK")
    s.until(lambda lines: any(x.startswith("> 1  3") for x in lines))
    s.key("s", "P1 TC3 statistics")
    s.key("b", "P0 TC0 statistics", "> 0  0")
    s.key("b", "P1 TC3 statistics")  # round
    s.key("n", "P0 TC0 statistics")
    s.key("l", "P0 TC0 latency")
    s.key("s", "P0 TC0 statistics")
    s.key("?", "Keys", "next test case", "leave")
    s.key("x", "P0 TC0 statistics")  # any key goes on
    s.key("q")
    assert s.shell.left() == 0
    assert LEFT in s.shell.raw


def test_latencies(ui):
    s = ui(config=(*CONFIG, "set tests ipv4-options port 0 test-case-id 0 tx-timestamp 1",
                   "set tests ipv4-options port 1 test-case-id 3 rx-timestamp 1",
                   "set tests latency port 1 test-case-id 3 max 3600000000 samples 100"))
    s.key("l", "P0 TC0 latency", "measures no")
    s.key("n", "P1 TC3 latency", "All samples")
    s.until(lambda lines: numbers(lines, "Samples ", True) and int(numbers(lines, "Samples ", True)[0]) > 100)
    s.until(lambda lines: float((numbers(lines, "99 % lat/us", True) or ["0"])[0].replace("-", "0")) > 0)
    s.key("\x1b[F", "Recent samples", "Avg jitter/us")  # End
    s.key("q")


def test_scrolling_and_zeros(ui):
    s = ui()
    s.shows("Opened")
    s.key("\x1b[B", "P0 TC0 statistics 2-")
    s.key("\x1b[A", "P0 TC0 statistics 1-")
    s.key("\x1b[F", "Last Establishe")  # End
    s.key("\x1b[H", "P0 TC0 statistics 1-")
    s.key("\t\x1b[6~", "Ports 0-1 of 2 20-")  # the other area
    s.key("\x1b[5~", "Ports 0-1 of 2 1-")
    assert "Rx Missed" not in s.shows("ESTABLISHED")
    s.key("z", "Rx Missed")


def test_many_ports(ui):
    s = ui(ring=("--ring-if-pairs", "6", *RING[2:]), config=())
    s.shows("Ports 0-1 of 12", "Port 1 UP", "no test cases", "No test case is")
    for i in range(11):
        s.shell.send("\x1bOC" if i % 2 else "\x1b[C")  # as its type says, and as others do
    s.shows("Ports 10-11 of 12", "Port 11 UP")
    s.resize(40, 200)
    s.shows("Ports 10-11 of 12")
    s.shell.send("\x1b[D" * 7)
    s.shows("Ports 3-8 of 12", "Port 3 UP", "Port 8 UP")
    for i in range(20):
        s.shell.send("\x1b[D")
    s.shows("Ports 0-5 of 12", "Port 0 UP")


def test_resizing(ui):
    s = ui()
    s.shows("> 0  0")
    s.resize(40, 120)
    s.until(lambda lines: "q Quit" in lines[39] and "> 0  0" in lines[3])
    s.resize(10, 50)
    s.until(lambda lines: "50x10 is too small, 70x14 is needed" in lines[0] and not any(x.strip() for x in lines[1:]))
    s.shell.send("n")
    s.resize(24, 80)
    s.until(lambda lines: "> 1  3" in lines[4] and "q Quit" in lines[23])
    s.key("q")
    assert s.shell.left() == 0


@pytest.mark.parametrize("end, status", [("\x03", -signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM),
                                         (signal.SIGHUP, -signal.SIGHUP)])
def test_signals_leave_the_terminal_as_it_was(ui, end, status):
    s = ui()
    s.shows("> 0  0")
    s.shell.send(end) if isinstance(end, str) else s.shell.proc.send_signal(end)
    assert s.shell.left() == status
    assert LEFT in s.shell.raw


def test_the_engines_death(ui):
    s = ui()
    s.shows("> 0  0")
    s.engine.kill()
    assert s.shell.left() == 3
    after = s.shell.raw[s.shell.raw.index(LEFT):]
    assert "the engine is gone" in after


def test_the_engines_death_while_the_terminal_is_stopped(ui):
    s = ui(60, 200)
    s.shows("> 0  0")
    writes = lambda: open(f"/proc/{s.shell.proc.pid}/syscall").read().split()[0] == "1"

    def stuck():  # nobody reads: it waits in a write
        s.shell.send("czs?x")
        time.sleep(0.05)
        return all(writes() or time.sleep(0.1) for _ in range(5))
    wait_for(stuck, 30)
    s.engine.kill()
    end = time.monotonic() + 10
    while s.shell.proc.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert s.shell.proc.returncode == 3
    assert termios.tcgetattr(s.shell.slave) == s.shell.before


def test_an_engine_that_is_stopped_is_told(ui):
    s = ui()
    s.shows("> 0  0")
    s.engine.proc.send_signal(signal.SIGSTOP)
    try:
        s.shows("NO SIGN OF LIFE for ")
        s.key("q")
        assert s.shell.left() == 0
    finally:
        s.engine.proc.send_signal(signal.SIGCONT)


def test_in_the_shell_it_comes_back_to_the_prompt(ui, tmp_path):
    s = ui(args=(), env={"HOME": str(tmp_path)}.items())
    prompt = f"warp17[{s.engine.prefix}]> "
    s.shell.expect(prompt)
    for leave in ("q", "\x03"):
        s.shell.send("show tests ui\n")
        s.until(lambda lines: any("> 0  0" in x for x in lines))
        s.shell.send(leave)
        s.shell.expect(prompt)
        assert "prefix" in s.shell.ask("show version", prompt)
    s.shell.send("show tests ui\n")
    s.until(lambda lines: any("q Quit" in x for x in lines))
    s.engine.kill()
    assert s.shell.left() == 3
    assert "the engine is gone" in s.shell.seen


def test_beside_others(ui, terminal):  # noqa: F811
    s = ui()
    other = Screen(terminal(CLI, "--prefix", s.engine.prefix, "show", "tests", "ui"))
    for x in (s, other):
        x.shows("> 0  0 TCP cli PASSED")
    s.engine.cli("stop tests port 0")
    for x in (s, other):
        x.shows("> 0  0 TCP cli STOPPED" if s.engine.state(0) == "STOPPED" else "> 0  0 TCP cli PASSED")
        x.until(lambda lines: numbers(lines, "Established Now", True)[:1] == ["0"])
    s.engine.cli("del tests port 0 test-case-id 0")
    for x in (s, other):
        x.shows("> 1  3 TCP ser", "P1 TC3 statistics")
        x.key("q")
        assert x.shell.left() == 0


def test_where_there_is_no_screen_it_says_so(engine, terminal):  # noqa: F811
    e = engine(*RING)
    done = subprocess.run([CLI, "--prefix", e.prefix, "show tests ui"], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: needs a terminal: standard output is none\n")
    answer = e.cli("show tests ui", check=False)[0]
    assert not answer["ok"] and answer["error"].startswith("a screen has no JSON")
    s = terminal(CLI, "--prefix", e.prefix, "show tests ui", env={"TERM": "no-such-thing"}.items())
    assert s.left() == 1
    assert "no terminal of type 'no-such-thing' is known" in s.seen
