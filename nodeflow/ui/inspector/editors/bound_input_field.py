"""A field that replaces an editor and shows the node whose wire sets the attribute."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QStyle, QStyleOptionButton, QStylePainter

from nodeflow.document.analysis.wiring import shown_ports
from nodeflow.document.model.records import Wire
from nodeflow.graph.types import shape_text
from nodeflow.host.protocol import Preview
from nodeflow.number_text import number
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import Theme, icon
from nodeflow.ui.core.widgets.common_widgets import restyle
from nodeflow.ui.core.widgets.plain_tips import plain_tip

FEW = 6
"""Length of the longest list that is shown completely."""


class GivenField(QPushButton):
    """A locked field such as ``from rate: 0.0035``. A click shows the node.

    Text that does not fit ends in an ellipsis.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        restyle(self, "kind", "given")
        self.setIcon(icon("lock", theme, "ink_faint", 13))
        self.setIconSize(QSize(13, 13))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_source(self, name: str, value: str) -> None:
        """Show the node that sets the attribute, and its value if known."""
        text = f"from {name}: {value}" if value else f"from {name}"
        if text == self.text():  # live values arrive often
            return
        self.setText(text)
        self.setToolTip(
            plain_tip(
                f"{text}\n\nA wire from {name} gives this value. Click to go to {name}, or "
                "remove the wire to set the value here."
            )
        )

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw the button, with the text shortened to its width."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        style = self.style()
        room = style.subElementRect(QStyle.SubElement.SE_PushButtonContents, option, self).width()
        room -= self.iconSize().width() + 8
        end = Qt.TextElideMode.ElideRight
        option.text = self.fontMetrics().elidedText(self.text(), end, max(room, 0))
        QStylePainter(self).drawControl(QStyle.ControlElement.CE_PushButton, option)


def value_of_wire(workspace: Workspace, wire: Wire, values: Mapping[str, Preview]) -> str:
    """Return the value on a wire of the shown graph as a short text; empty if unknown.

    Args:
        values: live values by tensor name.
    """
    document, analysis = workspace.document, workspace.analysis
    source = document.nodes[wire.source]
    outputs = [port.name for port in shown_ports.out_ports(document, source, analysis)]
    index = outputs.index(wire.source_port) if wire.source_port in outputs else 0
    name = workspace.full_name(source.name)
    preview = values.get(f"{name}:{index}" if index else name)
    type_ = analysis.type_of(wire.source, wire.source_port)
    array = preview.array if preview is not None and preview.kind in ("scalar", "table") else None
    if array is None and type_ is not None:
        array = type_.array
    if array is not None and array.size <= FEW:
        return _in_words(array)
    return shape_text(preview.shape) if preview is not None and preview.dtype else ""


def in_words(preview: Preview) -> str:
    """Return a value as one line: a number, a short list, or a shape with the range of its numbers.

    Return "" while the value is unknown, for example until a run computes it.
    """
    if preview.kind == "scalar":
        return preview.text
    array = preview.array if preview.kind == "table" and not preview.arrangement else None
    if array is not None and array.ndim == 1 and array.size <= FEW:
        return _in_words(array)
    if not preview.dtype:
        return ""
    ends = preview.minimum, preview.maximum
    span = "" if None in ends else f", {' to '.join(map(number, ends))}"
    return f"{shape_text(preview.shape)}{span}"


def _in_words(array: np.ndarray) -> str:
    if array.ndim == 0:
        return number(array[()])
    return (
        f"[{', '.join(map(number, array.ravel()))}]" if array.ndim == 1 else shape_text(array.shape)
    )
