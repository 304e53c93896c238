"""The page of a lesson's form about its checks: every kind, every field."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QCompleter, QFormLayout, QMenu, QWidget

from nodeflow.lessons.authoring import edits
from nodeflow.lessons.authoring.check_fields import CheckField, about, fields_of
from nodeflow.lessons.checks import KINDS
from nodeflow.lessons.errors import LessonProblem
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.user_messages import remark
from nodeflow.ui.core.widgets.common_widgets import (
    button,
    column,
    discard,
    label,
    restyle,
    row,
)
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.popups.lessons.authoring.bound_fields import Line, Page
from nodeflow.ui.popups.lessons.authoring.item_list import ItemList
from nodeflow.ui.popups.lessons.authoring.steps_page import in_words, said

PLACEHOLDERS = {"credit": "1", "shape": "such as 3, any"}


class ChecksPage(Page):
    """The checks at the left; the fields of one at the right."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.add = button("Add a check")
        self.kinds = QMenu(self.add)
        self.kinds.setToolTipsVisible(True)
        for kind in sorted(KINDS, key=lambda kind: (kind != edits.VALUES, kind)):
            action = self.kinds.addAction(in_words(kind), partial(self._add, kind))
            action.setToolTip(plain_tip(about(kind)))
        self.add.setMenu(self.kinds)
        self.checks = ItemList(workspace, "checks", "check", self.add)
        self.checks.chosen.connect(self.refresh)
        self.about = label("", "muted", wrap=True)
        self.problem = label("", "caption", wrap=True)
        self.fields: dict[str, Line] = {}
        self._rows = QWidget()
        self._side = QWidget()
        self._column = column(self.about, self._rows, self.problem, None, gap=3)
        self._side.setLayout(self._column)
        self._shown = ""
        self.setLayout(row(self.checks, self._side, margins=4, gap=4))

    def refresh(self) -> None:
        root = self.workspace.root
        self.checks.show_items([(c["id"], said(c)) for c in edits.items(root, "checks")])
        check = edits.item(root, "checks", self.checks.current)
        self._side.setVisible(bool(check))
        if not check or check.get("kind") not in KINDS:
            self._shown = ""
            return
        if self._shown != check["id"]:
            self._shown = check["id"]
            self._make_fields(check["kind"])
        self.about.setText(about(check["kind"]))
        for field in fields_of(check["kind"]):
            value = check.get(field.name)
            self.fields[field.name].show_value(value, field.text_of(value), field.value_of)

    def _make_fields(self, kind: str) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE[4])
        form.setVerticalSpacing(SPACE[2])
        form.setContentsMargins(0, 0, 0, 0)
        self.fields.clear()
        self._say("", "")
        names = sorted(record.name for record in self.workspace.root.nodes.values())
        for field in fields_of(kind):
            placeholder = PLACEHOLDERS.get(field.name, "" if field.is_needed else "default")
            line = Line(field.name, partial(self._write, field), placeholder)
            if field.name in ("node", "input"):
                line.setCompleter(QCompleter(names, line))
                line.completer().activated.connect(partial(self._write, field))
            self.fields[field.name] = line
            form.addRow(label(field.name.replace("_", " ").capitalize()), line)
        rows = QWidget()
        rows.setLayout(form)
        self._column.replaceWidget(self._rows, rows)
        discard(self._rows)
        self._rows = rows

    def _add(self, kind: str) -> None:
        root = self.workspace.root
        chosen = [root.nodes[i].name for i in self.workspace.selection if i in root.nodes]
        needed = {f.name: _first(f, chosen) for f in fields_of(kind) if f.is_needed}
        self.checks.choose(edits.add_check(root, kind, **needed))

    def _write(self, field: CheckField, text: str) -> None:
        try:
            value = field.value_of(text)
            edits.change_check(self.workspace.root, self._shown, **{field.name: value})
        except LessonProblem as error:
            self._say(field.name, remark(error))
        else:
            self._say("", "")

    def _say(self, name: str, problem: str) -> None:
        """Show what is wrong with a field; empty for nothing."""
        self.problem.setText(problem)
        for field, line in self.fields.items():
            restyle(line, "invalid", "true" if field == name else "")


def _first(field: CheckField, names: list[str]) -> object:
    """Return the first value of a needed field: the selected node."""
    if field.kind != "str":
        return 1
    name = names[0] if names else ""
    return [name] if field.is_list else name
