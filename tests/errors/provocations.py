"""What provokes each error: a command line, a file that a window opens, or a call from Python.

`docs/errors.md` takes its examples from here (`tools/make_errors.py`), and the tests compare the
classes with the table: a new class needs a line in it.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from nodeflow.cli.definition.all_commands import build_parser
from nodeflow.cli.environment import Environment
from nodeflow.errors import NodeflowError

Node = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Provocation:
    """One way to an error.

    Attributes:
        command: the command line; empty if none leads there.
        files: content by name, in the folder where it runs.
        opened: the file that shows the error in a window; empty if none does.
        call: from Python, in the folder with the files.
    """

    command: tuple[str, ...] = ()
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    opened: str = ""
    call: Callable[[], Any] | None = None

    def prepare(self, folder: Path) -> None:
        for name, content in self.files.items():
            data = content.encode() if isinstance(content, str) else content
            (folder / name).write_bytes(data)

    def raised(self, folder: Path) -> NodeflowError | None:
        """The error that the command line or the call raises in a folder."""
        before = Path.cwd()
        os.chdir(folder)
        try:
            if self.call is not None:
                self.call()
            elif self.command:
                run(self.command, folder)
        except NodeflowError as error:
            return error
        finally:
            os.chdir(before)
        return None


def run(command: tuple[str, ...], folder: Path) -> None:
    """A command line without what turns its errors into messages."""
    given = build_parser(command[0]).parse_args(list(command))
    module, _, function = given.handler.partition(":")
    getattr(import_module(module), function)(
        given, Environment(io.StringIO(), io.StringIO(), folder)
    )


# ---- files --------------------------------------------------------------------------------------


def graph(*nodes: Node, wires: tuple = (), **more: Any) -> str:
    """The text of a .flow file: nodes ``n1``, ``n2``, ... called ``a``, ``b``, ..."""
    records = [
        {"id": f"n{i + 1}", "op": op, "name": "abcdefgh"[i], "attrs": attrs, "pos": [0, 0]}
        for i, (op, attrs) in enumerate(nodes)
    ]
    content = {
        "format": "nodeflow", "version": 3, "next_id": 20, "nodes": records,
        "wires": [list(wire) for wire in wires], "frames": [], "subgraphs": {}, "training": {},
        "weights": None, **more,
    }  # fmt: skip
    return json.dumps(content)


def constant(value: Any, dtype: str = "float32") -> Node:
    return "constant", {"value": value, "dtype": dtype}


def opening(text: str | bytes, name: str = "a.flow") -> Provocation:
    """A file that can neither be run nor opened."""
    return Provocation(("run", name), {name: text}, name)


ADDED = (("n1", "out", "n3", "x"), ("n2", "out", "n3", "y"))


def sum_of(*nodes: Node) -> Provocation:
    return opening(graph(*nodes, ("add", {}), wires=ADDED))


def dataset(source: str, **files: str | bytes) -> Provocation:
    text = graph(("dataset", {"source": source}), ("identity", {}), wires=[("n1", "x", "n2", "x")])
    return Provocation(("run", "a.flow"), {"a.flow": text, **files}, "a.flow")


def instances(name: str, count: int) -> dict[str, Any]:
    """A definition that holds instances of another one."""
    first = 100 + 10 * int(name[1:] or 0)
    nodes = [
        {"id": f"n{first + k}", "op": "subgraph", "name": f"i{k}",
         "attrs": {"definition": name}, "pos": [0, 0]}
        for k in range(count)
    ]  # fmt: skip
    return {"nodes": nodes, "wires": [], "frames": []}


PLACEHOLDER: Node = ("placeholder", {"dtype": "float32", "shape": [2]})
ONE_COLUMN = "x,y\n1,2\n3,4\n5,6\n7,8\n"


def of_integrations() -> dict[str, Provocation]:
    """What provokes the errors of integrations: each has a ``provocations.py`` beside its tests."""
    found: dict[str, Provocation] = {}
    for path in sorted(Path(__file__).parents[1].glob("integrations/*/provocations.py")):
        found |= import_module(f"tests.integrations.{path.parent.name}.provocations").TABLE
    return found
