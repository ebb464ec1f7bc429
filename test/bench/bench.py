"""Speed on one ring pair and one worker, both ends of each session on it. JSON on stdout, a line a work on stderr.
What has figures of another kind is in stamps.py (latency, and what stamping costs) and watched.py (what being looked at costs).

usage: bench.py [--list] [--runs N] [--save] [--compare] [WORK...]   (make bench WORK="sessions http_10k"); stamps: all timestamps_*
exit: 0 ok; 1 a work lost something, or with --compare is more than 15 % slower than test/bench/baseline.json; 2 usage

Each figure is the median of N windows, with least and most. The ceiling (allocate, write headers, through the ring pair,
read, free: ceiling_bench.c) is measured before, in the middle and after; machines are compared by fractions of it. What is
compared is without the time for which the worker waited for its CPU, as the ceiling is: others may be at work meanwhile."""
import argparse
import json
import os
import pathlib
import statistics
import signal
import subprocess
import sys
import tempfile
import time

import noise
from look import Look, TOP, hugepages, lost, memory_mb, say
from stamps import COSTS, SPECIAL as STAMPS
from watched import WATCHED
from warp17 import Engine, wait_for
from windows import LIMIT_S, lost_at_stop, settled, spread, started, windows_running
from works import BYTES_GOAL, BYTES_POOL, WORKS

BASELINE = pathlib.Path(__file__).with_name("baseline.json")
SPECIAL = (*STAMPS, *WATCHED)
ALL = (*WORKS, *SPECIAL)
GROUPS = {"stamps": [w.name for w in COSTS]}
RUNS = 3
SLOWER = 0.85
IDLE_PERCENT = 1.0  # of the cycles, that idle sessions may take


def windows_opening(e, work, runs):
    """All come up, then close again. A window ends when the engine says that the last was established."""
    windows, rates = [], []
    for i in range(runs):
        if i:
            e.cli("stop tests port 0")
            wait_for(lambda: not Look(e).tc(0)["open_now"], LIMIT_S)
            wait_for(lambda: not Look(e).tc(1)["open_now"], LIMIT_S)
        a = Look(e)
        if i:
            e.cli("start tests port 0")
        b = wait_for(lambda: (x := Look(e)).tc(0)["estab_now"] == work.n and x, LIMIT_S)
        windows.append(b.since(a))
        windows[-1].seconds = b.tc(0)["last_estab_us"] / 1e6
        rates.append(work.n / windows[-1].seconds)
    return windows, rates


def measure(tmp, work, runs):
    e = Engine(tmp, *work.options(), prefix=f"w17bench-{os.getpid()}")
    try:
        e.cli(*work.commands())
        started(e)
        windows, rates = (windows_opening if work.opening else windows_running)(e, work, runs)
        failed = lost(windows[-1].b)
        busy = max(w.busy_percent() for w in windows)
        if work.idle and busy > IDLE_PERCENT:
            failed["busy_percent"] = busy
        settled(e)
        e.check_sums()
        end = Look(e)
        failed |= lost_at_stop(end)
        seen = noise.worst([w.noise for w in windows])
        return {"what": work.help, "unit": work.unit, **spread(rates, 2 if work.factor < 1 else 0), "goal": work.goal,
                "without_waits": round(statistics.median(r / w.cpu_share() for r, w in zip(rates, windows)), 2),
                "packets_per_s": round(statistics.median(w.packets_per_s() for w in windows)),
                "packets_per_s_without_waits": round(statistics.median(w.packets_per_s() / w.cpu_share() for w in windows)),
                "cycles_per_packet": round(statistics.median(w.cycles_per_packet() for w in windows), 1),
                "retransmitted": sum(p["tsm"]["retrans_pkts"] for p in end.ports),
                "tcb_pool": end.tcb_pool(), "bytes_per_tcp_endpoint": end.endpoint_bytes(), **seen,
                "not_trusted": noise.why_not_trusted(seen), "lost": failed}
    finally:
        e.stop()


def ceiling():
    program = TOP / "build/release/test/bench/ceiling_bench"
    out = subprocess.run([program], capture_output=True, text=True, timeout=60, check=True).stdout
    say(f"{'ceiling':<20} {float(out.split()[1]) / 1e6:8.2f} M packets/s")
    return float(out.split()[1])


def suffix(r):
    return (f"  NOT TRUSTED: {r['not_trusted']}" if r["not_trusted"] else "") + (f"  FAILED: {r['lost']}" if r["lost"] else "")


def line(name, r):
    by, mega = (1, " ") if r["unit"] == "Gbit/s" else (1e6, "M")
    least, most = (r[k] / r["median"] - 1 for k in ("min", "max"))
    say(f"{name:<20} {r['median'] / by:8.2f} {mega} {r['unit']:<15} {least:+4.0%} {most:+4.0%}  "
        f"without waits {r['without_waits'] / by:6.2f}  "
        f"goal {r['goal'] / by:5.2f}  "
        f"{r['packets_per_s'] / 1e6:6.2f} Mpps  {r['cycles_per_packet']:6.1f} cycles/packet"
        + suffix(r))


