"""The documents of /api/v1: their schemas, that they say what the CLI says, and what can be asked for."""
import json
import subprocess
import time

import pytest
import schemas
from test_exporter import exporter, prefix  # noqa: F401  fixtures
from test_sse import stream  # noqa: F401  fixture
from warp17 import CLI, EXPORTER, TOP, wait_for

RING = ("--ring-if-pairs", "1", "--tcb-pool-sz", "64", "--ucb-pool-sz", "64", "--mbuf-pool-sz", "16")
DOCUMENTS = ("stats", "ports", "tests", "operators", "events", "schema")
L3 = ("add tests l3_intf port 0 ip 10.0.0.1 mask 255.255.255.0",
      "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0")
START = ("start tests port 1", "start tests port 0")
C, S = "port 0 test-case-id 0", "port 1 test-case-id 0"


def ends(proto, sports="1000 1099"):
    return (*L3, f"add tests server {proto} {S} src 10.0.0.253 10.0.0.253 sport 80 80",
            f"add tests client {proto} {C} src 10.0.0.1 10.0.0.1 sport {sports} dest 10.0.0.253 10.0.0.253 dport 80 80")


RAW = (f"set tests client raw {C} data-req-plen 100 data-resp-plen 200", f"set tests server raw {S} data-req-plen 100 data-resp-plen 200")
WORLDS = {
    "nothing": (),
    "tcp": (*ends("tcp"), *RAW, f"set tests rate {C} send 1000"),
    "udp": (*ends("udp"), *RAW, f"set tests rate {C} send 1000 open 50"),
    "http": (*ends("tcp"), f"set tests client http {C} POST h.example /a?b=c req-size 10 requests 3", f"set tests client http {C} http-field \"X-A: 1\"",
             f"set tests server http {S} 404-NOT-FOUND resp-size 30"),
    "echo": (*ends("tcp"), f"set tests client echo {C} size 500", f"set tests server echo {S} size 500",
             f"set tests tcp-options {C} congestion none mss 1000 user-to 5000 timestamps 1 ecn 1"),
    "latency": (*ends("udp"), *RAW, f"set tests ipv4-options {C} dscp af41 ecn ECT0 tx-timestamp 1",
                f"set tests ipv4-options {S} tos 255 rx-timestamp 1", f"set tests latency {S} max 500 samples 10"),
    "imix": (*ends("tcp"), "set tests imix app-index 0 client raw data-req-plen 10 data-resp-plen 10", "set tests imix app-index 0 weight 30",
             "set tests imix app-index 1 client http GET h / req-size 0", "set tests imix app-index 1 weight 70",
             "set tests imix app-index 2 server raw data-req-plen 10 data-resp-plen 10", "set tests imix app-index 2 weight 30",
             "set tests imix app-index 3 server http 200-OK resp-size 10", "set tests imix app-index 3 weight 70",
             "add tests imix-id 0 app 0-1", "add tests imix-id 5 app 2-3", f"set tests imix {C} imix-id 0", f"set tests imix {S} imix-id 5"),
    "faults": (*ends("tcp"), *RAW, "set tests faults port 0 direction tx loss 1% delay 5 jitter 1 rate 100 queue 50",
               "set tests faults port 1 direction rx duplicate 2.5% reorder 1% reorder-by 2 seed 7"),
    "vlan": (*ends("udp"), "add tests l3_intf port 0 ip 20.0.0.1 mask 255.255.0.0 vlan-id 100 gw 20.0.0.9", "add tests l3_gw port 1 gw 10.0.0.1",
             f"set tests vlan-options {C} vlan-id 100 vlan-pri 7", "set tests mtu port 0 1400"),
    "multicast": (*L3, f"add tests multicast-src udp {C} src 10.0.0.1 10.0.0.1 sport 1 10 dest 224.0.0.1 224.0.0.9 dport 6000 6000",
                  f"set tests client raw {C} data-req-plen 10 data-resp-plen 0"),
    "many": (*L3, *(f"add tests server {'tcp' if i % 2 else 'udp'} port 1 test-case-id {i} src 10.0.0.253 10.0.0.253 sport {i + 1} {i + 1}"
                    for i in range(16))),
}


