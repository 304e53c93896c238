"""The converter: a TensorFlow 1 program with nodeflow's names, and what it could not rename.

It applies the table and nothing else: names after ``tf.``, keyword arguments, the import. All other
text stays where it is, comments included, since only the spans of those names are replaced.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from nodeflow.tensorflow1.answers import answer, exists_in
from nodeflow.tensorflow1.arguments import WITHOUT_EFFECT, here, refused

NOT_NEEDED = frozenset(
    ("disable_v2_behavior", "disable_eager_execution", "enable_resource_variables",
     "disable_resource_variables", "logging.set_verbosity", "compat.v1.disable_eager_execution",
     "compat.v1.disable_v2_behavior")
)  # fmt: skip
"""Calls that a program makes for TensorFlow's sake; they become ``pass``."""

MODULES = ("tensorflow", "tensorflow.compat.v1")

READERS = {
    "tensorflow.examples.tutorials.mnist.input_data": "nodeflow.data.mnist_tutorial",
    "tensorflow.python.client.timeline": "nodeflow.engine.timeline",
}
"""Modules that are imported alone -> those that give the same here."""

PARTS = {"tensorflow.contrib": "contrib", "tensorflow.python.platform": ""}
"""Packages of which modules are imported alone -> their names after ``tf.``."""


