"""The training settings of the document in the inspector, shown with the optimizer.

The rows derive from the declarations in `nodeflow.train.settings`; metrics have editors here.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from nodeflow.data.data_splits import SPLITS
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.subgraphs.instance_paths import at_path, scoped_name
from nodeflow.document.analysis.training_settings import (
    END,
    chosen_metrics,
    is_metric,
    likely_goal,
    training_settings,
)
from nodeflow.document.edit import commands
from nodeflow.document.edit.stage import is_control
from nodeflow.document.edit.sweep_settings import TRAINING as TRAINING_PATH
from nodeflow.document.edit.sweep_settings import varied
from nodeflow.document.model.names import natural_key
from nodeflow.host.messages.values import SPLIT_WORDS
from nodeflow.ops.objectives.metric_state import Accumulating
from nodeflow.train.settings import TRAINING, in_section
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.widgets.common_widgets import button, clear, label
from nodeflow.ui.core.widgets.shown_on_hover import ShownOnHover
from nodeflow.ui.inspector.editors.attribute_row import AttrRow
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo
from nodeflow.ui.inspector.editors.node_choice import NodeCombo
from nodeflow.ui.inspector.sections.early_stopping_rows import StoppingRows
from nodeflow.ui.inspector.sections.node_sections import Section
from nodeflow.ui.inspector.sections.optimizer_rows import OptimizerRows
from nodeflow.ui.inspector.sections.training_files_section import TrainingFilesSection

BY_ITSELF = (
    "Measured by default, because the graph has this node: on the test rows, else on the "
    "validation rows, else on the training rows."
)

AT_END = ", at the end"
"""What follows the name of a split on which a metric is measured once, after the last epoch."""
ONCE = "Measure once, after the last epoch, with the final weights"


class TrainingSection(Section):
    """The settings of a training, its metrics, and early stopping.

    ``vary_wanted(path, name)``: edit the values that a sweep tries for a setting.
    ``stage_wanted(path, name)``: put a setting on the stage, or take it off.
    """

    vary_wanted = Signal(str, str)
    stage_wanted = Signal(str, str)

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__("TRAINING")
        self._workspace, self._theme = workspace, theme
        self.optimizers = OptimizerRows(workspace, theme)
        self.add(self.optimizers)
        self.setting_rows: dict[str, AttrRow] = {}
        self._files: list[TrainingFilesSection] = []
        self._is_open = False
        for setting in in_section(TRAINING):
            made = AttrRow(setting.attr, theme)
            made.edited.connect(self._on_edited)
            made.reset.connect(self._on_reset)
            made.finished.connect(self._on_finished)
            self.setting_rows[setting.name] = made
        advanced = [row for row in self.setting_rows.values() if row.attr.advanced]
        for row in self.setting_rows.values():
            if row not in advanced:
                self.add(row)
        self.add(label("METRICS", "section"))
        self._metrics = QVBoxLayout()
        self._metrics.setSpacing(SPACE[1])
        holder = QWidget()
        holder.setLayout(self._metrics)
        self._metrics.setContentsMargins(0, 0, 0, 0)
        self.add(holder)
        self.add_button = button("Add a metric", "link", self._on_add)
        self.add_button.setProperty("flush", "true")
        self.add(self.add_button)
        for row in advanced:
            self.add(row)
        self.stopping = StoppingRows(workspace, theme, self._scalars)
        self.add(self.stopping)
        for row in (*self.setting_rows.values(), *self.stopping.rows.values()):
            row.vary_wanted.connect(partial(self.vary_wanted.emit, TRAINING_PATH))
            row.stage_wanted.connect(partial(self.stage_wanted.emit, TRAINING_PATH))
            row.is_staged = partial(is_control, workspace.root, TRAINING_PATH, row.attr.name)
            row.offer_vary()
        self._shown: object = None
        self.refresh()

    def refresh(self) -> None:
        """Show the document's training settings."""
        self.optimizers.refresh()
        settings = training_settings(self._workspace.document)
        stored = self._workspace.document.training
        varies = varied(self._workspace.root)
        for name, row in (*self.setting_rows.items(), *self.stopping.rows.items()):
            row.show_varied(varies.get((TRAINING_PATH, name), ""))
        for name, row in self.setting_rows.items():
            row.set_value(getattr(settings, name), name in stored)
        self.stopping.refresh(settings)
        metrics = self._metric_list()
        names = [scoped_name(self._workspace.root, m["node"]) for m in metrics]
        by_itself = stored.get("metrics") is None
        content = (metrics, names, by_itself, self._is_open)
        if content != self._shown:
            self._shown = content
            self._fill_metrics(metrics, by_itself and not self._is_open)

    def add_files(self, files: TrainingFilesSection) -> None:
        """Add a section for the folder in which trainings write files for another program."""
        self._files.append(files)
        self.add(files)

    def fold(self, is_open: bool) -> bool:
        """Hide advanced settings while *More* is closed. Return whether there are any."""
        for row in self.setting_rows.values():
            row.fold(is_open)
        for part in (self.stopping, *self._files):
            part.fold(is_open)
        if is_open != self._is_open:
            self._is_open = is_open
            self.refresh()
        return True

    def _measurable(self) -> list[tuple[str, str]]:
        """Return paths and names of this graph's nodes that can be metrics: scalars and tables."""
        return self._found(tables=True)

    def _scalars(self) -> list[tuple[str, str]]:
        """Return paths and names of this graph's scalar nodes."""
        return self._found(tables=False)

    def _found(self, tables: bool) -> list[tuple[str, str]]:
        document, analysis = self._workspace.document, self._workspace.analysis
        found = []
        if self._workspace.is_apart:
            return []
        path = "".join(f"{step}/" for step in self._workspace.path)
        for record in document.nodes.values():
            first = next(iter((analysis.out_types(record.id) or {}).values()), None)
            wired = bool(document.wires_into(record.id))
            if first is None or not wired:
                continue
            op = declaration(record, document)
            if first.shape == () or (tables and isinstance(op, Accumulating)):
                found.append((path + record.id, self._workspace.full_name(record.name)))
        return sorted(found, key=lambda pair: natural_key(pair[1]))

    def _fill_metrics(self, metrics: list[dict[str, Any]], in_words: bool) -> None:
        """Show the metrics: as fields, or as text while the user has chosen none."""
        clear(self._metrics)
        self.add_button.setText("Add another metric" if metrics else "Add a metric")
        for index, metric in enumerate(metrics):
            self._metrics.addWidget(
                self._in_words(index, metric) if in_words else self._metric_row(index, metric)
            )
        if not metrics:
            self._metrics.addWidget(label("No metrics yet: only the loss is recorded.", "caption"))

    def _in_words(self, index: int, metric: dict[str, Any]) -> QWidget:
        name = scoped_name(self._workspace.root, metric["node"])
        split = metric.get("split", "test")
        text = label(f"{name}, on {SPLIT_WORDS.get(split, split)} rows")
        text.setToolTip(BY_ITSELF)
        result = QWidget()
        layout = QHBoxLayout(result)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(text, 1)
        remove = self._remove_button(index)
        layout.addWidget(remove)
        ShownOnHover(remove, result)
        return result

    def _remove_button(self, index: int) -> QToolButton:
        remove = QToolButton()
        remove.setIcon(icon("x", self._theme, "ink_muted", 14))
        remove.setToolTip("Remove this metric")
        remove.setAccessibleName("Remove")
        remove.setProperty("metric", index)
        remove.clicked.connect(self._on_metric_removed)
        return remove

    def _metric_row(self, index: int, metric: dict[str, Any]) -> QWidget:
        node, split = NodeCombo(self._measurable), QuietCombo()
        node.setAccessibleName("Node to measure")
        split.setAccessibleName("Split to measure on")
        name = scoped_name(self._workspace.root, metric["node"])
        node.addItem(name or "(gone)", metric["node"])
        for name in SPLITS:
            split.addItem(name, name)
        shown = metric.get("split", "test")
        at_end = f"{shown}{AT_END}" if metric.get("every") == END else f"test{AT_END}"
        split.addItem(at_end, at_end)
        split.setItemData(split.count() - 1, ONCE, Qt.ItemDataRole.ToolTipRole)
        shown = at_end if metric.get("every") == END else shown
        split.setCurrentIndex(max(0, split.findData(shown)))
        for widget in (node, split):
            widget.setProperty("metric", index)
        node.activated.connect(self._on_metric_node)
        split.activated.connect(self._on_metric_split)
        result = QWidget()
        if self._workspace.root.training.get("metrics") is None:
            node.setToolTip(BY_ITSELF)
        layout = QHBoxLayout(result)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(node, 1)
        layout.addWidget(split, 1)
        remove = self._remove_button(index)
        layout.addWidget(remove)
        ShownOnHover(remove, result)
        return result

    def _metric_list(self) -> list[dict[str, Any]]:
        return chosen_metrics(self._workspace.document)

    def _change_metric(self, **fields: Any) -> None:
        metrics = self._metric_list()
        metrics[self.sender().property("metric")].update(fields)
        commands.set_training(self._workspace.document, metrics=metrics)

    def _on_metric_node(self, _: int) -> None:
        self._change_metric(node=self._chosen())

    def _on_metric_split(self, _: int) -> None:
        chosen = self._chosen()
        every = END if chosen.endswith(AT_END) else "epoch"
        self._change_metric(split=chosen.removesuffix(AT_END), every=every)

    def _chosen(self) -> Any:
        """Return the choice in the combo box that sent the signal."""
        combo = self.sender()
        assert isinstance(combo, QuietCombo)
        return combo.currentData()

    def _on_metric_removed(self) -> None:
        metrics = self._metric_list()
        del metrics[self.sender().property("metric")]
        commands.set_training(self._workspace.document, metrics=metrics)

    def _on_add(self) -> None:
        nodes = self._measurable()
        metrics = self._metric_list()
        used = {m["node"] for m in metrics}
        free = [found for found in nodes if found[0] not in used] or nodes
        if free:
            node = min(free, key=self._rank)[0]
            metrics.append({"node": node, "split": "test", "every": "epoch"})
            commands.set_training(self._workspace.document, metrics=metrics)

    def _rank(self, found: tuple[str, str]) -> tuple[int, bool]:
        """Return a sort key for nodes offered as metrics: accuracies first, then the loss."""
        path, name = found
        at = at_path(self._workspace.root, path)
        op = at[1].op if at is not None else ""
        is_loss = path == training_settings(self._workspace.document).loss
        if is_metric(op) or likely_goal(op, name) == "max":
            return 0, not is_metric(op)
        return 1 if is_loss else 2, False

    def _on_edited(self, name: str, value: Any) -> None:
        document = self._workspace.document
        with document.transaction(f"Set training {name}", merge=("training", name)):
            commands.set_training(document, **{name: value})

    def _on_reset(self, name: str) -> None:
        commands.set_training(self._workspace.document, **{name: None})

    def _on_finished(self) -> None:
        self._workspace.document.seal()
