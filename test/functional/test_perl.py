"""scripts/perl/Warp17.pm against an engine and its RPC server: perl_calls.pl makes all calls, here what came is judged."""
import json
import os
import re
import subprocess

import pytest
from test_python import WHEN, interrupted, ledger  # noqa: F401: ledger is a fixture
from test_rpc import rpc, two  # noqa: F401: rpc is a fixture
from test_scripts import place  # noqa: F401: a fixture
from warp17 import TOP

MODULE = TOP / "scripts/perl/Warp17.pm"
CALLS = TOP / "test/functional/perl_calls.pl"
EXAMPLE = TOP / "examples/perl/test_1_http_4M.pl"
# of the engine's methods those that the script does not call: test_python.py's NOT_TYPED without what it does
NOT_CALLED = ["clear.stats", "session.close", "set.syslog", "set.tests.no_async"]


def perl(*args, env=None, timeout=180):
    return subprocess.run(["perl", *[str(a) for a in args]], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})


def test_it_needs_core_modules_alone_and_has_a_manual():
    for f in (MODULE, CALLS, EXAMPLE):
        used = set(re.findall(r"^use ([A-Z][\w:]*)", f.read_text(), re.M)) - {"Warp17"}
        core = perl("-MModule::CoreList", "-e", "exit !!grep { !Module::CoreList::is_core($_) } @ARGV", *used)
        assert core.returncode == 0 and used, (f, core.stderr)
        done = perl("-wc", f)
        assert done.returncode == 0 and done.stderr.strip() == f"{f} syntax OK", done.stderr
    done = subprocess.run(["podchecker", "-warnings", MODULE], capture_output=True, text=True)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    manual, code = MODULE.read_text().split("__END__")[::-1]
    for name in re.findall(r"^sub ([a-z]\w*)|^\t(\w+) +=> \[? ?'", code.split("\npackage Warp17;")[1], re.M):
        assert re.search(rf"\b{name[0] or name[1]}\b", manual), name
    assert re.search(r"VERSION = '(.*)'", code)[1] == (TOP / "VERSION").read_text().strip()


def test_all_calls(engine, rpc):  # noqa: F811
    e, s = two(engine, rpc)
    done = perl(CALLS, f"127.0.0.1:{s.port}")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    seen = json.loads(done.stdout)
    assert seen["left"] == NOT_CALLED
    # what was told, by texts and by numbers
    config = seen["settings"]
    assert (config["rate_open"], config["rate_close"], config["rate_send"]) == (1000, "infinite", 50000)
    assert config["host"] == "123" and config["sport"] == "10001-10100" and config["http_fields"] == "X: \"1\"\r\n"
    assert not config["async"] and (config["uptime_s"], config["criterion_within_s"]) == ("infinite", 20)
    assert seen["faults"]["loss_percent"] == 0.5 and seen["faults"]["seed"] == 4294967295
    assert [a["weight"] for a in seen["imix"]] == [60, 40] and 500 in seen["latency"]["limits"].values()
    assert seen["times"]["from"] == "request" and seen["times"]["last_byte"]["samples"] == seen["stats"]["responses"]
    # what came
    assert [(t["port"], t["state"]) for t in seen["states"]] == [(0, "PASSED"), (1, "PASSED")]
    assert seen["described"] == "port 0 test case 0 PASSED: clients-estab 100 of 100"
    assert seen["stats"] == e.stats(0) and seen["many"] > 1000 and seen["cleared"] == 0
    assert seen["counters"] == [e.group("tcp")["tx_syn"], e.group("tcp", 1)["rx_syn"]]
    assert seen["version"]["pid"] == e.proc.pid and seen["session"]["name"] == "anna" and {"anna", "bob"} <= set(seen["operators"])
    assert len(seen["ports"]) == len(seen["links"]) == len(seen["link_rate"]) == 2
    assert seen["config"] == e.show("config")["lines"]
    live = seen["live"]
    assert [v["seq"] for v in live] == sorted({v["seq"] for v in live}) and all(v["later"] >= v["responses"] for v in live)
    assert live[0]["responses"] < live[2]["responses"] and seen["ended"] is None and seen["event"]["test_case_id"] == 0
    # integers of 19 digits are exact
    assert re.fullmatch(r"\d{19}", seen["ns"]) and int(seen["ns_more"]) == int(seen["ns"]) + 1 and int(seen["ns"]) % 1000


