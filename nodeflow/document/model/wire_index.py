"""An index of the wires that start (or end) at each node. It saves memory for one or two wires."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from nodeflow.document.model.records import Wire

FEW = 8
"""Up to this many wires at a node are kept as a tuple, which takes a quarter of a dict's size."""
_Kept: TypeAlias = Wire | tuple[Wire, ...] | dict[tuple[str, str], Wire]


class WireIndex:
    """The wires at one end of each node: all that start there, or all that end there."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}  # a single wire is stored without a container

    def at(self, node_id: str) -> Collection[Wire]:
        """Return the wires that the index has for a node, in the order in which they were added."""
        found = self._kept.get(node_id)
        if found is None:
            return ()
        if type(found) is Wire:
            return (found,)
        return found.values() if type(found) is dict else found  # type: ignore[return-value]

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._kept

    def add(self, node_id: str, wire: Wire) -> None:
        """Add a wire to the wires of a node. The index must not contain it yet."""
        found = self._kept.get(node_id)
        if found is None:
            self._kept[node_id] = wire
        elif type(found) is dict:
            found[wire.key] = wire
        else:
            wires = (*self.at(node_id), wire)
            self._kept[node_id] = wires if len(wires) <= FEW else {w.key: w for w in wires}

    def remove(self, node_id: str, wire: Wire) -> None:
        """Remove a wire, if present."""
        found = self._kept.get(node_id)
        if type(found) is dict:
            found.pop(wire.key, None)
            if not found:
                del self._kept[node_id]
            return
        left = tuple([w for w in self.at(node_id) if w != wire])
        if len(left) > 1:
            self._kept[node_id] = left
        elif left:
            self._kept[node_id] = left[0]
        else:
            self._kept.pop(node_id, None)
