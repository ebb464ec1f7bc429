"""What it costs a worker that others look at its engine: windows with the whole crowd of crowd.py and without, alternating. The
worker has one CPU, everything else the others."""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import noise
from look import lost
from stamps import Special
from warp17 import EXPORTER, wait_for
from windows import settled, spread, started, windows_running
from works import Work, http

PAIRS_LEAST = 5
RATIO_LEAST = 0.99


def worker_cpus(pid):
    """The CPUs that the engine's workers have to themselves."""
    cpus = set()
    for t in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (t / "comm").read_text().startswith("rte-worker"):
            cpus |= os.sched_getaffinity(int(t.name))
    return cpus


@contextmanager
def beside(e):
    """Whatever is started meanwhile is not on the workers' CPUs."""
    was = os.sched_getaffinity(0)
    others = was - worker_cpus(e.proc.pid)
    assert others, "every CPU is a worker's"
    os.sched_setaffinity(0, others)
    try:
        yield
    finally:
        os.sched_setaffinity(0, was)


@contextmanager
def crowd(e, told):
    """An exporter, and those who look; what they did is appended to told."""
    with tempfile.TemporaryFile("w+") as err:
        x = subprocess.Popen([EXPORTER, "--prefix", e.prefix, "--port", "0"], stdin=subprocess.DEVNULL, stderr=err)
        c = None
        try:
            def text():
                err.seek(0)
                return err.read()
            port = wait_for(lambda: re.search(r"listening on .*:(\d+)\n", text()))[1]
            wait_for(lambda: up(port), 20)
            c = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("crowd.py"), port, e.prefix],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            e.companions = [x.pid, c.pid, *wait_for(lambda: children(c.pid), 20)]
            began = cpu_s(x.pid)
            yield
            took = cpu_s(x.pid) - began
            out = c.communicate("", timeout=30)[0]
            assert c.returncode == 0 and x.poll() is None, text()
            seen = json.loads(out)
            told.append({**seen, "exporter_cpu_percent": round(100 * took / seen["seconds"], 1)})
        finally:
            e.companions = []
            for p in (c, x):
                if p is not None and p.poll() is None:
                    p.terminate()
                    p.wait(10)


def up(port):
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}/readyz"],
                          capture_output=True, text=True)
    return done.stdout == "200"


def children(pid):
    return [int(x) for x in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_s(pid):
    return sum(noise.process_ticks(pathlib.Path(f"/proc/{pid}/stat").read_text())) / noise.HZ


def what_was_missed(told):
    """A crowd that did not look as often as it was to proves nothing."""
    failed = {}
    for t in told:
        if t["scrapes_per_s"] < 38 or t["bad"]:
            failed["scrapes a second"] = t["scrapes_per_s"], t["bad"]
        if t["cli_answers"] < 0.9 * t["cli_asked"] or t["cli_asked"] < 9 * t["seconds"]:
            failed["answers of the CLI"] = t["cli_answers"], t["cli_asked"]
    return failed


def cost(e, special, runs):
    """Pairs of windows; what one pair begins with, the next ends with."""
    rates, bare, windows, told, failed = {0: [], 1: []}, {0: [], 1: []}, [], [], {}
    with beside(e):
        started(e)
        for i in range(max(runs, PAIRS_LEAST)):
            for on in (i % 2, 1 - i % 2):
                if on:
                    with crowd(e, told):
                        (w,), (rate,) = windows_running(e, special.work, 1)
                else:
                    time.sleep(0.5)
                    (w,), (rate,) = windows_running(e, special.work, 1)
                windows.append(w)
                rates[on].append(rate)
                bare[on].append(rate / w.cpu_share())
                failed |= lost(w.b)
        settled(e)
    ratios = [b / a for a, b in zip(*rates.values())]
    failed |= what_was_missed(told)
    seen = noise.worst([w.noise for w in windows])
    if statistics.median(ratios) < RATIO_LEAST and not noise.why_not_trusted(seen):
        failed["ratio"] = round(statistics.median(ratios), 4)
    return {"unit": special.work.unit, "without": spread(rates[0]), "with": spread(rates[1]), "ratio": spread(ratios, 4),
            "ratio_without_waits": spread([b / a for a, b in zip(*bare.values())], 4), "crowd": told[-1],
            "exporter_cpu_percent": spread([t["exporter_cpu_percent"] for t in told], 1)}, windows, failed


def tell(r):
    c = r["crowd"]
    return (f"{r['without']['median'] / 1e6:8.2f} M {r['unit']}, looked at {r['with']['median'] / 1e6:.2f} M: ratio {r['ratio']['median']} "
            f"({r['ratio']['min']}-{r['ratio']['max']})  without waits {r['ratio_without_waits']['median']}  goal {r['goal']['ratio']}  "
            f"exporter {r['exporter_cpu_percent']['median']} % of a CPU for {c['scrapes_per_s']} scrapes/s of {c['bytes_per_scrape']} B, "
            f"{c['followers']} followers, CLI")


WATCHED = (Special("exporter", "http_100 while 4 scrapers (10 Hz), 2 followers of /events and a CLI look at it", {"ratio": RATIO_LEAST},
                   Work("", "", "transactions/s", 0, 100, http(), ("responses",)), cost, tell),)
