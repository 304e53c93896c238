"""The values of a session's variables, kept across runs. Reading and writing copy them.

A value may be on a device of another backend. It is fetched when somebody reads it, and both
copies are kept until it changes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from nodeflow.engine.arena import on_a_line
from nodeflow.engine.feeds import as_array
from nodeflow.errors import NotInitialized, SurfaceText, UnknownName, suggest
from nodeflow.graph.graph import Graph, Node


class Variables(MutableMapping[str, np.ndarray]):
    """A mapping from variable names to arrays; reading returns a copy, writing stores one.

    Raises (on access):
        UnknownName: the graph has no variable of this name.
        NotInitialized: the variable has no value yet.
        FeedError: the assigned value does not have the variable's dtype and shape.
    """

    def __init__(self, graph: Graph, lock: threading.RLock) -> None:
        self._graph = graph
        self._lock = lock
        self._arrays: dict[Node, np.ndarray | None] = {}
        """The values; None for a value that is only on a device."""
        self._placed: dict[Node, Any] = {}
        """The values on a device."""
        self.version = 0
        """A counter that grows whenever a value may have changed."""

    def __getitem__(self, name: str) -> np.ndarray:
        with self._lock:
            return self.read(self._node(name)).copy()

    def __setitem__(self, name: str, value: Any) -> None:
        node = self._node(name)
        with self._lock:
            self.put(node, as_array(node.outputs[0], value))

    def __delitem__(self, name: str) -> None:
        """Delete the value of the variable with this name, so that the variable is not
        initialized.
        """
        with self._lock:
            node = self._node(name)
            self.read(node)
            self.drop(node)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of variables with a value, in the graph's order."""
        with self._lock:
            return iter([n.name for n in sorted(self._arrays, key=lambda n: n.index)])

    def __len__(self) -> int:
        return len(self._arrays)

    def __contains__(self, name: object) -> bool:
        return name in self._graph and self._graph.node(str(name)) in self._arrays

    # ---- for the session ----------------------------------------------------------------------

    def read(self, node: Node) -> np.ndarray:
        """Return the stored array itself, which must not be changed.

        Raises:
            NotInitialized: the variable has no value.
        """
        try:
            array = self._arrays[node]
        except KeyError:
            raise NotInitialized(
                "this variable has no value yet",
                node=node.name,
                hint=SurfaceText(
                    "Call session.initialize() first, or load weights.",
                    cli="Save weights with train --save-weights, or use --init.",
                    window="Choose Run → Training → Initialise variables, or load weights.",
                ),
            ) from None
        if array is None:
            array = self._arrays[node] = np.array(self._placed[node], order="C", copy=True)
        return array

    def held(self, node: Node) -> np.ndarray | None:
        """Return the array with a variable's value, without a copy. The caller must not change it.
        Return None if the variable has no value.
        """
        return self.read(node) if node in self._arrays else None

    def nodes(self) -> list[Node]:
        """Return the variables that have a value."""
        with self._lock:
            return list(self._arrays)

    def drop(self, node: Node) -> np.ndarray | None:
        """Forget a variable that is no longer in the graph. Return its value."""
        self.version += 1
        old = self.held(node)
        self._arrays.pop(node, None)
        self._placed.pop(node, None)
        return old

    def put(self, node: Node, array: np.ndarray) -> None:
        """Store a copy of an array, in C order, as the value of a variable."""
        self.version += 1
        self._placed.pop(node, None)
        kept = on_a_line(array.shape, array.dtype)
        np.copyto(kept, array, casting="no")
        self._arrays[node] = kept

    def exchange(self, node: Node, array: np.ndarray) -> np.ndarray | None:
        """Store an array as the value of a variable, without copying. The caller must not use the
        array any more.

        Return the replaced array, or None if the variable had no value.
        """
        self.version += 1
        old = self.held(node)
        self._placed.pop(node, None)
        self._arrays[node] = array
        return old

    def exchange_all(self, arrays: Mapping[Node, np.ndarray]) -> list[np.ndarray | None]:
        """Exchange several variables at once. Return the replaced arrays in their order."""
        if self._placed:
            return [self.exchange(node, array) for node, array in arrays.items()]
        self.version += 1
        old = list(map(self._arrays.get, arrays))
        self._arrays.update(arrays)
        return old

    def store_all(self, arrays: Mapping[Node, np.ndarray]) -> None:
        """Store arrays without copies, like `exchange_all`, but return nothing.

        No variable may be on a device.
        """
        self.version += 1
        self._arrays.update(arrays)

    def note_change(self) -> None:
        """Record that a kernel has overwritten the value of a variable in place."""
        self.version += 1

    def ensure(self, node: Node, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return the array with a variable's value, without a copy.

        If the variable has no value, store zeros first. This is used for variables that a run
        writes and never reads.
        """
        if node not in self._arrays:
            self._arrays[node] = array = on_a_line(shape, dtype)
            array.fill(0)
        return self.read(node)

    # ---- on a device --------------------------------------------------------------------------

    def placed(self, node: Node) -> Any:
        """Return the array of a variable's value on an accelerator device. Return None if the value
        is not on a device.
        """
        return self._placed.get(node)

    def place(self, node: Node, array: Any) -> None:
        """Store a value that is on a device. It is fetched when somebody reads it."""
        self.version += 1
        self._placed[node] = array
        self._arrays[node] = None

    def note_placed(self, node: Node, array: Any) -> None:
        """Remember the copy of a variable's value that was sent to an accelerator device."""
        self._placed[node] = array

    def like(self, node: Node) -> Any:
        """Return an object with the shape and dtype of a variable's value: the value itself,
        without copying it from an accelerator device.

        Raises:
            NotInitialized: the variable has no value.
        """
        found = self._placed.get(node)
        return self.read(node) if found is None else found

    def _node(self, name: str) -> Node:
        node = self._graph.node(name) if name in self._graph else None
        if node is None or node.op.id != "variable":
            names = [v.node.name for v in self._graph.variables]
            raise UnknownName(f"there is no variable {name!r}", hint=suggest(name, names))
        return node
