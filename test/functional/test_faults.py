"""The fault stage: what a port is told to do to packets happens, is counted, and sessions come through it."""
import pytest
from sums import IP_DROPS
from test_kernel import inside, server
from test_traffic import RING, pair
from warp17 import wait_for

FAILED = ("failed_syn", "failed_rst", "failed_retry", "failed_to", "failed_app")


def faults(e, port=0):
    return e.show(f"tests faults port {port}")


def both(e, what, port=0):
    view = faults(e, port)
    return view["tx"]["stats"][what] + view["rx"]["stats"][what]


def sessions(e, n=200, requests=20, size=3000, extra=()):
    """n sessions of so many transactions, to their end; none fails."""
    pair(e, ("http", f"GET h / req-size 0 requests {requests}"), ("http", f"200-OK resp-size {size}"),
         sports=(10001, 10000 + n), extra=("set tests timeouts port 0 test-case-id 0 downtime infinite",
                                           "set tests tcp-options port 0 test-case-id 0 data-retry 20 syn-retry 20 retry 20",
                                           "set tests tcp-options port 1 test-case-id 0 data-retry 20 syn-ack-retry 20 retry 20 "
                                           "fin-to 1000 twait-to 2000", *extra))
    wait_for(lambda: e.stats(0)["closed"] + sum(e.stats(0)[k] for k in FAILED) == n, 60)
    c = e.stats(0)
    assert c["closed"] == n and c["responses"] == c["requests"] == n * requests, c
    assert c["rx_bytes"] >= n * requests * size


@pytest.mark.parametrize("how", ["loss 1", "loss 1 burst 4", "duplicate 2", "reorder 2 reorder-by 2"])
def test_all_sessions_complete_under(engine, how):
    e = engine(*RING)
    e.cli(f"set tests faults port 0 {how}")
    sessions(e)
    what = {"l": "lost", "d": "duplicated", "r": "reordered"}[how[0]]
    for d in ("tx", "rx"):
        s = faults(e)[d]["stats"]
        share = float(how.split()[1]) / 100
        assert 0.3 * share < s[what] / s["offered"] < 3 * share, s
    total = e.group("tsm")["retrans_pkts"]
    if what == "lost":
        assert total > 0
    if what == "duplicated":
        assert e.group("drop")["tcp_old"] + e.group("tcp")["rx_dup"] > 0
    if what == "reordered":
        assert e.group("tcp")["rx_ooo"] > 0
    assert both(e, "overflow") == both(e, "queue_full") == 0
    e.stop_tests(0, 1)


def test_corruption_is_found_by_checksums(engine):
    e = engine(*RING, "--sw-checksum")
    e.cli("set tests faults port 0 corrupt 1")
    sessions(e)
    e.stop_tests(0, 1)
    wait_for(lambda: both(e, "held") == 0)
    drop = e.group("drop")
    found = sum(drop[k] for k in IP_DROPS) + drop["tcp_hdr_len"] + drop["tcp_checksum"]
    assert both(e, "corrupted") == found > 100, (faults(e), drop)
    assert e.group("tcp")["bad_csum"] > 0 and e.group("ipv4")["bad_csum"] > 0


def test_a_delay_is_the_round_trip(engine):
    e = engine(*RING)
    e.cli("set tests faults port 0 delay 50")  # out and back: 100 ms
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10"), ("raw", "data-req-plen 10 data-resp-plen 10"),
         sports=(10001, 10001))
    rate = lambda: e.show("tests stats port 0 test-case-id 0")["rates"]["requests_per_second"]
    rates = [wait_for(rate)]
    wait_for(lambda: e.stats(0)["responses"] > 20)
    wait_for(lambda: rates.append(rate()) or 8 <= rates[-1] <= 10, 10)
    assert max(rates) <= 10
    # while tests run: away with it, and back
    e.cli("del tests faults port 0")
    wait_for(lambda: rate() > 1000, 10)
    assert not faults(e)["tx"]["on"] and not faults(e)["rx"]["on"]
    e.cli("set tests faults port 1 direction tx delay 0.2s")
    wait_for(lambda: 4 <= rate() <= 5, 10)
    assert faults(e, 1)["tx"]["stats"]["held"] + faults(e, 1)["rx"]["stats"]["held"] <= 1
    e.stop_tests(0, 1)


def test_a_rate_bounds_what_comes_through(engine):
    e = engine(*RING)
    e.cli("set tests faults port 1 direction tx rate 10 queue 50")
    pair(e, ("raw", "data-req-plen 1 data-resp-plen 1000000"), ("raw", "data-req-plen 1 data-resp-plen 1000000"),
         sports=(10001, 10004))
    wait_for(lambda: e.stats(0)["rx_bytes"] > 500000)
    doc = e.document()
    wait_for(lambda: e.document()["timestamp"] > doc["timestamp"] + 2, 10)
    now = e.document()
    seconds = now["timestamp"] - doc["timestamp"]
    of = lambda d: d["ports"][1]["stats"]["port"]["tx_bytes"]
    mbps = (of(now) - of(doc)) * 8 / seconds / 1e6
    assert 8 < mbps < 10.3, mbps
    assert now["ports"][1]["stats"]["faults"]["tx_held"] <= 50
    e.cli("stop tests port 0", "stop tests port 1")


