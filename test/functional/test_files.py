"""Command files: the engine's and the CLI's are one language, and both tell errors the same way."""
import subprocess

import pytest
from test_show_config import RING, config
from warp17 import CLI

WANT = ["add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
        "add tests server tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 80 80",
        "set tests server http port 0 test-case-id 0 200-OK resp-size 7",
        'set tests server http port 0 test-case-id 0 http-field "X: a # b ! c // d"']
WAYS = {
    "plain": "{}\n{}\n{}\n{}\n",
    "no newline at the end": "{}\n{}\n{}\n{}",
    "CRLF": "{}\r\n{}\r\n\r\n{}\r\n{}\r\n",
    "CRLF, none at the end": "{}\r\n{}\r\n{}\r\n{}\r",
    "blanks and tabs": "\t  {}  \t \n \t\n{}\t\n  {}  \n{}   ",
    "comments": "# a\n// b\n! c\n  # d\n{} # e\n{}\t// f\n{} ! g\n\t!\n#\n//\n{}\n# no newline",
}


def text_of(way, tabs=False):
    return WAYS[way].format(*(x.replace(" ", "\t", 3) if tabs else x for x in WANT))


def lines_of(e):
    return [x for x in config(e).splitlines() if x and x[0] != "#"]


@pytest.mark.parametrize("tabs", [False, True])
def test_white_space_comments_and_ends_of_lines(engine, tmp_path, tabs):
    file = tmp_path / "x.cfg"
    for way in WAYS:
        file.write_bytes(text_of(way, tabs).encode())
        for args in ((), ("--cmd-file", str(file))):
            e = engine(*RING, *args)
            if not args:
                done = subprocess.run([CLI, "--prefix", e.prefix, "-f", file], capture_output=True, text=True, timeout=30)
                assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), way
            assert lines_of(e) == WANT, way
            assert "error" not in e.log.read_text()
            e.stop()


def test_both_tell_errors_the_same_way(engine, tmp_path):
    bad = tmp_path / "bad.cfg"
    bad.write_text("\n".join([WANT[0], "nope", "# fine", 'set tests server http port 0 test-case-id 0 http-field "A: b', WANT[1],
                              "set tests rate port 0 test-case-id 0 open 5", WANT[2], "start tests port 9"]))
    e = engine(*RING, "--cmd-file", str(bad))
    log = [x.split("warp17: ", 1)[1] for x in e.log.read_text().splitlines() if str(bad) in x]
    assert lines_of(e) == WANT[:3]  # what is right is done
    e.stop()
    e = engine(*RING)
    done = subprocess.run([CLI, "--prefix", e.prefix, "-f", bad], capture_output=True, text=True, timeout=30)
    assert lines_of(e) == WANT[:3]
    told = done.stderr.splitlines()
    assert [x.split(": ")[0] for x in told] == [f"{bad}:{n}" for n in (2, 4, 6, 8)] + [str(bad)]
    assert told[-1] == f"{bad}: 4 of 8 lines failed" and done.returncode == 2
    assert log == told
