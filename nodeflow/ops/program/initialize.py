"""Nodes that initialize variables, as in TensorFlow 1's programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, a_type
from nodeflow.graph.declaration import Attr
from nodeflow.graph.graph import Node, Tensor, get_default_graph
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.session_hooks.session_query import Query
from nodeflow.graph.types import TensorType
from nodeflow.ops.base import register
from nodeflow.ops.variables.collections import global_variables, local_variables


@register
class Initialize(Op):
    """Initialization of variables."""

    id = "initialize"
    category = "Internal"
    hidden = True
    doc = (
        "Gives variables their initial values.\n\nIt is the first step of a run that fetches or "
        "reaches it, so everything else in that run reads the initial values. The numbers equal "
        "those from `session.initialize()`."
    )
    stateful = True
    outputs = ()
    attrs = (Attr("variables", "names", None, "Names of the variables; none: all.", optional=True),)

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return ()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> tuple[()]:
        return ()

    def samples(self) -> Iterator[Sample]:
        yield Sample(())


def variables_initializer(var_list: Iterable[Tensor], name: str | None = "init") -> Node:
    """Add a node that gives variables their initial values.

    Raises:
        GraphError: an entry of ``var_list`` is not a variable.
    """
    variables = _variables(var_list)
    graph = variables[0].graph if variables else get_default_graph()
    names = tuple(v.node.name for v in variables)
    return graph.add_node("initialize", (), {"variables": names}, name=name)


def global_variables_initializer() -> Node:
    """Add a node that gives all variables of the default graph their initial values.

    It includes variables made later; in TensorFlow 1 it has only those made before it.
    """
    return get_default_graph().add_node("initialize", name="init")


def initialize_all_variables() -> Node:
    """Call `global_variables_initializer`, under its old name."""
    return global_variables_initializer()


def initialize_variables(var_list: Iterable[Tensor], name: str | None = "init") -> Node:
    """Call `variables_initializer`, under its old name."""
    return variables_initializer(var_list, name)


def local_variables_initializer() -> Node:
    """Add a node that gives the variables in ``local_variables`` their initial values."""
    return variables_initializer(local_variables(), "init_local")


def initialize_local_variables() -> Node:
    """Call `local_variables_initializer`, under its old name."""
    return local_variables_initializer()


def tables_initializer(name: str | None = "init_all_tables") -> Node:
    """Add a node that does nothing, because there are no lookup tables."""
    return get_default_graph().add_node("group", name=name)


def is_variable_initialized(variable: Tensor) -> Query:
    """Return whether a variable has a value when a run begins: a bool to be fetched or evaluated.

    Raises:
        GraphError: it is no variable.
    """
    (checked,) = _variables([variable])
    name = checked.node.name
    return Query("is_variable_initialized", lambda session: np.bool_(name in session.variables))


def report_uninitialized_variables(
    var_list: Iterable[Tensor] | None = None, name: str = "report_uninitialized_variables"
) -> Query:
    """Return the names of variables without a value when a run begins, to be fetched or evaluated.

    Args:
        var_list: the variables to check; None: all of the default graph.

    Raises:
        GraphError: an entry of ``var_list`` is not a variable.
    """
    given = global_variables() if var_list is None else var_list
    names = [v.node.name for v in _variables(given)]

    def missing(session: Any) -> np.ndarray:
        return np.array([n for n in names if n not in session.variables], dtype=object)

    ask: Callable[[Any], np.ndarray] = missing
    return Query(name, ask)


def _variables(given: Any) -> list[Tensor]:
    """Return the variables of a list, or a single variable as a list.

    Raises:
        GraphError: an entry is no variable.
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
