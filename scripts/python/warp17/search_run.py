"""A search from its first level to its document: steps of search.py, tried by levels.py, within a time."""
from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from . import __version__
from .client import Warp17
from .errors import Warp17Error
from .kpi import DEVICE, GENERATOR, UNITS, Criteria
from .levels import Levels, OutOfTime, Result
from .search import FOUND, NONE, SUSTAIN, UNSTABLE, Search, Step
from .search_load import Load

SCHEMA = "warp17-search/2.0"
TIME, INTERRUPTED, FAULT = "time", "interrupted", "fault"
EXIT_CODES: Mapping[str, int] = {FOUND: 0, NONE: 1, UNSTABLE: 2, FAULT: 2, TIME: 5, INTERRUPTED: 130}
ASKED = "asked"  # the limit where the highest level held
Document = Dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a search is told beside the load and the criteria: levels, and seconds.

    lowest, highest, resolution, factor, tries  search.Search's
    ramp_s, warm_up_s  before a level's window: connections open, and go on
    sustain_s  window of a level
    confirm_s  window of a level in the search's sustain stage
    max_time_s of all
    """

    lowest: int
    highest: int
    resolution: float = 0.05
    factor: float = 2.0
    tries: int = 2
    ramp_s: float = 1.0
    warm_up_s: float = 1.0
    sustain_s: float = 5.0
    confirm_s: float = 10.0
    max_time_s: float = 1800.0


class Progress:
    """What is told while it goes on; the command line's are in search_cli.py."""

    def phase(self, step: Step, phase: str) -> None:
        """A phase of a step begins."""

    def tried(self, step: Step, result: Result) -> None:
        """A step is over."""


class Run:
    """One search on an engine that is there. run() makes the document, whatever happens but what ends Python."""

    def __init__(self, w: Warp17, load: Load, criteria: Criteria, plan: Plan, progress: Optional[Progress] = None) -> None:
        self._w, self._load, self._criteria, self._plan = w, load, criteria, plan
        self._progress = progress or Progress()
        self._search = Search(plan.lowest, plan.highest, plan.resolution, plan.factor, plan.tries)
        self._tried: List[Tuple[Step, Result]] = []
        self._step = Step("", plan.lowest, 1)
        self.error: Optional[Warp17Error] = None

    def run(self) -> Document:
        """The document; its exit_code is the tool's. error is what ended it, where an engine did."""
        started, began = time.time(), time.monotonic()
        outcome = self._go(began + self._plan.max_time_s)
        return self._document(outcome, started, time.monotonic() - began)

    def _go(self, deadline: float) -> str:
        levels = Levels(self._w, self._load, self._criteria, self._plan.ramp_s, self._plan.warm_up_s,
                        lambda phase: self._progress.phase(self._step, phase), deadline)
        try:
            try:
                self._load.prepare(self._w)
                while (step := self._search.step()) is not None:
                    self._try(levels, step)
            finally:
                self._load.close(self._w)
        except OutOfTime:
            return TIME
        except KeyboardInterrupt:
            return INTERRUPTED
        except Warp17Error as e:
            self.error = e
            return FAULT
        assert self._search.outcome is not None
        return self._search.outcome

    def _try(self, levels: Levels, step: Step) -> None:
        self._step = step
        result = levels.try_level(step.level, self._plan.confirm_s if step.stage == SUSTAIN else self._plan.sustain_s)
        self._tried.append((step, result))
        self._progress.tried(step, result)
        self._search.tell(result.verdict.holds)

    # ---- the document

    def _document(self, outcome: str, started: float, seconds: float) -> Document:
        code = EXIT_CODES[outcome]
        if self.error is not None and self.error.exit_code not in (0, 1):
            code = self.error.exit_code
        return {
            "schema": SCHEMA, "tool": {"name": "warp17-search", "version": __version__},
            "started": round(started, 3), "ended": round(started + seconds, 3), "duration_s": round(seconds, 3),
            "outcome": outcome, "exit_code": code, "error": None if self.error is None else self.error.message,
            "goal": self._load.goal, "unit": UNITS[self._load.goal], "search": asdict(self._plan), "criteria": asdict(self._criteria),
            **self._load.document(),
            "result": self._found(outcome), "levels": [level(n, *t) for n, t in enumerate(self._tried, 1)]}

    def _found(self, outcome: str) -> Optional[Document]:
        """The best level, by its last try; where it was not tried in SUSTAIN with success it is not confirmed."""
        limit, why = self._limit()
        best = self._search.best
        held = [(s, r) for s, r in self._tried if s.level == best and r.verdict.holds]
        if best is None or not held:
            return None if not self._tried else {"level": None, "value": None, "confirmed": False, "limit": limit, "limit_reason": why,
                                                 "lowest_failing": self._search.ceiling, "kpis": None}
        last = held[-1][1]
        return {"level": best, "value": last.value, "confirmed": outcome == FOUND, "limit": limit, "limit_reason": why,
                "lowest_failing": self._search.ceiling, "kpis": last.kpis}

    def _limit(self) -> Tuple[Optional[str], str]:
        """Whose it is: the device's when all tries of the lowest level that failed say so."""
        ceiling = self._search.ceiling
        if ceiling is None:
            return (ASKED, "the highest level held") if self._search.best == self._plan.highest else (None, "no level was seen to fail")
        failed = [r.verdict for s, r in self._tried if s.level == ceiling and not r.verdict.holds]
        by = next((v for v in failed if v.limit == GENERATOR), failed[-1])
        return by.limit or DEVICE, by.reason


def level(n: int, step: Step, result: Result) -> Document:
    """A row of the document's levels."""
    asked, verdict = result.asked, result.verdict
    return {"n": n, "stage": step.stage, "level": step.level, "attempt": step.attempt, "asked_per_second": round(asked.per_second, 3),
            "sessions": asked.sessions, "holds": verdict.holds, "limit": verdict.limit, "reason": verdict.reason, "value": result.value,
            "seconds": round(result.seconds, 3), "kpis": result.kpis}
