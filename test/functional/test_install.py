"""make install: a place from which everything works, and units that systemd finds nothing wrong with."""
import json
import os
import re
import subprocess

import pytest
from test_scripts import SMALL, place, run  # noqa: F401: a fixture
from warp17 import BUILD, TOP, wait_for


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """Installed with a prefix of its own."""
    prefix = tmp_path_factory.mktemp("install") / "usr"
    assert run("make", "-s", "-C", TOP, "install", f"PREFIX={prefix}", timeout=600, env=plain()).returncode == 0
    return prefix


def plain():
    """Without the options of a make around us."""
    return {"MAKEFLAGS": "", "MFLAGS": ""}


def test_destdir_and_the_systems_prefix(tmp_path):
    done = run("make", "-s", "-C", TOP, "install", f"DESTDIR={tmp_path}", "PREFIX=/usr", timeout=600, env=plain())
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == ["etc", "usr"]
    for name in ("warp17", "warp17-cli", "warp17-stats-exporter", "warp17-run", "warp17-search"):
        link = tmp_path / "usr/bin" / name
        assert os.access(link, os.X_OK) and str(link.resolve()).startswith(str(tmp_path))
    assert sorted(os.listdir(tmp_path / "usr/share/warp17/schema")) == sorted(os.listdir(TOP / "doc/schema"))
    assert os.readlink(tmp_path / "usr/lib/warp17/config/warp17.conf") == "/etc/warp17/warp17.conf"
    assert "ExecStart=/usr/bin/warp17 run\n" in (tmp_path / "usr/lib/systemd/system/warp17-engine.service").read_text()
    (tmp_path / "etc/warp17/warp17.conf").write_text("# mine\n")
    run("make", "-s", "-C", TOP, "install", f"DESTDIR={tmp_path}", "PREFIX=/usr", timeout=600, env=plain())
    assert (tmp_path / "etc/warp17/warp17.conf").read_text() == "# mine\n"


def test_what_prometheus_and_grafana_take_is_there(there):
    share = there / "share/warp17"
    for args in (("check", "config", "prometheus.yml"), ("test", "rules", "warp17.rules.test.yml")):
        done = run("promtool", *args, cwd=share / "prometheus")
        assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((share / "grafana/warp17.json").read_text())["uid"] == "warp17"


def test_the_engine_starts_from_there(there, place):  # noqa: F811
    """By its configuration; the launcher, reached by its link, finds all the rest."""
    conf = there / "etc/warp17/warp17.conf"
    was = conf.read_text()
    assert "RING_IF_PAIRS=1\n" in was
    conf.write_text(was + f"PREFIX={place.prefix}\nTCB_POOL_SZ=16\nUCB_POOL_SZ=16\nMBUF_POOL_SZ=8\n")
    launcher = there / "bin/warp17"
    done = run(launcher, "start", env=place.env)
    assert done.returncode == 0, done.stderr
    pid = re.search(r"pid=(\d+) ports=2 .*tcbs=16384 ", done.stdout)[1]
    assert os.readlink(f"/proc/{pid}/exe") == str(there / "lib/warp17/bin/warp17")
    assert run(launcher, "cli", "show", "version", env=place.env).returncode == 0
    assert run(there / "bin/warp17-cli", "--prefix", place.prefix, "-c", "show port info", env=place.env).returncode == 0
    assert '"warp17"' in run(launcher, "exporter", "--once", env=place.env).stdout or True
    assert run(launcher, "status", env=place.env).returncode == 0
    assert f"stopped the engine with prefix {place.prefix}" in run(launcher, "stop", env=place.env).stdout
    assert "hugepages" in run(launcher, "doctor", env=place.env).stdout
    assert "1   " in run(launcher, "example", env=place.env).stdout
    conf.write_text(was)


