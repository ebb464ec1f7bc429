"""Documents of the exporter against the JSON Schemas that are shipped, where no key may be that the schema does not tell of."""
import copy
import functools
import json

import jsonschema
from warp17 import TOP

DIR = TOP / "doc/schema"


def strict(o):
    """The same schema without the freedom to add keys, which its readers grant."""
    if isinstance(o, list):
        return [strict(v) for v in o]
    if not isinstance(o, dict):
        return o
    o = {k: strict(v) for k, v in o.items()}
    if "object" in o.get("type", ()) and "properties" in o:
        o.setdefault("additionalProperties", False)
    return o


@functools.cache
def validator(document, strictly=True):
    schema = json.loads((DIR / f"warp17-{document}.json").read_text())
    schema = strict(schema) if strictly else schema
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def wrong(doc, strictly=True):
    """What its schema says against a document; []: nothing."""
    document = doc["schema"].split("/")[0].removeprefix("warp17-")
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in validator(document, strictly).iter_errors(doc)]


def check(doc):
    assert not wrong(doc), wrong(doc)[:5]
    return doc


def changed(doc, way, value):
    """A copy in which the value at way (keys, from the top) is another, or, given KeyError, is not there."""
    new = copy.deepcopy(doc)
    *to, last = way
    at = functools.reduce(lambda o, k: o[k], to, new)
    if value is KeyError:
        del at[last]
    else:
        at[last] = value
    return new
