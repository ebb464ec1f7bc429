"""What measures speed: that it finds what was lost, compares by the ceiling, knows every file of the packet path."""
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from warp17 import TOP

sys.path.insert(0, str(TOP / "test/bench"))
import bench  # noqa: E402
import forty  # noqa: E402
import look  # noqa: E402
import noise  # noqa: E402
import pairs  # noqa: E402
import scaling  # noqa: E402
import stages  # noqa: E402
import watched  # noqa: E402
import works  # noqa: E402


def run(program, *args, **kw):
    return subprocess.run([sys.executable, TOP / "test/bench" / program, *args], capture_output=True, text=True, timeout=120, **kw)


def test_each_file_of_the_packet_path_has_a_stage():
    files = [p for d in ("l1_port", "l2_eth", "l3_ip", "l4_conn", "l4_tcp", "l4_udp", "l7_app", "lcore", "traffic")
             for p in (TOP / "engine" / d).iterdir()]
    assert len(files) > 50
    assert [p for p in files if stages.stage(stages.short(str(p))) == "other"] == []
    assert {stages.stage(stages.short(str(p))) for p in files} | {"ring", "buffers", "other", "harness"} == set(stages.ORDER)


def test_callgrind_lines_are_own_costs(tmp_path):
    """Relative line numbers, compressed names, code of other files inlined; what callees cost is theirs."""
    out = tmp_path / "callgrind.out"
    out.write_text("version: 1\nevents: Ir Dr\nfl=(1) engine/l4_tcp/tcp_in.c\nfn=(7) tcp_in\n10 5 1\n+2 3\n"
                   "fi=(2) engine/l4_conn/flow.c\n* 4 2\nfe=(1)\ncfi=(2)\ncfn=(8) flow_find\ncalls=1 90\n20 1000 7\n-8 6\nfn=(8)\nfl=(2)\n90 11\n")
    costs = stages.callgrind(out)
    assert costs.lines == {("engine/l4_tcp/tcp_in.c", 10): [5, 1], ("engine/l4_tcp/tcp_in.c", 12): [9, 0],
                           ("engine/l4_conn/flow.c", 12): [4, 2], ("engine/l4_conn/flow.c", 90): [11, 0]}
    assert costs.functions == {("tcp_in", "tcp"): [14, 1], ("tcp_in", "lookup"): [4, 2], ("flow_find", "lookup"): [11, 0]}
    assert dict(costs.by_stage()) == {"tcp": [14, 1], "lookup": [15, 2]}


def test_compare_tells_who_is_slower():
    def doc(**figures):
        return {"works": {k: {"figure_by_ceiling": v} for k, v in figures.items()}}

    assert bench.compare(doc(a=1.0, b=1.0, c=1.0), doc(a=0.86, b=0.84, d=0.1)) == ["b"]


def test_turns_and_what_they_found():
    def at(time, **counters):
        return SimpleNamespace(time=time, lcores=[{"lcore": counters}], noise=SimpleNamespace(since=lambda earlier: {}))

    w = look.Window(at(10.0, loops=1000, busy_cycles=10, all_cycles=1000), at(12.0, loops=5000, busy_cycles=30, all_cycles=2000))
    assert w.turns_per_s() == 2000 and w.busy_percent() == 2.0 > bench.IDLE_PERCENT


def test_noise_is_told():
    quiet = {"steal_percent": 0.0, "other_load_percent": 1.0, "worker_wait_percent": 0.1}
    assert noise.why_not_trusted(quiet) == ""
    assert "worker_wait_percent 3.0" in noise.why_not_trusted(quiet | {"worker_wait_percent": 3.0})
    assert noise.worst([quiet, quiet | {"steal_percent": 2.5}])["steal_percent"] == 2.5


