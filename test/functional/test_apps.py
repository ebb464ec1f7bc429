"""Applications over ring pairs: sizes, and sessions that say they close."""
import pytest
from test_traffic import RING, pair
from warp17 import wait_for


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_raw_messages_larger_than_65535(engine, proto):
    """The original cut sizes to 16 bits."""
    e = engine(*RING)
    size, n = 1000000, 5
    app = ("raw", f"data-req-plen {size} data-resp-plen {size + 1}")
    pair(e, (app[0], app[1] + f" requests {n}"), app, sports=(10001, 10003), proto=proto)
    wait_for(lambda: e.stats(0)["closed"] == 3, 60)
    e.stop_tests(0, 1)
    c, s = e.stats(0), e.stats(1)
    assert c["requests"] == c["responses"] == s["requests"] == s["responses"] == 3 * n
    assert c["tx_bytes"] == s["rx_bytes"] == 3 * n * size
    assert s["tx_bytes"] == c["rx_bytes"] == 3 * n * (size + 1)


@pytest.mark.parametrize("who", ["client", "server"])
def test_nothing_follows_connection_close(engine, who):
    e = engine(*RING)
    port = {"client": 0, "server": 1}[who]
    pair(e, ("http", "POST h / req-size 70000"), ("http", "200-OK resp-size 90000"), sports=(10001, 10010),
         extra=(f'set tests {who} http port {port} test-case-id 0 http-field "Connection: close"',
                f'set tests {who} http port {port} test-case-id 0 http-field "X-More: 1"'))
    wait_for(lambda: e.stats(0)["closed"] == 10, 30)
    c = e.stats(0)
    assert c["requests"] == c["responses"] == 10 and c["resp_errors"] == 0
    assert e.show(f"tests config port {port}")["tests"]["test_case_0"]["http_fields"] == "Connection: close\r\nX-More: 1\r\n"
    e.stop_tests(0, 1)


def test_fields_that_would_lie_are_refused(engine):
    e = engine(*RING)
    pair(e, ("http", "GET h / req-size 0"), ("http", "200-OK resp-size 0"))
    e.stop_tests(0, 1)
    for field in ("Content-Length: 5", "content-length:5", "Transfer-Encoding: chunked", "no colon", "bad name: x", ": x"):
        e.refuses(f'set tests client http port 0 test-case-id 0 http-field "{field}"', "http-field")
    e.cli('set tests client http port 0 test-case-id 0 http-field "Host: a"')
    e.refuses('set tests client http port 0 test-case-id 0 http-field "Host: b"', "a second Host")


@pytest.mark.parametrize("proto,size", [("tcp", 1), ("tcp", 100000), ("udp", 1400), ("udp", 5000)])
def test_echo_comes_back(engine, proto, size):
    e = engine(*RING)
    pair(e, ("echo", f"size {size} requests 10"), ("echo", f"size {size}"), proto=proto)
    wait_for(lambda: e.stats(0)["closed"] == 100, 30)
    e.stop_tests(0, 1)
    c, s = e.stats(0), e.stats(1)
    assert c["requests"] == c["responses"] == s["requests"] == s["responses"] == 1000
    assert c["tx_bytes"] == c["rx_bytes"] == s["tx_bytes"] == s["rx_bytes"] == 1000 * size
    assert c["mismatches"] == s["mismatches"] == 0
    config = e.show("tests config port 0")["tests"]["test_case_0"]
    assert (config["app"], config["size"], config["requests"]) == ("echo", size, 10)


def test_echo_of_other_bytes_is_counted(engine):
    e = engine(*RING)
    pair(e, ("echo", "size 100"), ("raw", "data-req-plen 100 data-resp-plen 100"))
    wait_for(lambda: e.stats(0)["mismatches"] > 100)
    e.stop_tests(0, 1)
    assert e.stats(0)["mismatches"] == e.stats(0)["responses"]
    e.cli("set tests client raw port 0 test-case-id 0 data-req-plen 100 data-resp-plen 100 requests 5",
          "set tests server echo port 1 test-case-id 0 size 100", "start tests port 1", "start tests port 0")
    wait_for(lambda: e.stats(1)["failed_app"] == 100)
    e.stop_tests(0, 1)
    assert e.stats(1)["mismatches"] == 100 and e.stats(1)["responses"] == 0
    e.refuses("set tests client echo port 0 test-case-id 0 size 0", "out of range")


def test_echo_in_an_imix_group(engine):
    e = engine(*RING)
    for side, base in (("client", 0), ("server", 8)):
        e.cli(f"set tests imix app-index {base} {side} echo size 3000", f"set tests imix app-index {base} weight 3",
              f"set tests imix app-index {base + 1} {side} raw data-req-plen 10 data-resp-plen 20",
              f"set tests imix app-index {base + 1} weight 1", f"add tests imix-id {base} app {base}-{base + 1}")
    pair(e, ("echo", "size 1"), ("echo", "size 1"),
         extra=("set tests imix port 0 test-case-id 0 imix-id 0", "set tests imix port 1 test-case-id 0 imix-id 8",
                "set tests rate port 0 test-case-id 0 send 2000"))
    wait_for(lambda: e.stats(0)["responses"] > 2000, 30)
    e.stop_tests(0, 1)
    view = e.show("tests stats port 0 test-case-id 0")
    echo, raw = [a["stats"] for a in view["apps"]]
    assert [a["app"] for a in view["apps"]] == ["echo", "raw"] and view["stats"]["mismatches"] == 0
    assert abs(echo["requests"] / view["stats"]["requests"] - 0.75) < 0.02 * 0.75
    assert echo["rx_bytes"] == 3000 * echo["responses"] and raw["rx_bytes"] == 20 * raw["responses"]
