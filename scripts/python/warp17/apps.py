"""What the sessions of a test case say: applications, for test cases and for IMIX groups alike."""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Dict, Sequence


@dataclass(frozen=True)
class App:
    """The root of all. word is its name in methods, sides who may have it."""

    word: ClassVar[str] = ""
    sides: ClassVar[Sequence[str]] = ("client", "server")

    def params(self) -> Dict[str, Any]:
        """As the methods take them."""
        return {k: v for k, v in asdict(self).items() if k != "fields"}

    def lines(self) -> Sequence[str]:
        """Header fields that are set one by one."""
        return ()


@dataclass(frozen=True)
class Raw(App):
    """Requests and responses of fixed sizes over TCP or UDP; both sides have to have the same.

    data_req_plen, data_resp_plen  bytes
    requests                       a session closes after this many; 0: no limit
    tx_timestamp                   messages begin with 16 bytes that say when they were sent
    rx_timestamp                   latencies of such messages are measured
    """

    word: ClassVar[str] = "raw"
    data_req_plen: int
    data_resp_plen: int
    requests: int = 0
    rx_timestamp: bool = False
    tx_timestamp: bool = False


@dataclass(frozen=True)
class HttpClient(App):
    """HTTP/1.1 requests.

    method    GET, HEAD or POST
    host      Host field
    object    request target
    req_size  body, bytes
    requests  a session closes after this many; 0: no limit
    fields    header fields, each a line such as "Accept: text/plain"; neither Content-Length nor Transfer-Encoding
    """

    word: ClassVar[str] = "http"
    sides: ClassVar[Sequence[str]] = ("client",)
    host: str
    object: str = "/"
    method: str = "GET"
    req_size: int = 0
    requests: int = 0
    fields: Sequence[str] = ()

    def lines(self) -> Sequence[str]:
        return self.fields


@dataclass(frozen=True)
class HttpServer(App):
    """HTTP/1.1 responses.

    status     200-OK or 404-NOT-FOUND
    resp_size  body, bytes
    requests   a session closes after this many; 0: no limit
    fields     header fields, as of HttpClient
    """

    word: ClassVar[str] = "http"
    sides: ClassVar[Sequence[str]] = ("server",)
    resp_size: int
    status: str = "200-OK"
    requests: int = 0
    fields: Sequence[str] = ()

    def lines(self) -> Sequence[str]:
        return self.fields


@dataclass(frozen=True)
class Echo(App):
    """Messages of size bytes that come back; a session closes after requests of them, 0: no limit."""

    word: ClassVar[str] = "echo"
    size: int
    requests: int = 0
