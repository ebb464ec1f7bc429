"""Drives WARP17, a stateful traffic generator, over its JSON-RPC (doc/rpc.md, doc/scripting.md).

    from warp17 import HttpClient, HttpServer, Warp17

    with Warp17.launch(ring_if_pairs=1) as w:
        w.add_interface(0, "10.0.0.1", "255.255.255.0")
        ...
"""
from .apps import App, Echo, HttpClient, HttpServer, Raw
from .client import Warp17
from .engine import LocalEngine
from .errors import (CommandFailed, ConnectionLost, EngineGone, InvalidParams, InvalidRequest, LaunchFailed, MethodNotFound,
                     ParseError, Refused, TimedOut, WaitTimedOut, Warp17Error)
from .script import run_script
from .subscription import Subscription

__version__ = "0.1.0"
__all__ = ["App", "CommandFailed", "ConnectionLost", "Echo", "EngineGone", "HttpClient", "HttpServer", "InvalidParams",
           "InvalidRequest", "LaunchFailed", "LocalEngine", "MethodNotFound", "ParseError", "Raw", "Refused", "Subscription",
           "TimedOut", "WaitTimedOut", "Warp17", "Warp17Error", "run_script"]
