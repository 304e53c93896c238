"""No circles: modules that import each other in a ring, counting every import statement.

Imports inside functions and under ``TYPE_CHECKING`` count, too: a reader has to know both modules
all the same. import-linter proves the order of the layers; this test proves that within a layer no
ring has more than three modules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LARGEST = 3
Imports = dict[str, set[str]]


def imports_of(root: Path) -> Imports:
    """For each module of the package the modules that it imports, anywhere in its text."""
    files = {_name(path, root): path for path in (root / "nodeflow").rglob("*.py")}
    found: Imports = {}
    for module, path in files.items():
        targets: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    targets.add(inner if inner in files else node.module)
            elif isinstance(node, ast.Import):
                targets.update(alias.name for alias in node.names)
        found[module] = (targets & files.keys()) - {module}
    return found


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rings(imports: Imports) -> Iterator[set[str]]:
    """The strongly connected components of more than one module (Tarjan, 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(module: str) -> Iterator[set[str]]:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for target in sorted(imports[module]):
            if target not in number:
                yield from visit(target)
                lowest[module] = min(lowest[module], lowest[target])
            elif target in stack:
                lowest[module] = min(lowest[module], number[target])
        if lowest[module] == number[module]:
            at = stack.index(module)
            ring, stack[at:] = set(stack[at:]), []
            if len(ring) > 1:
                yield ring

    for module in sorted(imports):
        if module not in number:
            yield from visit(module)


def test_rings_are_found() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set(), "f": {"g"}}
    imports |= {"g": {"f", "a"}}
    assert sorted(map(sorted, rings(imports))) == [["a", "b", "c"], ["f", "g"]]


def test_imports_inside_functions_and_for_annotations_count(tmp_path: Path) -> None:
    package = tmp_path / "nodeflow"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def f():\n    from nodeflow import b\n")
    (package / "b.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from nodeflow.a import f\n"
    )
    assert list(rings(imports_of(tmp_path))) == [{"nodeflow.a", "nodeflow.b"}]


@pytest.mark.thorough
def test_no_ring_has_more_than_three_modules(root: Path) -> None:
    imports = imports_of(root)
    assert len(imports) > 300
    assert [sorted(ring) for ring in rings(imports) if len(ring) > LARGEST] == []
