"""The graph of a loop's body or of a branch while Python code makes it.

While it is the default graph, what is added to the graph around it is added to it instead. A tensor
of the graph around it that is used inside is *captured*: it becomes an input. Variables,
placeholders and large constants are made outside and captured, since a body only computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.op import Op
from nodeflow.graph.types import TensorType

LARGE = 64
"""Elements from which an array is a constant outside and not text in a body."""


class BodyGraph(Graph):
    """A body of ``outer``.

    Attributes:
        captured: tensor of the graph outside -> the input that stands for it.
        before: nodes outside that what is inside waits for.
    """

    def __init__(self, outer: Graph) -> None:
        super().__init__()
        self.outer: Graph = outer
        self.captured: dict[Tensor, Tensor] = {}
        self.before: dict[Node, None] = {}

    def add_input(self, type_: TensorType, name: str) -> Tensor:
        """An input that is fed from outside."""
        attrs = {"dtype": type_.dtype, "shape": type_.shape if type_.has_rank else None}
        return super().add_node("placeholder", (), attrs, name=name).outputs[0]

    def capture(self, tensor: Tensor) -> Tensor:
        """The input that stands for a tensor of the graph outside.

        Raises:
            GraphError: the tensor belongs neither to the graph outside nor to one around it.
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
            return self.capture(value)
        return super().as_tensor(value, dtype)

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
            raise GraphError(
                "a loop or branch cannot assign to a variable",
                node=name,
                hint="Return the new value from the function, and assign it outside.",
            )
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

    def _outside(self, value: Any) -> Any:
        """What an initial value is outside, where its variable is made."""
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

    # ---- what belongs to the graph outside ----------------------------------------------------

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


def _is_large(op_id: str, attrs: Mapping[str, Any]) -> bool:
    value = attrs.get("value")
    return op_id == "constant" and isinstance(value, np.ndarray) and value.size > LARGE