@dataclass(frozen=True, order=True)
class Problem:
    """Something that the converter left as it was.

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
    """The new text of a program, and what is left to do by hand, in order."""

    text: str
    problems: tuple[Problem, ...]


def convert(source: str) -> Converted:
    """Rename TensorFlow 1's names in a program.

    Raises:
        SyntaxError: it is no Python.
    """
    return _Converter(source).convert()


class _Converter:
    """The state of one conversion."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self.lines = source.splitlines(keepends=True)
        self.module: Any = import_module("nodeflow")
        self.exists: Callable[[str], bool] = exists_in(self.module)
        self.edits: list[tuple[int, int, str]] = []
        self.problems: list[Problem] = []
        self.aliases: set[str] = set()
        self.parts: dict[str, str] = {}
        self.imported = False

    def convert(self) -> Converted:
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(node)
        for node in self._unfinished(self.tree):
            self._visit(node)
        text = self.source
        for start, end, new in sorted(self.edits, reverse=True):
            text = text[:start] + new + text[end:]
        return Converted(text, tuple(sorted(self.problems)))

    def _unfinished(self, tree: ast.AST) -> Iterator[ast.AST]:
        """The nodes to look at: of a chain ``tf.a.b`` the outermost one only, of a call both."""
        stack = [tree]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Expr) and self._is_not_needed(node.value):
                self._replace(node, "pass")
                continue
            yield node
            if isinstance(node, ast.Attribute) and self._path(node) is not None:
                continue
            stack.extend(ast.iter_child_nodes(node))

    # ---- imports ------------------------------------------------------------------------------

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module.split(".")[0] != "tensorflow":
                return
            full = f"{module}.{node.names[0].name}" if len(node.names) == 1 else ""
            name = node.names[0].asname or node.names[0].name
            if full in MODULES:  # from tensorflow.compat import v1 as tf
                self._adopt(node, name)
            elif full in READERS:
                home, _, own = READERS[full].rpartition(".")
                self._replace(node, f"from {home} import {own} as {name}")
            elif module in PARTS:  # from tensorflow.contrib import rnn
                for alias in node.names:
                    path = f"{PARTS[module]}.{alias.name}".lstrip(".")
                    self.parts[alias.asname or alias.name] = path
                self._import_ours(node)
            else:
                self._problem(node, f"from {module} import ...: import what it stands for instead")
            return
        for alias in node.names:
            if alias.name in MODULES and len(node.names) == 1:
                self._adopt(node, alias.asname or alias.name)
            elif alias.name in READERS and len(node.names) == 1 and alias.asname:
                self._replace(node, f"import {READERS[alias.name]} as {alias.asname}")
            elif alias.name.startswith("tensorflow.contrib.") and alias.asname:
                self.parts[alias.asname] = alias.name.removeprefix("tensorflow.")
                self._import_ours(node)
            elif alias.name.split(".")[0] == "tensorflow":
                self._problem(node, f"import {alias.name}: write each import on a line of its own")

    def _adopt(self, node: ast.stmt, name: str) -> None:
        self.aliases.add(name)
        self._import_ours(node)

    def _import_ours(self, node: ast.stmt) -> None:
        """The import in the place of the program's first one; further ones go, with their line."""
        if not self.imported:
            self.imported = True
            self._replace(node, "import nodeflow as nf")
            return
        start = self._offset(node.lineno, 0)
        end = self._offset(node.end_lineno or node.lineno, 0)
        line = self.lines[(node.end_lineno or node.lineno) - 1]
        if self.source[start : end + len(line)].strip() == ast.get_source_segment(
            self.source, node
        ):
            self.edits.append((start, end + len(line), ""))
        else:
            self._replace(node, "import nodeflow as nf")

    # ---- names --------------------------------------------------------------------------------

    def _path(self, node: ast.AST) -> str | None:
        """``a.b`` for an expression ``tf.a.b``."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        full = ".".join([node.id, *reversed(parts)])
        if node.id in self.parts:
            return ".".join([self.parts[node.id], *reversed(parts)])
        for alias in self.aliases:
            if full.startswith(f"{alias}."):
                return full.removeprefix(f"{alias}.").removeprefix("compat.v1.")
        return None

    def _is_not_needed(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and self._path(node.func) in NOT_NEEDED

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Attribute) and (path := self._path(node)) is not None:
            name = self._name(node, path)
            if name is not None:
                self._replace(node, f"nf.{name}")
        elif isinstance(node, ast.Call) and (path := self._path(node.func)) is not None:
            self._keywords(node, path)
        elif isinstance(node, ast.Name) and node.id in self.aliases:
            self._problem(node, f"{node.id} alone: name what is used of it")

    def _name(self, node: ast.AST, path: str) -> str | None:
        """The name here; of ``tf.float32.max`` it is that of its beginning."""
        parts = path.split(".")
        for count in range(len(parts), 0, -1):
            found = answer(".".join(parts[:count]), self.exists)
            if found.here is not None and (count == len(parts) or not self._is_space(found.here)):
                return ".".join([found.here, *parts[count:]])
        reason = answer(path, self.exists).reason
        self._problem(node, f"tf.{path} is not here: {reason}" if reason else f"tf.{path}?")
        return None

    def _is_space(self, name: str) -> bool:
        """Whether it is a module: what it does not have itself is not there."""
        found = self.module
        for part in name.split("."):
            found = getattr(found, part)
        return isinstance(found, ModuleType)

    def _keywords(self, call: ast.Call, path: str) -> None:
        """Rename keyword arguments that the function has under another name."""
        name = answer(path, self.exists).here
        known = parameters_of(self.module, name) if name else None
        if known is None:
            return
        given = {k.arg for k in call.keywords}
        for keyword in call.keywords:
            if keyword.arg is None or keyword.arg in known:
                continue
            new = here(keyword.arg, [k for k in known if k not in given])
            if new in known:
                start = self._offset(keyword.lineno, keyword.col_offset)
                self.edits.append((start, start + len(keyword.arg), new))
            elif keyword.arg not in WITHOUT_EFFECT:
                why = refused(path, keyword.arg)
                text = f"nf.{name} has no argument {keyword.arg!r}"
                self._problem(keyword, f"{text}: {why}" if why else text)

    # ---- text ---------------------------------------------------------------------------------

    def _offset(self, line: int, column: int) -> int:
        """The position in the source of a line and of a column in UTF-8 bytes."""
        before = self.lines[line - 1].encode()[:column].decode()
        return sum(map(len, self.lines[: line - 1])) + len(before)

    def _replace(self, node: Any, text: str) -> None:
        start = self._offset(node.lineno, node.col_offset)
        self.edits.append((start, self._offset(node.end_lineno, node.end_col_offset), text))

    def _problem(self, node: Any, text: str) -> None:
        self.problems.append(Problem(node.lineno, node.col_offset + 1, text))


def parameters_of(module: Any, name: str) -> list[str] | None:
    """The names of a function's parameters; None where it takes any."""
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        return None
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters]
