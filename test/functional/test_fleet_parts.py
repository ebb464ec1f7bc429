"""What warp17-fleet is made of, against answers that are known: clocks, histograms, sums, the common start. No engine."""
import math
import random
import re
import threading
import time

import pytest
from pyclient import client  # first: the package goes by the name warp17_client here
from warp17 import TOP
from warp17_client import clock, fleet, fleet_crew, fleet_main, fleet_sums, tool
from warp17_client.histogram import BUCKETS, QUANTILES, Histogram, bucket_of, least_of, middle_of

# ---- clocks


class FarClock:
    """A clock that is off and runs away, behind a network whose two ways take different times. Time is its own."""

    def __init__(self, offset_ns, ppm=0.0, seed=1):
        self.now, self.offset, self.ppm, self.random = 10**12, offset_ns, ppm, random.Random(seed)
        self.real = 1_700_000_000_000_000_000

    def mono(self):
        return self.now + self.offset + round((self.now - 10**12) * self.ppm / 1e6)

    def ping(self):
        self.now += self.random.randrange(20_000, 2_000_000)
        mono = self.mono()
        self.now += self.random.randrange(20_000, 5_000_000)
        return {"mono_ns": mono, "realtime_ns": mono + self.real}

    def measure(self, rounds=40):
        return clock.measure(self.ping, rounds, now_ns=lambda: self.now)


