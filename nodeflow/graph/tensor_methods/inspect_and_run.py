"""TensorFlow 1's methods to inspect and run tensors and operations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import Attr
from nodeflow.graph.session_hooks.default_session import session_for
from nodeflow.graph.shapes import UNKNOWN, TensorShape
from nodeflow.graph.types import TensorType, unify_shapes

_SHAPE = Attr("shape", "shape")


class TensorMethods:
    """The base class of `Tensor` with TensorFlow 1's methods of tensors."""

    __slots__ = ()

    graph: Any
    index: int
    name: Any
    node: Any
    type: TensorType

    @property
    def shape(self) -> TensorShape:
        """The sizes, a tuple with ``as_list()``; None for a size that is known only at run time."""
        shape = self.type.shape
        return UNKNOWN if shape is UNKNOWN else TensorShape(shape)

    @property
    def device(self) -> str:
        """The device where the tensor should be computed, ``/device:GPU:0``; empty by default."""
        return self.node.device

    def get_shape(self) -> TensorShape:
        """Return ``shape``; this is TensorFlow 1's name for it."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Declare sizes of this tensor's shape that were unknown, as in TensorFlow 1. Sizes that
        are already known stay.

        Nodes that are added to the graph afterwards rely on the declared sizes. A placeholder
        stores the shape as its attribute, so that feeds are checked and files contain it.

        Raises:
            ShapeError: the shape contradicts known sizes.
            AttributeProblem: the argument is not a shape.
        """
        wanted = UNKNOWN if shape is None else _SHAPE.check(shape)
        try:
            known = unify_shapes(self.type.shape, wanted)
        except NodeflowError as error:
            raise error.at(self.name) from None
        self.type = self.type.with_shape(known)
        if self.node.op.id == "placeholder" and known is not UNKNOWN:
            self.node.attrs = MappingProxyType({**self.node.attrs, "shape": tuple(known)})

    @property
    def value_index(self) -> int:
        """The number of this tensor among the outputs of its node."""
        return self.index

    def consumers(self) -> list[Any]:
        """Return the nodes that read this tensor."""
        return [n for n in self.graph.nodes if any(t is self for t in n.inputs)]

    def eval(self, feed_dict: Mapping[Any, Any] | None = None, session: Any = None) -> Any:
        """Return the tensor's value, as `Session.run` does, in a given or the default session.

        Raises:
            RunError: there is no session.
        """
        return session_for(session, self.name, "eval").run(self, feed_dict)


class NodeMethods:
    """The base class of `Node` with TensorFlow 1's methods of operations."""

    __slots__ = ()

    attrs: Mapping[str, Any]
    name: str
    op: Any
    outputs: tuple[Any, ...]

    @property
    def type(self) -> str:
        """The id of the node's op, such as ``matmul``."""
        return self.op.id

    def get_attr(self, name: str) -> Any:
        """Return the value of an attribute of the node.

        Raises:
            AttributeProblem: its op has no such attribute.
        """
        return self.attrs[self.op.attr(name).name]

    def values(self) -> tuple[Any, ...]:
        """Return the output tensors of the node."""
        return self.outputs

    def run(self, feed_dict: Mapping[Any, Any] | None = None, session: Any = None) -> None:
        """Run the node and all nodes that it depends on, in a given or the default session.

        Raises:
            RunError: there is no session.
        """
        session_for(session, self.name, "run").run(self, feed_dict)
