"""What runs out or goes away: told of by name, counted, made up for when the cause goes; the rest goes on."""
import re
import subprocess
import time

import pytest
from test_kernel import inside, tap_up
from test_traffic import RING
from warp17 import BUILD, TOP, wait_for

POOLS = ("--tcb-pool-sz", "16", "--ucb-pool-sz", "16")


def flow(a, b, rate=2000, size=100):
    """UDP from ring port a to b."""
    return (f"add tests l3_intf port {a} ip 10.0.0.1 mask 255.255.255.0", f"add tests l3_intf port {b} ip 10.0.0.2 mask 255.255.255.0",
            f"add tests server udp port {b} test-case-id 0 src 10.0.0.2 10.0.0.2 sport 7 7",
            f"set tests server raw port {b} test-case-id 0 data-req-plen {size} data-resp-plen 0",
            f"add tests client udp port {a} test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1 100 dest 10.0.0.2 10.0.0.2 dport 7 7",
            f"set tests client raw port {a} test-case-id 0 data-req-plen {size} data-resp-plen 0",
            f"set tests rate port {a} test-case-id 0 send {rate}", f"start tests port {b}", f"start tests port {a}")


def to_kernel(port):
    """UDP from a TAP to the kernel at its other end."""
    net = f"172.16.{port}"
    return (f"add tests l3_intf port {port} ip {net}.2 mask 255.255.255.0",
            f"add tests client udp port {port} test-case-id 0 src {net}.2 {net}.2 sport 1 100 dest {net}.1 {net}.1 dport 9 9",
            f"set tests client raw port {port} test-case-id 0 data-req-plen 100 data-resp-plen 0",
            f"set tests rate port {port} test-case-id 0 send 2000", f"start tests port {port}")


def taps_up(netns, *ports):
    for p in ports:
        for words in (("link", "set", f"warp{p}", "up"), ("addr", "add", f"172.16.{p}.1/24", "dev", f"warp{p}")):
            subprocess.run(["ip", "-n", netns, *words], check=True)


def grows(what, by=1000, timeout=20):
    """The counter goes on."""
    before = what()
    wait_for(lambda: what() >= before + by, timeout)


# ---- ports that go

def test_a_tap_is_deleted_under_traffic(engine, netns):
    e = engine("--ring-if-pairs", "1", "--tap-ifs", "2", "--tap-netns", netns, *POOLS, "--mbuf-pool-sz", "8")
    taps_up(netns, 2, 3)
    e.cli(*flow(0, 1), *to_kernel(2), *to_kernel(3))
    for p in (0, 2, 3):
        grows(lambda: e.group("port", p)["tx_pkts"])
    config = e.show("tests config port 2")
    subprocess.run(["ip", "-n", netns, "link", "del", "warp2"], check=True)
    text = "port 2: link down: its interface warp2 is gone; if it was deleted the port carries nothing until the engine is started again"
    wait_for(lambda: text in e.log.read_text())
    assert text in [x["text"] for x in e.show("events")["events"] if x["event"] == "link-down"]
    assert [p["link"] for p in e.show("port link")["ports"]] == ["UP", "UP", "DOWN", "UP"]
    grows(lambda: e.group("port", 2)["tx_failures"])
    assert e.group("drop", 2)["tx_full"] > 0 and e.show("port statistics details")["ports"]["2"]["device"]["tx_errors"] > 0
    for p in (0, 3):  # the others go on, and all that was configured is there
        grows(lambda: e.group("port", p)["tx_pkts"])
        assert e.group("port", p)["tx_failures"] == 0
    assert e.show("tests config port 2") == config
    e.stop_tests(2)
    wait_for(lambda: "port 2 stopped" in e.log.read_text())


def test_a_tap_that_was_down_goes_on(engine, netns):
    e = engine("--tap-ifs", "1", "--tap-netns", netns, *POOLS, "--mbuf-pool-sz", "8")
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    e.cli("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0",
          "add tests server tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 80 80",
          "set tests server http port 0 test-case-id 0 200-OK resp-size 2000", "start tests port 0")
    assert inside(netns, "curl", "-sf", "-o", "/dev/null", "http://172.16.1.2/").returncode == 0
    for how, event in (("down", "link-down"), ("up", "link-up")):
        subprocess.run(["ip", "-n", netns, "link", "set", "warp0", how], check=True)
        wait_for(lambda: any(x["event"] == event and "gone" not in x["text"] for x in e.show("events")["events"]))
    assert inside(netns, "curl", "-sf", "-o", "/dev/null", "http://172.16.1.2/").returncode == 0


# ---- pools

def test_buffers_run_out_and_come_back(engine, netns):
    """Three TAPs keep 3069 of 4096 to receive into; a slow link wants the rest."""
    e = engine("--ring-if-pairs", "1", "--tap-ifs", "3", "--tap-netns", netns, *POOLS, "--mbuf-pool-sz", "4")
    e.cli("set tests faults port 0 direction tx delay 2000 queue 100000", *flow(0, 1, 4000))

    def failed():
        return e.group("drop")["no_mbuf"]

    def events(name):
        return [x["text"] for x in e.show("events")["events"] if x["event"] == name]
    wait_for(lambda: failed() > 0 and e.group("memory")["mbuf_free"] < 200)
    wait_for(lambda: any(re.search(r"lcore 1: \d+ of 4096 packet buffers are left: --mbuf-pool-sz gives more", t)
                         for t in events("pool-low")))
    e.cli("del tests faults port 0")
    wait_for(lambda: any("packet buffers are free again" in t for t in events("pool-ok")))
    was = failed()
    grows(lambda: e.group("udp", 1)["rx_pkts"], 4000)
    assert failed() == was


