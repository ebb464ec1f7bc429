"""scripts/warp17-run: plans that are wrong and why, runs that pass, fail and are invalid, on engines of its own and on one that
runs; and what it writes: against its schemas, a JUnit parser, and a browser."""
import copy
import csv
import json
import os
import re
import signal
import subprocess
import sys

import jsonschema
import junitparser
import pytest
import yaml
from browser import Browser
from pyclient import PACKAGE, client
from schemas import strict
from test_python import ledger, left_of, run  # noqa: F401: a fixture
from test_rpc import rpc, two  # noqa: F401: a fixture
from test_scripts import place  # noqa: F401: a fixture
from warp17 import BUILD, CLI, TOP, wait_for
from warp17_client import junit, metrics, plan, plan_check, plan_commands, report, results, runner

RUN = TOP / "scripts/warp17-run"
PLANS = sorted((TOP / "examples/plans").iterdir())
EXAMPLES = sorted((TOP / "config/examples").glob("*.cfg"))
FILES = ["junit.xml", "report.html", "result.json", "series.csv"]
PLAN_SCHEMA = json.loads((TOP / "doc/schema/warp17-plan.json").read_text())
RUN_SCHEMA = json.loads((TOP / "doc/schema/warp17-run.json").read_text())
SMALL = {"ring_if_pairs": 1, "tcb_pool_sz": 16, "ucb_pool_sz": 16, "mbuf_pool_sz": 8}


def small(**changes):
    """A plan that takes a second; changes are of its clients."""
    ends = {"src": "10.0.0.1", "sport": "10001-10100", "dest": "10.0.0.253", "dport": 80}
    return {
        "schema": "warp17-plan/1.0", "name": "small", "engine": dict(SMALL), "interval": 0.2,
        "ports": [{"port": 0, "interfaces": [{"ip": "10.0.0.1/24"}]}, {"port": 1, "interfaces": [{"ip": "10.0.0.253/24"}]}],
        "cases": [
            {"name": "server", "port": 1, "server": {"proto": "tcp", "src": "10.0.0.253", "sport": 80, "http": {"resp_size": 1000}},
             "criterion": {"servers-up": 1}},
            {"name": "clients", "port": 0, "client": {"proto": "tcp", **ends, "http": {"host": "www.foo42.net"}},
             "rates": {"send": 2000}, "criterion": {"run-time": 2}, "response_times": "request",
             "expect": {"failures": 0, "transactions_per_second": "1800..2100"},
             **changes}]}


def written(tmp_path, data, name="plan.json"):
    f = tmp_path / name
    f.write_text(data if isinstance(data, str) else json.dumps(data, indent=1))
    return f


def warp17_run(place, *args, **env):  # noqa: F811
    return run(RUN, "-q", *args, env={**place.env, "PYTHONDONTWRITEBYTECODE": "1", **env}, timeout=120)


def valid(doc):
    """It is, without a key that its schema does not tell of."""
    wrong = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"
             for e in jsonschema.Draft202012Validator(strict(RUN_SCHEMA)).iter_errors(doc)]
    assert not wrong, wrong[:5]
    return doc


# ---- plans


def test_the_schemas_are_schemas_and_the_examples_are_plans():
    for schema in (PLAN_SCHEMA, RUN_SCHEMA):
        jsonschema.Draft202012Validator.check_schema(schema)
    assert run(RUN, "--schema").stdout == (TOP / "doc/schema/warp17-plan.json").read_text()
    assert len(PLANS) >= 3
    for f in PLANS:
        data = json.loads(f.read_text()) if f.suffix == ".json" else yaml.safe_load(f.read_text())
        jsonschema.validate(data, PLAN_SCHEMA)
        assert plan.load(f).cases


def leaves(data, where=()):
    yield where
    for k, v in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from leaves(v, (*where, k))


def changed(data, where, value):
    new = copy.deepcopy(data)
    at = new
    for step in where[:-1]:
        at = at[step]
    if value is KeyError:
        del at[where[-1]]
    else:
        at[where[-1]] = value
    return new


def test_a_checker_of_our_own_says_what_jsonschema_says():
    """Each place of each example, with other things in it: good or not is the same, and what is wrong is said at the place."""
    judge = jsonschema.Draft202012Validator(PLAN_SCHEMA, format_checker=jsonschema.FormatChecker(formats=["ipv4", "ipv6"]))
    good = bad = 0
    for f in PLANS:
        data = json.loads(f.read_text()) if f.suffix == ".json" else yaml.safe_load(f.read_text())
        for where in leaves(data):
            for value in (KeyError, None, -1, 10**12, 1.5, True, "", "word", "10.0.0.1", "1-2", [], ["x"], {}, {"x": 1}) if where else ():
                new = changed(data, where, value)
                ours = list(plan_check.problems(new, PLAN_SCHEMA, PLAN_SCHEMA))
                assert bool(ours) == (not judge.is_valid(new)), (where, value, ours)
                bad, good = bad + bool(ours), good + (not ours)
                for p in ours:
                    assert p.where[:1] == where[:1] and "expected" in p.what, (where, value, p)
    assert bad > 1000 and good > 20, (bad, good)


