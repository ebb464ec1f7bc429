"""Where the time of a packet goes, by stage, function and source line.

usage: profile.py [--cache] [sessions|http|raw1|raw64|udp|bulk]   (make profile WORK=http CACHE=1)

A running engine (ring pair, one worker) is sampled by perf: time by stage. Where perf has hardware counters: cycles,
instructions, cache misses and branch misses per packet too. Where it has none, callgrind counts the instructions of the same
packet path in the unit tests' world (path.c): exact, and the same on every machine; what the unit tests' world does itself is
left out. --cache: with callgrind's simulated caches (of a machine with 32 KiB L1, 32 MiB last level) and branch predictor."""
import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from look import Look, TOP, hugepages, memory_mb, say
from stages import ORDER, callgrind, perf_samples, stage
from warp17 import ENGINE, Engine, wait_for
from works import WORKS

# of path.c: the work of bench.py that is most like it, and turns of 50 us for callgrind
NAMES = {"sessions": ("sessions", 2000), "http": ("http_100", 2000), "raw1": ("raw1_1k", 1000), "raw64": ("raw64_10k", 500),
         "udp": ("udp_10k", 500), "bulk": ("bulk", 1000)}
HARDWARE = ("cycles", "instructions", "cache-misses", "branch-misses")
SECONDS, TOP_FUNCTIONS, TOP_LINES = 5, 25, 30


def source(file, line):
    path = TOP / file
    if not line or not path.is_file():
        return ""
    lines = path.read_text(errors="replace").split("\n")
    return lines[line - 1].strip()[:80] if line <= len(lines) else ""


def table(costs, units, per):
    """units: the columns' heads; per: what each cost is divided by. Harness is left out."""
    def row(cost, text):
        print("".join(f"{c / p:10.2f}" for c, p in zip(cost, per)) + f"  {text}")

    head = "".join(f"{u:>10}" for u in units)
    stages = costs.by_stage()
    total = [sum(c[i] for s, c in stages.items() if s != "harness") for i in range(len(per))]
    print(f"{head}  by stage")
    for s in ORDER:
        if s in stages and s != "harness":
            row(stages[s], f"{s:<10} {stages[s][0] / total[0]:4.0%}")
    row(total, "all")
    print(f"\n{head}  by function and stage")
    functions = [x for x in costs.functions.items() if x[0][1] != "harness"]
    for (f, s), c in sorted(functions, key=lambda x: -x[1][0])[:TOP_FUNCTIONS]:
        row(c, f"{f} ({s})")
    print(f"\n{head}  by line")
    lines = [x for x in costs.lines.items() if stage(x[0][0]) != "harness"]
    for (f, n), c in sorted(lines, key=lambda x: -x[1][0])[:TOP_LINES]:
        row(c, f"{f}:{n}  {source(f, n)}")


def has_counters():
    out = subprocess.run(["perf", "stat", "-x,", "-e", HARDWARE[0], "true"], capture_output=True, text=True).stderr
    return out[:1].isdigit()


def counters(pid, tid, e):
    """Per packet, of a worker that has a CPU of its own."""
    a = Look(e)
    out = subprocess.run(["perf", "stat", "-x,", "-e", ",".join(HARDWARE), "-t", tid, "--", "sleep", str(SECONDS)],
                         capture_output=True, text=True, check=True).stderr
    per_s = Look(e).since(a).packets_per_s()
    print("per packet: " + ", ".join(f"{float(x.split(',')[0]) / SECONDS / per_s:.2f} {x.split(',')[2]}"
                                     for x in out.splitlines() if x[:1].isdigit()))


