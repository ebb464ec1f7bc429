"""What else the machine did meanwhile: time stolen by the hypervisor, CPU time of others, waits of our threads for a CPU."""
import os
import pathlib

HZ = os.sysconf("SC_CLK_TCK")
# above these, in percent, a figure is not to be trusted
STEAL_MOST, OTHER_MOST, WAIT_MOST = 2.0, 5.0, 1.0


def process_ticks(stat):
    """utime, stime and those of children that were waited for."""
    return [int(x) for x in stat.rsplit(")", 1)[1].split()[11:15]]


class Sample:
    """CPU time until now; pid: of the engine; also: of others that belong to what is measured."""

    def __init__(self, pid, also=()):
        cpu = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        self.all = sum(cpu[:8])  # the rest, guests, is in user and nice already
        self.steal = cpu[7]
        self.busy = self.all - cpu[3] - cpu[4] - cpu[7]
        own = process_ticks(pathlib.Path(f"/proc/{pid}/stat").read_text())[:2]
        me = process_ticks(pathlib.Path("/proc/self/stat").read_text())
        self.ours = sum(own) + sum(me) + sum(sum(process_ticks(pathlib.Path(f"/proc/{p}/stat").read_text())) for p in also)
        self.run_ns = self.wait_ns = 0
        for t in pathlib.Path(f"/proc/{pid}/task").iterdir():
            if (t / "comm").read_text().startswith("rte-worker"):
                run, wait, _ = (t / "schedstat").read_text().split()
                self.run_ns += int(run)
                self.wait_ns += int(wait)

    def since(self, a):
        """In percent: of all CPUs' time, and of the time the workers wanted to run."""
        ticks = max(1, self.all - a.all)
        other = (self.busy - a.busy) - (self.ours - a.ours)
        wait, run = self.wait_ns - a.wait_ns, self.run_ns - a.run_ns
        return {"steal_percent": round(100 * (self.steal - a.steal) / ticks, 1),
                "other_load_percent": round(100 * max(0, other) / ticks, 1),
                "worker_wait_percent": round(100 * wait / max(1, wait + run), 1)}

    def workers_wait_s(self, a):
        return (self.wait_ns - a.wait_ns) / 1e9


def worst(windows):
    return {k: max(w[k] for w in windows) for k in windows[0]}


def why_not_trusted(n):
    """What speaks against figures of that noise; empty: nothing."""
    most = {"steal_percent": STEAL_MOST, "other_load_percent": OTHER_MOST, "worker_wait_percent": WAIT_MOST}
    return ", ".join(f"{k} {n[k]}" for k in most if n[k] > most[k])
