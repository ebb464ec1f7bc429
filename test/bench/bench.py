"""Speed on one ring pair and one worker: one JSON object. Each figure is the median of RUNS windows, with the spread.

The ceiling (allocate, write headers, through the ring pair, read, free) is measured in the same run: ceiling_bench.c."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test/functional"))
from warp17 import Engine, wait_for  # noqa: E402

RUNS, WINDOW_S = 3, 2.0
MEMORY_MB = "400"
POOLS = ("--ring-if-pairs", "1", "--tcb-pool-sz", "128", "--ucb-pool-sz", "64")
L3 = ("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
      "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0")
# name: transport, client's application, server's, sessions, counter of the client's test case, unit factor, extra commands
CLOSING = ("set tests timeouts port 0 test-case-id 0 downtime 0",
           *(f"set tests tcp-options port {p} test-case-id 0 twait-skip 1" for p in (0, 1)))
RAW = "data-req-plen {0} data-resp-plen {1}"
WORK = {
    "tcp_sessions_per_s": ("tcp", "raw", RAW.format(1, 1) + " requests 1", RAW.format(1, 1) + " requests 1", 100,
                           "closed", 1, CLOSING),
    "http_transactions_per_s": ("tcp", "http", "GET h /i req-size 0", "200-OK resp-size 20", 100, "responses", 1, ()),
    "udp_packets_per_s": ("udp", "raw", RAW.format(18, 0), RAW.format(18, 0), 10000, "requests", 1, ()),
    "gbit_per_s_1k": ("tcp", "raw", RAW.format(1024, 1024), RAW.format(1024, 1024), 100, "bytes", 8e-9, ()),
    "gbit_per_s_8k": ("tcp", "raw", RAW.format(8192, 8192), RAW.format(8192, 8192), 100, "bytes", 8e-9, ()),
}


def measure(tmp, name):
    proto, app, client, server, n, counter, factor, extra = WORK[name]
    e = Engine(tmp, *POOLS, prefix=f"w17bench-{name}")
    try:
        e.cli(*L3, f"add tests server {proto} port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 6000 6000",
              f"set tests server {app} port 1 test-case-id 0 {server}",
              f"add tests client {proto} port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 10001 {10000 + n} "
              "dest 10.0.0.253 10.0.0.253 dport 6000 6000",
              f"set tests client {app} port 0 test-case-id 0 {client}", *extra, "start tests port 1", "start tests port 0")
        wait_for(lambda: e.stats(0)["opened"] >= n)
        time.sleep(1)

        def value():
            s = e.stats(0)
            v = s["tx_bytes"] + s["rx_bytes"] if counter == "bytes" else s[counter]
            return v, time.monotonic()
        rates = []
        for _ in range(RUNS):
            v0, t0 = value()
            time.sleep(WINDOW_S)
            v1, t1 = value()
            rates.append((v1 - v0) / (t1 - t0) * factor)
        memory = e.show("memory statistics")["total"]
        e.check_sums()
        return rates, memory["tcb_bytes"]
    finally:
        e.stop()


def ceiling():
    program = TOP / "build/release/test/bench/ceiling_bench"
    out = subprocess.run([program], capture_output=True, text=True, timeout=60, check=True).stdout
    return float(out.split()[1])


def hugepages(*what):
    subprocess.run([TOP / "scripts/hugepages", *what], check=True)


def measure_all():
    result = {"ceiling_packets_per_s": round(ceiling())}
    for name in WORK:
        with tempfile.TemporaryDirectory() as tmp:
            rates, tcb_bytes = measure(pathlib.Path(tmp), name)
        digits = 2 if name.startswith("gbit") else 0
        result[name] = {k: round(f(rates), digits) for k, f in
                        (("median", statistics.median), ("min", min), ("max", max))}
        result["bytes_per_tcp_endpoint"] = tcb_bytes
    return result


def main():
    me = str(os.getpid())
    hugepages("ensure", MEMORY_MB, me)
    try:
        result = measure_all()
    finally:
        hugepages("release", me)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
