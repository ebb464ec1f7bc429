"""The JSON Schema of a plan. Bounds and words of commands are the engine's own (methods.json)."""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from . import metrics, search_options
from .plan_commands import param, table
from .response_times import METHOD as TIMES

SCHEMA = "warp17-plan/1.0"
SIDES = ("client", "server", "multicast")
CRITERIA = ("run-time", "servers-up", "clients-up", "clients-estab", "data-MB")
SECONDS: Mapping[str, Any] = {"type": "number", "minimum": 0, "maximum": 2000000}
TEXT: Mapping[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200}

# the engine's options that a plan names: bounds of numbers, None for a switch, "" for a text
OPTIONS: Mapping[str, Any] = {
    "ring_if_pairs": (0, 32), "tap_ifs": (0, 64), "tap_netns": "", "tcb_pool_sz": (1, 4194303), "ucb_pool_sz": (1, 4194303),
    "mbuf_pool_sz": (1, 65536), "mbuf_sz": (2176, 9344), "qmap_default": ("max-c", "max-q"), "sw_checksum": None, "mpool_any_sock": None}


def leaf(method: str, name: str) -> Dict[str, Any]:
    of = param(method, name)
    return {"description": of["help"], **of["schema"]}


def obj(properties: Mapping[str, Any], required: Sequence[str] = (), **more: Any) -> Dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(required), "additionalProperties": False, **more}


def leaves(method: str, names: Sequence[str], required: Sequence[str] = (), **more: Any) -> Dict[str, Any]:
    return obj({n: leaf(method, n) for n in names}, required, **more)


def options(method: str, **more: Any) -> Dict[str, Any]:
    """All parameters of a test case's command but whose it is."""
    names = [n for n in table()["methods"][method]["params"] if n not in ("port", "test_case_id", "app_index")]
    return leaves(method, names, minProperties=1, **more)


def one_of(*names: str) -> List[Dict[str, Any]]:
    return [{"required": [n]} for n in names]


def lines() -> Dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 4096}}


def apps(side: str) -> Dict[str, Any]:
    """raw, http, echo of a side; what has no default is needed."""
    raw = leaves(f"set.tests.{side}.raw", ("data_req_plen", "data_resp_plen", "requests", "rx_timestamp", "tx_timestamp"),
                 ("data_req_plen", "data_resp_plen"))
    names, needed = (("method", "host", "object", "req_size"), "host") if side == "client" else (("status", "resp_size"), "resp_size")
    http = leaves(f"set.tests.{side}.http", (*names, "requests"), (needed,))
    http["properties"]["fields"] = {"description": "Header fields, each a line", "type": "array",
                                    "items": leaf(f"set.tests.{side}.http.field", "http_field")}
    return {"raw": raw, "http": http, "echo": leaves(f"set.tests.{side}.echo", ("size", "requests"), ("size",))}


def side(name: str) -> Dict[str, Any]:
    """client, server or multicast: sessions and what they say."""
    method = "add.tests.multicast_src" if name == "multicast" else f"add.tests.{name}"
    names = ["src", "sport"] + (["dest", "dport"] if name != "server" else [])
    properties = {n: leaf(method, n) for n in names}
    of = apps("server" if name == "server" else "client")
    if name == "multicast":
        return obj({**properties, "raw": of["raw"]}, [*names, "raw"])
    imix = leaf("set.tests.imix", "imix_id")
    return obj({"proto": leaf(method, "proto"), **properties, **of, "imix": imix}, ["proto", *names], oneOf=one_of("raw", "http", "echo", "imix"))


def criterion() -> Dict[str, Any]:
    count = leaf("set.tests.criteria", table_name("set.tests.criteria", "integer"))
    return obj({**{c: count for c in CRITERIA}, "within": leaf("set.tests.criteria", "within")}, oneOf=one_of(*CRITERIA))


def table_name(method: str, kind: str) -> str:
    """The parameter of a criterion that is a number and has no keyword."""
    return next(str(n) for n, p in table()["methods"][method]["params"].items()
                if n not in ("port", "test_case_id", "within") and p["schema"].get("type") == kind)


def case() -> Dict[str, Any]:
    tc = "set.tests.timeouts"
    return obj({
        "name": {"description": "In reports; \"port P test case N\" when left out", **TEXT},
        "port": leaf(tc, "port"),
        "id": {"description": "Of the test case; the next of its port when left out", **leaf(tc, "test_case_id")},
        **{s: side(s) for s in SIDES},
        "criterion": criterion(), "rates": options("set.tests.rate"), "timeouts": options(tc),
        "async": {"description": "The next test case of the port does not wait for this one", "type": "boolean"},
        "tcp": options("set.tests.tcp_options"), "ipv4": options("set.tests.ipv4_options"),
        "vlan": options("set.tests.vlan_options", required=["vlan_id"]),
        "latency": options("set.tests.latency"),
        "response_times": {**leaf(TIMES, "from"), "description": "Of a client: times to the first and the last byte of responses, from when on"},
        "expect": expect([*metrics.OF_CASE, *(c for c in table()["counters"] if c not in metrics.OF_CASE)], "metrics and counters of the test case")},
        ["port"], oneOf=one_of(*SIDES))


