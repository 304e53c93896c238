"""The call of a user's function while the graph is built, to get the body of a loop or branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nodeflow.errors import GraphError, NodeflowError
from nodeflow.graph.body_graph import BodyGraph
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.graph.types import TensorType
from nodeflow.ops.control_flow import nest
from nodeflow.ops.control_flow.scan_body import to_text


class Traced:
    """The nodes that a function adds to a graph of its own: a branch of a condition, or a loop's
    body.

    Args:
        graph: the graph around it.
        function: the function, called once, with tensors that stand for its inputs.
        types: types of the inputs.
        names: names of the inputs in the new graph.
        call: calls the function with the list of tensors, arranged as the function expects.
        dtypes: dtypes for outputs that are bare literals; None means their own.
        what: name of the function in errors: "true_fn".
        may_assign: whether the function may assign to variables, and return a node without a
            value, such as a group of assigns. In place of such a node, the output is true in the
            branch ``true_fn`` and else false, as in TensorFlow.

    Attributes:
        result: the result of the function.
        outputs: the tensors in it.
        assigned: variable -> its new value, for assigns that the result depends on.
    """

    def __init__(
        self,
        graph: Graph,
        function: Callable[..., Any],
        types: Sequence[TensorType],
        names: Sequence[str],
        call: Callable[[Callable[..., Any], list[Tensor]], Any],
        what: str,
        dtypes: Sequence[str | None] = (),
        *,
        may_assign: bool = False,
    ) -> None:
        if not callable(function):
            raise GraphError(
                f"{what} must be a function, not {type(function).__name__}",
                hint=f"Write {what} as a function or lambda that returns tensors.",
            )
        self.what = what
        self.graph = BodyGraph(graph, may_assign=may_assign)
        self._may_assign = may_assign
        self.inputs = [
            self.graph.add_input(type_, name) for type_, name in zip(types, names, strict=True)
        ]
        with self.graph:
            self.result = call(function, self.inputs)
            leaves = nest.flatten(self.result)
            wanted = dtypes if len(dtypes) == len(leaves) else [None] * len(leaves)
            self.outputs = [self._tensor(v, d) for v, d in zip(leaves, wanted, strict=True)]
        self.assigned = self._reached(leaves) if self.graph.assigned else {}

    def _tensor(self, value: Any, dtype: str | None) -> Tensor:
        if self._may_assign and isinstance(value, Node) and self._is_done(value):
            chosen = self.what == "true_fn"
            return self.graph.apply("constant", value=chosen, dtype="bool", name=value.name)
        if value is None or (isinstance(value, Node) and not value.outputs):
            said = "nothing" if value is None else f"{value.name}, which has no value"
            raise GraphError(f"{self.what} returns {said}", hint="Return tensors.")
        if isinstance(value, Node):
            value = value.outputs[0]
        try:
            return self.graph.as_tensor(value, dtype)
        except NodeflowError as error:
            error.message = f"{self.what} returns something else: {error.message}"
            raise

    def _is_done(self, node: Node) -> bool:
        """Return whether a node has no outputs and no side effects except assigns, which the trace
        records separately. The caller may then return a constant instead of the node.
        """
        if node.outputs or node.graph is not self.graph:
            return False
        idle = ("group", "placeholder")
        return all(n.op.id in idle or not n.op.stateful for n in ancestors([node]))

    def _reached(self, leaves: Sequence[Any]) -> dict[Tensor, Tensor]:
        """Return the assigned values that the result needs; TensorFlow runs no other assigns."""
        nodes = [leaf.node if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        needed = ancestors(n for n in nodes if isinstance(n, Node) and n.graph is self.graph)
        last = {
            variable: [value for value in values if value.node in needed]
            for variable, values in self.graph.assigned.items()
        }
        return {variable: values[-1] for variable, values in last.items() if values}

    def value_for(self, variable: Tensor) -> Tensor:
        """Return the value of a variable at the end of the traced function: the value assigned to
        it, or its value in the outer graph.
        """
        own = self.assigned.get(variable)
        return self.graph.capture(variable) if own is None else own

    @property
    def types(self) -> list[TensorType]:
        """The types of the outputs."""
        return [t.type for t in self.outputs]

    def text(self, captured: Sequence[Tensor]) -> str:
        """Serialize the traced graph as the text of a subgraph, whose inputs are the function's
        inputs and the captured tensors.
        """
        inputs = [*self.inputs, *(self.graph.capture(t) for t in captured)]
        return to_text(inputs, self.outputs, named=True)


def captured_by(*bodies: Traced) -> list[Tensor]:
    """Return the outer tensors that some bodies use."""
    return list(dict.fromkeys(t for body in bodies for t in body.graph.captured))


def waits_of(*bodies: Traced) -> list[Node]:
    """Return the outer nodes that control dependencies require to run before the traced functions,
    without duplicates.
    """
    return list(dict.fromkeys(n for body in bodies for n in body.graph.before))
