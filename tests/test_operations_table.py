"""The table of operations is what it says: AWS's names, each done by the one function of that name."""

from __future__ import annotations

import ast
import re
import runpy
from collections import Counter
from pathlib import Path

import botocore
import botocore.session
from botocore import xform_name

ROOT = Path(__file__).resolve().parents[1]
IN_TWO_SERVICES = {"describe_tags": 2}
"""DescribeTags is an operation of EC2 and of ELBv2."""


def entries() -> list[tuple[str, str, str]]:
    """(service, operation, function's name)."""
    from sidedoor.api import OPERATIONS

    return [(service, name, function.__name__) for service, table in OPERATIONS.items() for name, function in table.items()]


def test_every_operation_is_one_that_botocore_knows() -> None:
    session = botocore.session.get_session()
    assert entries()
    known = {service: set(session.get_service_model(service).operation_names) for service, _, _ in entries()}
    assert [(service, name) for service, name, _ in entries() if name not in known[service]] == []


def test_every_function_has_the_name_that_boto3_gives_its_operation() -> None:
    assert [(name, function) for _, name, function in entries() if function != xform_name(name)] == []


def test_every_operation_is_defined_once_so_that_a_search_finds_it() -> None:
    defined = Counter(
        node.name
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    )
    wanted = {function: IN_TWO_SERVICES.get(function, 1) for _, _, function in entries()}
    assert {function: defined[function] for function in wanted} == wanted


def test_the_page_of_operations_is_current() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "operations_doc.py"))
    page = (ROOT / "docs" / "operations.md").read_text()
    remedy = "docs/operations.md is out of date: run `make docs`"
    assert [part for part in script["built"]() if part not in page] == [], remedy
    if f"botocore {botocore.__version__} " in page:
        assert page == script["page"](), remedy


def test_the_page_names_every_operation_that_aws_has_once_as_there_or_as_not_there() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "operations_doc.py"))
    sections = script["page"]().split("\n## ")
    session = botocore.session.get_session()
    for service, offered in script["OPERATIONS"].items():
        (section,) = (one for one in sections if one.startswith(script["TITLES"][service]))
        there, _, absent = section.partition("<details>")
        known = session.get_service_model(service).operation_names
        assert re.findall(r"^\| `(\w+)`", there, re.MULTILINE) == sorted(offered)
        assert re.findall(r"`(\w+)`", absent) == sorted(set(known) - set(offered))
