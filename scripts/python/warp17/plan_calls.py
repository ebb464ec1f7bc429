"""What parts of a plan's structured form are as calls of the engine's methods."""
from __future__ import annotations

import ipaddress
from typing import Any, Dict, Iterator, Mapping, Sequence

from . import plan_schema
from .plan_check import Where
from .plan_commands import Call, table
from .response_times import METHOD as TIMES

ADDS = {"add.tests.server": "server", "add.tests.client": "client", "add.tests.multicast_src": "multicast"}


def port_calls(port: Mapping[str, Any], where: Where) -> Iterator[Call]:
    n = port["port"]
    if "mtu" in port:
        yield Call("set.tests.mtu", {"port": n, "mtu": port["mtu"]}, (*where, "mtu"))
    for i, interface in enumerate(port.get("interfaces", ())):
        yield Call("add.tests.l3_intf", {"port": n, **interface, **masked(interface)}, (*where, "interfaces", i))
    if "gateway" in port:
        yield Call("add.tests.l3_gw", {"port": n, "gw": port["gateway"]}, (*where, "gateway"))
    if "faults" in port:
        yield Call("set.tests.faults", {"port": n, **port["faults"]}, (*where, "faults"))


def masked(interface: Mapping[str, Any]) -> Dict[str, Any]:
    """10.0.0.1/24 as an address and its mask. What is none stays as it is, which is told of."""
    ip, slash, length = interface["ip"].partition("/")
    if not slash:
        return {}
    try:
        return {"ip": ip, "mask": str(ipaddress.ip_interface(interface["ip"]).netmask)}
    except ValueError:
        return {"mask": "255.255.255.255"}


def imix_calls(groups: Sequence[Mapping[str, Any]]) -> Iterator[Call]:
    index = 0
    for i, group in enumerate(groups):
        side, first = ("client" if "client" in group else "server"), index
        for k, app in enumerate(group[side]):
            where = ("imix", i, side, k)
            yield from app_calls(f"set.tests.imix.{side}", side, app, {"app_index": index}, where)
            if "weight" in app:
                yield Call("set.tests.imix.weight", {"app_index": index, "weight": app["weight"]}, (*where, "weight"))
            index += 1
        yield Call("add.tests.imix_id", {"imix_id": group["id"], "app": list(range(first, index))}, ("imix", i))


def app_calls(method: str, side: str, of: Mapping[str, Any], whose: Mapping[str, int], where: Where) -> Iterator[Call]:
    """raw, http or echo of a side, whichever is there."""
    for word in ("raw", "http", "echo"):
        if word not in of:
            continue
        app = dict(of[word])
        fields = app.pop("fields", ())
        for name in table()["methods"][f"{method}.{word}"]["params"]:
            default = plan_schema.default_of(name)
            if word == "http" and default is not None:
                app.setdefault(*default)
        yield Call(f"{method}.{word}", {**whose, **app}, (*where, word))
        for i, line in enumerate(fields):
            yield Call(f"{method}.{word}.field", {**whose, "http_field": line}, (*where, word, "fields", i))


def case_calls(case: Mapping[str, Any], port: int, tcid: int, where: Where) -> Iterator[Call]:
    whose = {"port": port, "test_case_id": tcid}
    side = next(s for s in plan_schema.SIDES if s in case)
    of, at = case[side], (*where, side)
    ends = {k: v for k, v in of.items() if k in ("src", "sport", "dest", "dport")}
    method = next(m for m, s in ADDS.items() if s == side)
    yield Call(method, {"proto": of.get("proto", "udp"), **whose, **ends}, at)
    app_side = "server" if side == "server" else "client"
    yield from app_calls(f"set.tests.{app_side}", app_side, of, whose, at)
    if "imix" in of:
        yield Call("set.tests.imix", {**whose, "imix_id": of["imix"]}, (*at, "imix"))
    for key, method in (("rates", "rate"), ("timeouts", "timeouts"), ("tcp", "tcp_options"), ("ipv4", "ipv4_options"),
                        ("vlan", "vlan_options"), ("latency", "latency")):
        if key in case:
            yield Call(f"set.tests.{method}", {**whose, **case[key]}, (*where, key))
    if "response_times" in case:
        yield Call(TIMES, {**whose, "from": case["response_times"]}, (*where, "response_times"))
    if "criterion" in case:
        within = case["criterion"].get("within")
        word, count = next((k, v) for k, v in case["criterion"].items() if k != "within")
        yield Call("set.tests.criteria", {**whose, "criterion": word, criterion_count(): count, "within": within}, (*where, "criterion"))
    if "async" in case:
        yield Call("set.tests.async" if case["async"] else "set.tests.noasync", whose, (*where, "async"))


def criterion_count() -> str:
    return plan_schema.table_name("set.tests.criteria", "integer")
