"""A port that runs keeps its configuration: every command of the table that would change it is refused, says why, and changes nothing."""
import re

from test_traffic import RING, pair

EALREADY = 114
# what a value looks like, by keyword where "<n>" says too little; the first word of a|b is taken
VALUES = {"<n>": "1", "<ip>": "10.0.0.77", "<port>": "1", "<percent>": "1", "<ms>": "1", "<Mbit/s>": "1", "<name>": "/x", '"<text>"': '"A: b"'}
BY_KEYWORD = {"port": "0", "test-case-id": "0", "mask": "255.255.255.0", "mtu": "1400", "dest": "224.0.0.1", "mss": "536"}
WHILE_IT_RUNS = ("faults",)


def line(usage):
    """A command line with every argument that the usage shows."""
    words, keyword, last = [], "", ""
    for w in re.sub(r"[][]", "", usage).replace("set tests mtu port <n> <n>", "set tests mtu port <n> 1400").split():
        if w.startswith(("<", '"')):
            keyword = keyword if last in (keyword, w) else ""  # a value that stands alone has none
            words.append(BY_KEYWORD.get(keyword) or VALUES[w.split("|")[0] if w not in VALUES else w])
        elif "|" in w:
            words.append(w.split("|")[0])
        else:
            words.append(w)
            keyword = w
        last = w
    return " ".join(words)


def changing(e):
    """Each command that changes what a port or a test case is."""
    usages = [c["command"] for c in e.cli("help")[0]["result"]["commands"]]
    return [u for u in usages if re.match(r"(add|set|del) ", u) and " port <n>" in u and u.split()[2] not in WHILE_IT_RUNS]


def everything(e):
    tcs = [f"port 0 test-case-id {i}" for i in (0, 1)]
    return ([e.show(f"tests config port {p}") for p in (0, 1)], [e.show(f"tests {what}-options {tc}") for what in ("tcp", "vlan") for tc in tcs],
            e.show("port info"), e.show("tests faults port 0"))


def test_nothing_is_changed_of_a_port_that_runs(engine):
    e = engine(*RING)
    lines = [line(u) for u in changing(e)]
    assert len(lines) >= 20 and len({x.split(" port ")[0] for x in lines}) >= 18, lines
    pair(e, ("raw", "data-req-plen 10 data-resp-plen 10"), ("raw", "data-req-plen 10 data-resp-plen 10"),
         extra=("add tests server udp port 0 test-case-id 1 src 10.0.0.1 10.0.0.1 sport 53 53",
                "set tests vlan-options port 0 test-case-id 1 vlan-id 7", "add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0 vlan-id 7"))
    before = everything(e)
    for tc in ("test-case-id 0", "test-case-id 1", "test-case-id 5"):  # one that runs, one that waits, one that is not
        answers = e.cli(*(x.replace("test-case-id 0", tc) for x in lines), check=False)
        assert len(answers) == len(lines)
        for x, a in zip(lines, answers):
            assert not a["ok"] and a["code"] == -EALREADY and a["error"] == "port 0 is running: stop tests port 0 first", (x, a)
    again = e.cli("start tests port 0", check=False)[0]
    assert again["code"] == -EALREADY and "port 0 is running" in again["error"]
    assert everything(e) == before
    e.stop_tests(0)
    e.cli("set tests mtu port 0 1400", "set tests async port 0 test-case-id 0")  # port 1 still runs, and is no hindrance
    e.stop_tests(1)
