"""Recordings: documents once or each interval, to standard output or into files that stay whole whatever happens."""
import contextlib
import csv
import io
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest
import schemas
from test_exporter import Exporter, prefix  # noqa: F401  fixture
from test_exporter_api import RING, START, WORLDS
from warp17 import EXPORTER, wait_for


class Recorder:
    """An exporter that records, as args say; what it prints is in out and err."""

    def __init__(self, tmp, prefix, *args, stdout=None):
        self.out, self.err = tmp / f"{time.monotonic_ns()}.out", tmp / f"{time.monotonic_ns()}.err"
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.proc = subprocess.Popen([EXPORTER, "--prefix", prefix, *map(str, args)], stdin=subprocess.DEVNULL,
                                         stdout=stdout or out, stderr=err)

    def said(self, what):
        return self.err.read_text().count(what)

    def stop(self, sig=signal.SIGTERM, code=0):
        t = time.monotonic()
        self.proc.send_signal(sig)
        assert self.proc.wait(6) == code, self.err.read_text()
        assert time.monotonic() - t < 2

    def kill(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()


@pytest.fixture
def record(tmp_path, prefix):  # noqa: F811
    """record(*options) starts one for the engine of prefix."""
    running = []

    def start(*args, **kw):
        running.append(Recorder(tmp_path, prefix, *args, **kw))
        return running[-1]

    yield start
    for r in running:
        r.kill()


def text_of(path):
    """Of a file of whole lines, in which one may be just being written."""
    text = ""
    for _ in range(50):
        text = pathlib.Path(path).read_text() if pathlib.Path(path).exists() else ""
        if text == "" or text.endswith("\n"):
            return text
        time.sleep(0.01)
    raise AssertionError(f"half a line stays: {text[-100:]}")


def lines(path):
    """The documents, each as its schema says."""
    return [schemas.check(json.loads(line)) for line in text_of(path).splitlines()]


def parts(docs):
    """Records, and gaps."""
    gap = [d for d in docs if d["schema"].startswith("warp17-gap/")]
    return [d for d in docs if d not in gap], gap


def table(path):
    return list(csv.DictReader(io.StringIO(text_of(path), newline=""), strict=True))


def flat(o, way=""):
    """As pandas.json_normalize: ways with dots to values."""
    if not isinstance(o, dict):
        return {way: o}
    return {k: v for key, value in o.items() for k, v in flat(value, f"{way}.{key}" if way else key).items()}


def run(*args, **kw):
    return subprocess.run([EXPORTER, *map(str, args)], capture_output=True, text=True, timeout=30, check=False, **kw)


# ---- options

@pytest.mark.parametrize("args, why", [
    (("--interval", "0"), "--interval: expected seconds, 0.01..86400, not '0'"),
    (("--interval", "1s"), "not '1s'"),
    (("--interval", "1", "--once"), "exclude each other"),
    (("--interval", "1", "--document", "weather"), "--document: expected stats, ports"),
    (("--interval", "1", "--format", "xml"), "--format: expected json, jsonl or csv"),
    (("--interval", "1", "--format", "csv", "--document", "events"), "--format csv has --document tests"),
    (("--interval", "1", "--count", "0"), "--count: expected"),
    (("--interval", "1", "--rotate-size", "1M"), "--rotate-size goes with --output"),
    (("--interval", "1", "--output", "x", "--rotate-keep", "1"), "--rotate-keep goes with --rotate-size"),
    (("--interval", "1", "--output", "x", "--format", "json", "--rotate-size", "1M"), "nothing to rotate"),
    (("--interval", "1", "--output", ""), "--output: expected a file"),
    (("--output", "x"), "go with --interval or --once"),
    (("--format", "csv"), "go with --interval or --once"),
    (("--once", "--count", "2"), "go with --interval"),
])
def test_wrong_options(args, why, tmp_path):
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 2 and why in done.stderr and not done.stdout and not list(tmp_path.iterdir()), done.stderr


def test_a_file_that_cannot_be(tmp_path, prefix):  # noqa: F811
    done = run("--prefix", prefix, "--interval", 1, "--output", tmp_path / "no" / "f")
    assert done.returncode == 1 and "cannot open: No such file" in done.stderr
    for text in ("precious", '{"schema":"other"}\n'):
        other = tmp_path / "mine"
        other.write_text(text)
        for args in ((), ("--format", "csv")):
            done = run("--prefix", prefix, "--interval", 1, "--output", other, *args)
            assert done.returncode == 1 and "cannot open: it holds something else" in done.stderr and other.read_text() == text


# ---- once

def test_once(engine, prefix, tmp_path):  # noqa: F811
    done = run("--prefix", prefix, "--once", "--document", "tests")
    assert done.returncode == 3 and "engine not running" in done.stderr
    done = run("--prefix", prefix, "--once", "--document", "schema")  # needs none
    assert done.returncode == 0 and schemas.check(json.loads(done.stdout))["engine"] is None
    e = engine(*RING, prefix=prefix)
    e.cli(*WORLDS["http"])
    done = run("--prefix", prefix, "--once", "--document", "tests", "--format", "jsonl")
    assert done.returncode == 0 and done.stdout.count("\n") == 1
    doc = schemas.check(json.loads(done.stdout))
    done = run("--prefix", prefix, "--once", "--format", "csv", "--output", tmp_path / "once.csv")
    assert done.returncode == 0 and not done.stdout
    assert [(r["port"], r["stats.tc.estab"]) for r in table(tmp_path / "once.csv")] == [("0", "0"), ("1", "0")]
    assert len(doc["tests"]) == 2
    done = run("--prefix", prefix, "--once", "--output", tmp_path / "once.json")
    assert done.returncode == 0 and schemas.check(json.loads((tmp_path / "once.json").read_text()))["lcores"]
    done = run("--prefix", prefix, "--once", "--document", "ports", "--output", "/dev/full")
    assert done.returncode == 1 and "cannot" in done.stderr


# ---- an interval

def test_lines_at_their_times(engine, record, prefix):  # noqa: F811
    e = engine(*RING, prefix=prefix)
    e.cli(*WORLDS["udp"], *START)
    r, other = (record("--interval", 0.2, "--count", 10, "--document", "tests") for _ in range(2))  # neither listens
    assert r.proc.wait(20) == other.proc.wait(20) == 0
    docs = lines(r.out)
    assert [d["seq"] for d in docs] == list(range(10)) and not parts(docs)[1]
    times = [d["timestamp"] for d in docs]
    # a machine under load makes some late, not one of them early by more than the next's lateness
    assert 1.6 < times[-1] - times[0] < 6 and all(b > a for a, b in zip(times, times[1:]))
    estab = [d["tests"][0]["stats"]["tc"]["tx_msgs"] for d in docs]
    assert estab == sorted(estab) and estab[-1] > estab[0]
    e.stop_tests(0, 1)
    r = record("--interval", 0.05, "--count", 2)
    assert r.proc.wait(20) == 0
    for t in lines(r.out)[-1]["test_cases"]:
        assert t["stats"]["tc"] == e.stats(t["port"], t["test_case_id"])


def test_rows_are_the_json_and_the_clis(engine, record, prefix, tmp_path):  # noqa: F811
    e = engine(*RING, prefix=prefix)
    empty = record("--interval", 0.05, "--count", 2, "--format", "csv")
    assert empty.proc.wait(20) == 0
    e.cli(*WORLDS["latency"], *START)
    wait_for(lambda: e.stats(1)["requests"] > 100)
    e.stop_tests(0, 1)
    for document in ("tests", "ports"):
        f = tmp_path / f"{document}.csv"
        r = record("--interval", 0.05, "--count", 3, "--format", "csv", "--document", document, "--output", f)
        assert r.proc.wait(20) == 0 and not r.out.read_text()
        doc = json.loads(run("--prefix", prefix, "--once", "--document", document).stdout)
        rows = table(f)
        assert [(x["seq"], x["port"]) for x in rows] == [(str(s), str(p)) for s in range(3) for p in (0, 1)]
        for row, o in zip(rows[-2:], doc[document]):
            assert row.pop("gap") == ""
            assert abs(time.mktime(time.strptime(row.pop("time")[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time()) < 60
            assert abs(float(row.pop("timestamp")) - time.time()) < 60 and row.pop("seq") == "2"
            assert row.pop("engine.start_time") == f"{doc['engine']['start_time']:.6f}"
            want = flat({k: v for k, v in o.items() if k not in ("config", "lcores", "apps")})
            for times in ("latency", "response_times"):
                if o.get(times):
                    want = {k: v for k, v in want.items() if not k.startswith("latency.recent") and ".histogram." not in k}
                else:
                    want = {k: v for k, v in want.items() if k != times}
                    assert all(row.pop(k) == "" for k in [k for k in row if k.startswith(f"{times}.")])
            assert set(row) == set(want)
            for k, v in want.items():
                text = {True: "true", False: "false", None: ""}.get(v) if v is None or isinstance(v, bool) else \
                    f"{v:.6f}" if isinstance(v, float) else str(v)
                assert row[k] == text, k
        if document == "tests":
            assert rows[-1]["stats.tc.requests"] == str(e.stats(1)["requests"])
            assert f.read_text().splitlines()[0] == empty.out.read_text().strip()


def test_json_is_the_newest_and_always_whole(engine, record, prefix, tmp_path):  # noqa: F811
    e, f = engine(*RING, prefix=prefix), tmp_path / "now.json"
    record("--interval", 0.02, "--format", "json", "--output", f)
    wait_for(f.exists)
    seen = set()
    end = time.monotonic() + 2
    while time.monotonic() < end:
        seen.add(json.loads(f.read_text())["seq"])
    assert len(seen) > 5
    e.kill()
    gap = wait_for(lambda: (d := json.loads(f.read_text()))["schema"] == "warp17-gap/1.0" and d)
    assert "gone" in schemas.check(gap)["why"] or "not running" in gap["why"]


def test_beside_http(engine, prefix, tmp_path):  # noqa: F811
    f = tmp_path / "r"
    x = Exporter(tmp_path, prefix, "--port", "0", "--interval", "0.1", "--output", str(f), "--document", "ports")
    try:
        e = engine(*RING, prefix=prefix)
        wait_for(x.ready)
        wait_for(lambda: len(lines(f)) > 3)
        assert x.stats()["engine"]["pid"] == e.proc.pid
        e.kill()
        wait_for(lambda: parts(lines(f))[1])
        assert x.get("/healthz")[0] == 200 and x.get("/api/v1/ports")[0] == 503
    finally:
        assert x.stop() == 0


def test_each_event_is_in_one_record(engine, record, prefix):  # noqa: F811
    e = engine(*RING, prefix=prefix)
    r = record("--interval", 0.05, "--document", "events")
    for i in range(5):
        e.cli("show version", options=("--name", f"n{i}"))
    wait_for(lambda: r.out.read_text().count('"n4"') >= 2)
    r.stop()
    numbers = [n["no"] for d in lines(r.out) for n in d["events"]]
    assert numbers == list(range(1, numbers[-1] + 1))


# ---- files

def test_rotation(engine, record, prefix, tmp_path):  # noqa: F811
    engine(*RING, prefix=prefix)
    f = tmp_path / "r"
    r = record("--interval", 0.02, "--count", 40, "--document", "ports", "--output", f, "--rotate-size", "64K", "--rotate-keep", "3")
    assert r.proc.wait(30) == 0 and not r.err.read_text().replace("\n", "").count("cannot")
    files = [tmp_path / f"r.{i}" for i in (3, 2, 1)] + [f]
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("r")) == ["r", "r.1", "r.2", "r.3"]
    docs = [d for p in files for d in lines(p)]
    seq = [d["seq"] for d in docs]
    assert seq == list(range(seq[0], 40)) and seq[0] > 0  # the oldest are gone, nothing in between
    assert all(p.stat().st_size <= 65536 for p in files)


def test_sighup_opens_anew(engine, record, prefix, tmp_path):  # noqa: F811
    engine(*RING, prefix=prefix)
    f, moved = tmp_path / "r.csv", tmp_path / "moved.csv"
    r = record("--interval", 0.05, "--format", "csv", "--document", "ports", "--output", f)
    wait_for(lambda: f.exists() and len(table(f)) > 4)
    f.rename(moved)
    n = len(table(moved))
    wait_for(lambda: len(table(moved)) > n)  # still the old one
    r.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: f.exists() and len(table(f)) > 4)
    r.stop()
    seq = [int(x["seq"]) for p in (moved, f) for x in table(p)]
    assert seq == [i // 2 for i in range(len(seq))]


def test_killed_at_any_time_lines_stay_whole(engine, record, prefix, tmp_path):  # noqa: F811
    engine(*RING, prefix=prefix)
    f, seen = tmp_path / "r", 0
    for i in range(6):
        r = record("--interval", 0.01, "--output", f, "--document", "stats")
        wait_for(lambda: f.exists() and f.stat().st_size > seen)
        time.sleep(random.random() * 0.1)
        r.kill()
        if i == 2:  # as a machine that lost its power
            with open(f, "r+b") as h:
                h.truncate(f.stat().st_size - 1000)
        seen = f.stat().st_size
    r = record("--interval", 0.01, "--output", f, "--count", 3)
    assert r.proc.wait(20) == 0
    docs = lines(f)
    assert len(docs) >= 8 and [d["seq"] for d in docs[-3:]] == [0, 1, 2]


def test_ended_by_sigterm_the_last_line_is_whole(engine, record, prefix, tmp_path):  # noqa: F811
    engine(*RING, prefix=prefix)
    for i in range(5):
        f = tmp_path / f"r{i}"
        r = record("--interval", 0.01, "--output", f)
        wait_for(lambda: f.exists() and f.stat().st_size > 100000)
        r.stop(random.choice((signal.SIGTERM, signal.SIGINT)))
        seq = [d["seq"] for d in lines(f)]
        assert seq == list(range(len(seq)))


@contextlib.contextmanager
def small_disk(at, size):
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)  # a recorder that failed may be there still


def test_a_full_disk(engine, record, prefix, tmp_path):  # noqa: F811
    e = engine(*RING, prefix=prefix)
    with small_disk(tmp_path / "disk", "2m") as disk:
        f, filler = disk / "r", disk / "filler"
        filler.write_bytes(b"x" * (1900 * 1024))  # without it there is room for 20 s
        r = record("--interval", 0.05, "--document", "ports", "--output", f)
        wait_for(lambda: r.said("cannot write: No space left on device"))
        time.sleep(1)
        assert r.proc.poll() is None and r.said("cannot write") == 1
        full = lines(f)  # whole lines, and no gap in them
        assert full and [d["seq"] for d in full] == list(range(len(full)))
        filler.unlink()
        wait_for(lambda: r.said("goes on"))
        wait_for(lambda: len(lines(f)) > len(full) + 2)
        r.stop(code=1)
        docs, (gap,) = parts(lines(f))
        assert gap["lost"] > 5 and gap["from"] >= full[-1]["timestamp"] and gap["timestamp"] > gap["from"]
        seq = [d["seq"] for d in docs]
        assert seq == [*range(len(full)), *range(len(full) + gap["lost"], seq[-1] + 1)]
        assert r.said(f"goes on, {gap['lost']} records were lost") == 1
        assert r.said(f"{gap['lost']} of {seq[-1] + 1} records were lost") == 1
        # and once more, CSV from its first byte on
        f.unlink()
        filler.write_bytes(b"x" * (2042 * 1024))
        r = record("--interval", 0.05, "--format", "csv", "--document", "ports", "--output", f)
        wait_for(lambda: r.said("No space left"))
        assert f.stat().st_size == 0
        filler.unlink()
        wait_for(lambda: f.stat().st_size > 0 and len(table(f)) > 5)
        r.stop(code=1)
        rows = table(f)
        assert "could not be written" in rows[0]["gap"] and all(x["gap"] == "" and x["stats.tcp.rx_pkts"] == "0" for x in rows[1:])
    assert e.proc.poll() is None


def test_standard_output_on_a_full_disk_and_without_a_reader(engine, record, prefix, tmp_path):  # noqa: F811
    engine(*RING, prefix=prefix)
    r, w = os.pipe()
    x = record("--interval", 0.05, "--document", "ports", stdout=w)
    os.close(w)
    with os.fdopen(r, "rb") as pipe:
        assert json.loads(pipe.readline())["seq"] == 0
    assert x.proc.wait(5) == 1 and x.said("Broken pipe") == 1
    with open("/dev/full", "w") as full:
        x = record("--interval", 0.05, "--document", "ports", stdout=full)
        wait_for(lambda: x.said("No space left"))
        time.sleep(0.5)
        x.stop(code=1)
        assert x.said("No space left") == 1


# ---- engines that come and go

@pytest.mark.parametrize("how", [pytest.param("jsonl", marks=pytest.mark.long), "csv"])
def test_engines_come_and_go(engine, record, prefix, tmp_path, how):  # noqa: F811
    f = tmp_path / "r"
    r = record("--interval", 0.1, "--document", "ports", "--format", how, "--output", f)
    wait_for(lambda: r.said("not running"))
    time.sleep(0.5)
    assert f.read_text() == ""  # nothing was there that could be missed

    def read():
        if how == "jsonl":
            return [(d["seq"], d.get("why", ""), (d["engine"] or {}).get("start_time")) for d in lines(f)]
        return [(int(x["seq"]), x["gap"], float(x["engine.start_time"] or 0) or None) for x in table(f) if x["port"] in ("", "0")]

    for n in range(1, 4):
        e = engine(*RING, prefix=prefix)
        wait_for(lambda: len(read()) > 3 and read()[-1][1] == "")
        assert len({x[2] for x in read() if x[2]}) == n
        count = len(read())
        wait_for(lambda: len(read()) > count + 3)
        if n == 1:
            e.kill()
            e.stop()
        else:
            e.stop()
        wait_for(lambda: read()[-1][1])
        time.sleep(0.5)
        assert sum(bool(x[1]) for x in read()) == n, read()
    r.stop()
    seen = read()
    assert [x[0] for x in seen if not x[1]] == list(range(len(seen) - 3))
    assert r.said("cannot write") == 0


def test_an_engine_that_does_not_move(engine, record, prefix):  # noqa: F811
    e = engine(*RING, prefix=prefix)
    r = record("--interval", 0.1, "--document", "ports")
    wait_for(lambda: len(lines(r.out)) > 3)
    e.proc.send_signal(signal.SIGSTOP)
    (gap,) = wait_for(lambda: parts(lines(r.out))[1])
    n = len(lines(r.out))
    time.sleep(1)
    assert "has not moved" in gap["why"] and len(lines(r.out)) == n
    e.proc.send_signal(signal.SIGCONT)
    wait_for(lambda: len(lines(r.out)) > n + 3)
    r.stop()
    docs, gaps = parts(lines(r.out))
    assert len(gaps) == 1 and [d["seq"] for d in docs] == list(range(len(docs)))


def test_the_count_goes_on_over_engines(engine, record, prefix, tmp_path):  # noqa: F811
    f = tmp_path / "r"
    r = record("--interval", 0.2, "--count", 12, "--document", "ports", "--output", f)
    e = engine(*RING, prefix=prefix)
    wait_for(lambda: len(lines(f)) >= 4)
    e.kill()
    e.stop()
    wait_for(lambda: parts(lines(f))[1])
    engine(*RING, prefix=prefix)
    assert r.proc.wait(20) == 0
    docs, gaps = parts(lines(f))
    assert [d["seq"] for d in docs] == list(range(12)) and len(gaps) == 1
    assert len({d["engine"]["pid"] for d in docs}) == 2


def test_what_is_lost_is_counted_over_engines(engine, record, prefix, tmp_path):  # noqa: F811
    """The next image of the program goes on though the disk is full, and says nothing twice."""
    with small_disk(tmp_path / "disk", "256k") as disk:
        f = disk / "r"
        r = record("--interval", 0.1, "--document", "ports", "--output", f)
        e = engine(*RING, prefix=prefix)
        wait_for(lambda: r.said("No space left"), 30)
        e.kill()
        e.stop()
        wait_for(lambda: r.said("not running"))
        engine(*RING, prefix=prefix)
        wait_for(lambda: r.said("serves the engine") == 2)
        time.sleep(0.5)
        before = lines(f)
        f.rename(tmp_path / "disk" / "full")
        r.proc.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert r.proc.poll() is None and r.said("cannot write") == 1
        (disk / "full").unlink()
        wait_for(lambda: f.exists() and len(lines(f)) > 2)
        r.stop(code=1)
        docs, (gap,) = parts(lines(f))
        assert docs[0]["seq"] == parts(before)[0][-1]["seq"] + 1 + gap["lost"]
        assert docs[0]["engine"]["pid"] != parts(before)[0][-1]["engine"]["pid"]
