"""The page of a lesson's form about the nodes that a learner starts with."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QWidget

from nodeflow.document.model.records import NodeRecord
from nodeflow.lessons.authoring import edits
from nodeflow.lessons.probes import INTEGERS, KEEP, NORMAL, ONE_HOT, UNIFORM
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import clear, column, label
from nodeflow.ui.popups.lessons.authoring.bound_fields import Line, Page

TEXT = (
    "Choose Given in the menu of a node. Checks try other values of given nodes, so that an answer "
    "that copies the shown numbers fails."
)
KINDS = {
    KEEP: "As in the graph",
    NORMAL: "Normal",
    UNIFORM: "Uniform",
    INTEGERS: "Whole numbers",
    ONE_HOT: "One-hot rows",
}
RANGED = (UNIFORM, INTEGERS)


class StartPage(Page):
    """One row for each given node: which values are tried, and whether it may be changed."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.rows: dict[str, tuple[QComboBox, Line, Line, QCheckBox]] = {}
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(SPACE[3])
        self._grid.setVerticalSpacing(SPACE[2])
        self._grid.setColumnStretch(5, 1)
        self._shown: object = None
        self.setLayout(column(label(TEXT, "muted", wrap=True), self._grid, None, margins=4, gap=4))

    def refresh(self) -> None:
        root = self.workspace.root
        records = [root.nodes[i] for i in edits.given(root) if i in root.nodes]
        names = [(record.id, record.name) for record in records]
        if names != self._shown:
            self._shown = names
            self._make_rows(records)
        for record in records:
            self._fill(record)

    def _make_rows(self, records: list[NodeRecord]) -> None:
        clear(self._grid)
        self.rows.clear()
        if not records:
            self._grid.addWidget(label("No node is given yet."), 0, 0)
            return
        for at, text in enumerate(("Node", "Values tried", "From", "To", "")):
            self._grid.addWidget(label(text, "caption"), 0, at)
        for number, record in enumerate(records, 1):
            self._make_row(number, record)

    def _make_row(self, number: int, record: NodeRecord) -> None:
        name = record.name
        kind = QComboBox()
        kind.setAccessibleName(f"Values tried for {name}")
        for value, text in KINDS.items():
            kind.addItem(text, value)
        low, high = (
            Line(f"{word} of {name}", partial(self._write_range, name, field))
            for word, field in (("Lowest value", "low"), ("Highest value", "high"))
        )
        low.setFixedWidth(80)
        high.setFixedWidth(80)
        free = QCheckBox("May be changed")
        free.setAccessibleName(f"{name} may be changed")
        kind.currentIndexChanged.connect(partial(self._on_kind, name))
        free.toggled.connect(partial(self._on_free, record.id))
        self.rows[name] = (kind, low, high, free)
        cells: tuple[QWidget, ...] = (label(name), kind, low, high, free)
        for at, cell in enumerate(cells):
            self._grid.addWidget(cell, number, at)

    def _fill(self, record: NodeRecord) -> None:
        kind, low, high, free = self.rows[record.name]
        drawn = self._drawn(record.name)
        now = KEEP if drawn is None else drawn.get("values", NORMAL)
        with QSignalBlocker(kind):
            kind.setCurrentIndex(kind.findData(now))
        for field, key, default in ((low, "low", 0.0), (high, "high", 1.0)):
            field.setEnabled(now in RANGED)
            if now in RANGED:
                number = (drawn or {}).get(key, default)
                field.show_value(number, str(number), _number)
            else:
                field.show_text("")
        locked = self.workspace.root.lesson.get("locked")
        with QSignalBlocker(free):
            free.setChecked(locked is not None and record.id not in locked)

    def _drawn(self, name: str) -> dict | None:
        probes = self.workspace.root.lesson.get("probes") or {}
        return (probes.get("inputs") or {}).get(name)

    def _on_kind(self, name: str, _: int) -> None:
        values = self.rows[name][0].currentData()
        if values == KEEP:
            edits.set_drawn(self.workspace.root, name, None)
            return
        kept = {k: v for k, v in (self._drawn(name) or {}).items() if k != "values"}
        edits.set_drawn(self.workspace.root, name, {**kept, "values": values})

    def _write_range(self, name: str, field: str, text: str) -> None:
        try:
            number = _number(text)
        except ValueError:
            return
        edits.set_drawn(self.workspace.root, name, {**(self._drawn(name) or {}), field: number})

    def _on_free(self, node_id: str, is_free: bool) -> None:
        edits.set_locked(self.workspace.root, node_id, not is_free)


def _number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-"))
