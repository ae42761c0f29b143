"""The rules of the code that a program can check: small functions, small files, names that say something."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FUNCTION = 60
LONGEST_FILE = 700
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "misc"}


def sources(*directories: str) -> Iterator[Path]:
    for directory in directories:
        yield from sorted((ROOT / directory).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(tree(path))


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = [
        f"{name(path)}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path in sources("src", "tests", "scripts", "bench")
        for node in nodes(path)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
        and "migrations" not in path.parts  # a migration lists the tables as they were, and never changes again
    ]
    assert too_long == []


def test_no_file_is_too_long_to_read() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in sources("src", "tests", "scripts", "bench")}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_every_name_of_a_file_or_folder_says_what_is_in_it() -> None:
    assert [name(path) for path in sources("src", "tests") if {path.stem, path.parent.name} & SAYS_NOTHING] == []


def test_every_module_begins_with_its_purpose() -> None:
    modules = [path for path in sources("src", "scripts", "bench") if path.name != "__init__.py"]
    assert [name(path) for path in modules if tree(path).body and ast.get_docstring(tree(path)) is None] == []


def test_no_test_waits_by_sleeping() -> None:
    """A test waits for a condition, with a limit: a sleep is too short on a busy machine and too long on any other."""
    sleeping = [
        f"{name(path)}:{node.lineno}"
        for path in sources("tests")
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and ast.unparse(node.func) in ("time.sleep", "sleep")
    ]
    assert sleeping == []


def test_no_capability_imports_the_operations_of_another() -> None:
    """They meet through models, look-ups, allocation and the store; only the table knows every operation."""
    from sidedoor.api import OPERATIONS

    graph = grimp.build_graph("sidedoor")
    operations = {function.__module__ for table in OPERATIONS.values() for function in table.values()}
    foreign = [
        f"{importer} imports {module}"
        for module in sorted(operations)
        for importer in sorted(graph.find_modules_that_directly_import(module))
        if importer != "sidedoor.api" and importer.split(".")[1] != module.split(".")[1]
    ]
    assert foreign == []