@pytest.mark.parametrize("offset", [0, 1, -7 * 10**18 // 10**6, 86_400_000_000_000, -3_000_000])
def test_an_offset_is_within_what_is_said_of_it_and_more_rounds_say_more(offset):
    for seed in range(50):
        far = FarClock(offset, seed=seed)
        few, many = far.measure(2), far.measure(200)
        for c in (few, many):
            assert abs(c.mono.offset_ns - offset) <= c.mono.uncertainty_ns
            assert c.real.offset_ns - c.mono.offset_ns == far.real
        assert many.mono.uncertainty_ns < 500_000


def test_a_drift_is_found_and_a_time_in_between_is_mapped():
    far = FarClock(5_000_000_000, ppm=80.0)
    begin = far.measure()
    middle = far.now = far.now + 300 * 10**9
    theirs = far.mono()
    far.now += 300 * 10**9
    end = far.measure()
    d = clock.drift(begin.mono, end.mono)
    assert abs(d.ppm - 80) <= d.uncertainty_ppm < 5 and d.plausible and 600 < d.seconds < 601
    line = clock.Timeline(begin.mono, end.mono)
    assert abs(line.ours(theirs) - middle) <= line.offset_at(middle).uncertainty_ns + 1
    assert not clock.was_set(begin, end)
    assert abs(begin.mono.ours(theirs) - middle) > 20_000_000  # with one measurement alone it would be off


def test_a_clock_that_was_set_is_found_out():
    far = FarClock(0)
    begin = far.measure()
    far.now += 10**9
    far.real += 50_000_000
    assert clock.was_set(begin, far.measure())
    other = FarClock(10**10)  # and one that is another machine's
    other.now = far.now + 10**9
    assert not clock.drift(begin.mono, other.measure().mono).plausible


def test_the_clock_of_this_machine_is_ours():
    c = clock.measure(lambda: {"mono_ns": time.monotonic_ns(), "realtime_ns": time.time_ns()})
    assert abs(c.mono.offset_ns) <= c.mono.uncertainty_ns < 1_000_000
    with pytest.raises(ValueError):
        clock.measure(dict, 0)


# ---- histograms


def test_buckets_are_those_of_the_engine():
    """common/stats/histogram.h says how many, and that the middle is within 1/128."""
    text = (TOP / "common/stats/histogram.h").read_text()
    sub, top = (int(re.search(rf"#define {n} (\d+)", text)[1]) for n in ("HIST_SUB_BITS", "HIST_TOP_BITS"))
    assert BUCKETS == (top - sub + 1) << sub
    assert [least_of(b) for b in range(129)] == list(range(129)) and least_of(129) == 130
    for b in range(BUCKETS):
        least = least_of(b)
        assert bucket_of(least) == b and (b == 0 or bucket_of(least - 1) == b - 1)
        assert bucket_of(middle_of(b)) == b and middle_of(b) - least <= max(0, least / 128)
    assert bucket_of(1 << 60) == BUCKETS - 1


def samples(rng):
    kind = rng.randrange(4)
    n = rng.choice((0, 1, 2, 10, 1000))
    if kind == 0:
        return [rng.randrange(1, 300) for _ in range(n)]
    if kind == 1:
        return [int(rng.lognormvariate(11, 2)) for _ in range(n)]
    if kind == 2:
        return [rng.choice((900, 10**9)) for _ in range(n)]
    return [rng.randrange(1 << 40) for _ in range(n)]


@pytest.mark.parametrize("seed", range(200))
def test_merged_histograms_are_that_of_the_union(seed):
    rng = random.Random(seed)
    parts = [samples(rng) for _ in range(rng.randrange(1, 6))]
    union = [v for p in parts for v in p]
    merged = Histogram()
    for p in parts:
        merged.merge(Histogram.of(p))
    assert merged.document() == Histogram.of(union).document()
    if not union:
        assert merged.quantile(0.5) is None
        return
    for _, of in QUANTILES:  # and is what the samples say, within a bucket
        exact = sorted(union)[max(1, math.ceil(of * len(union))) - 1]
        assert bucket_of(merged.quantile(of)) == bucket_of(exact)


def test_percentiles_do_not_add_up_but_histograms_do():
    """Why buckets are needed: no mean of percentiles is the percentile."""
    a, b = Histogram.of([100] * 980 + [10**6] * 20), Histogram.of([200] * 1985 + [5000] * 15)
    each = [bucket_of(h.quantile(0.99)) for h in (a, b)]
    assert each == [bucket_of(10**6), bucket_of(200)]
    a.merge(b)
    assert bucket_of(a.quantile(0.99)) == bucket_of(5000)


def test_a_histogram_of_a_view_is_checked():
    view = lambda rows, n=3: {"latency": {"global": {"samples": n, "avg_ns": 100, "min_ns": 90, "max_ns": 130}}, "buckets": rows}
    h = Histogram.of_view(view([[90, 1], [100, 1], [130, 1]]))
    assert (h.samples, h.min_ns, h.max_ns, h.sum_ns) == (3, 90, 130, 300) and h.rows() == [[90, 1], [100, 1], [130, 1]]
    assert Histogram.of_view(view([], 0)).samples == 0
    with pytest.raises(ValueError, match="older than"):
        Histogram.of_view({"latency": view([])["latency"]})
    with pytest.raises(ValueError, match="least value of a bucket"):
        Histogram.of_view(view([[131, 1]]))


# ---- sums


def test_kinds_of_counters_are_those_of_the_reference():
    group, seen = None, 0
    for line in (TOP / "doc/counters.md").read_text().splitlines():
        heading = re.match(r"## (\w+)$", line)
        group = heading[1] if heading else group
        row = re.match(r"\| [^|]+ \| `(\w+)` \| (counter|now|largest) \|", line)
        if row:
            seen += 1
            assert fleet_sums.kind_of(group, row[1]) == row[2], (group, row[1])
    assert seen > 200


def test_counters_add_up_gauges_do_not_and_the_largest_is_the_largest():
    table = fleet_sums.counters_table({"a": {"port": {"tx_pkts": 5}, "tsm": {"in_estab": 7}, "lcore": {"longest": 3}},
                                       "b": {"port": {"tx_pkts": 8}, "tsm": {"in_estab": 9}, "lcore": {"longest": 2}}})
    assert table["columns"] == ["group", "name", "kind", "total", "a", "b"]
    assert table["rows"] == [["port", "tx_pkts", "counter", 13, 5, 8], ["tsm", "in_estab", "now", None, 7, 9],
                             ["lcore", "longest", "largest", 3, 3, 2]]


def port(tx, rx, ipv6=0, missed=0, tx_errors=0, asked=0, heard=0, flooded=0):
    """asked, heard: ARP sent and received."""
    return {"port": {"tx_pkts": tx, "rx_pkts": rx}, "eth": {"rx_ipv6": ipv6, "rx_other": 0, "rx_arp": heard},
            "arp": {"tx_req": asked, "tx_rep": 0}, "drop": {"eth_not_mine": flooded},
            "device": {"rx_missed": missed, "rx_errors": 0, "tx_errors": tx_errors}}


@pytest.mark.parametrize("a, b, loss, fits, lost, words", [
    (port(100, 50), port(50, 100), 0, True, 0, "0 lost"),
    (port(100, 50), port(50, 99), 0, False, 1, "1 lost on the way"),
    (port(100, 50), port(50, 99), 1, True, 1, "1 lost on the way"),
    (port(100, 50), port(50, 40), None, True, 60, "60 lost in the device under test"),
    (port(100, 50), port(50, 97, missed=3), 0, False, 0, "3 rx_missed"),
    (port(100, 50), port(50, 97, missed=3), 3, True, 0, "3 rx_missed"),
    (port(100, 50, tx_errors=2), port(50, 97), 2, False, 1, "2 tx_errors"),
    (port(100, 50), port(50, 108, ipv6=8), 0, True, 0, "100 received"),
    (port(100, 50), port(50, 107, flooded=7), 0, True, 0, "100 received"),
    (port(100, 50, asked=1), port(50, 99), 0, False, 1, "1 lost on the way"),
    (port(100, 50), port(50, 101), None, False, -1, "1 more than were sent"),
])
def test_what_is_sent_is_received_or_lost_by_name(a, b, loss, fits, lost, words):
    n = fleet_sums.Network("wire", [("a", 0), ("b", 3)], loss)
    there, back = fleet_sums.ways([n], {("a", 0): a, ("b", 3): b})
    assert (there.fits, there.lost) == (fits, lost) and words in there.sentence() and there.sentence().startswith("a:0 to b:3: ")
    assert back.fits and (back.sent, back.received) == (50, 50)
    assert there.document()["fits"] is fits


def test_a_network_of_three_is_summed_up():
    n = fleet_sums.Network("lab", [("a", 0), ("b", 0), ("c", 0)])
    (way,) = fleet_sums.ways([n], {("a", 0): port(100, 60), ("b", 0): port(30, 50), ("c", 0): port(20, 40)})
    assert (way.sent, way.received, way.fits) == (150, 150, True) and way.sender == "a:0 + b:0 + c:0"


def test_a_switch_copies_what_goes_to_all():
    """a asks all, b answers it alone; a packet to b is flooded to c, and one of c is lost."""
    n = fleet_sums.Network("lab", [("a", 0), ("b", 0), ("c", 0)])
    a, b, c = port(101, 51, asked=1, heard=1), port(31, 61, asked=1, heard=1), port(20, 41, heard=1, flooded=1)
    (way,) = fleet_sums.ways([n], {("a", 0): a, ("b", 0): b, ("c", 0): c})
    assert (way.sent, way.received, way.lost, way.foreign) == (150, 149, 1, 4)


def test_rates_are_summed_at_the_same_times():
    """Two counters that grow evenly, looked at at different times: their rates add up exactly."""
    a = [(t / 10, 1000 * t / 10) for t in range(0, 101, 7)]
    b = [(t / 10 + 0.33, 250 * (t / 10 + 0.33) + 77) for t in range(0, 101, 9)]
    table = fleet_sums.rates_table({"requests_per_second": [a, b]}, 1.0)
    assert table["columns"] == ["time_s", "requests_per_second"] and len(table["rows"]) == 10
    assert table["rows"][0] == [0.33, None]
    assert all(abs(row[1] - 1250) < 0.01 for row in table["rows"][1:])
    assert fleet_sums.rates([a, b[:3]], [0.5, 1.5, 5.0]) == [None, 1250.0, None]  # nobody looked at b any more
    assert fleet_sums.rates_table({"x": []}, 1)["rows"] == []


def test_rates_of_a_long_run_of_many_engines_are_soon_there():
    """As many samples as are kept, of 64 engines: half a second, where each row once went through all samples (23 s)."""
    points = [[(t + e / 64, 3.0 * t) for t in range(3600)] for e in range(64)]
    began = time.process_time()
    table = fleet_sums.rates_table({"x": points}, 1.0)
    assert time.process_time() - began < 5 and len(table["rows"]) > 3500 and table["rows"][9][1] == 192.0


# ---- the common start


class Member:
    def __init__(self):
        self.began = None

    def start(self):
        self.began = time.monotonic_ns()


def near():
    return clock.measure(lambda: {"mono_ns": time.monotonic_ns(), "realtime_ns": time.time_ns()})


def test_members_start_together():
    members = {n: Member() for n in "abc"}
    clocks = {n: near() for n in members}
    with fleet_crew.Crew(members) as crew:
        instant = fleet_crew.start_together(crew, list(members), Member.start, clocks)
    assert all(0 <= m.began + clocks[n].mono.uncertainty_ns - instant < 500_000_000 for n, m in members.items())
    lines = {n: clock.Timeline(c.real, c.real) for n, c in clocks.items()}
    real = {n: m.began + c.real.offset_ns for (n, m), c in zip(members.items(), clocks.values())}
    s = fleet_crew.spread(real, lines, instant)
    assert s["spread_ns"] == max(m.began for m in members.values()) - min(m.began for m in members.values())
    assert {x["engine"] for x in s["starts"]} == set(members) and s["uncertainty_ns"] > 0


def test_steps_are_done_side_by_side_and_the_first_error_is_named():
    both = threading.Barrier(2, timeout=10)  # breaks unless both are there at once
    with fleet_crew.Crew({"a": 1, "b": 2}) as crew:
        assert crew.each("meet", lambda m: (both.wait(), m * 10)[1]) == {"a": 10, "b": 20}

        def fail(m):
            if m == 2:
                raise client.ConnectionLost("gone")
            return m
        with pytest.raises(fleet_crew.EngineLost, match="b: look: gone") as e:
            crew.each("look", fail)
        assert (e.value.engine, e.value.exit_code) == ("b", 3)
        with pytest.raises(fleet_crew.EngineLost, match="^a: look: gone; b: look: gone$"):
            crew.each("look", lambda m: fail(2))
        out = crew.outcomes(fail)
        assert out["a"] == 1 and isinstance(out["b"], client.ConnectionLost)
        with pytest.raises(ZeroDivisionError):
            crew.each("a mistake of ours", lambda m: m // 0)


def test_who_interrupts_a_crew_does_not_keep_it_from_what_it_has_to_do():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with fleet_crew.Crew({"a": 1}) as crew:
            crew._threads["a"].submit(time.sleep, 0.2)
            crew._threads["a"].submit(done.append, "left as it was found")
            raise KeyboardInterrupt
    assert done


# ---- how it ends


@pytest.mark.parametrize("error, status", [
    (client.ConnectionLost("gone"), 3), (client.Refused("another's"), 4), (client.WaitTimedOut("no link"), 5), (client.CommandFailed("no"), 2),
    (client.LaunchFailed("no"), 3), (client.LaunchFailed("no", data={"exit_code": 2}), 2), (client.LaunchFailed("no", data={"exit_code": 5}), 5)])
def test_the_exit_status_is_that_of_why_an_engine_was_lost(error, status):
    assert fleet_main.status_of(fleet_crew.EngineLost("a", "set up", error)) == status


def test_a_mistake_of_ours_is_no_test_case_that_failed(capsys):
    assert tool.ended("warp17-fleet", lambda: 1 // 0) == 2
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said and "warp17-fleet: error: the lines above are a mistake of this program" in said


def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tool.time, "strftime", lambda form: "warp17-fleet-now")
    with tool.folder("warp17-fleet", None, False) as a, tool.folder("warp17-fleet", None, False) as b:
        assert a != b and a.is_dir() and b.is_dir()


def test_engines_of_several_versions_are_told_of():
    assert fleet.unlike([{"name": n, "version": "1"} for n in "ab"]) == []
    assert fleet.unlike([{"name": "a", "version": "1"}, {"name": "b", "version": "2"}]) == ["engines are not of one version: a 1, b 2"]


def test_a_name_that_can_be_no_hosts_is_not_reached():
    with pytest.raises(client.ConnectionLost, match="cannot reach a..b:1"):
        client.Warp17("a..b:1")
