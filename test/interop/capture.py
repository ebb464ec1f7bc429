"""What goes over a device of a namespace, and what tshark thinks of it."""
import collections
import signal
import subprocess
import time

from peers import OURS, wait_for

# FINs; and a kernel's spelling of a checksum of 0, as good as the other
USUAL = ("This frame initiates the connection closing", "This frame undergoes the connection closing",
         "TCP Checksum 0xffff instead of 0x0000 (see RFC 1624)")
NOTE = 0x400000  # tshark's severities from here on: note, warning, error


class Capture:
    """snap: bytes of each packet, 0 all; what is cut has no checksum to be looked at."""

    def __init__(self, netns, file, snap=0, dev="warp0"):
        self.file = file
        self.proc = subprocess.Popen(["ip", "netns", "exec", netns, "tcpdump", "-i", dev, "-s", str(snap), "-B", "65536", "-Z", "root", "-U", "-w",
                                      str(file), "ip or arp"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: file.exists() and file.stat().st_size > 0)

    def stop(self):
        time.sleep(0.3)
        self.proc.send_signal(signal.SIGINT)
        _, err = self.proc.communicate(timeout=20)
        assert "\n0 packets dropped by kernel" in err, err

    def rsts(self):
        """(ours, the kernel's)"""
        out = subprocess.run(["tcpdump", "-n", "-r", str(self.file), "tcp[tcpflags] & tcp-rst != 0"], capture_output=True,
                             text=True, check=True).stdout.splitlines()
        ours = sum(f" {OURS}." in line.split(" > ")[0] for line in out)
        return ours, len(out) - ours

    def expert(self):
        """How often tshark says what, from notes on; checksums are looked at."""
        out = subprocess.run(["tshark", "-n", "-r", str(self.file), "-o", "tcp.check_checksum:TRUE", "-o",
                              "ip.check_checksum:TRUE", "-d", "tcp.port==1-65535,data", "-Y",
                              f"_ws.expert.severity >= {NOTE} || tcp.checksum.status == 0 || ip.checksum.status == 0",
                              "-T", "fields", "-E", "separator=\t", "-E", "aggregator=|", "-e", "ip.src", "-e",
                              "_ws.expert.severity", "-e", "_ws.expert.message"], capture_output=True, text=True, check=True)
        found = collections.Counter()
        for line in out.stdout.splitlines():
            src, severity, message = line.split("\t")
            for s, m in zip(severity.split("|"), message.split("|")):
                if int(s, 0) >= NOTE and m not in USUAL:
                    found["WARP17" if src == OURS else "kernel", m.split(" (#")[0]] += 1
        return found
