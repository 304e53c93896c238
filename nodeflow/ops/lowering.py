"""How the compiled tier computes an op: descriptions that the engine turns into kernels.

An op returns one of these from ``lower``; they are plain data, so an op's meaning never depends on
numba. An op that returns None is run by its numpy reference in every tier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.graph.types import TensorType


@dataclass(frozen=True)
class Elementwise:
    """A scalar formula over the inputs named ``names`` and the attributes.

    Inputs broadcast. Literals and attributes in the formula take the inputs' dtype, the result is
    cast to the output's. Without inputs it fills the output.
    """

    expression: str
    names: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Alias:
    """The output is the input's memory under another shape (reshape, identity, squeeze)."""


@dataclass(frozen=True, eq=False)
class Known:
    """A value that follows from the types alone, so that planning can compute it."""

    value: np.ndarray


@dataclass(frozen=True)
class Reduce:
    """Combine the elements along ``axes`` (counted from the front, sorted).

    ``kind`` is sum, mean, prod, max, min, argmax or argmin (the last two: one axis).
    """

    kind: str
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Matmul:
    """A product of two matrices, either of them transposed first; leading axes are batches."""

    transpose_x: bool = False
    transpose_y: bool = False


@dataclass(frozen=True)
class Permute:
    """``axes`` of the output are these axes of the input."""

    axes: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """One lowered operation inside a `Composite`: writes the value called ``name``."""

    name: str
    lowering: Elementwise | Alias | Known | Reduce | Matmul | Permute
    inputs: tuple[str, ...]
    type: TensorType


@dataclass(frozen=True)
class Composite:
    """An op as a few simpler ones: ``softmax`` is a maximum, an exponential, a sum, a division.

    ``inputs`` names the op's inputs, ``outputs`` the values that are its outputs.
    """

    inputs: tuple[str, ...]
    parts: Sequence[Part]
    outputs: tuple[str, ...]


Lowering = Elementwise | Alias | Known | Reduce | Matmul | Permute | Composite
