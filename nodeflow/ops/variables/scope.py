"""`variable_scope` and `get_variable`: variables by name, shared if a scope says so.

The rules are TensorFlow 1's. A variable's name depends only on variable scopes, an op's name only
on name scopes. A variable scope opens a name scope of the same name. Entered again, it opens
`scope_1`, while its variables are still named `scope/...`. Inner scopes inherit initializer,
regularizer and reuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nodeflow.errors import GraphError, NameProblem
from nodeflow.graph.graph import Graph, Tensor, get_default_graph
from nodeflow.ops.graph_building import variable
from nodeflow.ops.variables.collections import GraphKeys, members, place_variable
from nodeflow.ops.variables.store import (
    AUTO_REUSE,
    Regularizer,
    Reuse,
    get_or_make,
    store_of,
)

__all__ = [
    "AUTO_REUSE",
    "Variable",
    "VariableScope",
    "get_local_variable",
    "get_variable",
    "get_variable_scope",
    "variable_scope",
]


class VariableScope:
    """A variable scope: where `get_variable` looks, and the defaults of new variables.

    Attributes:
        name: name of the scope, with the outer ones; empty for the outermost one.
        reuse: False creates variables, True finds them, `AUTO_REUSE` does either.
        initializer: default initializer of new variables.
        regularizer: default regularizer of new variables.
        dtype: default dtype of new variables.
        original_name_scope: the name scope that was opened with the scope, ``scope/``.
        opened_scope: the name scope that was opened at the last entry, ``scope_1/``.
    """

    def __init__(
        self,
        reuse: bool | Reuse | None,
        name: str = "",
        initializer: Any = None,
        regularizer: Regularizer = None,
        dtype: Any = None,
        name_scope: str = "",
    ) -> None:
        self.name = name
        self.reuse = reuse
        self.initializer = initializer
        self.regularizer = regularizer
        self.dtype = dtype
        self.original_name_scope = name_scope
        self.opened_scope = name_scope

    def reuse_variables(self) -> None:
        """From now on, find variables and create none."""
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """Set the default initializer of new variables."""
        self.initializer = initializer

    def set_regularizer(self, regularizer: Regularizer) -> None:
        """Set the default regularizer of new variables."""
        self.regularizer = regularizer

    def set_dtype(self, dtype: Any) -> None:
        """Set the default dtype of new variables."""
        self.dtype = dtype

    def get_collection(self, name: str) -> list[Any]:
        """Return the objects of a collection of the default graph whose names begin with the name
        of this variable scope.
        """
        return members(get_default_graph(), name, f"{self.name}/" if self.name else None)

    def global_variables(self) -> list[Tensor]:
        """Return the global variables of this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Tensor]:
        """Return the local variables of this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def trainable_variables(self) -> list[Tensor]:
        """Return the trainable variables of this scope."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def full_name(self, name: str) -> str:
        """Return the name of a variable with the scope in front."""
        return f"{self.name}/{name}" if self.name else name

    def get_variable(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Regularizer = None,
        reuse: bool | Reuse | None = None,
        trainable: bool | None = None,
        collections: Any = None,
        graph: Graph | None = None,
    ) -> Tensor:
        """Return a variable of this scope, as `nodeflow.get_variable` does."""
        local = collections is not None and GraphKeys.LOCAL_VARIABLES in collections
        return get_or_make(
            graph or get_default_graph(),
            self.full_name(name),
            reuse=self.reuse if reuse is None else reuse,
            shape=shape,
            dtype=self.dtype if dtype is None else dtype,
            initializer=self.initializer if initializer is None else initializer,
            regularizer=self.regularizer if regularizer is None else regularizer,
            trainable=not local if trainable is None else trainable,
            collections=collections,
        )

    def __repr__(self) -> str:
        return f"<VariableScope {self.name!r} reuse={self.reuse!r}>"


