"""The variables of a graph by their names in variable scopes, for `get_variable`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.errors import DtypeError, GraphError, ShapeError, suggest
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.types import FLOATS, Shape, compatible, dtype_name, shape_text
from nodeflow.ops.graph_building import variable
from nodeflow.ops.variables.collections import GraphKeys, place_variable

if TYPE_CHECKING:
    from nodeflow.ops.variables.scope import VariableScope

Regularizer = Callable[[Tensor], Tensor | None] | None
STORE = "variable store"
"""The collection with the variable store of a graph."""


class Reuse(Enum):
    """The mode of `get_variable` that creates or finds: `AUTO_REUSE` does either."""

    AUTO_REUSE = 1

    def __repr__(self) -> str:
        return f"nf.{self.name}"


AUTO_REUSE = Reuse.AUTO_REUSE


class VariableStore:
    """The state of variable scopes in one graph.

    Attributes:
        variables: full name in variable scopes -> the variable.
        layers: full name in variable scopes -> an output of the layer that owns the variables.
        scope: the current variable scope.
        opened: number of times each variable scope was opened, to make names unique.
    """

    def __init__(self, root: VariableScope) -> None:
        self.variables: dict[str, Tensor] = {}
        self.layers: dict[str, Tensor] = {}
        self.scope = root
        self.opened: Counter[str] = Counter()

    def forget_below(self, name: str) -> None:
        """Forget which variable scopes were opened inside a scope, because it is entered again.
        Unique names inside it are then counted from the start.
        """
        for inner in [key for key in self.opened if key.startswith(f"{name}/")]:
            del self.opened[inner]

    def unique(self, name: str) -> str:
        """Return a name for a new scope inside the current one."""
        prefix = f"{self.scope.name}/" if self.scope.name else ""
        if not self.opened[prefix + name]:
            return name
        count = 1
        while self.opened[f"{prefix}{name}_{count}"]:
            count += 1
        return f"{name}_{count}"

    def find(self, name: str) -> Tensor | None:
        """Return a variable made by `get_variable` or a layer, if the graph still has it."""
        found = self.variables.get(name)
        if found is None:
            return None
        graph, node = found.graph, found.node
        return found if node.name in graph and graph.node(node.name) is node else None


def store_of(graph: Graph) -> VariableStore:
    """Return the variable store of a graph, which holds its variables by name. Create it at the
    first call.
    """
    from nodeflow.ops.variables.scope import VariableScope

    kept = outermost(graph).collections.setdefault(STORE, [])
    if not kept:
        kept.append(VariableStore(VariableScope(reuse=False)))
    return kept[0]


def outermost(graph: Graph) -> Graph:
    """Return the graph around the bodies of loops and branches, where variables are created."""
    while (outer := getattr(graph, "outer", None)) is not None:
        graph = outer
    return graph


def get_or_make(
    graph: Graph,
    name: str,
    *,
    reuse: bool | Reuse | None,
    shape: Any,
    dtype: Any,
    initializer: Any,
    regularizer: Regularizer,
    trainable: bool,
    collections: Any,
) -> Tensor:
    """Find or create the variable of a full name, by TensorFlow 1's rules."""
    store, graph = store_of(graph), outermost(graph)
    wanted = None if shape is None else _as_shape(shape)
    known = store.find(name)
    if known is not None:
        return _shared(known, name, reuse, wanted, dtype)
    if reuse is True:
        raise GraphError(
            f"the variable {name!r} does not exist, or was not made with get_variable",
            hint=suggest(name, store.variables)
            or "To make it, use reuse=AUTO_REUSE or reuse=None in the variable scope.",
        )
    made = _made(graph, name, wanted, dtype, initializer, trainable)
    store.variables[name] = made
    place_variable(made, collections)
    regularize(graph, made, name, regularizer)
    return made


def regularize(graph: Graph, made: Tensor, name: str, regularizer: Regularizer) -> None:
    """Call a regularizer with a variable, and add the resulting loss to the graph's collection
    `REGULARIZATION_LOSSES`.
    """
    if regularizer is None:
        return
    with graph, graph.name_scope(None), graph.name_scope(f"{name}/Regularizer"):
        loss = regularizer(made)
    if loss is not None:
        graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)


def _shared(
    known: Tensor, name: str, reuse: bool | Reuse | None, shape: Shape | None, dtype: Any
) -> Tensor:
    if not reuse:
        raise GraphError(
            f"the variable {name!r} exists already",
            hint="To share it, use reuse=True or reuse=AUTO_REUSE in the variable scope.",
        )
    if shape is not None and not compatible(shape, known.shape):
        raise ShapeError(
            f"{name!r} is shared, but has shape {shape_text(known.shape)}, not {shape_text(shape)}",
            hint="Leave the shape out, or use another name.",
        )
    if dtype is not None and dtype_name(dtype) != known.dtype:
        raise DtypeError(
            f"{name!r} is shared, but is {known.dtype}, not {dtype_name(dtype)}",
            hint="Give the dtype that it was made with, or use another name.",
        )
    return known


def _made(
    graph: Graph, name: str, shape: Shape | None, dtype: Any, initializer: Any, trainable: bool
) -> Tensor:
    """Create a variable whose name does not depend on open name scopes."""
    own = dtype_name("float32" if dtype is None else dtype)
    if initializer is None:
        initializer = "glorot_uniform" if own in FLOATS else {"op": "fill", "value": 0}
    if isinstance(initializer, type):
        initializer = initializer()
    rest: dict[str, Any] = {"trainable": trainable, "name": name}
    with graph, graph.name_scope(None):
        if isinstance(initializer, Mapping) and initializer["op"] == "fill":
            value = np.asarray(initializer["value"]).astype(own)
            return variable(value.item(), own, shape=_full(name, shape), **rest)
        if isinstance(initializer, (str, Mapping)):
            return variable(initializer, own, shape=_full(name, shape), **rest)
        if callable(initializer):
            return variable(_called(graph, name, initializer, shape, own), own, **rest)
        if shape is not None:
            raise ShapeError(
                f"the new variable {name!r} has a value, so it takes no shape",
                hint="Leave the shape out, or use constant_initializer(value).",
            )
        return variable(initializer, dtype, **rest)


def _called(graph: Graph, name: str, function: Any, shape: Shape | None, dtype: str) -> Any:
    """Return the result of an initializer function, called with shape and dtype, or without
    arguments.
    """
    with graph.name_scope(f"{name}/Initializer"):
        return function() if shape is None else function(shape, dtype=dtype)


def _full(name: str, shape: Shape | None) -> tuple[int, ...]:
    known = tuple(size for size in shape or () if size is not None)
    if shape is None or len(known) < len(shape):
        raise ShapeError(
            f"the shape of the new variable {name!r} must be known, but it is "
            f"{'not given' if shape is None else shape_text(shape)}",
            hint="Give every size.",
        )
    return known


def _as_shape(shape: Any) -> Shape:
    sizes: Sequence[Any] = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    try:
        return tuple(None if size is None else int(size) for size in sizes)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{shape!r} is not a shape", hint="Give a list of sizes.") from error
