"""A plan of warp17-run as what a search offers: its test cases as they are, but for the rates of its clients, among which a level
is shared, and for their criteria and timeouts, so that they go on for as long as the level does."""
from __future__ import annotations

import contextlib
import math
from typing import Any, Dict, List, Mapping, Optional, Sequence

from .client import Warp17
from .errors import Refused, Warp17Error
from .kpi import CONCURRENT, CONNECTIONS, Asked, Where
from .plan import Plan, sessions
from .plan_commands import Call
from .response_times import METHOD, OFF, REQUEST
from .runner import clear, configured, groups_of, mtus, stop_running
from .sampler import Key
from .search_load import FOREVER_S, Load, Unfit, measured_from


def key(call: Call) -> Optional[Key]:
    """Whose it is: a test case's, else None."""
    p = call.params
    return (p["port"], p["test_case_id"]) if "test_case_id" in p else None


class PlanLoad(Load):
    """goal: of kpi.GOALS but CONCURRENT. Unfit for a plan without clients that can be paced by it."""

    def __init__(self, plan: Plan, goal: str) -> None:
        self.plan, self.goal, self.order = plan, goal, list(plan.start)
        kinds = {key(c): c.method for c in plan.calls if c.method in ("add.tests.client", "add.tests.server", "add.tests.multicast_src")}
        clients = [c.key for c in plan.cases if kinds.get(c.key) == "add.tests.client"]
        servers = [c.key for c in plan.cases if kinds.get(c.key) == "add.tests.server"]
        if goal == CONCURRENT:
            raise Unfit(f"{plan.file}: --goal concurrent takes no plan: its levels are numbers of sessions")
        if not clients:
            raise Unfit(f"{plan.file}: no client test case, expected one to offer load")
        self._sessions = {key(c): sessions(c.params) for c in plan.calls if c.method == "add.tests.client"}
        self._untold = {k: self._measured_from(k) for k in clients if not self._of(k, METHOD) and self._answered(k)}
        timed = [k for k in clients if k in self._untold or any(p["from"] != OFF for p in self._of(k, METHOD)[-1:])]
        self.where = Where(clients, servers, goal == CONNECTIONS and all(self._requests(k) == 1 for k in clients), timed)
        self._shares = self._shared(clients)
        self._acquired: List[int] = []
        self._mtus: Dict[int, int] = {}
        self._groups: List[int] = []

    def _of(self, whose: Key, method: str) -> List[Mapping[str, Any]]:
        return [c.params for c in self.plan.calls if key(c) == whose and c.method.startswith(method)]

    def _measured_from(self, whose: Key) -> str:
        """Of a client of which the plan does not say so."""
        return measured_from(self.goal) if self._of(whose, "add.tests.client")[0]["proto"] == "tcp" else REQUEST

    def _answered(self, whose: Key) -> bool:
        """Else there is nothing to measure, and the engine does not start what is told to."""
        raw = self._of(whose, "set.tests.client.raw")
        return not raw or bool(raw[-1]["data_req_plen"] and raw[-1]["data_resp_plen"])

    def _requests(self, whose: Key) -> Optional[int]:
        return next((p["requests"] for p in self._of(whose, "set.tests.client.") if "requests" in p), None)

    def _shared(self, clients: Sequence[Key]) -> Dict[Key, float]:
        """Parts of a level: in proportion to the plan's rates where all have one, else to sessions."""
        name = "open" if self.goal == CONNECTIONS else "send"
        rates = {k: next((p[name] for p in reversed(self._of(k, "set.tests.rate")) if p.get(name) is not None), None) for k in clients}
        weights = {k: float(v) if isinstance(v, int) else 0.0 for k, v in rates.items()}
        if not all(weights.values()):
            weights = {k: float(self._sessions[k]) for k in clients}
        return {k: v / sum(weights.values()) for k, v in weights.items()}

    def prepare(self, w: Warp17) -> None:
        self._mtus = there = mtus(w)
        for p in self.plan.ports:
            if p not in there:
                raise Unfit(f"{self.plan.file}: port {p}: the engine has ports {', '.join(map(str, there))}")
            w.acquire(p)
            self._acquired.append(p)
            if configured(w, p):
                self._acquired.remove(p)
                w.release(p)
                raise Refused(f"port {p} of the engine has a configuration already: take it away")
        others = groups_of(w)
        self._groups = [g for g in self.plan.groups if g not in others]
        self._tell(w, [c for c in self.plan.calls if key(c) is None])

    def _tell(self, w: Warp17, calls: Sequence[Call]) -> None:
        for call in calls:
            try:
                w.call(call.method, **call.params)
            except Warp17Error as e:
                if e.exit_code not in (1, 2):
                    raise
                raise Unfit(self.plan.locate(call.where, e.message)) from e

    def make(self, w: Warp17, asked: Asked) -> None:
        self._tell(w, [c for c in self.plan.calls if key(c) is not None])
        for whose in self.where.clients:
            rate = max(1, math.ceil(asked.per_second * self._shares[whose]))
            if self.goal == CONNECTIONS:
                w.set_rates(*whose, open=rate)
                w.set_timeouts(*whose, downtime=0)
            else:
                w.set_rates(*whose, send=rate)
            w.set_criteria(*whose, "run-time", FOREVER_S)
            if whose in self._untold:
                w.set_response_times(*whose, self._untold[whose])
        for case in self.plan.cases:
            w.set_async(*case.key)

    def clean(self, w: Warp17) -> None:
        stop_running(w, self.order[::-1])
        for port in self.order:
            for t in w.status(port):
                w.delete_test(port, t.test_case_id)

    def close(self, w: Warp17) -> None:
        clear(w, self._acquired, self._groups, self._mtus)
        for port in self._acquired:
            with contextlib.suppress(Refused):
                w.release(port)
        self._acquired, self._groups = [], []

    def sessions(self, level: int) -> int:
        return sum(self._sessions[k] for k in self.where.clients)

    def document(self) -> Dict[str, Any]:
        return {"offer": None, "plan": {"name": self.plan.name, "file": self.plan.file, "text": self.plan.text}}
