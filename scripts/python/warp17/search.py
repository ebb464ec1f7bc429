"""The search itself: which level is tried next, given which levels held. It knows no engine and no clock.

Levels are whole numbers. Three stages: "ramp-up" multiplies the level until one fails, "seek" halves what is left (in the
logarithm, as rates are) until it is narrower than the resolution, "sustain" tries the best level again, for longer. A level
that fails is tried again before it is believed: a busy machine makes levels fail that would hold, and hardly ever hold what
would fail.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import List, Optional

RAMP_UP, SEEK, SUSTAIN = "ramp-up", "seek", "sustain"
FOUND, NONE, UNSTABLE = "found", "none", "unstable"
REFUTED_MAX = 4


@dataclass(frozen=True)
class Step:
    """What to try: attempt counts from 1 the tries of this level in this stage."""

    stage: str
    level: int
    attempt: int


class Search:
    """step() says what to try, tell() how it went, until step() is None; then outcome is there.

    lowest, highest  levels between which the answer is looked for
    resolution       the answer is found when what fails is at most so much above what holds (0.05: 5 %), or one above it
    factor           of one level to the next, while none has failed
    tries            so often has a level to fail to be believed

    best      the highest level that held, and was not refuted since
    ceiling   the lowest that failed; None: none has
    outcome   FOUND: best held twice, the second time in SUSTAIN; NONE: not even the lowest holds; UNSTABLE: levels that held
              failed as they were tried again, over and over; None: not over
    """

    def __init__(self, lowest: int, highest: int, resolution: float, factor: float = 2.0, tries: int = 2) -> None:
        if not 1 <= lowest <= highest:
            raise ValueError(f"levels from {lowest} to {highest}: expected 1 or more, and the first not above the last")
        if not 0 < resolution < 1 or factor <= 1 or tries < 1:
            raise ValueError("expected a resolution between 0 and 1, a factor above 1, one try or more")
        self.lowest, self.highest, self.resolution, self.factor, self.tries = lowest, highest, resolution, factor, tries
        self.best: Optional[int] = None
        self.ceiling: Optional[int] = None
        self.outcome: Optional[str] = None
        self.refuted = 0
        self._held: List[int] = []
        self._step: Optional[Step] = Step(RAMP_UP, lowest, 1)

    def step(self) -> Optional[Step]:
        """What to try now; None: it is over."""
        return self._step

    def tell(self, holds: bool) -> None:
        """How the step went."""
        step = self._step
        if step is None:
            raise ValueError("the search is over")
        if not holds and step.attempt < self.tries:
            self._step = Step(step.stage, step.level, step.attempt + 1)
        elif holds:
            self._held_at(step)
        else:
            self._failed_at(step)

    def _held_at(self, step: Step) -> None:
        if step.stage == SUSTAIN:
            self._end(FOUND)
            return
        self._held.append(step.level)
        self.best = step.level
        self._go()

    def _failed_at(self, step: Step) -> None:
        self.ceiling = step.level
        if step.stage == SUSTAIN:  # it had held: the truth is below
            self.refuted += 1
            self._held.remove(step.level)
            self.best = max(self._held, default=None)
            if self.refuted >= REFUTED_MAX and self.best is not None:
                self._end(UNSTABLE)
                return
        if self.best is None:
            self._end(NONE)
        else:
            self._go()

    def _go(self) -> None:
        """On from best, which is there."""
        best = self.best
        assert best is not None
        if self.ceiling is None:
            if best < self.highest:
                self._step = Step(RAMP_UP, min(self.highest, max(best + 1, round(best * self.factor))), 1)
                return
        elif self.ceiling - best > 1 and self.ceiling > best * (1 + self.resolution):
            middle = round(math.sqrt(best * self.ceiling))
            self._step = Step(SEEK, min(max(middle, best + 1), self.ceiling - 1), 1)
            return
        self._step = Step(SUSTAIN, best, 1)

    def _end(self, outcome: str) -> None:
        self.outcome, self._step = outcome, None
