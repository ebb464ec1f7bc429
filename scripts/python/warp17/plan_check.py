"""Holds data against a JSON Schema, of which it knows the part that plans and the engine's methods need, and says what was
expected where. (python3-jsonschema is not of the standard library.)"""
from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Callable, Iterator, List, Mapping, Tuple

Schema = Mapping[str, Any]
Where = Tuple[Any, ...]  # keys and indices, from the top
TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict), "array": lambda v: isinstance(v, list), "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool), "null": lambda v: v is None,
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)}
SAYS = {"object": "keys with values", "array": "a list", "string": "a text", "boolean": "true or false", "null": "nothing",
        "integer": "a whole number", "number": "a number"}


@dataclass(frozen=True)
class Problem:
    """What is wrong at a place; path() says the place in words."""

    where: Where
    what: str

    def path(self) -> str:
        return dotted(self.where)


def dotted(where: Where) -> str:
    """("cases", 0, "port") as cases[0].port."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f"{'.' if text else ''}{step}"
    return text


def problems(value: Any, schema: Schema, root: Schema, where: Where = ()) -> Iterator[Problem]:
    """Everything that is wrong; nothing: it is good. root: what "$ref" is looked up in."""
    schema = resolved(schema, root)
    if not scalar_ok(value, schema):
        yield Problem(where, f"{shown(value)} given, expected {expected(schema, root)}")
    elif "anyOf" in schema:
        yield from of_any(value, schema, root, where)
    elif isinstance(value, dict):
        yield from of_object(value, schema, root, where)
    elif isinstance(value, list):
        yield from of_array(value, schema, root, where)


def resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        at: Any = root
        for step in schema["$ref"].lstrip("#/").split("/"):
            at = at[step]
        schema = at
    return schema


def scalar_ok(value: Any, schema: Schema) -> bool:
    """All but what is inside of an object or a list."""
    if "type" in schema and not TYPES[schema["type"]](value):
        return False
    if "const" in schema and value != schema["const"] or "enum" in schema and not any(same(value, v) for v in schema["enum"]):
        return False
    if TYPES["number"](value) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return False
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return False
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return False
        if schema.get("format") in ("ipv4", "ipv6") and not is_address(value, schema["format"]):
            return False
    return True


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def is_address(text: str, kind: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == int(kind[-1])
    except ValueError:
        return False


def of_any(value: Any, schema: Schema, root: Schema, where: Where) -> Iterator[Problem]:
    found: List[List[Problem]] = []
    for choice in schema["anyOf"]:
        found.append(list(problems(value, choice, root, where)))
        if not found[-1]:
            return
    inside = [f for f in found if all(len(p.where) > len(where) for p in f)]
    if inside:  # of that shape, but for what is in it
        yield from inside[0]
    else:
        yield Problem(where, f"{shown(value)} given, expected {expected(schema, root)}")


def of_object(value: Mapping[Any, Any], schema: Schema, root: Schema, where: Where) -> Iterator[Problem]:
    known = schema.get("properties", {})
    for key, v in value.items():
        if key in known:
            yield from problems(v, known[key], root, (*where, key))
        elif schema.get("additionalProperties") is False:
            yield Problem((*where, key), f"unknown key, expected {either(likely(str(key), list(known)))}")
    for key in schema.get("required", ()):
        if key not in value:
            yield Problem((*where, key), f"missing, expected {expected(known.get(key, {}), root)}")
    choices = [c["required"][0] for c in schema.get("oneOf", ())]
    there = [c for c in choices if c in value]
    if choices and len(there) != 1:
        yield Problem(where, f"{' and '.join(there) or 'none'} given, expected one of {either(choices)}")
    if len(value) < schema.get("minProperties", 0):
        yield Problem(where, f"nothing given, expected {either(list(known))}")


def of_array(value: List[Any], schema: Schema, root: Schema, where: Where) -> Iterator[Problem]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield Problem(where, f"{len(value)} given, expected {schema.get('minItems', 0)}..{schema.get('maxItems', '')}")
    for i, v in enumerate(value):
        yield from problems(v, schema.get("items", {}), root, (*where, i))


# ---- words

def expected(schema: Schema, root: Schema) -> str:
    """What a schema wants, for people; "$comment" says it where no other keyword does."""
    schema = resolved(schema, root)
    if "$comment" in schema:
        return str(schema["$comment"])
    if "anyOf" in schema:
        return either([expected(s, root) for s in schema["anyOf"]], quote=False)
    if "const" in schema or "enum" in schema:
        return either([schema["const"]] if "const" in schema else schema["enum"])
    if "minimum" in schema or "maximum" in schema:
        return f"{schema.get('minimum', '')}..{schema.get('maximum', '')}"
    if "format" in schema:
        return "an IPv4 address" if schema["format"] == "ipv4" else "an IPv6 address"
    if "maxLength" in schema:
        return f"a text of {schema.get('minLength', 0)}..{schema['maxLength']} characters"
    if "pattern" in schema:
        return f"a text as {schema['pattern']}"
    return SAYS.get(schema.get("type", ""), "something")


def either(words: List[Any], quote: bool = True) -> str:
    texts = [str(w) for w in words] if quote else words
    return " or ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)


def likely(key: str, known: List[str]) -> List[str]:
    """Those that may have been meant; all where they are few."""
    if len(known) <= 14:
        return known
    near = [k for k in known if k.startswith(key[:4]) or key[:4] in k]
    return (near or known)[:14]


def shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return SAYS["object" if isinstance(value, dict) else "array"]
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