WRONG = [  # what is in the file instead of what; the line's text, the key, and what was expected
    ("rates: {send: 20000}", "rates: {send: fast}", "rates:", "cases[1].rates.send: 'fast' given, expected 0..4294967294 or infinite"),
    ("sport: 80,", "sport: 80000,", "sport: 80000", "cases[0].server.sport: 80000 given, expected 1..65535"),
    ("src: 10.0.0.1\n", "src: 10.0.0.999\n", "src: 10.0.0.999", "cases[1].client.src: '10.0.0.999' given, expected an address"),
    ("src: 10.0.0.1\n", "src: 10.0.0.9-10.0.0.1\n", "src: 10.0.0.9-", "cases[1].client.src: 10.0.0.9-10.0.0.1 given, expected the lower address first"),
    ("name: http\n", "", "schema:", "name: missing, expected a text of 1..200 characters"),
    ("warp17-plan/1.0", "warp17-plan/2.0", "schema:", "schema: 'warp17-plan/2.0' given, expected warp17-plan/1.0"),
    ("    rates:", "    rate:", "rate:", "cases[1].rate: unknown key, expected "),
    ("    client:", "    customer:", "customer:", "cases[1].customer: unknown key, expected "),
    ("    client:", "    customer:", "name: web clients", "cases[1]: none given, expected one of client, server or multicast"),
    ("criterion: {run-time: 10}", "criterion: {run-time: 10, servers-up: 1}", "criterion: {run-time",
     "cases[1].criterion: run-time and servers-up given, expected one of run-time"),
    ("criterion: {run-time: 10}", "criterion: {servers-up: 10}", "criterion: {servers-up: 10}",
     "cases[1].criterion.servers-up: given for a client, expected another"),
    ("\"< 0.001\"", "low", ": low", "cases[1].expect.failed_transactions_percent: 'low' given, expected a number, a comparison"),
    ("failures: 0", "failure: 0", "failure: 0", "cases[1].expect.failure: unknown key, expected failures"),
    ("port: 0\n    client:", "port: 5\n    client:", "port: 5", "cases[1].port: 5 given, expected 0..1: the engine has 2 ports"),
    ("name: web clients", "name: web server", "name: web server\n    port: 0", "cases[1].name: 'web server' is another test case's"),
    ("  - port: 0", "  - port: 0\n    port: 1", "    port: 1", "port is there twice"),
    ("10.0.0.253/24", "10.0.0.253/64", "10.0.0.253/64", "ports[1].interfaces[0].ip: '10.0.0.253/64' given, expected an address"),
    ("{ip: 10.0.0.253/24}", "{ip: 10.0.0.253}", "{ip: 10.0.0.253}", "ports[1].interfaces[0].mask: missing, expected an address"),
    ("proto: tcp\n", "proto: udp\n", "http: {host", "cases[1].client.http: given over UDP, expected over TCP"),
    ("response_times: request", "response_times: first", "response_times:", "cases[1].response_times: 'first' given, expected off, syn or request"),
    ("name: web server", "name: web server\n    response_times: syn", "    response_times",
     "cases[0].response_times: given for a server, expected at a client"),
    ("warmup: 1", "commands: [set tests rate port 0 test-case-id 1 open lots]", "commands:",
     "commands[0]: open: 'lots' given, expected 0..4294967294 or infinite"),
    ("warmup: 1", "start: [1]", "start:", "start: port 0 is missing, of which there are test cases"),
    ("warmup: 1", "warmup: {", "  losses", "expected ',' or '}'"),
]


@pytest.mark.parametrize("good,bad,at,says", WRONG, ids=range(len(WRONG)))
def test_a_wrong_plan_is_said_with_line_key_and_what_was_expected(tmp_path, good, bad, at, says):
    text = (TOP / "examples/plans/http.yaml").read_text()
    assert text.count(good) >= 1
    f = written(tmp_path, text.replace(good, bad, 1), "plan.yaml")
    line = f.read_text()[:f.read_text().index(at)].count("\n") + 1
    with pytest.raises(plan.PlanError) as it:
        plan.load(f)
    assert any(p.startswith(f"{f}:{line}: ") and says in p for p in it.value.problems), (line, it.value.problems)


def test_all_that_is_wrong_is_said_and_nothing_is_started(place, tmp_path):  # noqa: F811
    """Of JSON too; and there is no folder afterwards."""
    data = small(rates={"send": -1}, criterion={"run-time": "long"})
    f = written(tmp_path, data)
    done = warp17_run(place, f, "--output", tmp_path / "out")
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 2, done.stderr
    lines = f.read_text().splitlines()
    for found in re.findall(r"plan.json:(\d+): cases\[1\]\.(?:rates|criterion)\.([\w-]+):", done.stderr):
        assert f'"{found[1]}"' in lines[int(found[0]) - 1]
    assert not (tmp_path / "out").exists() and not (tmp_path / "log").exists()
    for text, says in (("", "expected"), ("{\"a\": 1,}", ":1: "), ("[1]\n]", ":2: "), ("[" * 50, "deeper than 32")):
        done = warp17_run(place, written(tmp_path, text), "--validate")
        assert done.returncode == 2 and says in done.stderr, done.stderr
    assert warp17_run(place, tmp_path / "none.yaml").returncode == 2
    assert warp17_run(place).returncode == 2 and warp17_run(place, f, "--timeout", "x").returncode == 2
    good = warp17_run(place, PLANS[0], "--validate")
    assert (good.returncode, good.stderr) == (0, "") and "2 test cases, ports 0, 1" in good.stdout


def test_yaml_without_pyyaml_is_told_of_and_json_goes_without(tmp_path):
    (tmp_path / "yaml.py").write_text("raise ImportError('none here')\n")
    env = {"PYTHONPATH": str(tmp_path)}
    done = run(RUN, "--validate", TOP / "examples/plans/http.yaml", env=env)
    assert done.returncode == 2 and "apt-get install python3-yaml" in done.stderr
    assert run(RUN, "--validate", TOP / "examples/plans/imix-bad-link.json", env=env).returncode == 0


# ---- files of commands


