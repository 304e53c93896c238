"""One node of an ONNX file while it is written with public ops.

A translation takes a `Call` and returns the outputs of the node as tensors. What ONNX takes as a
tensor where an op of ours has an attribute (axes, pads) has to be known while the graph is built,
from an initializer or from shapes; sizes that only a run knows stay tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

import nodeflow as nf

Dim = int | None


class LeftOut(Exception):
    """Why a node cannot be written with public ops."""


class NotKnown(LeftOut):
    """An input that has to be known before a run is not.

    Attributes:
        index: of the input.
    """

    def __init__(self, index: int) -> None:
        super().__init__(f"its input {index} has to be known before a run")
        self.index = index


class Values(Protocol):
    """What names of values mean where a node is."""

    def tensor(self, name: str) -> nf.Tensor:
        """The value as a tensor."""
        ...

    def array(self, name: str) -> np.ndarray | None:
        """The value, if it is known before a run."""
        ...

    def arranged(self, name: str, array: np.ndarray) -> nf.Tensor:
        """A weight in the arrangement that an op of ours takes."""
        ...


class Call:
    """One node: its attributes, and its inputs as tensors or as known values.

    Attributes:
        version: of the opset that its domain has in the file.
        names: of its inputs; empty for one that is left out.
        outputs: names of its outputs; empty for one that nobody wants.
        ours: whether nodeflow wrote the file, so that its own ops are meant.
    """

    def __init__(
        self,
        op: str,
        version: int,
        attrs: Mapping[str, Any],
        names: Sequence[str],
        outputs: Sequence[str],
        values: Values,
        ours: bool = False,
    ) -> None:
        self.op, self.version, self.attrs, self.ours = op, version, attrs, ours
        self.names, self.outputs = names, outputs
        self.values = values

    def __getitem__(self, name: str) -> Any:
        if name not in self.attrs:
            raise LeftOut(f"its attribute {name} is missing")
        return self.attrs[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.attrs.get(name, default)

    def flag(self, name: str, default: int = 0) -> bool:
        return bool(self.attrs.get(name, default))

    def has(self, index: int) -> bool:
        return index < len(self.names) and bool(self.names[index])

    def known(self, index: int) -> np.ndarray | None:
        """An input, if it is there and known before a run."""
        return self.values.array(self.names[index]) if self.has(index) else None

    def value(self, index: int) -> Any:
        """An input that is known before a run; None if it is left out.

        Raises:
            NotKnown: only a run knows it.
        """
        if not self.has(index):
            return None
        found = self.values.array(self.names[index])
        if found is None:
            raise NotKnown(index)
        return found

    def ints(self, index: int) -> tuple[int, ...] | None:
        """Whole numbers of an input; None if it is left out."""
        found = self.value(index)
        return None if found is None else tuple(int(n) for n in np.ravel(found))

    def x(self, index: int = 0) -> nf.Tensor:
        """An input as a tensor."""
        if not self.has(index):
            raise LeftOut(f"its input {index} is missing")
        return self.values.tensor(self.names[index])

    def weight(self, index: int, arrange: Callable[[Any], Any], graph: Callable[[Any], Any]) -> Any:
        """A weight in another arrangement: that of its array, or computed where that is not known.

        Args:
            arrange: of an array.
            graph: the same of a tensor.
        """
        found = self.known(index)
        if found is None or found.size < 2:
            return graph(self.x(index))
        return self.values.arranged(self.names[index], np.ascontiguousarray(arrange(found)))

    def optional(self, index: int) -> nf.Tensor | None:
        return self.x(index) if self.has(index) else None

    def all(self) -> list[nf.Tensor]:
        return [self.x(i) for i in range(len(self.names))]

    def wants(self, index: int) -> bool:
        """Whether an output is asked for."""
        return index < len(self.outputs) and bool(self.outputs[index])

    def dtype(self, index: int = 0) -> str:
        found = self.known(index)
        return found.dtype.name if found is not None else str(self.x(index).dtype.name)

    def shape(self, index: int = 0) -> tuple[Dim, ...]:
        """The shape of an input; sizes that only a run knows are None."""
        found = self.known(index)
        if found is not None:
            return found.shape
        type_ = self.x(index).type
        if not type_.has_rank:
            raise LeftOut(f"the rank of its input {index} is not known before a run")
        return tuple(type_.shape)

    def sizes(self, index: int = 0) -> tuple[int, ...]:
        """The shape of an input, all of which is known before a run."""
        shape = self.shape(index)
        if None in shape:
            raise LeftOut(f"sizes of its input {index} have to be known before a run")
        return tuple(d for d in shape if d is not None)

    @property
    def rank(self) -> int:
        return len(self.shape(0))


Translation = Callable[[Call], Any]
TRANSLATIONS: dict[tuple[str, str], Translation] = {}
"""(domain, op) -> how it is written; ONNX's own domain is empty."""


def op(*names: str, domain: str = "") -> Callable[[Translation], Translation]:
    """Register how nodes of these types are written."""

    def register(function: Translation) -> Translation:
        for name in names:
            TRANSLATIONS[domain, name] = function
        return function

    return register


def simple(name: str, ours: str) -> None:
    """An op of ours with the same inputs and no attributes."""
    TRANSLATIONS["", name] = lambda call: getattr(nf, ours)(*call.all())


def outputs_of(made: Any) -> list[nf.Tensor]:
    """What a translation returned, as a list."""
    return [made] if isinstance(made, nf.Tensor) else list(made)


# ---- sizes that only a run knows ------------------------------------------------------------


def size(x: nf.Tensor, axis: int) -> Any:
    """The size of an axis: a number, or a tensor where only a run knows it."""
    known = x.type.shape[axis]
    return nf.shape(x, out_type="int64")[axis] if known is None else known


def reshaped(x: nf.Tensor, sizes: Sequence[Any]) -> nf.Tensor:
    """`x` with sizes of which some may be tensors."""
    open_ = [i for i, one in enumerate(sizes) if isinstance(one, nf.Tensor)]
    if len(open_) > 1 or (open_ and -1 in [s for s in sizes if not isinstance(s, nf.Tensor)]):
        parts = [s if isinstance(s, nf.Tensor) else np.int64(s) for s in sizes]
        return nf.reshape(x, shape=nf.stack(parts))
    return nf.reshape(x, shape=[-1 if i in open_ else int(one) for i, one in enumerate(sizes)])


NUMPY_NAMES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64",
    15: "complex128", 16: "bfloat16",
}  # fmt: skip
"""Numbers of ONNX's element types -> dtypes that nodeflow has."""
ODD_NAMES = {
    8: "string", 17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz",
    21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2",
}  # fmt: skip


def dtype_of(number: int) -> str:
    """The dtype of an element type's number.

    Raises:
        LeftOut: nodeflow has no such dtype.
    """
    if number not in NUMPY_NAMES:
        raise LeftOut(f"no dtype {ODD_NAMES.get(number, number)}")
    return NUMPY_NAMES[number]
