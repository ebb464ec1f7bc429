"""Which stage of the packet path a source line belongs to, and what callgrind and perf say about lines."""
import collections
import functools
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
# prefix of a file's path: stage; the first that fits. Code inlined into another file's function stays its own file's.
STAGES = (
    ("test/", "harness"),  # the unit tests' wire, ports and clock: left out
    ("engine/l1_port/tx.c", "tx"), ("engine/l3_ip/ipv4_out", "tx"), ("engine/l3_ip/csum", "tx"), ("engine/l3_ip/route", "tx"),
    ("engine/l2_eth/eth_out", "tx"), ("engine/l1_port/", "rx"),
    ("engine/l2_eth/", "parse"), ("engine/l3_ip/", "parse"),
    ("engine/l4_conn/", "lookup"), ("engine/l4_tcp/", "tcp"), ("engine/l4_udp/", "udp"), ("engine/l7_app/", "app"),
    ("engine/lcore/first_look", "parse"), ("engine/lcore/wheel", "timers"), ("engine/traffic/", "pacing"), ("engine/lcore/", "loop"),
    ("rte_ring", "ring"), ("librte_net_ring", "ring"), ("librte_ring", "ring"),
    ("rte_mbuf", "buffers"), ("rte_mempool", "buffers"), ("rte_stack", "buffers"), ("librte_", "buffers"),
)
ORDER = ("rx", "parse", "lookup", "tcp", "udp", "app", "tx", "timers", "pacing", "loop", "ring", "buffers", "other", "harness")


@functools.cache
def short(path):
    """From the top of the tree on; of headers of the system the name alone."""
    path = path.removeprefix(str(TOP) + "/").removeprefix("./")
    return pathlib.PurePath(path).name if path.startswith("/") else path


@functools.cache
def stage(file):
    return next((s for prefix, s in STAGES if file.startswith(prefix)), "other")


class Costs:
    """What each source line and function cost: lists of numbers, one an event."""

    def __init__(self, events):
        self.events = events
        self.lines, self.functions = {}, {}

    def add(self, file, line, function, cost):
        for table, key in ((self.lines, (file, line)), (self.functions, (function, stage(file)))):
            have = table.setdefault(key, [0] * len(self.events))
            for i, c in enumerate(cost):
                have[i] += c

    def by_stage(self):
        out = collections.defaultdict(lambda: [0] * len(self.events))
        for (file, _), cost in self.lines.items():
            have = out[stage(file)]
            for i, c in enumerate(cost):
                have[i] += c
        return out


def callgrind(path):
    """Own costs by line out of a callgrind.out: compressed names, positions relative to the line before."""
    costs, names = None, {"f": {}, "n": {}}
    file = function = ""
    line = 0
    after_calls = False

    def name(kind, text):
        m = re.match(r"\((\d+)\)(?: (.*))?", text)
        if not m:
            return text
        if m[2]:
            names[kind][m[1]] = m[2]
        return names[kind][m[1]]

    for text in open(path):
        text = text.rstrip("\n")
        key, _, value = text.partition("=")
        if key in ("fl", "fi", "fe"):
            file = short(name("f", value))
        elif key == "fn":
            function = name("n", value)
        elif key in ("cfi", "cfl"):
            name("f", value)
        elif key == "cfn":
            name("n", value)
        elif key == "calls":
            after_calls = True  # the line behind has what the callee cost
        elif text.startswith("events:"):
            costs = Costs(text.split()[1:])
        elif costs and text and (text[0].isdigit() or text[0] in "+-*"):
            at, *cost = text.split()
            line = line if at == "*" else line + int(at) if at[0] in "+-" else int(at)
            if not after_calls:
                costs.add(file, line, function, [int(c) for c in cost])
            after_calls = False
    return costs


def perf_samples(data, program, base):
    """Samples by line out of perf.data; addresses of program, which is mapped at base, through addr2line."""
    out = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym,dso"], capture_output=True, text=True, check=True).stdout
    samples = re.findall(r"^\s*([0-9a-f]+) (.*) \((\S+)\)$", out, re.M)
    ours = sorted({ip for ip, _, dso in samples if dso == str(program)})
    where = subprocess.run(["addr2line", "-e", program], capture_output=True, text=True, check=True,
                           input="".join(f"{int(ip, 16) - base:x}\n" for ip in ours)).stdout.split("\n")
    place = dict(zip(ours, where))
    costs = Costs(["samples"])
    for ip, symbol, dso in samples:
        file, _, line = place.get(ip, short(dso) + ":0").split(" ")[0].rpartition(":")
        costs.add(short(file), int(line) if line.isdigit() else 0, symbol, [1])
    return costs