def test_stopping_with_packets_held_gives_all_buffers_back(engine):
    e = engine(*RING)
    e.cli("set tests faults port 0 delay 1s")
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10"), ("raw", "data-req-plen 10 data-resp-plen 10"),
         proto="udp", sports=(10001, 12000))
    wait_for(lambda: both(e, "held") > 3000)
    e.stop_tests(0, 1)
    wait_for(lambda: both(e, "held") == 0)  # the fixture does the sums
    assert both(e, "offered") == both(e, "passed") + both(e, "overflow")


def test_what_a_worker_cannot_hold_is_counted(engine):
    e = engine(*RING)  # 16K buffers: half of them may be held
    e.cli("set tests faults port 0 direction tx delay 1s")
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10"), ("raw", "data-req-plen 10 data-resp-plen 10"),
         proto="udp", sports=(10001, 18000))
    wait_for(lambda: both(e, "overflow") > 0)
    assert both(e, "held") <= 8192
    e.cli("del tests faults port 0")
    wait_for(lambda: both(e, "held") == 0)
    e.stop_tests(0, 1)


def test_off_is_off_again(engine):
    e = engine(*RING)
    e.cli("set tests faults port 0 loss 10 delay 1 rate 100", "del tests faults port 0")
    sessions(e, n=50)
    assert both(e, "lost") == 0 and e.group("tsm")["retrans_pkts"] == 0
    assert e.cli("show tests config port 0")[0]["result"].keys() == {"port", "mtu", "gw", "l3_interfaces", "tests"}
    e.stop_tests(0, 1)


def test_settings_stay_until_they_are_named_again(engine):
    e = engine(*RING)
    e.cli("set tests faults port 0 loss 0.5% burst 3 seed 9", "set tests faults port 0 direction rx delay 1.5 loss 0")
    view = faults(e)
    assert (view["tx"]["loss_percent"], view["tx"]["burst_pkts"], view["tx"]["delay_ms"]) == (0.5, 3, 0)
    assert (view["rx"]["loss_percent"], view["rx"]["burst_pkts"], view["rx"]["delay_ms"]) == (0, 3, 1.5)
    assert view["tx"]["seed"] == view["rx"]["seed"] == 9
    config = e.show("tests config port 0")
    assert config["tx_faults"]["loss_percent"] == 0.5 and config["rx_faults"]["delay_ms"] == 1.5
    e.cli("del tests faults port 0")
    for d in ("tx", "rx"):
        assert faults(e)[d]["loss_percent"] == faults(e)[d]["delay_ms"] == 0 and faults(e)[d]["burst_pkts"] == 1


NO_SENSE = (
    ("loss 101", "expected <percent>, 0..100"), ("loss much", "is not a number"), ("loss 0.00001", "finer"),
    ("", "at least one of loss"), ("delay 11s", "out of range"), ("rate 1tbit", "no unit"), ("burst 0", "1..1000"),
    ("loss 90 burst 2", "bursts of 9"), ("corrupt 1", "--sw-checksum"), ("direction up loss 1", "tx|rx|both"))


def test_what_makes_no_sense_is_refused(engine):
    e = engine(*RING)
    for bad, why in NO_SENSE:
        e.refuses(f"set tests faults port 0 {bad}", why)
    e.refuses("set tests faults port 7 loss 1", "port 7 does not exist")
    e.refuses("del tests faults port 7", "port 7 does not exist")
    assert not faults(e)["tx"]["on"] and not faults(e)["rx"]["on"]


@pytest.mark.parametrize("how", ["loss 1", "corrupt 1", "duplicate 2 reorder 2 delay 2 jitter 1"])
def test_a_kernel_gets_whole_bodies(engine, netns, how):
    e = server(engine, netns)
    e.cli("stop tests port 0", "set tests server http port 0 test-case-id 0 200-OK resp-size 300000",
          "set tests tcp-options port 0 test-case-id 0 data-retry 20", "start tests port 0")
    get = lambda: inside(netns, "curl", "-sf", "--max-time", "60", "http://172.16.1.2/")
    clean = get()
    assert clean.returncode == 0 and len(clean.stdout) == 300000
    e.cli(f"set tests faults port 0 {how}")
    for _ in range(5):
        done = get()
        assert done.returncode == 0 and done.stdout == clean.stdout
    what = {"l": "lost", "c": "corrupted", "d": "duplicated"}[how[0]]
    assert both(e, what) > 0
    e.stop_tests(0)


def test_the_exporter_tells_of_faults(engine):
    e = engine(*RING)
    e.cli("set tests faults port 0 loss 5")
    sessions(e, n=20)
    e.stop_tests(0, 1)
    f = e.document()["ports"][0]["stats"]["faults"]
    assert f["tx_lost"] > 0 and f["rx_lost"] > 0
    assert f["tx_offered"] == f["tx_passed"] + f["tx_lost"]