def test_errors_have_the_engines_sentence(engine, rpc):  # noqa: F811
    e, s = two(engine, rpc)
    seen = json.loads(perl(CALLS, f"unix:{s.path}").stdout)
    kind = "Warp17::Error::"
    out = seen["range"]
    assert (out["class"], out["message"]) == (kind + "InvalidParams", "port: 64 is out of range, expected 0..63")
    assert (out["code"], out["exit_code"], out["parameter"], out["where"]) == (-32602, 2, "port", "params.port")
    assert seen["last"]["where"] == "params.src.last" and seen["method"]["class"] == kind + "MethodNotFound"
    by_cli = e.cli("set tests mtu port 0 9000", check=False)[0]
    assert (seen["failed"]["class"], seen["failed"]["message"], seen["failed"]["errno"]) == (kind + "CommandFailed", by_cli["error"],
                                                                                          by_cli["code"])
    assert seen["no_group"]["class"] == kind + "CommandFailed"
    assert (seen["read_only"]["class"], seen["read_only"]["message"], seen["read_only"]["exit_code"]) == (
        kind + "Refused", "operator bob may only look", 4)
    assert "cli" in seen["batch"][0] and seen["batch"][1]["class"] == kind + "InvalidParams"
    assert (seen["late"]["class"], seen["late"]["exit_code"]) == (kind + "WaitTimedOut", 5)
    assert seen["quiet"]["class"] == kind + "TimedOut" and "nothing within 0.3 s" in seen["quiet"]["message"]
    assert (seen["closed"]["class"], seen["closed"]["exit_code"]) == (kind + "ConnectionLost", 3)
    assert seen["nobody"]["message"] == "cannot reach 127.0.0.1:1: Connection refused"
    assert "expected HOST:PORT" in seen["no_address"]["message"]


def example(ledger, *args, **env):  # noqa: F811
    return perl(EXAMPLE, *args, env={**ledger.env, **env})


def test_the_example_passes_and_fails(ledger):  # noqa: F811
    done = example(ledger, "--seconds", "1", WARP17_SCALE="1000")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert done.stdout.endswith("PASS: 4000 HTTP sessions\n") and "4000 established" in done.stdout
    done = example(ledger, "--scale", "10000", "--within", "1", "--rate", "10")
    assert done.returncode == 1 and "FAIL: port 0 test case 0 FAILED: clients-estab" in done.stdout, (done.stdout, done.stderr)
    assert example(ledger, "--scale", "none").returncode == 2
    assert example(ledger, "--attach", "127.0.0.1:1").returncode == 3


@pytest.mark.parametrize("sig,after", WHEN)
def test_an_interrupted_script_leaves_no_engine(ledger, sig, after):  # noqa: F811
    interrupted(["perl", EXAMPLE], ledger, sig, after)


def test_an_engine_that_does_not_start_says_why(ledger):  # noqa: F811
    done = perl("-I", MODULE.parent, "-MWarp17", "-e",
                f"Warp17->launch(prefix => '{ledger.prefix}', ring_if_pairs => 1, tcb_pool_sz => 'many')", env=ledger.env)
    assert done.returncode != 0 and "tcb-pool-sz" in done.stderr and not ledger.left()
    pid = ledger.start()
    done = perl("-I", MODULE.parent, "-MWarp17", "-e", f"Warp17->launch(prefix => '{ledger.prefix}', ring_if_pairs => 1)", env=ledger.env)
    assert done.returncode != 0 and "runs already" in done.stderr
    assert ledger.status()["pid"] == pid