COMMANDS = [
    ("set tests rate port 0 test-case-id 1 open infinite send 5", "set.tests.rate", {"port": 0, "test_case_id": 1, "open": "infinite", "send": 5}),
    ("set te rat test-case-id 1 port 0 open 7 # as fast", "set.tests.rate", {"port": 0, "test_case_id": 1, "open": 7}),
    ('set tests client http port 0 test-case-id 0 http-field "X: \\"a b\\""', "set.tests.client.http.field",
     {"port": 0, "test_case_id": 0, "http_field": 'X: "a b"'}),
    ("set tests imix app-index 3 server http 404-NOT-FOUND resp-size 9", "set.tests.imix.server.http",
     {"app_index": 3, "status": "404-NOT-FOUND", "resp_size": 9}),
    ("set tests imix app-index 3 weight 9", "set.tests.imix.weight", {"app_index": 3, "weight": 9}),
    ("set tests imix port 0 test-case-id 0 imix-id 2", "set.tests.imix", {"port": 0, "test_case_id": 0, "imix_id": 2}),
    ("add tests imix-id 4 app 1,3-5", "add.tests.imix_id", {"imix_id": 4, "app": "1,3-5"}),
    ("set tests faults port 0 loss 1% delay 500us", "set.tests.faults", {"port": 0, "loss": "1%", "delay": "500us"}),
    ("set tests criteria port 0 test-case-id 0 clients-estab 5 within 9", "set.tests.criteria",
     {"port": 0, "test_case_id": 0, "criterion": "clients-estab", "count": 5, "within": 9}),
    ("del tests port 0 test-case-id 0", "del.tests", {"port": 0, "test_case_id": 0}),
    ("set tests client raw port 0 test-case-id 0 data-req-plen 1 data-resp-plen 2 tx-timestamp", "set.tests.client.raw",
     {"port": 0, "test_case_id": 0, "data_req_plen": 1, "data_resp_plen": 2, "tx_timestamp": True}),
]


@pytest.mark.parametrize("line,method,params", COMMANDS)
def test_a_command_is_a_call(line, method, params):
    call = plan_commands.parse(line)
    assert (call.method, call.params) == (method, params) and not list(plan_commands.call_problems(call))


BAD_COMMANDS = [
    ("set tests rate port 64 test-case-id 1 open 1", "port: 64 given, expected 0..63"),
    ("set tests rate port 0 test-case-id 1", "expected at least one of open, close or send"),
    ("set tests rate port 0 open 1", "test-case-id is missing, expected: set tests rate"),
    ("set tests colour port 0", "'colour' given, expected "),
    ("show tests state port 0", "'show' is no command of configuration, expected add, del, set, start or stop"),
    ('set tests client http port 0 test-case-id 0 http-field "X', "a quote is not closed"),
    ("add tests server tcp port 1 test-case-id 0 src 10.0.0.1 sport 80 80", "src: "),
    ("stop tests port 0", "a command behind start tests, expected nothing but other starts"),
]


@pytest.mark.parametrize("line,says", BAD_COMMANDS)
def test_a_wrong_command_is_said_with_its_line(tmp_path, line, says):
    f = written(tmp_path, (TOP / "config/examples/demo.cfg").read_text().replace("start tests port 1\n", f"\n{line}\nstart tests port 1\n"), "x.cfg")
    n = 1 + f.read_text().splitlines().index(line)
    with pytest.raises(plan.PlanError) as it:
        plan.load(f)
    assert any(p.startswith(f"{f}:{n}: ") and says in p for p in it.value.problems), it.value.problems


def test_what_is_read_of_commands_is_what_the_cli_does(engine, rpc, tmp_path):  # noqa: F811
    """Every example of the specification makes the same configuration by both ways, and by what show config prints of it."""
    e, s = two(engine, rpc)
    assert len(EXAMPLES) >= 15
    with client.Warp17(("127.0.0.1", s.port)) as w:
        for f in EXAMPLES:
            loaded = plan.load(f)
            text = "\n".join(line for line in f.read_text().splitlines() if not line.startswith("start tests"))
            cfg = written(tmp_path, text, "x.cfg")
            assert subprocess.run([CLI, "--prefix", e.prefix, "-e", "-f", cfg], capture_output=True, timeout=60).returncode == 0, f
            by_cli = w.config()
            assert len(loaded.cases) == sum(len(w.settings(p)["tests"]) for p in (0, 1)) and loaded.start == [1, 0], f
            saved = written(tmp_path, "\n".join(by_cli), "saved.cfg")
            for again in (loaded, plan.load(saved)):
                runner.clear(w, [0, 1], loaded.groups)
                assert not runner.configured(w, 0) and not runner.configured(w, 1)
                for call in again.calls:
                    w.call(call.method, **call.params)
                assert w.config() == by_cli, f
            runner.clear(w, [0, 1], loaded.groups)


# ---- runs


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """A run that passes: (the folder, the document, what was printed)."""
    tmp = tmp_path_factory.mktemp("run")
    to = tmp / "out"
    done = run(RUN, written(tmp, small()), "--output", to, env={"WARP17_HUGEPAGES_DIR": str(tmp / "ledger")})
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert not (tmp / "ledger").exists()
    return to, json.loads((to / "result.json").read_text()), done


