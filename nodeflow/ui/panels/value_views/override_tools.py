"""The Viewer's controls for overrides: a note with buttons, and a slider for a single number."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QSlider, QWidget

from nodeflow.errors import NodeflowError
from nodeflow.graph.types import literal, number_kind
from nodeflow.number_text import number
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.override_values import Overrides
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, column, label, row
from nodeflow.ui.core.widgets.undo_keys import UndoKeys
from nodeflow.ui.inspector.editors.value_parsing import literal as parsed
from nodeflow.ui.panels.value_views.table_and_histogram import TableView

NOT_IN_TRAINING = "Trainings and runs use the computed value."
APPLY_TIP = "Continue the training with this value; the run records the change"
SLIDER = "slider"
STEPS = 400
"""Number of positions of the slider."""


def typed_value(text: str, dtype: np.dtype) -> Any:
    """Parse a user's text as a value of a tensor.

    Raises:
        ValueError: the text is not a number of this dtype; the message is for users.
    """
    value = parsed(text)
    if isinstance(value, (list, type(None))):
        raise ValueError(f"{text.strip()} is not a number")
    try:
        return literal(value, str(dtype))
    except NodeflowError as error:
        raise ValueError(error.message) from None


class OverrideNote(QFrame):
    """A note that the shown value is overridden or depends on an override, with a remove button."""

    def __init__(self, overrides: Overrides, link: EngineLink, themes: ThemeManager) -> None:
        super().__init__()
        self._overrides, self._link, self._name = overrides, link, ""
        self.setObjectName("notice")
        self.setAccessibleName("What if")
        self._sign = QLabel()
        self._sign.setAccessibleName("What if")
        self.text = ElidedLabel("")
        self.apply = button("Apply to training", "link", self._apply)
        self.apply.setToolTip(APPLY_TIP)
        self.back = button("Remove override", "link", self._take_back)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE[2], 0, SPACE[2], 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(self._sign)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.apply)
        layout.addWidget(self.back)
        link.state_changed.connect(self._show_apply)
        themes.follow(self.set_theme)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        self._sign.setPixmap(icon("circle-help", theme, "warning", 14).pixmap(QSize(14, 14)))

    def show_for(self, name: str, is_what_if: bool) -> None:
        """Show the note if the tensor is overridden or depends on an override; otherwise hide
        it.
        """
        self._name, given = name, self._overrides.of(name) if name else None
        names = self._overrides.hypothetical
        self.setVisible(name in names or (is_what_if and bool(names)))
        self.back.setVisible(given is not None)
        self._show_apply()
        if given is not None:
            self.text.setText(f"Overridden ({given.how}). {NOT_IN_TRAINING}")
        elif is_what_if:
            from_ = ", ".join(names)
            self.text.setText(f"This depends on the override of {from_}. {NOT_IN_TRAINING}")

    @Slot()
    def _show_apply(self, *_: object) -> None:
        """Show the button that applies the override of a variable, while there is a training."""
        name = self._name
        is_there = bool(name) and self._overrides.of(name) is not None and self._link.is_training
        self.apply.setVisible(is_there and self._overrides.may_be_variable(name))

    @Slot()
    def _apply(self) -> None:
        self._overrides.apply_requested.emit(self._name)

    @Slot()
    def _take_back(self) -> None:
        self._overrides.take_back(self._name)


class OverrideSlider(QWidget):
    """A slider with a number field that overrides a single number.

    Signals:
        chosen(value, how): the user chose a value.
        refused(text): the typed text is not a number.
    """

    chosen = Signal(object, str)
    refused = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._dtype: np.dtype = np.dtype("float32")
        self._low, self._high = 0.0, 1.0
        self._value: Any = 0.0
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setAccessibleName("Value to show instead")
        self.slider.setToolTip("Override the number and see the effect on its dependents")
        self.slider.valueChanged.connect(self._on_moved)
        self.slider.sliderReleased.connect(self._set_ends)
        self.field = QLineEdit()
        self.field.setAccessibleName("Number to show instead")
        self.field.setToolTip("Type a number and press Return")
        self.field.returnPressed.connect(self._on_typed)
        UndoKeys(self.field)
        self.low, self.high = label("", "caption"), label("", "caption")
        ends = row(self.low, None, self.high)
        caption = label("Override with", "caption")
        self.setLayout(column(caption, self.field, self.slider, ends, gap=1))
        self.hide()

    def show_value(self, array: np.ndarray | None) -> None:
        """Follow the value of a tensor. Hide the slider if it is not a single number."""
        is_number = array is not None and array.size == 1 and number_kind(array.dtype) in "fiu"
        self.setVisible(is_number)
        if not is_number or array is None:
            return
        is_other = array.dtype != self._dtype
        self._dtype, self._value = array.dtype, array.reshape(-1)[0].item()
        if not self.field.hasFocus() or not self.field.isModified():
            self.field.setText(str(array.reshape(-1)[0]))
        if not self.slider.isSliderDown():
            outside = not self._low <= self._value <= self._high
            if is_other or outside or self._value == 0 or self.slider.value() in (0, STEPS):
                self._set_ends()
            self._place()

    @property
    def _is_whole(self) -> bool:
        return self._dtype.kind in "iu"

    def _set_ends(self) -> None:
        """Set the range so that it includes zero and twice the number."""
        value = float(self._value) if np.isfinite(self._value) else 0.0
        reach = 2 * abs(value) or 1.0
        if self._is_whole:
            reach = max(10.0, reach)
        low, high = (-reach, reach) if value == 0 else (min(0.0, 2 * value), max(0.0, 2 * value))
        if self._dtype.kind == "u":
            low = 0.0
        if self._is_whole:
            known = np.iinfo(self._dtype.name)
            low, high = max(low, float(known.min)), min(max(high, 10.0), float(known.max))
        self._low, self._high = low, high
        self.low.setText(number(low))
        self.high.setText(number(high))
        self._place()

    def _place(self) -> None:
        """Move the handle to the number without emitting a choice."""
        part = (float(self._value) - self._low) / (self._high - self._low)
        self.slider.blockSignals(True)
        self.slider.setValue(round(STEPS * min(max(part, 0.0), 1.0)) if part == part else 0)
        self.slider.blockSignals(False)

    @Slot(int)
    def _on_moved(self, position: int) -> None:
        value = self._low + (self._high - self._low) * position / STEPS
        if self._is_whole:
            value = round(value)
        self._value = value
        self.field.setText(str(value) if self._is_whole else number(value))
        self.field.setModified(False)
        self.chosen.emit(value, SLIDER)

    @Slot()
    def _on_typed(self) -> None:
        try:
            value = typed_value(self.field.text(), self._dtype)
        except ValueError as error:
            self.refused.emit(f"{self.field.text().strip()}: {error}")
            return
        self.field.setModified(False)
        self.chosen.emit(value, "typed")


class ViewerOverrides(QObject):
    """Overrides of the tensor shown in the Viewer, by its table or the slider.

    Signals:
        changed(): another value should be shown.

    Attributes:
        note: says that the shown value is overridden.
        slider: overrides a single number.
    """

    changed = Signal()

    def __init__(
        self,
        table: TableView,
        overrides: Overrides,
        link: EngineLink,
        themes: ThemeManager,
        messages: Messages,
    ) -> None:
        super().__init__(table)
        self._table, self._overrides, self._messages = table, overrides, messages
        self._name, self._is_what_if = "", False
        self._array: np.ndarray | None = None
        self._begins = False
        self.note, self.slider = OverrideNote(overrides, link, themes), OverrideSlider()
        table.setToolTip("Double-click a number to override it")
        table.array_model.typed.connect(self._on_typed)
        self.slider.chosen.connect(self._override)
        self.slider.slider.sliderReleased.connect(overrides.seal)
        self.slider.refused.connect(self._refuse)
        overrides.changed.connect(self._on_overrides)

    def show_value(self, name: str, array: np.ndarray, is_what_if: bool) -> None:
        """Note which tensor and value are shown."""
        self._name, self._array, self._is_what_if = name, array, is_what_if
        self._table.array_model.is_editable = number_kind(array.dtype) in "fiub"
        self.note.show_for(name, is_what_if)
        self.slider.show_value(array)
        if self._begins:
            self.begin()

    def forget(self) -> None:
        """Forget the tensor, because another one will be shown once its value arrives."""
        self._array, self._begins = None, False
        self.note.hide()

    def begin(self) -> None:
        """Start to edit the value: a single number in its field, otherwise the table's current
        cell.
        """
        self._begins = self._array is None
        if self._begins:
            return
        if not self.slider.isHidden():
            self.slider.field.setFocus()
            self.slider.field.selectAll()
            return
        self._table.setFocus()
        if not self._table.currentIndex().isValid():
            self._table.setCurrentIndex(self._table.array_model.index(0, 0))

    @Slot(int, str)
    def _on_typed(self, position: int, text: str) -> None:
        """Override the tensor with a copy in which one element is edited."""
        if self._array is None:
            return
        value = self._array.copy()
        try:
            value.reshape(-1)[position] = typed_value(text, value.dtype)
        except ValueError as error:
            self._refuse(f"{text}: {error}")
            return
        self._put(value, "typed")

    @Slot(object, str)
    def _override(self, number: float, how: str) -> None:
        if self._array is not None:
            self._put(np.full(self._array.shape, number), how)

    def _put(self, value: np.ndarray, how: str) -> None:
        if reason := self._overrides.why_not(self._name):
            self._refuse(reason)
            return
        given = self._overrides.of(self._name)
        try:
            rows = given.rows if given is not None else ""
            self._overrides.set(self._name, value, how, rows, merge=how if how == SLIDER else None)
        except NodeflowError as error:
            self._refuse(sentence(error))

    @Slot(str)
    def _refuse(self, text: str) -> None:
        self._messages.show(text, "warning", "", "")
        self.changed.emit()

    @Slot()
    def _on_overrides(self) -> None:
        if self._array is not None:
            self.note.show_for(self._name, self._is_what_if and bool(self._overrides))
            self.changed.emit()
