"""The part of a step's form about its question."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QWidget

from nodeflow.lessons.authoring import edits, questions
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.schema import CHOICE, NUMBER, SHAPE
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import label, restyle
from nodeflow.ui.popups.lessons.authoring.bound_fields import Box, Line, Number

KINDS = {"": "No question", NUMBER: "A number", SHAPE: "A shape", CHOICE: "A choice"}
OF_VALUE, OF_NUMBER, OF_CHOICE = (NUMBER, SHAPE), (NUMBER,), (CHOICE,)


class QuestionEditor(QWidget):
    """The kind of the question, and the fields that this kind has.

    Args:
        step: returns the id of the shown step.
    """

    def __init__(self, workspace: Workspace, step: Callable[[], str]) -> None:
        super().__init__()
        self._workspace, self._step = workspace, step
        self.kind = QComboBox()
        self.kind.setAccessibleName("Kind of the question")
        for value, text in KINDS.items():
            self.kind.addItem(text, value)
        self.kind.currentIndexChanged.connect(self._on_kind)
        self.question = Line("Question", self._writer("question"), "Such as: what is a?")
        self.node = Line("Node of the question", self._write_node, "Its value is the answer")
        self.change = Line("Changed nodes", self._write_change, "Such as b + 1")
        self.difference = QCheckBox("Ask by how much the value changes")
        self.difference.toggled.connect(self._write_difference)
        self.tolerance = Line(
            "Tolerance", self._write_tolerance, "The accepted error, as a part: 0.05"
        )
        self.choices = Box("Choices", self._write_choices, "One choice a line")
        self.choices.setFixedHeight(4 * self.choices.fontMetrics().lineSpacing())
        self.right = Number("Number of the right choice", self._write_right, 1, questions.MOST)
        self.answer = Line("Explanation", self._writer("answer"), "Why the answer is right")
        self._rows: dict[QWidget, tuple[str, ...]] = {
            self.question: (NUMBER, SHAPE, CHOICE),
            self.node: OF_VALUE,
            self.change: OF_NUMBER,
            self.difference: OF_NUMBER,
            self.tolerance: OF_NUMBER,
            self.choices: OF_CHOICE,
            self.right: OF_CHOICE,
            self.answer: (NUMBER, SHAPE, CHOICE),
        }
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(SPACE[4])
        self._form.setVerticalSpacing(SPACE[2])
        self._form.addRow(label("Question"), self.kind)
        names = ("Text", "Node", "After", "", "Tolerance", "Choices", "Right", "Explanation")
        for name, field in zip(names, self._rows, strict=True):
            self._form.addRow(label(name), field)

    def refresh(self) -> None:
        """Show the question of the step."""
        root, step = self._workspace.root, self._step()
        found = questions.question_of(root, step)
        kind = found.get("kind", "")
        with QSignalBlocker(self.kind):
            self.kind.setCurrentIndex(max(0, self.kind.findData(kind)))
        for field, kinds in self._rows.items():
            self._form.setRowVisible(field, kind in kinds)
        self.question.show_text(edits.text_of(root, f"steps.{step}.question"))
        self.answer.show_text(edits.text_of(root, f"steps.{step}.answer"))
        self.node.show_text(found.get("node", ""))
        amounts = found.get("change") or {}
        self.change.show_value(amounts, questions.amounts_text(amounts), questions.amounts_of)
        with QSignalBlocker(self.difference):
            self.difference.setChecked(bool(found.get("difference")))
        part = found.get("tolerance")
        self.tolerance.show_value(part, "" if part is None else str(part), _part)
        choices = questions.choices_of(root, step)
        if _lines(self.choices.toPlainText()) != [text for text in choices if text]:
            self.choices.show_text("\n".join(choices))
        self.right.show_number(found.get("right", 0) + 1)

    def _on_kind(self, _: int) -> None:
        questions.ask(self._workspace.root, self._step(), self.kind.currentData())

    def _writer(self, key: str) -> Callable[[str], None]:
        def write(text: str) -> None:
            edits.set_text(self._workspace.root, f"steps.{self._step()}.{key}", text)

        return write

    def _write_node(self, name: str) -> None:
        questions.change(self._workspace.root, self._step(), node=name.strip())

    def _write_change(self, text: str) -> None:
        try:
            amounts = questions.amounts_of(text)
        except LessonProblem:
            restyle(self.change, "invalid", "true")
        else:
            restyle(self.change, "invalid", "")
            questions.change(self._workspace.root, self._step(), change=amounts or None)

    def _write_difference(self, on: bool) -> None:
        questions.change(self._workspace.root, self._step(), difference=on or None)

    def _write_tolerance(self, text: str) -> None:
        try:
            part = _part(text)
        except ValueError:
            restyle(self.tolerance, "invalid", "true")
        else:
            restyle(self.tolerance, "invalid", "")
            questions.change(self._workspace.root, self._step(), tolerance=part)

    def _write_choices(self, text: str) -> None:
        questions.set_choices(self._workspace.root, self._step(), _lines(text))

    def _write_right(self, number: int) -> None:
        count = len(questions.choices_of(self._workspace.root, self._step()))
        right = min(number, count) - 1
        questions.change(self._workspace.root, self._step(), right=right)


def _part(text: str) -> float | None:
    """Return the part that a text stands for; None for the default.

    Raises:
        ValueError: it is no number from 0.
    """
    if not text.strip():
        return None
    part = float(text)
    if not 0 <= part < float("inf"):
        raise ValueError(text)
    return part


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]
