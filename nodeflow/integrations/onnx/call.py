"""One node of an ONNX file, as input of its translation to public ops.

A translation takes a `Call` and returns the outputs of the node as tensors. If ONNX has an
input (axes, pads) for an attribute of the public op, its value must be known while the graph is
built, from an initializer or from shapes. Sizes that are known only at run time stay tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

import nodeflow as nf

Dim = int | None


class LeftOut(Exception):
    """An error: the reason why a node cannot be translated to public ops."""


class NotKnown(LeftOut):
    """An error: an input that must be known before a run is known only at run time.

    Attributes:
        index: index of the input.
    """

    def __init__(self, index: int) -> None:
        super().__init__(f"its input {index} has to be known before a run")
        self.index = index


class Values(Protocol):
    """The values that names have at a node of an ONNX graph."""

    def tensor(self, name: str) -> nf.Tensor:
        """Return the value of a name as a tensor."""
        ...

    def array(self, name: str) -> np.ndarray | None:
        """Return the array of an ONNX value if it is known before a run, else None."""
        ...

    def arranged(self, name: str, array: np.ndarray) -> nf.Tensor:
        """Return a constant or variable for a weight of the ONNX file, whose axes were permuted for
        nodeflow's op.
        """
        ...

    def narrow(self, name: str) -> str:
        """Return the narrow integer type, such as ``int4``, of a value that nodeflow holds in a
        wider type. Return "" for any other value.
        """
        ...


class Call:
    """One node of an ONNX graph: its attributes, and its inputs as tensors or as known values.

    Attributes:
        version: version of the op set that the file declares for the op's domain.
        names: names of the inputs; empty for an omitted input.
        outputs: names of the outputs; empty for an unused output.
        ours: whether nodeflow wrote the file, so that its ops have exactly nodeflow's meaning.
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
        """Return an input of an ONNX node as an array, if its value is known while the graph is
        built. Return None if it is not, or if the input is omitted.
        """
        return self.values.array(self.names[index]) if self.has(index) else None

    def value(self, index: int) -> Any:
        """Return an input of an ONNX node as an array. Return None if the input is omitted.

        Raises:
            NotKnown: its value is known only at run time.
        """
        if not self.has(index):
            return None
        found = self.values.array(self.names[index])
        if found is None:
            raise NotKnown(index)
        return found

    def ints(self, index: int) -> tuple[int, ...] | None:
        """Return an input of an ONNX node as a tuple of integers. Return None if the input is
        omitted.

        Raises:
            NotKnown: its value is known only at run time.
        """
        found = self.value(index)
        return None if found is None else tuple(int(n) for n in np.ravel(found))

    def x(self, index: int = 0) -> nf.Tensor:
        """Return an input as a tensor."""
        if not self.has(index):
            raise LeftOut(f"its input {index} is missing")
        return self.values.tensor(self.names[index])

    def weight(self, index: int, arrange: Callable[[Any], Any], graph: Callable[[Any], Any]) -> Any:
        """Return a rearranged weight: as an array if its values are known, otherwise as a computed
        tensor.

        Args:
            arrange: rearranges an array.
            graph: rearranges a tensor.
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
        """Return whether some node uses an output."""
        return index < len(self.outputs) and bool(self.outputs[index])

    def dtype(self, index: int = 0) -> str:
        found = self.known(index)
        return found.dtype.name if found is not None else str(self.x(index).dtype.name)

    def odd(self, index: int) -> str:
        """Return the narrow integer type, such as ``int4``, of an input whose values nodeflow holds
        in a wider type. Return "" for any other input.
        """
        return self.values.narrow(self.names[index]) if self.has(index) else ""

    def shape(self, index: int = 0) -> tuple[Dim, ...]:
        """Return the shape of an input. Sizes that are known only at run time are None."""
        found = self.known(index)
        if found is not None:
            return found.shape
        type_ = self.x(index).type
        if not type_.has_rank:
            raise LeftOut(f"the rank of its input {index} is not known before a run")
        return tuple(type_.shape)

    def sizes(self, index: int = 0) -> tuple[int, ...]:
        """Return the shape of an input; raise LeftOut if a size is unknown before a run."""
        shape = self.shape(index)
        if None in shape:
            raise LeftOut(f"sizes of its input {index} have to be known before a run")
        return tuple(d for d in shape if d is not None)

    @property
    def rank(self) -> int:
        return len(self.shape(0))


Translation = Callable[[Call], Any]
TRANSLATIONS: dict[tuple[str, str], Translation] = {}
"""The translations by (domain, op). ONNX's own domain is empty."""


def op(*names: str, domain: str = "") -> Callable[[Translation], Translation]:
    """Return a decorator that registers a function as the translation of ONNX nodes of these
    types.
    """

    def register(function: Translation) -> Translation:
        for name in names:
            TRANSLATIONS[domain, name] = function
        return function

    return register


def simple(name: str, ours: str) -> None:
    """Register the translation of an ONNX op to the nodeflow op ``ours``, which has the same inputs
    and no attributes.
    """
    TRANSLATIONS["", name] = lambda call: getattr(nf, ours)(*call.all())


def outputs_of(made: Any) -> list[nf.Tensor]:
    """Return a translation's result as a list."""
    return [made] if isinstance(made, nf.Tensor) else list(made)


# ---- sizes that only a run knows ------------------------------------------------------------


def size(x: nf.Tensor, axis: int) -> Any:
    """Return the size of an axis: a number, or a tensor if it is known only at run time."""
    known = x.type.shape[axis]
    return nf.shape(x, out_type="int64")[axis] if known is None else known


def reshaped(x: nf.Tensor, sizes: Sequence[Any]) -> nf.Tensor:
    """Reshape `x` to sizes that may be tensors."""
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
"""The dtypes of nodeflow by ONNX's element type numbers."""
ODD_NAMES = {
    8: "string", 17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz",
    21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2",
}  # fmt: skip
CARRIERS = {
    21: ("uint4", "uint8", 0, 15), 22: ("int4", "int8", -8, 7),
    25: ("uint2", "uint8", 0, 3), 26: ("int2", "int8", -2, 1),
}  # fmt: skip
"""Integers that nodeflow lacks, by element type number: their name, the dtype that carries their
values, and their range.
"""


def carrier(number: int) -> str | None:
    """Return the nodeflow dtype that holds the values of an ONNX element type, given by number;
    None if there is no such dtype.
    """
    return CARRIERS[number][1] if number in CARRIERS else NUMPY_NAMES.get(number)


def number_of(kind: str) -> int:
    """Return the ONNX number of a narrow integer type, such as ``int4``, which nodeflow holds in a
    wider dtype. Return 0 for any other type.
    """
    return next((number for number, c in CARRIERS.items() if c[0] == kind), 0)


def limits(kind: str) -> tuple[int, int, str] | None:
    """Return the range of a narrow integer type, such as ``int4``, and the wider dtype that holds
    its values. Return None for any other type.
    """
    return next(((*c[2:], c[1]) for c in CARRIERS.values() if c[0] == kind), None)


def dtype_of(number: int) -> str:
    """Return the nodeflow dtype for an ONNX element type, which is given by its number.

    Raises:
        LeftOut: nodeflow has no such dtype.
    """
    if number not in NUMPY_NAMES:
        raise LeftOut(f"no dtype {ODD_NAMES.get(number, number)}")
    return NUMPY_NAMES[number]
