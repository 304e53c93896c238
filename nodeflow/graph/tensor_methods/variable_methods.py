"""The methods of a variable's output: assign it, initialize it, load it.

TensorFlow 1 has a separate class for variables. Here a variable is a node, and its output serves as
the variable. On any other tensor these methods raise an error.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

from nodeflow.errors import GraphError
from nodeflow.graph.session_hooks.default_session import session_for


class VariableMethods:
    """The base class of `Tensor` with TensorFlow 1's methods of a variable."""

    __slots__ = ()

    node: Any

    @abstractmethod
    def _apply(self, op: str, *inputs: Any, **attrs: Any) -> Any:
        """Add a node that applies an op to inputs to the graph of this tensor."""

    def _variable(self, wanted: str) -> Any:
        """Return the node of this variable. ``wanted`` describes the attempted call for the error
        message.

        Raises:
            GraphError: the tensor is the output of another op.
        """
        if self.node.op.id != "variable":
            raise GraphError(
                f"{wanted} is for variables, but this is the output of {self.node.op.id}",
                node=self.node.name,
                hint="Make one with nf.variable.",
            )
        return self.node

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None) -> Self:
        """Add a node that assigns a value of the same shape to this variable when it runs. Return
        the node's output, the new value.

        Args:
            use_locking: accepted for TensorFlow 1; a run never reads half of an assignment.

        Raises:
            GraphError: this is not a variable, or the value does not fit it.
        """
        self._variable("assign")
        return self._apply("assign", self, value, name=name)

    def assign_add(self, delta: Any, use_locking: bool = False, name: str | None = None) -> Self:
        """Add a node that adds ``delta`` to this variable when it runs. Return the node's output,
        the new value.
        """
        self._variable("assign_add")
        return self._apply("assign", self, self._apply("add", self, delta), name=name)

    def assign_sub(self, delta: Any, use_locking: bool = False, name: str | None = None) -> Self:
        """Add a node that subtracts ``delta`` from this variable when it runs. Return the node's
        output, the new value.
        """
        self._variable("assign_sub")
        return self._apply("assign", self, self._apply("subtract", self, delta), name=name)

    def value(self) -> Self:
        """Return this tensor, which has the variable's value in each run. For compatibility with
        TensorFlow 1.
        """
        self._variable("value")
        return self

    def read_value(self) -> Self:
        """Return a separate tensor with the variable's value: ``NAME/read``."""
        node = self._variable("read_value")
        with node.graph.name_scope(f"{node.name}/"):
            return self._apply("identity", self, name="read")

    @property
    def initial_value(self) -> Self:
        """The initial value of the variable, as a tensor.

        A random initializer has the variable's stream. When variables are initialized, it draws the
        variable's numbers; in each run it draws new ones.
        """
        node = self._variable("initial_value")
        if node.inputs:
            return node.inputs[0]
        with node.graph.name_scope(f"{node.name}/"):
            return _initial_value(node)

    def initialized_value(self) -> Self:
        """Return the initial value of the variable, for use as the initial value of another
        variable.
        """
        return self.initial_value

    @property
    def initializer(self) -> Any:
        """The node ``NAME/Assign``, which gives the variable its initial value in a run.

        The numbers are the same as in `Session.initialize`, including drawn ones.
        """
        node = self._variable("initializer")
        made = node.graph.initializers
        if node not in made:
            with node.graph.name_scope(f"{node.name}/"):
                attrs = {"variables": (node.name,)}
                made[node] = node.graph.add_node("initialize", (), attrs, name="Assign")
        return made[node]

    def load(self, value: Any, session: Any = None) -> None:
        """Set the variable's value in a session, by default the default session, without adding a
        node.

        Raises:
            GraphError: this is not a variable.
            FeedError: the value does not fit the variable.
            RunError: there is no session.
        """
        node = self._variable("load")
        session_for(session, node.name, "load").variables[node.name] = value


def _initial_value(node: Any) -> Any:
    attrs, type_ = node.attrs, node.outputs[0].type
    initializer, graph, name = attrs["initializer"], node.graph, "initial_value"
    if initializer is None:
        value = graph.apply("constant", value=attrs["value"], dtype=type_.dtype, name=name)
        if value.shape == type_.shape:
            return value
        return graph.apply("broadcast_to", value, shape=type_.shape, name="spread")
    given = {k: v for k, v in initializer.items() if k != "op"}
    if attrs["seed"] is not None:
        given["seed"] = attrs["seed"]
    given.update(shape=type_.shape, dtype=type_.dtype)
    return graph.add_node(initializer["op"], (), given, name=name, stream=node.stream).outputs[0]
