"""The plugin of pytest against real engines: a pytest of its own, with the package installed as anybody has it."""
import json
import os
import shutil

import pytest
from pyclient import PACKAGE
from test_python import PY, ledger, run  # noqa: F401: a fixture
from test_rpc import rpc, two  # noqa: F401: a fixture
from test_scripts import place  # noqa: F401: a fixture
from warp17 import TOP, wait_for

OPTS = "--ring-if-pairs 1 --tcb-pool-sz 16 --ucb-pool-sz 16 --mbuf-pool-sz 8"
HEAD = """
from warp17 import Raw
from warp17.pytest_plugin import assert_passed

def pair(w, sessions, dest="10.0.0.253", within=10):
    w.add_interface(0, "10.0.0.1", "255.255.255.0")
    w.add_interface(1, "10.0.0.253", "255.255.255.0")
    w.add_server("tcp", 1, 0, "10.0.0.253", 80)
    w.set_server(1, 0, Raw(100, 200))
    w.add_client("tcp", 0, 0, "10.0.0.1", (10001, 10000 + sessions), dest, 80)
    w.set_client(0, 0, Raw(100, 200))
    w.set_criteria(0, 0, "clients-estab", sessions, within=within)
    w.start([1, 0])
    return w.wait([0, 1], timeout=30)
"""
GOOD = HEAD + """
def test_first(warp17, warp17_engine):
    assert_passed(pair(warp17, 10))
    warp17.set_faults(1, delay=1)
    warp17.set_imix_client(0, Raw(1, 1), weight=100)
    warp17.add_imix(3, [0])
    open("pids", "a").write(f"{warp17.version()['pid']}\\n")

def test_second_finds_it_clean(warp17):
    assert [line for p in (0, 1) for line in warp17.config(p) if line and line[0] != "#"] == [] and not warp17.imix()["groups"]
    assert_passed(pair(warp17, 20))
    open("pids", "a").write(f"{warp17.version()['pid']}\\n")
"""
BAD = HEAD + """
def test_nobody_answers(warp17):
    assert_passed(pair(warp17, 10, dest="10.0.0.77", within=1))

def test_of_its_own(warp17):
    pair(warp17, 10)
    assert 1 == 2

def test_without_an_engine():
    assert 1 == 2
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Where the package is installed, by pip."""
    to = tmp_path_factory.mktemp("site")
    source = to / "source"
    shutil.copytree(PACKAGE.parent, source, ignore=shutil.ignore_patterns("__pycache__"))
    done = run(PY, "-m", "pip", "install", "--no-index", "--no-build-isolation", "--no-deps", "--target", to / "lib", source)
    assert done.returncode == 0, done.stderr
    return to / "lib"


@pytest.fixture
def tests(site, ledger, tmp_path):  # noqa: F811
    """tests(text, *options) runs these tests."""
    def start(text, *options, files=1):
        for i in range(files):
            (tmp_path / f"test_{i}.py").write_text(text)
        return run(PY, "-m", "pytest", "-p", "no:cacheprovider", *options, tmp_path, cwd=tmp_path, timeout=180,
                   env={**ledger.env, "PYTHONPATH": str(site), "WARP17_LAUNCHER": str(TOP / "scripts/warp17"), "PYTHONDONTWRITEBYTECODE": "1"})
    yield start
    assert not ledger.left()


def pids(tmp_path):
    found = [int(n) for n in (tmp_path / "pids").read_text().split()]
    return found


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def test_an_engine_for_all_tests_clean_for_each(tests, tmp_path):
    """Of the document's snippet too."""
    (tmp_path / "test_snippet.py").write_text((TOP / "doc/verdicts.md").read_text().split("```python\n")[2].split("```")[0])
    done = tests(GOOD, f"--warp17-engine-opts={OPTS}")
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout
    assert len(set(pids(tmp_path))) == 1 and len(pids(tmp_path)) == 2
    wait_for(lambda: all(map(gone, pids(tmp_path))), 5)


def test_an_engine_for_each_module(tests, tmp_path):
    """And what stands in pytest.ini."""
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nwarp17_scope = module\nwarp17_engine_opts = {OPTS}\n")
    done = tests(GOOD, files=2)
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout
    assert len(set(pids(tmp_path))) == 2
    wait_for(lambda: all(map(gone, pids(tmp_path))), 5)


def test_a_failure_has_the_engines_sentence_and_an_artifact(tests, tmp_path):
    done = tests(BAD, f"--warp17-engine-opts={OPTS}", "--warp17-artifacts", tmp_path / "artifacts")
    assert done.returncode == 1 and "3 failed" in done.stdout, done.stdout
    says = "port 0 test case 0 FAILED: clients-estab 0 of 10, clients-estab: 0 of 10 within 1 s"
    assert done.stdout.count(says) >= 2  # what assert_passed says, and the section
    assert done.stdout.count("- WARP17 -") == 2 and "10.0.0.77 does not answer ARP" in done.stdout
    assert "port 0 test case 0 PASSED: clients-estab 10 of 10" in done.stdout
    first, second = sorted((tmp_path / "artifacts").iterdir())
    doc = json.loads(first.read_text())
    assert doc["test"].endswith("test_nobody_answers") and says in doc["failure"]
    assert "add tests client tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 10001 10010 dest 10.0.0.77 10.0.0.77 dport 80 80" \
        in doc["configuration"]
    assert doc["tests"]["0"][0]["tests"][0]["state"] == "FAILED" and doc["counters"]["arp"]["tx_req"] > 0
    assert json.loads(second.read_text())["test"].endswith("test_of_its_own")


def test_an_artifact_that_cannot_be_written_ends_nothing(tests, tmp_path):
    (tmp_path / "file").write_text("")
    done = tests(BAD, f"--warp17-engine-opts={OPTS}", "--warp17-artifacts", tmp_path / "file", "-k", "of_its_own or without")
    assert done.returncode == 1 and "2 failed" in done.stdout and "INTERNALERROR" not in done.stdout, done.stdout
    assert f"{tmp_path}/file/" in done.stdout and "File exists" in done.stdout


def test_on_an_engine_that_runs(engine, rpc, tests, tmp_path):  # noqa: F811
    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n")
    token.chmod(0o600)
    e, s = two(engine, rpc, "--token-file", str(token))
    done = tests(GOOD, "--warp17-attach", f"127.0.0.1:{s.port}", "--warp17-token-file", token)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout
    assert e.show("tests config port 0")["tests"] == {} and e.proc.poll() is None


def test_what_is_wrong_is_said(tests):
    done = tests(GOOD, "--warp17-attach", "127.0.0.1:1")
    assert done.returncode == 1 and "cannot reach 127.0.0.1:1" in done.stdout, done.stdout
    done = tests(GOOD, "--warp17-engine-opts=--colour red")
    assert done.returncode == 1 and "colour" in done.stdout, done.stdout
    done = tests(GOOD, "--warp17-attach", "127.0.0.1:1", "--warp17-token-file", "nowhere")
    assert done.returncode == 1 and "--warp17-token-file nowhere: No such file" in done.stdout, done.stdout
    done = tests(GOOD, "--warp17-scope", "world")
    assert done.returncode != 0 and "'world' given, expected session or module" in done.stdout + done.stderr, done.stdout