def get_variable_scope() -> VariableScope:
    """Return the current variable scope of the default graph."""
    return store_of(get_default_graph()).scope


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Regularizer = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Tensor:
    """Return the variable of a name in the current variable scope, a new or an existing one.

    The scope's `reuse` decides: False creates a variable, True finds one, `AUTO_REUSE` does
    either. Variables of layers are found as well (``dense/kernel``).

    Args:
        name: name inside the scope.
        shape: sizes; left out if the initializer is a value.
        dtype: None: the scope's, or float32.
        initializer: one of `initializers`, a function of shape and dtype, a tensor, an array or
            numbers; None: the scope's, or Glorot's, uniform, and 0 for integers.
        regularizer: a function of the variable, such as `layers.l2_regularizer(0.01)`, whose
            result is added to the regularization losses.
        trainable: whether optimizers change it; None: yes, except for local variables.
        collections: names of its collections; None: the global variables.
        caching_device, partitioner, validate_shape, use_resource, synchronization, aggregation:
            accepted for TensorFlow 1; they change nothing here.

    Raises:
        GraphError: the variable exists but is not to be shared, or is to be shared but does not
            exist.
        ShapeError, DtypeError: it is shared, with another shape or dtype.
    """
    _refuse(name, custom_getter=custom_getter, constraint=constraint)
    return get_variable_scope().get_variable(
        name, shape, dtype, initializer, regularizer, None, trainable, collections
    )


def get_local_variable(name: str, shape: Any = None, dtype: Any = None, **rest: Any) -> Tensor:
    """Return a variable as `get_variable` does, but not trained and in the local collection."""
    rest = {"trainable": False, "collections": [GraphKeys.LOCAL_VARIABLES], **rest}
    return get_variable(name, shape, dtype, **rest)


def _refuse(name: str, **given: Any) -> None:
    for argument, value in given.items():
        if value is not None:
            raise GraphError(
                f"{argument} is not supported",
                node=name if isinstance(name, str) else None,
                hint="Apply it to the variable where it is used.",
            )


@contextmanager
def variable_scope(
    name_or_scope: str | VariableScope | None,
    default_name: str | None = None,
    values: Any = None,
    initializer: Any = None,
    regularizer: Regularizer = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: bool | Reuse | None = None,
    dtype: Any = None,
    use_resource: bool | None = None,
    constraint: Any = None,
    auxiliary_name_scope: bool = True,
) -> Iterator[VariableScope]:
    """Open a variable scope: variables and ops made inside are named ``scope/...``.

    Args:
        name_or_scope: a name, or a scope to enter again: the result of `as`, or
            `get_variable_scope()`. None: `default_name`.
        default_name: a name, made unique among the scopes opened so far.
        values: tensors, whose graph is used.
        initializer: default initializer of variables inside.
        regularizer: default regularizer of variables inside.
        reuse: True finds variables and creates none, `AUTO_REUSE` does either; None and False
            inherit from outside.
        dtype: default dtype of variables inside.
        auxiliary_name_scope: whether to open a name scope for ops as well.

    Raises:
        GraphError: there is neither a name nor a default name, or reuse is invalid.
    """
    _refuse("variable_scope", custom_getter=custom_getter, constraint=constraint)
    if not (reuse is None or isinstance(reuse, (bool, Reuse))):
        raise GraphError(
            f"reuse must be True, False, None or AUTO_REUSE, not {reuse!r}",
            node="variable_scope",
        )
    graph = _graph_of(values)
    opening = _Opening(graph, name_or_scope, default_name, reuse)
    with opening.name_scope(auxiliary_name_scope) as name_scope:
        given = {"initializer": initializer, "regularizer": regularizer, "dtype": dtype}
        made = opening.scope(name_scope, {k: v for k, v in given.items() if v is not None})
        with opening.entered(made):
            yield made


