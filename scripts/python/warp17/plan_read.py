"""Reads YAML or JSON and keeps on which line each key stands. YAML needs PyYAML; JSON needs nothing."""
from __future__ import annotations

import importlib
import json
import re
from typing import Any, Dict, List, Mapping, Tuple

from .plan_check import Where

Lines = Dict[Where, int]
BLANK = re.compile(r"[ \t\r\n]*")
DEPTH_MAX = 32


class ReadError(ValueError):
    """No YAML, or no JSON; line is from 1 on, 0 where it is not known."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def line_of(lines: Mapping[Where, int], where: Where) -> int:
    """Of the key, or of what it should be in; 0: not known."""
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where, 0)


# ---- JSON

def no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


class Json:
    """A parser that knows where it is; the standard library's does not tell."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: Lines = {}
        self.decoder = json.JSONDecoder(parse_constant=no_number)

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def skip(self, at: int) -> int:
        found = BLANK.match(self.text, at)
        assert found is not None
        return found.end()

    def fail(self, what: str, at: int) -> ReadError:
        there = self.text[at:at + 12].split("\n")[0] or "the end of the file"
        return ReadError(f"{there!r} found, expected {what}", self.line(at))

    def take(self, char: str, at: int, what: str) -> int:
        if self.text[at:at + 1] != char:
            raise self.fail(what, at)
        return self.skip(at + 1)

    def value(self, at: int, where: Where) -> Tuple[Any, int]:
        """The value that begins at, and where what follows it begins."""
        if len(where) > DEPTH_MAX:
            raise ReadError(f"deeper than {DEPTH_MAX}", self.line(at))
        self.lines.setdefault(where, self.line(at))
        char = self.text[at:at + 1]
        if char == "{":
            return self.object(at, where)
        if char == "[":
            return self.array(at, where)
        return self.scalar(at)

    def scalar(self, at: int) -> Tuple[Any, int]:
        try:
            value, end = self.decoder.raw_decode(self.text, at)
        except json.JSONDecodeError as e:
            raise self.fail("a value", e.pos) if e.msg == "Expecting value" else ReadError(e.msg, self.line(e.pos)) from None
        except ValueError as e:
            raise ReadError(str(e), self.line(at)) from None
        return value, self.skip(end)

    def object(self, at: int, where: Where) -> Tuple[Dict[str, Any], int]:
        found: Dict[str, Any] = {}
        at = self.skip(at + 1)
        while self.text[at:at + 1] != "}":
            if found:
                at = self.take(",", at, "',' or '}'")
            if self.text[at:at + 1] != '"':
                raise self.fail("a key in quotes", at)
            line = self.line(at)
            key, at = self.scalar(at)
            if key in found:
                raise ReadError(f"{key} is there twice", line)
            self.lines[(*where, key)] = line
            at = self.take(":", at, "':'")
            found[key], at = self.value(at, (*where, key))
        return found, self.skip(at + 1)

    def array(self, at: int, where: Where) -> Tuple[List[Any], int]:
        found: List[Any] = []
        at = self.skip(at + 1)
        while self.text[at:at + 1] != "]":
            if found:
                at = self.take(",", at, "',' or ']'")
            value, at = self.value(at, (*where, len(found)))
            found.append(value)
        return found, self.skip(at + 1)


def read_json(text: str) -> Tuple[Any, Lines]:
    """The data, and the line of each key. Raises ReadError."""
    reader = Json(text)
    value, end = reader.value(reader.skip(0), ())
    if end != len(text):
        raise reader.fail("nothing more", end)
    return value, reader.lines


# ---- YAML

def read_yaml(text: str) -> Tuple[Any, Lines]:
    """The same of YAML: one document, without tags of Python's. Raises ReadError, also where there is no PyYAML."""
    try:
        yaml = importlib.import_module("yaml")
    except ImportError:
        raise ReadError("YAML needs PyYAML (apt-get install python3-yaml); a plan may be JSON instead") from None
    lines: Lines = {}
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        return (None if node is None else yaml_value(yaml, loader, node, (), lines)), lines
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        raise ReadError(str(e.problem or e.context), mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as e:
        raise ReadError(str(e).split("\n")[0]) from None


def yaml_value(yaml: Any, loader: Any, node: Any, where: Where, lines: Lines) -> Any:
    line = node.start_mark.line + 1
    if len(where) > DEPTH_MAX:  # an alias of itself too
        raise ReadError(f"deeper than {DEPTH_MAX}", line)
    lines.setdefault(where, line)
    if len(lines) > 100000:  # aliases of aliases
        raise ReadError("too large", line)
    if isinstance(node, yaml.SequenceNode):
        return [yaml_value(yaml, loader, v, (*where, i), lines) for i, v in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    found: Dict[str, Any] = {}
    for k, v in node.value:
        key = loader.construct_object(k) if isinstance(k, yaml.ScalarNode) else None
        if not isinstance(key, str):
            raise ReadError(f"{key!r} given as a key, expected a text", k.start_mark.line + 1)
        if key in found:
            raise ReadError(f"{key} is there twice", k.start_mark.line + 1)
        lines[(*where, key)] = k.start_mark.line + 1
        found[key] = yaml_value(yaml, loader, v, (*where, key), lines)
    return found
