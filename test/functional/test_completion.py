"""Completion of all commands, in a real bash on a terminal: what its key inserts is what their --help, or the CLI's table, knows."""
import os
import pty
import re
import subprocess

import pytest
from warp17 import BUILD, CLI, EXPORTER, TOP, wait_for

FILE = TOP / "scripts/completion/warp17.bash"
SCRIPTS = TOP / "scripts"


class Bash:
    """insert(line) is what a line becomes when all that could stand at its end is put there."""

    def __init__(self, tmp):
        self.out = tmp / "line"
        rc = tmp / "rc"
        rc.write_text(f"""
. {FILE}
bind 'set bell-style none'
told() {{ printf %s "$READLINE_LINE" > {self.out}.new; mv {self.out}.new {self.out}; }}
bind -x '"\\C-t": told'
""")
        ours, theirs = pty.openpty()
        self.terminal = ours
        self.proc = subprocess.Popen(["bash", "--noprofile", "--rcfile", rc, "-i"], stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp,
                                     start_new_session=True, env={**os.environ, "WARP17_BIN": str(BUILD), "TERM": "dumb", "HISTFILE": ""})
        os.close(theirs)

    def insert(self, line, key=b"\033*"):
        self.out.unlink(missing_ok=True)
        os.write(self.terminal, b"\025" + line.encode() + key + b"\024")
        wait_for(self.read, 20)
        return self.out.read_text()

    def read(self):
        """What the terminal shows is of no interest, but bash waits for who reads it."""
        os.set_blocking(self.terminal, False)
        try:
            while os.read(self.terminal, 65536):
                pass
        except BlockingIOError:
            pass
        return self.out.exists()

    def added(self, line):
        """The words that come to stand there."""
        new = self.insert(line)
        begin = line[:line.rfind(" ") + 1]
        assert new.startswith(begin), new
        return new[len(begin):].split()

    def close(self):
        os.close(self.terminal)
        self.proc.kill()
        self.proc.wait()


@pytest.fixture(scope="module")
def bash(tmp_path_factory):
    b = Bash(tmp_path_factory.mktemp("bash"))
    yield b
    b.close()


def said(command):
    return subprocess.run([command, "--help"], capture_output=True, text=True, check=True).stdout


def of_usage(name):
    """Options of one of the Python commands: those of argparse's usage, which is not what completion reads; and the long forms."""
    text = said(SCRIPTS / name)
    usage, rest = text.split("\n\n", 1)
    return set(re.findall(r"(?:(?<= \[)|(?<= ))--?[a-zA-Z][\w-]*", usage)) | set(re.findall(r"^  -\w, (--[\w-]+)", rest, re.M))


def of_getopt(*sources):
    """Of the C programs: what getopt_long() is told."""
    text = "".join((TOP / s).read_text() for s in sources)
    shorts = re.search(r'getopt_long\(argc, argv, "([^"]*)"', text)[1]
    return {f"--{name}" for name in re.findall(r'\{"([a-z-]+)", [012], NULL,', text)} | {f"-{c}" for c in shorts if c.isalpha()}


@pytest.mark.parametrize("name", ["warp17-run", "warp17-search", "warp17-fleet"])
def test_all_options_of_the_python_commands(bash, name):
    assert set(bash.added(f"{SCRIPTS / name} -")) == of_usage(name)


@pytest.mark.parametrize("program,sources", [(CLI, ["cli/main.c"]), (EXPORTER, ["stats-exporter/main.c", "stats-exporter/record.h"])])
def test_all_options_of_the_programs(bash, program, sources):
    assert set(bash.added(f"{program} -")) ^ of_getopt(*sources) == set()


