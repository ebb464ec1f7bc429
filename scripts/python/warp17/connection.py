"""A connection: JSON-RPC 2.0, a message a line. Of one thread at a time; a second thread takes a second connection."""
from __future__ import annotations

import json
import os
import socket
import ssl
import time
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Sequence, Tuple, Union

from .errors import ConnectionLost, InvalidRequest, TimedOut, Warp17Error, from_answer

Json = Any
Address = Union[str, Tuple[str, int], None]
DEFAULT = "127.0.0.1:42424"
TOKEN_MAX = 256
QUEUE_MAX = 10000  # notifications of a subscription that nobody takes; the oldest go


def address(addr: Address) -> Union[str, Tuple[str, int]]:
    """The path of a Unix socket, or host and port. ValueError if it is neither."""
    if addr is None:
        addr = os.environ.get("WARP17_RPC", DEFAULT)
    if not isinstance(addr, str):
        return addr
    if addr.startswith("unix:"):
        return addr[len("unix:"):]
    if addr.startswith("/"):
        return addr
    host, colon, port = addr.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{addr!r} given, expected HOST:PORT, [ADDR6]:PORT or unix:PATH")
    return host.strip("[]"), int(port)


def token_in(file: Union[str, "os.PathLike[str]"]) -> str:
    """What the file with an RPC server's token holds. ValueError, a sentence with its name."""
    try:
        with open(file, encoding="ascii") as f:
            token = f.read(2 * TOKEN_MAX).strip()
    except (OSError, ValueError) as e:
        raise ValueError(f"{file}: {getattr(e, 'strerror', None) or e}") from e
    if not 0 < len(token) < TOKEN_MAX:
        raise ValueError(f"{file}: expected a line of 1 to {TOKEN_MAX - 1} characters")
    return token


class Connection:
    def __init__(self, addr: Address, timeout: float, tls: Optional[ssl.SSLContext] = None) -> None:
        self.timeout = timeout
        self._at = address(addr)
        self._buffer = bytearray()
        self._looked = 0  # so much of the buffer holds no end of line
        self._id = 0
        self.queues: Dict[int, Deque[Json]] = {}
        self._socket: Optional[socket.socket] = None
        try:
            if isinstance(self._at, str):
                self._socket = socket.socket(socket.AF_UNIX)
                self._socket.settimeout(timeout)
                self._socket.connect(self._at)
            else:
                self._socket = socket.create_connection(self._at, timeout)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if tls is not None:
                    self._socket = tls.wrap_socket(self._socket, server_hostname=self._at[0])
        except (OSError, UnicodeError) as e:  # UnicodeError: of a host's name that can be none
            self.close()
            raise ConnectionLost(f"cannot reach {self._name()}: {getattr(e, 'strerror', None) or e}") from e

    def _name(self) -> str:
        return f"unix:{self._at}" if isinstance(self._at, str) else f"{self._at[0]}:{self._at[1]}"

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _lost(self, why: object) -> ConnectionLost:
        self.close()
        return ConnectionLost(f"{self._name()}: {why}")

    def _send(self, message: Json) -> None:
        if self._socket is None:
            raise self._lost("the connection is closed")
        try:
            self._socket.settimeout(self.timeout)
            self._socket.sendall(json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n")
        except OSError as e:  # part of it may have gone, nothing can follow that
            raise self._last_words() or self._lost(e) from e

    def _last_words(self) -> Optional[Warp17Error]:
        """Why the server hung up on us, if it said so."""
        try:
            while (message := self._receive(time.monotonic() + 1)) is not None:
                if isinstance(message, dict) and message.get("id") is None and "error" in message:
                    return from_answer(message["error"])
        except ConnectionLost:
            pass
        finally:
            self.close()
        return None

    def _receive(self, deadline: Optional[float]) -> Optional[Json]:
        """The next message; None when there is none until the deadline."""
        while (end := self._buffer.find(b"\n", self._looked)) < 0:
            self._looked = len(self._buffer)
            if self._socket is None:
                raise self._lost("the connection is closed")
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            try:
                self._socket.settimeout(left)
                got = self._socket.recv(1 << 18)
            except socket.timeout:
                return None
            except OSError as e:
                raise self._lost(e) from e
            if not got:
                raise self._lost("the server ended the connection")
            self._buffer += got
        line = bytes(self._buffer[:end])
        del self._buffer[:end + 1]
        self._looked = 0
        try:
            return json.loads(line)
        except ValueError as e:
            raise self._lost(f"no JSON came: {e}") from e

    def _notified(self, message: Json) -> None:
        params = message.get("params", {})
        queue = self.queues.get(params.get("subscription"))
        if queue is not None:  # else it came after its end
            queue.append(params)

    def notification(self, subscription: int, deadline: Optional[float]) -> Optional[Json]:
        """The next one of a subscription; None when there is none until the deadline (monotonic; None: wait forever)."""
        queue = self.queues[subscription]
        while not queue:
            message = self._receive(deadline)
            if message is None:
                return None
            if isinstance(message, dict) and "method" in message:
                self._notified(message)
        return queue.popleft()

    def subscribed(self, subscription: int) -> None:
        self.queues[subscription] = deque(maxlen=QUEUE_MAX)

    def _answer(self, first: int, last: int, what: str) -> Json:
        """To the request with that id, or to the batch. Answers to what was given up are passed over."""
        deadline = time.monotonic() + self.timeout
        while (message := self._receive(deadline)) is not None:
            if isinstance(message, dict) and "method" in message:
                self._notified(message)
                continue
            one = message[0] if isinstance(message, list) else message
            if one.get("id") is None and "error" in one:  # of the connection: refused, or not understood
                raise from_answer(one["error"])
            if first <= one.get("id", -1) <= last:
                return message
        raise TimedOut(f"{what}: no answer within {self.timeout:g} s; it may still be done")

    def _request(self, method: str, params: Dict[str, Any]) -> Json:
        self._id += 1
        return {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}

    def call(self, method: str, params: Dict[str, Any]) -> Json:
        request = self._request(method, params)
        self._send(request)
        answer = self._answer(self._id, self._id, method)
        if "error" in answer:
            raise from_answer(answer["error"])
        return answer["result"]

    def batch(self, calls: Sequence[Tuple[str, Dict[str, Any]]]) -> List[Union[Json, Warp17Error]]:
        if not calls:
            return []
        requests = [self._request(m, p) for m, p in calls]
        self._send(requests)
        answers = self._answer(requests[0]["id"], self._id, "a batch")
        if not isinstance(answers, list) or len(answers) != len(calls):
            raise InvalidRequest(f"a batch of {len(calls)} requests has an answer of another shape")
        return [from_answer(a["error"]) if "error" in a else a["result"] for a in answers]
