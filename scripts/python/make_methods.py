#!/usr/bin/python3
"""Writes warp17/methods.json, by which plans and files of commands are checked without an engine: the commands of
configuration with their forms, parameters and bounds, and the counters of test cases, as warp17-cli has them.
usage: make_methods.py CLI           writes it
       make_methods.py --check CLI   says whether it is current
exit: 0 ok, 1 not current or the CLI does not answer, 2 usage"""
import json
import pathlib
import re
import subprocess
import sys

TO = pathlib.Path(__file__).resolve().parent / "warp17/methods.json"
COMMANDS = re.compile(r"(add|del|set)\.tests\b|(start|stop)\.tests$")


def reference(cli, part):
    return subprocess.run([cli, "--reference", part], stdout=subprocess.PIPE, check=True, text=True).stdout


def forms(text):
    """{method: (its form, [(parameter, needed)] in the command's order)}"""
    found = {}
    for block in re.split(r"^### ", text, flags=re.M)[1:]:
        form = re.search(r"^    (\S.*)$", block, re.M)
        rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([\w ]+) \|", block, re.M)
        found[block.split("\n", 1)[0]] = (form[1] if form else "", rows)
    return found


def counters(openrpc, result):
    """Names of the counters in a view of test cases."""
    def look(o):
        if isinstance(o, dict):
            if {"opened", "estab", "failed_syn"} <= set(o.get("properties", ())):
                return list(o["properties"])
            o = list(o.values())
        return next((f for f in map(look, o) if f), None) if isinstance(o, list) else None
    return look(result) or look(openrpc["components"])


def table(cli):
    openrpc = json.loads(reference(cli, "openrpc"))
    methods = {m["name"]: m for m in openrpc["methods"]}
    stats = counters(openrpc, methods["show.tests.stats"]["result"])
    chosen = {}
    for name, (form, rows) in forms(reference(cli, "rpc-methods")).items():
        if COMMANDS.match(name):
            schemas = {p["name"]: p for p in methods[name]["params"]}
            chosen[name] = {"form": form, "help": methods[name]["summary"], "params": {
                p: {"needed": {"yes": "yes", "no": "no"}.get(needed, "some"), "help": schemas[p]["summary"], "schema": schemas[p]["schema"]}
                for p, needed in rows}}
    schemas = {k: openrpc["components"]["schemas"][k] for k in ("address", "addresses")}
    return {"methods": chosen, "components": {"schemas": schemas}, "counters": stats}


def main():
    args = [a for a in sys.argv[1:] if a != "--check"]
    if len(args) != 1 or len(sys.argv) > 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        text = json.dumps(table(args[0]), indent=1) + "\n"
    except (OSError, subprocess.CalledProcessError) as e:
        print(f"make_methods.py: {e}", file=sys.stderr)
        return 1
    if "--check" not in sys.argv:
        TO.write_text(text)
    elif not TO.exists() or TO.read_text() != text:
        print("scripts/python/warp17/methods.json: not current, make docs")
        return 1
    return 0


sys.exit(main())
