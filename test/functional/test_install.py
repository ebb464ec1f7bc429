"""make install: a place from which everything works, and units that systemd finds nothing wrong with."""
import errno
import json
import os
import pathlib
import re
import subprocess

import confine
import pytest
from rpc import Client
from test_rpc import SHOWN, TC
from test_scripts import place, run  # noqa: F401: a fixture
from warp17 import TOP, wait_for


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
    assert json.loads(run(launcher, "exporter", "--once", env=place.env).stdout)["engine"]["prefix"] == place.prefix
    assert run(launcher, "status", env=place.env).returncode == 0
    assert f"stopped the engine with prefix {place.prefix}" in run(launcher, "stop", env=place.env).stdout
    assert "hugepages" in run(launcher, "doctor", env=place.env).stdout
    assert "1   " in run(launcher, "example", env=place.env).stdout
    conf.write_text(was)


def test_logs_are_rotated_while_they_are_written(there, place):  # noqa: F811
    """By what is installed, but for the directory: nothing is lost, and the engine goes on writing at the beginning."""
    conf = place.tmp / "logrotate.conf"
    conf.write_text((there / "etc/logrotate.d/warp17").read_text().replace("/var/log/warp17", str(place.log.parent)))
    place.start()
    before = place.log.read_text()
    assert "READY" in before
    done = run("logrotate", "--force", "--state", place.tmp / "state", conf)
    assert done.returncode == 0, done.stderr
    assert place.log.with_suffix(".log.1").read_text() == before
    assert not place.log.read_text()
    place.launcher("cli", "-c", "set tests mtu port 0 1400")
    after = place.log.read_text()
    assert "set tests mtu port 0 1400" in after and "\0" not in after


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


def test_bash_completes_what_is_installed(there):
    """Each command has its file where bash-completion looks, which is the one of all."""
    folder = there / "share/bash-completion/completions"
    commands = {p.name for p in (there / "bin").iterdir()}
    assert {p.name for p in folder.iterdir()} == commands and len(commands) == 6
    for name in commands:
        done = run("bash", "-c", f". {folder / name} && complete -p {name} && COMP_WORDS=({there / 'bin' / name} --he) COMP_CWORD=1 "
                   f"COMP_LINE='{there / 'bin' / name} --he' COMP_POINT=${{#COMP_LINE}} && _warp17 && echo ${{COMPREPLY[@]}}")
        assert done.stdout.splitlines()[1:] == ["--help"], (name, done.stdout, done.stderr)


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


# ---- held to their units, without systemd


def unit(there, name):
    return there / "lib/systemd/system" / f"warp17-{name}.service"


SYSTEMDS = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def as_unit(there, name, command, trace=None, env=None, **kw):
    """A command as the unit would run it, with no more in its environment. With trace its calls go there; strace is beside it, not
    around it."""
    traced = ["strace", "-D", "-f", "-qq", "-s", "200", "-o", trace] if trace else []
    return subprocess.Popen([*traced, TOP / "test/functional/confine.py", "--show", there, unit(there, name), *command],
                            stdin=subprocess.DEVNULL, env={**SYSTEMDS, **(env or {})}, **kw)


TRIES = {  # what a program might do, harmless if it can, and what the units of the two clients say to it
    "open('/etc/passwd', 'a')": errno.EROFS, "os.utime('/run')": errno.EROFS, "open('/proc/sys/kernel/hostname', 'a')": errno.EROFS,
    "open('/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', 'a')": errno.EROFS, "os.utime('/sys/fs/cgroup')": errno.EROFS,
    "os.listdir('/root')": errno.EACCES, "os.setuid(0)": errno.EPERM, "os.chown('/tmp', 0, 0)": errno.EPERM,
    "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)": errno.EAFNOSUPPORT,
    "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)": errno.EAFNOSUPPORT, "socket.sethostname(socket.gethostname())": errno.EPERM,
    "mmap.mmap(-1, 4096, prot=7)": errno.EPERM, "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))": errno.EPERM,
    "libc('unshare', 0x20000)": errno.EPERM, "libc('mount', b'x', b'/nowhere', b'tmpfs', 0, None)": errno.EPERM,
    "open('/tmp/x', 'w')": 0, "os.utime('/run/dpdk')": 0, "socket.socket()": 0}
EVERYWHERE = {"os.chmod('/nowhere', 0o4777)": errno.EPERM, "libc('personality', 8)": errno.EPERM}
PROGRAM = """
import ctypes, json, mmap, os, socket, sys
def libc(name, *args):
    c = ctypes.CDLL(None, use_errno=True)
    if getattr(c, name)(*args) < 0:
        raise OSError(ctypes.get_errno(), name)
def told(text):
    try:
        eval(text)
    except OSError as e:
        return e.errno
    return 0
print(json.dumps([told(t) for t in sys.argv[1:]]))
"""


@pytest.mark.parametrize("name", ["exporter", "rpc", "engine"])
def test_what_a_unit_takes_away(there, name):
    """That it is held to it here as systemd would hold it."""
    tries = {**EVERYWHERE, **({} if name == "engine" else TRIES)}
    p = as_unit(there, name, ["/usr/bin/python3", "-c", PROGRAM, *tries], stdout=subprocess.PIPE)
    said = json.loads(p.communicate(timeout=20)[0])
    wrong = {t: os.strerror(got) for (t, want), got in zip(tries.items(), said) if want != got}
    assert not wrong


def command_of(there, name, key="ExecStart"):
    line, = value(there, f"warp17-{name}.service", key)
    return line.lstrip("-+").split()


