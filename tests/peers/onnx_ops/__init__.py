"""ONNX's ops in terms of public ops: at most `MOST` of them for each node.

Inputs that ONNX takes as tensors where an op of ours has an attribute (axes, shapes, pads) are read
when the graph is built, as an importer would read initializers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import nodeflow as nf

MOST = 12


class LeftOut(Exception):
    """Why a case cannot be written."""


class Case:
    """One node: its attributes, its inputs as placeholders or as known values."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.op, self.version, self.attrs = data["op"], data["version"], data["attrs"]
        self.names: list[str] = data["node_inputs"]
        self.outputs: list[str] = data["node_outputs"]
        self.arrays: dict[str, np.ndarray] = dict(data["inputs"])
        self.expected: list[tuple[str, np.ndarray]] = data["outputs"]
        self.fed: dict[nf.Tensor, np.ndarray] = {}
        self._known: dict[str, nf.Tensor] = {}

    def __getitem__(self, name: str) -> Any:
        return self.attrs[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.attrs.get(name, default)

    def has(self, index: int) -> bool:
        return index < len(self.names) and self.names[index] in self.arrays

    def value(self, index: int) -> Any:
        """An input that is known when the graph is built; None if it is left out."""
        return self.arrays[self.names[index]] if self.has(index) else None

    def ints(self, index: int) -> tuple[int, ...] | None:
        """Whole numbers of an input; None if it is left out."""
        found = self.value(index)
        return None if found is None else tuple(int(n) for n in np.ravel(found))

    def x(self, index: int = 0) -> nf.Tensor:
        """An input as a tensor."""
        name = self.names[index]
        if name not in self._known:
            array = self.arrays[name]
            tensor = nf.placeholder(array.dtype.name, list(array.shape))
            self._known[name], self.fed[tensor] = tensor, array
        return self._known[name]

    def optional(self, index: int) -> nf.Tensor | None:
        return self.x(index) if self.has(index) else None

    def all(self) -> list[nf.Tensor]:
        return [self.x(i) for i in range(len(self.names))]

    def wants(self, index: int) -> bool:
        """Whether an output is asked for."""
        return index < len(self.outputs) and bool(self.outputs[index])

    @property
    def rank(self) -> int:
        return self.value(0).ndim


Translation = Callable[[Case], Any]
TRANSLATIONS: dict[str, Translation] = {}


def op(*names: str) -> Callable[[Translation], Translation]:
    """Register how nodes of these types are written."""

    def register(function: Translation) -> Translation:
        for name in names:
            TRANSLATIONS[name] = function
        return function

    return register


def simple(name: str, ours: str) -> None:
    """An op of ours with the same inputs and no attributes."""
    TRANSLATIONS[name] = lambda case: getattr(nf, ours)(*case.all())


def translate(case: Case) -> Sequence[nf.Tensor]:
    """The outputs of a node.

    Raises:
        LeftOut: there are no public ops for it.
    """
    from tests.peers.onnx_ops import convolution, linear, math, networks, pictures, shapes  # noqa: F401

    if case.op not in TRANSLATIONS:
        raise LeftOut(f"no op {case.op}")
    made = TRANSLATIONS[case.op](case)
    return [made] if isinstance(made, nf.Tensor) else list(made)
