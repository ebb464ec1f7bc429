"""Clients killed, stopped and gone mad beside full traffic, and what that costs the engine, the traffic and others.

usage: torture.py [--seconds N] [--kills N] [--cycles N] [NAME...]      (make torture SECONDS=60 KILLS=1000)
Progress on stderr; stdout is a JSON object of what was measured, and "N passed, N failed". exit: 0 all passed, 1 not

One engine; on ports 0 and 1 sessions open, talk and close without end; another operator (prober.c) holds port 3, looks and
commands all the time; victims hold port 2 and change it. See doc/torture.md."""
import argparse
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "test/functional"), str(TOP / "test/bench")]
import noise  # noqa: E402
from warp17 import CLI, EXPORTER, MODE, Engine, wait_for  # noqa: E402

VICTIM, VICTIM_EXPORTER, PROBER, HOSTILE = (TOP / "build" / MODE / "test" / p for p in (
    "torture/victim", "torture/victim-exporter", "torture/prober", "functional/hostile"))
OPTIONS = ("--ring-if-pairs", "2", "--tcb-pool-sz", "64", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")
RING_OPERATORS = 32
RECLAIM_S = 1.0
EAL_S, HELLO_S = 5, 2  # ATTACH_MAX_S, HANDSHAKE_MS of attach.h
SERVED_US = 20000
KEPT, KEPT_NOISY = 0.97, 0.85  # of the rate; where others use the CPUs too
ENOUGH_NS = 200_000_000  # of the worker's CPU time, to tell its rate
LOOKS = 3  # a rate of half a second is 3 % off now and then; what a client takes from it, it takes each time
SLACK_S = 4  # more than a time of attach.h until the engine has seen to it: it may have no CPU
LEAK_KB = 512 if MODE == "release" else 1 << 20  # sanitizers keep what is freed for a while

# the way of a client, in order
ATTACHING = ("connected", "hello_sent", "welcome_read", "eal_before", "eal_inside", "eal_after", "mapped")
ATTACHED = ("attached_sent", "protected")
CALLING = ("cell_before", "cell_half", "cell_written", "given", "bell_rung", "reply_seen", "reply_half", "reply_taken")
LEAVING = ("leaving",)
NOT_GIVEN, ANSWERED = CALLING[:3], CALLING[5:]


class Wrong(AssertionError):
    pass


def must(what, *why):
    if not what:
        raise Wrong(" ".join(map(str, why)))


def say(text):
    print(text, file=sys.stderr, flush=True)


class Peer:
    """A program that answers lines with JSON."""

    def __init__(self, *args):
        self.proc = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.proc.stdin.write(line + "\n")
        self.proc.stdin.flush()
        answer = self.proc.stdout.readline()
        must(answer, "not served:", self.proc.args)
        return json.loads(answer)

    def kill(self):
        self.proc.kill()
        self.proc.communicate()


class Torture:
    def __init__(self, tmp, warm_s=1.0, before_s=2.0, kept=(KEPT, KEPT_NOISY)):
        self.warm_s, self.before_s, self.kept = warm_s, before_s, kept
        self.results, self.n, self.told = {}, 1000, []
        self.engine = Engine(tmp, *OPTIONS)
        try:
            self.traffic()
            self.peers()
        except BaseException:
            self.end()
            raise

    def traffic(self):
        side = ("src 10.0.0.1 10.0.0.1 sport 10001 10100", "src 10.0.0.253 10.0.0.253 sport 6000 6000",
                "dest 10.0.0.253 10.0.0.253 dport 6000 6000")
        self.engine.cli(
            "add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0", "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0",
            f"add tests server tcp port 1 test-case-id 0 {side[1]}", f"add tests client tcp port 0 test-case-id 0 {side[0]} {side[2]}",
            "set tests server raw port 1 test-case-id 0 data-req-plen 10 data-resp-plen 10",
            "set tests client raw port 0 test-case-id 0 data-req-plen 10 data-resp-plen 10 requests 1",
            "set tests timeouts port 0 test-case-id 0 downtime 0",
            "set tests tcp-options port 0 test-case-id 0 twait-skip 1", f"add tests client tcp port 2 test-case-id 0 {side[0]} {side[2]}",
            self.change(), "start tests port 1", "start tests port 0")

    def peers(self):
        self.witness = Peer(CLI, "--prefix", self.engine.prefix, "--name", "witness", "--json")
        self.prober = Peer(PROBER, self.engine.prefix, "3")
        must(self.prober.proc.stdout.readline(), "the prober did not come up")
        self.mark()
        time.sleep(self.warm_s)

    def end(self):
        for p in ("witness", "prober"):
            if hasattr(self, p):
                getattr(self, p).kill()
        if self.engine.proc.poll() is None:
            self.engine.check_sums()
        code = self.engine.stop()
        must(code == 0, "the engine ended with", code)

    # what is asked

    def show(self, what):
        answer = self.witness.ask("show " + what)
        must(answer["ok"], answer)
        return answer["result"]

    def operators(self):
        return [o for o in self.show("operators")["operators"] if o["name"] not in ("witness", "prober")]

    def mark(self):
        return self.prober.ask("")

    def change(self):
        """A command that changes three words at once, each time to others."""
        self.n += 1
        return f"set tests rate port 2 test-case-id 0 open {self.n} close {self.n} send {self.n}"

    def changed(self):
        t = self.show("tests config port 2")["tests"]["test_case_0"]
        words = {t[k] for k in ("rate_open", "rate_close", "rate_send")}
        must(len(words) == 1, "a command was done half:", words)
        return words.pop()

    def holder(self):
        return self.show("port info")["ports"][2]["held_by"]

    def resources(self):
        """What could leak: files, descriptors, the engine's heap that all share, its own memory."""
        pid = self.engine.proc.pid
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        heap = subprocess.run([HOSTILE, self.engine.prefix, "heap", "0"], capture_output=True, timeout=30)
        must(heap.returncode == 0, "nobody can attach:", heap.stderr)
        self.reclaimed(time.monotonic(), RECLAIM_S + 1)
        return {"files": len(list(self.engine.rundir().iterdir())),
                "hugepage_files": len(list(pathlib.Path("/dev/hugepages").glob(f"{self.engine.prefix}map_*"))),
                "descriptors": len(os.listdir(f"/proc/{pid}/fd")), "heap_bytes": int(heap.stdout),
                "memory_kb": sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(("VmData", "RssAnon")))}

    # what happens

    def reclaimed(self, died, most=RECLAIM_S):
        """All slots but those of the peers are free again, and the ports. Returns how long that took."""
        wait_for(lambda: not self.operators(), most, 0.01)
        took = time.monotonic() - died
        must(self.holder() is None, "port 2 is still held")
        return took

    def victim(self, *args, fault="", program=VICTIM, **kw):
        return subprocess.Popen([program, "--prefix", self.engine.prefix, *args], env=os.environ | {"WARP17_FAULT": fault},
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)

    def commander(self, fault=""):
        return self.victim("-c", "acquire port 2", "-c", self.change(), fault=fault)

    def looked(self, name, work):
        """Runs work() and tells what it cost; Wrong when that is too much. All of it stands in self.results."""
        had = self.resources()
        for look in range(LOOKS):
            r = self.results[name] = self.rates(work)
            if r["rate_ratio"] >= self.kept[0]:
                break
        r["looks"] = look + 1
        self.healthy(r, had)

    def rates(self, work):
        """Before, and while work() runs."""
        a = self.mark()
        until = time.monotonic() + 4 * self.before_s
        time.sleep(self.before_s)
        while (b := self.mark())["run_ns"] - a["run_ns"] < ENOUGH_NS and time.monotonic() < until:
            time.sleep(0.2)
        quiet = noise.Sample(self.engine.proc.pid)
        began = time.monotonic()
        told = work() or {}
        time.sleep(max(0.0, self.before_s / 2 - (time.monotonic() - began)))  # shorter ones tell no rate
        seen = noise.Sample(self.engine.proc.pid).since(quiet)
        c = self.mark()
        run = [y["run_ns"] - x["run_ns"] for x, y in ((a, b), (b, c))]
        rates = [(y["closed"] - x["closed"]) / max(1, r) * 1e9 for x, y, r in ((a, b, run[0]), (b, c, run[1]))]
        return {**told, "seconds": round((c["now_ns"] - b["now_ns"]) / 1e9, 1), "rate_before": round(rates[0]),
                "rate_ratio": round(rates[1] / rates[0], 4), "worker_ran_s": round(min(run) / 1e9, 2), **seen,
                **{k: c[k] for k in c if k.startswith(("show", "command"))}}

    def healthy(self, r, had):
        must(self.engine.proc.poll() is None, "the engine ended:", self.engine.log.read_text()[-2000:])
        must(self.show("version")["pid"] == self.engine.proc.pid, "not the engine that was")
        t = time.monotonic()
        must(self.witness.ask("set syslog INFO")["ok"], "a command was refused")
        r["answer_ms"] = round((time.monotonic() - t) * 1000, 1)
        must(not self.operators(), "places are taken:", self.operators())
        must(self.holder() is None, "port 2 is held")
        must("memory grew" not in self.engine.log.read_text(), "memory grew")
        has = self.resources()
        r["leaked"] = {k: has[k] - had[k] for k in has if has[k] != had[k]}
        over = {k: v for k, v in r["leaked"].items() if v > (LEAK_KB if k == "memory_kb" else 0)}
        must(not over, "leaked:", over)
        must(r["show_own_p99_us"] < SERVED_US, "another operator was not served in time:", r)
        # the worker's own time holds what a cache costs that others use too: where they do, less is asked
        noisy = r["other_load_percent"] > noise.OTHER_MOST or r["worker_wait_percent"] > 10 or r["steal_percent"] > noise.STEAL_MOST
        enough = r["worker_ran_s"] * 1e9 >= ENOUGH_NS  # the kernel's clock of another thread is some ms behind
        must(not enough or r["rate_ratio"] >= self.kept[noisy], "the traffic suffered:", r)

    def run(self, name, work):
        """True when nothing was wrong."""
        try:
            self.looked(name, work)
        except (AssertionError, subprocess.SubprocessError, OSError, ValueError) as e:
            self.results.setdefault(name, {})["failed"] = f"{type(e).__name__}: {e}"[:2000]
        r = self.results[name]
        say(f"{'FAIL' if 'failed' in r else 'ok':<5} {name}: {json.dumps(r)}")
        return "failed" not in r

    # the parts

    def points(self, how):
        """Each point of the way of a client: where it passes twice, at the change."""
        n, longest = 0, 0.0
        first = ATTACHING if how == "kill" else ()  # stopped there: attaching_stopped()
        for point in first + ATTACHED + CALLING + LEAVING:
            for nth in (1, 2) if point in CALLING else (1,):
                was = self.changed()
                p = self.commander(f"{point}:{how}:{nth}")
                try:
                    if how == "stop":
                        must(os.WIFSTOPPED(os.waitpid(p.pid, os.WUNTRACED)[1]), point, "was not reached")
                        must(self.witness.ask("set syslog INFO")["ok"])
                        self.stopped(point, nth)
                        p.kill()
                    must(p.wait(20) == -signal.SIGKILL, point, "was not reached")
                finally:
                    p.kill()
                longest = max(longest, self.reclaimed(time.monotonic()))
                self.done_or_not(point, nth, was)
                n += 1
        return {"points": n, "reclaim_ms": round(longest * 1000)}

    def stopped(self, point, nth):
        """It has its place, and its port if it got that far, for as long as it lives."""
        if point in ATTACHED + CALLING + LEAVING:
            wait_for(lambda: [o["state"] for o in self.operators()] == ["attached"], SLACK_S)
        if point in ANSWERED and nth == 1 or nth == 2 or point in LEAVING:
            must(self.holder() is not None, "port 2 is not held at", point)

    def done_or_not(self, point, nth, was):
        now = self.changed()
        must(now in (was, self.n), "neither old nor new at", point, now)
        if point in LEAVING or (point in ANSWERED and nth == 2):
            must(now == self.n, "answered and not done at", point)
        elif point in ATTACHING + ATTACHED or nth == 1 or point in NOT_GIVEN:
            must(now == was, "done and not given at", point)

    def attaching_stopped(self):
        """Before its hello it is dropped after 2 s, and has nothing; after it it is ended after 5."""
        t = time.monotonic()
        all_of_them = {p: self.commander(f"{p}:stop") for p in ATTACHING}
        try:
            for p in all_of_them.values():
                must(os.WIFSTOPPED(os.waitpid(p.pid, os.WUNTRACED)[1]), "was not stopped")
            must(self.witness.ask("set syslog INFO")["ok"])
            for point, p in all_of_them.items():
                if point != "connected":
                    must(p.wait(EAL_S + SLACK_S) == -signal.SIGKILL, point)
            took = time.monotonic() - t
            self.reclaimed(time.monotonic())
            all_of_them["connected"].send_signal(signal.SIGCONT)
            must(all_of_them["connected"].wait(10) == 3, "was not told that the engine hung up")
        finally:
            for p in all_of_them.values():
                p.kill()
                p.wait()
        return {"ended_s": round(took, 1)}

    def kills(self, number, seed=7):
        """At any time of attaching, commanding and leaving; 1 of 4 is an exporter that scrapes once, 1 of 5 is stopped first."""
        rand, longest, died, i = random.Random(seed), 0.0, 0, 0
        whole = min(self.time_of_one() for _ in range(3))
        while died < number:
            p = self.victim("--once", program=EXPORTER) if i % 4 == 0 else self.commander()
            time.sleep(rand.uniform(0, whole))
            if i % 5 == 2:
                p.send_signal(signal.SIGSTOP)
                time.sleep(rand.uniform(0, 0.1))
            p.kill()
            died += p.wait() == -signal.SIGKILL  # others were faster
            i += 1
            if i % 10 == 0:
                longest = max(longest, self.reclaimed(time.monotonic()))
                self.changed()
            if i % 100 == 0:
                say(f"      {died} kills, reclaimed within {longest * 1000:.0f} ms")
        self.reclaimed(time.monotonic())
        return {"killed": died, "of": i, "reclaim_ms": round(longest * 1000)}

    def time_of_one(self):
        t = time.monotonic()
        must(self.commander().wait(20) == 0, "a client was refused")
        return time.monotonic() - t

    def crowd(self, seconds, clients=RING_OPERATORS - 2):
        """With the two peers as many as there are places: all attach, command, leave, and come again."""
        until, codes, guard = time.monotonic() + seconds, {}, threading.Lock()

        def one(k):
            while time.monotonic() < until:
                code = self.victim("-c", f"release port {k + 10}", "-c", "show version").wait(60)
                with guard:
                    codes[code] = codes.get(code, 0) + 1

        threads = [threading.Thread(target=one, args=(k,)) for k in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.reclaimed(time.monotonic())
        must(set(codes) == {1}, "exit codes (1: port 10 does not exist):", codes)
        return {"clients": codes[1], "at_once": clients + 2}

    def hostile(self, what, rounds, at_once=1, code=0):
        for seed in range(rounds):
            many = [subprocess.Popen([HOSTILE, self.engine.prefix, what, str(seed * at_once + k)]) for k in range(at_once)]
            try:
                must([p.wait(30) for p in many] == [code] * at_once, what, "was not treated as it should be")
            finally:
                for p in many:
                    p.kill()
            self.reclaimed(time.monotonic())
        return {"rounds": rounds, "at_once": at_once}

    def scribble(self, rounds):
        """It writes into the places of others too: they may lose their connection, the engine nothing, and whoever comes
        after is served."""
        self.prober.kill()
        self.witness.kill()
        others = [Peer(CLI, "--prefix", self.engine.prefix, "--name", f"other-{k}", "--json") for k in range(2)]
        lost = 0
        try:
            for k in range(rounds):
                for o in others:
                    o.ask("show version")
                must(subprocess.run([HOSTILE, self.engine.prefix, "scribble", str(k)], timeout=60).returncode == 0, "scribble")
                for i, o in enumerate(others):
                    with contextlib.suppress(Wrong, OSError):
                        o.ask("set syslog INFO")
                    if o.proc.poll() is not None or self.gone(o):
                        lost += 1
                        o.kill()
                        others[i] = Peer(CLI, "--prefix", self.engine.prefix, "--name", f"other-{i}", "--json")
        finally:
            for o in others:
                o.kill()
        return {"rounds": rounds, "others_lost": lost}

    @staticmethod
    def gone(peer):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return peer.proc.wait(0.5) is not None
        return False

    def scribbled(self, rounds):
        """scribble() costs the peers their places: new ones measure."""
        self.mark()
        closed = self.engine.stats(0)["closed"]
        told = self.scribble(rounds)
        self.peers()
        must(self.engine.stats(0)["closed"] > closed, "the traffic stopped")
        return told

    def scrape(self, how):
        """The exporter between the two halves of its sample; stopped for a while, or killed."""
        from test_exporter import Exporter
        os.environ["WARP17_FAULT"] = f"scrape:{how}:3"
        try:
            with tempfile.TemporaryDirectory() as tmp:
                return self.scrape_with(Exporter(pathlib.Path(tmp), self.engine.prefix, program=VICTIM_EXPORTER), how)
        finally:
            del os.environ["WARP17_FAULT"]

    def scrape_with(self, x, how):
        try:
            wait_for(x.ready)
            for _ in range(2):
                x.stats()
                time.sleep(0.1)  # else the next shares this one's sample
            got = []
            t = threading.Thread(target=lambda: got.append(self.page(x)))
            t.start()
            if how == "kill":
                must(x.proc.wait(10) == -signal.SIGKILL, "it was not killed")
                t.join()
                return {"reclaim_ms": round(self.reclaimed(time.monotonic()) * 1000)}
            stopped = wait_for(lambda: (w := os.waitpid(x.proc.pid, os.WUNTRACED | os.WNOHANG))[0] and w, 10)
            must(os.WIFSTOPPED(stopped[1]), "it was not stopped")
            time.sleep(self.before_s)
            must(len(self.operators()) == 1 and self.witness.ask("set syslog INFO")["ok"], "others are not served")
            x.proc.send_signal(signal.SIGCONT)
            t.join()
            must(got and got[0] == 200 and x.stats(), "the scrape did not go on:", got)
        finally:
            x.proc.kill()
            x.proc.wait()
        return {"reclaim_ms": round(self.reclaimed(time.monotonic()) * 1000)}

    @staticmethod
    def page(x):
        with contextlib.suppress(OSError, Exception):
            return x.get("/metrics", timeout=30)[0]
        return None

    def cycles(self, number):
        """Come, command, leave: what would be left each time adds up. healthy() looks."""
        for i in range(number):
            must(self.commander().wait(20) == 0, "a client was refused")
            if i % 100 == 99:
                say(f"      {i + 1} times attached and left")
        return {"cycles": number}


def parts(t, seconds, kills, cycles):
    """Name and work of each part."""
    return {"killed at each point": lambda: t.points("kill"), "stopped at each point": lambda: t.points("stop"),
            "stopped while attaching": lambda: t.attaching_stopped(), "kills at random": lambda: t.kills(kills),
            "crowd": lambda: t.crowd(seconds), "flood": lambda: t.hostile("flood", max(3, seconds // 3)),
            "rush": lambda: t.hostile("rush", max(1, seconds // 12), at_once=3),
            "garbage": lambda: t.hostile("garbage", max(3, seconds // 3)), "scribble": lambda: t.scribbled(max(1, seconds // 8)),
            "scrape stopped": lambda: t.scrape("stop"), "scrape killed": lambda: t.scrape("kill"),
            "leaks": lambda: t.cycles(cycles)}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seconds", type=int, default=60)
    ap.add_argument("--kills", type=int, default=1000)
    ap.add_argument("--cycles", type=int, default=1000)
    ap.add_argument("names", nargs="*")
    a = ap.parse_args()
    pages = TOP / "scripts/hugepages"
    if subprocess.run([pages, "ensure", "1200", str(os.getpid())]).returncode != 0:
        return 1
    failed = passed = 0
    try:
        with tempfile.TemporaryDirectory() as tmp:
            t = Torture(pathlib.Path(tmp) / "engine", before_s=5.0)
            work = parts(t, a.seconds, a.kills, a.cycles)
            try:
                for name in a.names or work:
                    ok = t.run(name, work[name])
                    passed, failed = passed + ok, failed + (not ok)
            finally:
                t.end()
    finally:
        subprocess.run([pages, "release", str(os.getpid())])
    print(json.dumps(t.results, indent=1))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
