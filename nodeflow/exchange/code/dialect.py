"""How a library writes ops: a table of expressions, one for each op."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.graph.graph import Node
from nodeflow.ops.sliding_windows import explicit_pads


@dataclass(frozen=True)
class Call:
    """An op to be written.

    Attributes:
        node: it, with its attributes and types.
        args: expressions of its inputs: names, mostly.
        name: of the node in the code.
    """

    node: Node
    args: Sequence[str]
    name: str = "x"

    @property
    def attrs(self) -> Mapping[str, Any]:
        return self.node.attrs

    @property
    def rank(self) -> int:
        """Rank of the first input."""
        return len(self.node.inputs[0].shape)

    @property
    def dtype(self) -> str:
        """Of the first output."""
        return self.node.outputs[0].dtype


Expression = str | Callable[[Call], str | None]
"""A template such as ``torch.exp({0})``, or a function that gives None for what it cannot write."""


@dataclass(frozen=True)
class Dialect:
    """A library that code is written for.

    Attributes:
        id: as after ``--to``.
        title: its name.
        ops: op -> expression.
        helpers: functions that expressions call, by name: written where one does.
    """

    id: str
    title: str
    ops: Mapping[str, Expression]
    helpers: Mapping[str, str]

    def expression(self, call: Call) -> str | None:
        """The code of an op; None if this library has none for it."""
        found = self.ops.get(call.node.op.id)
        if any(t.dtype not in DTYPES for t in (*call.node.inputs, *call.node.outputs)):
            return None
        if found is None or callable(found):
            return found(call) if callable(found) else None
        return found.format(*call.args, **call.attrs)

    def writes(self, node: Node) -> bool:
        """Whether the dialect writes an op."""
        if node.op.id in ("placeholder", "variable"):
            return True
        return self.expression(Call(node, tuple("x" for _ in node.inputs))) is not None


DTYPES = frozenset("float32 float64 int8 int16 int32 int64 uint8 bool".split())
"""What all libraries have."""


def pair(sizes: Sequence[int]) -> tuple[int, ...]:
    """Height and width, where one number may stand for both."""
    return tuple(sizes) * 2 if len(sizes) == 1 else tuple(sizes)


def channels_first_pads(call: Call, filters: bool) -> tuple[tuple[int, int], ...] | None:
    """The borders of images whose channels come first, as models of ONNX have them; None for other
    images, filters or borders.

    Args:
        filters: whether there are filters, which have the outputs first.
    """
    attrs = call.attrs
    if attrs["layout"] != "NCHW" or (filters and attrs["filter_layout"] != "OIHW"):
        return None
    if attrs["pads"] is not None:
        return explicit_pads(attrs["pads"], 2)
    return ((0, 0), (0, 0)) if attrs["padding"] == "valid" else None


def axes_text(axis: Any, rank: int) -> str:
    """Axes as Python writes them: a number, a tuple, or None for all."""
    if axis is None:
        return "None"
    axes = [axis] if isinstance(axis, int) else list(axis)
    return str(axes[0]) if len(axes) == 1 else str(tuple(axes))


def permutation(call: Call) -> tuple[int, ...]:
    """The order of axes of a transpose: the reverse one, where none is given."""
    return tuple(call.attrs["perm"] or reversed(range(call.rank)))


def literal(value: Any) -> str:
    """A value of an attribute as Python."""
    if isinstance(value, float) and value != value:
        return 'float("nan")'
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    if isinstance(value, np.ndarray):
        return literal(value.tolist())
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(literal, value))}]"
    return repr(value)
