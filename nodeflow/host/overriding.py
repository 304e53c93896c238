"""The values that the window puts in place of computed ones, as tensors of a graph that changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from nodeflow.engine.schedule.schedule import resolve_alias
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node, Tensor, descendants
from nodeflow.host.messages.overrides import Override


class Overriding:
    """What is overridden, by the tensors that do the work: those that others stand for.

    Attributes:
        request: the names, as the window says them.
        tensors: the same in the graph, as far as it has them.
        version: another number whenever ``tensors`` has changed.
    """

    def __init__(self, request: Override | None = None) -> None:
        self.request = request or Override()
        self.tensors: dict[Tensor, np.ndarray] = {}
        self.version = 0
        self._reached: set[Node] | None = None

    def __bool__(self) -> bool:
        return bool(self.request.values)

    @property
    def rows(self) -> Mapping[str, str]:
        """The placeholders with rows of their own, and what those are called."""
        return self.request.rows

    def find(self, tensor_of: Callable[[str], Tensor]) -> set[Node]:
        """Looks the tensors up again; returns the nodes whose values are others now.

        Args:
            tensor_of: the tensor of a name; raises NodeflowError.
        """
        before, self._reached = self.tensors, None
        self.tensors = tensors_of(self.request, tensor_of)
        names = before.keys() | self.tensors.keys()
        changed = {t.node for t in names if before.get(t) is not self.tensors.get(t)}
        self.version += bool(changed)
        return changed

    def reaches(self, node: Node, users: Mapping[Node, Iterable[Node]]) -> bool:
        """Whether the value of a node follows from what is overridden.

        Args:
            users: node -> the nodes that read it; after a change of them, `find` comes first.
        """
        if not self.tensors:
            return False
        if self._reached is None:
            self._reached = descendants({tensor.node for tensor in self.tensors}, users)
        return node in self._reached


def tensors_of(request: Override, tensor_of: Callable[[str], Tensor]) -> dict[Tensor, np.ndarray]:
    """What is overridden, by tensor; names that there are not are left out."""
    found = {}
    for name, array in request.values.items():
        try:
            found[resolve_alias(tensor_of(name))] = array
        except NodeflowError:
            continue  # it cannot run, or is of a graph that is to come
    return found
