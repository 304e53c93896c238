"""Step 3 of the wizard: the task of the graph.

The resulting graph is drawn and its sizes are described.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QLabel, QRadioButton, QSizePolicy, QWidget

from nodeflow.document.analysis.training_settings import END
from nodeflow.document.model.document import Document
from nodeflow.document.starters import STARTERS
from nodeflow.document.starters.choices import DATA, Choices
from nodeflow.host.messages.values import SPLIT_WORDS
from nodeflow.number_text import counted
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import column, label, row
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.popups.own_data.graph_picture import graph_picture

PICTURE = QSize(560, 330)
LIST_WIDTH = 300


class StarterStep(QWidget):
    """The choice of a starter among those that fit the data, and a picture of the resulting graph.

    ``changed``: another starter was chosen.
    """

    changed = Signal()

    def __init__(self, choices: Choices, themes: ThemeManager) -> None:
        super().__init__()
        self.choices, self._themes = choices, themes
        self.buttons: dict[str, QRadioButton] = {}
        self._reasons: dict[str, QLabel] = {}
        self._group = QButtonGroup(self)
        parts: list[QWidget | int | None] = []
        for starter in STARTERS.values():
            choice = QRadioButton(starter.title)
            choice.setProperty("starter", starter.id)
            choice.setToolTip(plain_tip(starter.doc))
            choice.clicked.connect(self._on_chosen)
            reason = label(starter.doc, "caption", wrap=True)
            reason.setIndent(24)
            self._group.addButton(choice)
            self.buttons[starter.id], self._reasons[starter.id] = choice, reason
            parts += [choice, reason, 1]
        self.train = QCheckBox("Train at once")
        self.train.setToolTip("Start the training as soon as the graph is there")
        self.train.setChecked(True)
        self.facts = label("", "muted", wrap=True)
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setMinimumSize(PICTURE)
        self.picture.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        side = QWidget()
        side.setFixedWidth(LIST_WIDTH)
        side.setLayout(column(*parts, None, self.train, gap=0))
        shown = QWidget()
        shown.setLayout(column(self.picture, self.facts, gap=2))
        layout = row(side, shown, gap=4)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.refresh()

    def refresh(self) -> None:
        """Show which starters fit the chosen columns. One that does not fit is not chosen."""
        self._group.setExclusive(False)  # so that none may be chosen
        for id_, choice in self.buttons.items():
            reason = self.choices.misfit(id_)
            choice.setEnabled(not reason)
            choice.setChecked(id_ == self.choices.task and not reason)
            self._reasons[id_].setText(reason or STARTERS[id_].doc)
        self._group.setExclusive(True)
        self.train.setVisible(self.choices.task != DATA)

    def show_document(self, document: Document, weights: int) -> None:
        """Draw the graph that the wizard would make."""
        ratio = self.devicePixelRatioF()
        room = self.picture.size().expandedTo(PICTURE)
        self.picture.setPixmap(graph_picture(document, self._themes.theme, room, ratio))
        self.facts.setText(facts(document, weights))
        self.picture.setAccessibleName(f"The graph: {self.facts.text()}")

    def show_nothing(self, text: str) -> None:
        """Show the reason why there is no graph yet."""
        self.picture.setPixmap(QPixmap())
        self.facts.setText(text)

    def _on_chosen(self) -> None:
        self.choices.choose_task(self.sender().property("starter"))
        self.refresh()
        self.changed.emit()


def facts(document: Document, weights: int) -> str:
    """Describe the size of a graph and of its training in a sentence."""
    training = document.training
    if not training:
        return f"{counted(len(document.nodes), 'node')}. Nothing is trained yet."
    return (
        f"{counted(len(document.nodes), 'node')} with {counted(weights, 'weight')}; Adam trains "
        f"them for up to {counted(training['epochs'], 'epoch')} in batches of "
        f"{counted(training['batch_size'], 'row')}.{_measured(training['metrics'])}"
    )


def _measured(metrics: list[dict[str, Any]]) -> str:
    """Return the sentence that says on which rows metrics are measured, after a space."""
    often = [m["split"] for m in metrics if m["every"] != END]
    if not often:
        return ""
    later = "; test rows are measured once, at the end" if len(often) < len(metrics) else ""
    return f" Metrics are of {SPLIT_WORDS.get(often[0], often[0])} rows{later}."
