"""show config: for every command of configuration, a fresh engine that runs what it prints has the same configuration."""
import subprocess

import pytest
from warp17 import CLI

RING = ("--ring-if-pairs", "1", "--tcb-pool-sz", "4", "--ucb-pool-sz", "4", "--mbuf-pool-sz", "8", "--sw-checksum")
INTF = "add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0"
CLIENT = ("add tests client tcp port 0 test-case-id 0 src 10.0.0.1 10.0.0.9 sport 1 100 "
          "dest 10.0.0.253 10.0.0.253 dport 80 80")
SERVER = "add tests server tcp port 0 test-case-id 1 src 10.0.0.1 10.0.0.1 sport 53 54"
C, S = "port 0 test-case-id 0", "port 0 test-case-id 1"

# By the command's id in cmd.def: what is run on an engine with CLIENT and SERVER. A new command of configuration needs a
# line here and a writer in cli/show_config.c.
EXAMPLES = {
    "add_tests_l3_intf": ["add tests l3_intf port 0 ip 10.0.7.1 mask 255.255.255.0",
                          "add tests l3_intf port 1 ip 10.0.7.1 mask 255.255.0.0 vlan-id 4094 gw 10.0.0.9"],
    "add_tests_l3_gw": ["add tests l3_gw port 1 gw 10.0.0.200"],
    "add_tests_server": ["add tests server udp port 1 test-case-id 15 src 10.0.0.1 10.0.0.3 sport 1 65535"],
    "add_tests_client": ["add tests client udp port 1 test-case-id 3 src 10.0.0.1 10.0.0.2 sport 1 2 "
                         "dest 1.2.3.4 1.2.3.5 dport 65535 65535"],
    "add_tests_multicast_src": ["add tests multicast-src udp port 1 test-case-id 4 src 10.0.0.1 10.0.0.2 sport 1 2 "
                                "dest 224.0.0.1 239.255.255.255 dport 1 1"],
    "set_tests_mtu": ["set tests mtu port 1 1400"],
    "set_tests_timeouts": [f"set tests timeouts {C} init 5 uptime 0 downtime 2000000",
                           f"set tests timeouts {C} uptime infinite"],
    "set_tests_rate": [f"set tests rate {C} open 0 close 4294967294 send 7", f"set tests rate {C} send infinite"],
    "set_tests_criteria": [f"set tests criteria {C} clients-estab 900 within 5", f"set tests criteria {S} data-MB 3"],
    "set_tests_async": [f"set tests async {S}"],
    "set_tests_tcp_options": [
        f"set tests tcp-options {C} win-size 1 syn-retry 1 syn-ack-retry 2 data-retry 3 retry 4 rto 10000 fin-to 5 twait-to 6 "
        "orphan-to 7 twait-skip 1 ack-delay 1 ack-on-data 0 fin-on-data 0 congestion newreno mss 536 user-to 9 window-scale 0 timestamps 1 sack 0 ecn 1",
        f"set tests tcp-options {S} congestion none"],
    "set_tests_vlan_options": [f"set tests vlan-options {C} vlan-id 4094 vlan-pri 7",
                               f"set tests vlan-options {S} vlan-id 1"],
    "set_tests_ipv4_options": [f"set tests ipv4-options {C} tos 255 tx-timestamp 1 rx-timestamp 1",
                               f"set tests ipv4-options {S} dscp af11 ecn CE"],
    "set_tests_latency": [f"set tests latency {C} max 1 max-avg 2 samples 1000", f"set tests latency {S} max 4294967295"],
    "set_tests_response_times": [f"set tests response-times {C} from request"],
    "set_tests_faults": [
        "set tests faults port 0 loss 0.0001 duplicate 100 reorder 2.5 reorder-by 500us corrupt 1 delay 20 jitter 0.001 "
        "rate 0.5 queue 0 seed 4294967295", "set tests faults port 1 direction tx loss 50 burst 10",
        "set tests faults port 1 direction rx seed 9"],
    "set_tests_client_raw": [f"set tests client raw {C} data-req-plen 2000000000 data-resp-plen 0 requests 9"],
    "set_tests_server_raw": [f"set tests server raw {S} data-req-plen 0 data-resp-plen 16 tx-timestamp"],
    "set_tests_client_echo": [f"set tests client echo {C} size 2000000000"],
    "set_tests_server_echo": [f"set tests server echo {S} size 1 requests 4"],
    # the fields stay when the rest is set again
    "set_tests_client_http_field": [f"set tests client http {C} GET h / req-size 7",
                                    f'set tests client http {C} http-field "A:  b  c"',
                                    f'set tests client http {C} http-field "X: \u00e9 \\"q\\" # ! // \\\\"'],
    "set_tests_client_http": [f'set tests client http {C} HEAD "#h\\"ost" "/a\\\\b//c?d=!e" req-size 0 requests 4294967295'],
    "set_tests_server_http_field": [f"set tests server http {S} 404-NOT-FOUND resp-size 0",
                                    f'set tests server http {S} http-field "#!:1"'],
    "set_tests_server_http": [f"set tests server http {S} 200-OK resp-size 12 requests 3"],
    "imix_client_raw": ["set tests imix app-index 0 client raw data-req-plen 100 data-resp-plen 20 requests 3 rx-timestamp",
                        "set tests imix app-index 1 client raw data-req-plen 0 data-resp-plen 0"],
    "imix_server_raw": ["set tests imix app-index 2 server raw data-req-plen 1 data-resp-plen 2"],
    "imix_client_http_field": ["set tests imix app-index 3 client http GET h / req-size 7",
                               'set tests imix app-index 3 client http http-field "A: b"'],
    "imix_client_http": ["set tests imix app-index 31 client http HEAD h /x req-size 0 requests 4"],
    "imix_server_http_field": ["set tests imix app-index 4 server http 200-OK resp-size 1",
                               'set tests imix app-index 4 server http http-field "A: b"'],
    "imix_server_http": ["set tests imix app-index 5 server http 404-NOT-FOUND resp-size 12"],
    "imix_client_echo": ["set tests imix app-index 6 client echo size 64 requests 4294967295"],
    "imix_server_echo": ["set tests imix app-index 7 server echo size 9"],
    "imix_weight": ["set tests imix app-index 0 weight 40", "set tests imix app-index 1 weight 60"],
    "add_tests_imix": ["add tests imix-id 15 app 0,1"],
    "set_tests_imix": [f"set tests imix {C} imix-id 15"],
}
# Those that leave nothing to be written.
NOTHING = {"del_tests", "del_tests_faults", "del_tests_l3_intf", "del_tests_l3_gw", "del_tests_imix", "set_tests_noasync",
           "set_tests_no_async", "set_syslog", "start_tests", "stop_tests", "acquire_port", "release_port"}


