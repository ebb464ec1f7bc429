"""A plan: what an engine is to do and what is expected of it, out of the structured form (YAML or JSON) or of a file of
commands; checked whole before anything is started."""
from __future__ import annotations

import dataclasses
import ipaddress
import os
import pathlib
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from . import plan_schema
from .plan_calls import ADDS, case_calls, imix_calls, port_calls
from .plan_check import Problem, Where, problems, shown
from .plan_commands import Call, CommandError, call_problems, parse
from .plan_read import Lines, ReadError, line_of, read_json, read_yaml
from .sampler import Key

SIZE_MAX = 4 << 20
TIMEOUT_S = 86400.0
SENDERS = ("add.tests.client", "add.tests.multicast_src")


class PlanError(ValueError):
    """A plan that is wrong: problems has the sentences, each with file, line where it is known, and place."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclasses.dataclass(frozen=True)
class CaseSpec:
    """A test case of a plan: its name in reports, what is expected of it, where it stands."""

    name: str
    port: int
    test_case_id: int
    expect: Mapping[str, Any]
    where: Where = ()

    @property
    def key(self) -> Key:
        return self.port, self.test_case_id


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done. engine: options of one to start (for LocalEngine), attach: the address of one that runs; calls
    configure it; start: ports in the order of their start; times in seconds; search: what warp17-search is told; locate() says where
    in the file a call is."""

    name: str
    description: str
    file: str
    format: str
    text: str
    engine: Mapping[str, Any]
    attach: Optional[str]
    calls: Sequence[Call]
    cases: Sequence[CaseSpec]
    start: Sequence[int]
    duration: float = 0
    warmup: float = 0
    interval: float = 1
    timeout: float = TIMEOUT_S
    expect: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    lines: Lines = dataclasses.field(default_factory=dict)
    search: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def ports(self) -> List[int]:
        """All that it configures."""
        return sorted({c.params["port"] for c in self.calls if "port" in c.params} | set(self.start))

    @property
    def groups(self) -> List[int]:
        """IMIX groups that it makes."""
        return [c.params["imix_id"] for c in self.calls if c.method == "add.tests.imix_id"]

    def locate(self, where: Where, what: str) -> str:
        return located(self.file, self.lines, Problem(where, what))

    def document(self) -> Dict[str, Any]:
        """The "plan" of a result document."""
        return {"name": self.name, "description": self.description, "file": self.file, "format": self.format, "text": self.text,
                "warmup_s": self.warmup, "duration_s": self.duration, "timeout_s": self.timeout}


def located(file: str, lines: Lines, problem: Problem) -> str:
    line = line_of(lines, problem.where)
    place = problem.path() if problem.where and not isinstance(problem.where[0], int) else ""
    return f"{file}{f':{line}' if line else ''}: {f'{place}: ' if place else ''}{problem.what}"


def read(path: Union[str, "os.PathLike[str]"]) -> Tuple[pathlib.Path, str]:
    """(the file, its text). Raises PlanError."""
    file = pathlib.Path(path)
    try:
        if file.stat().st_size > SIZE_MAX:
            raise PlanError([f"{file}: larger than {SIZE_MAX >> 20} MiB"])
        return file, file.read_text(encoding="utf-8")
    except OSError as e:
        raise PlanError([f"{file}: {e.strerror or e}"]) from e
    except UnicodeDecodeError as e:
        raise PlanError([f"{file}: not UTF-8: {e}"]) from e


def load(path: Union[str, "os.PathLike[str]"]) -> Plan:
    """Reads and checks: *.yaml, *.yml and *.json are plans, others files of commands. Raises PlanError."""
    file, text = read(path)
    suffix = file.suffix.lower()
    if suffix in (".yaml", ".yml", ".json"):
        return structured(text, str(file), json=suffix == ".json")
    return of_commands(text, str(file))


# ---- the structured form

def structured(text: str, file: str = "plan", json: bool = False) -> Plan:
    """A plan out of YAML or JSON."""
    try:
        data, lines = (read_json if json else read_yaml)(text)
    except ReadError as e:
        raise PlanError([f"{file}{f':{e.line}' if e.line else ''}: {e}"]) from e
    schema = plan_schema.schema()
    wrong = list(problems(data, schema, schema))
    if not wrong:
        plan = translated(data, text, file, lines)
        wrong = list(contradictions(data, plan))
        if not wrong:
            return plan
    raise PlanError([located(file, lines, p) for p in wrong])


