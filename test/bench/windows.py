"""A work in windows: from when all its sessions are up, the engine's counters between looks. What must hold at its end."""
import statistics
import time

from look import Look, lost
from warp17 import wait_for

WARM_S, WINDOW_S = 1.0, 2.0
LIMIT_S = 90  # for sessions to come up or to end


def spread(values, digits=0):
    return {k: round(f(values), digits or None) for k, f in (("median", statistics.median), ("min", min), ("max", max))}


def started(e, pairs=1):
    """Servers, then clients: port 2k is a client's, 2k + 1 its server's."""
    e.cli(*(f"start tests port {p}" for k in range(pairs) for p in (2 * k + 1, 2 * k)))


def settled(e, pairs=1):
    """Clients close, then servers: what is under way arrives."""
    for first in (0, 1):
        for port in range(first, 2 * pairs, 2):
            e.cli(f"stop tests port {port}")
            wait_for(lambda: not Look(e).tc(port)["open_now"], LIMIT_S)


def lost_at_stop(end, pairs=1):
    """As lost(), but for what stopping does to sessions that are just opening: they are reset, and that is their name."""
    found = lost(end)
    for port in range(0, 2 * pairs, 2):
        resets = end.tc(port)["failed_stop"]
        for name in (f"port {port} test case 0 failed_stop", f"port {port + 1} test case 0 failed_rst", f"port {port} drop.tcp_no_conn"):
            if found.get(name, 0) <= resets:
                found.pop(name, None)
    return found


def all_up(e, work, pairs=1):
    """Each client has opened all its sessions."""
    counter = "estab" if work.proto == "tcp" else "opened"
    wait_for(lambda: all((look := Look(e)).tc(2 * k)[counter] >= work.n for k in range(pairs)), LIMIT_S)


def windows_running(e, work, runs, pairs=1, warm_s=WARM_S, window_s=WINDOW_S):
    """The work goes on; looks between. The windows, and the figure of each."""
    all_up(e, work, pairs)
    time.sleep(warm_s)
    looks = [Look(e)]
    for _ in range(runs):
        time.sleep(window_s)
        looks.append(Look(e))
    found = [b.since(a) for a, b in zip(looks, looks[1:])]
    if work.idle:
        return found, [w.turns_per_s() for w in found]
    return found, [sum(w.rate(*work.count, port=2 * k) for k in range(pairs)) * work.factor for w in found]
