"""The dialog for the values that a sweep tries for an attribute: a list, or a range."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QStackedWidget,
    QWidget,
)

from nodeflow.document.edit.sweep_settings import (
    attr_named,
    name_of,
    value_at,
    varied,
    vary,
)
from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import Attr
from nodeflow.number_text import counted, number
from nodeflow.sweeps.checks import WHOLE, check_spec
from nodeflow.sweeps.value_specs import Spec, spec_of
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.user_messages import remark
from nodeflow.ui.core.widgets.common_widgets import column, label, restyle

LIST, RANGE, LOG, INT = "list", "range", "log", "int"
KINDS = {
    LIST: "These values",
    RANGE: "Any number between two",
    LOG: "Any number between two, on a logarithmic scale",
    INT: "Whole numbers between two",
}
NUMBERS = ("float", "number", "literal")
EXAMPLES, WIDTH = 4, 380
"""Number of random samples shown for a range, and the width of the dialog in pixels."""


class VaryDialog(QDialog):
    """A dialog for the values to try for one attribute, stored in the document.

    Args:
        path: path of the node, or ``training`` for a setting.
    """

    def __init__(self, parent: QWidget, workspace: Workspace, path: str, attr: str) -> None:
        super().__init__(parent)
        self.setObjectName("vary")
        self._root, self._path, self._attr = workspace.root, path, attr
        self._name = f"{name_of(self._root, path)}.{attr}"
        declared = attr_named(self._root, self._name)
        known = varied(self._root).get((path, attr))
        self.setWindowTitle(f"Vary {attr.replace('_', ' ')}")
        self.kind = QComboBox()
        self.kind.setAccessibleName("How it varies")
        for kind in kinds_of(declared):
            self.kind.addItem(KINDS[kind], kind)
        self.values = QLineEdit()
        self.values.setAccessibleName("Values")
        self.values.setPlaceholderText("0.1, 0.5, 1")
        self.low, self.high = QLineEdit(), QLineEdit()
        self.low.setAccessibleName("From")
        self.high.setAccessibleName("To")
        self.note = label("", "caption", wrap=True)
        self.note.setMinimumHeight(2 * self.note.fontMetrics().height())
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._pages = QStackedWidget()
        self._pages.addWidget(_form(("Values", self.values)))
        self._pages.addWidget(_form(("From", self.low), ("To", self.high)))
        self.buttons = QDialogButtonBox()
        self.ok = self.buttons.addButton("Vary", QDialogButtonBox.ButtonRole.AcceptRole)
        self.ok.setProperty("kind", "primary")
        self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.remove = self.buttons.addButton("Do not vary", QDialogButtonBox.ButtonRole.ResetRole)
        self.remove.setVisible(known is not None)
        self.remove.clicked.connect(self._on_remove)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        text = label(
            f"What a sweep tries for {self._name}. The graph keeps its own value.", "", True
        )
        self.setLayout(
            column(text, self.kind, self._pages, self.note, self.buttons, margins=4, gap=3)
        )
        self.setMinimumWidth(WIDTH)
        self._fill(declared, known, value_at(self._root, path, attr))
        self.kind.currentIndexChanged.connect(self._check)
        for field in (self.values, self.low, self.high):
            field.textChanged.connect(self._check)
        self._check()
        (self.values if self.kind.currentData() == LIST else self.low).setFocus()

    def _fill(self, attr: Attr, known: str | None, value: Any) -> None:
        """Show the values that a sweep tries for the attribute: those stored in the file, or else
        some near the present value of the attribute.
        """
        spec = _understood(self._name, known) or near(self._name, attr, value)
        self.values.setText(", ".join(json.dumps(one) for one in spec.values))
        if spec.kind != LIST:
            low, high = spec.text.split(":")[-1].split("..")
            self.low.setText(low)
            self.high.setText(high)
        self.kind.setCurrentIndex(max(0, self.kind.findData(spec.kind)))

    @property
    def text(self) -> str:
        """The values to try, in the syntax of ``nodeflow sweep``."""
        kind = self.kind.currentData()
        if kind == LIST:
            return json.dumps(values_of(self.values.text()))
        low, high = (field.text().strip() for field in (self.low, self.high))
        return f"{low}..{high}" if kind == RANGE else f"{kind}:{low}..{high}"

    @Slot()
    def _check(self, _: object = None) -> None:
        """Show the values that the sweep would try, or why they are invalid."""
        self._pages.setCurrentIndex(0 if self.kind.currentData() == LIST else 1)
        try:
            spec = spec_of(self._name, self.text)
            if spec is not None:
                check_spec(self._root, spec)
        except NodeflowError as error:
            self._say(remark(error).removeprefix(f"{self._name}: "), "error")
            return
        if spec is None:
            self._say("Give two numbers.", "error")
        elif spec.kind == LIST:
            self._say(counted(len(spec.values), "value"), "caption")
        else:
            drawn = ", ".join(number(spec.draw(1, n), 3) for n in range(1, EXAMPLES + 1))
            self._say(f"Such as {drawn}", "caption")

    def _say(self, text: str, role: str) -> None:
        self.note.setText(text[:1].upper() + text[1:])
        restyle(self.note, "role", role)
        self.ok.setEnabled(role != "error")

    def accept(self) -> None:
        if self.ok.isEnabled():
            vary(self._root, self._path, self._attr, self.text)
            super().accept()

    @Slot()
    def _on_remove(self) -> None:
        vary(self._root, self._path, self._attr, None)
        self.reject()


def kinds_of(attr: Attr) -> tuple[str, ...]:
    """Return the ways in which an attribute can vary."""
    if attr.kind in WHOLE:
        return LIST, INT
    return (LIST, RANGE, LOG, INT) if attr.kind in NUMBERS else (LIST,)


def near(name: str, attr: Attr, value: Any) -> Spec:
    """Suggest values to try around the current value."""
    if attr.choices:
        return Spec(name, LIST, attr.choices)
    if attr.kind == "bool":
        return Spec(name, LIST, (True, False))
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if attr.kind in WHOLE and is_number and value > 0:
        return Spec(name, LIST, tuple(dict.fromkeys((max(1, value // 2), value, value * 2))))
    if attr.kind in NUMBERS and is_number:
        most = attr.maximum if attr.maximum is not None else float("inf")
        if value > 0 and value * 10 <= most:
            return Spec(name, LOG, (value / 10, value, value * 10), value / 10, value * 10)
        least = attr.minimum if attr.minimum is not None else value - 1
        high = min(most, value + 1)
        return Spec(name, RANGE, (least, high), float(least), float(high))
    return Spec(name, LIST, () if value is None else (value,))


def values_of(text: str) -> list[Any]:
    """Parse values as a user writes them: as JSON, or else as words.

    >>> values_of("0.1, 1"), values_of("relu, tanh"), values_of("[3, 3], [5, 5]")
    ([0.1, 1], ['relu', 'tanh'], [[3, 3], [5, 5]])
    """
    try:
        return json.loads(f"[{text}]")
    except ValueError:
        return [_value_of(part.strip()) for part in text.split(",") if part.strip()]


def _value_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _understood(name: str, text: str | None) -> Spec | None:
    try:
        return None if text is None else spec_of(name, text)
    except NodeflowError:
        return None  # a file may hold any text


def _form(*rows: tuple[str, QWidget]) -> QWidget:
    result = QWidget()
    layout = QFormLayout(result)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACE[2])
    for text, field in rows:
        layout.addRow(text, field)
    return result
