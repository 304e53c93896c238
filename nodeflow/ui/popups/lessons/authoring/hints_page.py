"""The page of a lesson's form about its hints: typical mistakes and milestones."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QMenu

from nodeflow.document.model.records import Json
from nodeflow.lessons.authoring import edits, mistakes
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import button, clear, column, label, row
from nodeflow.ui.popups.lessons.authoring.bound_fields import Line, Page

MISTAKES = (
    "Change the graph into a typical mistake, and choose This graph is a mistake in the menu "
    "Lesson. Its hint is shown to a learner who makes it. Mistakes of trainings have no graph: add "
    "them by a sign."
)
MILESTONES = "Choose Milestone in the menu of a node. A learner reads what is right already."


class HintsPage(Page):
    """A row for each mistake and each milestone."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.hints: dict[str, Line] = {}
        self.found: dict[str, Line] = {}
        self.credits: dict[str, QDoubleSpinBox] = {}
        self.add_sign = button("Add a mistake by a sign")
        self.signs = QMenu(self.add_sign)
        for words, signs in mistakes.SIGNS.items():
            self.signs.addAction(words, partial(self._add, signs))
        self.add_sign.setMenu(self.signs)
        self._mistakes, self._milestones = QGridLayout(), QGridLayout()
        for grid in (self._mistakes, self._milestones):
            grid.setHorizontalSpacing(SPACE[3])
            grid.setVerticalSpacing(SPACE[2])
            grid.setColumnStretch(1, 1)
        self._shown: object = None
        self.setLayout(
            column(
                label("Mistakes", "strong"),
                label(MISTAKES, "muted", wrap=True),
                self._mistakes,
                row(self.add_sign, None),
                4,
                label("Milestones", "strong"),
                label(MILESTONES, "muted", wrap=True),
                self._milestones,
                None,
                margins=4,
            )
        )

    def refresh(self) -> None:
        root = self.workspace.root
        twins, milestones = edits.items(root, "twins"), edits.items(root, "milestones")
        shown = (
            [(t["id"], mistakes.said(t)) for t in twins],
            [(m["id"], str(m.get("node"))) for m in milestones],
        )
        if shown != self._shown:
            self._shown = shown
            self._make_rows(*shown)
        for id, line in self.hints.items():
            line.show_text(edits.text_of(root, f"twins.{id}.hint"))
        for milestone in milestones:
            id = milestone["id"]
            self.found[id].show_text(edits.text_of(root, f"milestones.{id}.found"))
            spin = self.credits[id]
            if not spin.hasFocus():
                spin.blockSignals(True)
                spin.setValue(milestone.get("credit", 0.25))
                spin.blockSignals(False)

    def _make_rows(self, twins: list[tuple[str, str]], milestones: list[tuple[str, str]]) -> None:
        root = self.workspace.root
        clear(self._mistakes)
        clear(self._milestones)
        self.hints, self.found, self.credits = {}, {}, {}
        for number, (id, words) in enumerate(twins):
            line = Line(f"Hint of {id}", partial(self._write, f"twins.{id}.hint"))
            self.hints[id] = line
            remove = button("Remove", "", partial(edits.drop_item, root, "twins", id))
            for at, cell in enumerate((label(words), line, remove)):
                self._mistakes.addWidget(cell, number, at)
        for number, (id, node) in enumerate(milestones):
            line = Line(f"Words for {node}", partial(self._write, f"milestones.{id}.found"))
            credit = QDoubleSpinBox(minimum=0.0, maximum=1.0, singleStep=0.05)
            credit.setAccessibleName(f"Credit of {node}")
            credit.setPrefix("Credit ")
            credit.valueChanged.connect(partial(self._write_credit, id))
            self.found[id], self.credits[id] = line, credit
            remove = button("Remove", "", partial(edits.toggle_milestone, root, node))
            for at, cell in enumerate((label(node), line, credit, remove)):
                self._milestones.addWidget(cell, number, at)

    def _add(self, signs: dict[str, Json]) -> None:
        id = edits.add_twin(self.workspace.root, signs, "")
        self.refresh()
        self.hints[id].show()
        self.hints[id].setFocus()

    def _write(self, key: str, text: str) -> None:
        edits.set_text(self.workspace.root, key, text)

    def _write_credit(self, id: str, credit: float) -> None:
        edits.set_item(self.workspace.root, "milestones", id, credit=round(credit, 2))
