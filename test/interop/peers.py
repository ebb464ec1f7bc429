"""What others wrote, on the kernel's TCP: web servers and HTTP clients, in the namespace of a TAP of the engine's."""
import os
import pathlib
import pwd
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "functional"))
from warp17 import wait_for  # noqa: E402

KERNEL, OURS = "172.16.1.1", "172.16.1.2"
PORT = 8080
LINE = b"WARP17 0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQR\n"


def body(size):
    """What our server's bodies are, to the byte."""
    return (LINE * (size // len(LINE) + 1))[:size]


def nginx(tmp):
    return ["nginx", "-p", tmp, "-c", tmp / "conf"], f"""
user www-data; daemon off; worker_processes 1; pid {tmp}/pid; error_log {tmp}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log {tmp}/access.log; client_body_temp_path {tmp}/b; proxy_temp_path {tmp}/p;
fastcgi_temp_path {tmp}/f; uwsgi_temp_path {tmp}/u; scgi_temp_path {tmp}/s; keepalive_requests 100000;
server {{ listen {KERNEL}:{PORT}; root {tmp}/www; }} }}
"""


def apache2(tmp):
    modules = "/usr/lib/apache2/modules"
    return ["apache2", "-d", tmp, "-f", tmp / "conf", "-DFOREGROUND"], f"""
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
Listen {KERNEL}:{PORT}
ServerName {KERNEL}
User www-data
Group www-data
PidFile {tmp}/pid
ErrorLog {tmp}/error.log
DocumentRoot {tmp}/www
DefaultRuntimeDir {tmp}
LogFormat "%h %>s %B" short
CustomLog {tmp}/access.log short
KeepAlive On
KeepAliveTimeout 30
MaxKeepAliveRequests 0
"""


def h2o(tmp):
    return ["h2o", "-c", tmp / "conf"], f"""
listen: {{host: {KERNEL}, port: {PORT}}}
user: root
num-threads: 1
pid-file: {tmp}/pid
error-log: {tmp}/error.log
access-log: {tmp}/access.log
hosts:
  default:
    paths:
      /:
        file.dir: {tmp}/www
"""


def lighttpd(tmp):
    return ["lighttpd", "-D", "-f", tmp / "conf"], f"""
server.modules = ("mod_accesslog")
server.bind = "{KERNEL}"
server.port = {PORT}
server.username = "www-data"
server.groupname = "www-data"
server.document-root = "{tmp}/www"
server.errorlog = "{tmp}/error.log"
server.max-keep-alive-requests = 100000
accesslog.filename = "{tmp}/access.log"
"""


class Server:
    """One of them with a file of size bytes named body; its access log says what it served."""

    def __init__(self, make, netns, tmp, size):
        self.tmp = tmp
        (tmp / "www").mkdir()
        (tmp / "www" / "body").write_bytes(os.urandom(size))
        for d in (tmp, tmp / "www"):
            os.chmod(d, 0o755)
        www = pwd.getpwnam("www-data")
        (tmp / "access.log").touch()
        (tmp / "error.log").touch()
        for f in ("access.log", "error.log"):
            os.chown(tmp / f, www.pw_uid, www.pw_gid)
        args, conf = make(tmp)
        (tmp / "conf").write_text(conf)
        with open(tmp / "out", "w") as out:
            self.proc = subprocess.Popen(["ip", "netns", "exec", netns, *map(str, args)], stdin=subprocess.DEVNULL,
                                         stdout=out, stderr=out)
        wait_for(lambda: self.proc.poll() is None and subprocess.run(
            ["ip", "netns", "exec", netns, "curl", "-sf", "-o", "/dev/null", f"http://{KERNEL}:{PORT}/body"],
            stdin=subprocess.DEVNULL).returncode == 0)
        wait_for(lambda: self.log_lines() >= 1)
        self.own = self.log_lines()

    def log_lines(self):
        return (self.tmp / "access.log").read_bytes().count(b"\n")

    def served(self):
        return self.log_lines() - self.own

    def stop(self):
        self.proc.terminate()
        self.proc.wait(15)


# Clients: each returns (requests it counts as answered well, how many more the server may have counted).

def inside(netns, *args):
    done = subprocess.run(["ip", "netns", "exec", netns, *map(str, args)], capture_output=True, text=True, timeout=180,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def curl(netns, tmp, conns, requests, size):
    got = tmp / "got"
    got.mkdir()
    out = inside(netns, "curl", "-sS", "--parallel", "--parallel-immediate", "--parallel-max", conns, "-o", f"{got}/#1", "-w",
                 "%{http_code} %{size_download}\\n", f"http://{OURS}/[1-{requests}]")
    assert out.splitlines() == [f"200 {size}"] * requests
    for f in got.iterdir():
        assert f.read_bytes() == body(size), f
    return len(list(got.iterdir())), 0


def wrk(netns, tmp, conns, requests, size):
    script = tmp / "body.lua"  # which looks at each body
    script.write_text(f'local want = string.rep("{LINE.decode()[:-1]}\\n", {size // len(LINE) + 1}):sub(1, {size})\n'
                      'response = function(status, headers, body)\n'
                      '  if status ~= 200 or body ~= want then io.write("BAD BODY\\n") end\nend\n')
    out = inside(netns, "wrk", "-c", conns, "-t", 1, "-d", 1, "-s", script, "--timeout", "30s", f"http://{OURS}/")
    assert "Non-2xx" not in out and "Socket errors" not in out and "BAD" not in out, out
    return int(re.search(r"(\d+) requests in", out)[1]), conns


def h2load(netns, tmp, conns, requests, size):
    out = inside(netns, "h2load", "--h1", "-n", requests, "-c", conns, "-t", 1, f"http://{OURS}/")
    assert f"{requests} succeeded, 0 failed, 0 errored, 0 timeout" in out, out
    assert f"status codes: {requests} 2xx" in out, out
    assert int(re.search(r"\((\d+)\) data", out)[1]) == requests * size, out
    return requests, 0


def ab(netns, tmp, conns, requests, size):
    out = inside(netns, "ab", "-q", "-n", requests, "-c", conns, "-s", 60, f"http://{OURS}/")
    assert re.search(r"Failed requests: +0\n", out) and "Non-2xx" not in out, out
    assert re.search(rf"HTML transferred: +{requests * size} bytes", out), out
    return int(re.search(r"Complete requests: +(\d+)", out)[1]), 0


SERVERS = (nginx, apache2, h2o, lighttpd)
CLIENTS = (curl, wrk, h2load, ab)
