"""The commands of configuration by their table (methods.json, made of the engine's own): reads their text, as the CLI does,
into calls of methods, and checks what these are given. No engine is needed."""
from __future__ import annotations

import functools
import json
import pathlib
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .plan_check import Problem, Schema, Where, either, expected, problems, resolved, shown

LINE_MAX = 4096
Words = Sequence[Tuple[str, bool]]  # text, was it in quotes


class CommandError(ValueError):
    """A line that is no command of configuration, or has wrong values."""


@dataclass(frozen=True)
class Call:
    """A method with its parameters; where it comes from in a plan (of a parameter: params_where)."""

    method: str
    params: Mapping[str, Any]
    where: Where = ()


@dataclass(frozen=True)
class Form:
    """How a command is written: its words, keywords with how many values follow, flags, and parameters without keyword."""

    method: str
    path: Sequence[str]
    fixed: Sequence[str]
    keywords: Mapping[str, int]
    flags: Sequence[str]
    bare: Sequence[str]
    text: str = field(compare=False, default="")


@functools.lru_cache(maxsize=None)
def table() -> Dict[str, Any]:
    """methods.json, with words for people."""
    found: Dict[str, Any] = json.loads((pathlib.Path(__file__).with_name("methods.json")).read_text(encoding="utf-8"))
    schemas = found["components"]["schemas"]
    schemas["address"]["$comment"] = "an address such as 10.0.0.1"
    schemas["addresses"]["$comment"] = "an address, or a range such as 10.0.0.1-10.0.0.9"
    return found


def param(method: str, name: str) -> Dict[str, Any]:
    """{"schema", "help", "needed"} of a parameter."""
    found: Dict[str, Any] = table()["methods"][method]["params"][name]
    return found


@functools.lru_cache(maxsize=None)
def forms() -> Tuple[Form, ...]:
    return tuple(form_of(method, m["form"], m["params"]) for method, m in table()["methods"].items())


def is_value(word: str) -> bool:
    return "<" in word or "|" in word


def form_of(method: str, text: str, params: Mapping[str, Any]) -> Form:
    """Out of the reference's line: set tests rate port <n> [open <n>|infinite]."""
    words = text.replace("[", "").replace("]", "").split()
    path: List[str] = []
    fixed: List[str] = []
    keywords: Dict[str, int] = {}
    flags: List[str] = []
    at = 0
    while at < len(words):
        word, name = words[at], words[at].replace("-", "_")
        at += 1
        if is_value(word):
            continue
        follows = words[at] if at < len(words) else ""
        if name in params and is_value(follows):
            keywords[word] = 2 if words[at:at + 2] in (["<ip>", "<ip>"], ["<port>", "<port>"]) else 1
            at += keywords[word]
        elif name in params:
            flags.append(word)
        else:
            (fixed if keywords else path).append(word)
    named = {w.replace("-", "_") for w in [*keywords, *flags]}
    return Form(method, path, fixed, keywords, flags, [p for p in params if p not in named], text)


# ---- a line

def words_of(line: str) -> Words:
    """Words; a comment begins a word with '#', '!' or '//', quotes hold blanks together."""
    if len(line) > LINE_MAX:
        raise CommandError(f"{len(line)} characters, expected at most {LINE_MAX}")
    found: List[Tuple[str, bool]] = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
        elif line[at] in "#!" or line.startswith("//", at):
            break
        elif line[at] == '"':
            text, at = quoted(line, at + 1)
            found.append((text, True))
        else:
            end = next((i for i in range(at, len(line)) if line[i].isspace()), len(line))
            found.append((line[at:end], False))
            at = end
    return found


def quoted(line: str, at: int) -> Tuple[str, int]:
    text = ""
    while at < len(line) and line[at] != '"':
        at += line[at] == "\\" and line[at + 1:at + 2] in ('"', "\\")
        text += line[at]
        at += 1
    if at >= len(line):
        raise CommandError("a quote is not closed")
    return text, at + 1


def parse(line: str) -> Optional[Call]:
    """The call that a line of the CLI is; None for one that is empty. Raises CommandError."""
    words = words_of(line)
    if not words:
        return None
    left, depth = list(forms()), 0
    while depth < len(words):
        near = [f for f in left if len(f.path) > depth and f.path[depth].startswith(words[depth][0])]
        exact = [f for f in near if f.path[depth] == words[depth][0]]
        if not near:
            break
        left, depth = exact or near, depth + 1
    return best([f for f in left if len(f.path) <= depth], words, depth, next_words(left, depth))


def next_words(left: Sequence[Form], depth: int) -> List[str]:
    """Words that may stand behind depth others."""
    return sorted({w for f in left for w in (f.path[depth:depth + 1] or [*f.keywords, *f.fixed])})