class _Opening:
    """A variable scope while it is being opened in a graph."""

    def __init__(
        self,
        graph: Graph,
        name_or_scope: str | VariableScope | None,
        default_name: str | None,
        reuse: bool | Reuse | None,
    ) -> None:
        self.graph = graph
        self.store = store_of(graph)
        self.jump = name_or_scope if isinstance(name_or_scope, VariableScope) else None
        self.reuse = reuse
        if name_or_scope is None:
            self.name = self._default(default_name)
            self.part = str(default_name)
        elif self.jump is not None:
            self.name = self.jump.name
            self.part = self.name.rpartition("/")[2]
        elif isinstance(name_or_scope, str) and name_or_scope:
            self.name = self.store.scope.full_name(name_or_scope)
            self.part = name_or_scope
        else:
            raise NameProblem(
                f"{name_or_scope!r} is not a variable scope",
                hint="Give a name, or the scope from `with ... as`.",
            )

    def _default(self, default_name: str | None) -> str:
        if not isinstance(default_name, str):
            raise GraphError(
                "a variable scope needs a name", node="variable_scope", hint="Or a default_name."
            )
        if self.reuse:
            raise GraphError(
                "reuse needs the name of the shared scope",
                node="variable_scope",
                hint="Give name_or_scope instead of default_name.",
            )
        return self.store.scope.full_name(self.store.unique(default_name))

    @contextmanager
    def name_scope(self, wanted: bool) -> Iterator[str]:
        if not wanted or not self.part:
            yield f"{self.graph.scope}/" if self.graph.scope else ""
            return
        with self.graph.name_scope(self.part) as name:
            yield name

    def scope(self, name_scope: str, given: dict[str, Any]) -> VariableScope:
        base = self.jump or self.store.scope
        kept = {key: getattr(base, key) for key in ("initializer", "regularizer", "dtype")}
        original = name_scope if self.jump is None else self.jump.original_name_scope
        made = VariableScope(
            self.reuse or base.reuse, self.name, name_scope=original, **{**kept, **given}
        )
        made.opened_scope = name_scope
        return made

    @contextmanager
    def entered(self, made: VariableScope) -> Iterator[None]:
        store, outside = self.store, self.store.scope
        before = store.opened.copy() if self.jump is not None else None
        store.opened[made.name] += 1
        store.scope = made
        try:
            with self.graph:
                yield
        finally:
            store.scope = outside
            if before is not None:
                store.opened = before
            else:
                store.forget_below(made.name)


def _graph_of(values: Any) -> Graph:
    listed = values if isinstance(values, (list, tuple)) else [values]
    tensors = [v for v in listed if isinstance(v, Tensor)]
    return tensors[0].graph if tensors else get_default_graph()


def Variable(
    initial_value: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    validate_shape: bool = True,
    caching_device: Any = None,
    name: str | None = None,
    variable_def: Any = None,
    dtype: Any = None,
    expected_shape: Any = None,
    import_scope: Any = None,
    constraint: Any = None,
    use_resource: bool | None = None,
    synchronization: Any = None,
    aggregation: Any = None,
    shape: Any = None,
) -> Tensor:
    """Create a variable with an initial value, from TensorFlow 1's arguments. It is a tensor.

    Arguments without a description are accepted for TensorFlow 1; they change nothing here.

    Args:
        initial_value: a tensor, numbers, an array, one of `initializers` with `expected_shape`,
            or a function without arguments that returns one of these.
        trainable: whether optimizers change it; None: yes, except for local variables.
        collections: names of its collections; None: the global variables.
        name: wanted name; made unique.
        dtype: None: the dtype of the value.
        shape: another name of expected_shape.

    Raises:
        GraphError: there is no initial value, or it does not fit the dtype.
    """
    _refuse(name or "Variable", constraint=constraint)
    if initial_value is None:
        raise GraphError("a variable needs an initial value", node=name or "Variable")
    local = collections is not None and GraphKeys.LOCAL_VARIABLES in collections
    if callable(initial_value) and not isinstance(initial_value, (Tensor, Mapping)):
        initial_value = initial_value()
    made = variable(
        initial_value,
        dtype,
        not local if trainable is None else trainable,
        name or "Variable",
        shape if expected_shape is None else expected_shape,
    )
    place_variable(made, collections)
    return made
