"""The rank correlation of each parameter of a sweep with the result, as bars."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from nodeflow.ui.core.theming.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager

ROW, BAR = 38, 8
WIDTH, LEAST_WIDTH = 200, 96
NOTE = "Correlations of parameters with the result need at least three trials."


class CorrelationBars(QWidget):
    """A bar for each parameter: to the right for a positive correlation, to the left for a
    negative one.
    """

    def __init__(self, themes: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.values: dict[str, float] = {}
        self.key = ""
        self.setAccessibleName("Rank correlation with the result")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.MinimumExpanding)
        self.setMinimumWidth(LEAST_WIDTH)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, ROW * (len(self.values) + 1))

    def show_values(self, values: Mapping[str, float], key: str) -> None:
        """Show Spearman's correlations, -1 to 1, between parameters and the result ``key``."""
        self.values = dict(sorted(values.items(), key=lambda one: -abs(one[1])))
        self.key = key
        words = ", ".join(f"{name} {value:+.2f}" for name, value in self.values.items())
        self.setAccessibleDescription(words or NOTE)
        self.setToolTip("" if not words else "Spearman's rank correlation: +1 rising, −1 falling.")
        self.updateGeometry()
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, width = self._theme, float(self.width())
        painter.setFont(font(TYPE["caption"]))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(theme.color("ink_muted"))
        wrap = int(Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap)
        if not self.values:
            painter.drawText(QRectF(0, 0, width, self.height()), wrap, NOTE)
            return
        title = metrics.elidedText(
            f"Rank correlation with {self.key}", Qt.TextElideMode.ElideRight, width
        )
        painter.drawText(QRectF(0, 0, width, 18), wrap, title)
        y, middle = 18.0 + SPACE[1], width / 2
        for name, value in self.values.items():
            figure = f"{value:+.2f}".replace("-", "−")
            room = width - metrics.horizontalAdvance(figure) - SPACE[2]
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room)
            painter.setPen(theme.color("ink"))
            painter.drawText(QRectF(0, y, room, 16), int(Qt.AlignmentFlag.AlignLeft), shown)
            painter.drawText(QRectF(0, y, width, 16), int(Qt.AlignmentFlag.AlignRight), figure)
            track = QRectF(0, y + 18, width, BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("border", 0.6))
            painter.drawRoundedRect(track, 3, 3)
            part = middle * abs(value)
            left = middle if value >= 0 else middle - part
            painter.setBrush(theme.color("accent", 1.0 if value >= 0 else 0.6))
            painter.drawRoundedRect(QRectF(left, y + 18, max(part, 1.0), BAR), 3, 3)
            painter.setPen(QPen(theme.color("ink_faint"), 1))
            painter.drawLine(int(middle), int(y + 16), int(middle), int(y + 20 + BAR))
            y += ROW