def test_a_run_that_passes_says_what_was(outcome):
    to, doc, done = outcome
    assert sorted(os.listdir(to)) == FILES
    valid(doc)
    assert (doc["verdict"], doc["exit_code"], doc["reasons"]) == ("passed", 0, [])
    server, clients = doc["cases"]
    assert (server["type"], clients["type"], clients["app"], clients["state"]) == ("server", "client", "http", "PASSED")
    stats, m = clients["stats"], clients["metrics"]
    assert m["transactions"] == stats["responses"] == stats["requests"] > 3000 and m["sessions_established_once"] == 100
    assert m["transactions_per_second"] == pytest.approx(stats["responses"] / clients["runtime_s"], rel=0.02)
    assert server["stats"]["responses"] == stats["responses"]
    assert server["metrics"]["transactions_per_second"] == pytest.approx(m["transactions_per_second"], rel=0.15)
    assert doc["totals"]["metrics"]["transactions"] == stats["responses"]
    assert [e["met"] for e in clients["expectations"]] == [True, True]
    engine, = doc["engines"]
    assert engine["launched"] and engine["start"] == [1, 0] and engine["faults"] == []
    assert engine["counters"]["port"]["tx_pkts"] == engine["counters"]["port"]["rx_pkts"] > 6000
    assert {"test-started", "test-passed", "port-stopped"} <= {e["event"] for e in engine["events"]}
    assert "set tests rate port 0 test-case-id 0 send 2000" in engine["configuration"]
    assert done.stdout.startswith("PASSED: small: 2 of 2 test cases passed in ") and "report.html" in done.stdout
    assert re.search(r"^  clients: RUNNING run-time \d of 2, 100 established, .*transactions/s$", done.stderr, re.M), done.stderr
    assert re.search(r"^\d s, at most \d s left$", done.stderr, re.M)


def test_the_series_is_of_the_whole_run(outcome):
    to, doc, _ = outcome
    table = next(t for t in doc["series"]["cases"] if t["case"] == 1)
    rows = [dict(zip(table["columns"], r)) for r in table["rows"]]
    times = [r["time_s"] for r in rows]
    assert times == sorted(times) and 8 <= len(rows) <= 20 and times[-1] == pytest.approx(2, abs=0.5)
    whole = sum(r["transactions_per_second"] * (b - a) for r, a, b in zip(rows[1:], times, times[1:]))
    assert whole == pytest.approx(doc["cases"][1]["stats"]["responses"], rel=0.02)
    setup = sum(r["established_per_second"] * (b - a) for r, a, b in zip(rows[1:], times, times[1:]))
    assert (rows[0]["state"], rows[1]["state"]) == ("IDLE", "RUNNING") and setup == pytest.approx(100, rel=0.02)
    lines = list(csv.DictReader(open(to / "series.csv")))
    of = {k: [x for x in lines if x["of"] == k] for k in ("case", "port", "worker")}
    assert len(of["case"]) == 2 * len(rows) and len(of["port"]) == 2 * (len(rows) - 1) and len(of["worker"]) == len(rows)
    mine = [x for x in of["case"] if x["case"] == "clients"]
    assert [float(x["time_s"]) for x in mine] == times and mine[-1]["state"] == "PASSED"
    assert [x["transactions_per_second"] for x in mine[1:]] == [str(r["transactions_per_second"]) for r in rows[1:]]


def test_response_times_are_in_all_that_is_written(outcome):
    """Each response has one: in the metrics and, with its distribution, in the document; a row of the series has its own."""
    to, doc, _ = outcome
    server, clients = doc["cases"]
    m, of = clients["metrics"], clients["response_times"]
    assert server["response_times"] is None and server["metrics"]["last_byte_avg_ms"] is None and of["from"] == "request"
    assert m["last_byte_samples"] == clients["stats"]["responses"] == sum(n for _, n in of["last_byte"]["buckets"])
    for b in ("first", "last"):
        assert m[f"{b}_byte_avg_ms"] == pytest.approx(of[f"{b}_byte"]["avg_ns"] / 1e6, abs=1e-6)
        values = [m[f"{b}_byte_{q}_ms"] for q in ("min", "p50", "p90", "p99", "p99_9", "max")]
        assert values == sorted(values) and values[0] > 0, values
    assert doc["totals"]["metrics"]["last_byte_max_ms"] == m["last_byte_max_ms"] >= m["first_byte_max_ms"]
    table = next(t for t in doc["series"]["cases"] if t["case"] == 1)
    rows = [dict(zip(table["columns"], r)) for r in table["rows"]]
    seen = [r for r in rows if r["last_byte_avg_ms"] is not None]
    assert rows[0]["last_byte_p99_ms"] is None and len(seen) >= 8
    assert all(r["first_byte_p50_ms"] <= r["first_byte_max_ms"] <= m["first_byte_max_ms"] for r in seen)
    line = next(x for x in csv.DictReader(open(to / "series.csv")) if x["case"] == "clients" and x["last_byte_p99_ms"])
    assert float(line["last_byte_p99_ms"]) == seen[0]["last_byte_p99_ms"]
    assert "Time to the last byte" in (to / "report.html").read_text()


def parsed(path):
    """By a JUnit parser that is not ours: {name: testcase}."""
    xml = junitparser.JUnitXml.fromfile(str(path))
    suites = list(xml)
    assert len(suites) == 1 and suites[0].tests == len(list(suites[0]))
    assert suites[0].failures == sum(isinstance(r, junitparser.Failure) for c in suites[0] for r in c.result)
    assert suites[0].errors == sum(isinstance(r, junitparser.Error) for c in suites[0] for r in c.result)
    return {c.name: c for c in suites[0]}


