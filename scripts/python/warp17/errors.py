"""What may go wrong: a class for each code of the server (doc/rpc.md, Errors), and three of this side."""
from __future__ import annotations

from typing import Any, Mapping, Optional, Type


class Warp17Error(Exception):
    """The root of all. str() of it is the engine's sentence.

    message    that sentence
    code       of the answer: JSON-RPC's, or the server's; None where no answer came
    exit_code  what warp17-cli would have ended with, for sys.exit()
    engine_errno  the engine's, negative; None where it gave none
    parameter  name of the one that is wrong
    expected   what it should have been
    where      its place, such as params.src.first
    """

    exit_code: int = 1

    def __init__(self, message: str, code: Optional[int] = None, data: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(message)
        data = data or {}
        self.message = message
        self.code = code
        self.exit_code = data.get("exit_code", self.exit_code)
        self.engine_errno: Optional[int] = data.get("errno")
        self.parameter: Optional[str] = data.get("parameter")
        self.expected: Optional[str] = data.get("expected")
        self.where: Optional[str] = data.get("where")


class ParseError(Warp17Error):
    """-32700: what was sent is no JSON."""

    exit_code = 2


class InvalidRequest(Warp17Error):
    """-32600: no request, or one that is too long."""

    exit_code = 2


class MethodNotFound(Warp17Error):
    """-32601: no such method."""

    exit_code = 2


class InvalidParams(Warp17Error):
    """-32602: a parameter is wrong, missing or unknown; parameter, expected and where say which."""

    exit_code = 2


class CommandFailed(Warp17Error):
    """1: the engine, or the view, said no."""


class EngineGone(Warp17Error):
    """3: the engine ended; the server ends too."""

    exit_code = 3


class Refused(Warp17Error):
    """4: the port is another's, the operator may only look, the token is wrong, or no place is left."""

    exit_code = 4


class TimedOut(Warp17Error):
    """5: no answer in time. The engine may still do it."""

    exit_code = 5


class ConnectionLost(Warp17Error, ConnectionError):
    """The server cannot be reached, or hung up. Another connection is needed."""

    exit_code = 3


class WaitTimedOut(Warp17Error, TimeoutError):
    """What was waited for did not come in time."""

    exit_code = 5


class LaunchFailed(Warp17Error):
    """No engine, or no RPC server; the message is what the launcher said, exit_code its own: 2 for options that are wrong."""


CLASSES: Mapping[int, Type[Warp17Error]] = {
    -32700: ParseError, -32600: InvalidRequest, -32601: MethodNotFound, -32602: InvalidParams,
    1: CommandFailed, 3: EngineGone, 4: Refused, 5: TimedOut,
}


def from_answer(error: Mapping[str, Any]) -> Warp17Error:
    """The exception of an answer's error object."""
    code = error["code"]
    return CLASSES.get(code, Warp17Error)(error["message"], code, error.get("data"))