def translated(data: Mapping[str, Any], text: str, file: str, lines: Lines) -> Plan:
    calls: List[Call] = []
    wrong: List[Problem] = []
    for i, port in enumerate(data.get("ports", ())):
        calls += port_calls(port, ("ports", i))
    calls += imix_calls(data.get("imix", ()))
    specs, ids = [], taken_ids(data)
    for i, case in enumerate(data.get("cases", ())):
        key = case["port"], case["id"] if "id" in case else next(n for n in range(99) if (case["port"], n) not in ids)
        ids.add(key)
        calls += case_calls(case, *key, ("cases", i))
        specs.append(CaseSpec(case.get("name", f"port {key[0]} test case {key[1]}"), *key, case.get("expect", {}), ("cases", i)))
    for i, line in enumerate(data.get("commands", ())):
        call = command(line, ("commands", i), wrong)
        if call is not None:
            calls.append(call)
    specs += unnamed(calls, {s.key for s in specs})
    wrong += [p for c in calls for p in call_problems(c)]
    if wrong:
        raise PlanError([located(file, lines, p) for p in wrong])
    return Plan(data["name"], data.get("description", ""), file, "plan", text, data.get("engine", {}), data.get("attach"), calls, specs,
                data.get("start") or start_order(calls), data.get("duration", 0), data.get("warmup", 0), data.get("interval", 1),
                data.get("timeout", TIMEOUT_S), data.get("expect", {}), lines, data.get("search", {}))


def taken_ids(data: Mapping[str, Any]) -> "set[Key]":
    return {(c["port"], c["id"]) for c in data.get("cases", ()) if "id" in c}


def contradictions(data: Mapping[str, Any], plan: Plan) -> Iterator[Problem]:
    """What no schema says: keys that exclude each other, names and numbers that are there twice, ports that are not."""
    if "engine" in data and "attach" in data:
        yield Problem(("attach",), "given beside engine, expected one of them")
    seen: Dict[Any, Where] = {}
    for spec in plan.cases:
        for what, value in (("id", spec.key), ("name", spec.name)):
            if (what, value) in seen:
                yield Problem((*spec.where, what), f"{shown(value if what == 'name' else spec.test_case_id)} is another test case's")
            seen[what, value] = spec.where
    groups = [g["id"] for g in data.get("imix", ())]
    for i, group in enumerate(groups):
        if group in groups[:i]:
            yield Problem(("imix", i, "id"), f"{group} is another group's")
    yield from unfit(data, plan)
    yield from of_plan(plan)


def unfit(data: Mapping[str, Any], plan: Plan) -> Iterator[Problem]:
    """Parts that do not go together, by what the engine would say of them."""
    for i, case in enumerate(data.get("cases", ())):
        side = next(s for s in plan_schema.SIDES if s in case)
        criterion = next((k for k in case.get("criterion", ()) if k != "within"), "")
        if criterion.startswith("clients") and side == "server" or criterion == "servers-up" and side != "server":
            yield Problem(("cases", i, "criterion", criterion), f"given for a {side}, expected another criterion")
        if side == "server" and ("rates" in case or "timeouts" in case):
            yield Problem(("cases", i, "rates" if "rates" in case else "timeouts"), "given for a server, expected at a client")
        if side != "client" and "response_times" in case:
            yield Problem(("cases", i, "response_times"), f"given for a {side}, expected at a client")
        if case[side].get("proto") == "udp" and "http" in case[side]:
            yield Problem(("cases", i, side, "http"), "given over UDP, expected over TCP")
    started = data.get("start")
    for spec in plan.cases:
        if started is not None and spec.port not in started:
            yield Problem(("start",), f"port {spec.port} is missing, of which there are test cases")
    if started is not None and len(set(started)) != len(started):
        yield Problem(("start",), "a port is there twice")


def of_plan(plan: Plan) -> Iterator[Problem]:
    """Of plans and files of commands alike."""
    if not plan.cases:
        yield Problem(("cases",) if plan.format == "plan" else (), "no test case, expected at least one")
    for call in plan.calls:
        for name in ("src", "dest"):
            if name in call.params and (wrong := bad_range(call.params[name])):
                yield Problem((*call.where, name), wrong)
    n = 2 * int(plan.engine.get("ring_if_pairs", 0))
    if n and "tap_ifs" not in plan.engine and "eal" not in plan.engine:
        for call in plan.calls:
            if call.params.get("port", 0) >= n:
                yield Problem(port_of(call, plan.lines), f"{call.params['port']} given, expected 0..{n - 1}: the engine has {n} ports")
                break


def port_of(call: Call, lines: Lines) -> Where:
    """Where the port of a call is said."""
    around = [(*call.where[:n], "port") for n in range(len(call.where), 0, -1)]
    return next((w for w in around if w in lines), call.where)


