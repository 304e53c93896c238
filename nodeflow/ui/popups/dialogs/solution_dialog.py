"""The solution of a lesson, as a picture beside the learner's own graph."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from nodeflow.document.model.document import Document
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.widgets.common_widgets import button, label
from nodeflow.ui.popups.own_data.graph_picture import graph_picture

SIZE = QSize(760, 420)


class SolutionDialog(QDialog):
    """A window that may stay open while the learner works."""

    def __init__(self, parent: QWidget, solution: Document, theme: Theme) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("A solution")
        picture = label()
        picture.setPixmap(graph_picture(solution, theme, SIZE, self.devicePixelRatioF()))
        picture.setAccessibleName("The graph of the solution")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[4])
        layout.setSpacing(SPACE[3])
        layout.addWidget(label("There are many right graphs. This is one of them.", "muted"))
        layout.addWidget(picture, 1, Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(button("Close", "", self.accept), 0, Qt.AlignmentFlag.AlignRight)
