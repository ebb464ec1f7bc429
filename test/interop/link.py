"""Three network namespaces in a row: left, a bridge with the engine's fault stage, right. Kernels and engines at its ends
see the very same link: the stage's object, its seed, its MTU."""
import json
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test" / "functional"))
BRIDGE = TOP / "build/release/test/interop/bridge"
LEFT, RIGHT = "172.16.1.1", "172.16.1.2"
OFF = ("tx", "rx", "tso", "gso", "gro", "lro", "sg", "tx-udp-segmentation")


def go_first():
    """This process and its children before other work of the machine, as a wire is, and as the kernel's TCP, which runs in
    interrupts, is. Where the kernel shares CPUs out by session, in one of its own."""
    if os.getpid() != os.getsid(0):
        os.setsid()
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    group = pathlib.Path("/proc/self/autogroup")
    if group.exists():
        group.write_text("-20")


def run(*args, **kw):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, **kw)


def inside(netns, *args):
    return ["ip", "netns", "exec", netns, *map(str, args)]


def namespace(name):
    """Quiet, and each connection begins without what earlier ones have learnt."""
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")
    sysctl(name, "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.tcp_no_metrics_save=1",
           "net.ipv4.tcp_rmem=4096 131072 8388608")


def sysctl(netns, *settings):
    for s in settings:
        run(*inside(netns, "sysctl", "-q", "-w", s))


def offloads_off(netns, dev):
    """Frames on the wire as a wire has them: cut to the MTU, with checksums."""
    for what in OFF:
        subprocess.run(inside(netns, "ethtool", "-K", dev, what, "off"), capture_output=True)


class Link:
    """with Link(name) as link: namespaces link.left, link.middle, link.right with devices l0 and r0 that have addresses
    LEFT and RIGHT, unless an engine is to have them."""

    def __init__(self, name, left_address=True, right_address=True):
        self.left, self.middle, self.right = (f"{name}-{x}" for x in "lmr")
        self.addresses = {"l": left_address and LEFT, "r": right_address and RIGHT}
        self.bridge = None

    def __enter__(self):
        for ns in (self.left, self.middle, self.right):
            namespace(ns)
        for x, ns in (("l", self.left), ("r", self.right)):
            run("ip", "-n", ns, "link", "add", f"{x}0", "type", "veth", "peer", "name", f"m{x}", "netns", self.middle)
            for n, dev in ((ns, f"{x}0"), (self.middle, f"m{x}")):
                offloads_off(n, dev)
                run("ip", "-n", n, "link", "set", dev, "up")
            if self.addresses[x]:
                run("ip", "-n", ns, "addr", "add", f"{self.addresses[x]}/24", "dev", f"{x}0")
        return self

    def connect(self, **settings):
        """Begins to carry frames, with those settings of the stage: loss_ppm=10000, delay_us=..."""
        args = [x for k, v in settings.items() for x in (k.replace("_", "-"), v)]
        self.bridge = subprocess.Popen(inside(self.middle, BRIDGE, "ml", "mr", *args), stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        assert self.bridge.stdout.readline() == "ready\n"

    def disconnect(self):
        """What the stage counted: (left to right, right to left)."""
        out, _ = self.bridge.communicate("", 10)
        assert self.bridge.returncode == 0
        self.bridge = None
        return [json.loads(line) for line in out.splitlines()]

    def __exit__(self, *exc):
        if self.bridge:
            self.bridge.kill()
            self.bridge.wait()
        for ns in (self.left, self.middle, self.right):
            subprocess.run(["ip", "netns", "del", ns])
