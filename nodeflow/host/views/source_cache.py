"""A cache of the source of views, valid while graph and data stay the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nodeflow.graph.graph import Node
from nodeflow.host.views.value_source import ViewSource

Read = Callable[[Node], np.ndarray]


class SourceCache:
    """A cache of the source that was used last."""

    def __init__(self) -> None:
        self._source: ViewSource | None = None
        self._of: object = None

    def source(
        self,
        of: object,
        make: Callable[[], ViewSource],
        read: Read,
        trained: Mapping[str, np.ndarray] | None,
    ) -> ViewSource:
        """Return the object that computes tensor values for views. It is cached as long as ``of``,
        the identity of the values' origin, stays the same.

        Args:
            read: returns the value of a variable.
            trained: values of variables in a training, used where names and shapes match.
        """
        if self._source is None or self._of != of:
            self._of, self._source = of, make()
        self._source.read = read if trained is None else _reading(read, trained)
        return self._source


def _reading(read: Read, trained: Mapping[str, np.ndarray]) -> Read:
    def value(node: Node) -> np.ndarray:
        own = read(node)
        if node.name not in trained:
            return own
        learned = trained[node.name]
        return learned if (learned.shape, learned.dtype) == (own.shape, own.dtype) else own

    return value