def test_a_failure_has_the_engines_sentence(place, tmp_path):  # noqa: F811
    """Of a criterion that is not reached, and of an expectation; and the run's own, all in one run. The others pass."""
    data = small(criterion={"clients-estab": 200, "within": 1}, expect={"failures": 0, "responses": "< 1"})
    data["expect"] = {"transactions": "> 1000000000", "losses": 0}
    done = warp17_run(place, written(tmp_path, data), "--output", tmp_path / "out")
    assert done.returncode == 1, (done.stdout, done.stderr)
    doc = valid(json.loads((tmp_path / "out/result.json").read_text()))
    says = "port 0 test case 0 FAILED clients-estab: 100 of 200 within 1 s"
    assert (doc["verdict"], doc["cases"][0]["verdict"], doc["cases"][1]["verdict"]) == ("failed", "passed", "failed")
    n = doc["cases"][1]["stats"]["responses"]
    assert doc["reasons"] == [says, f"clients: responses is {n}, expected < 1", f"all test cases: transactions is {n}, expected > 1000000000"]
    cases = parsed(tmp_path / "out/junit.xml")
    assert list(cases) == ["server", "clients", "run"] and not cases["server"].result
    failure, = cases["clients"].result
    assert isinstance(failure, junitparser.Failure) and failure.message == says and says in failure.text
    assert "transactions is" in cases["run"].result[0].text
    assert "FAILED: small: 1 of 2 test cases passed" in done.stdout and says in done.stdout
    assert says in (tmp_path / "out/report.html").read_text()


def test_who_falls_behind_its_rate_is_invalid(place, tmp_path):  # noqa: F811
    """Though its criterion is met, and what is expected is not. Files that are there are written over when asked for, and the
    document is printed."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/junit.xml").write_text("old\n")
    data = small(rates={"send": 49000000}, criterion={"run-time": 1}, expect={"transactions_per_second": "> 40000000"})
    data["cases"][1]["client"]["raw"] = {"data_req_plen": 1, "data_resp_plen": 1}
    data["cases"][0]["server"]["raw"] = {"data_req_plen": 1, "data_resp_plen": 1}
    del data["cases"][1]["client"]["http"], data["cases"][0]["server"]["http"]
    done = warp17_run(place, written(tmp_path, data), "--output", tmp_path / "out", "--force", "--json")
    assert done.returncode == 2, (done.stdout, done.stderr)
    doc = valid(json.loads((tmp_path / "out/result.json").read_text()))
    assert json.loads(done.stdout) == doc and sorted(os.listdir(tmp_path / "out")) == FILES
    assert doc["verdict"] == doc["cases"][1]["verdict"] == "invalid" and doc["cases"][1]["state"] == "PASSED"
    assert re.match(r"clients: behind its send rate: \d+ of 49000000/s", doc["reasons"][0])
    error, = parsed(tmp_path / "out/junit.xml")["clients"].result
    assert isinstance(error, junitparser.Error) and "behind its send rate" in error.message


def begun(place, f, *args, established=True, **kw):  # noqa: F811
    """A warp17-run in the background, whose sessions are there."""
    p = subprocess.Popen([RUN, f, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env={**os.environ, **place.env}, **kw)
    lines = ""
    while established and " 100 established" not in lines:
        line = p.stderr.readline()
        assert line, lines
        lines += line
    return p


def test_an_engine_that_dies_makes_it_invalid(place, tmp_path):  # noqa: F811
    f = written(tmp_path, small(criterion={"run-time": 60}))
    p = begun(place, f, "--output", tmp_path / "out")
    try:
        engines = [int(x.parent.name) for x in left_of(p.pid) if os.readlink(x.parent / "exe") == str(BUILD / "warp17")]
        os.kill(engines[0], signal.SIGKILL)
        out, err = p.communicate(timeout=60)
    finally:
        p.kill()
    assert p.returncode == 2, (out, err)
    doc = valid(json.loads((tmp_path / "out/result.json").read_text()))
    assert doc["verdict"] == "invalid" and "the engine was lost while tests ran: " in doc["reasons"][0]
    assert doc["cases"][1]["state"] == "RUNNING" and len(doc["series"]["cases"][1]["rows"]) >= 1
    assert isinstance(parsed(tmp_path / "out/junit.xml")["run"].result[0], junitparser.Error)
    wait_for(lambda: not left_of(p.pid), 5)


@pytest.mark.parametrize("sig", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_an_interrupted_run_keeps_what_it_saw_and_leaves_no_engine(place, tmp_path, sig):  # noqa: F811
    p = begun(place, written(tmp_path, small(criterion={"run-time": 60})), "--output", tmp_path / "out")
    try:
        p.send_signal(sig)
        out, err = p.communicate(timeout=60)
    finally:
        p.kill()
    assert p.returncode == 130, (out, err)
    doc = valid(json.loads((tmp_path / "out/result.json").read_text()))
    assert (doc["verdict"], doc["exit_code"], doc["reasons"][0]) == ("invalid", 130, "interrupted")
    assert sorted(os.listdir(tmp_path / "out")) == FILES
    wait_for(lambda: not left_of(p.pid), 5)


def test_an_impatient_operator_loses_nothing_and_leaves_no_engine(place, tmp_path):  # noqa: F811
    """Ctrl-C is for all that the terminal has in its foreground, so for the launcher too; and it comes again and again, until all is over."""
    p = begun(place, written(tmp_path, small(criterion={"run-time": 60})), "--output", tmp_path / "out", start_new_session=True)
    try:
        for _ in range(300):
            os.killpg(p.pid, signal.SIGINT)
            try:
                out, err = p.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                pass
    finally:
        p.kill()
    assert p.returncode in (130, -signal.SIGINT), (out, err)  # Python's own end has no handler any more
    assert valid(json.loads((tmp_path / "out/result.json").read_text()))["reasons"].count("interrupted") == 1 and "error" not in err
    wait_for(lambda: not left_of(p.pid), 5)


def test_who_is_not_read_runs_on(place, tmp_path):  # noqa: F811
    """Progress and verdict go into pipes that nobody reads; the files and the status are there."""
    pipes = []
    for _ in range(2):
        r, w = os.pipe()
        os.close(r)
        pipes.append(w)
    done = subprocess.run([RUN, written(tmp_path, small(criterion={"run-time": 1}, expect={})), "--output", tmp_path / "out", "--json"],
                          stdin=subprocess.DEVNULL, stdout=pipes[0], stderr=pipes[1], env={**os.environ, **place.env}, timeout=60)
    for w in pipes:
        os.close(w)
    assert done.returncode == 0 and valid(json.loads((tmp_path / "out/result.json").read_text()))["verdict"] == "passed"


def test_what_cannot_be_written_is_said_with_its_name(outcome, tmp_path):
    """The rest is, and the verdict is printed; none is there by half."""
    code = ("import json, pathlib, resource, sys; from warp17 import tool\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))\n"
            "sys.exit(tool.told(json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2]), False))")
    done = run(sys.executable, "-c", code, outcome[0] / "result.json", tmp_path, env={"PYTHONPATH": str(PACKAGE.parent)})
    assert done.returncode == 2 and done.stdout.startswith("PASSED: small: 2 of 2 test cases passed"), (done.stdout, done.stderr)
    for name in ("result.json", "report.html"):
        assert f"warp17-run: error: {tmp_path / name}: File too large" in done.stderr
    assert "junit.xml" in os.listdir(tmp_path) and "result.json" not in os.listdir(tmp_path)
    assert all(not n.startswith(".") for n in os.listdir(tmp_path)) and parsed(tmp_path / "junit.xml")


def test_files_are_not_written_over(place, tmp_path):  # noqa: F811
    """Said before anything is started."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "junit.xml").write_text("mine\n")
    done = warp17_run(place, written(tmp_path, small()), "--output", out)
    assert done.returncode == 2 and f"{out}/junit.xml is there already" in done.stderr and not (tmp_path / "log").exists()
    assert (out / "junit.xml").read_text() == "mine\n" and os.listdir(out) == ["junit.xml"]


