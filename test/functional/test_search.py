"""warp17-search: what it tries next, how it judges, and that on engines, against limits that are known and not its own, it finds
them; that it says when the limit is its own."""
import csv
import dataclasses
import importlib
import io
import json
import os
import random
import signal
import subprocess
import time

import pytest
import schemas
from pyclient import client
from test_kernel import inside, tap_up
from test_python import left_of, run
from test_record import small_disk
from test_rpc import rpc  # noqa: F401: a fixture
from test_scripts import place as ledger  # noqa: F401: a fixture
from test_traffic import RING
from warp17 import TOP, wait_for

SEARCH = TOP / "scripts/warp17-search"
search, kpi, levels, sampler, plans, search_plan, search_cli, histogram, times, accounting = (
    importlib.import_module(f"{client.__name__}.{m}")
    for m in ("search", "kpi", "levels", "sampler", "plan", "search_plan", "search_cli", "histogram", "response_times", "accounting"))


# ---- what is tried next: no engine


def finished(s, holds):
    """Goes on until it is over; the number of steps. holds(step) is the world."""
    n = 0
    while (step := s.step()) is not None:
        s.tell(holds(step))
        n += 1
        assert n < 1000
    return n


def test_any_limit_is_found_within_the_resolution():
    chance = random.Random(17)
    for _ in range(3000):
        lowest = chance.randint(1, 1000)
        highest, limit = chance.randint(lowest, 10**6), chance.randint(1, 10**6)
        resolution, factor, tries = chance.choice([0.01, 0.05, 0.2]), chance.choice([1.2, 2, 10]), chance.choice([1, 2])
        s = search.Search(lowest, highest, resolution, factor, tries)
        n = finished(s, lambda step: step.level <= limit)
        what = (lowest, highest, limit, resolution, factor)
        if limit < lowest:
            assert (s.outcome, s.best, s.ceiling) == ("none", None, lowest), what
        elif limit >= highest:
            assert (s.outcome, s.best, s.ceiling) == ("found", highest, None), what
        else:
            assert s.outcome == "found" and s.best <= limit < s.ceiling, what
            assert s.ceiling <= s.best * (1 + resolution) or s.ceiling == s.best + 1, what
        assert n < 150, what


def test_a_level_fails_only_when_it_fails_again():
    """Each level that would hold fails once by chance: with two tries that changes nothing."""
    seen = set()

    def holds(step):
        again = (step.stage, step.level) in seen
        seen.add((step.stage, step.level))
        return step.level <= 777 and again

    s = search.Search(1, 100000, 0.01)
    finished(s, holds)
    assert s.outcome == "found" and s.best <= 777 < s.ceiling <= s.best * 1.01 + 1
    once = search.Search(1, 100000, 0.01, tries=1)
    finished(once, lambda step: step.level <= 777 and step.stage == "sustain")
    assert once.outcome == "none"


def test_what_held_by_chance_is_not_the_answer():
    """Above the limit levels hold when they are tried for short, as long as they are not far above."""
    s = search.Search(1, 100000, 0.02)
    finished(s, lambda step: step.level <= (500 if step.stage == "sustain" else 515))
    assert s.outcome == "found" and 480 <= s.best <= 500 and 1 <= s.refuted <= 4
    never = search.Search(1, 100000, 0.02)
    finished(never, lambda step: step.stage != "sustain")
    assert never.outcome == "unstable"


def test_it_ends_whatever_happens():
    for seed in range(2000):
        chance = random.Random(seed)
        p = chance.random()
        s = search.Search(1, chance.randint(1, 10**7), chance.choice([0.01, 0.3]))
        finished(s, lambda step: chance.random() < p)
        assert s.outcome in ("found", "none", "unstable") and (s.best is None) == (s.outcome == "none")


@pytest.mark.parametrize("wrong", [(0, 5, 0.1), (6, 5, 0.1), (1, 5, 0), (1, 5, 1), (1, 5, 0.1, 1), (1, 5, 0.1, 2, 0)])
def test_bounds_that_are_none(wrong):
    with pytest.raises(ValueError, match="expected"):
        search.Search(*wrong)


# ---- what a plan offers

LINK = {"schema": "warp17-plan/1.0", "name": "a link of 10 Mbit/s", "ports": [
    {"port": 0, "interfaces": [{"ip": "10.0.0.1/24"}]},
    {"port": 1, "interfaces": [{"ip": "10.0.0.253/24"}], "faults": {"direction": "tx", "rate": 10, "queue": 200}}], "cases": [
    {"port": 1, "server": {"proto": "tcp", "src": "10.0.0.253", "sport": 80, "http": {"resp_size": 20000}}, "criterion": {"servers-up": 1}},
    {"port": 0, "client": {"proto": "tcp", "src": "10.0.0.1", "sport": "1-10", "dest": "10.0.0.253", "dport": 80, "http": {"host": "a"}},
     "rates": {"send": 10}},
    {"port": 0, "client": {"proto": "tcp", "src": "10.0.0.1", "sport": "11-20", "dest": "10.0.0.253", "dport": 80, "http": {"host": "b"}},
     "rates": {"send": 30}}]}


