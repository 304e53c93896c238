"""Summaries as functions, with TensorFlow 1's names, arguments and defaults.

Each function makes a node. A session that fetches the node returns the serialized Summary as bytes,
for `FileWriter.add_summary`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Graph, Node, Tensor, get_default_graph
from nodeflow.ops.summaries.ops import MergeSummary, Summary, leaves

SUMMARIES = "summaries"
"""The collection of all summaries that `merge_all` merges."""


def scalar(
    name: str, tensor: Any, collections: Iterable[str] | None = None, family: str | None = None
) -> Node:
    """Record a number. Its name in TensorBoard is the node's name, with scopes.

    Args:
        tensor: a scalar; a training of the graph measures and plots it as a metric.
        collections: collections that the node joins; default ``summaries``.
        family: prefix of its name in TensorBoard, which groups by it.

    Raises:
        ShapeError: it is more than one number.
    """
    return _summary("summary/scalar", name, (tensor,), collections, family)


def histogram(
    name: str, values: Any, collections: Iterable[str] | None = None, family: str | None = None
) -> Node:
    """Record the distribution of values of any shape.

    Args:
        values: a tensor of any shape.
        collections, family: the same as for `scalar`.
    """
    return _summary("summary/histogram", name, (values,), collections, family)


def image(
    name: str,
    tensor: Any,
    max_outputs: int = 3,
    collections: Iterable[str] | None = None,
    family: str | None = None,
) -> Node:
    """Record the first pictures of a batch.

    Args:
        tensor: (n, height, width, channels) with 1, 3 or 4 channels. uint8 is shown unchanged;
            floats are scaled, each picture by itself.
        max_outputs: maximum number of pictures.

    Raises:
        ShapeError: it has another shape.
    """
    return _summary("summary/image", name, (tensor,), collections, family, max_outputs=max_outputs)


def text(name: str, tensor: str, collections: Iterable[str] | None = None) -> Node:
    """Record a Python string, which TensorBoard shows as Markdown."""
    if not isinstance(tensor, str):
        raise GraphError(f"a text summary takes a Python string, not {tensor!r:.40}")
    return _summary("summary/text", name, (), collections, None, text=tensor)


def merge(
    inputs: Sequence[Node], collections: Iterable[str] | None = None, name: str | None = None
) -> Node:
    """Merge several summaries into one.

    Raises:
        GraphError: an input is no summary, or two have the same name.
    """
    nodes: list[Any] = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    for node in nodes:
        if not isinstance(node, Node) or not isinstance(node.op, Summary):
            raise GraphError(
                f"only summaries can be merged, not {node!r:.60}",
                hint="Make it by nf.summary.scalar, histogram, image or text.",
            )
    graph = nodes[0].graph if nodes else get_default_graph()
    node = graph.add_node(MergeSummary.id, name=name, control_inputs=nodes)
    leaves(node)
    _collect(graph, node, collections, ())
    return node


def merge_all(key: str = SUMMARIES, scope: str | None = None) -> Node | None:
    """Merge all summaries of the default graph into one. Return None if there are none.

    Args:
        key: the collection of the summaries.
        scope: a regular expression for the beginning of their names.
    """
    nodes = [
        node
        for node in get_default_graph().get_collection(key)
        if scope is None or re.match(scope, node.name)
    ]
    return merge(nodes) if nodes else None


def _summary(
    op: str,
    name: str,
    inputs: tuple[Any, ...],
    collections: Iterable[str] | None,
    family: str | None,
    **attrs: Any,
) -> Node:
    if not isinstance(name, str) or not name:
        raise GraphError(
            f"a summary needs a name first, not {name!r:.40}",
            hint="Write nf.summary.scalar('loss', loss).",
        )
    first = next((value for value in inputs if isinstance(value, Tensor)), None)
    graph = get_default_graph() if first is None else first.graph
    cleaned = _cleaned(name)
    node_name = re.sub(r"[^/\w]", "_", cleaned)
    tag = cleaned if node_name != cleaned else ""
    if family:
        tag = f"{_cleaned(family)}/{cleaned}"
    node = graph.add_node(op, inputs, {"tag": tag, **attrs}, name=node_name)
    _collect(graph, node, collections, (SUMMARIES,))
    return node


def _cleaned(name: str) -> str:
    """Return a name with underscores in place of the characters that TensorBoard rejects."""
    return re.sub(r"[^-/\w.]", "_", name).lstrip("/")


def _collect(
    graph: Graph, node: Node, collections: Iterable[str] | None, default: Iterable[str]
) -> None:
    for key in default if collections is None else collections:
        graph.add_to_collection(key, node)