def test_options_of_the_engine_that_are_wrong_are_a_wrong_plan(place, tmp_path):  # noqa: F811
    data = small()
    data["engine"]["args"] = ["--colour", "red"]
    done = warp17_run(place, written(tmp_path, data), "--output", tmp_path / "out")
    assert done.returncode == 2 and "colour" in done.stderr, (done.stdout, done.stderr)


def test_what_the_engine_does_not_take_is_said_with_its_place(place, tmp_path):  # noqa: F811
    data = small()
    data["ports"][0]["mtu"] = 9000
    f = written(tmp_path, data)
    line = 1 + next(i for i, text in enumerate(f.read_text().splitlines()) if '"mtu"' in text)
    done = warp17_run(place, f, "--output", tmp_path / "out")
    assert done.returncode == 2 and f"{f}:{line}: ports[0].mtu: " in done.stderr and "9000" in done.stderr, done.stderr


# ---- on an engine that runs


def configured(e):
    return [line for line in e.show("config")["lines"] if line and not line.startswith("#")]


def test_on_an_engine_that_runs(engine, rpc, place, tmp_path):  # noqa: F811
    """It is left as it was found, so that it can be run again; another's ports and configurations are let alone."""
    e, s = two(engine, rpc)
    data = small(criterion={"run-time": 1}, expect={})
    data["ports"][0]["mtu"] = 1400
    data["ports"][1]["faults"] = {"delay": 0.1}
    f = written(tmp_path, data)
    at = ("--attach", f"127.0.0.1:{s.port}")
    for n in range(2):
        done = warp17_run(place, f, *at, "--output", tmp_path / str(n))
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert configured(e) == []
        doc = valid(json.loads((tmp_path / str(n) / "result.json").read_text()))
        assert not doc["engines"][0]["launched"] and doc["engines"][0]["address"] == at[1] and doc["engines"][0]["prefix"] == e.prefix
        assert doc["cases"][1]["stats"]["responses"] == pytest.approx(2000, rel=0.2)
    mine = "add tests l3_intf port 0 ip 10.9.0.1 mask 255.255.255.0"
    e.cli(mine)
    done = warp17_run(place, f, *at, "--output", tmp_path / "3")
    assert done.returncode == 4 and "port 0 of the engine has a configuration already" in done.stderr
    assert configured(e) == [mine] and not (tmp_path / "3/result.json").exists()
    with client.Warp17(("127.0.0.1", s.port), name="anna") as anna:
        anna.acquire(1)
        done = warp17_run(place, f, *at, "--replace", "--output", tmp_path / "3")
        assert done.returncode == 4 and "anna" in done.stderr, done.stderr
    assert warp17_run(place, f, *at, "--replace", "--output", tmp_path / "3").returncode == 0
    assert configured(e) == []
    group = {"id": 3, "client": [{"weight": 100, "raw": {"data_req_plen": 5, "data_resp_plen": 5}}]}
    e.cli("set tests imix app-index 7 client raw data-req-plen 9 data-resp-plen 9", "set tests imix app-index 7 weight 9", "add tests imix-id 3 app 7")
    done = warp17_run(place, written(tmp_path, {**data, "imix": [group]}, "imix.json"), *at, "--output", tmp_path / "6")
    assert done.returncode == 2 and "imix[0]" in done.stderr, done.stderr
    assert "add tests imix-id 3 app 7" in configured(e) and not any(" port " in line for line in configured(e))
    assert warp17_run(place, f, "--attach", "127.0.0.1:1", "--output", tmp_path / "4").returncode == 3
    assert warp17_run(place, f, "--attach", "nowhere", "--output", tmp_path / "5").returncode == 2
    done = warp17_run(place, f, *at, "--engine-opts", "--mbuf-pool-sz 8")
    assert done.returncode == 2 and "--engine-opts is for an engine that is started" in done.stderr


