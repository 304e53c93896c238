"""Collections: named lists of tensors and nodes of a graph.

Collections of variables and of layers' updates follow from the graph: a variable is global unless
it was created with other collections. All other collections contain the items that a program added.
"""

from __future__ import annotations

import re
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Graph, Tensor, get_default_graph


class GraphKeys:
    """Names of the collections that nodeflow fills, as in TensorFlow 1."""

    GLOBAL_VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MODEL_VARIABLES = "model_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    METRIC_VARIABLES = "metric_variables"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    LOSSES = "losses"
    REGULARIZATION_LOSSES = "regularization_losses"
    UPDATE_OPS = "update_ops"
    SUMMARIES = "summaries"
    SUMMARY_OP = "summary_op"
    GLOBAL_STEP = "global_step"
    TRAIN_OP = "train_op"
    INIT_OP = "init_op"
    LOCAL_INIT_OP = "local_init_op"
    SAVERS = "savers"
    TABLE_INITIALIZERS = "table_initializer"


PLACED = "variables with collections of their own"
"""The collection of variables that were created with `collections`: (variable, names)."""


def add_to_collection(name: str, value: Any) -> None:
    """Add an object to a collection of the default graph."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: str | list[str] | tuple[str, ...], value: Any) -> None:
    """Add an object to several collections of the default graph, once to each."""
    for name in dict.fromkeys([names] if isinstance(names, str) else names or ()):
        add_to_collection(name, value)


def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """Return the contents of a collection of the default graph, in the order they were added.

    Args:
        key: one of `GraphKeys`, or any name.
        scope: a regular expression; keeps objects whose name begins with a match.
    """
    return members(get_default_graph(), key, scope)


def get_collection_ref(key: str) -> list[Any]:
    """Return the list object of a collection of the default graph, which may be changed.

    Raises:
        GraphError: it is a collection of variables or updates, which follow from the graph.
    """
    if key in (GraphKeys.GLOBAL_VARIABLES, GraphKeys.TRAINABLE_VARIABLES, GraphKeys.UPDATE_OPS):
        what = "layers" if key == GraphKeys.UPDATE_OPS else "variables"
        raise GraphError(
            f"{key!r} follows from the {what} of the graph, so it cannot be changed",
            hint="Use get_collection, and add_to_collection; variables say where they belong by "
            "trainable and collections.",
        )
    return get_default_graph().collections.setdefault(key, [])


def members(graph: Graph, key: str, scope: str | None = None) -> list[Any]:
    """Return the contents of a graph's collection, as `get_collection` does by default.

    Args:
        scope: a regular expression; keeps only items whose name begins with a match.
    """
    found = _variables(graph, key) if key in _OF_VARIABLES else []
    if key == GraphKeys.UPDATE_OPS:
        found = graph.update_ops
    found = [*found, *(v for v in graph.collections.get(key, ()) if not _in(v, found))]
    if scope is None:
        return found
    return [v for v in found if (name := getattr(v, "name", None)) and re.match(scope, name)]


def _in(item: Any, items: list[Any]) -> bool:
    return any(item is other for other in items)


_OF_VARIABLES = (
    GraphKeys.GLOBAL_VARIABLES,
    GraphKeys.TRAINABLE_VARIABLES,
    GraphKeys.LOCAL_VARIABLES,
)


def _variables(graph: Graph, key: str) -> list[Tensor]:
    placed: dict[Tensor, tuple[str, ...]] = dict(graph.collections.get(PLACED, ()))
    if key == GraphKeys.TRAINABLE_VARIABLES:
        return [v for v in graph.variables if v.node.attrs["trainable"]]
    return [v for v in graph.variables if key in placed.get(v, (GraphKeys.GLOBAL_VARIABLES,))]


def place_variable(variable: Tensor, collections: Any) -> None:
    """Put a new variable into collections; None means the collection of global variables."""
    if collections is None:
        return
    names = [collections] if isinstance(collections, str) else list(collections)
    variable.graph.add_to_collection(PLACED, (variable, tuple(names)))
    for name in names:
        if name not in _OF_VARIABLES:
            variable.graph.add_to_collection(name, variable)


def global_variables(scope: str | Graph | None = None) -> list[Tensor]:
    """Return the variables of the default or given graph, in the order of their creation.

    Args:
        scope: a regular expression; keeps variables whose name begins with a match.
    """
    return _of(GraphKeys.GLOBAL_VARIABLES, scope)


def trainable_variables(scope: str | Graph | None = None) -> list[Tensor]:
    """Return the variables that optimizers change by default, as `global_variables` does."""
    return _of(GraphKeys.TRAINABLE_VARIABLES, scope)


def local_variables(scope: str | Graph | None = None) -> list[Tensor]:
    """Return the variables in `GraphKeys.LOCAL_VARIABLES`, as `global_variables` does."""
    return _of(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope: str | Graph | None = None) -> list[Tensor]:
    """Return the variables in `GraphKeys.MODEL_VARIABLES`, as `global_variables` does."""
    return _of(GraphKeys.MODEL_VARIABLES, scope)


def _of(key: str, scope: str | Graph | None) -> list[Tensor]:
    if isinstance(scope, Graph):
        return members(scope, key)
    return get_collection(key, scope)


def moving_average_variables(scope: str | None = None) -> list[Tensor]:
    """Return the variables that an `ExponentialMovingAverage` averages.

    Args:
        scope: a regular expression; keeps variables whose name begins with a match.
    """
    return members(get_default_graph(), GraphKeys.MOVING_AVERAGE_VARIABLES, scope)
