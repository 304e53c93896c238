"""``nf.save`` and ``nf.load``: graphs written in Python as ``.flow`` files, and back."""

from __future__ import annotations

from pathlib import Path

from nodeflow.document.build.build import build
from nodeflow.document.build.from_graph import from_graph
from nodeflow.document.io import flow
from nodeflow.graph.graph import Graph
from nodeflow.ops.user import PLUGINS


def save(graph: Graph, path: str | Path) -> None:
    """Write a graph as a ``.flow`` file, laid out, to be opened in the window.

    Nodes derived by an optimizer or ``gradients`` are left out; the file stores the macro node.

    Raises:
        FileProblem: the file cannot be written.
    """
    flow.save(from_graph(graph), path)


def load(path: str | Path) -> Graph:
    """The graph of a ``.flow`` file; its nodes are found by ``graph.tensor(name)``.

    User ops are loaded from the plugin folder, never from the file.

    Raises:
        FileProblem: the file is missing or damaged.
        NodeflowError: a node cannot run; names node and port.
    """
    PLUGINS.load_once()
    return build(flow.load(path), base_dir=Path(path).parent).graph
