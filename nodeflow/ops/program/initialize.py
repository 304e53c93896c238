"""Giving variables their initial values by a node, as TensorFlow 1's programs do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, a_type
from nodeflow.graph.declaration import Attr
from nodeflow.graph.graph import Node, Tensor, get_default_graph
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.query import Query
from nodeflow.graph.types import TensorType
from nodeflow.ops.base import register
from nodeflow.ops.variables.collections import global_variables, local_variables


@register
class Initialize(Op):
    """Give variables their initial values."""

    id = "initialize"
    category = "Internal"
    hidden = True
    doc = (
        "Gives variables their initial values.\n\nIt is the first thing that happens in a run that "
        "fetches or reaches it: everything else in that run sees the initial values. The numbers "
        "are those of `session.initialize()`."
    )
    stateful = True
    outputs = ()
    attrs = (
        Attr("variables", "names", None, "Names of the variables; none means all.", optional=True),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return ()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> tuple[()]:
        return ()

    def samples(self) -> Iterator[Sample]:
        yield Sample(())


def variables_initializer(var_list: Iterable[Tensor], name: str | None = "init") -> Node:
    """A node that gives variables their initial values when it is run.

    Raises:
        GraphError: one is no variable.
    """
    variables = _variables(var_list)
    graph = variables[0].graph if variables else get_default_graph()
    names = tuple(v.node.name for v in variables)
    return graph.add_node("initialize", (), {"variables": names}, name=name)


def global_variables_initializer() -> Node:
    """A node that gives all variables of the default graph their initial values.

    In TensorFlow 1 these are the variables that were made before it; here also those made later.
    """
    return get_default_graph().add_node("initialize", name="init")


def initialize_all_variables() -> Node:
    """The old name of `global_variables_initializer`."""
    return global_variables_initializer()


def initialize_variables(var_list: Iterable[Tensor], name: str | None = "init") -> Node:
    """The old name of `variables_initializer`."""
    return variables_initializer(var_list, name)


def local_variables_initializer() -> Node:
    """A node that gives the variables in ``local_variables`` their initial values."""
    return variables_initializer(local_variables(), "init_local")


def initialize_local_variables() -> Node:
    """The old name of `local_variables_initializer`."""
    return local_variables_initializer()


def tables_initializer(name: str | None = "init_all_tables") -> Node:
    """A node that does nothing: there are no look-up tables."""
    return get_default_graph().add_node("group", name=name)


def is_variable_initialized(variable: Tensor) -> Query:
    """Whether a variable has a value when a run begins: a bool, to be fetched or evaluated.

    Raises:
        GraphError: it is no variable.
    """
    (checked,) = _variables([variable])
    name = checked.node.name
    return Query("is_variable_initialized", lambda session: np.bool_(name in session.variables))


def report_uninitialized_variables(
    var_list: Iterable[Tensor] | None = None, name: str = "report_uninitialized_variables"
) -> Query:
    """The names of the variables without a value when a run begins, to be fetched or evaluated.

    Args:
        var_list: the variables to look at; None stands for all of the default graph.

    Raises:
        GraphError: one is no variable.
    """
    given = global_variables() if var_list is None else var_list
    names = [v.node.name for v in _variables(given)]

    def missing(session: Any) -> np.ndarray:
        return np.array([n for n in names if n not in session.variables], dtype=object)

    ask: Callable[[Any], np.ndarray] = missing
    return Query(name, ask)


def _variables(given: Any) -> list[Tensor]:
    """The variables in a list, which may also be one variable.

    Raises:
        GraphError: something in it is no variable.
    """
    if isinstance(given, (Tensor, Node)) or not isinstance(given, Iterable):
        given = [given]
    found = []
    for item in given:
        tensor = item.outputs[0] if isinstance(item, Node) and item.outputs else item
        if not isinstance(tensor, Tensor) or tensor.node.op.id != "variable":
            what = item.name if isinstance(item, (Tensor, Node)) else a_type(item)
            raise GraphError(f"{what} is not a variable", hint="Give a list of variables.")
        found.append(tensor)
    return found