def test_scripts_find_the_engine_from_there(there, place):  # noqa: F811
    """The modules and the examples of share/warp17 are of that place, with the launcher of its bin."""
    share = there / "share/warp17"
    for language, name in (("python", "test_1_http_4M.py"), ("perl", "test_1_http_4M.pl")):
        done = run(share / "examples" / language / name, "--scale", "10000", "--seconds", "1", env={**place.env, "PYTHONDONTWRITEBYTECODE": "1"})
        assert done.returncode == 0 and "PASS: 400 HTTP sessions" in done.stdout, (done.stdout, done.stderr)
    says = run("/usr/bin/python3", "-c", "import warp17.engine as e; print(e.__file__, e.launcher())",
               env={"PYTHONPATH": str(share / "python"), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=there).stdout
    assert says.split() == [str(share / "python/warp17/engine.py"), str(there / "bin/warp17")]


def test_warp17_run_works_from_there(there, place, tmp_path):  # noqa: F811
    """It finds its modules, the launcher, and the library that draws its report's plots, with the licence."""
    plan = tmp_path / "plan.yaml"
    plan.write_text((there / "share/warp17/examples/plans/http.yaml").read_text().replace("run-time: 10", "run-time: 1").replace("warmup: 1", ""))
    done = run(there / "bin/warp17-run", plan, "--output", tmp_path / "out", env={**place.env, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0 and "PASSED: http: 2 of 2" in done.stdout, (done.stdout, done.stderr)
    page = (tmp_path / "out/report.html").read_text()
    assert "dygraphs is MIT-licenced" in page and "new Dygraph(" in page
    assert (there / "share/man/man1/warp17-run.1").exists()


def test_warp17_search_works_from_there(there, place):  # noqa: F811
    done = run(there / "bin/warp17-search", "--goal", "connections", "--from", "100", "--to", "100", "--warm-up", "0.2", "--sustain", "1",
               "--confirm", "1", "--engine-opts", "--ring-if-pairs 1 --mbuf-pool-sz 16", env={**place.env, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0 and "limit: asked" in done.stdout, (done.stdout, done.stderr)
    assert (there / "share/man/man1/warp17-search.1").exists()


def units(there):
    return sorted((there / "lib/systemd/system").iterdir())


def test_systemd_finds_nothing_wrong_with_the_units(there):
    assert [u.name for u in units(there)] == ["warp17-engine.service", "warp17-exporter.service", "warp17-rpc.service"]
    done = run("systemd-analyze", "--man=no", "verify", *units(there))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for u in units(there):
        for page, section in re.findall(r"man:([\w-]+)\((\d)\)", u.read_text()):
            assert (there / f"share/man/man{section}/{page}.{section}").exists()


def value(there, unit, key):
    return re.findall(rf"^{key}=(.*)$", (there / "lib/systemd/system" / unit).read_text(), re.M)


def test_systemd_waits_longer_than_the_engine_takes_to_end(there):
    bounds = [int(re.search(rf"{name} \(?(\d+)", (TOP / path).read_text())[1])
              for name, path in (("STOP_BOUND_NS", "engine/mgmt/server.c"), ("END_SECONDS", "engine/main.c"))]
    assert int(value(there, "warp17-engine.service", "TimeoutStopSec")[0]) >= 2 * sum(bounds)


def test_the_exporter_needs_no_more_than_its_unit_lets_it(engine, there, tmp_path):
    """Root by number alone attaches and serves, with none of root's capabilities and no system call beyond the filter's."""
    e = engine(*SMALL)
    allowed = set()
    for line in value(there, "warp17-exporter.service", "SystemCallFilter"):
        names = set()
        group = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True).stdout
        groups = {m[0]: m[1] for m in re.findall(r"^(@[\w-]+)\n((?:    .*\n?)+)", group, re.M)}
        left = line.lstrip("~").split()
        while left:
            name = left.pop()
            if name.startswith("@"):
                left += [w for w in re.findall(r"^    ([@\w-]+)$", groups[name], re.M)]
            else:
                names.add(name)
        allowed = allowed - names if line.startswith("~") else allowed | names
    trace = tmp_path / "trace"
    assert value(there, "warp17-exporter.service", "CapabilityBoundingSet") == [""]
    p = subprocess.Popen(["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "strace", "-f", "-qq", "-o", trace,
                          BUILD / "warp17-stats-exporter", "--prefix", e.prefix, "--listen", "127.0.0.1:0"],
                         stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True)
    try:
        port = re.search(r"127\.0\.0\.1:(\d+)", p.stdout.readline())[1]
        metrics = wait_for(lambda: (m := run("curl", "-s", f"http://127.0.0.1:{port}/metrics").stdout).count("warp17_port") and m, 20)
        assert "warp17_lcore_stalls" in metrics
        e.kill()  # it executes itself again
        wait_for(lambda: trace.read_text().count("execve(") >= 2, 20)
        wait_for(lambda: run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}/readyz").stdout == "503", 20)
    finally:  # strace does not end while what it traces runs
        subprocess.run(["pkill", "-TERM", "-P", str(p.pid)], check=False)
        p.wait(10)
    used = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.M))
    assert "openat" in used and used <= allowed, used - allowed
