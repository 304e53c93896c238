"""The number that a node itself holds, changed on the node by dragging, typing or a slider."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.document.analysis.bound_attributes import bound_attributes
from nodeflow.document.analysis.node_flags import slider_of
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.graph.types import FLOATS, literal

INTEGERS_PER_PIXEL = 0.125
STEPS_PER_VALUE = 200
"""The number of pixels that change a number by about its own size."""
SMALLEST_STEP = 1e-6


@dataclass(frozen=True)
class NodeValue:
    """A scalar of a node.

    Attributes:
        attr: the attribute that holds it.
        value: a float, an int or a bool.
        dtype: the dtype of the node.
        slider: least and greatest value of its slider, or None.
    """

    attr: str
    value: float | int | bool
    dtype: str
    slider: tuple[float, float] | None = None

    @property
    def step(self) -> float:
        """The change of the value per pixel of dragging: a power of ten for floats."""
        if self.dtype not in FLOATS:
            return INTEGERS_PER_PIXEL
        size = max(abs(float(self.value)), SMALLEST_STEP * STEPS_PER_VALUE)
        if not math.isfinite(size):
            return 1.0
        size = size if self.value else 1.0
        return 10.0 ** math.floor(math.log10(size / STEPS_PER_VALUE) + 0.5)

    def dragged(self, pixels: float, width: float, factor: float = 1.0) -> float | int | bool:
        """Return the value after dragging to the right by this many pixels.

        Args:
            width: pixels between the ends of the slider, if there is one.
            factor: 0.1 for fine, 10 for coarse steps.
        """
        if self.dtype == "bool":
            return bool(self.value) if abs(pixels) < 8 else pixels > 0
        if self.slider is None:
            return self._fitting(
                float(self.value) + round(pixels) * self.step * factor, self.step * factor
            )
        low, high = self.slider
        step = 10.0 ** math.floor(math.log10((high - low) / max(width, 1.0)))
        wanted = float(self.value) + pixels * factor * (high - low) / max(width, 1.0)
        return self._fitting(min(max(wanted, low), high), step)

    def _fitting(self, value: float, step: float) -> float | int:
        """Return a value rounded to a multiple of a step and to the node's dtype."""
        if self.dtype in FLOATS:
            digits = max(0, -math.floor(math.log10(step) + 1e-9))
            return round(value, digits)
        limits = np.iinfo(self.dtype)
        return max(int(limits.min), min(round(value), int(limits.max)))


def value_of(doc: Document, node_id: str) -> NodeValue | None:
    """Return the single number that a user can edit directly on a node, or None.

    Constants, variables with one initial number, and placeholders with a sample have such a number.
    """
    record = doc.nodes.get(node_id)
    if record is None or doc.locked:
        return None
    attr = _attribute(doc, record)
    if attr is None:
        return None
    value = record.attrs.get(attr, 0.0 if attr == "value" else None)
    if not isinstance(value, (bool, int, float)):
        return None
    return NodeValue(attr, value, record.attrs.get("dtype", "float32"), slider_of(record))


def _attribute(doc: Document, record: NodeRecord) -> str | None:
    attrs = record.attrs
    if record.op == "constant":
        return "value"
    given = bound_attributes(doc, record)
    if record.op == "placeholder":
        return None if "sample" in given or attrs.get("shape") else "sample"
    if record.op == "variable" and not attrs.get("initializer") and not attrs.get("shape"):
        return None if "value" in given else "value"
    return None


def set_value(doc: Document, node_id: str, value: Any, merge: Any = None) -> None:
    """Change the scalar of a node.

    Raises:
        LiteralError: the node's dtype does not have this value.
    """
    found = value_of(doc, node_id)
    if found is None or value == found.value:
        return
    literal(value, found.dtype)
    with doc.transaction(f"Set {doc.node(node_id).name}", merge=merge):
        commands.set_attr(doc, node_id, found.attr, value)
