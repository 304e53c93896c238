"""The converter: rewrites a TensorFlow 1 program so that it imports its names from nodeflow.

Only the imports change; all other text stays, including comments. With ``rename``, names with
the same meaning in `nf` are written as ``nf.NAME``. The converter also checks names and keyword
arguments, and reports those that are missing here. In a program for nodeflow 0.1, it rewrites
the names that have moved out of `nf`.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from nodeflow.foreign_names.arguments import WITHOUT_EFFECT, here
from nodeflow.integrations.tensorflow1.converter.rename_calls import (
    condition_of,
    numbers_of,
    step_of,
)
from nodeflow.integrations.tensorflow1.namespace import (
    counterpart,
    found_at,
    is_space,
    known_names,
    named,
)
from nodeflow.integrations.tensorflow1.tables import homes
from nodeflow.integrations.tensorflow1.tables.names import RARE
from nodeflow.integrations.tensorflow1.tables.refusals import refused

PACKAGE = "nodeflow.tensorflow1"
ALL = ("tensorflow", "tensorflow.compat.v1", PACKAGE)
"""Modules that stand for all of TensorFlow 1."""

MOVED_MODULES = {
    "nodeflow.data.mnist_tutorial": f"{PACKAGE}.examples.tutorials.mnist.input_data",
    "nodeflow.engine.timeline": f"{PACKAGE}.python.client.timeline",
}
"""Modules that the converter of nodeflow 0.1 wrote."""


@dataclass(frozen=True, order=True)
class Problem:
    """Something in a program that has no counterpart here.

    Attributes:
        line, column: where it begins, both counted from 1.
        text: what it is and what to do.
    """

    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.text}"


@dataclass(frozen=True)
class Converted:
    """The new text of a program, and the problems to solve by hand, in order."""

    text: str
    problems: tuple[Problem, ...]


def convert(source: str, rename: bool = False) -> Converted:
    """Make a program import TensorFlow's names from nodeflow.

    Args:
        source: a program for TensorFlow 1, or for nodeflow 0.1.
        rename: write names that mean the same in `nf` as ``nf.NAME``.

    Raises:
        SyntaxError: it is no Python.
    """
    return _Converter(source, rename).convert()


class _Converter:
    """The state of one conversion."""

    def __init__(self, source: str, rename: bool) -> None:
        self.source, self.rename = source, rename
        self.tree = ast.parse(source)
        self.lines = source.splitlines(keepends=True)
        self.edits: list[tuple[int, int, str]] = []
        self.problems: list[Problem] = []
        self.paths: dict[str, str] = {}  # name in the program -> path in TensorFlow
        self.ours: set[str] = set()  # names of nodeflow itself in the program
        self.adopted: list[ast.stmt] = []  # the imports of all of TensorFlow
        self.numbers = numbers_of(self.tree) if rename else {}
        self.spelled: set[ast.AST] = set()  # names that are written otherwise
        self.kept = False  # whether names of TensorFlow are left
        self.renamed = False

    def convert(self) -> Converted:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom):
                self._import_from(node)
        for node in self._outermost(self.tree):
            self._visit(node)
        self._write_imports()
        text = self.source
        for start, end, new in sorted(self.edits, reverse=True):
            text = text[:start] + new + text[end:]
        return Converted(text, tuple(sorted(self.problems)))

    def _outermost(self, tree: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes of a program's syntax tree, but of a chain ``tf.a.b`` only the
        outermost.
        """
        stack = [tree]
        while stack:
            node = stack.pop()
            yield node
            if isinstance(node, ast.Attribute) and _chain(node)[0] in {*self.paths, *self.ours}:
                continue
            stack.extend(ast.iter_child_nodes(node))

    # ---- imports ------------------------------------------------------------------------------

    def _import(self, node: ast.Import) -> None:
        texts, changed = [], False
        for alias in node.names:
            module, name = alias.name, alias.asname
            inside = _inside(module)
            if module == "nodeflow":
                self.ours.add(name or module)
            if module in MOVED_MODULES and name:
                texts.append(f"{MOVED_MODULES[module]} as {name}")
            elif inside is None:
                texts.append(f"{module} as {name}" if name else module)
                continue
            elif module in ALL and (name or module == "tensorflow"):
                self.paths[name or module] = ""
                if len(node.names) == 1:
                    self.adopted.append(node)
                texts.append(f"{PACKAGE} as {name or module}")
            elif name:
                self.paths[name] = inside
                texts.append(f"{PACKAGE}.{inside} as {name}")
            else:  # `import tensorflow.contrib.slim` binds `tensorflow`
                first = module.partition(".")[0]
                self.paths[first] = ""
                texts.append(f"{PACKAGE} as {first}")
            changed = changed or module.split(".")[0] == "tensorflow" or module in MOVED_MODULES
            if inside and not self._is_module(inside):
                self._missing(node, inside)
        if changed:
            self._replace(node, f"import {', '.join(dict.fromkeys(texts))}")

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            return
        for alias in node.names:
            full = f"{module}.{alias.name}"
            if full in MOVED_MODULES and len(node.names) == 1:
                home, _, own = MOVED_MODULES[full].rpartition(".")
                written = f" as {alias.asname}" if alias.asname else ""
                self._replace(node, f"from {home} import {own}{written}")
                return
        inside = _inside(module)
        if inside is None:
            return
        if len(node.names) == 1 and f"{module}.{node.names[0].name}" in ALL:
            name = node.names[0].asname or node.names[0].name  # from tensorflow.compat import v1
            self.paths[name] = ""
            self.adopted.append(node)
            self._replace(node, f"import {PACKAGE} as {name}")
            return
        for alias in node.names:
            path = f"{inside}.{alias.name}" if inside else alias.name
            self.paths[alias.asname or alias.name] = path
            if alias.name != "*" and not self._is_module(path) and found_at(path) is None:
                self._missing(node, path)
        if module.split(".")[0] == "tensorflow":
            place = self._offset(node.lineno, node.col_offset)
            start = self.source.index(module, place)
            new = f"{PACKAGE}.{inside}" if inside else PACKAGE
            self.edits.append((start, start + len(module), new))

    def _is_module(self, path: str) -> bool:
        return is_space(path)

    def _write_imports(self) -> None:
        """Import `nf` where renamed names need it, and remove unused imports."""
        nf = "import nodeflow as nf"
        if self.renamed and self.adopted:
            first, *rest = self.adopted
            names = sorted(name for name, path in self.paths.items() if not path)
            needed = [f"import {PACKAGE} as {name}" for name in names if self.kept]
            self.edits = [e for e in self.edits if e[0] != self._start(first)]
            self._replace(
                first,
                "; ".join([nf, *needed])
                if not _stands_alone(first, self.lines)
                else f"\n{' ' * first.col_offset}".join([nf, *needed]),
            )
            for node in rest:
                self.edits = [e for e in self.edits if e[0] != self._start(node)]
                self._replace(node, nf)
        elif self.ours and self.kept and not self.paths:  # a program of nodeflow 0.1
            for node in ast.walk(self.tree):
                if isinstance(node, ast.Import) and any(a.name == "nodeflow" for a in node.names):
                    text = ast.get_source_segment(self.source, node) or nf
                    self._replace(node, f"{text}\n{' ' * node.col_offset}import {PACKAGE} as tf")
                    return

    # ---- names --------------------------------------------------------------------------------

    def _path(self, node: ast.AST) -> str | None:
        """Return the dotted path in TensorFlow of an expression: "a.b" for ``tf.a.b``.

        Return None for other expressions.
        """
        root, parts = _chain(node)
        if root not in self.paths or not parts:
            return None
        path = ".".join([*filter(None, [self.paths[root]]), *parts])
        return path.removeprefix("compat.v1.")

    def _visit(self, node: ast.AST) -> None:
        if node in self.spelled or (isinstance(node, ast.Call) and self._respelled(node)):
            return
        if isinstance(node, ast.Attribute) and (path := self._path(node)) is not None:
            self._name(node, path)
        elif isinstance(node, ast.Attribute):
            self._moved(node)
        elif isinstance(node, ast.Call) and (path := self._path(node.func)) is not None:
            self._keywords(node, path)
        elif isinstance(node, ast.Name) and node.id in self.paths:
            self.kept = True

    def _respelled(self, call: ast.Call) -> bool:
        """Rewrite a call that has another form in `nf`, if renaming is wanted. Return whether the
        call was rewritten.
        """
        if not self.rename:
            return False
        if (step := step_of(call, self._path, self.numbers)) is not None:
            place = self._start(step.loss)
            self.edits.append((self._start(call), place, step.start))
            end = self._offset(step.loss.end_lineno or 0, step.loss.end_col_offset or 0)
            self.edits.append((end, end, step.rest))
            self.spelled.add(step.name)
        elif found := condition_of(call, self._path(call.func) or ""):
            self._replace(call.func, "nf.where")
            self._replace(*found)
            self.spelled |= {call.func, found[0]}
        else:
            return False
        self.renamed = True
        return True

    def _name(self, node: ast.Attribute, path: str) -> None:
        """Check that a name such as ``tf.nn.relu`` exists. If renaming is wanted, write its name in
        `nf`.
        """
        parts = path.split(".")
        for count in range(len(parts), 0, -1):
            start = ".".join(parts[:count])
            one = found_at(start)
            if one is None or (count < len(parts) and is_space(start)):
                continue
            same = _same_in_nf(one)
            if not self.rename or same is None or isinstance(_nf(same), types.ModuleType):
                self.kept = True
                return
            self.renamed = True
            self._replace(node, ".".join(["nf", same, *parts[count:]]))
            return
        if is_space(path) or path.startswith("__version__"):
            self.kept = True
            return
        self._missing(node, path)

    def _moved(self, node: ast.Attribute) -> None:
        """Rewrite ``nf.flags.X`` of nodeflow 0.1 as ``tf.flags.X``."""
        root, parts = _chain(node)
        if root not in self.ours or not parts:
            return
        path = ".".join(parts)
        start = self._offset(node.lineno, node.col_offset)
        whole = ast.get_source_segment(self.source, node) or ""
        old = "nf.tensorflow1." if parts[0] == "tensorflow1" else "nf."
        names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
        if parts[0] != "tensorflow1" and not any(homes.has(n) and not _in_nf(n) for n in names):
            return
        name = path.removeprefix("tensorflow1.")
        if len(whole) == len(old.removeprefix("nf")) + len(root) + len(name):
            self.kept = True
            self.edits.append((start, start + len(whole), f"tf.{name}"))

    def _keywords(self, call: ast.Call, path: str) -> None:
        """Rename keyword arguments to the names in `nf`, and report arguments that a function
        does not take.
        """
        one = found_at(path)
        if one is None:
            return
        same = _same_in_nf(one) if self.rename else None
        known = parameters_of(_nf(same) if same else named(one))
        if known is None:
            return
        given = {k.arg for k in call.keywords}
        for keyword in call.keywords:
            if keyword.arg is None or keyword.arg in known or keyword.arg in WITHOUT_EFFECT:
                continue
            new = here(keyword.arg, [k for k in known if k not in given])
            if new not in known:
                why = refused(one, keyword.arg)
                text = f"tf.{one} has no argument {keyword.arg!r} here"
                self._problem(keyword, f"{text}: {why}" if why else text)
            elif same:
                start = self._start(keyword)
                self.edits.append((start, start + len(keyword.arg), new))

    # ---- text ---------------------------------------------------------------------------------

    def _offset(self, line: int, column: int) -> int:
        """Return the position in the source of a line and a column in UTF-8 bytes."""
        before = self.lines[line - 1].encode()[:column].decode()
        return sum(map(len, self.lines[: line - 1])) + len(before)

    def _start(self, node: Any) -> int:
        return self._offset(node.lineno, node.col_offset)

    def _replace(self, node: Any, text: str) -> None:
        end = self._offset(node.end_lineno, node.end_col_offset)
        self.edits.append((self._start(node), end, text))

    def _missing(self, node: Any, path: str) -> None:
        reason = counterpart(path).reason
        is_known = path in known_names() or reason != RARE
        text = f"tf.{path} is not here: {reason}" if is_known else f"tf.{path} is unknown"
        self._problem(node, text)

    def _problem(self, node: Any, text: str) -> None:
        self.problems.append(Problem(node.lineno, node.col_offset + 1, text))


