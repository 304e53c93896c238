"""The controls of the stage: attributes, training settings, and the choice of the shown rows."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.subgraphs.instance_paths import at_path, scoped_name
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.edit import commands
from nodeflow.document.edit.set_by_name import training_attr
from nodeflow.document.edit.stage import (
    DATA,
    PinnedControl,
    control_name,
    controls_of,
    is_pair,
    unpin_control,
)
from nodeflow.document.edit.sweep_settings import TRAINING, value_at
from nodeflow.document.model.document import Document
from nodeflow.graph.declaration import Attr
from nodeflow.train.settings import TrainingSettings, declared
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.widgets.common_widgets import clear
from nodeflow.ui.inspector.editors.attribute_editor import words
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.stage.control_row import ControlRow
from nodeflow.ui.stage.data_row import DataRow
from nodeflow.ui.stage.default_pins import default_controls

RESTART_MS = 250
"""Milliseconds after the last change before the training restarts, because keys may choose
several values.
"""


class Controls(QWidget):
    """The rows of the controls, six at most."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._context, self._theme = context, context.look.themes.theme
        self.rows: dict[PinnedControl, ControlRow | DataRow] = {}
        self._shown: object = None
        self._waits = False
        """Whether to restart the training as soon as the running one has ended."""
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACE[1])
        self._soon = QTimer(self, singleShot=True, interval=RESTART_MS)
        self._soon.timeout.connect(self._restart)
        context.engine.link.state_changed.connect(self._on_state)
        context.look.themes.changed.connect(self._set_theme)

    def _set_theme(self, theme: Theme) -> None:
        self._theme, self._shown = theme, None
        self.refresh()

    # ---- showing ------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the pinned controls with their current values.

        If none is pinned, show the learning rate.
        """
        root = self._context.document.workspace.root
        wanted = controls_of(root) or default_controls(root)
        named = [(c, control_label(root, c), _attr_of(root, c)) for c in wanted]
        named = [each for each in named if each[2] is not None or each[0].node == DATA]
        pairs = {c for c, _, attr in named if attr is not None and _is_pair(root, c, attr)}
        if (named, pairs) != self._shown:
            self._shown = named, pairs
            self._fill(named, pairs)
        for control, row in self.rows.items():
            if isinstance(row, ControlRow):
                row.show_value(value_at(root, control.node, control.attr), self.restarts(control))

    def _fill(
        self, named: list[tuple[PinnedControl, str, Attr | None]], pairs: set[PinnedControl]
    ) -> None:
        clear(self._layout)
        self.rows = {}
        for control, name, attr in named:
            if attr is None:
                row: ControlRow | DataRow = DataRow(self._context)
            else:
                row = ControlRow(control, name, attr, self._theme, control in pairs)
                row.edited.connect(partial(self._on_edited, control))
                row.finished.connect(self._on_finished)
            row.dropped.connect(partial(self._on_dropped, control))
            self.rows[control] = row
            self._layout.addWidget(row)
        self.setVisible(bool(self.rows))

    def restarts(self, control: PinnedControl) -> bool:
        """Return whether a change of a control needs a restart of the training to take effect."""
        if not self._context.look.settings.edits_reach_training:
            return control.node != DATA
        return begins_anew(self._context.document.workspace.root, control)

    # ---- editing ------------------------------------------------------------------------------

    def _on_edited(self, control: PinnedControl, value: Any) -> None:
        root = self._context.document.workspace.root
        name = control_name(root, control)
        with root.transaction(f"Set {name}", merge=("stage", control)):
            if control.node == TRAINING:
                commands.set_training(root, **{control.attr: value})
            elif (found := at_path(root, control.node)) is not None:
                commands.set_attr(found[0], found[1].id, control.attr, value)
        if self.restarts(control):
            self._soon.start()

    @Slot()
    def _on_finished(self) -> None:
        self._context.document.workspace.root.seal()

    def _on_dropped(self, control: PinnedControl) -> None:
        root = self._context.document.workspace.root
        if control in controls_of(root):
            unpin_control(root, control)

    # ---- beginning afresh ---------------------------------------------------------------------

    @Slot()
    def _restart(self) -> None:
        """Restart the training, if there is one. If it is running, stop it first."""
        link = self._context.engine.link
        if link.is_training or link.is_preparing:
            self._waits = True
            link.stop()
        elif link.has_trained:
            self._context.trainings.run.begin_afresh()

    @Slot(str)
    def _on_state(self, state: str) -> None:
        if state == "idle" and self._waits:
            self._waits = False
            self._soon.start()


def control_label(document: Document, control: PinnedControl) -> str:
    """Return a control's name in words, such as *Units of hidden*.

    The only optimizer is not named, nor is *value*, which says nothing beside the name of a node.
    """
    attr = _attr_of(document, control)
    said = control.attr if attr is None else attr.label or words(attr.name)
    found = at_path(document.root, control.node) if control.node not in (TRAINING, DATA) else None
    if found is None:
        return said
    name = scoped_name(document.root, control.node) or found[1].name
    if control.attr == "value":
        return name
    optimizers = [n.id for n in document.root.nodes.values() if is_optimizer(n.op)]
    return said if optimizers == [found[1].id] else f"{said} of {name}"


def begins_anew(document: Document, control: PinnedControl) -> bool:
    """Return whether a value acts only at the start of a training, as seeds and initial values
    do.
    """
    if control.node == TRAINING:
        return control.attr == "seed"
    found = at_path(document.root, control.node)
    if found is None:
        return False
    if found[1].op == "variable":
        return control.attr != "trainable"
    return control.attr == "seed" or control.attr.endswith("initializer")


def _is_pair(document: Document, control: PinnedControl, attr: Attr) -> bool:
    """Return whether a control sets a value of two numbers, which a pad shows as a point."""
    holds_value = attr.kind in ("literal", "json")
    return holds_value and is_pair(value_at(document, control.node, control.attr))


def _attr_of(document: Document, control: PinnedControl) -> Attr | None:
    """Return the declaration of a control's attribute; None if it no longer exists."""
    if control.node == TRAINING:
        known = {setting.name for setting in declared(TrainingSettings)}
        return training_attr(control.attr) if control.attr in known else None
    found = at_path(document.root, control.node)
    op = declaration(found[1], document.root) if found is not None else None
    return next((a for a in op.attrs if a.name == control.attr), None) if op is not None else None