def sampled(work):
    """Nanoseconds by stage, of a running engine; true: hardware counters were there."""
    hardware = has_counters()
    e = Engine(pathlib.Path(tempfile.mkdtemp()), *work.options(), prefix=f"w17profile-{os.getpid()}")
    try:
        e.cli(*work.commands(), "start tests port 1", "start tests port 0")
        wait_for(lambda: Look(e).tc(0)["opened"] >= work.n, 60)
        time.sleep(1)
        pid = e.proc.pid
        tid = next(t.name for t in pathlib.Path(f"/proc/{pid}/task").iterdir()
                   if (t / "comm").read_text().startswith("rte-worker"))
        base = int(next(x for x in open(f"/proc/{pid}/maps") if x.rstrip().endswith(str(ENGINE))).split("-")[0], 16)
        if hardware:
            counters(pid, tid, e)
        with tempfile.TemporaryDirectory() as tmp:
            data = f"{tmp}/perf.data"
            a = Look(e)
            subprocess.run(["perf", "record", "-q", "-e", HARDWARE[0] if hardware else "cpu-clock", "-F", "5000", "-t", tid,
                            "-o", data, "--", "sleep", str(SECONDS)], check=True, capture_output=True)
            window = Look(e).since(a)
            costs = perf_samples(data, ENGINE, base)
        samples = sum(c[0] for c in costs.lines.values())
        ns = 1e9 * window.cpu_share() / window.packets_per_s()
        print(f"{work.help}: {window.packets_per_s() / 1e6:.2f} M packets/s, {ns:.1f} ns a packet "
              f"without waits for the CPU, {window.cycles_per_packet():.0f} cycles; steal {window.steal_percent()} %, other load "
              f"{window.other_load_percent()} %")
        table(costs, ["ns/packet"], [samples / ns])
        return hardware
    finally:
        e.stop()


def counted(name, turns, cache):
    """Instructions by stage, of the packet path in the unit tests' world."""
    say("building test/bench/path without AVX-512, which valgrind does not know, in build/callgrind ...")
    build = TOP / "build/callgrind"
    subprocess.run(["make", "-s", "-C", TOP, "-j2", f"B={build.relative_to(TOP)}", "ARCH=x86-64-v3 -maes", "path"], check=True,
                   stdout=sys.stderr)
    with tempfile.TemporaryDirectory() as tmp:
        out = f"{tmp}/callgrind.out"
        options = ["--cache-sim=yes", "--branch-sim=yes", "--LL=33554432,16,64"] if cache else []
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--toggle-collect=path_measured",
                               *options, build / "test/bench/path", name, str(turns)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"profile: {done.stderr[-1000:]}")
        packets = int(done.stdout.split()[-1])
        costs = callgrind(out)
    units = {"Ir": "instr", "I1mr": "I1 miss", "D1mr": "D1 r miss", "D1mw": "D1 w miss", "DLmr": "LL r miss",
             "DLmw": "LL w miss", "Bcm": "br miss", "Bim": "ind miss"}
    shown = [(i, ev) for i, ev in enumerate(costs.events) if ev in units]
    for t in (costs.lines, costs.functions):
        for k in t:
            t[k] = [t[k][i] if i < len(t[k]) else 0 for i, _ in shown]
    costs.events = [ev for _, ev in shown]
    print(f"\n{name}: {packets} packets in the unit tests' world, counted by callgrind; per packet:")
    table(costs, [units[ev] for _, ev in shown], [packets] * len(shown))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # engine and hugepages are given back
    p = argparse.ArgumentParser(prog="profile.py", description=__doc__.split("\n", 1)[0])
    p.add_argument("--cache", action="store_true", help="simulate caches and branch predictor too (callgrind)")
    p.add_argument("work", nargs="?", default="sessions", choices=NAMES, help="what runs")
    a = p.parse_args()
    if missing := [x for x in ("perf", "valgrind") if not shutil.which(x)]:
        print(f"profile: there is no {missing[0]}: apt-get install linux-perf valgrind", file=sys.stderr)
        return 1
    like, turns = NAMES[a.work]
    work = next(w for w in WORKS if w.name == like)
    if not hugepages("ensure", str(memory_mb(*work.options())), str(os.getpid())):
        return 1
    try:
        hardware = sampled(work)
    finally:
        hugepages("release", str(os.getpid()))
    if not hardware or a.cache:
        counted(a.work, turns, a.cache)
    return 0


if __name__ == "__main__":
    sys.exit(main())