def test_a_level_is_shared_among_the_clients_of_a_plan():
    """In proportion to their rates of what is searched, else to their sessions; criteria and servers do not matter."""
    plan = plans.structured(json.dumps(LINK), "link.json", json=True)
    assert search_plan.PlanLoad(plan, "transactions")._shares == {(0, 0): 0.25, (0, 1): 0.75}
    load = search_plan.PlanLoad(plan, "connections")
    assert load._shares == {(0, 0): 0.5, (0, 1): 0.5} and load.order == [1, 0] and not load.where.single
    assert (load.where.clients, load.where.servers, load.sessions(7)) == ([(0, 0), (0, 1)], [(1, 0)], 20)
    with pytest.raises(client.Warp17Error, match="no client test case"):
        search_plan.PlanLoad(plans.structured(json.dumps({**LINK, "cases": LINK["cases"][:1]}), "link.json", json=True), "connections")


def test_response_times_of_a_plan_are_what_it_says():
    """Else those that the goal wants; over UDP there is no SYN."""
    def timed(goal, **of):
        cases = [LINK["cases"][0], {**LINK["cases"][1], **of}, LINK["cases"][2]]
        return search_plan.PlanLoad(plans.structured(json.dumps({**LINK, "cases": cases}), "link.json", json=True), goal)

    for goal, begin in (("connections", "syn"), ("transactions", "request")):
        assert timed(goal)._untold == {(0, 0): begin, (0, 1): begin} and timed(goal).where.timed == [(0, 0), (0, 1)]
        off = timed(goal, response_times="off")
        assert off._untold == {(0, 1): begin} and off.where.timed == [(0, 1)]
    assert timed("connections", response_times="request").where.timed == [(0, 0), (0, 1)]
    udp = {"proto": "udp", "src": "10.0.0.1", "sport": 5, "dest": "10.0.0.253", "dport": 80, "raw": {"data_req_plen": 1, "data_resp_plen": 1}}
    assert timed("connections", client=udp)._untold == {(0, 0): "request", (0, 1): "syn"}
    one_way = timed("connections", client={**udp, "proto": "tcp", "raw": {"data_req_plen": 1, "data_resp_plen": 0}})
    assert one_way._untold == {(0, 1): "syn"} and one_way.where.timed == [(0, 1)]  # nothing is answered


def asked_for(tmp_path, search, *args):
    (tmp_path / "plan.json").write_text(json.dumps({**LINK, "search": search}, indent=1))
    return search_cli.arguments(["--plan", str(tmp_path / "plan.json"), *args])[0]


def test_a_plan_says_what_is_searched(tmp_path, capsys):
    """The command line is stronger."""
    a = asked_for(tmp_path, {"goal": "throughput", "from": 7, "to": 70, "max_response_p99": 2.5, "warm_up": 3})
    assert (a.goal, a.lowest, a.highest, a.warm_up, a.sustain) == ("throughput", 7, 70, 3, 5)
    assert search_cli.criteria_of(a) == kpi.Criteria(response_p99_ms=2.5)
    a = asked_for(tmp_path, {"goal": "throughput", "to": 70}, "--goal", "transactions", "--to", "9000", "--warm-up=1")
    assert (a.goal, a.lowest, a.highest, a.warm_up) == ("transactions", 100, 9000, 1)
    with pytest.raises(SystemExit):
        asked_for(tmp_path, {"to": 70})
    assert "expected --goal, or a goal in the search of " in capsys.readouterr().err
    with pytest.raises(plans.PlanError) as e:
        asked_for(tmp_path, {"goal": "concurrent", "resolution": 0, "sustained": 5})
    assert [p.partition(": ")[2] for p in e.value.problems] == [
        "search.goal: 'concurrent' given, expected connections, transactions or throughput", "search.resolution: 0 given, expected 0.1..50",
        "search.sustained: unknown key, expected sustain"], e.value.problems


# ---- how a level is judged: samples as an engine would give them

COUNTERS = ("opened", "estab", "closed", "requests", "responses", "resp_errors", "resp_lost", "mismatches", "no_tcb", "estab_now",
            "rx_bytes", "behind_open", "behind_send", "behind_close", *kpi.FAILED)


