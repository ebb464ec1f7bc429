"""What a search is told, by its names in a plan's "search", which are those of warp17-search's options: bounds, and what they
are."""
from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple

from .kpi import CONCURRENT, GOALS


class Number(NamedTuple):
    """An option. value: of the command line's help; default None: not one number."""

    low: float
    high: float
    whole: bool
    default: Any
    value: str
    help: str


SEARCH: Mapping[str, Number] = {
    "from": Number(1, 1000000000, True, None, "LEVEL", "lowest level; throughput is in Mbit/s (default 100, throughput 1)"),
    "to": Number(1, 1000000000, True, None, "LEVEL", "highest level (default 1000000; transactions 10000000, else 100000)"),
    "resolution": Number(0.1, 50, False, 5, "%", "between what holds and what fails"),
    "factor": Number(1.05, 100, False, 2, "N", "of a level to the next, until one fails"),
    "tries": Number(1, 10, True, 2, "N", "a level fails when it failed so often"),
    "ramp": Number(0.2, 86400, False, 1, "S", "seconds over which the sessions of a level open"),
    "warm-up": Number(0.2, 86400, False, 1, "S", "seconds after that, before a level's window"),
    "sustain": Number(0.2, 86400, False, 5, "S", "seconds of a level's window"),
    "confirm": Number(0.2, 86400, False, 10, "S", "seconds of the window in which the best level is confirmed"),
    "max-time": Number(1, 10000000, False, 1800, "S", "seconds of all"),
}
CRITERIA: Mapping[str, Number] = {
    "max-failed": Number(0.0000001, 100, False, 0.001, "%", "failed transactions, less than"),
    "max-terminated": Number(0.0000001, 100, False, 0.001, "%", "connections reset or given up, less than"),
    "tolerance": Number(0.1, 50, False, 5, "%", "of the rate against what was asked, and of parts of the window against its mean"),
    "max-response": Number(0.001, 3600000, False, None, "MS", "mean time to a response's last byte (default: any)"),
    "max-response-p99": Number(0.001, 3600000, False, None, "MS", "99th percentile of the time to a response's last byte (default: any)"),
}


def key(name: str) -> str:
    """Of an option in a plan."""
    return name.replace("-", "_")


def properties() -> Dict[str, Any]:
    """Of a plan's "search", in its JSON Schema."""
    numbers = {key(name): {"description": of.help if of.default is None else f"{of.help} (default {of.default:g})",
                           "type": "integer" if of.whole else "number", "minimum": of.low, "maximum": of.high}
               for name, of in {**SEARCH, **CRITERIA}.items()}
    return {"goal": {"description": "What is to be highest", "enum": [g for g in GOALS if g != CONCURRENT]}, **numbers}
