"""The works of `make bench`: what runs, on pools of which size, what is counted, and the goal (issue 5), one row each."""
from dataclasses import dataclass

PORTS = 50000  # source ports of an address


def raw(req, resp, requests=0):
    return "raw", f"data-req-plen {req} data-resp-plen {resp} requests {requests}"


def http(requests=0):
    return "http", f"GET h /i req-size 0 requests {requests}"


def opts(*what):
    """For client and server."""
    return tuple(f"set tests {group} port {p} test-case-id 0 {value}" for group, value in what for p in (0, 1))


# sessions that end come back at once
AGAIN = ("set tests timeouts port 0 test-case-id 0 downtime 0", *opts(("tcp-options", "twait-skip 1")))


@dataclass(frozen=True)
class Work:
    name: str
    help: str
    unit: str
    goal: float
    n: int  # sessions
    client: tuple  # application and its arguments
    count: tuple  # counters of the client's test case that make the figure
    proto: str = "tcp"
    factor: float = 1.0
    extra: tuple = ()
    engine: tuple = ()  # options beside the pools'
    opening: bool = False  # the figure is how fast all come up, anew each time
    idle: bool = False  # ... how many turns the worker makes, which finds nothing to do

    def options(self):
        """Of the engine: pools for both ends, and a little for those that are just ending."""
        k = self.n * 2 // 1024 * 17 // 16 + 64
        tcbs, ucbs = (k, 64) if self.proto == "tcp" else (64, k)
        return "--ring-if-pairs", "1", "--tcb-pool-sz", str(tcbs), "--ucb-pool-sz", str(ucbs), *self.engine

    def server(self):
        app, text = self.client
        return app, "200-OK resp-size 20" if app == "http" else text

    def commands(self):
        """All but those that start it."""
        hosts, ports = -(-self.n // PORTS), min(self.n, PORTS)
        # an interface for each address: the server knows their MACs before they connect
        return (*(f"add tests l3_intf port 0 ip 10.0.0.{i} mask 255.255.255.0" for i in range(1, hosts + 1)),
                "add tests l3_intf port 1 ip 10.0.0.253 mask 255.255.255.0",
                f"add tests server {self.proto} port 1 test-case-id 0 src 10.0.0.253 10.0.0.253 sport 6000 6000",
                "set tests server {} port 1 test-case-id 0 {}".format(*self.server()),
                f"add tests client {self.proto} port 0 test-case-id 0 src 10.0.0.1 10.0.0.{hosts} sport 10000 {9999 + ports} "
                "dest 10.0.0.253 10.0.0.253 dport 6000 6000",
                "set tests client {} port 0 test-case-id 0 {}".format(*self.client), *self.extra)


WORKS = (
    Work("sessions", "connect, 1-byte request and response, close", "sessions/s", 4.5e6, 100, raw(1, 1, 1), ("closed",),
         extra=AGAIN),
    Work("http_sessions", "connect, GET and 200 parsed, close", "sessions/s", 3.5e6, 100, http(1), ("closed",), extra=AGAIN),
    Work("http_sessions_csum", "the same, checksums in software on both sides", "sessions/s", 2.5e6, 100, http(1), ("closed",),
         extra=AGAIN, engine=("--sw-checksum",)),
    Work("connect_1m", "connect and close, no data, over 1 M sessions", "sessions/s", 2.5e6, 1_000_000, raw(0, 0), ("closed",),
         extra=("set tests timeouts port 0 test-case-id 0 uptime 0", *AGAIN)),
    Work("open_4m", "opening 4 M sessions", "sessions/s", 3e6, 4_000_000, raw(0, 0), ("estab",),
         extra=opts(("tcp-options", "twait-skip 1")), opening=True),
    Work("idle_1m", "turns of the worker while 1 M sessions are up and silent", "turns/s", 20e6, 1_000_000, raw(0, 0), (),
         extra=opts(("tcp-options", "twait-skip 1")), idle=True),
    Work("http_100", "HTTP transactions, 100 sessions", "transactions/s", 12e6, 100, http(), ("responses",)),
    Work("http_10k", "HTTP transactions, 10 k sessions", "transactions/s", 5e6, 10_000, http(), ("responses",)),
    Work("http_1m", "HTTP transactions, 1 M sessions", "transactions/s", 3e6, 1_000_000, http(), ("responses",)),
    Work("raw1_1k", "RAW 1 B request and response, 1 k sessions", "transactions/s", 8.5e6, 1000, raw(1, 1), ("responses",)),
    Work("raw64_10k", "RAW 64 B request and response, 10 k sessions", "transactions/s", 6e6, 10_000, raw(64, 64), ("responses",)),
    Work("bulk", "RAW 16 KiB request and response, 100 sessions; payload, both directions together", "Gbit/s", 60, 100,
         raw(16384, 16384), ("tx_bytes", "rx_bytes"), factor=8e-9),
    Work("udp_10k", "UDP 18 B one way, 10 k flows", "packets/s", 25e6, 10_000, raw(18, 0), ("requests",), proto="udp"),
    Work("udp_1m", "UDP 18 B one way, 1 M flows", "packets/s", 12e6, 1_000_000, raw(18, 0), ("requests",), proto="udp"),
)
BYTES_GOAL = 160  # of a TCP endpoint, all in
