"""The details of one run, or the changes between two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from nodeflow.document.diff.text import lines
from nodeflow.number_text import bytes_text, count, counted, number
from nodeflow.run_store.run_differences import Changes
from nodeflow.run_store.run_history import EDITS, History
from nodeflow.run_store.run_records import Run, RunEvent, dumps
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, column, label, row
from nodeflow.ui.core.widgets.time_and_size_text import moment
from nodeflow.ui.panels.trainings.training_history import duration

SECTIONS = {"settings": "Settings", "data": "Data", "versions": "Versions", "machine": "Machine"}
HINT = "Select a run to see how it was trained, or two to see what changed between them."
MOST_LINES = 500
MOST_NARROW = 260


class RunDetails(QWidget):
    """A tree of names and values below its title.

    Signals:
        canvas_wanted(changes): draw the differences of two graphs on the canvas.
    """

    canvas_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.title = ElidedLabel("", "strong")
        self.on_canvas = button("Show on the canvas", "link", self._on_canvas)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Details of the run")
        self.tree.setItemDelegate(CutTextDelegate(self.tree))
        self.tree.setUniformRowHeights(True)
        self.tree.setIndentation(12)
        self.hint = label(HINT, "muted", wrap=True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._changes: Changes | None = None
        head = row(gap=2)
        head.addWidget(self.title, 1)
        head.addWidget(self.on_canvas)
        layout = column(gap=1)
        layout.setContentsMargins(SPACE[2], 0, 0, 0)
        layout.addLayout(head)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.hint, 1)
        self.setLayout(layout)
        self.setMinimumWidth(MOST_NARROW)
        self.clear()

    def clear(self) -> None:
        """Show no run, because no run or several runs are selected."""
        self._fill("", (), {})
        self.hint.show()
        self.tree.hide()

    def show_run(self, run: Run, events: Sequence[RunEvent], found: History) -> None:
        """Show the facts, events and results of a run, and the edits that led to it."""
        names = {one.id: one.name for one in found.runs}
        parent = names.get(run.parent, run.parent)
        facts = {
            "Status": run.ending or run.status,
            "Started": moment(run.created),
            "Duration": duration(run.seconds),
            "Steps": count(run.steps),
            "Loss": None if run.loss is None else number(run.loss),
            **{name: number(value) for name, value in run.metrics.items()},
            "Best epoch": f"{run.best['epoch']}, by {run.best['by']}" if run.best else None,
            "Seed": run.seed,
            "Branch of": f"{parent}, after step {run.parent_step}" if run.parent else None,
            "File": run.file or None,
            "Files": bytes_text(run.bytes) if run.bytes else None,
            "Id": run.id,
        }
        happened = [(_after(e.step), _event(e)) for e in events if e.kind not in EDITS]
        edits = [
            (_after(e.step), e.words if e.run == run.id else f"{e.words} (in {names[e.run]})")
            for e in found.edits
        ]
        self._fill(
            run.name,
            ("Value",),
            {
                "Run": _pairs(facts),
                "Edits": edits,
                "Settings": _pairs(run.settings),
                "Events": happened,
                "Data": _pairs({name: _data(said) for name, said in run.data.items()}),
                "Versions": _pairs(run.versions),
                "Machine": _pairs(run.machine),
            },
        )

    def show_changes(self, before: Run, after: Run, changes: Changes, draws: bool) -> None:
        """Show the changes between two runs.

        Args:
            draws: whether the canvas can also show them.
        """
        found: dict[str, list[tuple[str, ...]]] = {}
        edits = [
            *((_after(edit.step), edit.words, "") for edit in changes.edits[0]),
            *((_after(edit.step), "", edit.words) for edit in changes.edits[1]),
        ]
        if edits:
            found["Edits"] = edits
        for change in changes.facts:
            cells = (change.name, _value(change.before), _value(change.after))
            found.setdefault(SECTIONS[change.section], []).append(cells)
        if changes.graph:
            told = list(lines(changes.graph))
            title = f"Graph: {counted(len(changes.graph), 'difference')}"
            found[title] = [(line,) for line in told[:MOST_LINES]]
            if len(told) > MOST_LINES:
                found[title].append((f"and {count(len(told) - MOST_LINES)} more",))
        title = f"{before.name} → {after.name}"
        if changes.parted is not None:
            title = f"{title}: the same up to step {count(changes.parted[1])}"
        self._fill(title, (before.name, after.name), found)
        if not changes:
            same = "settings, data, versions, graph and edits are the same"
            self.hint.setText(f"Nothing changed: {same}.")
            self.hint.show()
            self.tree.hide()
        self._changes = changes
        self.on_canvas.setVisible(draws and bool(changes.graph))

    def _fill(
        self,
        title: str,
        values: Sequence[str],
        sections: Mapping[str, Sequence[tuple[str, ...]]],
    ) -> None:
        self._changes = None
        self.on_canvas.hide()
        self.title.setText(title)
        self.hint.setText(HINT)
        self.hint.hide()
        self.tree.show()
        self.tree.clear()
        self.tree.setColumnCount(1 + len(values))
        self.tree.setHeaderLabels(["", *values])
        self.tree.setHeaderHidden(len(values) < 2)
        for name, rows in sections.items():
            if rows:
                self._add(name, rows)
        for index in range(1 + len(values)):
            mode = QHeaderView.ResizeMode.Stretch if index else QHeaderView.ResizeMode.Interactive
            self.tree.header().setSectionResizeMode(index, mode)
        self.tree.header().setStretchLastSection(bool(values))
        self.tree.setColumnWidth(0, 150)

    def _add(self, name: str, rows: Iterable[tuple[str, ...]]) -> None:
        top = QTreeWidgetItem([name])
        font = self.tree.font()
        font.setBold(True)
        top.setFont(0, font)
        self.tree.addTopLevelItem(top)
        top.setFirstColumnSpanned(True)
        for cells in rows:
            item = QTreeWidgetItem(top, list(cells))
            item.setFirstColumnSpanned(len(cells) == 1)
        top.setExpanded(name not in ("Versions", "Machine"))

    def _on_canvas(self) -> None:
        if self._changes is not None:
            self.canvas_wanted.emit(self._changes)


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [(name, _value(value)) for name, value in values.items() if value is not None]


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        return _data(value)
    return value if isinstance(value, str) else dumps(value)


def _data(said: Mapping[str, Any]) -> str:
    """Return a line about the data of a placeholder, from a run's record."""
    source = str(said.get("source", ""))
    kind, colon, path = source.partition(":")
    known = said.get("digest") or "content unknown"
    weak = ", identified by names and times" if said.get("weak") else ""
    name = f"{kind}:{Path(path).name}" if colon else source
    return f"{name}, {count(said.get('rows') or 0)} rows, {known[:8]}{weak}"


def _after(step: int) -> str:
    return f"After step {count(step)}"


def _event(event: RunEvent) -> str:
    more = ", ".join(f"{name} {_value(value)}" for name, value in event.data.items() if value)
    return f"{event.kind}: {more}" if more else event.kind
