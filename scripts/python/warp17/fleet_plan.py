"""The plan of a fleet: engines by name, each with its part in the form of warp17-run's plan, and what joins them. Checked whole
before any engine is spoken to."""
from __future__ import annotations

import os
import pathlib
import ssl
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from . import plan_schema
from .connection import address, token_in
from .fleet_sums import Network
from .plan import TIMEOUT_S, Plan, PlanError, contradictions, engine_options, located, pool, read, translated
from .plan_check import Problem, Where, problems
from .plan_read import Lines, ReadError, read_json, read_yaml

SCHEMA = "warp17-fleet/1.0"
ENGINES_MAX = 64
OF_PART = ("ports", "imix", "cases", "commands", "start")
NAME: Mapping[str, Any] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
                           "$comment": "a name of letters, digits, '.', '_' and '-', at most 64 of them"}
PORT: Mapping[str, Any] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}:[0-9]{1,2}$",
                           "$comment": "ENGINE:PORT, such as client:0"}


@dataclass(frozen=True)
class EngineSpec:
    """An engine of a fleet: where its RPC server is, or how it is started (part.engine), and what it has to do.

    attach      "HOST:PORT", "unix:PATH"; None: started on this machine
    token_file  a file with the token of a TCP server; None: none
    tls_ca      PEM of the authority by whom a TLS front before the server is known; None: no TLS
    """

    name: str
    part: Plan
    attach: Optional[str] = None
    token_file: Optional[str] = None
    tls_ca: Optional[str] = None

    def token(self) -> Optional[str]:
        """PlanError when the file cannot be had."""
        if self.token_file is None:
            return None
        try:
            return token_in(self.token_file)
        except ValueError as e:
            raise PlanError([f"{self.name}: token_file {e}"]) from e

    def tls(self) -> Optional[ssl.SSLContext]:
        """The same."""
        if self.tls_ca is None:
            return None
        try:
            return ssl.create_default_context(cafile=self.tls_ca)
        except (OSError, ssl.SSLError) as e:
            raise PlanError([f"{self.name}: tls_ca {self.tls_ca}: {e.strerror or e}"]) from e

    @property
    def servers(self) -> List[int]:
        """Ports that have nothing but servers: they start first."""
        senders = {c.params["port"] for c in self.part.calls if c.method in ("add.tests.client", "add.tests.multicast_src")}
        return [p for p in self.part.start if p not in senders]

    @property
    def clients(self) -> List[int]:
        """The others."""
        return [p for p in self.part.start if p not in self.servers]


@dataclass(frozen=True)
class FleetPlan:
    """What a fleet is to do; times in seconds. networks: what is compared at the end."""

    name: str
    description: str
    file: str
    text: str
    engines: Sequence[EngineSpec]
    networks: Sequence[Network]
    rounds: int
    duration: float
    warmup: float
    interval: float
    timeout: float
    expect: Mapping[str, Any]

    def document(self) -> Dict[str, Any]:
        """The "plan" of a result document."""
        return {"name": self.name, "description": self.description, "file": self.file, "format": "plan", "text": self.text,
                "warmup_s": self.warmup, "duration_s": self.duration, "timeout_s": self.timeout}


def schema() -> Dict[str, Any]:
    """JSON Schema of a fleet's plan, draft 2020-12: its parts are warp17-run's."""
    run = plan_schema.schema()
    of = run["properties"]
    engine = plan_schema.obj({
        "name": dict(NAME), "attach": of["attach"], "engine": of["engine"],
        "token_file": {"description": "A file with the token of the RPC server", **plan_schema.TEXT},
        "tls_ca": {"description": "PEM of the authority that the TLS front before the RPC server is known by", **plan_schema.TEXT},
        **{k: of[k] for k in OF_PART}}, ["name"])
    network = plan_schema.obj({
        "name": dict(NAME), "ports": {"type": "array", "minItems": 2, "items": dict(PORT)},
        "loss": {"description": "Packets that may be lost each way; any: a device under test stands between the ports",
                 "anyOf": [{"type": "integer", "minimum": 0}, {"const": "any"}]}}, ["ports"])
    top = {
        "schema": {"const": SCHEMA}, "name": of["name"], "description": of["description"],
        "engines": {"type": "array", "minItems": 1, "maxItems": ENGINES_MAX, "items": engine},
        "networks": {"description": "Ports that reach each other; all ports of all engines are one when left out", "type": "array",
                     "items": network},
        "clock_rounds": {"description": "Round trips by which a clock is measured", "type": "integer", "minimum": 1, "maximum": 1000},
        **{k: of[k] for k in ("duration", "warmup", "interval", "timeout", "expect")}}
    return {"$schema": run["$schema"], "$id": f"urn:{SCHEMA.replace('/', ':')}", "title": "A plan of warp17-fleet",
            **plan_schema.obj(top, ["schema", "name", "engines"]), "$defs": run["$defs"], "components": run["components"]}


def load(path: Union[str, "os.PathLike[str]"]) -> FleetPlan:
    """Reads and checks a plan, YAML or JSON by its name. Raises PlanError."""
    file, text = read(path)
    return parse(text, str(file), json=file.suffix.lower() == ".json")


