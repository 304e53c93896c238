"""Early stopping in the inspector: a switch, and settings that appear when it is on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from nodeflow.data.data_splits import SPLITS
from nodeflow.document.analysis.training_settings import likely_goal, training_settings
from nodeflow.document.edit import commands
from nodeflow.graph.declaration import Attr
from nodeflow.train.settings import EARLY_STOPPING, PATIENCE, TrainingSettings, in_section
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.widgets.common_widgets import column, label, row
from nodeflow.ui.inspector.editors.attribute_row import AttrRow
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo
from nodeflow.ui.inspector.editors.node_choice import NodeCombo

SWITCH = Attr("stop_early", "bool", False, "Stop when the monitored value no longer improves.")
GOALS = {"min": "lower is better", "max": "higher is better"}


class StoppingRows(QWidget):
    """The settings of early stopping; only the switch is visible while it is off.

    Args:
        scalars: returns ids and names of the nodes that can be monitored.
    """

    def __init__(
        self, workspace: Workspace, theme: Theme, scalars: Callable[[], list[tuple[str, str]]]
    ) -> None:
        super().__init__()
        self._workspace = workspace
        self.switch = AttrRow(SWITCH, theme)
        self.switch.edited.connect(self._on_switched)
        self.rows: dict[str, AttrRow] = {}
        self._is_watch_chosen = False
        self._more = QWidget()
        inner = QVBoxLayout(self._more)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(SPACE[1])
        self._watch_box = QWidget()
        self._watch_box.setLayout(self._make_watched(scalars))
        inner.addWidget(self._watch_box)
        for setting in in_section(EARLY_STOPPING):
            attr = setting.attr
            if setting.name == "patience":  # visible only while early stopping is on
                attr = replace(attr, default=PATIENCE)
            self.rows[setting.name] = made = AttrRow(attr, theme, title=setting.label)
            made.edited.connect(self._on_edited)
            made.reset.connect(self._on_reset)
            made.finished.connect(self._on_finished)
            inner.addWidget(made)
        self.setLayout(column(self.switch, self._more, gap=1))

    def _make_watched(self, scalars: Callable[[], list[tuple[str, str]]]) -> QVBoxLayout:
        self.node, self.split, self.goal = NodeCombo(scalars), QuietCombo(), QuietCombo()
        for name in SPLITS:
            self.split.addItem(name, name)
        for goal, text in GOALS.items():
            self.goal.addItem(text, goal)
        for combo, name in (
            (self.node, "Node to watch"),
            (self.split, "Split to watch"),
            (self.goal, "Direction of improvement"),
        ):
            combo.setAccessibleName(name)
            combo.setToolTip(name)
        self.node.activated.connect(self._on_node)
        self.split.activated.connect(self._on_split)
        self.goal.activated.connect(self._on_goal)
        return column(label("Watch", "muted"), row(self.node, self.split, gap=1), self.goal, gap=1)

    # ---- showing ----------------------------------------------------------------------------

    def refresh(self, settings: TrainingSettings) -> None:
        """Show the document's settings for early stopping."""
        stored = self._workspace.document.training
        self.switch.set_value(settings.patience is not None)
        self._more.setVisible(settings.patience is not None)
        for name, shown in self.rows.items():
            value = getattr(settings, name)
            shown.set_value(PATIENCE if value is None else value, name in stored)
        self._is_watch_chosen = settings.monitor is not None
        watched = self._watched(settings)
        record = self._workspace.document.nodes.get(watched["node"] or "")
        self.node.clear()
        self.node.addItem(record.name if record else "the loss", watched["node"])
        self.split.setCurrentIndex(max(0, self.split.findData(watched["split"])))
        self.goal.setCurrentIndex(self.goal.findData(watched["goal"]))

    def fold(self, is_open: bool) -> None:
        """Hide rarely changed settings while *More* is closed.

        While early stopping is on, its patience is always shown. The training panel has the
        switch as well.
        """
        is_on = self._more.isVisibleTo(self)
        self.setVisible(is_open or is_on)
        self.switch.setVisible(is_open)
        self._watch_box.setVisible(is_open or self._is_watch_chosen)
        for shown in self.rows.values():
            shown.fold(is_open)

    def _watched(self, settings: TrainingSettings | None = None) -> dict[str, Any]:
        """Return the monitored node, split and goal, with defaults for entries missing in the
        document.
        """
        document = self._workspace.document
        settings = settings or training_settings(document)
        watched = {"node": settings.loss, "split": "validation", **(settings.monitor or {})}
        record = document.nodes.get(watched["node"] or "")
        likely = likely_goal(record.op, record.name) if record and settings.monitor else "min"
        return {"goal": likely, **watched}

    # ---- editing ----------------------------------------------------------------------------

    def _on_switched(self, _: str, on: bool) -> None:
        switch_early_stopping(self._workspace, on)

    def _on_edited(self, name: str, value: Any) -> None:
        document = self._workspace.document
        with document.transaction(f"Set training {name}", merge=("training", name)):
            commands.set_training(document, **{name: value})

    def _on_reset(self, name: str) -> None:
        value = PATIENCE if name == "patience" else None  # None would switch early stopping off
        commands.set_training(self._workspace.document, **{name: value})

    def _on_finished(self) -> None:
        self._workspace.document.seal()

    def _on_node(self, _: int) -> None:
        chosen = self.node.currentData()
        record = self._workspace.document.nodes.get(chosen or "")
        if record is not None:
            self._watch(node=chosen, goal=likely_goal(record.op, record.name))

    def _on_split(self, _: int) -> None:
        self._watch(split=self.split.currentData())

    def _on_goal(self, _: int) -> None:
        self._watch(goal=self.goal.currentData())

    def _watch(self, **fields: str) -> None:
        watched = {**self._watched(), **fields}
        if watched["node"] is not None:
            commands.set_training(self._workspace.document, monitor=watched)


def switch_early_stopping(workspace: Workspace, on: bool) -> None:
    """Switch early stopping on or off, as one undo step. The other settings stay."""
    with workspace.document.transaction("Stop early" if on else "Do not stop early"):
        commands.set_training(workspace.document, patience=PATIENCE if on else None)
