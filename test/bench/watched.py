"""What it costs a worker that others look at its engine: all of crowd.py are there all the time, and look in every other of many
short slices. A host's speed changes by a third, for milliseconds or seconds: neighbours have the same of it, mostly. The
worker has one CPU, everything else the others."""
import os
import pathlib
import statistics
import subprocess
import time
from contextlib import contextmanager
from types import SimpleNamespace

import noise
from crowd import FOLLOWERS, HZ, SCRAPERS, Crowd, cpu_s
from look import TOP, Look, lost
from pairs import CONFIDENCE, MISSES, estimate, verdict
from stamps import Special
from windows import WARM_S, all_up, settled, spread, started
from works import Work, http

METER = TOP / "build/release/test/bench/meter"
SLICE_S = 0.2  # two periods of who looks: the shorter, the more alike are neighbours
PAIRS = 240
RATIO_LEAST = 0.99
SILENT_MOST = 0.001  # of a CPU, that who is silent may take


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


class Meter:
    """The program that reads a counter and the time."""

    def __init__(self, prefix, counter):
        self.proc = subprocess.Popen([METER, prefix, counter], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        with self.proc:
            pass

    def read(self):
        """Nanoseconds, and what the counter was then."""
        self.proc.stdin.write("\n")
        self.proc.stdin.flush()
        answer = self.proc.stdout.readline().split()
        assert len(answer) == 2, "the meter has gone"
        return map(int, answer)


class Border:
    """All that is known of the moment at which a slice begins or ends."""

    def __init__(self, e, meter, crowd):
        self.noise = noise.Sample(e.proc.pid, e.companions)
        self.cpu_s = {"exporter": cpu_s(crowd.exporter.pid), "cli": cpu_s(crowd.cli.pid), "scrapers_and_followers": time.process_time()}
        self.ns, self.count = meter.read()


class Slice:
    def __init__(self, on, a, b):
        self.on, self.a, self.b, self.seconds = on, a, b, (b.ns - a.ns) / 1e9
        self.rate = (b.count - a.count) / self.seconds
        self.wait = b.noise.workers_wait_s(a.noise) / self.seconds
        self.steal = b.noise.steal - a.noise.steal  # ticks, of all CPUs

    def bare(self):
        """Without the time for which the worker waited."""
        return self.rate / max(0.01, 1 - self.wait)


def slices(e, meter, crowd, pairs):
    """What one pair begins with, the next ends with."""
    out = []
    for i in range(pairs):
        for on in (i % 2, 1 - i % 2):
            a = Border(e, meter, crowd)
            (crowd.look if on else time.sleep)(SLICE_S)
            out.append(Slice(on, a, Border(e, meter, crowd)))
    return out


def noise_of(found):
    """As of one window that all of them make together."""
    def total(samples):
        return SimpleNamespace(**{k: sum(getattr(s, k) for s in samples) for k in vars(samples[0])})
    return noise.Sample.since(total([s.b.noise for s in found]), total([s.a.noise for s in found]))


def cpu_percent(found, who):
    """Of a CPU."""
    return round(100 * sum(s.b.cpu_s[who] - s.a.cpu_s[who] for s in found) / sum(s.seconds for s in found), 2)


def ratios(without, looked_at, figure):
    return [figure(b) / figure(a) for a, b in zip(without, looked_at)]


def figures(work, without, looked_at):
    """Of slices in the order of their pairs."""
    every = without + looked_at
    return {"unit": work.unit, "without": spread([s.rate for s in without]), "with": spread([s.rate for s in looked_at]),
            "ratio": estimate(ratios(without, looked_at, lambda s: s.rate)),
            "ratio_without_waits": estimate(ratios(without, looked_at, Slice.bare)),
            "pairs": len(without), "confidence": CONFIDENCE,
            "slice_seconds": {k: round(statistics.median(s.seconds for s in x), 3) for k, x in (("without", without), ("with", looked_at))},
            "slices_that_waited": sum(s.wait > noise.WAIT_MOST / 100 for s in every),
            "slices_with_steal": sum(s.steal > 0 for s in every), "worst_wait_percent": round(100 * max(s.wait for s in every), 1),
            "noise_with": noise_of(looked_at),
            "cpu_percent": {who: cpu_percent(looked_at, who) for who in looked_at[0].a.cpu_s},
            "cpu_percent_silent": {who: cpu_percent(without, who) for who in looked_at[0].a.cpu_s}}


def what_was_missed(told, silent):
    """A crowd that did not look as often as it was to proves nothing, nor does one that was not silent."""
    failed = {}
    for what, least in (("scrapes_per_s", HZ * len(SCRAPERS)), ("cli_answers_per_s", HZ), ("events_per_s", FOLLOWERS)):
        if told[what] < 0.95 * least:
            failed[what] = told[what]
    if told["bad"]:
        failed["refused"] = told["bad"]
    return failed | {f"{who} while silent": silent[who] for who in ("exporter", "cli") if silent[who] > 100 * SILENT_MOST}


def cost(e, special, runs):
    with beside(e):
        started(e)
        all_up(e, special.work)
        with Meter(e.prefix, *special.work.count) as meter, Crowd(e.prefix) as crowd:
            e.companions = *crowd.pids(), meter.proc.pid
            time.sleep(WARM_S)
            found = slices(e, meter, crowd, max(runs, PAIRS))
            told = crowd.told(sum(s.seconds for s in found if s.on))
        e.companions = ()
        failed = lost(Look(e))
        settled(e)
    without, looked_at = ([s for s in found if s.on == on] for on in (0, 1))
    r = figures(special.work, without, looked_at)
    # of the silent ones alone: what the others have may be what is measured
    quiet = noise_of(without)
    r |= {"crowd": told, "verdict": verdict(r["ratio"], RATIO_LEAST, noise.why_not_trusted(quiet))}
    failed |= what_was_missed(told, r["cpu_percent_silent"])
    if r["verdict"] == MISSES:
        failed["ratio"] = r["ratio"]["high"]
    return r, [SimpleNamespace(noise=quiet)], failed


def tell(r):
    def text(x):
        return f"{x['median']:.4f} ({x['low']:.4f}-{x['high']:.4f})"
    c, cpu = r["crowd"], r["cpu_percent"]
    return (f"{r['without']['median'] / 1e6:8.2f} M {r['unit']}, looked at {r['with']['median'] / 1e6:.2f} M: ratio {text(r['ratio'])}, "
            f"{r['confidence']:.0%} of {r['pairs']} pairs  without waits {text(r['ratio_without_waits'])}  goal {r['goal']['ratio']}: {r['verdict']}  "
            f"exporter {cpu['exporter']} % of a CPU, CLI {cpu['cli']} % for {c['scrapes_per_s']} scrapes/s of {c['bytes_per_scrape']} B, "
            f"{c['followers']} followers, {c['cli_answers_per_s']} commands/s")


WATCHED = (Special("exporter", "http_100 while 4 scrapers (10 Hz), 2 followers of /events and a CLI look at it", {"ratio": RATIO_LEAST},
                   Work("", "", "transactions/s", 0, 100, http(), ("responses",)), cost, tell),)
