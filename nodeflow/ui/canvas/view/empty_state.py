"""The hints on an empty canvas: how to begin, and a link to the tutorial."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming import theme as themes
from nodeflow.ui.core.theming.theme import Theme

TITLE = "An empty canvas"
COUNT = 4
ROW = 52.0
WIDTH = 400.0


class EmptyState:
    """Hints in the middle of the view while the document has neither nodes nor frames.

    ``key_text(action)`` returns the key of an action; empty if it has none.
    """

    def __init__(
        self, scene: SceneModel, viewport: Viewport, key_text: Callable[[str], str]
    ) -> None:
        self._scene, self._viewport, self._key_text = scene, viewport, key_text

    @property
    def is_shown(self) -> bool:
        return not self._scene.document.nodes and not self._scene.document.frames

    def link_rect(self) -> QRectF:
        """Return the rectangle of the tutorial link in view coordinates."""
        return self._row(COUNT - 1)

    def is_on_link(self, at: QPointF) -> bool:
        """Return whether a view point is on the link to the tutorial."""
        return self.is_shown and self.link_rect().contains(at)

    def _hints(self) -> tuple[tuple[str, str, str], ...]:
        """Return the hints that an empty canvas shows to a beginner, such as how to add a node.
        Each has the name of its icon, its emphasized words, and the remaining text. The texts
        contain the user's keyboard shortcuts.
        """
        search, formula = self._key_text("search"), self._key_text("formula")
        add = ("search", "Double click", "to search and add one.")
        if search:
            add = ("search", f"Press {search}", "or double click to search and add one.")
        typed = ("square-function", "Graph → Type a formula", "adds its nodes.")
        if formula:
            typed = ("square-function", f"Press {formula}", "to type a formula.")
        drag = ("move", "Drag an op", "from Ops to here.")
        link = ("graduation-cap", "Build a = (b + c) × (c + 2)", "step by step.")
        return drag, add, typed, link

    def _row(self, index: int) -> QRectF:
        left = self._viewport.width / 2 - WIDTH / 2
        top = self._viewport.height / 2 - ROW * COUNT / 2 + 16
        return QRectF(left, top + index * ROW, WIDTH, ROW - 8)

    def paint(self, painter: QPainter, theme: Theme) -> None:
        """Draw the hints. The last one is the link to the tutorial."""
        x, top = self._viewport.width / 2, self._row(0).top()
        text_metrics.draw(
            painter, x, top - 22, TITLE, text_metrics.HERO, theme.color("ink"), align="center"
        )
        last = COUNT - 1
        for index, (icon, strong, rest) in enumerate(self._hints()):
            row = self._row(index)
            role = "accent" if index == last else "ink_muted"
            if index == last:
                painter.setPen(QPen(theme.color("accent"), 1.25))
                painter.setBrush(theme.color("accent_soft"))
            else:
                painter.setPen(QPen(theme.color("border"), 1))
                painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(row, 10, 10)
            place = QRectF(row.left() + 16, row.center().y() - 10, 20, 20)
            themes.draw_icon(painter, icon, place, theme.color(role))
            y = row.center().y() + 5
            left = row.left() + 52
            ink = theme.color("accent" if index == last else "ink")
            text_metrics.draw(painter, left, y, strong, text_metrics.HINT_STRONG, ink)
            left += text_metrics.width(strong, text_metrics.HINT_STRONG) + 6
            text_metrics.draw(painter, left, y, rest, text_metrics.HINT, theme.color("ink_muted"))
