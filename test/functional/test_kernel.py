"""Against the kernel's TCP, in a network namespace of the test's own: curl, wget, wrk as clients, nginx as server."""
import subprocess
import time

from warp17 import TOP, wait_for

TAP = ("--tap-ifs", "1", "--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8")


def inside(netns, *args, **kw):
    return subprocess.run(["ip", "netns", "exec", netns, *args], capture_output=True, timeout=120,
                          stdin=subprocess.DEVNULL, **kw)


def tap_up(netns):
    subprocess.run(["ip", "-n", netns, "link", "set", "warp0", "up"], check=True)
    subprocess.run(["ip", "-n", netns, "addr", "add", "172.16.1.1/24", "dev", "warp0"], check=True)


def server(engine, netns):
    e = engine(*TAP, "--tap-netns", netns)
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    e.cli("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0",
          "add tests l3_gw port 0 gw 172.16.1.1",
          "add tests server tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 80 80",
          "set tests server http port 0 test-case-id 0 200-OK resp-size 2000",
          "start tests port 0")
    return e


def test_walk_through_wget_curl_ping(engine, netns, tmp_path):
    e = server(engine, netns)
    done = inside(netns, "wget", "-q", "-O", str(tmp_path / "index.html"), "http://172.16.1.2/")
    assert done.returncode == 0 and (tmp_path / "index.html").stat().st_size == 2000
    loop = 'i=0; while [ $i -lt 1000 ]; do curl -sf -o /dev/null http://172.16.1.2/ || exit 1; i=$((i+1)); done'
    assert inside(netns, "sh", "-c", loop).returncode == 0
    wait_for(lambda: e.stats(0)["open_now"] == 0)
    s = e.stats(0)
    assert s["requests"] == s["responses"] == s["closed"] == 1001
    refused = inside(netns, "curl", "-s", "http://172.16.1.2:81/")
    assert refused.returncode == 7  # RST: connection refused
    e.stop_tests(0)


def test_wrk(engine, netns):
    e = server(engine, netns)
    done = inside(netns, "wrk", "-c", "64", "-t", "1", "-d", "5", "http://172.16.1.2/", text=True)
    assert done.returncode == 0, done.stderr
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    assert e.stats(0)["responses"] > 1000
    e.stop_tests(0)


def test_client_against_nginx(engine, netns, tmp_path):
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"""
daemon off; worker_processes 1; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log {tmp_path}/access.log; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;
fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s; keepalive_requests 100000;
server {{ listen 172.16.1.1:8080; location / {{ return 200 "{'x' * 3000}"; }} }} }}
""")
    e = engine(*TAP, "--tap-netns", netns)
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    nginx = subprocess.Popen(["ip", "netns", "exec", netns, "nginx", "-p", str(tmp_path), "-c", str(conf)])
    try:
        wait_for(lambda: inside(netns, "curl", "-sf", "-o", "/dev/null", "http://172.16.1.1:8080/").returncode == 0)
        before = len((tmp_path / "access.log").read_text().splitlines())
        e.cli("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0",
              "add tests client tcp port 0 test-case-id 0 src 172.16.1.2 172.16.1.2 sport 10001 10100 "
              "dest 172.16.1.1 172.16.1.1 dport 8080 8080",
              "set tests client http port 0 test-case-id 0 GET 172.16.1.1 / req-size 0 requests 200",
              "start tests port 0")
        wait_for(lambda: e.stats(0)["open_now"] == 0 and e.stats(0)["opened"] == 100, 60)
        s = e.stats(0)
        assert s["responses"] == s["requests"] == 20000 and s["closed"] == 100 and s["resp_errors"] == 0
        assert all(s[k] == 0 for k in s if k.startswith("failed"))
        assert e.group("http")["resp_2xx"] == 20000
        wait_for(lambda: len((tmp_path / "access.log").read_text().splitlines()) - before == 20000, 5)
        e.stop_tests(0)
    finally:
        nginx.terminate()
        nginx.wait(10)
    time.sleep(0.1)


def test_example_7_with_a_real_router(engine, netns):
    """Example 7 without the lines for ports back to back, at an 8000th of its sessions: the kernel routes between two TAPs."""
    def ip(*args):
        subprocess.run(["ip", "-n", netns, *args], check=True)

    e = engine("--tap-ifs", "2", "--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "8", "--tap-netns", netns)
    for i, router in enumerate(("10.0.0.254/24", "20.0.0.254/24")):
        ip("link", "set", f"warp{i}", "up")
        ip("addr", "add", router, "dev", f"warp{i}")
    assert inside(netns, "sysctl", "-qw", "net.ipv4.ip_forward=1").returncode == 0
    wait_for(lambda: all(p["link"] == "UP" for p in e.show("port link")["ports"]))
    example = (TOP / "config/examples/test_7_routing_raw_8M_sessions.cfg").read_text()
    lines = [x for x in example.splitlines() if x and x[0] != "#" and "255.255.255.255" not in x]
    e.cli(*(x.replace("10000 49999", "10000 10004").replace("8000000", "1000") for x in lines))
    e.wait_passed(0)
    assert e.stats(0)["estab_now"] == e.stats(1)["estab_now"] == 1000
    for port, router in ((0, "10.0.0.254"), (1, "20.0.0.254")):
        neighbours = {a["ip"] for a in e.show("arp entries")["entries"] if a["port"] == port and a["state"] == "known"}
        assert neighbours == {router}  # nobody else was spoken to
    e.stop_tests(0, 1)
    assert e.stats(0)["closed"] == e.stats(1)["closed"] == 1000