def best(candidates: Sequence[Form], words: Words, depth: int, possible: Sequence[str]) -> Call:
    """Of forms whose words in front are there, that which takes the rest; else the error of that which comes furthest."""
    errors: List[Tuple[int, str]] = []
    for form in candidates:
        try:
            return Call(form.method, taken(form, words[depth:]))
        except Unfit as e:
            errors.append((e.at, str(e)))
    if max(errors, default=(0, ""))[0] == 0:
        there = f"'{words[depth][0]}' given" if depth < len(words) else "nothing more given"
        raise CommandError(f"{there}, expected {either(list(possible))}" if depth > 0 else
                           f"'{words[0][0]}' is no command of configuration, expected {either(list(possible))}")
    raise CommandError(max(errors)[1])


class Unfit(Exception):
    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


def taken(form: Form, words: Words) -> Dict[str, Any]:
    """The parameters that words are; raises Unfit with how many were understood."""
    params: Dict[str, Any] = {}
    bare, fixed, at = list(form.bare), list(form.fixed), 0
    while at < len(words):
        text, in_quotes = words[at]
        word = None if in_quotes else keyword(form, fixed, params, text)
        if word in fixed:
            fixed.remove(str(word))
        elif word in form.flags:
            params[name_of(str(word))] = True
        elif word is not None:
            n = form.keywords[word]
            if at + n >= len(words):
                raise Unfit(f"{word}: nothing given, expected {wanted(form, name_of(word))}", at)
            values = [w for w, _ in words[at + 1:at + 1 + n]]
            params[name_of(word)] = value_of(form, name_of(word), values, at)
            at += n
        elif bare:
            name = bare.pop(0)
            params[name] = value_of(form, name, [text], at)
        else:
            raise Unfit(f"'{text}' is not understood, expected: {form.text}", at)
        at += 1
    missing = fixed + [p for p, d in table()["methods"][form.method]["params"].items() if d["needed"] == "yes" and p not in params]
    if missing:
        raise Unfit(f"{missing[0].replace('_', '-')} is missing, expected: {form.text}", at)
    lacks = lacking(form.method, params)
    if lacks:
        raise Unfit(lacks, at)
    return params


def lacking(method: str, params: Mapping[str, Any]) -> str:
    some = [p for p, d in table()["methods"][method]["params"].items() if d["needed"] == "some"]
    return f"expected at least one of {either(some)}" if some and not set(some) & set(params) else ""


def name_of(word: str) -> str:
    return word.replace("-", "_")


def keyword(form: Form, fixed: Sequence[str], params: Mapping[str, Any], text: str) -> Optional[str]:
    """The keyword, flag or word that text is or abbreviates, of those that were not given yet."""
    left = [*fixed, *(w for w in [*form.keywords, *form.flags] if name_of(w) not in params)]
    if text in left:
        return text
    near = [w for w in left if w.startswith(text)]
    return near[0] if len(near) == 1 and not form.bare else None


def wanted(form: Form, name: str) -> str:
    return expected(param(form.method, name)["schema"], table())


def value_of(form: Form, name: str, texts: Sequence[str], at: int) -> Any:
    """Texts as JSON has the parameter; raises Unfit if it is none."""
    schema = resolved(param(form.method, name)["schema"], table())
    value: Any = texts[0]
    if len(texts) == 2:
        value = {"first": number_or_text(texts[0]), "last": number_or_text(texts[1])}
    elif not texts_only(schema):
        value = number_or_text(texts[0])
    elif "enum" in schema:
        near = [w for w in schema["enum"] if w.startswith(value)]
        value = value if value in near or len(near) != 1 else near[0]
    wrong = next(problems(value, schema, table()), None)
    if wrong is not None:
        raise Unfit(f"{name.replace('_', '-')}: {wrong.what}", at + 1)
    return value


def texts_only(schema: Schema) -> bool:
    return schema.get("type") == "string"


def number_or_text(text: str) -> Any:
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if "_" not in text and text.strip("+-") == text and text.lower() not in ("inf", "nan", "infinity") else text
    return text


def call_problems(call: Call) -> Iterator[Problem]:
    """What is wrong with a call's parameters; the places are those of the call and the parameter."""
    params = table()["methods"][call.method]["params"]
    for name, value in call.params.items():
        if name not in params:
            yield Problem((*call.where, name), f"unknown, expected {either(list(params))}")
        elif value is not None:
            yield from problems(value, params[name]["schema"], table(), (*call.where, name))
    for name, of in params.items():
        if of["needed"] == "yes" and call.params.get(name) is None:
            yield Problem((*call.where, name), f"missing, expected {expected(of['schema'], table())}")
    lacks = lacking(call.method, {k: v for k, v in call.params.items() if v is not None})
    if lacks:
        yield Problem(call.where, f"{shown({})} given, {lacks}")