def test_a_file_of_commands_runs(place, tmp_path):  # noqa: F811
    """An engine is started for it, with ports and pools that fit."""
    cfg = (TOP / "config/examples/test_13_vlan_udp.cfg").read_text().replace("run-time 5", "run-time 1")
    done = warp17_run(place, written(tmp_path, cfg, "vlan.cfg"), "--output", tmp_path / "out", "--duration", "1.5")
    doc = valid(json.loads((tmp_path / "out/result.json").read_text()))
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert len(doc["cases"]) == 6 and doc["plan"]["format"] == "commands" and doc["plan"]["text"] == cfg and doc["duration_s"] >= 1.5
    assert [c["name"] for c in doc["cases"]][-1] == "port 0 test case 2"


# ---- the report


@pytest.fixture(scope="module")
def chromium():
    b = Browser()
    yield b
    b.close()


def test_the_report_in_a_browser(outcome, chromium):
    """Plots are drawn and zoomed together, nobody is asked for anything, nobody complains; texts can be read, in both themes."""
    to, doc, _ = outcome
    chromium.view(1440, 900)
    chromium.console(), chromium.hosts()
    chromium.open(f"file://{to}/report.html")
    drawn = """return [...document.querySelectorAll('figure canvas')].filter((c) => {
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; return d.some((v) => v !== 0); }).length"""
    assert chromium.js("return document.querySelectorAll('figure').length") >= 6
    assert chromium.js(drawn) >= 6
    assert chromium.text("h1") == "PASSED small" and "clients" in chromium.text("tbody")
    legends = chromium.js("return [...document.querySelectorAll('.legend')].map((e) => e.textContent)")
    assert "server" in legends[0] and "clients" in legends[0]
    for dark in (False, True):
        chromium.view(1440, 900, dark)
        low = [c for c in chromium.contrast() if c[0] < c[1]]
        assert not low, low[:5]
    chromium.view(400, 800)
    assert chromium.js("return document.documentElement.scrollWidth <= innerWidth"), "it is wider than a phone"
    chromium.view(1440, 900)
    labels = "return [...document.querySelectorAll('figure')].map((f) => [...f.querySelectorAll('.dygraph-axis-label-x')].map((e) => e.textContent))"
    before = chromium.js(labels)
    box = chromium.js("const r = document.querySelector('.plot').getBoundingClientRect(); scrollTo(0, r.y - 100); "
                      "const s = document.querySelector('.plot').getBoundingClientRect(); return [s.x, s.y, s.width, s.height]")
    for kind, part in (("mousePressed", 0.5), ("mouseMoved", 0.6), ("mouseMoved", 0.7), ("mouseReleased", 0.7)):
        chromium.cdp("Input.dispatchMouseEvent", type=kind, x=box[0] + part * box[2], y=box[1] + box[3] / 2, button="left",
                     buttons=0 if kind == "mouseReleased" else 1, clickCount=1)
    zoomed = wait_for(lambda: (now := chromium.js(labels)) != before and now, 5)
    assert all(a != b for a, b in zip(before, zoomed)) and len({tuple(x) for x in zoomed}) == 1
    assert chromium.hosts() <= {""} and not chromium.console()
    page = (to / "report.html").read_text()
    assert not re.search(r"""(?:src|href)=["']?(?!#|data:)[a-z/]""", re.sub(r"<script>.*?</script>", "", page, flags=re.S))


def test_the_report_without_javascript(outcome, chromium):
    to, doc, _ = outcome
    chromium.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open(f"file://{to}/report.html")
        tree = chromium.cdp("Accessibility.getFullAXTree")["nodes"]
    finally:
        chromium.cdp("Emulation.setScriptExecutionDisabled", value=False)
    texts = {n["name"].get("value") for n in tree if not n.get("ignored") and "name" in n}
    assert {"Test cases", "clients", "PASSED", f"{doc['cases'][1]['stats']['responses']:,}"} <= texts
    assert any("Plots need JavaScript" in (t or "") for t in texts)


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \"quotes\" ' \u2028 \x01 \u00e9"


def hostile(doc):
    """The document with such texts wherever there is one."""
    if isinstance(doc, dict):
        return {k: hostile(v) if k not in ("schema", "verdict", "state", "type", "proto", "format", "columns", "rows", "engine") else v
                for k, v in doc.items()}
    if isinstance(doc, list):
        return [hostile(v) for v in doc]
    return f"{doc} {HOSTILE}" if isinstance(doc, str) else doc


def test_texts_are_texts_wherever_they_stand(outcome, chromium, tmp_path):
    doc = hostile(outcome[1])
    doc["reasons"], doc["cases"][1]["verdict"], doc["cases"][1]["reasons"] = [HOSTILE], "failed", [HOSTILE]
    results.write_json(doc, tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text()) == doc
    report.write_html(doc, tmp_path / "r.html")
    junit.write_junit(doc, tmp_path / "r.xml")
    results.write_csv(doc, tmp_path / "r.csv")
    chromium.console()
    chromium.open(f"file://{tmp_path}/r.html")
    assert chromium.js("return document.querySelectorAll('img').length + document.querySelectorAll('script').length") == 3
    assert HOSTILE.replace("\x01", "\ufffd") in chromium.text(".note li") or HOSTILE in chromium.text(".note li")
    assert chromium.js("return document.querySelectorAll('figure canvas').length") >= 6
    assert not chromium.console()
    case = next(c for c in parsed(tmp_path / "r.xml").values() if c.result)
    assert case.result[0].message == HOSTILE.replace("\x01", "?")
    assert next(x for x in csv.DictReader(open(tmp_path / "r.csv", newline="")) if x["of"] == "case")["case"].endswith(HOSTILE)


# ---- parts


@pytest.mark.parametrize("expected,good,bad", [
    (5, [5, 5.0], [4]), (">= 10", [10, 11], [9.9]), ("<0.5", [0.4], [0.5]), ("!= 3", [4], [3]), ("990..1010", [990, 1010], [989, 1011]),
    (" == 7 ", [7], [8])])