def service(there, name, place, tmp_path, traced=True):  # noqa: F811
    """Starts what the unit starts; (process, its log, the trace)."""
    log, trace = tmp_path / f"{name}.log", tmp_path / f"{name}.trace" if traced else None
    with open(log, "w") as f:
        p = as_unit(there, name, command_of(there, name), trace, env=place.env, stdout=f, stderr=f)
    return p, log, trace


def says(p, log, regex):
    """Waits until it has said that; the match."""
    wait_for(lambda: re.search(regex, log.read_text()) or p.poll() is not None, 30)
    m = re.search(regex, log.read_text())
    assert m, log.read_text()
    return m


def rpc_session(c):
    """A test from its setup to its end, every view, subscriptions, what is refused."""
    for port, ip in ((0, "10.0.0.1"), (1, "10.0.0.253")):
        c.call("add.tests.l3_intf", port=port, ip=ip, mask="255.255.255.0")
    c.call("add.tests.server", proto="tcp", port=1, test_case_id=0, src="10.0.0.253", sport=6000)
    c.call("add.tests.client", proto="tcp", src="10.0.0.1", sport="10001-10100", dest="10.0.0.253", dport=6000, **TC)
    for m in ("set.tests.client.raw", "set.tests.server.raw"):
        c.call(m, **{**TC, "port": int("server" in m)}, data_req_plen=10, data_resp_plen=10)
    c.call("subscribe", events=True)
    c.call("subscribe", method="show.tests.stats", params=TC, interval_ms=100)
    for port in (1, 0):
        c.call("start.tests", port=port)
    wait_for(lambda: c.notification("statistics")["result"]["stats"]["responses"] > 100)
    assert c.notification("event")["event"]["event"]
    for m in c.call("rpc.discover")["methods"]:
        if m["name"].startswith("show."):
            c.call(m["name"], **SHOWN.get(m["name"], {}))
    for port in (0, 1):
        c.call("stop.tests", port=port)
    assert c.fails("start.tests", port=64).data["where"] == "params.port"
    c.send([{"jsonrpc": "2.0", "id": 1, "method": "show.version"}] * 3)
    assert len(c.answer()) == 3


def test_all_that_runs_by_units_needs_no_more_than_they_let_it(there, place, tmp_path):  # noqa: F811
    """The three programs, each held to its unit, from before the engine is there until it is gone."""
    conf = there / "etc/warp17/warp17.conf"
    was = conf.read_text()
    conf.write_text(was + f"PREFIX={place.prefix}\nTCB_POOL_SZ=16\nUCB_POOL_SZ=16\nMBUF_POOL_SZ=8\nEXPORTER_LISTEN=127.0.0.1:0\n"
                    f'RPC_LISTEN="127.0.0.1:0 unix:/run/dpdk/.{place.prefix}-rpc"\n')
    pathlib.Path("/run/dpdk").mkdir(mode=0o700, exist_ok=True)
    started = {}
    try:
        for name in ("exporter", "rpc", "engine"):
            started[name] = service(there, name, place, tmp_path, traced=name != "engine")
        says(*started["engine"][:2], "READY prefix=")
        port = says(*started["rpc"][:2], r"RPC READY .* 127\.0\.0\.1:(\d+) unix:(\S+)")
        http = f"http://127.0.0.1:{says(*started['exporter'][:2], r'listening on 127.0.0.1:(.+)')[1]}"
        over_tcp, local = Client(("127.0.0.1", int(port[1]))), Client(port[2])
        local.call("session.open", name="local")
        rpc_session(over_tcp)
        assert local.call("session.close") == {}
        wait_for(lambda: "warp17_lcore_stalls" in run("curl", "-s", f"{http}/metrics").stdout, 20)
        for page in ("", "api/v1/stats", "api/v1/tests"):
            assert run("curl", "-sf", "-o", "/dev/null", f"{http}/{page}").returncode == 0
        assert "data:" in run("curl", "-s", "-m", "1", f"{http}/events").stdout
        started["engine"][0].terminate()
        assert started["engine"][0].wait(20) == 0
        assert started["rpc"][0].wait(20) == 3
        wait_for(lambda: run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"{http}/readyz").stdout == "503", 20)
        p = as_unit(there, "engine", command_of(there, "engine", "ExecStopPost"), env=place.env)
        assert p.wait(20) == 0
    finally:
        for p, log, _ in started.values():
            p.terminate()
            p.wait(20)
        conf.write_text(was)
    assert started["exporter"][2].read_text().count(f'execve("{there}/lib/warp17/bin/warp17-stats-exporter"') >= 2  # itself again
    for name in ("exporter", "rpc"):
        trace = started[name][2].read_text()
        trace = trace[trace.index(f'execve("{command_of(there, name)[0]}"'):]  # before it stands confine.py
        used = set(re.findall(r"^\d+ +(\w+)\(", trace, re.M))
        assert "openat" in used and used <= confine.allowed(confine.service(unit(there, name))), name
        # the unit's refusals; the exporter's own sandbox says EACCES, and gives back capabilities that are not there
        refused = re.findall(r"^\d+ +(.*) = -1 (?:EROFS|EPERM|EAFNOSUPPORT) ", trace, re.M)
        refused = [call for call in refused if "PR_CAPBSET_DROP" not in call]
        assert not refused, (name, refused[:10])
        devices = {d for d in re.findall(r'openat\(AT_FDCWD, "(/dev/[^"]+)"', trace) if not d.startswith("/dev/hugepages")}
        assert devices <= {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}, name  # DevicePolicy=closed


@pytest.mark.long
def test_the_rpc_server_does_all_that_it_can_by_its_unit():
    """Its own tests, with each server held to the unit."""
    here = TOP / "test/functional"
    ours = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long", here / "test_rpc.py",
                           here / "test_rpc_limits.py"], env={**ours, "WARP17_CONFINED": "1"}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
