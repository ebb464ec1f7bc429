"""What a real Prometheus makes of /metrics: both formats with every kind of test case, numbers that are the CLI's, rules and
dashboard that name what is there, and what is left when the engine has gone."""
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format
from test_exporter import exporter, prefix, promtool  # noqa: F401: fixtures
from warp17 import TOP, wait_for

RING = ("--ring-if-pairs", "2", "--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")
CONFIG = TOP / "config/prometheus"
DASHBOARD = TOP / "config/grafana/warp17.json"
OPEN = {"Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}  # as Prometheus 2.42 asks
SPEED = "set tests rate {} send 500"


def pair(n, tcid, proto, client, server):
    """A client test case of port 2n, its server of port 2n + 1, side by side with those before."""
    c, s, net = f"port {2 * n} test-case-id {tcid}", f"port {2 * n + 1} test-case-id {tcid}", f"10.0.{n}"
    return [f"add tests server {proto} {s} src {net}.253 {net}.253 sport {6000 + tcid} {6000 + tcid}",
            f"add tests client {proto} {c} src {net}.1 {net}.1 sport {10000 + 100 * tcid} {10009 + 100 * tcid} "
            f"dest {net}.253 {net}.253 dport {6000 + tcid} {6000 + tcid}",
            *([f"set tests client {client[0]} {c} {client[1]}", f"set tests server {server[0]} {s} {server[1]}"] if client else []),
            SPEED.format(c), f"set tests async {c}", f"set tests async {s}"]


def world(e):
    """Every kind of test case, running; one of them FAILED. Packets are lost, and come twice."""
    raw, echo = ("raw", "data-req-plen 100 data-resp-plen 100"), ("echo", "size 100")
    stamped = [(raw[0], f"{raw[1]} {which}-timestamp") for which in ("tx", "rx")]
    http = ("http", "GET h / req-size 0"), ("http", "200-OK resp-size 100")
    groups = [f"set tests imix app-index {i} {side} {app}" for i, side, app in (
        (0, "client", "http GET h / req-size 0"), (1, "client", "raw data-req-plen 10 data-resp-plen 10"),
        (16, "server", "http 200-OK resp-size 10"), (17, "server", "raw data-req-plen 10 data-resp-plen 10"))]
    weights = [f"set tests imix app-index {i} weight 50" for i in (0, 1, 16, 17)]
    e.cli(*(f"add tests l3_intf port {p} ip 10.0.{p // 2}.{253 if p % 2 else 1} mask 255.255.255.0" for p in range(4)),
          *pair(0, 0, "tcp", *http), *pair(0, 1, "udp", raw, raw), *pair(0, 2, "tcp", echo, echo), *pair(0, 3, "tcp", *stamped),
          "set tests ipv4-options port 0 test-case-id 1 tx-timestamp 1", "set tests ipv4-options port 1 test-case-id 1 rx-timestamp 1",
          "set tests latency port 1 test-case-id 3 max 1 max-avg 1 samples 100",
          "set tests response-times port 0 test-case-id 0 from syn", "set tests response-times port 0 test-case-id 1 from request",
          "add tests multicast-src udp port 0 test-case-id 4 src 10.0.0.1 10.0.0.1 sport 5000 5000 dest 224.0.0.1 224.0.0.3 dport 7 7",
          "set tests client raw port 0 test-case-id 4 data-req-plen 10 data-resp-plen 0", SPEED.format("port 0 test-case-id 4"),
          *groups, *weights, "add tests imix-id 0 app 0-1", "add tests imix-id 1 app 16-17", *pair(1, 0, "tcp", None, None),
          "set tests imix port 2 test-case-id 0 imix-id 0", "set tests imix port 3 test-case-id 0 imix-id 1",
          *pair(1, 1, "tcp", *http), "set tests criteria port 2 test-case-id 1 clients-estab 11 within 1",
          "set tests faults port 0 loss 1% duplicate 3%",
          *(f"start tests port {p}" for p in (1, 3, 0, 2)))
    tests = [(0, i) for i in range(5)] + [(2, 0), (2, 1)]
    stats = [f"tests stats port {p} test-case-id {t}" for p, t in tests]
    wait_for(lambda: all(view["stats"]["requests"] > 100 for view in e.shown(*stats)), 30)
    wait_for(lambda: e.state(2, 1) == "FAILED")


class Prometheus:
    """A server with the configuration that is shipped, but for whom it asks, and how often."""

    def __init__(self, tmp, exporter_port):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.target = f"127.0.0.1:{exporter_port}"
        config = (CONFIG / "prometheus.yml").read_text()
        assert "127.0.0.1:9417" in config and config.count("interval: 5s") == 2
        (tmp / "prometheus.yml").write_text(config.replace("127.0.0.1:9417", self.target).replace("interval: 5s", "interval: 250ms"))
        shutil.copy(CONFIG / "warp17.rules.yml", tmp)
        self.log = tmp / "prometheus.log"
        with open(self.log, "w") as log:
            self.proc = subprocess.Popen(
                ["prometheus", f"--config.file={tmp}/prometheus.yml", f"--storage.tsdb.path={tmp}/data", "--log.level=warn",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.ready, 30)

    def ready(self):
        assert self.proc.poll() is None, self.log.read_text()
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5).status == 200
        except OSError:
            return False

    def api(self, path, **args):
        """What the API says, of which an error is none that the test expects."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(args)}", timeout=20) as r:
                return json.load(r)["data"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{args}: {e.read().decode()}") from None

    def query(self, expr):
        """[(labels, value)]."""
        return [(r["metric"], float(r["value"][1])) for r in self.api("query", query=expr)["result"]]

    def number(self, expr):
        """Of the one series there is; None: there is none."""
        found = self.query(expr)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def scraped(self):
        """Waits for a scrape that begins from now on."""
        now = time.time()
        wait_for(lambda: (self.number("timestamp(up)") or 0) > now, 20)


@pytest.fixture
def prometheus(tmp_path):
    started = []

    def start(x):
        started.append(Prometheus(tmp_path, x.port))
        return started[-1]

    yield start
    for p in started:
        p.proc.terminate()
        p.proc.wait(20)


def metrics(x, accept=None):
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{x.port}/metrics", headers=accept or {}), timeout=10) as r:
        return r.headers["Content-Type"], r.read().decode()


def series(families):
    """{(name, labels): value}."""
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def test_both_formats_with_all_kinds_of_test_cases(engine, exporter, prefix):  # noqa: F811
    x, e = exporter(), engine(*RING, prefix=prefix)
    wait_for(x.ready)
    world(e)
    kind, text = metrics(x)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    promtool(text)
    kind, open_text = metrics(x, OPEN)
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert metrics(x, {"Accept": "text/plain, application/openmetrics-text;q=0.9"})[0].startswith("text/plain")
    families = list(openmetrics(open_text))  # raises for what is none
    assert set(series(families)) == set(series(text_format(text)))
    with pytest.raises(ValueError):
        list(openmetrics(open_text.replace("# EOF\n", "")))
    by_name = {f.name: f for f in families}
    assert len(by_name) == len(families) > 150 and all(f.documentation for f in families)
    for name, type_, unit in (("warp17_port_rx_packets", "counter", "packets"), ("warp17_port_rx_bytes", "counter", "bytes"),
                              ("warp17_lcore_busy_seconds", "counter", "seconds"), ("warp17_build", "info", ""),
                              ("warp17_test_case_latency_seconds", "histogram", "seconds"),
                              ("warp17_test_case_first_byte_seconds", "histogram", "seconds"),
                              ("warp17_test_case_last_byte_seconds", "histogram", "seconds"), ("warp17_lcore_load_ratio", "gauge", "ratio"),
                              ("process_cpu_seconds", "counter", "seconds"), ("warp17_drop_packets", "counter", "packets"),
                              ("warp17_imix_responses", "counter", "")):
        assert (by_name[name].type, by_name[name].unit) == (type_, unit)
        assert by_name[name].samples, name
    kinds = {(s.labels["type"], s.labels["proto"], s.labels["app"]) for s in by_name["warp17_test_case"].samples}
    assert kinds >= {("client", "tcp", "http"), ("server", "udp", "raw"), ("client", "tcp", "echo"), ("multicast-src", "udp", "raw"),
                     ("client", "tcp", "imix")}


def test_process_metrics_are_those_of_the_process(exporter, prefix):  # noqa: F811
    x = exporter()
    x.get("/metrics")
    _, text = metrics(x)
    is_ = {k: v for (k, _), v in series(text_format(text)).items() if k.startswith("process_")}
    status = dict(line.split(":", 1) for line in open(f"/proc/{x.proc.pid}/status").read().splitlines())
    assert abs(is_["process_resident_memory_bytes"] - int(status["VmRSS"].split()[0]) * 1024) < 4 << 20
    assert abs(is_["process_start_time_seconds"] - time.time()) < 60
    assert 0 < is_["process_cpu_seconds_total"] < 10
    assert 5 < is_["process_open_fds"] < 40 < is_["process_max_fds"]


def metric_name(c):
    """What a counter of the schema is called: base units, _total of what only grows."""
    name, unit = c["name"], {"microseconds": "_us", "milliseconds": "_ms", "cycles": "_cycles", "nanoseconds": "_ns"}.get(c["unit"])
    if unit:
        name = name.removesuffix(unit) + "_seconds"
    elif c["unit"] == "packets" and name.endswith("_pkts"):
        name = name.removesuffix("_pkts") + "_packets"
    elif c["kind"] != "counter" and name.endswith("_total"):
        name = name.removesuffix("_total") + "_size"
    return f"warp17_{c['group']}_{name}" + ("_total" if c["kind"] == "counter" else "")


def test_numbers_are_the_clis_and_go_with_the_engine(engine, exporter, prometheus, prefix):  # noqa: F811
    x, e = exporter(), engine(*RING, prefix=prefix)
    wait_for(x.ready)
    p = prometheus(x)
    world(e)
    e.stop_tests(0, 2, 1, 3)
    wait_for(lambda: not any(t["stats"]["tc"]["open_now"] for t in e.document()["test_cases"]))
    p.scraped()
    assert p.number("up") == p.number("warp17_up") == 1
    have = {}
    for labels, v in p.query('sum by (__name__, port, test_case, app_index, reason) ({__name__=~"warp17_.+", lcore!="management"})'):
        key = tuple(labels.get(k) for k in ("__name__", "port", "test_case", "app_index", "reason"))
        have[key] = v
    schema = [c for c in json.loads(x.get("/api/v1/schema")[1])["counters"] if c["kind"] != "largest" and c["kind"] != "max"]
    compared = 0

    def same(counters, theirs, *labels):
        nonlocal compared
        for c in counters:
            if c["group"] == "drop":
                key = ("warp17_drop_packets_total", *labels, None, None, c["name"])
            else:
                key = (metric_name(c), *labels, *(None,) * (4 - len(labels)))
            assert have[key] == theirs[c["name"]], key
            compared += theirs[c["name"]] != 0

    groups = sorted({c["group"] for c in schema if c["scope"] == "port"} - {"device", "icmp"})
    for group, view in zip(groups, e.shown(*(f"{'ethernet' if g == 'eth' else g} statistics" for g in groups))):
        counters = [c for c in schema if c["group"] == group]
        for port in range(4):
            same(counters, view["ports"][str(port)]["stats"], str(port))
    tc = [c for c in schema if c["group"] == "tc"]
    imix = [{**c, "group": "imix"} for c in tc]
    tests = [(t["port"], t["test_case_id"]) for t in e.document()["test_cases"]]
    views = e.shown(*(f"tests stats port {port} test-case-id {tcid}" for port, tcid in tests))
    states = e.shown(*(f"tests state port {port}" for port in range(4)))
    for (port, tcid), view in zip(tests, views):
        same(tc, view["stats"], str(port), str(tcid))
        for a in view.get("apps", []):
            same(imix, a["stats"], str(port), str(tcid), str(a["app_index"]))
        state = next(s for s in states[port]["tests"] if s["test_case_id"] == tcid)
        mine = f'{{port="{port}", test_case="{tcid}"}}'
        assert p.number(f"warp17_test_case_target{mine}") == state["target"]
        assert p.number(f"warp17_test_case_achieved{mine}") == state["achieved"]
        assert [labels["state"] for labels, v in p.query(f"warp17_test_case_state{mine} == 1")] == [state["state"]]
    assert compared > 150  # of numbers that are not 0
    for port, tcid in ((1, 1), (1, 3)):
        latencies(e, p, port, tcid)
    for tcid in (0, 1):
        response_times(e, p, 0, tcid)
    e.kill()
    wait_for(lambda: p.number("warp17_up") == 0, 10)
    assert p.number("up") == 1 and p.number("warp17_engine_attached") == 0
    assert p.query('{__name__=~"warp17_(port|tc|drop|lcore)_.+"}') == []  # stale, not repeated
    assert x.stop() == 0
    wait_for(lambda: p.number("up") == 0, 10)
    assert p.query("warp17_up") == []


def histogram_is(p, name, mine, g):
    """The same samples, mean, and quantiles as near as buckets of half an octave say."""
    assert p.number(f"{name}_count{mine}") == g["samples"]
    assert p.number(f"{name}_sum{mine} / {name}_count{mine}") * 1e9 == pytest.approx(g["avg_ns"], abs=1)
    for percent, q in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        about = p.number(f"histogram_quantile({q}, {name}_bucket{mine})") * 1e9
        assert g[percent + "_ns"] / 1.51 - 130 < about < g[percent + "_ns"] * 1.51 + 130, (percent, g, about)
    assert p.number(f'{name}_bucket{{{mine[1:-1]}, le="+Inf"}}') == g["samples"]


def response_times(e, p, port, tcid):
    view = e.show(f"tests response-times port {port} test-case-id {tcid}")
    for part in ("first_byte", "last_byte"):
        assert view[part]["samples"] > 5  # from syn: of each session one
        histogram_is(p, f"warp17_test_case_{part}_seconds", f'{{port="{port}", test_case="{tcid}"}}', view[part])


def latencies(e, p, port, tcid):
    g = e.show(f"tests latency port {port} test-case-id {tcid}")["latency"]["global"]
    mine = f'{{port="{port}", test_case="{tcid}"}}'
    assert g["samples"] > 100
    histogram_is(p, "warp17_test_case_latency_seconds", mine, g)
    for name, q in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        percent = f'warp17_test_case_latency_percentile_seconds{{port="{port}", test_case="{tcid}", percentile="{100 * q:g}"}}'
        assert p.number(percent) * 1e9 == pytest.approx(g[name + "_ns"], abs=0.5)


# ---- what is shipped

WORDS = {"by", "on", "and", "or", "unless", "without", "ignoring", "group_left", "group_right", "bool", "offset", "inf", "nan"}
OF_A_TARGET = {"job", "instance", "__name__"}


def selectors(expr):
    """[(metric, labels that it is asked for)], and all labels that the expression groups by or joins on."""
    grouped = {w for inside in re.findall(r"\b(?:by|on|without|ignoring|group_left|group_right) *\(([^)]*)\)", expr)
               for w in re.split(r"[\s,]+", inside) if w}
    rest = re.sub(r"\b(?:by|on|without|ignoring|group_left|group_right) *\([^)]*\)", " ", expr)
    rest = re.sub(r"\[[^]]*\]", " ", re.sub(r'"[^"]*"', '""', rest))
    found = []
    for m in re.finditer(r"(?<![\w:.])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\}|\()?", rest):
        if m[2] != "(" and m[1] not in WORDS:
            found.append((m[1], set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", m[2] or ""))))
    return found, grouped


def names_what_is_there(exprs, x):
    """Each metric of an expression is exported, with the labels that it is asked for, grouped by and joined on."""
    exported = {"up": set(), "scrape_duration_seconds": set()}
    for name, labels in series(text_format(metrics(x)[1])):
        exported.setdefault(name, set()).update(k for k, _ in labels)
    for expr in exprs:
        found, grouped = selectors(expr)
        assert found, expr
        for name, labels in found:
            assert name in exported, (name, expr)
            assert labels <= exported[name] | OF_A_TARGET, (name, labels, expr)
        made = set(re.findall(r'label_replace\([^"]*"(\w+)"', expr))
        assert grouped <= set().union(*(exported[n] for n, _ in found)) | OF_A_TARGET | made, (grouped, expr)


def test_expressions_are_read_right():
    found, grouped = selectors('sum by (le, port) (rate(a_total{x="1", y=~"b.*"}[5m])) / on (job) group_left (z) b > 0.5 and c == 1')
    assert found == [("a_total", {"x", "y"}), ("b", set()), ("c", set())] and grouped == {"le", "port", "job", "z"}
    assert selectors('label_replace(a / (b > 0), "pool", "tcb", "", "") < 0.05')[0] == [("a", set()), ("b", set())]


def panels():
    return [p for p in json.loads(DASHBOARD.read_text())["panels"] if p["type"] != "row"]


def plain(expr):
    """As Grafana fills in its variables."""
    expr = re.sub(r"\[\$__rate_interval\]", "[2s]", re.sub(r"\$(instance|port|test_case)\b", ".*", expr))
    assert "$" not in expr, expr
    return expr


def test_dashboard_and_rules_name_what_is_there_and_have_data(engine, exporter, prometheus, prefix):  # noqa: F811
    x, e = exporter(), engine(*RING, prefix=prefix)
    wait_for(x.ready)
    p = prometheus(x)
    world(e)
    dashboard = json.loads(DASHBOARD.read_text())
    targets = [(panel["title"], t) for panel in panels() for t in panel["targets"]]
    variables = [re.fullmatch(r"label_values\((.*), (\w+)\)", v["definition"]) for v in dashboard["templating"]["list"] if v["type"] == "query"]
    annotations = [a["expr"] for a in dashboard["annotations"]["list"]]
    names_what_is_there([plain(t["expr"]) for _, t in targets] + [plain(v[1]) for v in variables] + [plain(a) for a in annotations], x)
    rules = [r for g in p.api("rules")["groups"] for r in g["rules"]]
    assert len(rules) == (CONFIG / "warp17.rules.yml").read_text().count("- alert:") > 10
    names_what_is_there([r["query"] for r in rules], x)

    def without_data():
        return [(title, t["expr"]) for title, t in targets if not p.query(plain(t["expr"]))]

    end = time.monotonic() + 30
    while (missing := without_data()) and time.monotonic() < end:
        time.sleep(0.5)
    assert not missing
    for title, t in targets:
        for labels, value in p.query(plain(t["expr"])):
            for used in re.findall(r"\{\{(\w+)\}\}", t["legendFormat"]):
                assert used in labels, (title, used, labels)
    for v in variables:
        assert all(v[2] in labels for labels, _ in p.query(plain(v[1])))
    for a in annotations:
        p.query(plain(a))
    # the shipped rules, as they are: one test case has failed, and nothing is said of what is well
    wait_for(lambda: all(r["health"] == "ok" for g in p.api("rules")["groups"] for r in g["rules"]))
    (failed,) = [a for a in p.api("alerts")["alerts"] if a["labels"]["alertname"] == "Warp17TestFailed"]
    assert failed["state"] == "firing" and (failed["labels"]["port"], failed["labels"]["test_case"]) == ("2", "1")
    assert "Test case 1 of port 2" in failed["annotations"]["summary"] and failed["labels"]["criterion"] == "clients-estab"
    quiet = {"Warp17ExporterDown", "Warp17EngineGone", "Warp17EngineStale", "Warp17LinkDown", "Warp17WorkerStalled", "Warp17EngineRestarted"}
    assert not quiet & {a["labels"]["alertname"] for a in p.api("alerts")["alerts"]}


def test_panels_are_whole():
    """Of a kind that Grafana has, none over another, units and datasource of each."""
    taken = set()
    ids = [p["id"] for p in json.loads(DASHBOARD.read_text())["panels"]]
    assert len(set(ids)) == len(ids)
    for p in panels():
        assert p["type"] in ("timeseries", "stat", "table", "bargauge") and p["title"]
        assert p["datasource"]["uid"] == "${datasource}" and all(t["datasource"] == p["datasource"] for t in p["targets"])
        g = p["gridPos"]
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        assert not cells & taken and g["x"] + g["w"] <= 24, p["title"]
        taken |= cells
        assert len({t["refId"] for t in p["targets"]}) == len(p["targets"])


@pytest.mark.parametrize("args", [("check", "config", "prometheus.yml"), ("check", "rules", "warp17.rules.yml"),
                                  ("test", "rules", "warp17.rules.test.yml")])
def test_promtool_finds_nothing_wrong(args):
    done = subprocess.run(["promtool", *args], cwd=CONFIG, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tried():
    names = re.findall(r"- alert: (\w+)", (CONFIG / "warp17.rules.yml").read_text())
    tried = re.findall(r"- alertname: (\w+)", (CONFIG / "warp17.rules.test.yml").read_text())
    assert sorted(names) == sorted(tried)
