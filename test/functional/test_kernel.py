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


GETS = """
import http.client, sys
for _ in range(int(sys.argv[1])):
    c = http.client.HTTPConnection("172.16.1.2", timeout=10)
    c.request("GET", "/")
    if c.getresponse().read() == b"":
        sys.exit(1)
    c.close()
"""


def gets(netns, curls, others):
    """So many connections with a request each, one after the other; a process for each would take ten times as long."""
    loop = f"i=0; while [ $i -lt {curls} ]; do curl -sf -o /dev/null http://172.16.1.2/ || exit 1; i=$((i+1)); done"
    assert inside(netns, "sh", "-c", loop).returncode == 0
    done = inside(netns, "/usr/bin/python3", "-c", GETS, str(others), text=True)
    assert done.returncode == 0, done.stderr


def test_walk_through_wget_curl_ping(engine, netns, tmp_path):
    e = server(engine, netns)
    done = inside(netns, "wget", "-q", "-O", str(tmp_path / "index.html"), "http://172.16.1.2/")
    assert done.returncode == 0 and (tmp_path / "index.html").stat().st_size == 2000
    gets(netns, curls=100, others=900)
    wait_for(lambda: e.stats(0)["open_now"] == 0)
    s = e.stats(0)
    assert s["requests"] == s["responses"] == s["closed"] == 1001
    refused = inside(netns, "curl", "-s", "http://172.16.1.2:81/")
    assert refused.returncode == 7  # RST: connection refused
    e.stop_tests(0)


def test_wrk(engine, netns):
    e = server(engine, netns)
    done = inside(netns, "wrk", "-c", "64", "-t", "1", "-d", "2", "http://172.16.1.2/", text=True)
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


def test_client_posts_to_nginx_and_reads_chunks(engine, netns, tmp_path):
    """Chunked bodies, 204, 304 and redirects of a real server; POST with bodies; a Host of the user's own."""
    (tmp_path / "big.html").write_text("<p>" + "y" * 50000)
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"""
user root; daemon off; worker_processes 1; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
events {{ worker_connections 1024; }}
http {{ log_format w '$request_method $uri $status $host $request_length $http_x_a'; access_log {tmp_path}/access.log w;
client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;
fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s; keepalive_requests 100000;
types {{ text/html html; }}
server {{ listen 172.16.1.1:8080; root {tmp_path};
location /big.html {{ gzip on; gzip_min_length 1; }}
location /none {{ return 204; }} location /same {{ return 304; }} location /moved {{ return 302 /; }} location /sink {{ return 200 ok; }} }} }}
""")
    e = engine(*TAP, "--tap-netns", netns)
    tap_up(netns)
    wait_for(lambda: e.show("port link")["ports"][0]["link"] == "UP")
    nginx = subprocess.Popen(["ip", "netns", "exec", netns, "nginx", "-p", str(tmp_path), "-c", str(conf)])
    asked = {1: "GET h /big.html req-size 0", 2: "GET h /none req-size 0", 3: "GET h /same req-size 0",
             4: "GET h /moved req-size 0", 5: "POST h /sink req-size 100000", 6: "HEAD h /big.html req-size 0",
             7: "POST h /sink req-size 0"}
    try:
        wait_for(lambda: inside(netns, "curl", "-s", "-o", "/dev/null", "http://172.16.1.1:8080/none").returncode == 0)
        e.cli("add tests l3_intf port 0 ip 172.16.1.2 mask 255.255.255.0")
        for i, what in asked.items():
            e.cli(f"add tests client tcp port 0 test-case-id {i} src 172.16.1.2 172.16.1.2 sport {1000 * i} {1000 * i + 9} "
                  "dest 172.16.1.1 172.16.1.1 dport 8080 8080",
                  f"set tests client http port 0 test-case-id {i} {what} requests 20", f"set tests async port 0 test-case-id {i}")
        e.cli('set tests client http port 0 test-case-id 1 http-field "Accept-Encoding: gzip"',
              'set tests client http port 0 test-case-id 5 http-field "Host: own.example"',
              'set tests client http port 0 test-case-id 5 http-field "X-A: b c"',
              "start tests port 0")
        wait_for(lambda: all(e.stats(0, i)["closed"] == 10 for i in asked), 60)
        for i in asked:
            s = e.stats(0, i)
            assert s["responses"] == s["requests"] == 200 and s["resp_errors"] == (200 if i in (3, 4) else 0), (i, s)
        h = e.group("http")
        assert (h["resp_2xx"], h["resp_3xx"], h["invalid"], h["no_len"]) == (1000, 400, 0, 0)
        log = (tmp_path / "access.log").read_text().splitlines()
        count = lambda start: sum(line.startswith(start) for line in log)
        assert count("POST /sink 200 own.example ") == 200 and count("POST /sink 200 h ") == 200
        assert all(line.endswith(" b c") for line in log if "own.example" in line)
        assert count("GET /big.html 200 h") == 200 and e.stats(0, 1)["rx_bytes"] < 200 * 50000
        e.stop_tests(0)
    finally:
        nginx.terminate()
        nginx.wait(10)


def test_curl_posts_chunks(engine, netns, tmp_path):
    e = server(engine, netns)
    (tmp_path / "body").write_bytes(b"z" * 300000)
    url = "http://172.16.1.2/"
    for fields in ("Transfer-Encoding: chunked", "Expect:", "Expect: 100-continue"):
        done = inside(netns, "curl", "-sf", "-o", "/dev/null", "-H", fields, "--data-binary", f"@{tmp_path}/body", url, url)
        assert done.returncode == 0, (fields, done)
    wait_for(lambda: e.stats(0)["open_now"] == 0)
    s = e.stats(0)
    assert s["requests"] == s["responses"] == 6 and s["rx_bytes"] > 6 * 300000 and e.group("http")["invalid"] == 0
    e.stop_tests(0)
