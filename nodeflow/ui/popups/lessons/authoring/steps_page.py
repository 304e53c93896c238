"""The page of a lesson's form about its steps."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QFileDialog, QListWidget, QListWidgetItem, QWidget

from nodeflow.data.pictures.files import ENDINGS
from nodeflow.errors import NodeflowError
from nodeflow.lessons.authoring import edits
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.widgets.common_widgets import button, column, label, row
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.lessons.authoring.bound_fields import Box, Line, Page
from nodeflow.ui.popups.lessons.authoring.deed_editor import DeedEditor
from nodeflow.ui.popups.lessons.authoring.item_list import ID, ItemList
from nodeflow.ui.popups.lessons.authoring.question_editor import QuestionEditor
from nodeflow.ui.popups.lessons.step_picture import encoded


class StepsPage(Page):
    """The steps at the left; title, text and checks of one at the right."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.steps = ItemList(workspace, "steps", "step", button("Add a step", "", self._add))
        self.steps.chosen.connect(self.refresh)
        self.title = Line("Title of the step", self._write_title)
        self.text = Box("Text of the step", self._write_text, "What the learner does, and why")
        self.checks = QListWidget()
        self.checks.setAccessibleName("Checks of the step")
        self.checks.itemChanged.connect(self._on_check)
        self.checks.setFixedHeight(4 * self.checks.fontMetrics().height() + 16)
        self.text.setMinimumHeight(5 * self.text.fontMetrics().lineSpacing())
        self.choose_picture = button("Choose a picture…", "", self._choose_picture)
        self.remove_picture = button("Remove the picture", "", self._remove_picture)
        self.described = Line(
            "Description of the picture", self._write_description, "The picture in words"
        )
        self.deed = DeedEditor(workspace, lambda: self.steps.current)
        self.question = QuestionEditor(workspace, lambda: self.steps.current)
        pictures = row(self.choose_picture, self.described, self.remove_picture)
        pictures.setAlignment(self.choose_picture, Qt.AlignmentFlag.AlignLeft)
        self._form = QWidget()
        self._form.setLayout(
            column(
                label("Title"),
                self.title,
                label("Text"),
                self.text,
                pictures,
                label("Done when these checks pass"),
                self.checks,
                self.deed,
                self.question,
            )
        )
        self.setLayout(row(self.steps, self._form, margins=4, gap=4))

    def refresh(self) -> None:
        root = self.workspace.root
        found = edits.items(root, "steps")
        titles = [(s["id"], edits.text_of(root, f"steps.{s['id']}.title")) for s in found]
        self.steps.show_items([(id, title or "Without a title") for id, title in titles])
        step = edits.item(root, "steps", self.steps.current)
        self._form.setVisible(bool(step))
        if not step:
            return
        self.title.show_text(edits.text_of(root, f"steps.{step['id']}.title"))
        self.text.show_text(edits.text_of(root, f"steps.{step['id']}.text"))
        self.described.show_text(edits.text_of(root, f"steps.{step['id']}.picture"))
        has_picture = bool(step.get("picture"))
        self.choose_picture.setVisible(not has_picture)
        self.described.setVisible(has_picture)
        self.remove_picture.setVisible(has_picture)
        self.deed.refresh()
        self.question.refresh()
        with QSignalBlocker(self.checks):
            self.checks.clear()
            for check in edits.items(root, "checks"):
                item = QListWidgetItem(said(check))
                item.setData(ID, check["id"])
                on = check["id"] in (step.get("checks") or ())
                item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
                self.checks.addItem(item)

    def _add(self) -> None:
        self.steps.choose(edits.add_step(self.workspace.root))
        self.title.setFocus()

    def _write_title(self, text: str) -> None:
        edits.set_text(self.workspace.root, f"steps.{self.steps.current}.title", text)

    def _write_text(self, text: str) -> None:
        edits.set_text(self.workspace.root, f"steps.{self.steps.current}.text", text)

    def _choose_picture(self) -> None:
        endings = " ".join(f"*.{ending}" for ending in ENDINGS)
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Choose a picture", "", f"Pictures ({endings})"
        )
        if not chosen:
            return
        try:
            picture = encoded(Path(chosen))
        except NodeflowError as error:
            confirmation_dialogs.show_problem(self, "The picture was not added", error)
            return
        edits.set_item(self.workspace.root, "steps", self.steps.current, picture=picture)

    def _remove_picture(self) -> None:
        edits.set_item(self.workspace.root, "steps", self.steps.current, picture=None)

    def _write_description(self, text: str) -> None:
        edits.set_text(self.workspace.root, f"steps.{self.steps.current}.picture", text)

    def _on_check(self, _: QListWidgetItem) -> None:
        items = [self.checks.item(number) for number in range(self.checks.count())]
        chosen = [i.data(ID) for i in items if i.checkState() == Qt.CheckState.Checked]
        edits.set_item(self.workspace.root, "steps", self.steps.current, checks=chosen)


def said(check: dict) -> str:
    """Return a check in a few words: ``p: values``."""
    kind = in_words(str(check.get("kind", "")))
    return f"{check['node']}: {kind.lower()}" if check.get("node") else kind


def in_words(kind: str) -> str:
    """Return a kind of check in words: ``Sums to``."""
    return kind.replace("_", " ").capitalize()