def measure_all(works, runs):
    """The document."""
    cpu = next((x.split(":")[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name")), "")
    result = {"date": time.strftime("%Y-%m-%d %H:%M"), "cpu": cpu, "cpus": os.cpu_count(), "works": {}}
    ceilings = [ceiling()]
    for i, work in enumerate(works):
        if i == (len(works) + 1) // 2:
            ceilings.append(ceiling())
        with tempfile.TemporaryDirectory() as tmp:
            special = work in SPECIAL
            try:
                r = work.run(pathlib.Path(tmp), runs) if special else measure(pathlib.Path(tmp), work, runs)
            except AssertionError as why:
                say(f"{work.name:<20} FAILED: {why}")
                result["works"][work.name] = {"lost": {"error": str(why)}}
                continue
        result["works"][work.name] = r
        if special:
            say(f"{work.name:<20} {work.tell(r)}{suffix(r)}")
        else:
            line(work.name, r)
    ceilings.append(ceiling())
    result["ceiling_packets_per_s"] = spread(ceilings)
    for r in result["works"].values():
        if "median" in r:
            r["fraction_of_ceiling"] = round(r["packets_per_s_without_waits"] / statistics.median(ceilings), 4)
            # the figure itself by the ceiling: fewer packets for the same work make it better, not worse
            r["figure_by_ceiling"] = float(f"{r['without_waits'] / statistics.median(ceilings):.4g}")
    large = [r for r in result["works"].values() if r.get("tcb_pool", 0) >= BYTES_POOL]
    if large:
        r = max(large, key=lambda x: x["tcb_pool"])
        result["bytes_per_tcp_endpoint_running"] = {"median": r["bytes_per_tcp_endpoint"], "tcb_pool": r["tcb_pool"], "goal": BYTES_GOAL}
        say(f"{'bytes per endpoint':<20} {r['bytes_per_tcp_endpoint']:8} B, all in, of {r['tcb_pool']} ({r['what']})  goal {BYTES_GOAL}")
    # what 4 M endpoints more take, by the engine's own plan: all of it
    mb = [memory_mb("--ring-if-pairs", "1", "--ucb-pool-sz", "64", "--tcb-pool-sz", str(k)) for k in (4096, 8192)]
    result["bytes_per_tcp_endpoint"] = {"median": round((mb[1] - mb[0]) * 2**20 / (4096 * 1024), 1), "goal": BYTES_GOAL}
    return result


def compare(old, new):
    """A table; the names of those that are too slow."""
    slow = []
    say(f"{'by the ceiling':<20} {'old':>12} {'new':>12} {'ratio':>6}")
    for name, r in new["works"].items():
        was = old["works"].get(name, {}).get("figure_by_ceiling")
        if was is None or "figure_by_ceiling" not in r:
            say(f"{name:<20} {was or '-':>12} {r.get('figure_by_ceiling', '-'):>12}")
            continue
        ratio = r["figure_by_ceiling"] / was
        slow += [name] if ratio < SLOWER else []
        say(f"{name:<20} {was:>12.4g} {r['figure_by_ceiling']:>12.4g} {ratio:6.2f}" + ("  SLOWER" if ratio < SLOWER else ""))
    return slow


def arguments():
    p = argparse.ArgumentParser(prog="bench.py", description=__doc__.split("\n", 1)[0])
    p.add_argument("--list", action="store_true", help="print the works and end")
    p.add_argument("--runs", type=int, default=RUNS, help=f"windows a figure, {RUNS} or more for a spread that says something")
    p.add_argument("--save", action="store_true", help=f"write {BASELINE.name}; with WORK only theirs are new")
    p.add_argument("--compare", action="store_true", help=f"compare with {BASELINE.name}")
    p.add_argument("work", nargs="*", help="only these")
    a = p.parse_args()
    names = [w.name for w in ALL]
    a.work = [name for x in a.work for name in GROUPS.get(x, [x])]
    if unknown := [x for x in a.work if x not in names]:
        p.error(f"unknown work {unknown[0]}, expected {' '.join((*names, *GROUPS))}")
    if a.runs < 1:
        p.error("--runs: expected a number, 1 or more")
    if a.compare and not BASELINE.exists():
        p.error(f"there is no {BASELINE}: bench.py --save writes it")
    return a


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # engine and hugepages are given back
    a = arguments()
    works = [w for w in ALL if not a.work or w.name in a.work]
    if a.list:
        print("\n".join(f"{w.name:<20} {w.help}" for w in works))
        return 0
    me, mb = str(os.getpid()), max(memory_mb(*w.options()) for w in works)
    if not hugepages("ensure", str(max(mb, 160)), me):
        return 1
    try:
        result = measure_all(works, a.runs)
    finally:
        hugepages("release", me)
    print(json.dumps(result, indent=1))
    slow = compare(json.loads(BASELINE.read_text()), result) if a.compare else []
    if a.save:
        if a.work and BASELINE.exists():
            result["works"] = json.loads(BASELINE.read_text())["works"] | result["works"]
        BASELINE.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if slow or any(r["lost"] for r in result["works"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