def test_more_sessions_than_the_pool_holds_are_refused_by_name(engine):
    e = engine("--ring-if-pairs", "1", "--tcb-pool-sz", "8", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8")
    add = ("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
           "set tests client raw port 0 test-case-id 0 data-req-plen 10 data-resp-plen 10")
    client = ("add tests client tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.1 sport 1 {} dest 10.0.0.2 10.0.0.2 dport 7 7")
    e.cli(add[0], client.format(10000), add[1])
    e.refuses("start tests port 0", "10000 TCP endpoints are wanted of lcore 1, its pool holds 8192: raise --tcb-pool-sz to 10")
    e.cli("del tests port 0 test-case-id 0", client.format(8000), add[1], "start tests port 0")
    wait_for(lambda: e.stats(0)["open_now"] > 0 or e.group("drop")["no_neighbour"] > 0)


# ---- the log's disk

@pytest.fixture
def small_disk(tmp_path):
    """Where the first engine's log is: 64 KB. It has to be there after the engine's end."""
    (tmp_path / "0").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "w17-log", tmp_path / "0"], check=True)
    yield tmp_path / "0"
    subprocess.run(["umount", tmp_path / "0"], check=True)


def test_a_full_disk_costs_lines_alone(small_disk, engine):
    e = engine(*RING, "--syslog", "off")
    e.cli(*flow(0, 1))
    filler = small_disk / "filler"
    try:
        filler.write_bytes(b"x" * 65536)
    except OSError:
        pass
    for _ in range(3):  # the rest of the last page too
        e.cli(*["set syslog INFO"] * 30)
    size = e.log.stat().st_size
    e.cli(*["set syslog INFO"] * 30)
    assert e.log.stat().st_size == size
    grows(lambda: e.group("udp", 1)["rx_pkts"], 2000)
    filler.unlink()
    e.cli("set syslog INFO", "set syslog INFO")
    lines = e.log.read_text().splitlines()
    lost, = [int(re.search(r"^\d\d:\d\d:\d\d warp17: \((\d+) lines lost\) ", x)[1]) for x in lines if "lines lost" in x]
    assert lost >= 30 and sum("set syslog: ok" in x or "set syslog INFO: ok" in x for x in lines) > 30


def test_a_start_without_place_for_its_log_says_so(tmp_path):
    where = tmp_path / "log"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=9", "w17-log", where], check=True)
    try:
        (where / "filler").write_bytes(b"x" * 4096)
        done = subprocess.run([TOP / "scripts/warp17", "start", "--prefix", "w17t-full", "--ring-if-pairs", "1"], text=True,
                              capture_output=True, timeout=60,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "WARP17_LOG_DIR": where, "WARP17_BIN": BUILD})
        assert done.returncode == 1 and f"error: cannot write to {where}/w17t-full.log: is the disk full?" in done.stderr
    finally:
        subprocess.run(["umount", where], check=True)


# ---- clocks

def test_only_what_is_printed_knows_the_time_of_day():
    """No test may set this machine's clock, and a time namespace has none of its own: so none decides anything. All that waits or
    measures has CLOCK_MONOTONIC or the TSC; whoever adds a use of the other says here what it is for."""
    printed = {"common/util/log.c": 1, "engine/boot/segment.c": 1, "engine/mgmt/operators.c": 1, "stats-exporter/sample.c": 1,
               "common/abi/journal.c": 1, "engine/mgmt/holders.c": 1,
               # when a document, a gap in a recording, a notification was made, a session opened, the exporter started
               "stats-exporter/json.c": 1, "stats-exporter/record.c": 1, "stats-exporter/process.c": 1, "cli/rpc_subs.c": 1,
               "cli/rpc_session.c": 1}
    clock = re.compile(r"CLOCK_REALTIME|\btime\(|gettimeofday|timedjoin|cond_timedwait|sem_timedwait|mutex_timedlock|CLOCK_TAI")
    found = {}
    for directory in ("common", "engine", "cli", "stats-exporter"):
        for path in (TOP / directory).rglob("*.[ch]"):
            code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
            if n := len(clock.findall(code)):
                found[str(path.relative_to(TOP))] = n
    assert found == printed


def test_the_engines_timers_do_not_follow_the_time_of_day(engine):
    """As the kernel has them."""
    e = engine(*RING)
    fds = f"/proc/{e.proc.pid}/fdinfo"
    clocks = subprocess.run(["sh", "-c", f"grep -h ^clockid {fds}/*"], capture_output=True, text=True).stdout.split("\n")
    assert clocks.count("clockid: 1") >= 1 and not [c for c in clocks if c not in ("clockid: 1", "")]  # CLOCK_MONOTONIC
    assert time.get_clock_info("monotonic").implementation == "clock_gettime(CLOCK_MONOTONIC)"