def parse(text: str, file: str = "plan", json: bool = False) -> FleetPlan:
    """The same of a text. Files that a plan names are looked for beside it."""
    try:
        data, lines = (read_json if json else read_yaml)(text)
    except ReadError as e:
        raise PlanError([f"{file}{f':{e.line}' if e.line else ''}: {e}"]) from e
    of = schema()
    wrong = list(problems(data, of, of))
    if not wrong:
        wrong = list(twice(data))
    if wrong:
        raise PlanError([located(file, lines, p) for p in wrong])
    engines = [engine_of(e, ("engines", i), text, file, lines) for i, e in enumerate(data["engines"])]
    wrong = list(wrong_networks(data, engines))
    networks = [] if wrong else networks_of(data, engines)
    wrong += [*foreign_stamps(engines, networks), *copies(engines, networks)]
    if wrong:
        raise PlanError([located(file, lines, p) for p in wrong])
    return FleetPlan(data["name"], data.get("description", ""), file, text, engines, networks,
                     data.get("clock_rounds", 40), data.get("duration", 0), data.get("warmup", 0), data.get("interval", 1),
                     data.get("timeout", TIMEOUT_S), data.get("expect", {}))


def engine_of(data: Mapping[str, Any], where: Where, text: str, file: str, lines: Lines) -> EngineSpec:
    """One, with its part. PlanError."""
    part = {"schema": plan_schema.SCHEMA, "name": data["name"], **{k: data[k] for k in ("engine", "attach", *OF_PART) if k in data}}
    own = {at[len(where):]: line for at, line in lines.items() if at[:len(where)] == where}
    plan = translated(part, text, file, own)
    wrong = list(contradictions(part, plan)) + list(unreachable(data))
    if wrong:
        raise PlanError([located(file, lines, Problem((*where, *p.where), p.what)) for p in wrong])
    token, ca = (None if data.get(k) is None else str(pathlib.Path(file).parent / data[k]) for k in ("token_file", "tls_ca"))
    return EngineSpec(data["name"], plan, data.get("attach"), token, ca)


def unreachable(data: Mapping[str, Any]) -> Iterator[Problem]:
    """What is said of the way to an engine and does not fit together."""
    if "attach" not in data and "engine" not in data:
        yield Problem(("attach",), "missing, expected the address of an RPC server; or engine, the options of one to start here")
    try:
        local = "attach" not in data or isinstance(address(data["attach"]), str)
    except ValueError as e:
        yield Problem(("attach",), str(e))
        return
    for key in ("token_file", "tls_ca"):
        if key in data and local:
            yield Problem((key,), "given without HOST:PORT, expected at TCP alone")


def twice(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Names, and engines: the counters of one that is there twice would be added up twice."""
    for kind, key in (("engines", "name"), ("networks", "name"), ("engines", "attach")):
        values = [d.get(key) for d in data.get(kind, ())]
        for i, value in enumerate(values):
            if value is not None and value in values[:i]:
                yield Problem((kind, i, key), f"{value!r} is another one's")


def end_of(text: str) -> Tuple[str, int]:
    engine, _, port = text.rpartition(":")
    return engine, int(port)


def wrong_networks(data: Mapping[str, Any], engines: Sequence[EngineSpec]) -> Iterator[Problem]:
    there = {(e.name, p) for e in engines for p in e.part.start}
    seen: Dict[Tuple[str, int], int] = {}
    for i, n in enumerate(data.get("networks", ())):
        for k, text in enumerate(n["ports"]):
            end = end_of(text)
            if end not in there:
                known = ", ".join(f"{e}:{p}" for e, p in sorted(there))
                yield Problem(("networks", i, "ports", k), f"{text!r} given, expected a port with test cases: {known}")
            elif end in seen:
                yield Problem(("networks", i, "ports", k), f"{text!r} is there twice")
            seen[end] = i


def networks_of(data: Mapping[str, Any], engines: Sequence[EngineSpec]) -> List[Network]:
    if "networks" not in data:
        ports = [(e.name, p) for e in engines for p in e.part.start]
        return [Network("all", ports)] if len(ports) > 1 else []
    return [Network(n.get("name", f"network {i}"), [end_of(t) for t in n["ports"]], None if n.get("loss") == "any" else n.get("loss", 0))
            for i, n in enumerate(data["networks"])]


def foreign_stamps(engines: Sequence[EngineSpec], networks: Sequence[Network]) -> Iterator[Problem]:
    """Latencies that may be measured by the stamps of another engine, whose clock is another (doc/architecture.md)."""
    if len(engines) == 1:
        return
    own = {end for n in networks if len({e for e, _ in n.ports}) == 1 for end in n.ports}
    for i, e in enumerate(engines):
        ports = [p for p in e.part.start if (e.name, p) not in own]
        for c in e.part.calls:
            if c.params.get("rx_timestamp") and (c.params.get("port", ports[0] if ports else None) in ports):
                yield Problem(("engines", i, *c.where, "rx_timestamp"), "given where senders may be another engine's, whose stamps are of "
                              "another clock; expected both ends on one engine, in a network of its ports alone")


def copies(engines: Sequence[EngineSpec], networks: Sequence[Network]) -> Iterator[Problem]:
    """Packets that come to several ports of one network: what was sent is not what was received there."""
    shared = {end for n in networks if len(n.ports) > 2 for end in n.ports}
    for i, e in enumerate(engines):
        for c in e.part.calls:
            if c.method == "add.tests.multicast_src" and (e.name, c.params["port"]) in shared:
                yield Problem(("engines", i, *c.where), "multicast given on a port of a network of more than two, where a packet comes to several; "
                              "expected networks without that port (without networks all ports are one)")


def launch_options(spec: EngineSpec, fleet: FleetPlan) -> Tuple[List[str], List[str], Dict[str, Any]]:
    """(arguments of the engine, of the EAL, options) for one to start here: pools for the sessions of all engines, for a server does
    not know its clients'."""
    args, eal, options = engine_options(spec.part)
    for proto, option in (("tcp", "tcb_pool_sz"), ("udp", "ucb_pool_sz")):
        if option in options and option not in spec.part.engine:
            options[option] = max(pool(e.part, proto) for e in fleet.engines)
    return args, eal, options