def bad_range(value: Any) -> str:
    """Why it is no range of addresses."""
    ends = [value["first"], value["last"]] if isinstance(value, dict) else value.split("-") if isinstance(value, str) else []
    try:
        first, last = (int(ipaddress.ip_address(a)) for a in (ends * 2 if len(ends) == 1 else ends))
    except ValueError:
        return f"{value if isinstance(value, str) else '-'.join(ends)!r} given, expected an address, or a range such as 10.0.0.1-10.0.0.9"
    return "" if first <= last else f"{'-'.join(ends)} given, expected the lower address first"


# ---- commands

def command(line: str, where: Where, wrong: List[Problem]) -> Optional[Call]:
    """The call that a line is; what is wrong with it is added to wrong."""
    try:
        call = parse(line)
    except CommandError as e:
        wrong.append(Problem(where, str(e)))
        return None
    if call is not None and call.method in ("start.tests", "stop.tests"):
        wrong.append(Problem(where, "starts and stops are the key start's, expected configuration"))
        return None
    return call and dataclasses.replace(call, where=where)


def of_commands(text: str, file: str = "commands") -> Plan:
    """A plan out of commands, as show config prints them, with start tests at their end; without those, the ports that have
    servers come first."""
    wrong: List[Problem] = []
    calls: List[Call] = []
    start: List[int] = []
    lines: Lines = {}
    for n, line in enumerate(text.splitlines(), 1):
        lines[(n,)] = n
        try:
            call = parse(line)
        except CommandError as e:
            wrong.append(Problem((n,), str(e)))
            continue
        if call is None:
            continue
        if call.method == "start.tests":
            start.append(call.params["port"])
        elif call.method == "stop.tests" or start:
            wrong.append(Problem((n,), "a command behind start tests, expected nothing but other starts"))
        else:
            calls.append(dataclasses.replace(call, where=(n,)))
    plan = Plan(pathlib.Path(file).stem, "", file, "commands", text, {}, None, calls, unnamed(calls, set()),
                list(dict.fromkeys(start)) or start_order(calls), lines=lines)
    wrong += of_plan(plan)
    wrong += [Problem(c.where, f"port {c.port} is not started, of which there is a test case") for c in plan.cases if c.port not in plan.start]
    if wrong:
        raise PlanError([located(file, lines, Problem(p.where[:1], p.what)) for p in wrong])
    return plan


def unnamed(calls: Sequence[Call], known: "set[Key]") -> List[CaseSpec]:
    """Test cases that commands add."""
    there: Dict[Key, CaseSpec] = {}
    for c in calls:
        if c.method == "del.tests":
            there.pop((c.params["port"], c.params["test_case_id"]), None)
        elif c.method in ADDS:
            key = c.params["port"], c.params["test_case_id"]
            if key not in known:
                there[key] = CaseSpec(f"port {key[0]} test case {key[1]}", *key, {}, c.where)
    return list(there.values())


def start_order(calls: Sequence[Call]) -> List[int]:
    """Ports with test cases, those with servers first."""
    ports = [(c.method != "add.tests.server", c.params["port"]) for c in calls if c.method in ADDS]
    return list(dict.fromkeys(p for _, p in sorted(ports)))


# ---- an engine for it

def engine_options(plan: Plan) -> Tuple[List[str], List[str], Dict[str, Any]]:
    """(arguments of the engine, of the EAL, options) with which it is started: what the plan says; without ports of its own,
    pairs of rings; without pools of its own, pools for its sessions."""
    options = {k: v for k, v in plan.engine.items() if k not in ("eal", "args")}
    args, eal = list(plan.engine.get("args", ())), list(plan.engine.get("eal", ()))
    given = {a.split("=")[0].lstrip("-").replace("-", "_") for a in args} | set(options)
    if not eal and not {"ring_if_pairs", "tap_ifs"} & given:
        options["ring_if_pairs"] = max(plan.ports, default=1) // 2 + 1
    for proto, option in (("tcp", "tcb_pool_sz"), ("udp", "ucb_pool_sz")):
        if option not in given:
            options[option] = pool(plan, proto)
    return args, eal, options


def pool(plan: Plan, proto: str) -> int:
    """In 1024: both ends of each session may be here, and some are in TIME-WAIT."""
    n = sum(sessions(c.params) for c in plan.calls if c.method in SENDERS and c.params["proto"] == proto)
    return min(4194303, 2 * n // 1024 * 17 // 16 + 16)


def sessions(params: Mapping[str, Any]) -> int:
    n = 1
    for name in ("src", "sport", "dest", "dport"):
        value = params[name]
        ends = [value["first"], value["last"]] if isinstance(value, dict) else str(value).split("-")
        low, high = (int(ipaddress.ip_address(e)) if name in ("src", "dest") else int(e) for e in (ends[0], ends[-1]))
        n *= max(1, high - low + 1)
    return n