def views(e):
    """All that is shown of the configuration."""
    out = {}
    for p in (0, 1):
        config = out[f"config {p}"] = e.show(f"tests config port {p}")
        faults = e.show(f"tests faults port {p}")
        for d in ("tx", "rx"):
            del faults[d]["stats"]
        out[f"faults {p}"] = faults
        for name in config["tests"]:
            tc = f"port {p} test-case-id {name.split('_')[-1]}"
            out[tc] = e.show(f"tests tcp-options {tc}")
    return out


def config(e):
    """What show config prints."""
    done = subprocess.run([CLI, "--prefix", e.prefix, "show", "config"], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


@pytest.fixture
def again(engine, tmp_path):
    """again(commands) runs them, and what show config prints of it on a fresh engine, which must look the same."""
    def check(*commands):
        e = engine(*RING)
        e.cli(*commands)
        text, seen = config(e), views(e)
        e.check_sums()
        assert e.stop() == 0
        file = tmp_path / "saved.cfg"
        file.write_text(text)
        e = engine(*RING)
        done = subprocess.run([CLI, "--prefix", e.prefix, "-f", file], capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
        assert config(e) == text
        assert views(e) == seen
        # and as the engine's own command file
        e.stop()
        e = engine(*RING, "--cmd-file", str(file))
        assert "error" not in e.log.read_text()
        assert config(e) == text and views(e) == seen
        return text
    return check


def test_every_command_of_configuration_is_tried(engine):
    commands = engine(*RING).cli("help")[0]["result"]["commands"]
    assert {c["id"] for c in commands if c["changes_engine"]} == set(EXAMPLES) | NOTHING


def test_all_commands_at_once(again):
    commands = [INTF, CLIENT, SERVER]
    # each kind of test case has one application at a time: HTTP is the last
    text = again(*commands, *(line for lines in EXAMPLES.values() for line in lines))
    assert "set tests client raw" not in text


def test_raw_and_what_was_undone(again):
    lines = again(INTF, CLIENT, SERVER, *EXAMPLES["set_tests_client_http_field"], *EXAMPLES["set_tests_client_raw"],
                  *EXAMPLES["set_tests_server_raw"], *EXAMPLES["set_tests_async"], f"set tests noasync {S}",
                  *EXAMPLES["set_tests_faults"], "del tests faults port 0", *EXAMPLES["add_tests_server"],
                  "del tests port 1 test-case-id 15").splitlines()
    assert [x for x in lines if x and x[0] != "#"] == [
        INTF, CLIENT, *EXAMPLES["set_tests_client_raw"], SERVER, *EXAMPLES["set_tests_server_raw"],
        *EXAMPLES["set_tests_faults"][1:]]


def test_nothing_configured_is_comments_alone(engine):
    e = engine(*RING)
    assert all(x.startswith("# port ") for x in config(e).splitlines() if x)
    assert e.show("config port 1") == {"lines": [e.show("config")["lines"][-1]]}
    assert "ports 0..1" in e.cli("show config port 2", check=False)[0]["error"]


def test_of_a_port_has_its_groups_and_no_other(engine):
    """What the port's test cases need of IMIX, so that the lines make the port on another engine."""
    e = engine(*RING)
    apps = [line for i in (0, 1, 2) for line in (f"set tests imix app-index {i} client raw data-req-plen {i + 1} data-resp-plen 0",
                                                f"set tests imix app-index {i} weight 50")]
    groups = ["add tests imix-id 3 app 0-1", "add tests imix-id 4 app 1-2"]
    e.cli(INTF, CLIENT, *apps, *groups, f"set tests imix {C} imix-id 3")
    lines = [x for x in e.show("config port 0")["lines"] if x and x[0] != "#"]
    assert lines == [*apps[:4], groups[0], INTF, CLIENT, f"set tests imix {C} imix-id 3"]
    assert not any("imix" in x for x in e.show("config port 1")["lines"])
    fresh = engine(*RING)
    fresh.cli(*lines)
    assert fresh.show("tests config port 0") == e.show("tests config port 0")
    assert fresh.show("config port 0") == e.show("config port 0")
