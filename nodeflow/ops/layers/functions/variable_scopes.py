"""Variable scopes for the layers of `nf.layers`: names, reuse, initializers, regularizers.

Layers are named as in TensorFlow 1: by the variable scope, where a default name is made unique. If
the variables exist and are to be shared, the call adds a node that shares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nodeflow.errors import AttributeProblem, GraphError
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.ops.layers.layer import shared_op
from nodeflow.ops.layers.sharing import inside_of
from nodeflow.ops.variables.collections import GraphKeys
from nodeflow.ops.variables.scope import VariableScope
from nodeflow.ops.variables.store import VariableStore, regularize, store_of

Regularizer = Callable[[Tensor], Tensor | None] | None


def make_or_share(
    graph: Graph,
    op: str,
    inputs: Sequence[Any],
    attrs: dict[str, Any],
    *,
    name: str | None,
    reuse: Any,
    regularizers: Mapping[str, Regularizer],
    owner: Tensor | None = None,
) -> Any:
    """Add a layer with its own variables, or with the shared variables of its name.

    Args:
        reuse: whether to share; None: as set in the variable scope.
        regularizers: name of a variable -> its regularizer; None: as set in the variable scope.
        owner: the layer to share with, whatever its name.

    Raises:
        GraphError: the variables exist but are not to be shared, or are to be shared but do not
            exist.
    """
    store = store_of(graph)
    scope = store.scope
    base = op.rpartition("/")[2]
    own = name or store.unique(base)
    full = scope.full_name(own)
    store.opened[full] += 1
    if owner is None:
        owner = _found(store, full, scope.reuse if reuse is None else reuse)
    if owner is not None:
        kept = {k: v for k, v in attrs.items() if not k.endswith("_initializer")}
        outs = graph.add_node(shared_op(op), [owner, *inputs], kept, name=own).outputs
        return outs[0] if len(outs) == 1 else outs
    for key, initializer in attrs.items():
        if key.endswith("_initializer"):
            attrs[key] = as_attribute(key, initializer)
    node_name = _node_name(graph, scope, own)
    with graph.name_scope(None):
        made = graph.apply(op, *inputs, name=node_name, **attrs)
    _remember(store, full, made if isinstance(made, Tensor) else made[0], regularizers, scope)
    return made


def _found(store: VariableStore, full: str, reuse: Any) -> Tensor | None:
    """Return the layer whose variables are to be shared; None if they are to be created.

    Raises:
        GraphError: the variables exist but must not, or do not exist but must, by `reuse`.
    """
    known = store.layers.get(full)
    if known is not None and not _is_there(known):
        known = None
    if known is not None and not reuse:
        raise GraphError(
            f"the variables of the layer {full!r} exist already",
            node=full,
            hint="To share them, use reuse=True here or reuse=AUTO_REUSE in the variable scope; "
            "for others give another name.",
        )
    if known is None and reuse is True:
        raise GraphError(
            f"there is no layer {full!r} to share variables with",
            node=full,
            hint="To make it, use reuse=AUTO_REUSE in the variable scope.",
        )
    return known


def _is_there(made: Tensor) -> bool:
    graph, node = made.graph, made.node
    return node.name in graph and graph.node(node.name) is node


def _node_name(graph: Graph, scope: VariableScope, own: str) -> str:
    """Join the names of the variable scope, of name scopes opened inside it, and of the layer."""
    opened = scope.opened_scope.rstrip("/")
    inside = graph.scope
    if opened and (inside == opened or inside.startswith(f"{opened}/")):
        inside = inside[len(opened) :].lstrip("/")
    parts = [scope.name, inside, own] if opened or scope.name else [inside, own]
    return "/".join(part for part in parts if part)


def _remember(
    store: VariableStore,
    full: str,
    made: Tensor,
    regularizers: Mapping[str, Regularizer],
    scope: VariableScope,
) -> None:
    store.layers[full] = made
    for key, variable in inside_of(made.node).items():
        store.variables[f"{full}/{key}"] = variable
        given = regularizers.get(key) or (scope.regularizer if key in regularizers else None)
        regularize(made.graph, variable, f"{full}/{key}", given)


def as_attribute(name: str, initializer: Any) -> Any:
    """Return an initializer as a layer's attribute.

    Raises:
        AttributeProblem: it is a function, which a layer cannot store.
    """
    found = initializer() if isinstance(initializer, type) else initializer
    if found is not None and not isinstance(found, (str, Mapping)):
        raise AttributeProblem(
            f"{name} must be one of initializers or its name, not {type(found).__name__}",
            port=name,
            hint="A layer keeps how its variables begin; make the variable by get_variable for "
            "anything else.",
        )
    return found


def add_activity(out: Tensor, regularizer: Regularizer) -> Tensor:
    """Add a penalty on the output to the regularization losses. Return the output."""
    if regularizer is not None:
        with out.graph.name_scope("ActivityRegularizer"):
            loss = regularizer(out)
        if loss is not None:
            out.graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return out
