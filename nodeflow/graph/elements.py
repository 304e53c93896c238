"""What TensorFlow 1 lets a program do with a tensor and with an operation: look at it, run it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodeflow.graph.default_session import session_for


class TensorMethods:
    """Base of `Tensor`."""

    __slots__ = ()

    graph: Any
    index: int
    name: Any

    @property
    def value_index(self) -> int:
        """Which of its node's outputs it is."""
        return self.index

    def consumers(self) -> list[Any]:
        """The nodes that read it."""
        return [n for n in self.graph.nodes if any(t is self for t in n.inputs)]

    def eval(self, feed_dict: Mapping[Any, Any] | None = None, session: Any = None) -> Any:
        """Its value, as `Session.run` gives it, in a session or the default one.

        Raises:
            RunError: there is no session.
        """
        return session_for(session, self.name, "eval").run(self, feed_dict)


class NodeMethods:
    """Base of `Node`."""

    __slots__ = ()

    attrs: Mapping[str, Any]
    name: str
    op: Any
    outputs: tuple[Any, ...]

    @property
    def type(self) -> str:
        """The id of its op, such as ``matmul``."""
        return self.op.id

    def get_attr(self, name: str) -> Any:
        """The value of one of its attributes.

        Raises:
            AttributeProblem: its op has no such attribute.
        """
        return self.attrs[self.op.attr(name).name]

    def values(self) -> tuple[Any, ...]:
        """Its output tensors."""
        return self.outputs

    def run(self, feed_dict: Mapping[Any, Any] | None = None, session: Any = None) -> None:
        """Run it and what it needs, in a session or the default one.

        Raises:
            RunError: there is no session.
        """
        session_for(session, self.name, "run").run(self, feed_dict)
