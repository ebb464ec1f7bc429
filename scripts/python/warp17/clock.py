"""The clocks of other machines, against ours: how far off, how sure, how fast they run away. As NTP does it, by round trips:
a server that was asked at t0 and answered at t1 has read its clock between the two, so that its offset is known to half of the
round trip, whatever the ways there and back take. Of many the one that took least is kept."""
from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable, Mapping

ROUNDS = 40
# What a clock that nobody sets can be off at most, of a million: twice what NTP allows the kernel to correct.
DRIFT_MAX_PPM = 1000.0


@dataclass(frozen=True)
class Offset:
    """offset_ns: the other clock less ours (CLOCK_MONOTONIC), +- uncertainty_ns; at_ns: when, by ours."""

    offset_ns: int
    uncertainty_ns: int
    at_ns: int

    def ours(self, theirs_ns: int) -> int:
        """A time of the other clock by ours, ns."""
        return theirs_ns - self.offset_ns

    def document(self) -> "dict[str, int]":
        return {"offset_ns": self.offset_ns, "uncertainty_ns": self.uncertainty_ns, "at_ns": self.at_ns}


@dataclass(frozen=True)
class Clocks:
    """Both clocks of a machine: mono is its CLOCK_MONOTONIC, which nobody sets; real the one that has a date, in which events
    are told. Both of the same round trip."""

    mono: Offset
    real: Offset
    rounds: int


def measure(ping: Callable[[], Mapping[str, int]], rounds: int = ROUNDS,
            now_ns: Callable[[], int] = time.monotonic_ns) -> Clocks:
    """ping() asks for {"mono_ns", "realtime_ns"}, both read between the call and the answer (rpc.ping). rounds: at least 1.
    What ping() raises is raised."""
    if rounds < 1:
        raise ValueError(f"rounds: {rounds} given, expected 1 or more")
    least = None
    for _ in range(rounds):
        t0 = now_ns()
        said = ping()
        t1 = now_ns()
        if least is None or t1 - t0 < least[1] - least[0]:
            least = (t0, t1, int(said["mono_ns"]), int(said["realtime_ns"]))
    assert least is not None
    t0, t1, mono, real = least
    middle, half = (t0 + t1) // 2, (t1 - t0 + 1) // 2
    return Clocks(Offset(mono - middle, half, middle), Offset(real - middle, half, middle), rounds)


@dataclass(frozen=True)
class Drift:
    """How much faster the other clock ran than ours between two measurements, of a million."""

    ppm: float
    uncertainty_ppm: float
    seconds: float

    @property
    def plausible(self) -> bool:
        """False: no oscillator is that far off, so the clock was set, or is another machine's."""
        return abs(self.ppm) <= DRIFT_MAX_PPM + self.uncertainty_ppm

    def document(self) -> "dict[str, float]":
        return {"ppm": round(self.ppm, 3), "uncertainty_ppm": round(self.uncertainty_ppm, 3), "seconds": round(self.seconds, 3)}


def drift(begin: Offset, end: Offset) -> Drift:
    """From two measurements; ValueError when the second is not later."""
    span = end.at_ns - begin.at_ns
    if span <= 0:
        raise ValueError("the second measurement is not later than the first")
    return Drift((end.offset_ns - begin.offset_ns) * 1e6 / span, (begin.uncertainty_ns + end.uncertainty_ns) * 1e6 / span,
                 span / 1e9)


@dataclass(frozen=True)
class Timeline:
    """A clock that was measured before and after: between the two its offset is taken to have changed evenly."""

    begin: Offset
    end: Offset

    def offset_at(self, ours_ns: int) -> Offset:
        """By our clock; before the first and after the last measurement it goes on at the same rate."""
        span = self.end.at_ns - self.begin.at_ns
        if span <= 0:
            return self.begin
        part = (ours_ns - self.begin.at_ns) / span
        moved = (self.end.offset_ns - self.begin.offset_ns) * part
        return Offset(self.begin.offset_ns + round(moved), max(self.begin.uncertainty_ns, self.end.uncertainty_ns), ours_ns)

    def ours(self, theirs_ns: int) -> int:
        """A time of the other clock by ours, ns."""
        near = self.begin.ours(theirs_ns)
        return self.offset_at(near).ours(theirs_ns)


def was_set(begin: Clocks, end: Clocks) -> bool:
    """The clock with the date was set meanwhile: it went on otherwise than the one that nobody sets, by more than a
    millisecond and more than a clock that is slewed would."""
    apart = (end.real.offset_ns - begin.real.offset_ns) - (end.mono.offset_ns - begin.mono.offset_ns)
    span = max(0, end.mono.at_ns - begin.mono.at_ns)
    unsure = begin.real.uncertainty_ns + end.real.uncertainty_ns
    return abs(apart) > max(1_000_000, round(span * DRIFT_MAX_PPM / 1e6)) + unsure
