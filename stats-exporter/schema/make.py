#!/usr/bin/python3
"""Makes doc/schema: a JSON Schema (draft 2020-12) of each document of the exporter, from what stands in
this directory and, for counters and words, from what the exporter itself says of them.
usage: make.py EXPORTER           writes them
       make.py --check EXPORTER   says which are not current
exit: 0 ok, 1 not current or the exporter does not answer, 2 usage"""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TO = HERE.parents[1] / "doc/schema"
HEAD = ("timestamp", "seq", "exporter")


def ref(name):
    return {"$ref": f"#/$defs/{name}"}


def counter(c):
    least = {} if c["kind"] == "gauge" else {"minimum": 0}  # a gauge of one lcore may be what it took from another's
    unit = "" if c["unit"] == "count" else f" ({c['unit']})"
    return {"description": c["help"] + unit, "type": "integer", **least, "maximum": 2**63 - 1}


def whole(properties):
    return {"type": "object", "required": list(properties), "properties": properties}


def made(says):
    """$defs of counters, counters_<group> and <scope>_counters, and of words, words_<enum>."""
    defs, scopes = {}, {}
    for c in says["counters"]:
        defs.setdefault("counters_" + c["group"], {})[c["name"]] = counter(c)
        if c["group"] != "device":
            scopes.setdefault(c["scope"], {})[c["group"]] = ref("counters_" + c["group"])
    defs |= {f"{scope}_counters": groups for scope, groups in scopes.items()}
    return {name: whole(p) for name, p in defs.items()} | {"words_" + k: {"enum": v} for k, v in says["words"].items()}


def expanded(o, defs):
    """{"$with": [definition, {key: definition}]} is the first with more keys."""
    if isinstance(o, list):
        return [expanded(v, defs) for v in o]
    if not isinstance(o, dict):
        return o
    if "$with" in o:
        name, more = o["$with"]
        base = defs[name]
        return base | {"required": base["required"] + list(more),
                       "properties": base["properties"] | {k: ref(v) for k, v in more.items()}}
    return {k: expanded(v, defs) for k, v in o.items()}


def names_in(o):
    if isinstance(o, dict):
        if "$ref" in o:
            yield o["$ref"].rsplit("/", 1)[1]
        for v in o.values():
            yield from names_in(v)
    elif isinstance(o, list):
        for v in o:
            yield from names_in(v)


def used(o, defs):
    """Those that are reached, in their order."""
    found, new = set(), set(names_in(o))
    while new:
        found |= new
        new = {n for d in new for n in names_in(defs[d])} - found
    return {name: d for name, d in defs.items() if name in found}


def schema_of(document, name, defs):
    part = expanded(json.loads((HERE / f"{document}.json").read_text()), defs)
    family, version = name.split("/")
    major = version.split(".")[0]
    first = {"schema": {"description": "A reader of this major version ignores what it does not know.", "type": "string",
                        "pattern": f"^{family}/{major}\\.[0-9]+$"}, **{k: ref(k) for k in HEAD if "engine" in part["properties"]}}
    body = {"title": part["title"]} | whole(first | part["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{family}:{version}", **body,
            **({"$defs": d} if (d := used(body, defs)) else {})}


def main():
    args = [a for a in sys.argv[1:] if a != "--check"]
    if len(args) != 1 or len(sys.argv) > 3:
        print(__doc__, file=sys.stderr)
        return 2
    done = subprocess.run([args[0], "--once", "--document", "schema"], stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        return 1
    says, wrong = json.loads(done.stdout), 0
    defs = json.loads((HERE / "common.json").read_text()) | made(says)
    files = {f"warp17-{d['document']}.json": schema_of(d["document"], d["schema"], defs) for d in says["documents"]}
    for name, schema in files.items():
        text, path = json.dumps(schema, indent=1) + "\n", TO / name
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"doc/schema/{name}: not current, make docs")
            wrong = 1
    return wrong


sys.exit(main())
