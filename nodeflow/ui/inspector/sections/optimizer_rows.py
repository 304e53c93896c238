"""Rows of the training settings that choose an optimizer, or let several take turns."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QSpinBox, QToolButton, QVBoxLayout, QWidget

from nodeflow.document.analysis.subgraphs.instance_paths import scoped_name
from nodeflow.document.analysis.training_settings import trainers
from nodeflow.document.edit.optimizer_turns import (
    add_turn,
    change_turn,
    remove_turn,
    take_turns,
    train_alone,
)
from nodeflow.train.settings import LARGEST
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.widgets.common_widgets import button, clear, label, padded, row
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo

TURNS = "They take turns"
MOST = min(LARGEST, 2**31 - 1)
"""The largest number that a spin box shows."""
LEAST_WIDTH = 72


class NumberField(QSpinBox):
    """A whole number. It becomes a value on Enter, on leaving the field, or by the arrows."""

    def __init__(self, least: int, prefix: str, suffix: str, name: str) -> None:
        super().__init__()
        padded(self).setRange(least, MOST)
        self.setKeyboardTracking(False)
        self.setPrefix(prefix)
        self.setSuffix(suffix)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # else its width would follow from the largest number
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(LEAST_WIDTH)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # scrolls the inspector


class OptimizerRows(QWidget):
    """A choice of the optimizer, and the turns of several. Hidden for a single optimizer.

    The first `refresh` fills it: until then it has no parent, and would appear as a window.
    """

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self._workspace, self._theme = workspace, theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(label("OPTIMIZER", "section"))
        self.choice = QuietCombo()
        self.choice.setAccessibleName("Optimizer")
        self.choice.activated.connect(self._on_chosen)
        layout.addWidget(self.choice)
        self.turns = QVBoxLayout()
        self.turns.setContentsMargins(0, 0, 0, 0)
        self.turns.setSpacing(SPACE[1])
        layout.addLayout(self.turns)
        self.add_button = button("Add a turn", "link", self._on_add)
        self.add_button.setProperty("flush", "true")
        layout.addWidget(self.add_button)
        self.fields: list[tuple[QuietCombo, NumberField, NumberField, QToolButton]] = []
        self._shown: object = None

    @Slot()
    def refresh(self) -> None:
        """Show the settings of the document."""
        root = self._workspace.root
        training, paths = root.training, trainers(root)
        phases = training.get("schedule") or []
        names = [(path, scoped_name(root, path) or path) for path in paths]
        content = (names, training.get("optimizer"), repr(phases))
        if content == self._shown:
            return
        rebuilt = self._shown is None or len(phases) != len(self.fields) or names != self._names
        self._shown, self._names = content, names
        self.setVisible(len(names) > 1 or bool(phases))
        self._fill_choice(names, training.get("optimizer"), bool(phases))
        if rebuilt:
            clear(self.turns)
            self.fields = [self._turn(index) for index in range(len(phases))]
        for phase, (who, steps, start, _) in zip(phases, self.fields, strict=True):
            self._select(who, phase["optimizer"])
            for field, value in ((steps, phase.get("steps", 1)), (start, phase.get("from", 0))):
                field.blockSignals(True)
                field.setValue(min(value, MOST))
                if field is steps:
                    field.setSuffix(" step" if value == 1 else " steps")
                field.blockSignals(False)
        self.add_button.setVisible(bool(phases))

    def _fill_choice(self, names: list[tuple[str, str]], chosen: str | None, turns: bool) -> None:
        self.choice.clear()
        if chosen is None and not turns:
            self.choice.addItem("Choose one", None)
        for path, name in names:
            self.choice.addItem(name, path)
        self.choice.addItem(TURNS, TURNS)
        self._select(self.choice, TURNS if turns else chosen)

    def _select(self, combo: QuietCombo, path: str | None) -> None:
        if path is not None and combo.findData(path) < 0:
            combo.addItem(scoped_name(self._workspace.root, path) or "a missing node", path)
        combo.setCurrentIndex(combo.findData(path))

    def _turn(self, index: int) -> tuple[QuietCombo, NumberField, NumberField, QToolButton]:
        """Add the row of a turn, and return its fields."""
        who = QuietCombo()
        who.setAccessibleName(f"Optimizer of turn {index + 1}")
        for path, name in self._names:
            who.addItem(name, path)
        who.activated.connect(partial(self._on_who, index))
        steps = NumberField(1, "", " steps", f"Steps of turn {index + 1}")
        steps.setToolTip("Steps of a turn, each on the next batch")
        steps.valueChanged.connect(partial(self._on_steps, index))
        start = NumberField(0, "from ", "", f"First step of turn {index + 1}")
        start.setToolTip("Number of steps to make before its first turn")
        start.valueChanged.connect(partial(self._on_start, index))
        remove = QToolButton()
        remove.setIcon(icon("x", self._theme, "ink_muted", 14))
        remove.setToolTip("Remove this turn")
        remove.setAccessibleName(f"Remove turn {index + 1}")
        remove.clicked.connect(partial(self._on_removed, index))
        holder = QWidget()
        inside = QVBoxLayout(holder)
        inside.setContentsMargins(0, 0, 0, SPACE[1])
        inside.setSpacing(SPACE[1])
        first, second = row(who, remove, gap=1), row(steps, start, gap=1)
        first.setStretch(0, 1)
        for line in (first, second):
            inside.addLayout(line)
        self.turns.addWidget(holder)
        return who, steps, start, remove

    # ---- editing --------------------------------------------------------------------------------

    @Slot(int)
    def _on_chosen(self, _: int) -> None:
        chosen, root = self.choice.currentData(), self._workspace.root
        if chosen == TURNS:
            if not root.training.get("schedule"):
                take_turns(root)
        elif chosen is not None:
            train_alone(root, chosen)

    def _on_add(self) -> None:
        add_turn(self._workspace.root)

    def _on_who(self, index: int, _: int) -> None:
        change_turn(self._workspace.root, index, optimizer=self.fields[index][0].currentData())

    def _on_steps(self, index: int, value: int) -> None:
        change_turn(self._workspace.root, index, steps=value)

    def _on_start(self, index: int, value: int) -> None:
        change_turn(self._workspace.root, index, **{"from": value})

    def _on_removed(self, index: int, _: bool = False) -> None:
        remove_turn(self._workspace.root, index)
