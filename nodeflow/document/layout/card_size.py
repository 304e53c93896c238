"""The size of a node's card, for layouts and for the canvas; without Qt.

The width of a card follows from its texts alone. Its height also depends on the value it shows, so
a layout reserves space for the tallest value of its type.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.folded_values import folded_text
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import is_collapsed, view_of
from nodeflow.document.analysis.passthrough_nodes import REROUTE
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER
from nodeflow.document.analysis.wiring.shown_ports import card_ports, in_ports, out_ports
from nodeflow.document.layout.text_width import text_width
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, NodeRecord

Size = tuple[float, float]
Label = tuple[str, str]
"""The texts at a port: its label and its type; either may be empty."""

HEADER, ROW, FOOT, FOLD = 46.0, 22.0, 8.0, 16.0
"""Heights. If a card can fold some of its ports, FOLD is below them instead of FOOT."""
ICON_ROOM, TITLE_PAD, PORT_INSET, PORT_GAP, LABEL_GAP = 46.0, 28.0, 14.0, 16.0, 6.0
DOT = 20.0
"""Diameter of a reroute dot, including the ring where wires can be picked up."""
MIN_WIDTH, MAX_WIDTH, WIDTH_STEP = 168.0, 288.0, 24.0
TITLE, SUBTITLE, PORT, TYPE = 13, 11, 12, 10.5
"""Text sizes in scene units."""
SCALAR, TENSOR = 40.0, 92.0
"""Maximum height of a value below the ports: a number; a table, image or statistics."""
VIEW_WIDTH, VIEW_HEIGHT = 264.0, 212.0
"""The minimum width of a card that shows a view, and the height of the view."""
PROBLEM = 62.0
"""Maximum height of a problem: three lines."""

ANY_SHAPE = "any shape"
"""The text for the shape of a type of unknown rank."""
SHORT_DTYPES = {
    "float32": "f32",
    "float64": "f64",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "bool": "bool",
    "float16": "f16",
    "bfloat16": "bf16",
    "complex64": "c64",
    "complex128": "c128",
    "int8": "i8",
    "int16": "i16",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
}


def node_size(doc: Document, record: NodeRecord, analysis: Analysis | None = None) -> Size:
    """Return the width of a node's card, and its maximum height for any value of its type.

    Without an analysis types are unknown, and the result may be too narrow.
    """
    if record.op == REROUTE:
        return DOT, DOT
    op = declaration(record, doc)
    kind = op.title if op else f"unknown op {record.op}"
    if is_collapsed(record):
        return card_width(record.name, kind, (), ()), HEADER
    left, right = _inputs(doc, record, analysis), _outputs(doc, record, analysis)
    rows = max(len(left), len(right))
    height = HEADER + ROW * rows + (FOLD if folds(doc, record) else FOOT if rows else 0)
    view = view_of(record) is not None
    if view:
        height += VIEW_HEIGHT
    elif op is not None and op.id not in (DATASET, *BORDER):
        height += _value_room(doc, record, analysis)
    if analysis is not None and analysis.problems.get(record.id):
        height += PROBLEM
    return card_width(record.name, kind, left, right, view), height


def folds(doc: Document, record: NodeRecord) -> bool:
    """Return whether a node has ports that its card shows only when unfolded."""
    return any(port.folds for port in in_ports(doc, record))


def card_width(
    title: str, kind: str, left: Sequence[Label], right: Sequence[Label], view: bool = False
) -> float:
    """Return the width of a card with these texts, rounded up to steps so that columns align.

    Args:
        view: whether the card shows a view, which has a minimum width.
    """
    heading = max(text_width(title, TITLE, 600), text_width(kind, SUBTITLE))
    need = max(ICON_ROOM + heading + TITLE_PAD, _rows_width(tuple(left), tuple(right)))
    need = max(need, VIEW_WIDTH if view else 0.0)
    steps = -(-max(need - MIN_WIDTH, 0) // WIDTH_STEP)
    return min(MIN_WIDTH + steps * WIDTH_STEP, MAX_WIDTH)


@lru_cache(maxsize=4096)
def _rows_width(left: tuple[Label, ...], right: tuple[Label, ...]) -> float:
    """Return the width of the rows of ports; cached, since many cards have equal rows."""
    need = 0.0
    for index in range(max(len(left), len(right))):
        sides = [label_width(side[index]) for side in (left, right) if index < len(side)]
        both = all(sides) and len(sides) == 2
        need = max(need, sum(sides) + 2 * PORT_INSET + (PORT_GAP if both else 0))
    return need


def label_width(label: Label) -> float:
    """Return the width of a port's label and type."""
    name, kind = label
    gap = LABEL_GAP if name and kind else 0
    return text_width(name, PORT) + text_width(kind, TYPE, mono=True) + gap


@lru_cache(maxsize=4096)
def type_text(tensor_type: Any | None) -> str:
    """Return the text of a type, such as `f32 ?×784`; `f32` for a scalar, "" for None.

    A type of unknown rank gives `f32 any shape`.
    """
    if tensor_type is None:
        return ""
    dtype: str = tensor_type.dtype
    short = SHORT_DTYPES.get(dtype, dtype)
    if not tensor_type.has_rank:
        return f"{short} {ANY_SHAPE}"
    dims = "×".join("?" if d is None else str(d) for d in tensor_type.shape)
    return f"{short} {dims}" if dims else short


def _inputs(doc: Document, record: NodeRecord, analysis: Analysis | None) -> list[Label]:
    wired = {wire.target_port: wire for wire in doc.wires_into(record.id)}
    labels = []
    for port in card_ports(doc, record):
        wire = wired.pop(port.name, None)
        kind = _type(wire.source, wire.source_port, analysis) if wire else ""
        numbers = folded_text(doc, wire) if wire else ""
        labels.append((port.label or port.name, numbers or kind))
    for name, wire in wired.items():
        labels.append((name, _type(wire.source, wire.source_port, analysis)))
    return labels


def _outputs(doc: Document, record: NodeRecord, analysis: Analysis | None) -> list[Label]:
    shown = out_ports(doc, record, analysis)
    labels = []
    for port in shown:
        kind = _type(record.id, port.name, analysis)
        # a single output shows only its type
        alone = len(shown) == 1 and kind and record.op != INPUTS
        labels.append(("" if alone else port.label or port.name, kind))
    known = {port.name for port in shown}
    used = {wire.source_port for wire in doc.wires_out_of(record.id)}
    return labels + [(name, "") for name in sorted(used - known)]


def _type(node_id: str, port: str, analysis: Analysis | None) -> str:
    return type_text(analysis.type_of(node_id, port)) if analysis is not None else ""


def _value_room(doc: Document, record: NodeRecord, analysis: Analysis | None) -> float:
    shown = out_ports(doc, record, analysis)
    if not shown or all(port.kind == "control" for port in shown):
        return 0.0
    found = analysis.type_of(record.id, shown[0].name) if analysis is not None else None
    return SCALAR if found is not None and found.shape == () else TENSOR
