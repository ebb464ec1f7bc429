"""What a second worker adds: works with one worker, then with two on two ring pairs, and on one pair with two queues. Each
worker has as many sessions as the one, both ends of each on it. JSON on stdout, a line a figure on stderr.

usage: scaling.py [--runs N] [WORK...]   (make bench-scaling WORK="sessions http_100")
exit: 0 ok; 1 a work lost something, or there is one CPU only; 2 usage

Management has no CPU of its own and sleeps; the counters come from an exporter that stays attached, and this program sleeps while a
window runs. The one worker is measured on each of the two CPUs, before and after; the ratio is to the mean of both."""
import argparse
import dataclasses
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import noise
from look import Look, hugepages, lost, memory_mb, say
from warp17 import EXPORTER, Engine, wait_for
from windows import lost_at_stop, settled, spread, started, windows_running
from works import WORKS

NAMES = ("sessions", "http_100", "raw64_10k")
GOAL = 1.8
RUNS = 3


@dataclasses.dataclass(frozen=True)
class Layout:
    name: str
    lcores: str  # management is lcore 0
    pairs: int = 1
    each: int = 1  # times the work's sessions on each pair
    qmap: tuple = ()

    def work(self, work):
        return dataclasses.replace(work, n=work.n * self.each)

    def options(self, work):
        """Pools for all pairs together."""
        all_of_it = dataclasses.replace(work, n=work.n * self.each * self.pairs).options()
        return "--ring-if-pairs", str(self.pairs), *all_of_it[2:], *self.qmap


LAYOUTS = (
    Layout("one", "0@0,1@1"),
    Layout("two_pairs", "0@0,1@0,2@1", pairs=2, qmap=("--qmap", "0.2", "--qmap", "1.2", "--qmap", "2.4", "--qmap", "3.4")),
    Layout("two_queues", "0@0,1@0,2@1", each=2),
    Layout("one_other_cpu", "0@1,1@0"),
)


class Watched(Engine):
    """With an exporter that stays: a look at all counters takes a millisecond or two, and no start of a program."""

    def __init__(self, tmp, *args, **kw):
        super().__init__(tmp, *args, **kw)
        err = tmp / "exporter.log"
        with open(err, "w") as f:
            self.exporter = subprocess.Popen([EXPORTER, "--prefix", self.prefix, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                             stdout=f, stderr=f)
        port = wait_for(lambda: re.search(r"listening on .*:(\d+)\n", err.read_text()), 30)[1]
        self.url = f"http://127.0.0.1:{port}/api/v1/stats"
        wait_for(self.there, 30)

    def there(self):
        try:
            return self.document()
        except OSError:
            return None

    def document(self):
        with urllib.request.urlopen(self.url, timeout=30) as answer:
            return json.load(answer)

    def stop(self):
        self.exporter.send_signal(signal.SIGTERM)
        try:
            self.exporter.wait(10)
        except subprocess.TimeoutExpired:
            self.exporter.kill()
            self.exporter.wait()
        return super().stop()


def commands(work, pairs):
    """Of each pair the work's, on ports of its own."""
    return [re.sub(r"\bport ([01])\b", lambda m: f"port {int(m[1]) + 2 * k}", x) for k in range(pairs) for x in work.commands()]


def measure(tmp, layout, base, runs):
    work = layout.work(base)
    e = Watched(tmp, *layout.options(base), eal=("--lcores", layout.lcores), prefix=f"w17scale-{os.getpid()}")
    try:
        e.cli(*commands(work, layout.pairs))
        started(e, layout.pairs)
        windows, rates = windows_running(e, work, runs, layout.pairs)
        failed = lost(windows[-1].b)
        settled(e, layout.pairs)
        e.check_sums()
        failed |= lost_at_stop(Look(e), layout.pairs)
        seen = noise.worst([w.noise for w in windows])
        bare = [r / w.cpu_share() for r, w in zip(rates, windows)]
        return {"sessions": work.n * layout.pairs, **spread(rates), "without_waits": spread(bare),
                "cycles_per_packet": round(statistics.median(w.cycles_per_packet() for w in windows), 1), **seen,
                "not_trusted": noise.why_not_trusted(seen), "lost": failed}
    finally:
        e.stop()


def ratios(r):
    """To the mean of both CPUs' one worker."""
    for name in ("two_pairs", "two_queues"):
        if any("median" not in r[x] for x in (name, "one", "one_other_cpu")):
            continue
        for key, of in (("ratio", lambda x: x["median"]), ("ratio_without_waits", lambda x: x["without_waits"]["median"])):
            r[name][key] = round(of(r[name]) / statistics.mean((of(r["one"]), of(r["one_other_cpu"]))), 2)


def line(work, name, r):
    text = f"{work:<12} {name:<14} "
    if "median" in r:
        text += (f"{r['median'] / 1e6:7.2f} M/s {r['min'] / r['median'] - 1:+4.0%} {r['max'] / r['median'] - 1:+4.0%}  "
                 f"without waits {r['without_waits']['median'] / 1e6:6.2f}  {r['cycles_per_packet']:6.1f} cycles/packet")
    if "ratio" in r:
        text += f"  ratio {r['ratio']:.2f}  without waits {r['ratio_without_waits']:.2f}  goal {GOAL}"
    if r.get("not_trusted"):
        text += f"  NOT TRUSTED: {r['not_trusted']}"
    say(text + (f"  FAILED: {r['lost']}" if r["lost"] else ""))


def measure_all(names, runs):
    result = {"date": time.strftime("%Y-%m-%d %H:%M"), "cpus": os.cpu_count(), "goal": GOAL, "works": {}}
    for work in (w for w in WORKS if w.name in names):
        r = result["works"][work.name] = {}
        for layout in LAYOUTS:
            with tempfile.TemporaryDirectory() as tmp:
                try:
                    r[layout.name] = measure(pathlib.Path(tmp), layout, work, runs)
                except AssertionError as why:
                    r[layout.name] = {"lost": {"error": str(why)}}
        ratios(r)
        for layout in LAYOUTS:
            line(work.name, layout.name, r[layout.name])
    return result


def arguments():
    p = argparse.ArgumentParser(prog="scaling.py", description=__doc__.split("\n", 1)[0])
    p.add_argument("--runs", type=int, default=RUNS, help="windows a figure")
    p.add_argument("work", nargs="*", default=NAMES, help=f"only these of {' '.join(NAMES)}")
    a = p.parse_args()
    if unknown := [x for x in a.work if x not in NAMES]:
        p.error(f"unknown work {unknown[0]}, expected {' '.join(NAMES)}")
    if a.runs < 1:
        p.error("--runs: expected a number, 1 or more")
    return a


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # engine and hugepages are given back
    a = arguments()
    if os.cpu_count() < 2:
        say("scaling: two CPUs are needed, there is one")
        return 1
    me, mb = str(os.getpid()), max(memory_mb_of(layout, w) for layout in LAYOUTS for w in WORKS if w.name in a.work)
    if not hugepages("ensure", str(mb), me):
        return 1
    try:
        result = measure_all(a.work, a.runs)
    finally:
        hugepages("release", me)
    print(json.dumps(result, indent=1))
    return 1 if any(x["lost"] for r in result["works"].values() for x in r.values()) else 0


def memory_mb_of(layout, work):
    return memory_mb(*layout.options(work), eal=("--lcores", layout.lcores))


if __name__ == "__main__":
    sys.exit(main())
