"""The legend over the canvas that explains the colours: the measure and its scale."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QLinearGradient, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QComboBox, QFrame, QSizePolicy, QToolButton, QWidget

from nodeflow.ui.canvas.paint.renderer import Renderer
from nodeflow.ui.canvas.scene.tints import Tints
from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming.colorings import COLORINGS, Coloring, ColorScale, ramp_color
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.widgets.common_widgets import button, column, label, row
from nodeflow.ui.core.widgets.plain_tips import plain_tip

MARGIN, WIDTH = 12, 264
BAR = 10
LOGARITHMIC = "Logarithmic scale"


class ColorLegend(QFrame):
    """The legend in the lower left corner of the canvas, hidden while nothing is coloured.

    Signals:
        chosen(id): colour by this measure; empty for none.
        measure_requested: run the measurement that the colours need.
    """

    chosen = Signal(str)
    measure_requested = Signal()

    def __init__(self, canvas: QWidget, renderer: Renderer) -> None:
        super().__init__(canvas)
        self._canvas, self._renderer = canvas, renderer
        self.setObjectName("colorLegend")
        self.setAccessibleName("Legend of the colours")
        self.setFixedWidth(WIDTH)
        self.choice = QComboBox()
        self.choice.setAccessibleName("Colour by")
        for coloring in COLORINGS.values():
            self.choice.addItem(coloring.title, coloring.id)
            self.choice.setItemData(
                self.choice.count() - 1, plain_tip(coloring.tip), Qt.ItemDataRole.ToolTipRole
            )
        self.choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.choice.activated.connect(lambda _: self.chosen.emit(self.choice.currentData()))
        self.off = QToolButton()
        self.off.setAccessibleName("Stop colouring")
        self.off.setToolTip("Stop colouring")
        self.off.clicked.connect(lambda: self.chosen.emit(""))
        self.scale = ScaleBar()
        self.note = label(LOGARITHMIC, "caption", wrap=True)
        self.measure = button("Measure", "link", self.measure_requested.emit)
        top = row(self.choice, self.off, gap=1)
        self._layout = column(top, self.scale, self.note, self.measure, gap=1)
        self._layout.setContentsMargins(SPACE[2], SPACE[2], SPACE[2], SPACE[2])
        self.setLayout(self._layout)
        canvas.installEventFilter(self)
        self.set_theme(renderer.theme)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        self.off.setIcon(icon("x", theme, "ink_muted", 14))
        self.scale.theme = theme
        self.scale.update()

    def show_tints(self, tints: Tints | None, needs_measuring: bool = False) -> None:
        """Show a legend for these colours; None hides it."""
        self.setVisible(tints is not None)
        if tints is None:
            return
        self.choice.setCurrentIndex(self.choice.findData(tints.coloring.id))
        self.choice.setToolTip(plain_tip(tints.coloring.tip))
        self.scale.show_scale(tints.coloring, tints.scale)
        note = _note(tints)
        # screen readers read this text even while it is hidden
        self.note.setText(note or LOGARITHMIC)
        self.note.setVisible(bool(note))
        self.measure.setVisible(needs_measuring)
        self._place()

    def _place(self) -> None:
        layout = self._layout
        has_text = layout.hasHeightForWidth()
        height = layout.totalHeightForWidth(WIDTH) if has_text else layout.totalSizeHint().height()
        self.resize(WIDTH, height)
        self.move(MARGIN, self._canvas.height() - self.height() - MARGIN)
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()  # else the canvas below would handle it

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.accept()


def _note(tints: Tints) -> str:
    if tints.scale is None:
        reasons = {m.why for each in tints.measured.values() for m in each.values() if m.why}
        why = tints.why or (reasons.pop() if len(reasons) == 1 else "")
        return f"No node has a value to colour by{f': {why}' if why else ''}."
    return LOGARITHMIC if tints.scale.is_log else ""


class ScaleBar(QWidget):
    """A bar with the colours from the least to the largest value, and numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.theme: Theme | None = None
        self._coloring: Coloring | None = None
        self._scale: ColorScale | None = None
        self.texts: list[str] = []
        self.setAccessibleName("Scale of the colours")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH - 2 * SPACE[2], BAR + 24)

    def show_scale(self, coloring: Coloring, scale: ColorScale | None) -> None:
        """Show another scale; None hides the bar."""
        self._coloring, self._scale = coloring, scale
        self.texts = [] if scale is None else [coloring.text(mark) for mark in scale.marks()]
        self.setAccessibleDescription(", ".join(self.texts))
        self.setVisible(scale is not None)
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        if self._scale is None or self.theme is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(1, 2, self.width() - 2, BAR)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for part in np.linspace(0, 1, 17).tolist():
            gradient.setColorAt(part, ramp_color(self.theme, part))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(bar, 3, 3)
        for mark, text in zip(self._scale.marks(), self.texts, strict=True):
            x = bar.left() + bar.width() * self._scale.part(mark)
            painter.setPen(QPen(self.theme.color("ink_muted"), 1))
            painter.drawLine(QPointF(x, bar.bottom() + 1), QPointF(x, bar.bottom() + 4))
            width = text_metrics.width(text, text_metrics.PORT)
            left = min(max(x - width / 2, 0.0), self.width() - width)
            color = self.theme.color("ink")
            text_metrics.draw(painter, left, bar.bottom() + 17, text, text_metrics.PORT, color)
        painter.end()
