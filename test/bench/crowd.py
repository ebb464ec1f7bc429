"""Those who look at an engine all the time: four scrapers at 10 Hz, two of /metrics and two of /api/v1/stats, two that follow
/events, and a CLI asked ten times a second. One process, so that looking costs little.

usage: crowd.py PORT PREFIX; ends with its standard input, and prints what it did as JSON"""
import json
import os
import select
import socket
import subprocess
import sys
import time

from look import TOP

HZ, FOLLOWERS = 10, 2
SCRAPERS = ("/metrics", "/api/v1/stats", "/metrics", "/api/v1/stats")
COMMAND = b"show tests stats port 0 test-case-id 0\n"


class Scraper:
    def __init__(self, port, path):
        self.port, self.done, self.bytes, self.bad = port, 0, 0, 0
        self.request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.room = bytearray(1 << 20)

    def scrape(self):
        with socket.create_connection(("127.0.0.1", self.port), 10) as c:
            c.sendall(self.request)
            n = first = c.recv_into(self.room)
            ok = self.room[:first].startswith(b"HTTP/1.1 200")
            while part := c.recv_into(self.room):
                n += part
        self.done, self.bytes, self.bad = self.done + 1, self.bytes + n, self.bad + (not ok)


def follow(port):
    """A connection to /events, or None: there is no such thing."""
    c = socket.create_connection(("127.0.0.1", port), 10)
    c.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
    if b" 200 " in c.recv(65536).split(b"\r\n")[0]:
        return c
    c.close()
    return None


def main():
    port, prefix = int(sys.argv[1]), sys.argv[2]
    scrapers = [Scraper(port, path) for path in SCRAPERS]
    followers = [c for _ in range(FOLLOWERS) if (c := follow(port))]
    cli = subprocess.Popen([TOP / "build/warp17-cli", "--prefix", prefix, "-j"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    events = answers = asked = 0
    late = 0.0
    pieces = [*((lambda s=s: s.scrape()) for s in scrapers), lambda: os.write(cli.stdin.fileno(), COMMAND)]
    began = time.monotonic()
    turn = 0
    while True:
        due = began + turn / (HZ * len(pieces))
        ready = select.select([*followers, cli.stdout, sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]
        for f in ready:
            if f is sys.stdin:
                break
            if f is cli.stdout:
                answers += os.read(f.fileno(), 1 << 20).count(b"\n")
            elif text := f.recv(1 << 20):
                events += text.count(b"\ndata:")
            else:
                followers.remove(f)  # its end
        if sys.stdin in ready:
            break
        if (now := time.monotonic()) >= due:
            late = max(late, now - due)
            pieces[turn % len(pieces)]()
            asked += turn % len(pieces) == len(scrapers)
            turn += 1
    seconds = time.monotonic() - began
    answers += cli.communicate(timeout=20)[0].count(b"\n")
    print(json.dumps({"seconds": round(seconds, 2), "scrapes_per_s": round(sum(s.done for s in scrapers) / seconds, 1),
                      "bytes_per_scrape": sum(s.bytes for s in scrapers) // max(1, sum(s.done for s in scrapers)),
                      "bad": sum(s.bad for s in scrapers), "followers": len(followers), "events": events,
                      "cli_answers": answers, "cli_asked": asked, "latest_ms": round(late * 1000, 1)}))


if __name__ == "__main__":
    main()
