"""What a node's card says: the content of a card as immutable data, and its geometry.

Nothing here paints. A card's key is its content, so that equal cards are painted once; sizes and
port places come from the content alone, so that layout, hit testing and export agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nodeflow.ui.canvas import text, values

HEADER = 46.0
ROW = 22.0
FOOT = 8.0
ICON_ROOM = 46.0
MIN_WIDTH = 168.0
MAX_WIDTH = 288.0
WIDTH_STEP = 24.0
PROBLEM_PAD = 8.0
PORT_INSET = 14.0

SHORT_DTYPES = {
    "float32": "f32",
    "float64": "f64",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "bool": "bool",
}


@dataclass(frozen=True)
class PortFace:
    """One port as drawn. ``type_text`` is empty while the type is unknown;
    ``fault`` is the severity of a problem at the port."""

    name: str
    label: str
    type_text: str = ""
    dtype: str = ""
    kind: str = "tensor"
    optional: bool = False
    connected: bool = False
    fault: str = ""


@dataclass(frozen=True)
class CardFace:
    """All that a card shows. Equal faces look equal at the same zoom in the same theme."""

    title: str
    subtitle: str
    op: str
    category: str
    inputs: tuple[PortFace, ...]
    outputs: tuple[PortFace, ...]
    problem: str = ""
    severity: str = ""
    status: str = ""
    shows_value: bool = True
    value: Any = None
    value_serial: int = 0
    width: float = MIN_WIDTH

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CardFace) and self.key == other.key

    @cached_property
    def key(self) -> tuple:
        """Everything but the value object itself, for which its serial number stands."""
        return (
            self.title,
            self.subtitle,
            self.op,
            self.inputs,
            self.outputs,
            self.problem,
            self.severity,
            self.status,
            self.value_serial,
            self.width,
        )

    # ---- geometry, relative to the card's top left corner -----------------------------------

    @property
    def rows(self) -> int:
        return max(len(self.inputs), len(self.outputs))

    @property
    def value_top(self) -> float:
        return HEADER + ROW * self.rows + (FOOT if self.rows else 0)

    @property
    def value_height(self) -> float:
        empty = self.shows_value and any(p.kind != "control" for p in self.outputs)
        shows = self.value is not None or empty
        return values.height_of(self.value, self.width) if shows else 0.0

    @property
    def problem_lines(self) -> tuple[str, ...]:
        if not self.problem:
            return ()
        return text.wrap(self.problem, text.CAPTION, self.width - 42, 3)

    @property
    def problem_height(self) -> float:
        lines = len(self.problem_lines)
        return 2 * PROBLEM_PAD + values.LINE * lines - 2 if lines else 0.0

    @property
    def height(self) -> float:
        return self.value_top + self.value_height + self.problem_height


def row_y(index: int) -> float:
    """Where the index-th port of either side lies, below the card's top."""
    return HEADER + ROW * index + ROW / 2


def type_text(tensor_type: Any | None) -> str:
    """``f32 ?×784``; scalars ``f32``; empty while unknown."""
    if tensor_type is None:
        return ""
    dims = "×".join("?" if d is None else str(d) for d in tensor_type.shape)
    short = SHORT_DTYPES.get(tensor_type.dtype, tensor_type.dtype)
    return f"{short} {dims}" if dims else short


def width_for(
    title: str, kind: str, inputs: tuple[PortFace, ...], outputs: tuple[PortFace, ...]
) -> float:
    """Card width that holds the texts, in steps so that columns of nodes line up."""
    need = ICON_ROOM + max(text.width(title, text.TITLE), text.width(kind, text.SUBTITLE)) + 28
    for index in range(max(len(inputs), len(outputs))):
        left = label_width(inputs[index]) if index < len(inputs) else 0
        right = label_width(outputs[index]) if index < len(outputs) else 0
        need = max(need, left + right + 2 * PORT_INSET + (16 if left and right else 0))
    steps = -(-max(need - MIN_WIDTH, 0) // WIDTH_STEP)
    return min(MIN_WIDTH + steps * WIDTH_STEP, MAX_WIDTH)


def label_width(port: PortFace) -> float:
    both = 6 if port.label and port.type_text else 0
    return text.width(port.label, text.PORT) + text.width(port.type_text, text.TYPE) + both