def test_a_median_has_an_interval_by_order_statistics():
    """Tabled ranks of the sign test's interval: 95 % of 6, 10, 20 and 100 values. Order is no matter, nor how far the others are."""
    for n, k in ((6, 1), (10, 2), (20, 6), (100, 40)):
        assert pairs.median_interval(range(n, 0, -1)) == (k, n + 1 - k)
    assert pairs.estimate([1.0] * 9 + [1e9]) == {"median": 1.0, "low": 1.0, "high": 1.0}
    with pytest.raises(AssertionError, match="5 values are too few"):
        pairs.median_interval(range(5))


@pytest.mark.parametrize("low,high,noisy,what", [
    (0.991, 0.999, "", pairs.HOLDS), (0.98, 0.989, "", pairs.MISSES), (0.98, 0.989, "steal_percent 3.0", pairs.UNTOLD), (0.97, 1.01, "", pairs.UNTOLD)])
def test_a_ratio_is_missed_only_when_no_chance_can_be_the_reason(low, high, noisy, what):
    assert pairs.verdict({"low": low, "high": high}, 0.99, noisy) == what


def test_noise_of_slices_is_that_of_all_their_time():
    """Ticks are too coarse for a slice by itself; what lies between slices is in none."""
    def at(all, steal, wait_ns, run_ns):
        return SimpleNamespace(noise=SimpleNamespace(all=all, busy=0, ours=0, steal=steal, run_ns=run_ns, wait_ns=wait_ns))

    found = [SimpleNamespace(a=at(0, 0, 0, 0), b=at(40, 1, 10, 190)), SimpleNamespace(a=at(100, 30, 900, 500), b=at(160, 31, 910, 790))]
    assert watched.noise_of(found) == {"steal_percent": 2.0, "other_load_percent": 0.0, "worker_wait_percent": 4.0}


def test_a_crowd_that_looks_too_little_or_is_not_silent_proves_nothing():
    told = {"scrapes_per_s": 39.6, "cli_answers_per_s": 9.9, "events_per_s": 4.0, "bad": 0}
    assert watched.what_was_missed(told, {"exporter": 0.0, "cli": 0.01}) == {}
    assert watched.what_was_missed(told | {"scrapes_per_s": 20.0, "bad": 2}, {"exporter": 2.0, "cli": 0.0}) == {
        "scrapes_per_s": 20.0, "refused": 2, "exporter while silent": 2.0}


def test_example_6_scaled():
    lines, n = forty.commands(1)
    assert n == 40_000_000 and "sport 10000 59999" in "\n".join(lines)
    lines, n = forty.commands(50)
    assert n == 800_000 and "sport 10000 10999" in "\n".join(lines) and any("clients-estab 800000" in x for x in lines)


@pytest.mark.parametrize("program,args,env,why", [
    ("bench.py", ["nonsense"], {}, "unknown work nonsense, expected sessions"), ("bench.py", ["--runs", "0"], {}, "--runs"),
    ("forty.py", [], {"SCALE": "0"}, "SCALE: expected a number, 1..50000, not '0'"), ("profile.py", ["nonsense"], {}, "nonsense"),
    ("scaling.py", ["bulk"], {}, "unknown work bulk, expected sessions http_100 raw64_10k"), ("scaling.py", ["--runs", "0"], {}, "--runs")])
def test_bad_arguments(program, args, env, why):
    done = run(program, *args, env={"PATH": "/usr/bin:/bin", **env})
    assert done.returncode == 2 and why in done.stderr and not done.stdout


def test_bench_lists_its_works():
    assert [x.split()[0] for x in run("bench.py", "--list").stdout.splitlines()] == [w.name for w in bench.ALL]


