"""Live statistics and events, as an iterator."""
from __future__ import annotations

import time
from typing import Any, Dict, Optional, Type
from types import TracebackType

from .connection import Connection
from .errors import TimedOut, Warp17Error, from_answer


class Subscription:
    """Iterates over a view that comes again and again, or over events. Other calls may be made meanwhile, and between two
    steps too. Leaving its with, or close(), ends it; so does the end of the connection. Who does not iterate for long loses
    some, and who does not read from the connection for 30 s while much comes is hung up on by the server.

    lost         notifications lost so far, for being slow
    seq          number of the last one (a view's)
    realtime_ns  the server's clock at the last one, ns since 1970 (a view's)
    """

    def __init__(self, connection: Connection, what: Dict[str, Any], wait_s: Optional[float]) -> None:
        self._connection = connection
        self._wait_s = wait_s
        self.id: int = connection.call("subscribe", what)["subscription"]
        connection.subscribed(self.id)
        self._open = True
        self.lost = 0
        self.seq = 0
        self.realtime_ns = 0

    def next(self, timeout: Optional[float]) -> Dict[str, Any]:
        """The next view or event; waits for it so many seconds, None for ever.

        Raises TimedOut; the error of the view, where it cannot be had now (another next() may have it again); ConnectionLost.
        """
        if not self._open:
            raise StopIteration
        params = self._connection.notification(self.id, None if timeout is None else time.monotonic() + timeout)
        if params is None:
            raise TimedOut(f"subscription {self.id}: nothing within {timeout:g} s")
        self.lost += params.get("lost", 0)
        self.seq = params.get("seq", self.seq)
        self.realtime_ns = params.get("realtime_ns", self.realtime_ns)
        if "error" in params:
            raise from_answer(params["error"])
        what: Dict[str, Any] = params["event"] if "event" in params else params["result"]
        return what

    def __iter__(self) -> "Subscription":
        return self

    def __next__(self) -> Dict[str, Any]:
        return self.next(self._wait_s)

    def close(self) -> None:
        """No more of it. What came and was not taken is dropped."""
        if not self._open:
            return
        self._open = False
        self._connection.queues.pop(self.id, None)
        try:
            self._connection.call("unsubscribe", {"subscription": self.id})
        except Warp17Error:  # the connection is gone, and it with it
            pass

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], e: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()
