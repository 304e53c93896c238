"""``nf.save`` and ``nf.load``: write graphs made in Python as ``.flow`` files, and load them
again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.python_graphs.loaded_document import (
    keep_origin,
    origin_of,
    refuse_broken,
)
from nodeflow.document.to_graph.python_graphs.python_additions import with_additions
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import FileProblem, GraphError
from nodeflow.graph.graph import Graph
from nodeflow.ops.user import PLUGINS


def save(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write a graph as a ``.flow`` file, to be opened in the window.

    A graph from `load` keeps its document: positions, frames, subgraphs, data sets, training
    settings and everything that this version does not know stay the same, and an unchanged graph
    gives the same bytes. Nodes added in Python become nodes of the file, right of the nodes that
    they read. If they use a value inside a subgraph, the subgraph gets an output. A graph made in
    Python is laid out. Nodes derived by an optimizer or ``gradients`` are left out; the file stores
    the macro node. A data set from a data source becomes a dataset node, and its batches and order
    become training settings; a warning names data sets that cannot be kept.

    Raises:
        GraphError: `graph` is no graph, or a node uses a derived node; it names node and port.
        FileProblem: `path` is no file name, or the file cannot be written.
    """
    _check_graph(graph, path)
    target = _file(path, "save")
    if not os.path.isdir(target.parent):
        raise FileProblem(
            f"there is no folder {target.parent}",
            hint=f"Make it first, with os.makedirs({str(target.parent)!r}).",
        )
    origin = origin_of(graph)
    if origin is None:
        flow.save(from_graph(graph, target.parent), target)
    else:
        flow.save(with_additions(origin, graph, target.parent), target)


def load(
    path: str | os.PathLike[str], *, allow_data: Iterable[str | os.PathLike[str]] = ()
) -> Graph:
    """Load a ``.flow`` file and return its graph; find its nodes with ``graph.tensor(name)``.

    User ops are loaded from the plugin folder, never from the file. The file keeps nodes that this
    version does not know; the graph lacks them and their dependents, and a warning names them.

    Args:
        allow_data: files and folders outside the folder of the ``.flow`` file that it may read.
            All other data outside that folder are not read.

    Raises:
        OutsideData: the file names data outside its folder that `allow_data` does not have.
        FileProblem: `path` is no file name, or the file is missing or damaged.
        NodeflowError: a node cannot run; the error names node and port.
    """
    document = flow.load(_file(path, "load"))
    document.allow(*allow_data)
    return graph_of(document)


def graph_of(document: Document) -> Graph:
    """Return the graph of a document, with the task that its training settings describe. Raise the
    errors of `load`.
    """
    PLUGINS.load_once()
    built = build(document, partial=True)
    refuse_broken(built)
    built.graph.task = Task(document, built=built, file=document.path)
    return keep_origin(built)


def _check_graph(graph: Any, path: Any) -> None:
    if isinstance(graph, Graph):
        return
    if isinstance(path, Graph):
        raise GraphError(
            "the graph comes first and the file second", hint=f"Write nf.save(graph, {graph!r})."
        )
    held = getattr(graph, "graph", None)
    hint = "Write nf.save(nf.get_default_graph(), path) for what was built outside a `with graph:`."
    if isinstance(held, Graph):
        hint = "Save its graph: nf.save(x.graph, path)."
    raise GraphError(f"expected a Graph to save, not {_kind(graph)}", hint=hint)


def _file(path: Any, call: str) -> Path:
    """Return an argument as the path of a file; raise FileProblem if it cannot be one."""
    if isinstance(path, Graph):
        hint = "It is loaded: use it as it is." if call == "load" else "Name the file to write."
        raise FileProblem("expected the name of a .flow file, not a Graph", hint=hint)
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise FileProblem(
            f"expected the name of a .flow file, not {_kind(path)}",
            hint=f'Write nf.{call}({"graph, " if call == "save" else ""}"name.flow").',
        )
    found = Path(path)
    if "\0" in str(found):
        raise FileProblem("the file name holds a zero byte", hint="Take it out.")
    if not os.fspath(path) or os.path.isdir(found):
        where = f"{os.fspath(path)!r} is a folder" if os.fspath(path) else "the file has no name"
        raise FileProblem(where, hint=f"Name a .flow file, such as {found / 'graph.flow'}.")
    return found


def _kind(value: Any) -> str:
    """Return the type of a wrong argument in words: `a Tensor`, `an int`, `None`."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
