"""The part of a step's form about what the learner does in the window."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QFormLayout, QWidget

from nodeflow.lessons.authoring import edits
from nodeflow.lessons.schema import SELECTED, SKETCHED, TRAINED
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import label, restyle
from nodeflow.ui.popups.lessons.authoring.bound_fields import Line

EVENTS = {
    "": "Nothing else",
    SELECTED: "Select a node",
    TRAINED: "Train",
    SKETCHED: "Draw a picture",
}


class DeedEditor(QWidget):
    """What the learner does besides the graph, and the fields of this deed.

    Args:
        step: returns the id of the shown step.
    """

    def __init__(self, workspace: Workspace, step: Callable[[], str]) -> None:
        super().__init__()
        self._workspace, self._step = workspace, step
        self.event_kind = QComboBox()
        self.event_kind.setAccessibleName("What the learner does")
        for value, text in EVENTS.items():
            self.event_kind.addItem(text, value)
        self.event_kind.currentIndexChanged.connect(self._on_kind)
        self.node = Line("Node to select", self._write_node, "Any node")
        self.measured = Line("Metric of the training", self._write_metric, "Such as accuracy")
        self.at_least = Line("Value that the metric reaches", self._write_at_least, "0")
        self._rows = {self.node: SELECTED, self.measured: TRAINED, self.at_least: TRAINED}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(SPACE[4])
        self._form.setVerticalSpacing(SPACE[2])
        self._form.addRow(label("To do"), self.event_kind)
        for name, field in zip(("Node", "Until", "is at least"), self._rows, strict=True):
            self._form.addRow(label(name), field)

    def refresh(self) -> None:
        """Show the deed of the step."""
        deed = self._deed()
        event = deed.get("event", "")
        with QSignalBlocker(self.event_kind):
            self.event_kind.setCurrentIndex(max(0, self.event_kind.findData(event)))
        for field, needed in self._rows.items():
            self._form.setRowVisible(field, event == needed)
        self.node.show_text(deed.get("node", ""))
        self.measured.show_text(deed.get("metric", ""))
        self.at_least.setEnabled(bool(deed.get("metric")))
        number = deed.get("at_least")
        self.at_least.show_value(number, "" if number is None else str(number), _number)

    def _deed(self) -> dict:
        return dict(edits.item(self._workspace.root, "steps", self._step()).get("deed") or {})

    def _write(self, **fields: object) -> None:
        deed = {k: v for k, v in {**self._deed(), **fields}.items() if v not in ("", None)}
        edits.set_item(self._workspace.root, "steps", self._step(), deed=deed or None)

    def _on_kind(self, _: int) -> None:
        event = self.event_kind.currentData()
        deed = {"event": event} if event else None
        edits.set_item(self._workspace.root, "steps", self._step(), deed=deed)

    def _write_node(self, name: str) -> None:
        self._write(node=name.strip())

    def _write_metric(self, name: str) -> None:
        self._write(metric=name.strip())

    def _write_at_least(self, text: str) -> None:
        try:
            number = _number(text)
        except ValueError:
            restyle(self.at_least, "invalid", "true")
        else:
            restyle(self.at_least, "invalid", "")
            self._write(at_least=number)


def _number(text: str) -> float | None:
    text = text.strip().replace("\N{MINUS SIGN}", "-")
    return float(text) if text else None
