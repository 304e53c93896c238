"""How the compiled tier computes an op: descriptions that the engine turns into kernels.

An op returns one of these from ``lower``; they are plain data, so an op's meaning never depends on
numba. An op that returns None is run by its numpy reference in every tier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Elementwise:
    """A scalar formula over the inputs named ``names`` and the attributes."""

    expression: str
    names: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
