"""The global step: one variable of a graph that counts training steps."""

from __future__ import annotations

from typing import Any

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Graph, Tensor, get_default_graph

NAME = "global_step"
"""The name of the variable and of its collection."""


def get_global_step(graph: Graph | None = None) -> Tensor | None:
    """Return the variable that counts a graph's steps; None if there is none.

    It is the variable in the collection ``global_step``, or the variable of that name.

    Raises:
        GraphError: the variable is no integer scalar.
    """
    graph = graph or get_default_graph()
    kept = graph.get_collection(NAME)
    if not kept and NAME not in graph:
        return None
    found = kept[0] if kept else graph.tensor(NAME)
    return _checked(found)


def create_global_step(graph: Graph | None = None) -> Tensor:
    """Create the variable ``global_step``: int64, 0, not trained.

    Raises:
        GraphError: the graph already has one.
    """
    graph = graph or get_default_graph()
    if get_global_step(graph) is not None:
        raise GraphError(
            "this graph already has a global step", hint="Use get_or_create_global_step."
        )
    with graph, graph.name_scope(None), graph.control_dependencies(None):
        step = graph.apply("variable", value=0, dtype="int64", trainable=False, name=NAME)
    graph.add_to_collection(NAME, step)
    return step


def get_or_create_global_step(graph: Graph | None = None) -> Tensor:
    """Return the variable that counts a graph's steps. Create it if there is none."""
    graph = graph or get_default_graph()
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def global_step(sess: Any, global_step_tensor: Tensor) -> int:
    """Return the value of the global step variable in a session as an int."""
    return int(sess.run(_checked(global_step_tensor)))


def _checked(tensor: Any) -> Tensor:
    fits = isinstance(tensor, Tensor) and tensor.shape == () and tensor.dtype in ("int32", "int64")
    if not fits:
        raise GraphError(
            f"{getattr(tensor, 'name', tensor)} cannot count steps",
            hint="Give an int32 or int64 scalar variable, as get_or_create_global_step makes.",
        )
    return tensor


def assert_global_step(global_step_tensor: Tensor) -> None:
    """Return a tensor, after checking that it can be TensorFlow's global step.

    Raises:
        GraphError: it is no integer scalar.
    """
    _checked(global_step_tensor)
