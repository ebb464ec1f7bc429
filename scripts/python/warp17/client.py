"""The session with an engine. What each command means, and what its limits are, says doc/commands.md; what comes back,
doc/rpc-methods.md and discover()."""
from __future__ import annotations

import os
import pathlib
import re
import ssl
import sys
import time
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Type, TypeVar, Union

from .connection import Address, Connection
from .engine import LocalEngine, Option
from .errors import WaitTimedOut, Warp17Error
from .setup import Setup
from .subscription import Subscription
from .views import TestState, Views

T = TypeVar("T")
Ports = Union[int, Iterable[int]]


def own_name() -> str:
    """A name among operators: the script's."""
    stem = re.sub(r"[^A-Za-z0-9._-]", "", pathlib.Path(sys.argv[0] if sys.argv else "").stem)[:20].lstrip("-.") or "python"
    return f"{stem}-{os.getpid()}"


class Warp17(Setup, Views):
    """A connection to an engine's RPC server, and an operator of that engine.

    addr       "HOST:PORT", "[ADDR6]:PORT", "unix:PATH", or (host, port); left out: the environment's WARP17_RPC, or
               127.0.0.1:42424
    name       what other operators see, 1 to 31 characters; the script's name when left out
    read_only  the engine refuses every change
    token      what the server's --token-file holds, for TCP
    timeout    seconds to wait for an answer; the server waits 60 s for the engine
    tls        for TCP, where a TLS front stands before the server (doc/rpc.md): ssl.create_default_context(cafile=...)

    It is a context manager; at its end ports that are held are released, and an engine of launch() ends. Of one thread at
    a time. Every method raises Warp17Error: InvalidParams, CommandFailed, Refused, EngineGone, TimedOut, ConnectionLost.
    """

    def __init__(self, addr: Address = None, *, name: Optional[str] = None, read_only: bool = False, token: Optional[str] = None,
                 timeout: float = 75, tls: Optional[ssl.SSLContext] = None) -> None:
        self._connection = Connection(addr, timeout, tls)
        self.engine: Optional[LocalEngine] = None
        try:
            who: Dict[str, Any] = {"name": name or own_name(), "read_only": read_only}
            self.call("session.open", **who, token=token)
        except BaseException:
            self._connection.close()
            raise

    @classmethod
    def launch(cls, *args: str, eal: Sequence[str] = (), prefix: Optional[str] = None,
               config: Union[str, "os.PathLike[str]", None] = None, start_timeout: float = 60, name: Optional[str] = None,
               timeout: float = 75, **options: Option) -> "Warp17":
        """Starts an engine of its own on this machine and connects to it; close() ends it. engine is the LocalEngine, which
        explains the arguments: Warp17.launch(ring_if_pairs=1, tcb_pool_sz=64). Raises LaunchFailed."""
        engine = LocalEngine(*args, eal=eal, prefix=prefix, config=config, timeout=start_timeout, **options)
        try:
            client = cls(engine.address, name=name, timeout=timeout)
        except BaseException:
            engine.stop()
            raise
        client.engine = engine
        return client

    @property
    def patience(self) -> float:
        """Seconds to wait for an answer, as timeout above; may be changed at any time."""
        return self._connection.timeout

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._connection.timeout = seconds

    def close(self) -> None:
        """Leaves, and ends the engine if launch() started it. Traffic on another engine goes on."""
        self._connection.close()
        if self.engine is not None:
            self.engine.stop()

    def __enter__(self) -> "Warp17":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], e: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    # ---- any method

    def call(self, method: str, /, **params: Any) -> Any:
        """Any method of doc/rpc-methods.md: call("set.tests.rate", port=0, test_case_id=0, open=1000). A tuple is a range
        (first, last); None is as if it were not there. Returns the result as JSON has it."""
        return self._connection.call(method, wire(params))

    def batch(self, calls: Sequence[Tuple[str, Dict[str, Any]]]) -> List[Any]:
        """At most 256 calls at once, done in order: [("start.tests", {"port": 1}), ...]. The results; an exception stands in
        the place of one that failed, and is not raised."""
        return self._connection.batch([(method, wire(params)) for method, params in calls])

    def discover(self) -> Dict[str, Any]:
        """All methods, parameters, results, as an OpenRPC document."""
        doc: Dict[str, Any] = self.call("rpc.discover")
        return doc

    def session(self) -> Dict[str, Any]:
        """Who we are: name, role, ports held; versions, prefix and pid of engine and server."""
        info: Dict[str, Any] = self.call("session.info")
        return info

    def acquire(self, port: int, force: bool = False) -> None:
        """From now on only we may change the port; force takes it from who holds it. Refused if another has it."""
        self.call("acquire.port", port=port, force=force)

    def release(self, port: int) -> None:
        """All may change the port again."""
        self.call("release.port", port=port)

    # ---- running

    def start(self, ports: Ports) -> None:
        """Starts the test cases of a port, or of several one after the other: servers first."""
        for port in [ports] if isinstance(ports, int) else ports:
            self.call("start.tests", port=port)

    def stop(self, ports: Ports) -> None:
        """Stops the test cases of a port, or of several, closing sessions with FIN; returns when they have stopped."""
        for port in [ports] if isinstance(ports, int) else ports:
            self.call("stop.tests", port=port)

    def wait(self, criteria: Union[Ports, Callable[[], T]], timeout: float = 60, interval: float = 0.2) -> Any:
        """Waits at most timeout seconds, looking every interval seconds.

        criteria is a port, or several: until all their test cases have PASSED, FAILED or STOPPED; returns their states as
        status() has them. Or it is something to call: until it returns what is true; returns that.
        Raises WaitTimedOut, whose message says what was there at the end.
        """
        end = time.monotonic() + timeout
        ports = [criteria] if isinstance(criteria, int) else None if callable(criteria) else list(criteria)
        while True:
            last: Any
            if ports is None:
                assert callable(criteria)
                last = criteria()
                if last:
                    return last
            else:
                last = [t for port in ports for t in self.status(port)]
                if all(t.over for t in last):
                    return last
            if time.monotonic() >= end:
                there = "; ".join(map(str, last)) if ports is not None else repr(last)
                raise WaitTimedOut(f"not within {timeout:g} s: {there}")
            time.sleep(min(interval, max(0.0, end - time.monotonic())))

    # ---- live

    def live(self, method: str, /, interval: float = 1, **params: Any) -> Subscription:
        """A view again and again, every interval seconds (0.1 to 3600): live("show.tests.stats", port=0, test_case_id=0).

            with w.live("show.link.rate", interval=0.5) as views:
                for view in views: ...
        """
        what = {"method": method, "params": wire(params), "interval_ms": round(interval * 1000)}
        return Subscription(self._connection, what, interval + self._connection.timeout)

    def live_stats(self, port: int, test_case_id: int, interval: float = 1) -> Subscription:
        """statistics() of a test case every interval seconds."""
        return self.live("show.tests.stats", interval=interval, port=port, test_case_id=test_case_id)

    def events(self, since: Optional[int] = None) -> Subscription:
        """What happens, as it happens: {"no", "event", "port", "text", ...}. since: first those kept with a larger number."""
        what: Dict[str, Any] = {"events": True}
        if since is not None:
            what["since"] = since
        return Subscription(self._connection, what, None)


def wire(params: Dict[str, Any]) -> Dict[str, Any]:
    """Parameters as JSON has them: tuples are ranges."""
    named: Dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, tuple):
            if len(value) != 2:
                raise Warp17Error(f"{name}: {value!r} given, expected (first, last)")
            value = {"first": value[0], "last": value[1]}
        if value is not None:
            named[name] = value
    return named


__all__ = ["TestState", "Warp17"]