def sample(ms, load=10.0, rx=0, times=None, **counters):
    stats = {**{k: 0 for k in COUNTERS}, **counters}
    port = {"port": {"rx_bytes": rx, "tx_bytes": rx}, "drop": {"tx_full": 0}, "tsm": {}, "device": {"rx_missed": 0}}
    return sampler.Sample(0, ms * 1000000, {}, {(0, 0): {"stats": stats}, (1, 0): {"stats": stats}}, {0: port, 1: port},
                          [{"lcore": 1, "load_percent": load}], ms * 1000000, {(0, 0): times} if times else {})


def taken(begin, first, last):
    """Response times of a client: [(ms, how often)] to the first and to the last byte."""
    parts = [histogram.Histogram(), histogram.Histogram()]
    for h, of in zip(parts, (first, last)):
        for ms, n in of:
            h.record(round(ms * 1e6), n)
    return times.ResponseTimes(begin, *parts)


def window(at, goal="transactions", seconds=4, load=10.0):
    """at(ms) are the counters then; 20 looks a second. Before it was a second that is not looked at."""
    samples = [sample(1000 + ms, load, **at(1000 + ms)) for ms in range(0, seconds * 1000 + 1, 50)]
    timed = [(0, 0)] if samples[0].times else []
    return kpi.Window(sample(0), samples, kpi.Where([(0, 0)], [(1, 0)], goal == "connections", timed), goal)


def judged(at, asked=1000.0, goal="transactions", over=True, seconds=4, load=10.0, usual=None, **criteria):
    w = window(at, goal, seconds, load)
    return kpi.judge(w, kpi.Asked(goal, 1, asked, 100, 4.0, usual), kpi.Criteria(**criteria), over)


