import os
import pathlib
import signal
import subprocess
import tempfile

import pytest
from warp17 import MODE, Engine

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup, and programs that a test starts would do as well


# tests of what is beside the packet path, or of what happens and not how fast: two of them at a time tell the same.
# Not test_install: make install links the programs again when the version is another, and they are not there meanwhile
BESIDE = {"test_exporter", "test_exporter_api", "test_exporter_http", "test_record", "test_sse", "test_page", "test_prometheus",
          "test_rpc", "test_rpc_limits", "test_python", "test_perl",
          "test_build", "test_cli", "test_completion", "test_conf_file", "test_config", "test_criteria", "test_docs", "test_examples", "test_files",
          "test_nonroot", "test_operators", "test_programs", "test_scripts", "test_show_config", "test_start", "test_trust",
          "test_ui", "test_run", "test_pytest_plugin", "test_fleet", "test_fleet_parts", "test_config_fleet",
          "test_imix", "test_ipv4_options", "test_tcp_options", "test_vlan", "test_mtu", "test_clear", "test_ports",
          "test_apps", "test_install", "test_ip", "test_kernel", "test_multicast", "test_wire"}


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes more than ten seconds; make long runs it, make test does not")
    config.addinivalue_line("markers", "beside: may run beside another")
    config.addinivalue_line("markers", "alone: may not, though the others of its file may: it measures")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.module.__name__ in BESIDE and not item.get_closest_marker("alone"):
            item.add_marker("beside")


if MODE == "asan":
    REPORTS = pathlib.Path(tempfile.mkdtemp(prefix="w17-asan-"))
    REPORTS.chmod(0o1777)  # for programs of every user
    os.environ["ASAN_OPTIONS"] = f"log_path={REPORTS}/asan"
    os.environ["UBSAN_OPTIONS"] = f"print_stacktrace=1:log_path={REPORTS}/ubsan"

    @pytest.fixture(autouse=True)
    def reports():
        """make asan: what the sanitizers say of any program is a failure of the test that ran it, whatever it looks at."""
        yield
        files = sorted(REPORTS.iterdir())
        texts = [f.read_text() for f in files]
        for f in files:
            f.unlink()
        # a client killed while it looks for leaks leaves half a sentence
        found = "\n".join(t for t in texts if "ERROR: " in t or "runtime error: " in t)
        assert not found, found


@pytest.fixture
def engine(tmp_path):
    """engine(*options) starts one. At the end of the test its counters must add up, it must not have needed more memory
    than it planned, and it must stop cleanly, unless the test killed it."""
    running = []

    def start(*args, **kw):
        running.append(Engine(tmp_path / str(len(running)), *args, **kw))
        return running[-1]

    yield start
    try:
        for e in running:
            if e.proc.poll() is None:
                e.check_sums()
                assert "memory grew" not in e.log.read_text()
    finally:
        codes = [e.stop() for e in running]
    assert all(c in (0, -signal.SIGKILL) for c in codes), [e.log.read_text() for e in running]


@pytest.fixture
def netns():
    """A network namespace of the test's own; its name."""
    name = f"w17-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.fixture
def public():
    """A directory that every user can read, wherever the tree is."""
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        yield pathlib.Path(d)