def expect(names: Sequence[str], of: str) -> Dict[str, Any]:
    value = {"$ref": "#/$defs/expected"}
    return {"description": f"What must hold at the end beyond the criteria: {of}", **obj({n: value for n in names})}


def port() -> Dict[str, Any]:
    method = "add.tests.l3_intf"
    interface = obj({
        "ip": {"description": "Address, or address/prefix length", "type": "string", "pattern": r"^[0-9A-Fa-f.:]+(/[0-9]+)?$",
               "$comment": "an address such as 10.0.0.1, or 10.0.0.1/24"},
        "mask": leaf(method, "mask"), "vlan_id": leaf(method, "vlan_id"), "gw": leaf(method, "gw")}, ["ip"])
    return obj({"port": leaf(method, "port"), "mtu": leaf("set.tests.mtu", "mtu"), "gateway": leaf("add.tests.l3_gw", "gw"),
                "interfaces": {"type": "array", "items": interface}, "faults": options("set.tests.faults")}, ["port"])


def imix() -> Dict[str, Any]:
    """Groups; which side they are for their applications tell."""
    weight = leaf("set.tests.imix.weight", "weight")
    both = {s: {"type": "array", "minItems": 1, "maxItems": 16, "items": obj({"weight": weight, **apps(s)}, oneOf=one_of("raw", "http", "echo"))}
            for s in ("client", "server")}
    return obj({"id": leaf("add.tests.imix_id", "imix_id"), **both}, ["id"], oneOf=one_of("client", "server"))


def option(of: Any) -> Dict[str, Any]:
    if of is None:
        return {"type": "boolean"}
    if of == "":
        return dict(TEXT)
    return {"enum": list(of)} if isinstance(of[0], str) else {"type": "integer", "minimum": of[0], "maximum": of[1]}


def engine() -> Dict[str, Any]:
    words = {"type": "array", "items": {"type": "string", "minLength": 1}}
    return obj({**{n: option(of) for n, of in OPTIONS.items()},
                "eal": {"description": "Arguments of the EAL", **words},
                "args": {"description": "Options of the engine that have no key here, such as --qmap", **words}})


def schema() -> Dict[str, Any]:
    """Of a whole plan, draft 2020-12."""
    top: Dict[str, Any] = {
        "schema": {"const": SCHEMA},
        "name": dict(TEXT), "description": {"type": "string", "maxLength": 10000},
        "engine": {"description": "Options of an engine that is started for the plan and ended after it", **engine()},
        "attach": {"description": "The RPC server of an engine that runs: HOST:PORT or unix:PATH", "type": "string",
                   "pattern": "^(unix:/?.+|/.+|.+:[0-9]+)$", "$comment": "HOST:PORT, [ADDR6]:PORT or unix:PATH"},
        "ports": {"type": "array", "items": port()}, "imix": {"type": "array", "items": imix()},
        "cases": {"type": "array", "items": case()},
        "commands": {"description": "Of the CLI: what the other keys do not say; done after them", **lines()},
        "start": {"description": "Ports in the order in which they start; those with servers first when left out", "type": "array",
                  "items": leaf("start.tests", "port")},
        "duration": {"description": "Seconds that the tests run at least, beyond their criteria", **SECONDS},
        "warmup": {"description": "Seconds at the start of each test case that means leave out", **SECONDS},
        "interval": {"description": "Seconds between samples", "type": "number", "minimum": 0.1, "maximum": 3600},
        "timeout": {"description": "Seconds after which what is not over has failed", **SECONDS, "minimum": 1},
        "search": {"description": "Of warp17-search --plan, whose options are stronger; warp17-run does not look at it",
                   **obj(search_options.properties())},
        "expect": expect(list(metrics.OF_RUN), "metrics of all clients and ports together")}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{SCHEMA.replace('/', ':')}",
            "title": "A plan of warp17-run: an engine, its ports, its test cases, and what is expected of them",
            **obj(top, ["schema", "name"]), "$defs": {"expected": expected()}, "components": table()["components"]}


def expected() -> Dict[str, Any]:
    return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": metrics.EXPECTED}], "$comment": metrics.EXPECTED_SAYS}


def default_of(name: str) -> Optional[Tuple[str, Any]]:
    """Of an application's parameter that may be left out in a plan: what is sent then."""
    return {"method": ("method", "GET"), "object": ("object", "/"), "req_size": ("req_size", 0), "status": ("status", "200-OK")}.get(name)
