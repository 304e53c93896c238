"""About how large the canvas draws a node, without a font and without Qt.

The canvas measures text and knows values; layouts made without a window (saving from Python, the
examples) have to guess, and leave room for the value that will show.
"""

from __future__ import annotations

from nodeflow.document.analysis import Analysis
from nodeflow.document.declarations import op_of
from nodeflow.document.model import Document
from nodeflow.document.ports import PortView, in_ports, out_ports
from nodeflow.document.records import NodeRecord

Size = tuple[float, float]

# As the canvas draws cards: heights in scene units, widths by the mean width of a letter.
HEADER, ROW, FOOT = 46.0, 22.0, 8.0
SCALAR, TENSOR = 44.0, 92.0  # room for a value under the ports: a number; a table or picture
MIN_WIDTH, MAX_WIDTH, WIDTH_STEP = 168.0, 288.0, 24.0
TITLE_LETTER, KIND_LETTER, PORT_LETTER, TYPE_LETTER = 7.4, 6.0, 6.6, 6.4
USUAL_TYPE = 7  # letters of a type that is not known, such as `f32 100`


def node_size(doc: Document, record: NodeRecord, analysis: Analysis | None = None) -> Size:
    """Returns about how wide and high a node is drawn, with room for its value."""
    left, right = in_ports(doc, record), out_ports(doc, record, analysis)
    op = op_of(record)
    title = TITLE_LETTER * len(record.name)
    kind = KIND_LETTER * len(op.title if op else record.op)
    need = 74 + max(title, kind)
    for i in range(max(len(left), len(right))):
        room = 28 + _port_width(record, left, i, analysis) + _port_width(record, right, i, analysis)
        need = max(need, room + 16)
    steps = -(-max(need - MIN_WIDTH, 0) // WIDTH_STEP)
    value = 0.0
    if right and right[0].kind == "tensor":
        found = analysis.type_of(record.id, right[0].name) if analysis else None
        value = SCALAR if found is not None and found.shape == () else TENSOR
    height = HEADER + ROW * max(len(left), len(right)) + FOOT + value
    return min(MIN_WIDTH + steps * WIDTH_STEP, MAX_WIDTH), height


def _port_width(
    record: NodeRecord, ports: list[PortView], index: int, analysis: Analysis | None
) -> float:
    """The width of one port's label and type; the only output shows its type alone."""
    if index >= len(ports):
        return 0
    port = ports[index]
    found = analysis.type_of(record.id, port.name) if analysis else None
    letters = len(str(found)) - 6 if found else USUAL_TYPE  # `f32` for `float32`, no brackets
    label = 0 if port.name == "out" else PORT_LETTER * len(port.label) + 6
    return label + TYPE_LETTER * letters
