"""Several engines at once: a thread for each, so that a step takes as long as its slowest, and who does not answer holds up
nobody. And the start at a common instant."""
from __future__ import annotations

import concurrent.futures
import time
from types import MappingProxyType
from typing import Any, Callable, Dict, Generic, List, Mapping, Sequence, TypeVar, Union

from .clock import Clocks, Offset, Timeline
from .errors import Warp17Error

M = TypeVar("M")
T = TypeVar("T")
LEAD_S = 0.1  # from the order to the instant: threads have to have it, and be asleep


class EngineLost(Warp17Error):
    """An engine, or the way to it, failed in a step; engine is its name. others: those that failed in it as well, by name."""

    def __init__(self, engine: str, step: str, error: Warp17Error, others: Mapping[str, Warp17Error] = MappingProxyType({})) -> None:
        super().__init__("; ".join(f"{name}: {step}: {e}" for name, e in ((engine, error), *others.items())))
        self.exit_code = error.exit_code
        self.engine = engine
        self.step = step
        self.error = error


class Crew(Generic[M]):
    """Its members by name; what a step does with one is done in that one's thread. A context manager; at its end threads end,
    after all that they have to do."""

    def __init__(self, members: Mapping[str, M]) -> None:
        if not members:
            raise ValueError("a crew of none")
        self.members = dict(members)
        self._threads = {name: concurrent.futures.ThreadPoolExecutor(1, f"engine-{name}") for name in members}

    def __enter__(self) -> "Crew[M]":
        return self

    def __exit__(self, *of: Any) -> None:
        for thread in self._threads.values():
            thread.shutdown(wait=True)

    def outcomes(self, what: Callable[[M], T], names: Sequence[str] = ()) -> Dict[str, Union[T, Warp17Error]]:
        """Of each (or of those named), when all have done it: what it returned, or its Warp17Error. Other exceptions are raised
        then."""
        chosen = list(names) if names else list(self.members)
        futures = {n: self._threads[n].submit(what, self.members[n]) for n in chosen}
        concurrent.futures.wait(futures.values())
        found: Dict[str, Union[T, Warp17Error]] = {}
        for name, future in futures.items():
            error = future.exception()
            if error is not None and not isinstance(error, Warp17Error):
                raise error
            found[name] = error if error is not None else future.result()
        return found

    def each(self, step: str, what: Callable[[M], T], names: Sequence[str] = ()) -> Dict[str, T]:
        """The same; EngineLost where some failed, of the first. step: what it is, in words, for that."""
        outcomes = self.outcomes(what, names)
        failed = {n: o for n, o in outcomes.items() if isinstance(o, Warp17Error)}
        if failed:
            first = next(iter(failed))
            raise EngineLost(first, step, failed.pop(first), failed)
        return {n: o for n, o in outcomes.items() if not isinstance(o, Warp17Error)}


def sleep_until(at_ns: int) -> None:
    """By our monotonic clock, ns: sleeps, and looks at the clock alone for the last of it, for sleep is late."""
    spin_ns = 500_000
    while (left := at_ns - time.monotonic_ns()) > 0:
        if left > spin_ns:
            time.sleep((left - spin_ns) / 1e9)


def start_together(crew: Crew[M], names: Sequence[str], start: Callable[[M], Any], clocks: Mapping[str, Clocks]) -> int:
    """start() of each of those, so that it takes effect at a common instant, which is returned, ns of our clock: each is told
    earlier by half of its measured round trip. EngineLost."""
    ahead = {n: clocks[n].mono.uncertainty_ns for n in names}
    instant = time.monotonic_ns() + round(LEAD_S * 1e9) + max(ahead.values())
    by_member = {id(crew.members[n]): ahead[n] for n in names}

    def at_its_time(member: M) -> None:
        sleep_until(instant - by_member[id(member)])
        start(member)

    crew.each("start", at_its_time, names)
    return instant


def spread(started: Mapping[str, int], lines: Mapping[str, Timeline], instant_ns: int) -> Dict[str, Any]:
    """How far from one another, and from the instant, engines began. started: when each did, ns of its clock with the date
    (the event port-started); lines: those clocks against ours.

    {"instant_ns", "starts": [{"engine", "after_instant_ns", "uncertainty_ns"}], "spread_ns", "uncertainty_ns"}
    """
    starts: List[Dict[str, Any]] = []
    for name, real_ns in started.items():
        ours = lines[name].ours(real_ns)
        unsure: Offset = lines[name].offset_at(ours)
        starts.append({"engine": name, "after_instant_ns": ours - instant_ns, "uncertainty_ns": unsure.uncertainty_ns})
    after = [s["after_instant_ns"] for s in starts]
    worst = sorted((s["uncertainty_ns"] for s in starts), reverse=True)[:2]
    return {"instant_ns": instant_ns, "starts": starts, "spread_ns": max(after) - min(after) if after else 0,
            "uncertainty_ns": sum(worst) if len(worst) > 1 else 0}