def test_expectations(expected, good, bad):
    test = metrics.parse(expected)
    assert all(map(test, good)) and not any(map(test, bad))


@pytest.mark.parametrize("expected", ["", "10", "> x", ">= 1 or 2", True, None, [1], "1..", "=> 3"])
def test_expectations_that_are_none(expected):
    assert metrics.parse(expected) is None


def test_two_engines_make_one_document(outcome, tmp_path):
    """What the several machines' script does: parts of two engines, one verdict, the same writers."""
    doc = copy.deepcopy(outcome[1])
    doc["engines"].append({**copy.deepcopy(doc["engines"][0]), "name": "two", "faults": ["port 1 test case 0 stalled"],
                           "clock": {"offset_ns": -5, "error_ns": 9}})
    doc["cases"] += [{**c, "engine": "two", "name": c["name"] + " two"} for c in copy.deepcopy(doc["cases"])]
    ports = {k: 1.0 for k in metrics.OF_PORTS}
    both = results.document(doc["plan"], doc["engines"], doc["cases"], results.sum_of_ports([ports, ports]), doc["series"], 1.0, 2.0,
                            expect={"packets_sent": 2})
    valid(both)
    assert both["verdict"] == "invalid" and both["reasons"] == ["two: port 1 test case 0 stalled"]
    assert both["totals"]["metrics"]["transactions"] == 2 * doc["cases"][1]["metrics"]["transactions"]
    assert both["totals"]["expectations"][0]["met"] and both["totals"]["metrics"]["worker_load_percent_most"] == 1.0
    for name, write in (("j.xml", junit.write_junit), ("r.html", report.write_html), ("s.csv", results.write_csv)):
        write(both, tmp_path / name)
    assert len(parsed(tmp_path / "j.xml")) == 5 and "two" in (tmp_path / "r.html").read_text()


def test_packets_that_no_counter_accounts_for_are_a_fault(outcome):
    """The sums of a good run hold; one packet less anywhere and they do not."""
    from warp17_client import accounting
    total = outcome[1]["engines"][0]["counters"]
    for group, name in (("port", "rx_pkts"), ("ethernet", "rx_ipv4"), ("ipv4", "rx_tcp"), ("tcp", "tx_data_pkts"), ("port", "tx_pkts"),
                        ("drop", "tx_full"), ("port", "tx_failures")):
        for add in (0, 1):
            changed_one = {g: dict(c) for g, c in total.items()}
            changed_one[group][name] += add
            assert bool(accounting.unaccounted({5: changed_one}, {5: "net_tap"})) == bool(add), (group, name)
    a = {g: dict(c) for g, c in total.items()}
    b = {g: dict(c) for g, c in total.items()}
    assert not accounting.unaccounted({0: a, 1: b}, {0: "net_ring", 1: "net_ring"})
    for c in (a, b):
        c["port"]["rx_pkts"] -= 1
        c["ethernet"]["rx_ipv4"] -= 1
        c["ipv4"]["rx_pkts"] -= 1
        c["ipv4"]["rx_tcp"] -= 1
    lost = accounting.unaccounted({0: a, 1: b}, {0: "net_ring", 1: "net_ring"})
    assert len(lost) == 2 and re.match(r"port 0 sent \d+ packets to port 1, which received \d+", lost[0])
    a["drop"]["tx_full"] = 3
    assert any("3 packets lost" in x and "tx_full" in x for x in accounting.own_losses({0: a}, {0: {"rx_missed": 0}}))


def test_samples_of_a_long_run_are_bounded():
    assert runner.thinned(list(range(10))) == [0, 2, 4, 6, 8, 9]
    assert runner.thinned(list(range(11))) == [0, 2, 4, 6, 8, 10]


def test_a_file_is_whole_or_not_there(tmp_path):
    f = tmp_path / "x"
    f.write_text("old")
    (tmp_path / "folder").mkdir()
    for where, error in ((tmp_path / "folder", IsADirectoryError), (tmp_path / "none/x", FileNotFoundError)):
        with pytest.raises(error):
            results.write_text(where, "new")
    (tmp_path / "folder").rmdir()
    assert f.read_text() == "old" and os.listdir(tmp_path) == ["x"]
    results.write_text(f, "new")
    assert f.read_text() == "new" and os.listdir(tmp_path) == ["x"]


# ---- what is written about it


DOCUMENT = (TOP / "doc/verdicts.md").read_text()
SHOWN_PLAN, = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.M | re.S)


def test_what_the_document_shows(outcome, tmp_path):
    assert len(plan.load(written(tmp_path, SHOWN_PLAN, "web.yaml")).cases) == 2
    snippet = next(s for s in re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.M | re.S) if "write_junit" in s)
    (tmp_path / "out").symlink_to(outcome[0])
    done = run(sys.executable, "-c", snippet, env={"PYTHONPATH": str(PACKAGE.parent)}, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert parsed(tmp_path / "junit.xml") and (tmp_path / "series.csv").read_text() == (outcome[0] / "series.csv").read_text()
    said = run(RUN, "--metrics").stdout
    assert all(re.search(rf"^  {m} ", said, re.M) for m in [*metrics.OF_CASE, *metrics.OF_RUN])


@pytest.mark.long
@pytest.mark.parametrize("f", [*PLANS, "document"], ids=lambda f: getattr(f, "stem", f))
def test_the_example_plans_pass(place, tmp_path, f):  # noqa: F811
    f = written(tmp_path, SHOWN_PLAN, "web.yaml") if f == "document" else f
    done = warp17_run(place, f, "--output", tmp_path / "out")
    assert done.returncode == 0, (done.stdout, done.stderr)
    valid(json.loads((tmp_path / "out/result.json").read_text()))