def test_scaling_has_pairs_of_ports_and_lcores():
    """Each pair its own ports, both of them on one worker; each worker as many sessions as the one."""
    work = next(w for w in works.WORKS if w.name == "sessions")
    one, pairs, queues, other = scaling.LAYOUTS
    lines = scaling.commands(pairs.work(work), pairs.pairs)
    assert len(lines) == 2 * len(work.commands()) and set(work.commands()) < set(lines)
    second = [x for x in lines if "port 2" in x or "port 3" in x]
    assert len(second) == len(work.commands()) and "sport 10000 10099 dest 10.0.0.253 10.0.0.253 dport 6000 6000" in "\n".join(second)
    assert pairs.qmap == ("--qmap", "0.2", "--qmap", "1.2", "--qmap", "2.4", "--qmap", "3.4") and pairs.options(work)[:2] == ("--ring-if-pairs", "2")
    assert [x.work(work).n * x.pairs for x in scaling.LAYOUTS] == [100, 200, 200, 100]
    assert one.lcores != other.lcores and pairs.lcores == queues.lcores


def test_scaling_is_to_the_mean_of_both_cpus():
    def figure(x):
        return {"median": x, "without_waits": {"median": 2 * x}}

    r = {"one": figure(90), "one_other_cpu": figure(110), "two_pairs": figure(190), "two_queues": {"lost": {"error": "x"}}}
    scaling.ratios(r)
    assert r["two_pairs"]["ratio"] == 1.9 == r["two_pairs"]["ratio_without_waits"] and "ratio" not in r["two_queues"]


@pytest.mark.long
def test_a_work_is_measured():
    """Sessions that end and come back: the figure, packets, noise, and that nothing was lost."""
    subprocess.run(["make", "-s", "-C", TOP, "build/release/test/bench/ceiling_bench"], check=True, timeout=300)
    done = run("bench.py", "--runs", "1", "sessions", "latency")
    assert done.returncode == 0, done.stderr
    doc = json.loads(done.stdout)
    r = doc["works"]["sessions"]
    assert r["lost"] == {} and 0 < r["min"] <= r["median"] <= r["max"]
    assert 5.9 < r["packets_per_s"] / r["median"] < 6.1  # SYN, SYN-ACK, request, response with FIN, FIN, ACK
    assert 0 < r["fraction_of_ceiling"] < 1 and 0 < doc["bytes_per_tcp_endpoint"]["median"] < 400
    assert "sessions" in done.stderr
    r = doc["works"]["latency"]
    assert r["lost"] == {} and 0 < r["p50"]["median"] <= r["p99"]["median"] <= r["p99_9"]["median"]
    assert r["p50"]["median"] >= r["p50_request"]["median"] > 0 and 100 < r["requests_per_s"]["median"] < 2000
    assert "p50" in done.stderr and "goal p50 5, p99 50" in done.stderr


def test_looks_are_measured(tmp_path, monkeypatch):
    """A few pairs: all who look are served, and silent in between; how often they look is another's matter, when others load the machine."""
    monkeypatch.setattr(watched, "PAIRS", 10)
    assert look.hugepages("ensure", "400", str(os.getpid()))
    try:
        r = watched.WATCHED[0].run(tmp_path, 1)
    finally:
        look.hugepages("release", str(os.getpid()))
    assert set(r["lost"]) <= {"ratio", "scrapes_per_s", "cli_answers_per_s", "events_per_s"}, r
    assert r["pairs"] == 10 and 0 < r["ratio"]["low"] <= r["ratio"]["median"] <= r["ratio"]["high"]
    assert r["without"]["median"] > 0 and r["crowd"]["scrapes_per_s"] > 0 and r["crowd"]["cli_answers_per_s"] > 0
    assert r["cpu_percent_silent"]["exporter"] == 0.0 < r["cpu_percent"]["exporter"]


def test_forty_small():
    """All up at the same time, twice; closed in order; each phase measured."""
    done = run("forty.py", env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SCALE": "5000", "SECONDS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    doc = json.loads(done.stdout)
    assert doc["sessions"] == 8000 and doc["passed"] and doc["failures"] == {}
    assert list(doc["phases"]) == ["opening_alone", "closing_alone", "opening_with_requests", "requests", "closing"]
    assert doc["phases"]["opening_alone"]["responses"] == 0 < doc["transactions_per_s"]
