"""The values of names while a file is read: known arrays, and tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.graph.graph import Graph, Tensor, get_default_graph
from nodeflow.graph.types import dtype_name, number_kind
from nodeflow.integrations.onnx.call import CARRIERS
from nodeflow.integrations.onnx.errors import OnnxFileError
from nodeflow.ops.variables.stored import STORED

FEW = 4
"""Maximum number of elements of an array that becomes a constant, which the document shows.
Larger arrays become variables, whose values are stored in the file of weights.
"""
FEW_INTEGERS = 256


def is_few(array: np.ndarray) -> bool:
    """Return whether an array is so small that it becomes a constant."""
    return array.size <= (FEW if number_kind(array.dtype) == "f" else FEW_INTEGERS)


class Weights:
    """The arrays of a file as nodes, each made at its first use.

    Attributes:
        arrays: values by variable.
        trainable: whether weights are trained.
        frozen: names of values that are never trained: statistics.
        reader: the current consumer. Each consumer gets its own constant, so that wires stay
            short. If it is None, there is one constant for all.
    """

    def __init__(self, graph: Graph, trainable: bool) -> None:
        self.graph, self.trainable = graph, trainable
        self.arrays: dict[str, np.ndarray] = {}
        self.frozen: set[str] = set()
        self.reader: str | None = None
        self.name_for: Callable[[str, bool], str] = lambda name, again: name
        self._made: dict[Any, Tensor] = {}
        self._read: set[str] = set()

    def tensor(self, name: str, array: np.ndarray, kind: str = "") -> Tensor:
        """Return the constant or variable for a weight array of an ONNX file. Equal arrays of one
        name share it.

        Args:
            kind: "constant" or "variable", as files by nodeflow say; empty: small arrays become
                constants.
        """
        key: Any = (name, array.shape, hash(array.tobytes()))
        make = self._variable
        if kind == "constant" or (not kind and is_few(array)):
            key, make = (*key, get_default_graph(), self.reader), self._constant
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = make(name, array)
        return found

    def forget_missing(self) -> None:
        """Forget nodes that are no longer in a graph."""
        self._made = {
            key: t
            for key, t in self._made.items()
            if t.node.name in t.graph and t.graph.node(t.node.name) is t.node
        }
        self.arrays = {name: a for name, a in self.arrays.items() if name in self.graph}

    def _constant(self, name: str, array: np.ndarray) -> Tensor:
        graph = get_default_graph()
        with graph.name_scope(None):
            again = self.reader is not None and name in self._read
            self._read.add(name)
            return nf.constant(array, name=self.name_for(name, again))

    def _variable(self, name: str, array: np.ndarray) -> Tensor:
        trainable = self.trainable and number_kind(array.dtype) == "f" and name not in self.frozen
        attrs = {
            "dtype": dtype_name(array.dtype),
            "shape": list(array.shape),
            "initializer": {"op": STORED},
            "trainable": trainable,
        }
        with get_default_graph().name_scope(None):
            node = self.graph.add_node("variable", (), attrs, name=self.name_for(name, False))
        self.arrays[node.name] = array
        return node.outputs[0]


class Scope:
    """The names of values in one graph, and in the surrounding graphs.

    It implements `call.Values`.
    """

    def __init__(self, weights: Weights, outer: Scope | None = None) -> None:
        self.weights, self.outer = weights, outer
        self.arrays: dict[str, tuple[str, np.ndarray, str]] = {}
        self.tensors: dict[str, Tensor] = {}
        self.narrows: dict[str, str] = {}
        self.known: dict[Tensor, np.ndarray] = {} if outer is None else outer.known

    def put(self, name: str, value: Tensor) -> None:
        self._claim(name)
        self.tensors[name] = value

    def put_array(
        self, name: str, array: np.ndarray, called: str | None = None, kind: str = ""
    ) -> None:
        self._claim(name)
        self.arrays[name] = (called or name, array, kind)

    def put_narrow(self, name: str, number: int) -> None:
        """Record the narrow integer type, such as ``int4``, of a value that nodeflow holds in a
        wider type.
        """
        if number in CARRIERS:
            self.narrows[name] = CARRIERS[number][0]

    def narrow(self, name: str) -> str:
        where = self.holder(name)
        return "" if where is None else where.narrows.get(name, "")

    def put_same(self, name: str, of: Scope, other: str) -> None:
        """Define a name in this scope as an alias of the value ``other`` of the scope ``of``. This
        passes an argument to an ONNX function. Do nothing if ``other`` is not defined.
        """
        where = of.holder(other)
        if where is None:
            return
        self._claim(name)
        if other in where.narrows:
            self.narrows[name] = where.narrows[other]
        if other in where.tensors:
            self.tensors[name] = where.tensors[other]
        else:
            self.arrays[name] = where.arrays[other]

    def _claim(self, name: str) -> None:
        """Reject a name that already has a value, because ONNX allows only one definition of a
        value.
        """
        if name in self.tensors or name in self.arrays:
            raise OnnxFileError(
                f"{name!r} is made twice, and ONNX lets each value be made once",
                hint="Export the model again, or check it with onnx.checker.",
            )

    def holds_weight(self, name: str) -> bool:
        """Return whether a name refers to an array of the ONNX file that is large enough to become
        a variable. Small arrays become constants.
        """
        where = self.holder(name)
        if where is None or name not in where.arrays:
            return False
        return not is_few(where.arrays[name][1])

    def holder(self, name: str) -> Scope | None:
        """Return the innermost scope, from this one outwards, that defines a name. Return None if
        there is none.
        """
        scope: Scope | None = self
        while scope is not None and name not in scope.tensors and name not in scope.arrays:
            scope = scope.outer
        return scope

    def tensor(self, name: str) -> Tensor:
        where = self._holder(name)
        if name in where.tensors:
            return where.tensors[name]
        return self.weights.tensor(*where.arrays[name])

    def array(self, name: str) -> np.ndarray | None:
        where = self._holder(name)
        if name in where.arrays:
            return where.arrays[name][1]
        tensor = where.tensors[name]
        found = self.known.get(tensor)
        return tensor.type.array if found is None else found

    def arranged(self, name: str, array: np.ndarray) -> Tensor:
        where = self._holder(name)
        called, _, kind = where.arrays.get(name, (name, array, ""))
        return self.weights.tensor(called, array, kind)

    def _holder(self, name: str) -> Scope:
        where = self.holder(name)
        if where is None:
            raise OnnxFileError(f"a node reads {name!r}, which nothing makes")
        return where