def steady(ms, rate=1000, waiting=3, **more):
    return {"requests": rate * ms // 1000 + waiting, "responses": rate * ms // 1000, "estab_now": 100, **more}


def test_a_level_that_holds():
    v = judged(steady)
    assert v.holds and v.limit is None and v.reason == ""
    assert judged(lambda ms: steady(ms, 955)).holds


@pytest.mark.parametrize("at,why", [
    (lambda ms: steady(ms, 930), "930.0/s of 1000.0/s asked (-7.0 %)"),
    (lambda ms: steady(ms, resp_errors=ms // 3000), "failed transactions: 1 of 4000 (0.025 %)"),
    (lambda ms: steady(ms, failed_rst=ms // 3000), "connections terminated: 1 of 100 (1 %)"),
    (lambda ms: steady(ms, closed=ms // 3000), "connections terminated: 1 of 100 (1 %)"),
    (lambda ms: steady(ms, waiting=ms // 50), "falls behind: unanswered grew from"),
    (lambda ms: {**steady(ms), "responses": 2700 if 2700 < ms < 3200 else ms}, "not constant"),
])
def test_a_level_that_fails(at, why):
    v = judged(at)
    assert not v.holds and why in v.reason and v.limit == "device", v


def test_response_times_are_held_against_their_bounds():
    """The mean and the 99th percentile of the window, wherever they count from; what was before it does not matter."""
    at = lambda ms: steady(ms, times=taken("request", [], [(900, 1000), (3, ms - 1000), (40, ms // 50)]))  # noqa: E731
    mean = (3 + 40 / 50) / (1 + 1 / 50)
    assert judged(at, response_ms=mean + 0.01).holds and judged(at, response_p99_ms=40.4).holds
    v = judged(at, response_ms=mean - 0.01)
    assert v.reason == f"mean response time {mean:.3f} ms, at most {mean - 0.01:g} ms wanted" and v.limit == "device"
    v = judged(at, response_p99_ms=39.6)
    assert v.reason.startswith("99th percentile of response times 40.") and v.reason.endswith("ms, at most 39.6 ms wanted")
    assert judged(lambda ms: steady(ms, times=taken("syn", [], [])), response_ms=5).reason == "no response"


def test_the_response_times_of_a_window_are_its_own():
    """Means are exact, least and largest are those of buckets; clients count together where they count from the same."""
    at = lambda ms: {**steady(ms), "times": taken("syn", [(500, 9), (1.5, ms)], [(0.1, 9), (2, ms), (6, ms)])}  # noqa: E731
    k = kpi.kpis(window(at))
    first, last, other = (k[n] for n in ("time_to_first_byte_ms", "time_to_last_byte_ms", "transaction_response_time_ms"))
    assert (first["samples"], last["samples"], other["samples"], other["avg"]) == (4000, 8000, None, None)
    assert first["avg"] == 1.5 and last["avg"] == 4 and "from the SYN" in other["how"] and "SYN" in first["how"]
    for of, low, high in ((first, 1.5, 1.5), (last, 2, 6)):
        assert abs(of["min"] / low - 1) < 1 / 128 and abs(of["max"] / high - 1) < 1 / 128, of
        assert abs(of["p50"] / low - 1) < 1 / 128 and abs(of["p99_9"] / high - 1) < 1 / 128, of
    off = kpi.kpis(window(steady))["transaction_response_time_ms"]
    assert off["samples"] is None and "it is switched off" in off["how"]
    both = times.merged([taken("syn", [(1, 2)], []), taken("request", [(9, 5)], []), taken("syn", [(3, 2)], [])], "syn")
    assert both.first.samples == 4 and both.first.mean_ns == 2e6 and times.merged([both], "request") is None


def test_responses_that_were_not_timed_are_a_fault_of_a_run():
    stats = {"responses": 10, "estab": 4}
    for begin, first, last, why in (("request", 10, 10, ""), ("request", 11, 10, ""), ("syn", 4, 3, ""),
                                    ("request", 10, 9, "here: 10 responses, of which 9 were timed"),
                                    ("request", 9, 10, "here: 10 last bytes of responses were timed, and 9 first ones"),
                                    ("syn", 5, 5, "here: 4 connections were established, and the first responses of 5 were timed")):
        assert accounting.untimed("here", False, stats, taken(begin, [(5, first)], [(7, last)])) == ([why] if why else []), why
    assert not accounting.untimed("here", True, stats, taken("request", [(5, 10)], [(7, 9)]))


def test_what_came_since_then():
    """All of it is exact when then there was nothing."""
    h = histogram.Histogram
    now = h.of([7_000_001, 9_000_003])
    assert (now.since(h()).min_ns, now.since(h()).max_ns, now.since(h()).sum_ns) == (7_000_001, 9_000_003, 16_000_004)
    near = h.of([500, 40_000_000, 40_010_000]).since(h.of([500]))  # of one bucket, whose middle is above both
    assert histogram.middle_of(histogram.bucket_of(40_000_000)) > 40_010_000 == near.max_ns and near.min_ns == near.mean_ns == 40_005_000
    then = h.of([7_000_001])
    since = now.since(then)
    assert since.rows() == h.of([9_000_003]).rows() and since.mean_ns == 9_000_003 and since.min_ns <= since.max_ns <= 9_000_003
    assert now.since(now).samples == 0 and now.since(now).mean_ns is None and now.since(now).quantile(0.5) is None


def test_whose_limit_it_is():
    slow = judged(lambda ms: steady(ms, 930, behind_send=ms))
    assert slow.limit == "generator" and "worker behind its rate" in slow.reason
    assert judged(lambda ms: steady(ms, 930), load=71.0).limit == "generator"
    few = judged(lambda ms: steady(ms, 930), usual=110.0)  # 100 sessions of 110 ms: 909 a second
    assert few.limit == "generator" and "100 sessions are too few" in few.reason
    assert judged(lambda ms: steady(ms, 930), usual=50.0).limit == "device"


def test_no_level_fails_early_that_could_still_hold():
    half = {"over": False, "seconds": 2}
    assert judged(steady, **half).holds and not judged(lambda ms: steady(ms, 900), **half).sure
    v = judged(lambda ms: steady(ms, 500), **half)  # 1000 + 2100 are less than 3800
    assert v.sure and not v.holds
    three = lambda ms: steady(ms, resp_errors=ms // 700)  # noqa: E731: of 2000 so far, and of 4200 that there will be
    assert judged(three, failed=0.001, **half).holds and judged(three, **half).sure
    waiting = lambda ms: steady(ms, 500, waiting=700)  # noqa: E731: these may all be answered at once
    assert judged(waiting, **half).holds and judged(waiting, seconds=4).reason
    opening = lambda ms: {"opened": ms // 2 + 700, "estab": ms // 2, "estab_now": 9}  # noqa: E731
    assert judged(opening, goal="connections", **half).holds
    assert judged(lambda ms: {**opening(ms), "failed_syn": 500}, goal="connections", **half).sure


class Given:
    """Looks at what happens in at(ms), 20 times a second."""

    def __init__(self, at):
        self._at, self._ms = at, 0

    def quick(self):
        self._ms += 50
        return sample(self._ms, **self._at(self._ms))

    whole = quick


@pytest.mark.parametrize("per_second,holds", [(1000, True), (500, False)])
def test_a_level_holds_over_its_whole_window_or_not_at_all(monkeypatch, per_second, holds):
    """After 400 ms without a transaction it looks sure to fail, and the look after that sees all that was missing: whether the level
    holds is what comes then."""
    monkeypatch.setattr(levels, "LOOK_S", 0.0001)
    monkeypatch.setattr(levels, "LOOKS_MAX", 40000)
    at = lambda ms: steady(0 if ms <= 450 else 450 + (ms - 500) * per_second // 1000, waiting=0)  # noqa: E731
    load = search_plan.PlanLoad(plans.structured(json.dumps({**LINK, "cases": LINK["cases"][:2]}), "link.json", json=True), "transactions")
    load.where = kpi.Where([(0, 0)], [(1, 0)])
    samples, asked = [], kpi.Asked("transactions", 1000, 1000.0, 100, 4.0)
    tried = levels.Levels(None, load, kpi.Criteria(), 0, 0, lambda phase: None, time.monotonic() + 60)
    verdict = tried._sustain(Given(at), sample(0), asked, samples)
    assert verdict.holds == holds and len(samples) > 10, verdict
    assert samples[-1].mono_ns - samples[0].mono_ns >= 4e9 or not holds


def test_so_many_may_fail():
    four = lambda ms: steady(ms, resp_errors=ms // 1000)  # noqa: E731
    assert judged(four, failed=0.0011).holds and not judged(four, failed=0.001).holds


def test_connections_of_one_transaction_each():
    at = lambda ms: {"opened": ms + 8, "estab": ms + 5, "requests": ms + 5, "responses": ms, "closed": ms - 4, "estab_now": 9}  # noqa: E731
    assert judged(at, goal="connections").holds
    assert kpi.kpis(window(at, "connections"))["tcp_connections_per_second"] == 1000
    early = lambda ms: {**at(ms), "responses": ms - ms // 2000 * 20}  # noqa: E731: closed without a response
    assert "failed transactions" in judged(early, goal="connections").reason


def test_throughput_is_over_the_time_between_its_own_readings():
    """Ports are read before the test cases are, on a busy machine long before: 1.25 MB/s are 10 Mbit/s."""
    def read(ms, before):
        return dataclasses.replace(sample(ms, rx=1250 * (ms - before), **steady(ms)), ports_ns=(ms - before) * 1000000)

    for first, last in ((0, 0), (500, 0), (0, 500)):
        w = kpi.Window(sample(0), [read(1000, first), read(3000, last)], kpi.Where([(0, 0)], [(1, 0)]), "throughput")
        assert kpi.throughput(w) == {"both_ways": 20.0, "to_client": 10.0, "to_server": 10.0} and w.rate("responses") == 1000


def test_concurrent_connections_are_all_up_all_the_time():
    assert judged(lambda ms: steady(ms, 10), 10.0, "concurrent").holds
    v = judged(lambda ms: steady(ms, 10, estab_now=100 - (ms == 3000)), 10.0, "concurrent")
    assert "99 of 100 connections were up" in v.reason
    v = judged(lambda ms: steady(ms, 10, estab_now=90, no_tcb=10), 10.0, "concurrent")
    assert v.limit == "generator" and "control blocks used up: 10" in v.reason


# ---- on engines

SHORT = ("--ramp", "0.5", "--warm-up", "0.5", "--sustain", "1", "--confirm", "2")
LONGER = ("--ramp", "0.5", "--warm-up", "0.5", "--sustain", "2", "--confirm", "4")

def searched(*args, code=0, env=None, timeout=240):
    """(document, what standard error said); the document is what its schema says, the exit status what it says itself. No level
    holds of which less was seen than was asked for."""
    done = run(SEARCH, *args, "--json", "-", env=env, timeout=timeout)
    assert done.returncode == code, (done.stdout[-2000:], done.stderr)
    doc = schemas.check(json.loads(done.stdout))
    assert doc["exit_code"] == code
    for r in doc["levels"]:
        least = doc["search"]["confirm_s" if r["stage"] == "sustain" else "sustain_s"]
        assert not r["holds"] or r["kpis"]["window_s"] >= least, (r, done.stderr)
    return doc, done.stderr


def config(e):
    return e.cli("show config")[0]["result"]


def attached(engine, rpc, *commands, options=()):  # noqa: F811
    """An engine and the arguments that lead to it."""
    e = engine(*(options or RING))
    s = rpc(e)
    if commands:
        e.cli(*commands)
    return e, ("--attach", f"127.0.0.1:{s.port}")


def shape(doc):
    """The last level that held and the first above it that failed are as far apart as was asked, and the best held twice."""
    found = doc["result"]
    held = [r for r in doc["levels"] if r["level"] == found["level"] and r["holds"]]
    assert doc["outcome"] == "found" and found["confirmed"] and {r["stage"] for r in held} >= {"sustain"}
    if found["lowest_failing"] is not None:
        assert found["lowest_failing"] <= max(found["level"] * (1 + doc["search"]["resolution"]), found["level"] + 1)
    return found


def test_the_highest_level_holds_and_nothing_is_left(engine, rpc, tmp_path):  # noqa: F811
    e, to = attached(engine, rpc)
    before = config(e)
    doc, said = searched("--goal", "connections", "--from", "200", "--to", "200", *SHORT, *to, "--csv", tmp_path / "levels.csv")
    found = shape(doc)
    assert (found["limit"], found["level"], found["lowest_failing"]) == ("asked", 200, None) and 190 <= found["value"] <= 210
    k = found["kpis"]
    assert k["failed_transactions"] == k["terminated_connections"] == 0 and 380 <= k["attempted_transactions"] <= 450
    assert 190 <= k["application_transactions_per_second"] <= 210 and k["inspected_throughput_mbps"]["both_ways"] > 200 * 1500 * 8 / 1e6
    assert k["time_to_last_byte_ms"]["samples"] == pytest.approx(k["attempted_transactions"], abs=20)
    for of in (k["time_to_first_byte_ms"], k["time_to_last_byte_ms"]):
        assert 0 < of["min"] <= of["p50"] <= of["p99"] <= of["max"] and of["min"] <= of["avg"] <= of["max"] * 1.01, of
    assert k["time_to_first_byte_ms"]["avg"] <= k["time_to_last_byte_ms"]["avg"] and k["transaction_response_time_ms"]["samples"] is None
    rows = list(csv.DictReader(io.StringIO((tmp_path / "levels.csv").read_text())))
    assert [r["verdict"] for r in rows] == ["holds" if r["holds"] else "fails" for r in doc["levels"]] and rows[-1]["stage"] == "sustain"
    assert "sustain 200 connections/s" in said and "\033" not in said
    assert config(e) == before
    assert e.group("tcp")["tx_rst"] == 0  # all were closed with FIN


def test_nothing_holds_on_a_dead_link(engine, rpc, tmp_path):  # noqa: F811
    _, to = attached(engine, rpc, "set tests faults port 1 direction tx loss 100")
    doc, _ = searched("--goal", "connections", *SHORT, *to, code=1)
    assert doc["outcome"] == "none" and doc["result"]["level"] is None and doc["result"]["limit"] == "device"
    assert [r["level"] for r in doc["levels"]] == [100, 100]  # it was tried again
    with small_disk(tmp_path / "disk", "4k") as disk:  # what was found is printed though a file has no room
        (disk / "filler").write_bytes(b"x" * 4096)
        done = run(SEARCH, "--goal", "transactions", "--sessions", "10", "--tries", "1", *SHORT, *to, "--json", disk / "found.json")
        assert [f.name for f in disk.iterdir()] == ["filler"]
    assert done.returncode == 2 and f"error: {disk}/found.json: No space left on device" in done.stderr
    assert "NONE: nothing holds, not even 100 transactions/s; limit: device (0 of 10 connections came up" in done.stdout


def test_the_time_is_bounded(engine, rpc):  # noqa: F811
    e, to = attached(engine, rpc)
    began = time.monotonic()
    doc, _ = searched("--goal", "connections", "--factor", "1.1", *SHORT, *to, "--max-time", "4", "--no-response-times", code=5)
    assert time.monotonic() - began < 8 and doc["outcome"] == "time"
    assert doc["result"]["level"] >= 100 and not doc["result"]["confirmed"] and doc["result"]["limit"] is None
    kpis = doc["result"]["kpis"]
    assert kpis["time_to_last_byte_ms"]["samples"] is kpis["transaction_response_time_ms"]["samples"] is None and not doc["offer"]["response_times"]
    assert not e.show("tests state port 0")["running"] and not e.show("tests config port 0")["tests"]


WRONG = [
    (["--goal", "speed"], "--goal: invalid choice: 'speed'"),
    (["--goal", "connections", "--from", "0"], "--from: '0' given, expected a whole number, 1..1e+09"),
    (["--goal", "connections", "--from", "9", "--to", "8"], "--from 9 is above --to 8"),
    (["--goal", "connections", "--resolution", "none"], "--resolution: 'none' given, expected a number, 0.1..50"),
    (["--goal", "connections", "--src", "10.0.0.9-10.0.0.1"], "expected the first address not above the last"),
    (["--goal", "connections", "--dport", "0"], "--dport: '0' given"),
    (["--goal", "connections", "--server-port", "0"], "--server-port: 0 is the client's port too"),
    (["--goal", "connections", "--attach", "x:1", "--engine-opts", "--ring-if-pairs 2"], "--engine-opts is for an engine that is started"),
    (["--goal", "connections", "--attach", "nowhere"], "expected HOST:PORT"),
    (["--goal", "connections", "--json", "/nowhere/found.json"], "/nowhere/found.json: No such file or directory"),
    (["--goal", "connections", "--token-file", "/nowhere/token", "--attach", "127.0.0.1:1"], "--token-file /nowhere/token"),
    (["--goal", "concurrent", "--to", "100000"], "100000 sessions need more addresses (--src) or ports of the server (--dport)"),
    (["--goal", "connections", "--no-response-times", "--max-response", "5"], "--max-response is about response times, and --no-response-times"),
    (["--goal", "transactions", "--app", "raw", "--resp-size", "0"], "without a response there is no transaction"),
]


@pytest.mark.parametrize("args,why", WRONG)
def test_wrong_input_is_said_and_starts_nothing(args, why):
    done = run(SEARCH, *args)
    assert (done.returncode, done.stdout) == (2, "") and why in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_an_engine_that_is_not_there_or_not_free(engine, rpc):  # noqa: F811
    done = run(SEARCH, "--goal", "connections", "--attach", "127.0.0.1:1")
    assert done.returncode == 3 and "cannot reach 127.0.0.1:1" in done.stderr
    e, to = attached(engine, rpc, "add tests server tcp port 1 test-case-id 3 src 10.0.0.253 10.0.0.253 sport 80 80")
    before = config(e)
    for args, why in (([], "port 1 has test cases"), (["--server-port", "7"], "port 7: the engine has ports 0, 1")):
        done = run(SEARCH, "--goal", "connections", *to, *args)
        assert done.returncode == 2 and why in done.stderr, done.stderr
        assert config(e) == before
    with client.Warp17(f"127.0.0.1:{to[1].rpartition(':')[2]}", name="anna") as w:
        w.delete_test(1, 3)
        w.acquire(0)
        done = run(SEARCH, "--goal", "connections", *to)
        assert done.returncode == 4 and "held by anna" in done.stderr, done.stderr


@pytest.mark.parametrize("sig", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_interrupted_it_leaves_no_engine(ledger, tmp_path, sig):  # noqa: F811
    """While a level is tried; what was found until then is written."""
    p = subprocess.Popen([SEARCH, "--goal", "connections", "--to", "100000000", "--sessions", "100", *SHORT, "--json", tmp_path / "found",
                          "--engine-opts", "--ring-if-pairs 1 --mbuf-pool-sz 16"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, env={**os.environ, **ledger.env})
    try:
        assert "holds" in p.stderr.readline()
        p.send_signal(sig)
        out, _ = p.communicate(timeout=60)
    finally:
        p.kill()
    assert p.returncode == 130 and "INTERRUPTED" in out
    assert schemas.check(json.loads((tmp_path / "found").read_text()))["outcome"] == "interrupted"
    wait_for(lambda: not left_of(p.pid), 5)
    assert not ledger.left()


def test_a_plan_is_offered(engine, rpc):  # noqa: F811
    """Its IMIX groups, its faults; nothing of it is left."""
    e, to = attached(engine, rpc)
    plan = TOP / "examples/plans/imix-bad-link.json"
    doc, said = searched("--goal", "transactions", "--plan", plan, "--from", "500", "--to", "500", *SHORT, *to)
    found = shape(doc)
    assert doc["offer"] is None and doc["plan"]["name"] == "imix over a bad link" and 475 <= found["value"] <= 525, said
    assert found["kpis"]["concurrent_tcp_connections"]["min"] == 500
    assert not [line for line in config(e)["lines"] if "app-index" not in line and line[:1] not in ("", "#")]
    e.cli("add tests l3_intf port 0 ip 10.0.0.9 mask 255.255.255.0")
    done = run(SEARCH, "--goal", "transactions", "--plan", plan, *to)
    assert done.returncode == 4 and "port 0 of the engine has a configuration already" in done.stderr
    done = run(SEARCH, "--goal", "concurrent", "--plan", plan, *to)
    assert done.returncode == 2 and "takes no --plan" in done.stderr


# ---- limits that are known


@pytest.mark.long
def test_throughput_of_a_plan(engine, rpc, tmp_path):  # noqa: F811
    """Levels in Mbit/s, though nobody says how long its messages are."""
    e, to = attached(engine, rpc)
    (tmp_path / "link.json").write_text(json.dumps(LINK))
    doc, said = searched("--goal", "throughput", "--plan", tmp_path / "link.json", "--from", "5", "--to", "200", *LONGER, *to)
    used = shape(doc)["kpis"]["inspected_throughput_mbps"]["to_client"]
    assert 8.8 < used < 10.1 and doc["result"]["limit"] == "device", said
    first = doc["levels"][0]
    assert 4.5 < first["value"] < 5.5 and first["kpis"]["concurrent_tcp_connections"]["min"] == 20, said


@pytest.mark.long
@pytest.mark.parametrize("goal,mbps,options", [
    ("throughput", 20, ("--resp-size", "20000", "--sessions", "20", "--from", "6", "--to", "200")),
    ("transactions", 8, ("--resp-size", "2000", "--sessions", "100", "--from", "100", "--to", "20000")),
    ("connections", 4, ("--resp-size", "1000", "--from", "50", "--to", "20000")),
])
def test_the_limit_of_a_link_is_found(engine, rpc, goal, mbps, options):  # noqa: F811
    """What the server sends goes over a link of so many Mbit/s."""
    _, to = attached(engine, rpc, f"set tests faults port 1 direction tx rate {mbps} queue 200")
    doc, said = searched("--goal", goal, *options, *LONGER, *to)
    found = shape(doc)
    used = found["kpis"]["inspected_throughput_mbps"]["to_client"]
    assert 0.88 * mbps < used < 1.01 * mbps, said
    assert found["limit"] == "device", said


NGINX = """
daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log;
events {{ worker_connections {1}; }}
http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u;
scgi_temp_path {0}/s; keepalive_requests 1000000; keepalive_timeout 300;
server {{ listen 172.16.1.1:8080 backlog=4096; location / {{ return 200 "{2}"; }} }} }}
"""


@pytest.mark.long
def test_the_connections_that_nginx_takes_are_found(engine, rpc, netns, tmp_path):  # noqa: F811
    """One worker of 300, of which its listening socket and its channel take two; when less than a sixteenth is free it closes
    those that are idle."""
    e, to = attached(engine, rpc, options=("--tap-ifs", "1", "--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8",
                                           "--tap-netns", netns))
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    conf = tmp_path / "nginx.conf"
    conf.write_text(NGINX.format(tmp_path, 300, "x" * 100))
    nginx = subprocess.Popen(["ip", "netns", "exec", netns, "nginx", "-p", str(tmp_path), "-c", str(conf)])
    try:
        wait_for(lambda: inside(netns, "curl", "-sf", "-o", "/dev/null", "http://172.16.1.1:8080/").returncode == 0)
        doc, said = searched("--goal", "concurrent", "--server-port", "none", "--src", "172.16.1.2", "--dest", "172.16.1.1", "--dport", "8080",
                             "--from", "50", "--to", "5000", "--resolution", "1", "--trickle", "1", *SHORT, *to)
    finally:
        nginx.terminate()
        nginx.wait(10)
    found = shape(doc)
    assert 300 - 300 // 16 - 3 <= found["level"] <= 300 - 300 // 16 and found["value"] == found["level"] and found["limit"] == "device", said


@pytest.mark.long
def test_the_generators_own_limit_is_said_to_be_its_own(ledger):  # noqa: F811
    """Nothing is between the ports of a ring pair: what fails there is the worker."""
    doc, said = searched("--goal", "transactions", "--app", "raw", "--resp-size", "1", "--sessions", "2000", "--from", "1000", "--to",
                         "50000000", "--factor", "20", "--resolution", "40", *SHORT, env=ledger.env)
    found = doc["result"]
    assert found["level"] >= 1000 and found["limit"] == "generator" and "the generator's" in found["limit_reason"], said


@pytest.mark.long
def test_a_bound_on_the_response_time_is_a_limit_too(engine, rpc):  # noqa: F811
    """A link of 10 ms each way: 20 ms hold, and nothing is faster."""
    _, to = attached(engine, rpc, "set tests faults port 1 direction both delay 10")
    args = ("--goal", "transactions", "--sessions", "100", "--from", "200", "--to", "200", *SHORT, *to)
    doc, _ = searched(*args, "--max-response", "30", "--max-response-p99", "40")
    of = doc["result"]["kpis"]["transaction_response_time_ms"]
    assert 20 * 127 / 128 < of["min"] <= of["avg"] < 25 and of["samples"] > 350, of
    doc, _ = searched(*args, "--max-response", "15", code=1)
    assert "mean response time" in doc["result"]["limit_reason"]
    doc, _ = searched(*args, "--max-response-p99", "15", code=1)
    assert "99th percentile of response times" in doc["result"]["limit_reason"]


def test_times_to_first_and_last_byte_are_those_of_the_link(engine, rpc):  # noqa: F811
    """10 ms each way. The SYN's answer comes after 20, the first byte after 40; 20 000 bytes are more than the first window's ten
    segments (RFC 6928), so that the last comes after 60."""
    _, to = attached(engine, rpc, "set tests faults port 1 direction both delay 10")
    doc, said = searched("--goal", "connections", "--resp-size", "20000", "--from", "100", "--to", "100", "--sessions", "100", *SHORT, *to)
    k = shape(doc)["kpis"]
    for of, ms in ((k["time_to_first_byte_ms"], 40), (k["time_to_last_byte_ms"], 60)):
        assert ms * 127 / 128 < of["min"] < ms + 10 and of["min"] <= of["avg"] <= of["max"], (of, said)
        assert of["min"] <= of["p50"] <= of["p90"] <= of["p99"] <= of["p99_9"] <= of["max"], of
        assert of["samples"] == pytest.approx(k["attempted_transactions"], abs=30)
    assert k["transaction_response_time_ms"]["samples"] is None