def _inside(module: str) -> str | None:
    """Return the path of a module inside TensorFlow: empty for TensorFlow itself, None for
    another module.
    """
    for package in ("tensorflow", PACKAGE):
        if module == package:
            return ""
        if module.startswith(f"{package}."):
            return module.removeprefix(f"{package}.").removeprefix("compat.v1").lstrip(".")
    return None


def _chain(node: ast.AST) -> tuple[str, list[str]]:
    """Return the name and the attributes of an expression ``name.a.b``; an empty name for
    another expression.
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, parts[::-1]) if isinstance(node, ast.Name) else ("", [])


def _stands_alone(node: ast.stmt, lines: list[str]) -> bool:
    """Return whether a statement shares its lines with no other code."""
    line = lines[(node.end_lineno or node.lineno) - 1]
    rest = line.encode()[node.end_col_offset or 0 :].decode().strip()
    return not rest.startswith(";") and not line.encode()[: node.col_offset].strip()


def _same_in_nf(path: str) -> str | None:
    """Return the name in `nf` of a name of TensorFlow 1 that means the same there, or None."""
    is_same = homes.home(path) is None or path in homes.ALSO_IN_NF
    return counterpart(path).here if is_same else None


def _nf(path: str) -> Any:
    found: Any = import_module("nodeflow")
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _in_nf(path: str) -> bool:
    found: Any = import_module("nodeflow")
    for part in path.split("."):
        if part not in dir(found):
            return False
        found = getattr(found, part)
    return True


def parameters_of(function: Any) -> list[str] | None:
    """Return the parameter names of a function, or None if it accepts arbitrary keyword arguments
    or has no readable signature.
    """
    if not callable(function):
        return None
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters]
