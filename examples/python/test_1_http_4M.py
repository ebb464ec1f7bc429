#!/usr/bin/env python3
"""4 million HTTP sessions between two ports: 50 000 source ports, 80 ports of a server. Each asks with GET over and over.

Starts an engine with a pair of ports joined in memory, or attaches to one (ports 0 and 1 have to reach each other). Shows
how it goes, stops, and says PASS or FAIL.
exit: 0 PASS, 1 FAIL, 2 usage, 3 no engine, 4 refused, 5 no answer, 130 interrupted
"""
import argparse
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parents[2]  # the tree, or share/warp17
sys.path[:0] = [str(d) for d in (HERE / "scripts/python", HERE / "python") if d.is_dir()]
from warp17 import HttpClient, HttpServer, Warp17, run_script  # noqa: E402

CLIENT, SERVER = 0, 1  # ports
SPORTS, DPORTS = 50000, 80


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--scale", type=int, default=int(os.environ.get("WARP17_SCALE", "1")),
                   help="so many times fewer sessions (default WARP17_SCALE, 1)")
    p.add_argument("--attach", metavar="ADDR", help="HOST:PORT or unix:PATH of a running RPC server")
    p.add_argument("--rate", type=int, help="sessions opened per second (default: as fast as it goes)")
    p.add_argument("--within", type=int, default=600, help="seconds until all have to be established (default 600)")
    p.add_argument("--seconds", type=int, default=5, help="that they go on talking then (default 5)")
    a = p.parse_args()
    if a.scale < 1:
        p.error("--scale: expected 1 or more")
    return a


def ranges(scale):
    """Source ports first become fewer, then the server's: (source ports, server's ports)."""
    sports = max(1, SPORTS // scale)
    return sports, max(1, DPORTS * SPORTS // scale // sports)


def configure(w, sports, dports, rate, within):
    w.add_interface(CLIENT, "10.0.0.1", "255.255.255.0")
    w.add_interface(SERVER, "10.0.0.253", "255.255.255.0")
    w.add_server("tcp", SERVER, 0, src="10.0.0.253", sport=(6000, 5999 + dports))
    w.set_server(SERVER, 0, HttpServer(resp_size=100))
    w.set_criteria(SERVER, 0, "servers-up", dports)
    w.add_client("tcp", CLIENT, 0, src="10.0.0.1", sport=(10000, 9999 + sports), dest="10.0.0.253", dport=(6000, 5999 + dports))
    w.set_client(CLIENT, 0, HttpClient("www.foo42.net", "/index.html"))
    w.set_timeouts(CLIENT, 0, init=0, uptime="infinite")
    if rate is not None:
        w.set_rates(CLIENT, 0, open=rate)
    w.set_criteria(CLIENT, 0, "clients-estab", sports * dports, within=within)


def watch(w, seconds):
    """Shows each second, until the verdict is there and the sessions talked for so long; the states."""
    left = seconds
    with w.live_stats(CLIENT, 0) as views:
        for view in views:
            rates = view["rates"]
            print(f"{view['stats']['estab_once']} established, {rates['established_per_second']}/s, "
                  f"{rates['requests_per_second']} requests/s", flush=True)
            states = w.status(SERVER) + w.status(CLIENT)
            if any(t.state == "FAILED" for t in states):
                return states
            if all(t.over for t in states):
                left -= 1
                if left < 0:
                    return states


def verdict(w, states, sessions):
    """What is wrong, in words; nothing if all is well."""
    client, server = w.statistics(CLIENT, 0)["stats"], w.statistics(SERVER, 0)["stats"]
    wrong = [str(t) for t in states if not t.passed]
    if client["estab_once"] != sessions:
        wrong.append(f"{client['estab_once']} of {sessions} sessions were established")
    if client["responses"] == 0:
        wrong.append("no response came")
    for side, stats in (("client", client), ("server", server)):
        wrong += [f"{side} {k} {stats[k]}" for k in sorted(stats)
                  if (k.startswith("failed_") and k != "failed_stop" or k in ("resp_errors", "no_tcb")) and stats[k]]
    return wrong


def main():
    a = arguments()
    sports, dports = ranges(a.scale)
    sessions = sports * dports
    pool = 2 * sessions // 1024 * 17 // 16 + 16  # both ends are here; in 1024
    w = Warp17(a.attach) if a.attach else Warp17.launch(ring_if_pairs=1, tcb_pool_sz=pool, ucb_pool_sz=16)
    with w:
        configure(w, sports, dports, a.rate, a.within)
        w.start([SERVER, CLIENT])
        try:
            states = watch(w, a.seconds)
        finally:
            w.stop([CLIENT, SERVER])
        wrong = verdict(w, states, sessions)
    for line in wrong:
        print(f"FAIL: {line}")
    if not wrong:
        print(f"PASS: {sessions} HTTP sessions")
    return 1 if wrong else 0


if __name__ == "__main__":
    run_script(main)  # an error of the engine's is told, and ends it with that error's exit code
