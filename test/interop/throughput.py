#!/usr/bin/python3
"""Bulk throughput of our TCP and the kernel's over the same bad link, with the same congestion control.

  sender: {the kernel's, our server} -> the kernel's receiver: how we send
  the kernel's sender -> receiver: {the kernel's, our client}: how we acknowledge

Each run has a seed of its own, the same for both; medians are compared. Prints a table in Markdown."""
import argparse
import os
import pathlib
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from link import LEFT, RIGHT, Link, go_first, inside
from warp17 import Engine, wait_for

BODY = 1 << 30
WARM_UP = 2  # seconds until what slow start did is over
ENGINE = ("--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")


def receiver(seconds, flows, host):
    """In its namespace: so many GETs at once; prints the bytes of each flow in so many seconds after the first few."""
    sel, got = selectors.DefaultSelector(), [0] * flows
    for i in range(flows):
        s = socket.create_connection((host, 80), 20)
        s.sendall(b"GET /body HTTP/1.1\r\nHost: h\r\n\r\n")
        s.setblocking(False)
        sel.register(s, selectors.EVENT_READ, i)
    for span in (WARM_UP, seconds):
        got = [0] * flows
        end = time.monotonic() + span
        while (left := end - time.monotonic()) > 0:
            for key, _ in sel.select(left):
                n = len(key.fileobj.recv(1 << 20))
                if n == 0:
                    sys.exit("the server closed")
                got[key.data] += n
    print(*got)


def sender(cc):
    """In its namespace: answers each connection with BODY bytes. cc is set on the socket, as namespaces may have but few."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, cc.encode())
    listener.bind((LEFT, 80))
    listener.listen(1024)
    print("ready", flush=True)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def answer(conn):
    with tempfile.TemporaryFile() as f:
        f.truncate(BODY)
        conn.recv(65536)
        conn.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n".encode())
        try:
            at = 0
            while at < BODY:
                at += os.sendfile(conn.fileno(), f.fileno(), at, BODY - at)
        except OSError:
            pass  # the receiver has had enough


class Sender:
    """The kernel's, in link.left."""

    def __init__(self, link, cc):
        self.proc = subprocess.Popen(inside(link.left, "/usr/bin/python3", __file__, "--sender", "--cc", cc),
                                     stdout=subprocess.PIPE, text=True)
        assert self.proc.stdout.readline() == "ready\n"

    def stop(self):
        self.proc.terminate()
        self.proc.wait(10)


def round_trip(netns):
    """ms, as the kernel's sockets of that namespace see it: (least, smoothed), medians."""
    out = subprocess.run(inside(netns, "ss", "-tin"), capture_output=True, text=True, check=True).stdout
    least, smooth = re.findall(r"minrtt:([0-9.]+)", out), re.findall(r" rtt:([0-9.]+)/", out)
    return tuple(statistics.median(map(float, x)) if x else None for x in (least, smooth))


def engine(tmp, netns, dev):
    return Engine(tmp, *ENGINE, eal=("--vdev", f"net_af_packet0,iface={dev}"), netns=netns)


def tcp_options(e, args, cc):
    e.cli("set tests tcp-options port 0 test-case-id 0 win-size 4000000 data-retry 50 syn-retry 20 syn-ack-retry 20 "
          f"congestion {'newreno' if cc == 'reno' else cc} {args.options}")


