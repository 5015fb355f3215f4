"""The names in both vendors' contracts: operations, parameters, and the fields of each form; of the documents no prose.

`tests/data/contract_names.txt` holds them, so that no test needs the documents. Made anew with
`python tests/contract_names.py procore.openapi.json 4hse.openapi.json > tests/data/contract_names.txt`; a name that
is new then fails `tests/unit/test_coverage_page.py` until docs/coverage.md decides about it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "contract_names.txt"
METHODS = ("get", "post", "put", "patch", "delete")
Names = dict[str, list[str]]
"""`<vendor> operations`, `<vendor> parameters` or `<vendor> <form>` -> names."""


def kept() -> Names:
    """The names as the file has them."""
    lines = (line.partition(": ") for line in FILE.read_text(encoding="utf-8").splitlines())
    return {head: names.split(" | " if head.endswith(" operations") else None) for head, _, names in lines}


def names_of(vendor: str, document: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    operations, parameters = [], set()
    for path, item in document["paths"].items():
        for method in (each for each in METHODS if each in item):
            operations.append(f"{method.upper()} {path}")
            parameters |= set(_parameters(document, item[method]))
    yield f"{vendor} operations", operations
    yield f"{vendor} parameters", sorted(parameters)
    for form, schema in document["components"]["schemas"].items():
        if fields := sorted(set(_fields(document, schema))):
            yield f"{vendor} {form}", fields


def _parameters(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[str]:
    for each in operation.get("parameters", ()):
        whole = _resolved(document, each)
        if whole["in"] != "path":
            yield str(whole["name"])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "filter" in (asked := dict(_properties(document, body))):
        yield from (f"filter.{name}" for name in _fields(document, asked["filter"]))


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name, _ in _properties(document, schema))


def _properties(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    whole = _resolved(document, schema)
    for part in whole.get("allOf", ()):
        yield from _properties(document, part)
    yield from whole.get("properties", {}).items()


def _resolved(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        found: Any = document
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


if __name__ == "__main__":
    for vendor, file in zip(("procore", "4hse"), sys.argv[1:], strict=True):
        for head, names in names_of(vendor, json.loads(Path(file).read_text(encoding="utf-8"))):
            between = " | " if head.endswith(" operations") else " "
            sys.stdout.write(f"{head}: {between.join(names)}\n")
