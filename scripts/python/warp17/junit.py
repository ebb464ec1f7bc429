"""A result document as JUnit XML, as CI servers read it: a testcase for each test case."""
from __future__ import annotations

import datetime
import re
import socket
import xml.etree.ElementTree as ElementTree
from typing import Any, Dict, List, Mapping, Sequence

from .metrics import sentence
from .results import Document, Path, write_text

# XML 1.0 has no place for these, however they are written
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: object) -> str:
    return FORBIDDEN.sub("?", str(text))


def write_junit(doc: Document, path: Path) -> None:
    """A testsuite with a testcase for each test case. One that failed has a failure, one that is invalid an error, with the
    engine's sentence as its text. What is wrong with the run itself, or expected of all test cases, is a testcase "run"."""
    cases = [testcase(doc, c["name"], c["engine"], c["runtime_s"], c["verdict"], c["reasons"], c["metrics"]) for c in doc["cases"]]
    cases += of_run(doc)
    failed, invalid = (sum(c.find(tag) is not None for c in cases) for tag in ("failure", "error"))
    count = {"tests": str(len(cases)), "failures": str(failed), "errors": str(invalid), "skipped": "0",
             "time": f"{doc['duration_s']:.3f}"}
    at = datetime.datetime.fromtimestamp(doc["started"], datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    root = ElementTree.Element("testsuites", {"name": clean(doc["plan"]["name"]), **count})
    suite = ElementTree.SubElement(root, "testsuite", {"name": clean(doc["plan"]["name"]), **count, "timestamp": at,
                                                       "hostname": clean(socket.gethostname())})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in suite_properties(doc).items():
        ElementTree.SubElement(properties, "property", {"name": clean(name), "value": clean(value)})
    suite.extend(cases)
    if doc["warnings"]:
        ElementTree.SubElement(suite, "system-err").text = clean("\n".join(doc["warnings"]))
    ElementTree.indent(root, " ")
    write_text(path, '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n")


def suite_properties(doc: Document) -> Dict[str, Any]:
    found = {"verdict": doc["verdict"], "plan": doc["plan"]["file"] or ""}
    for e in doc["engines"]:
        found[f"{e['name']}.address"], found[f"{e['name']}.version"] = e["address"], e["version"]
    return found


def testcase(doc: Document, name: str, engine: str, seconds: float, verdict: str, reasons: Sequence[str],
             numbers: Mapping[str, Any]) -> ElementTree.Element:
    classname = ".".join(w.replace(".", "_") for w in (doc["plan"]["name"], engine) if w)
    of = ElementTree.Element("testcase", {"classname": clean(classname), "name": clean(name), "time": f"{seconds:.3f}"})
    if verdict != "passed":
        tag = "failure" if verdict == "failed" else "error"
        why = ElementTree.SubElement(of, tag, {"type": verdict, "message": clean(reasons[0] if reasons else verdict)})
        why.text = clean("\n".join(reasons))
    out = [f"{k} {v}" for k, v in numbers.items() if v is not None]
    ElementTree.SubElement(of, "system-out").text = clean("\n".join(out))
    return of


def of_run(doc: Document) -> List[ElementTree.Element]:
    """What no test case says: faults of engines, expectations of totals, an interruption. None where there is nothing of it."""
    of_cases = {r for c in doc["cases"] for r in c["reasons"]}
    left = [r for r in doc["reasons"] if r not in of_cases]
    expected = doc["totals"]["expectations"]
    if not left and not expected:
        return []
    unmet = [f"all test cases: {sentence(j)}" for j in expected if not j["met"]]
    verdict = "passed" if not left else "failed" if set(left) <= set(unmet) else "invalid"
    return [testcase(doc, "run", "", doc["duration_s"], verdict, left, doc["totals"]["metrics"])]