def kernel_receives(link, args):
    out = subprocess.run(inside(link.right, "/usr/bin/python3", __file__, "--receiver", "--seconds", args.seconds, "--flows",
                                args.flows), capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return [int(x) for x in out.stdout.split()]


def settings(args, seed):
    return dict(loss_ppm=round(args.loss * 1e4), delay_us=round(args.rtt * 500), reorder_ppm=round(args.reorder * 1e4),
                reorder_us=args.reorder_us, rate_kbps=args.rate, queue_pkts=args.queue, seed=seed)


def run_kernel(args, cc, seed, tmp):
    with Link(f"w17i-{os.getpid()}") as link:
        peer = Sender(link, cc)
        try:
            link.connect(**settings(args, seed))
            ss = subprocess.Popen(["sh", "-c", f"sleep {args.seconds}; exec ip netns exec {link.left} ss -tin"],
                                  stdout=subprocess.PIPE, text=True)
            got = kernel_receives(link, args)
            return got, link.disconnect(), {"ss": re.findall(r" rtt:[0-9.]+", ss.communicate()[0])}
        finally:
            peer.stop()


def run_sender(args, cc, seed, tmp):
    with Link(f"w17i-{os.getpid()}", left_address=False) as link:
        e = engine(tmp / "e", link.left, "l0")
        try:
            e.cli(f"add tests l3_intf port 0 ip {LEFT} mask 255.255.255.0",
                  f"add tests server tcp port 0 test-case-id 0 src {LEFT} {LEFT} sport 80 80",
                  f"set tests server http port 0 test-case-id 0 200-OK resp-size {BODY}")
            tcp_options(e, args, cc)
            e.cli("start tests port 0")
            link.connect(**settings(args, seed))
            got = kernel_receives(link, args)
            stats = {k: v for g in ("tsm", "tcp", "drop") for k, v in e.group(g).items() if v}
            return got, link.disconnect(), stats
        finally:
            e.stop()


def run_receiver(args, cc, seed, tmp):
    with Link(f"w17i-{os.getpid()}", right_address=False) as link:
        peer = Sender(link, cc)
        e = None
        try:
            e = engine(tmp / "e", link.right, "r0")
            e.cli(f"add tests l3_intf port 0 ip {RIGHT} mask 255.255.255.0",
                  f"add tests client tcp port 0 test-case-id 0 src {RIGHT} {RIGHT} sport 10001 {10000 + args.flows} "
                  f"dest {LEFT} {LEFT} dport 80 80",
                  "set tests client http port 0 test-case-id 0 GET h /body req-size 0")
            tcp_options(e, args, cc)
            link.connect(**settings(args, seed))
            e.cli("start tests port 0")
            wait_for(lambda: e.stats(0)["opened"] == args.flows, 20)
            time.sleep(WARM_UP)
            at, was = time.monotonic(), e.stats(0)["rx_bytes"]
            time.sleep(args.seconds)
            rtt = round_trip(link.left)
            now, got = time.monotonic(), e.stats(0)["rx_bytes"] - was
            stats = {k: v for g in ("tsm", "tcp", "drop") for k, v in e.group(g).items() if v}
            stats["rtt"] = rtt
            return [got * args.seconds / (now - at)], link.disconnect(), stats
        finally:
            peer.stop()
            if e:
                e.stop()


WHO = {"kernel": run_kernel, "sender": run_sender, "receiver": run_receiver}
TITLE = {"kernel": "kernel to kernel", "sender": "WARP17 to kernel", "receiver": "kernel to WARP17"}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--loss", type=float, default=1, help="%%, each way (1)")
    p.add_argument("--rtt", type=float, default=20, help="ms (20)")
    p.add_argument("--reorder", type=float, default=0, help="%% (0)")
    p.add_argument("--reorder-us", type=int, default=1000)
    p.add_argument("--rate", type=int, default=0, help="kbit/s (no limit)")
    p.add_argument("--queue", type=int, default=100, help="packets that may wait for the rate (100)")
    p.add_argument("--flows", type=int, default=8)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--cc", default="cubic,reno")
    p.add_argument("--who", default="kernel,sender,receiver")
    p.add_argument("--options", default="timestamps 1", help="more tcp-options of ours, beside a window of 4 MB (timestamps 1)")
    p.add_argument("--output", help="the table goes to this file too")
    p.add_argument("-v", action="store_true")
    p.add_argument("--sender", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--receiver", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.receiver:
        receiver(args.seconds, args.flows, LEFT)
        return
    if args.sender:
        sender(args.cc)
    go_first()
    lines = ["| congestion control | path | median, Mbit/s | all | of the kernel's |", "|---|---|---|---|---|"]
    for cc in args.cc.split(","):
        all_of = {}
        for seed in range(1, args.seeds + 1):
            for who in args.who.split(","):
                with tempfile.TemporaryDirectory() as d:
                    got, link, stats = WHO[who](args, cc, seed, pathlib.Path(d))
                mbps = sum(got) * 8 / args.seconds / 1e6
                all_of.setdefault(who, []).append(mbps)
                if args.v:
                    print(cc, who, seed, f"{mbps:.1f}", link[0], stats, file=sys.stderr)
        base = statistics.median(all_of["kernel"]) if "kernel" in all_of else None
        for who, v in all_of.items():
            m = statistics.median(v)
            lines.append(f"| {cc} | {TITLE[who]} | {m:.1f} | {', '.join(f'{x:.1f}' for x in v)} | "
                         f"{f'{m / base:.2f}' if base else ''} |")
    print(*lines, sep="\n")
    if args.output:
        pathlib.Path(args.output).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