def once(e, document, *args):
    done = subprocess.run([EXPORTER, "--prefix", e.prefix, "--once", "--document", document, *args], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def get(e, document):
    return schemas.check(json.loads(once(e, document)))


@pytest.mark.parametrize("world", WORLDS)
def test_documents_are_as_their_schemas_say(engine, world):
    e = engine(*RING)
    e.cli(*WORLDS[world])
    ports = {t["port"] for t in get(e, "tests")["tests"]}
    for p in sorted(ports, reverse=True):
        e.cli(f"start tests port {p}")
    time.sleep(1.5 if ports else 0)  # rates are of a whole second
    docs = {d: get(e, d) for d in DOCUMENTS}
    assert {p["port"] for p in docs["ports"]["ports"] if p["running"]} == ports
    assert bool(ports) == any(t["stats"]["tc"]["up"] for t in docs["tests"]["tests"])
    for d in docs.values():
        assert d["schema"].startswith("warp17-") and abs(d["timestamp"] - time.time()) < 30
        # schema needs no engine, and so looks for none
        assert (d["engine"] or {}).get("pid") == (None if "counters" in d else e.proc.pid)
    e.stop_tests(*ports)
    for d in DOCUMENTS:
        get(e, d)


# ---- the schemas themselves

def values(doc, document):
    """Ways to values of every kind, and what must not stand there."""
    head = [(("schema",), "warp17-other/1.0"), (("schema",), "warp17-tests/2.0"), (("schema",), KeyError), (("timestamp",), "now"),
            (("timestamp",), KeyError), (("seq",), -1), (("seq",), 1.5), (("engine", "build"), "xyz"), (("engine", "pid"), 0),
            (("engine", "start_time"), KeyError), (("engine", "state"), "DEAD"), (("engine",), None), (("more",), 1), (("exporter", "x"), 1)]
    t, p = ("tests", 0), ("ports", 0)
    rest = {
        "tests": [((*t, "verdict"), "MAYBE"), ((*t, "fraction"), 1.01), ((*t, "fraction"), -0.1), ((*t, "state"), "passed"),
                  ((*t, "stats", "tc", "estab"), -1), ((*t, "stats", "tc", "estab"), 2**63), ((*t, "stats", "tc", "estab"), "1"),
                  ((*t, "stats", "tc", "estab"), 1.5), ((*t, "stats", "tc", "estab"), KeyError), ((*t, "stats", "tc", "estabs"), 1),
                  ((*t, "config"), KeyError), ((*t, "config", "client", "rates", "open"), "infinite"), ((*t, "port"), 64),
                  ((*t, "config", "app", "name"), "raw"), ((*t, "config", "app", "http"), KeyError), ((*t, "config", "app", "name"), "imix"),
                  ((*t, "config", "tcp", "sack"), 1), ((*t, "config", "sport", "to"), 65536), ((*t, "latency"), {}),
                  ((*t, "rates", "requests_per_second"), None), (("tests",), {}), ((*t, "config", "src", "from"), "-")],
        "ports": [((*p, "link_up"), 1), ((*p, "speed_mbps"), -1), ((*p, "kind"), "wifi"), ((*p, "stats", "tcp"), KeyError),
                  ((*p, "stats", "tcp", "rx_pkts"), None), ((*p, "device", "rx_missed"), KeyError), ((*p, "config", "faults", "tx"), KeyError),
                  ((*p, "config", "interfaces", 0, "vlan_id"), 0), ((*p, "lcores", 0, "lcore"), -1), ((*p, "config", "more"), 1)],
        "stats": [(("lcores", 0, "role"), "boss"), (("lcores", 0, "load", "percent"), 101), (("lcores",), []), (("test_cases",), KeyError),
                  (("test_cases", 0, "config"), {})],
        "operators": [(("operators", 0, "kind"), "x"), (("operators", 0, "slot"), 32), (("operators", 0, "read_only"), 0)],
        "events": [(("events", 0, "no"), 0), (("events", 0, "event"), "party"), (("last",), -1), (("events", 0, "operator"), "anna")],
        "schema": [(("counters", 0, "unit"), "parsecs"), (("counters", 0, "help"), ""), (("counters", 0, "kind"), KeyError),
                   (("documents", 0, "schema"), "x"), (("words", "criterion"), "x"), (("counters",), [])],
    }[document]
    if document == "schema":
        head = [(way, v) for way, v in head if way[0] != "engine"]
    return [*head, *rest]


def test_schemas_refuse_what_is_broken(engine):
    e = engine(*RING)
    e.cli(*WORLDS["http"], *START)
    wait_for(lambda: e.stats(0)["responses"] > 0)
    e.stop_tests(0, 1)
    for document in DOCUMENTS:
        doc = get(e, document)
        for way, value in values(doc, document):
            assert schemas.wrong({**schemas.changed(doc, way, value), "schema": doc["schema"]}) if way != ("schema",) else \
                list(schemas.validator(document).iter_errors(schemas.changed(doc, way, value))), (document, way, value)
        # who reads ignores what is new to it
        assert not schemas.wrong(schemas.changed(doc, ("more",), 1), strictly=False)
        assert not schemas.wrong(schemas.changed(doc, ("exporter", "more"), 1), strictly=False)


def test_every_counter_is_in_the_schema_document(engine):
    e = engine(*RING)
    e.cli(*WORLDS["udp"])
    stats, schema = get(e, "stats"), get(e, "schema")
    there = {("device", n) for n in stats["ports"][0]["device"]}
    for stats_of in (stats["ports"][0], stats["lcores"][0], stats["test_cases"][0]):
        there |= {(g, n) for g, names in stats_of["stats"].items() for n in names}
    told = [(c["group"], c["name"]) for c in schema["counters"]]
    assert len(told) == len(set(told)) > 150 and set(told) == there
    assert all(c["help"] and c["label"] for c in schema["counters"])
    assert {d["document"] for d in schema["documents"]} == {*DOCUMENTS, "live", "gap", "error"}
    for d in schema["documents"]:
        assert json.loads((schemas.DIR / f"warp17-{d['document']}.json").read_text())["$id"] == "urn:" + d["schema"].replace("/", ":")
        assert (d["path"] is None) == (d["document"] not in DOCUMENTS)
        if d["path"]:
            assert get(e, d["document"])["schema"] == d["schema"]
    text = (TOP / "doc/counters.md").read_text()
    for c in schema["counters"]:
        assert f"| `{c['name']}` |" in text


# ---- what they say

def test_numbers_of_stopped_tests_are_the_clis(engine):
    e = engine(*RING)
    e.cli(*WORLDS["latency"], *START)
    wait_for(lambda: e.stats(1)["requests"] > 500)
    e.stop_tests(0, 1)
    wait_for(lambda: not e.group("udp")["rx_pkts"] - e.group("udp")["tx_pkts"])
    tests = get(e, "tests")["tests"]
    assert [(t["port"], t["test_case_id"]) for t in tests] == [(0, 0), (1, 0)]
    for t in tests:
        view = e.show(f"tests stats port {t['port']} test-case-id {t['test_case_id']}")
        state = e.show(f"tests state port {t['port']}")["tests"][0]
        assert t["stats"]["tc"] == view["stats"] and t["rates"] == view["rates"]
        for ours, theirs in {"state": "state", "app": "app", "criterion": "criteria", "target": "target", "achieved": "achieved",
                             "reason": "reason", "note": "note", "behind": "behind", "runtime_s": "runtime_s"}.items():
            assert t[ours] == state[theirs], ours
        assert (t["established_us"] or 0) == state["estab_us"]
        if "latency" not in view:
            assert t["latency"] is None
            continue
        counters, named = t["stats"]["latency"], {"samples": "samples", "invalid": "invalid", "over_max": "max_exceeded",
                                                  "over_avg": "max_avg_exceeded"}
        both = {named[k]: counters[k] for k in named} | {k: v for k, v in t["latency"].items() if k != "recent"}
        assert both == view["latency"]["global"] and t["latency"]["recent"] == view["latency"]["recent"]
        assert both["samples"] > 500
    for p in get(e, "ports")["ports"]:
        for group, stats in p["stats"].items():
            if group != "icmp":
                assert stats == e.group({"eth": "ethernet"}.get(group, group), p["port"]), group
        assert p["lcores"] and all(v == sum(lc["stats"][g][n] for lc in p["lcores"]) for g, s in p["stats"].items() for n, v in s.items())


def span(r):
    return f"{r['from']}-{r['to']}"


def unlimited(v, word="infinite"):
    return word if v is None else v


def as_the_cli(t):
    """A test's configuration in the words of show tests config."""
    c = t["config"]
    o = {"test_case_id": t["test_case_id"], "async": c["async"], "src": span(c["src"]), "sport": span(c["sport"])}
    if c["client"]:
        k = c["client"]
        o |= {"dest": span(k["dest"]), "dport": span(k["dport"])} | {f"rate_{r}": unlimited(v) for r, v in k["rates"].items()}
        o |= {f: unlimited(k[f]) for f in ("init_s", "uptime_s", "downtime_s")}
        o["response_times"] = (t.get("response_times") or {"from": "off"})["from"]
    o |= {"criterion": t["criterion"], "criterion_count": t["target"]}
    if t["within_s"] is not None:
        o["criterion_within_s"] = t["within_s"]
    o |= {"vlan_id": c["vlan"]["id"] if c["vlan"] else 0, "vlan_pri": c["vlan"]["priority"] if c["vlan"] else 0}
    i = c["ipv4"]
    o["ipv4"] = {"tos": i["tos"], "dscp": i["dscp_name"] or i["dscp"], "ecn": i["ecn"], "tx-timestamp": int(i["tx_timestamp"]),
                 "rx-timestamp": int(i["rx_timestamp"])}
    if t["latency"] is not None:
        o["latency"] = {k: v or 0 for k, v in c["latency"].items()}
    a = c["app"]
    o["app"] = a["name"]
    if a["name"] == "imix":
        return o | {"imix_id": a["imix_id"]}
    of, o["requests"] = a[a["name"]], unlimited(a["requests"], "unlimited")
    if a["name"] == "raw":
        o |= {"data_req_plen": of["req_bytes"], "data_resp_plen": of["resp_bytes"], "rx_timestamp": int(of["rx_timestamp"]),
              "tx_timestamp": int(of["tx_timestamp"])}
    elif a["name"] == "echo":
        o["size"] = of["bytes"]
    else:
        o |= {k: of[k] for k in ("method", "host", "object", "status") if k in of}
        o |= {"req_size" if c["client"] else "resp_size": of["body_bytes"], "http_fields": "".join(f + "\r\n" for f in of["fields"])}
    return o


@pytest.mark.parametrize("world", WORLDS)
def test_configuration_is_the_clis(engine, world):
    e = engine(*RING)
    e.cli(*WORLDS[world])
    tests, ports = get(e, "tests")["tests"], get(e, "ports")["ports"]
    for p in ports:
        view = e.show(f"tests config port {p['port']}")
        mine = {f"test_case_{t['test_case_id']}": t for t in tests if t["port"] == p["port"]}
        theirs = {k: {f: v for f, v in t.items() if f != "type"} for k, t in view["tests"].items()}
        assert {k: as_the_cli(t) for k, t in mine.items()} == theirs
        c = p["config"]
        assert p["mtu"] == view["mtu"] and (c["gateway"] or "-") == (view["gw"] or "-")
        assert [(i["ip"], i["mask"], i["vlan_id"] or 0, i["gateway"] or "-") for i in c["interfaces"]] == \
            [(i["ip"], i["mask"], i["vlan_id"], i["gw"] or "-") for i in view["l3_interfaces"]]
        for d in ("tx", "rx"):
            f = c["faults"][d]
            assert (f is None) == (f"{d}_faults" not in view)
            if f:
                renamed = {"burst_packets": "burst_pkts", "queue_packets": "queue_pkts"}
                assert {renamed.get(k, k): v or 0 for k, v in f.items()} == {k: v for k, v in view[f"{d}_faults"].items() if k != "on"}
    for t in tests:
        if t["proto"] == "udp":
            assert t["config"]["tcp"] is None
            continue
        view = e.show(f"tests tcp-options port {t['port']} test-case-id {t['test_case_id']}")
        tcp = {k.removesuffix("_ms").replace("_", "-"): v or 0 for k, v in t["config"]["tcp"].items()}
        assert {k: int(v) if isinstance(v, bool) else v for k, v in tcp.items()} == \
            {k: v for k, v in view.items() if k not in ("port", "test_case_id")}


def test_verdicts_and_progress(engine):
    e = engine(*RING)
    e.cli(*ends("tcp"), *RAW, f"set tests criteria {C} run-time 4",
          "add tests client tcp port 0 test-case-id 1 src 10.0.0.1 10.0.0.1 sport 5000 5001 dest 10.0.0.253 10.0.0.253 dport 81 81",
          "set tests criteria port 0 test-case-id 1 clients-estab 2 within 1", f"set tests async {C}")

    def test(tcid):
        return get(e, "tests")["tests"][tcid]

    assert [(t["state"], t["verdict"], t["fraction"], t["runtime_s"]) for t in (test(0), test(1))] == [("IDLE", "none", 0, 0)] * 2
    e.cli(*START)
    first = test(0)
    assert (first["state"], first["verdict"], first["criterion_unit"]) == ("RUNNING", "none", "seconds")
    middle = wait_for(lambda: (t := test(0))["achieved"] >= 2 and t)
    assert middle["fraction"] == middle["achieved"] / 4 if middle["state"] == "RUNNING" else 1
    passed = wait_for(lambda: (t := test(0))["verdict"] != "none" and t)
    assert (passed["verdict"], passed["state"], passed["fraction"], passed["reason"]) == ("PASSED", "PASSED", 1, "")
    assert passed["runtime_s"] >= 3.9
    failed = wait_for(lambda: (t := test(1))["verdict"] != "none" and t)
    assert (failed["verdict"], failed["fraction"], failed["achieved"], failed["within_s"]) == ("FAILED", 0, 0, 1) and failed["reason"]


def test_who_holds_a_port(engine):
    e = engine(*RING)

    def holders():
        return [p["config"]["holder"] for p in get(e, "ports")["ports"]]

    shell = subprocess.Popen([CLI, "--prefix", e.prefix, "--name", "anna"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        shell.stdin.write(b"acquire port 1\n")
        shell.stdin.flush()
        held = wait_for(lambda: holders()[1])
        assert (held["name"], held["pid"], held["uid"]) == ("anna", shell.pid, 0) and abs(held["since"] - time.time()) < 60
        assert holders()[0] is None
    finally:
        shell.communicate()
    wait_for(lambda: holders() == [None, None])  # who leaves holds nothing


# ---- over HTTP

def test_filters(exporter, engine, prefix):  # noqa: F811
    x = exporter()
    e = engine(*RING, prefix=prefix)
    e.cli(*WORLDS["many"], "add tests client tcp port 0 test-case-id 3 src 10.0.0.1 10.0.0.1 sport 1 9 dest 10.0.0.253 10.0.0.253 dport 80 80")
    wait_for(x.ready)

    def ask(path):
        status, text, _ = x.get(path)
        assert status == 200, text
        doc = schemas.check(json.loads(text))
        return [(p["port"], p.get("test_case_id")) for p in doc.get("tests", doc.get("ports"))]

    everything = [(0, 3), *((1, i) for i in range(16))]
    assert ask("/api/v1/tests") == everything
    assert ask("/api/v1/tests?port=1") == everything[1:]
    assert ask("/api/v1/tests?test_case_id=3") == [(0, 3), (1, 3)]
    assert ask("/api/v1/tests?port=1&test_case_id=15") == [(1, 15)]
    assert ask("/api/v1/tests?port=0&test_case_id=0") == []
    assert ask("/api/v1/ports") == [(0, None), (1, None)]
    assert ask("/api/v1/ports?port=1") == [(1, None)]
    for bad in ("", "-1", "x", "1x", "+1", " 1", "2", "64", "4294967296", "18446744073709551616", "0x1", "1.0"):
        for path in (f"ports?port={bad}", f"tests?port={bad}", f"tests?port={bad}&test_case_id=0"):
            status, text, _ = x.get("/api/v1/" + path.replace(" ", "%20"))
            assert status == 400 and "port: " in json.loads(text)["error"], path
    for bad in ("", "-1", "16", "x", "4294967295"):
        status, text, _ = x.get(f"/api/v1/tests?test_case_id={bad}")
        assert status == 400 and "test_case_id: expected a number, 0..15" in json.loads(text)["error"]


def test_documents_over_http_are_numbered_and_those_of_once(exporter, engine, prefix):  # noqa: F811
    x = exporter()
    status, text, _ = x.get("/api/v1/schema")
    assert status == 200 and schemas.check(json.loads(text))["engine"] is None
    for path, code in {**{f"/api/v1/{d}": 503 for d in DOCUMENTS if d != "schema"}, "/readyz": 503, "/api/v1/ports?port=0": 503,
                       "/api/v1/ports?port=x": 400, "/api/v1/tests?port=x": 400, "/api/v2/tests": 404}.items():
        status, text, _ = x.get(path)
        assert status == code and schemas.check(json.loads(text))["error"], path
    status, text, _ = x.get("/api/v1/tests", method="POST", body="{}")
    assert status == 405 and schemas.check(json.loads(text))["schema"] == "warp17-error/1.0"
    e = engine(*RING, prefix=prefix)
    e.cli(*WORLDS["imix"])
    wait_for(x.ready)
    seq = []
    for d in DOCUMENTS:
        status, text, headers = x.get(f"/api/v1/{d}")
        assert status == 200 and headers["Content-Type"] == "application/json"
        doc = schemas.check(json.loads(text))
        assert doc["engine"]["pid"] == e.proc.pid
        seq.append(doc["seq"])
        if d in ("ports", "tests"):
            assert {**doc, "seq": 0, "timestamp": 0} == {**get(e, d), "seq": 0, "timestamp": 0}
    assert seq == list(range(seq[0], seq[0] + len(DOCUMENTS)))


def test_what_streams_say_is_as_the_schemas_say(exporter, engine, prefix, stream):  # noqa: F811
    x = exporter()
    wait_for(lambda: "not running" in x.why())
    gone = schemas.check(stream(x).first("state"))
    assert gone["engine"] is None and gone["why"]
    e = engine(*RING, prefix=prefix)
    e.cli(*WORLDS["faults"], *START)
    wait_for(x.ready)
    live = stream(x)
    for kind, schema in {"state": "warp17-live", "operators": "warp17-operators"}.items():
        data = schemas.check(live.first(kind))
        assert data["schema"].startswith(schema + "/") and data["engine"]["pid"] == e.proc.pid
    events = schemas.check(json.loads(x.get("/api/v1/events")[1]))
    assert not schemas.wrong({**events, "events": [live.first("event")]})
