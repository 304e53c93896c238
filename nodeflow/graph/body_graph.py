"""The graph of a loop's body or of a branch while Python code builds it.

While a body is the default graph, nodes that code adds to the outer graph are added to the body
instead. A tensor of the outer graph that is used inside is *captured*: it becomes an input.
Variables, placeholders and large constants are made outside and captured, because a body only
computes. An assign in a branch becomes a node with the new value, which an assign outside stores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType

LARGE = 64
"""Arrays with more elements are constants outside, and not text in a body."""


class BodyGraph(Graph):
    """The graph of a body inside the graph ``outer``.

    Args:
        may_assign: whether it may assign to variables: a branch may, a loop may not.

    Attributes:
        captured: tensor of the outer graph -> the input that stands for it.
        before: outer nodes that nodes inside wait for.
        assigned: variable -> the values that the body assigns to it, in order.
    """

    def __init__(self, outer: Graph, *, may_assign: bool = False) -> None:
        super().__init__()
        self.outer: Graph = outer
        self.captured: dict[Tensor, Tensor] = {}
        self.before: dict[Node, None] = {}
        self.assigned: dict[Tensor, list[Tensor]] = {}
        self._may_assign = may_assign

    def add_input(self, type_: TensorType, name: str) -> Tensor:
        """Add an input to the graph of a loop or branch body, as a placeholder node. The loop or
        branch feeds it.
        """
        attrs = {"dtype": type_.dtype, "shape": type_.shape if type_.has_rank else None}
        return super().add_node("placeholder", (), attrs, name=name).outputs[0]

    def capture(self, tensor: Tensor) -> Tensor:
        """Return the input of a loop or branch body through which the body reads a tensor of the
        outer graph. Add the input if there is none.

        Raises:
            GraphError: the tensor belongs neither to the outer graph nor to a graph around it.
        """
        with self.outer:
            tensor = self.outer.as_tensor(tensor)
        if tensor not in self.captured:
            scopes, self._scopes = self._scopes, []
            name = tensor.name.rpartition("/")[2].replace(":", "_")
            self.captured[tensor] = self.add_input(tensor.type, name)
            self._scopes = scopes
        return self.captured[tensor]

    def as_tensor(self, value: Any, dtype: str | None = None) -> Tensor:
        if isinstance(value, Tensor) and value.graph is not self:
            made = self.assigned.get(_outermost(value)) if self.assigned else None
            new = self._awaited(made) if made else None
            return self.capture(value) if new is None else new
        return super().as_tensor(value, dtype)

    def _awaited(self, values: list[Tensor]) -> Tensor | None:
        """Return the last of the values that a new node in this block would depend on through
        control inputs. Return None if there is none.
        """
        before = ancestors(node for scope in self._controls for node in scope)
        return next((value for value in reversed(values) if value.node in before), None)

    def add_node(
        self,
        op: str | Op,
        inputs: Iterable[Any] = (),
        attrs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        control_inputs: Iterable[Node] = (),
        stream: str | None = None,
    ) -> Node:
        called = op if isinstance(op, str) else op.id
        if called == "assign":
            return self._assign(*inputs, name=name, **(attrs or {}))
        if called in ("variable", "placeholder") or _is_large(called, attrs or {}):
            scopes = "/".join(self._scopes)
            name = f"{scopes}/{name or called}" if scopes else name
            with self.outer:
                return self.outer.add_node(
                    op, [self._outside(t) for t in inputs], attrs, name=name, stream=stream
                )
        return super().add_node(
            op, inputs, attrs, name=name, control_inputs=control_inputs, stream=stream
        )

    def _assign(
        self,
        variable: Any,
        value: Any,
        name: str | None = None,
        each_step: bool = False,
        update: bool = False,
    ) -> Node:
        """Record that the body of a branch assigns a value to a variable. Add a node with the new
        value, and return it.

        Raises:
            GraphError: the body may not assign, or assigns twice without an order.
            DtypeError, ShapeError: the value does not fit the variable.
        """
        if not self._may_assign or each_step or update:
            what = "a loop or branch cannot hold an optimizer or moving averages"
            raise GraphError(
                what if each_step or update else "a loop cannot assign to a variable",
                node=name,
                hint="Return the new value from the function, and assign it outside.",
            )
        target = _outermost(variable)
        assign = REGISTRY.lookup("assign")
        assign.check_inputs([target])
        new = self.as_tensor(value, target.dtype)
        infer_types(assign, [target.type, new.type], assign.bind_attrs({}), name)
        node = super().add_node("identity", [new], name=name or "assign")
        made = self.assigned.setdefault(target, [])
        if made and made[-1].node not in ancestors([node]):
            raise GraphError(
                f"a branch assigns to {target.name} twice, and nothing orders the two",
                node=name,
                hint="Make the second under control_dependencies of the first.",
            )
        made.append(node.outputs[0])
        return node

    def _outside(self, value: Any) -> Any:
        """Return the initial value of a variable that is created in a loop or branch, translated to
        the outer graph, where the variable is placed.

        Raise a GraphError if the value is computed inside.
        """
        for tensor, inner in self.captured.items():
            if inner is value:
                return tensor
        if isinstance(value, Tensor) and value.graph is self:
            raise GraphError(
                f"the initial value {value.name} is computed in a loop or branch, "
                "and variables are made outside",
                hint="Make the variable before, or give it an initializer.",
            )
        return value

    @contextmanager
    def control_dependencies(
        self, control_inputs: Iterable[Node | Tensor | str] | Node | Tensor | None
    ) -> Iterator[None]:
        one = isinstance(control_inputs, (Node, Tensor, str))
        if one or isinstance(control_inputs, Iterable):
            given = [control_inputs] if one else list(control_inputs)  # type: ignore[arg-type]
            nodes = [n.node if isinstance(n, Tensor) else n for n in given]
            outside = [n for n in nodes if isinstance(n, Node) and n.graph is not self]
            self.before.update(dict.fromkeys(outside))
            control_inputs = [n for n in nodes if n not in outside]  # type: ignore[misc]
        with super().control_dependencies(control_inputs):
            yield

    # ---- members of the outer graph -----------------------------------------------------------

    def add_to_collection(self, name: str, value: Any) -> None:
        self.outer.add_to_collection(name, value)

    def get_collection(self, name: str) -> list[Any]:
        return self.outer.get_collection(name)

    @property
    def variables(self) -> list[Tensor]:
        return self.outer.variables

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.outer

    def node(self, name: str) -> Node:
        return super().node(name) if super().__contains__(name) else self.outer.node(name)


def _outermost(tensor: Tensor) -> Tensor:
    """Follow an input of a loop or branch body to the tensor that it stands for in the outermost
    graph.
    """
    while isinstance(tensor.graph, BodyGraph):
        outside = (outer for outer, inner in tensor.graph.captured.items() if inner is tensor)
        if (found := next(outside, None)) is None:
            return tensor
        tensor = found
    return tensor


def _is_large(op_id: str, attrs: Mapping[str, Any]) -> bool:
    value = attrs.get("value")
    return op_id == "constant" and isinstance(value, np.ndarray) and value.size > LARGE
