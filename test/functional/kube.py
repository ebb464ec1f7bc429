"""Kubernetes' own kinds as its client for Python describes them (python3-kubernetes: API 1.22): what a manifest may say. No cluster,
no kubectl."""
import re

import kubernetes.client.models as models

NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")


def group_of(api_version):
    """apps/v1: V1; batch/v1beta1: V1beta1."""
    version = api_version.rpartition("/")[2]
    return version[0].upper() + version[1:]


def wrong(manifest):
    """Sentences; none: the API would take it."""
    model = f"{group_of(manifest['apiVersion'])}{manifest['kind']}"
    if not hasattr(models, model):
        return [f"there is no kind {manifest['apiVersion']} {manifest['kind']}"]
    return list(check(model, manifest, manifest["kind"]))


def check(kind, value, where):
    """Sentences about a value that shall be of a kind of openapi_types: list[V1Volume], dict(str, str), V1Volume, str ..."""
    if kind.startswith("list["):
        yield from listed(kind[5:-1], value, where)
    elif kind.startswith("dict("):
        yield from mapped(kind[5:-1].partition(", ")[2], value, where)
    elif hasattr(models, kind):
        yield from fields(getattr(models, kind), value, where)
    elif kind in SCALARS and not SCALARS[kind](value):
        yield f"{where}: {value!r} given, expected {kind}"


SCALARS = {"str": lambda v: isinstance(v, str) or quantity(v), "int": lambda v: type(v) is int, "bool": lambda v: type(v) is bool,
           "float": lambda v: isinstance(v, (int, float))}


def quantity(v):
    """Of resources: numbers are as good as texts."""
    return isinstance(v, (int, float)) and type(v) is not bool


def listed(kind, value, where):
    if not isinstance(value, list):
        yield f"{where}: expected a list"
        return
    for i, v in enumerate(value):
        yield from check(kind, v, f"{where}[{i}]")


def mapped(kind, value, where):
    if not isinstance(value, dict):
        yield f"{where}: expected an object"
        return
    for k, v in value.items():
        if kind == "str" and where.endswith(("labels", "annotations", "matchLabels", "data")) and not isinstance(v, str):
            yield f"{where}.{k}: {v!r} given, expected a text"
        yield from check(kind, v, f"{where}.{k}")


def fields(cls, value, where):
    if not isinstance(value, dict):
        yield f"{where}: expected an object"
        return
    by_name = {name: field for field, name in cls.attribute_map.items()}
    for name, v in value.items():
        if name not in by_name:
            yield f"{where}: there is no {name}"
        elif v is not None:
            yield from check(cls.openapi_types[by_name[name]], v, f"{where}.{name}")
    try:  # what has to be there
        cls(**{by_name[name]: v for name, v in value.items() if name in by_name})
    except ValueError as e:
        yield f"{where}: {e}"


def merged(base, patch):
    """A strategic merge, as kustomize makes it: objects by key, lists of what has names by name, other lists replaced."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return {k: merged(base[k], patch[k]) if k in base and k in patch else patch.get(k, base.get(k)) for k in {**base, **patch}}
    if isinstance(base, list) and isinstance(patch, list) and all(isinstance(v, dict) and "name" in v for v in base + patch):
        named = {v["name"]: v for v in base}
        for v in patch:
            named[v["name"]] = merged(named[v["name"]], v) if v["name"] in named else v
        return list(named.values())
    return patch
