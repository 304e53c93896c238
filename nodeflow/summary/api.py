"""Summaries as functions, with TensorFlow 1's names, arguments and defaults.

Each makes a node. Fetched by a session, it gives the serialized Summary, as bytes, for
`FileWriter.add_summary`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Graph, Node, Tensor, get_default_graph
from nodeflow.ops.summaries.ops import MergeSummary, Summary, leaves

SUMMARIES = "summaries"
"""The collection of all summaries, which `merge_all` merges."""


def scalar(
    name: str, tensor: Any, collections: Iterable[str] | None = None, family: str | None = None
) -> Node:
    """Record a number; its name in TensorBoard is the node's, scopes included.

    Args:
        tensor: a scalar; a training of the graph measures and plots it as a metric.
        collections: those that the node joins; default ``summaries``.
        family: put before its name in TensorBoard, which groups by it.

    Raises:
        ShapeError: it is more than one number.
    """
    return _summary("summary/scalar", name, (tensor,), collections, family)


def histogram(
    name: str, values: Any, collections: Iterable[str] | None = None, family: str | None = None
) -> Node:
    """Record the distribution of values of any shape; arguments as of `scalar`."""
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
        tensor: (n, height, width, channels) with 1, 3 or 4 channels. uint8 is shown as it is;
            floats are scaled, each picture by itself.
        max_outputs: how many pictures at most.

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
    """Several summaries as one.

    Raises:
        GraphError: something that is no summary, or two of the same name.
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
    """All summaries of the default graph as one; None if there are none.

    Args:
        key: the collection that has them.
        scope: a regular expression that their names begin with.
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
    """A name as TensorBoard takes it."""
    return re.sub(r"[^-/\w.]", "_", name).lstrip("/")


def _collect(
    graph: Graph, node: Node, collections: Iterable[str] | None, default: Iterable[str]
) -> None:
    for key in default if collections is None else collections:
        graph.add_to_collection(key, node)
