"""The type stub of the public API: complete, up to date, and right about every op's parameters."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import nodeflow as nf
from nodeflow.graph.registry import REGISTRY

ROOT = Path(__file__).resolve().parent.parent
STUB = ROOT / "nodeflow" / "__init__.pyi"
BY_HAND = {op.id for op in REGISTRY} & {*nf.__all__, *nf.LAZY}
"""Ops whose function in `nf` is not made from the registry."""


@pytest.fixture(scope="module")
def make_stubs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_stubs", ROOT / "tools" / "make_stubs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def functions() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_stub_is_what_the_registry_gives(make_stubs: ModuleType) -> None:
    message = "run python tools/make_stubs.py"
    for path, text in make_stubs.stubs().items():
        assert path.read_text(encoding="utf-8") == text, message


@pytest.mark.parametrize("namespace", [nf.data, nf.summary, nf.train], ids=lambda n: n.__name__)
def test_every_name_of_a_namespace_is_found(namespace: ModuleType, make_stubs) -> None:
    assert dir(namespace) == sorted(make_stubs.all_names(namespace))
    for name in dir(namespace):
        assert getattr(namespace, name).__name__ == name
    with pytest.raises(AttributeError, match="has no 'nothing'"):
        namespace.nothing  # noqa: B018


def test_type_checkers_find_every_imported_name() -> None:
    """A stub exports an imported name only if it repeats it: ``import layers as layers``."""
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    imported = [n for node in tree.body if isinstance(node, ast.ImportFrom) for n in node.names]
    hidden = [n.name for n in imported if n.asname is not None and n.asname != n.name]
    assert imported and hidden == []


def test_the_package_is_marked_as_typed() -> None:
    assert STUB.with_name("py.typed").exists()


@pytest.mark.thorough
def test_every_public_name_is_in_the_stub() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname for alias in node.names if alias.asname}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    own = {op.id for op in REGISTRY if op.own}
    assert set(dir(nf)) - own <= names


def test_parameters_and_defaults_equal_the_functions(functions: dict[str, ast.FunctionDef]) -> None:
    checked = 0
    for op in REGISTRY:
        if op.own or op.id in BY_HAND or op.call_name != op.id:
            continue
        arguments = functions[op.id].args
        names = [a.arg for a in [*arguments.args, *arguments.kwonlyargs]]
        parameters = inspect.signature(getattr(nf, op.id)).parameters
        assert names == list(parameters), op.id
        values = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
        values += arguments.kw_defaults
        for name, value in zip(names, values, strict=True):
            default = parameters[name].default
            if value is None:
                assert default is inspect.Parameter.empty, f"{op.id}.{name}"
            else:
                assert repr(ast.literal_eval(value)) == repr(default), f"{op.id}.{name}"
            checked += 1
    assert checked > 500
