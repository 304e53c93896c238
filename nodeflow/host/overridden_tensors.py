"""Values by which the window overrides computed values, as tensors of a changing graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from nodeflow.engine.schedule.schedule import resolve_alias
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node, Tensor, descendants
from nodeflow.host.messages.overrides import Override


class Overriding:
    """The overridden values, by the tensors that compute them (aliases are resolved).

    Attributes:
        request: the overrides by name, as the window sent them.
        tensors: the overrides by tensor, for the names that the graph contains.
        version: a number that changes whenever ``tensors`` changes.
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
        """A mapping from placeholders, by name, to the name of the rows that replace their data set
        rows.
        """
        return self.request.rows

    def find(self, tensor_of: Callable[[str], Tensor]) -> set[Node]:
        """Look up the overridden tensors in the current graph. Return the nodes of tensors that are
        newly overridden or no longer overridden.

        Args:
            tensor_of: returns the tensor of a name, or raises NodeflowError.
        """
        before, self._reached = self.tensors, None
        self.tensors = tensors_of(self.request, tensor_of)
        names = before.keys() | self.tensors.keys()
        changed = {t.node for t in names if before.get(t) is not self.tensors.get(t)}
        self.version += bool(changed)
        return changed

    def reaches(self, node: Node, users: Mapping[Node, Iterable[Node]]) -> bool:
        """Return whether the value of a node depends on an overridden value.

        Args:
            users: the consumers of each node. After a change of them, call `find` first.
        """
        if not self.tensors:
            return False
        if self._reached is None:
            self._reached = descendants({tensor.node for tensor in self.tensors}, users)
        return node in self._reached


def tensors_of(request: Override, tensor_of: Callable[[str], Tensor]) -> dict[Tensor, np.ndarray]:
    """Return the overridden values by tensor, without names that the graph lacks."""
    found = {}
    for name, array in request.values.items():
        try:
            found[resolve_alias(tensor_of(name))] = array
        except NodeflowError:
            continue  # it cannot run, or belongs to a later graph
    return found