def test_the_launchers_commands_and_their_options(bash):
    launcher = SCRIPTS / "warp17"
    assert set(bash.added(f"{launcher} ")) == set(re.findall(r"^(?:usage:)? +warp17 ([a-z]+)", said(launcher), re.M))
    options = set(re.findall(r'^OPTION\(\w+, *"([a-z-]+)"', (TOP / "engine/boot/options.def").read_text(), re.M))
    assert len(options) > 15
    assert {f"--{o}" for o in options} | {"--config", "--prefix"} <= set(bash.added(f"{launcher} start -"))
    assert set(bash.added(f"{launcher} status --")) == {"--prefix"} and bash.added(f"{launcher} doctor ") == ["-j"]
    assert set(bash.added(f"{launcher} cli --re")) == {"--read-only", "--reference"}
    assert bash.added(f"{launcher} exporter --tls-c") == ["--tls-cert"] and "--token-file" in bash.added(f"{launcher} rpc --")


@pytest.mark.parametrize("line,words", [
    ("--goal ", ["concurrent", "connections", "throughput", "transactions"]),
    ("--goal con", ["concurrent", "connections"]),
    ("--app h", ["http"]),
    ("--server-port ", ["none"]),
    ("--attach ", ["unix:"]),
    ("--from ", []),  # a number
    ("--goal connections --max-f", ["--max-failed"]),
])
def test_values_of_options(bash, line, words):
    assert bash.added(f"{SCRIPTS}/warp17-search {line}") == words


def test_a_value_behind_an_equals_sign(bash):
    assert bash.insert(f"{SCRIPTS}/warp17-search --goal=tr") == f"{SCRIPTS}/warp17-search --goal=transactions "
    assert bash.added(f"{SCRIPTS}/warp17 start --qmap-default ") == ["max-c", "max-q"]


def test_files(bash):
    (bash.out.parent / "my plan.yaml").touch()
    (bash.out.parent / "sub").mkdir()
    for line in (f"{SCRIPTS}/warp17-run my", f"{SCRIPTS}/warp17-search --plan my", f"{CLI} -f my", f"{SCRIPTS}/warp17 cli file input my"):
        assert bash.insert(line, b"\t") == f"{line}\\ plan.yaml ", line
    assert bash.insert(f"{SCRIPTS}/warp17-run --output su", b"\t").endswith("--output sub/")
    assert bash.insert(f"{SCRIPTS}/warp17-search --attach unix:su", b"\t").endswith("--attach unix:sub/")


def completed(line):
    """What the CLI itself says."""
    done = subprocess.run([CLI, "--complete", line], capture_output=True, text=True, check=True)
    return [row.split("\t")[0] for row in done.stdout.splitlines()]


@pytest.mark.parametrize("line,some", [
    ("", "show"), ("sh", "show"), ("show ", "tests"), ("show tests s", "state"), ("set tests client ", "http"),
    ("set tests client http port 0 test-case-id 0 ", "GET"), ("set tests criteria port 0 test-case-id 0 ", "run-time")])
def test_commands_of_the_cli(bash, line, some):
    """The words of its own table; not what only tells of a value, such as <n>."""
    words = [w for w in completed(line) if w[:1] not in '<"']
    assert some in words
    for cli in (f"{CLI} ", f"{CLI} -j --prefix x ", f"{SCRIPTS}/warp17 cli --timeout 5 "):
        assert sorted(bash.added(cli + line)) == sorted(words), cli


def test_a_command_in_quotes(bash):
    """It is one word of the line; what all that could follow have in common is put there."""
    assert bash.insert(f'{CLI} -c "show tests sta', b"\t") == f'{CLI} -c "show tests stat'
    assert bash.insert(f"{SCRIPTS}/warp17 cli -c 'show tests state po", b"\t") == f"{SCRIPTS}/warp17 cli -c 'show tests state port'"


def test_what_is_not_known_is_left_alone(bash):
    for line in ("show nothing ", "show tests state port 0 ", "show tests state port ", "-c "):
        assert bash.insert(f"{CLI} {line}") == f"{CLI} {line}", line


def test_one_line_says_what_may_stand_at_its_end():
    """--complete, for other shells too: a word, a tab, what it means; no engine is needed."""
    done = subprocess.run([CLI, "--complete", "show tests st"], capture_output=True, text=True, check=True)
    assert sorted(re.findall(r"^(\w+)\t\S+", done.stdout, re.M)) == ["state", "stats"]
    assert completed("set tests rate port ") == ["<0..63>"] and completed("no such ") == []
    assert completed("show ver" + "x" * 5000) == []
