"""`tf.Graph`, which is also the class of the default graph in programs that import TensorFlow
1's names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Self

from nodeflow.graph import graph
from nodeflow.integrations.tensorflow1.arithmetic import truediv
from nodeflow.integrations.tensorflow1.graph_files.graph_defs import GraphDef

__all__ = ["Graph"]


class Graph(graph.Graph):
    """A graph whose integers divide as in TensorFlow 1."""

    quotient = staticmethod(truediv)

    entered: ClassVar[Callable[[graph.Graph], None]] = lambda _: None
    """Called with each graph that becomes the default one in a ``with`` block."""

    def __enter__(self) -> Self:
        Graph.entered(self)
        return super().__enter__()

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> GraphDef:
        """Return the nodes that the graph has now.

        Args:
            from_version, add_shapes: accepted for TensorFlow 1, without effect.
        """
        return GraphDef(self)
