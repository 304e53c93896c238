"""`tf.contrib.framework`: variables of models, found by scope and suffix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.integrations.tensorflow1.contrib.arg_scopes import add_arg_scope
from nodeflow.ops.variables.collections import (
    GraphKeys,
    add_to_collection,
    get_collection,
)
from nodeflow.ops.variables.scope import VariableScope, get_variable

__all__ = [
    "get_local_variables",
    "get_model_variables",
    "get_trainable_variables",
    "get_variables",
    "get_variables_by_name",
    "get_variables_to_restore",
    "model_variable",
    "variable",
]


@add_arg_scope
def variable(
    name: str,
    shape: Any = None,
    dtype: Any = "float32",
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    collections: Any = None,
    caching_device: Any = None,
    device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    use_resource: bool | None = None,
) -> Tensor:
    """Return a variable as `tf.get_variable` does; the last five arguments have no effect."""
    return get_variable(name, shape, dtype, initializer, regularizer, trainable, collections)


@add_arg_scope
def model_variable(name: str, *args: Any, **kwargs: Any) -> Tensor:
    """Return a variable as `variable` does, and add it to the model's variables."""
    return as_model_variable(variable(name, *args, **kwargs))


def as_model_variable(made: Tensor) -> Tensor:
    """Add a variable to the collection `MODEL_VARIABLES`, at most once, and return the variable."""
    if made not in get_collection(GraphKeys.MODEL_VARIABLES):
        add_to_collection(GraphKeys.MODEL_VARIABLES, made)
    return made


def get_variables(
    scope: str | VariableScope | None = None,
    suffix: str | None = None,
    collection: str = GraphKeys.GLOBAL_VARIABLES,
) -> list[Tensor]:
    """Return the variables in a collection whose names begin with a scope and end with a suffix."""
    start = scope.name if isinstance(scope, VariableScope) else scope
    found = get_collection(collection, start)
    return [v for v in found if suffix is None or v.op.name.endswith(suffix)]


def get_model_variables(
    scope: str | VariableScope | None = None, suffix: str | None = None
) -> list[Tensor]:
    """Return the model's variables: those that layers and `model_variable` made."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


def get_local_variables(
    scope: str | VariableScope | None = None, suffix: str | None = None
) -> list[Tensor]:
    """Return the local variables."""
    return get_variables(scope, suffix, GraphKeys.LOCAL_VARIABLES)


def get_trainable_variables(
    scope: str | VariableScope | None = None, suffix: str | None = None
) -> list[Tensor]:
    """Return the variables that optimizers change."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)


def get_variables_by_name(
    given_name: str, scope: str | VariableScope | None = None
) -> list[Tensor]:
    """Return the variables whose name, without scopes, is ``given_name``."""
    return [v for v in get_variables(scope) if v.op.name.rpartition("/")[2] == given_name]


def get_variables_to_restore(
    include: Sequence[str] | None = None, exclude: Sequence[str] | None = None
) -> list[Tensor]:
    """Return the variables in the scopes ``include`` and not in the scopes ``exclude``. By default,
    include all variables and exclude none.
    """

    def is_in(made: Tensor, scopes: Sequence[str]) -> bool:
        return any(made.op.name.startswith(scope) for scope in scopes)

    found = [v for v in get_variables() if include is None or is_in(v, include)]
    return [v for v in found if not is_in(v, exclude or ())]
