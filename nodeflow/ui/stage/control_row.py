"""One control of the stage: its name, an editor, and a mark if a change restarts the training."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QWidget

from nodeflow.document.edit.stage import PinnedControl, is_pair
from nodeflow.graph.declaration import Attr
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, label
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.inspector.editors.editors_by_kind import make_editor
from nodeflow.ui.stage.number_slider import NumberSlider
from nodeflow.ui.stage.pad import Pad

RESTARTS = "↻"
RESTARTS_TIP = "This acts at the beginning of a training, so a change begins it afresh."
LIVE_TIP = "A change acts at once, also while the training runs."
LABEL_WIDTH, FIELD_WIDTH, PAIR_WIDTH = 148, 76, 108
OFF_STAGE = "Take off the stage"


class ControlRow(QWidget):
    """The editor of an attribute on the stage. A number also has a slider, two numbers a pad.

    Signals:
        edited(value): the user chose a value. A drag emits many values.
        finished: the next value is another undo step.
        dropped: the user removes the control from the stage.
    """

    edited = Signal(object)
    finished = Signal()
    dropped = Signal()

    def __init__(
        self, control: PinnedControl, name: str, attr: Attr, theme: Theme, pair: bool = False
    ) -> None:
        super().__init__()
        self.control, self.attr, self.name = control, attr, name
        self.label = ElidedLabel(name, "muted")
        self.label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.label.setFixedWidth(LABEL_WIDTH)
        self.label.setToolTip(plain_tip(f"{name}: {attr.doc}"))
        self.editor = make_editor(attr, theme)
        field = self.editor.focus_widget()
        field.setAccessibleName(name)
        field.setAccessibleDescription(attr.doc)
        self.slider = self._make_pad(theme) if pair else self._make_slider()
        self.mark = label("", "muted")
        self.mark.setFixedWidth(16)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(self.label)
        self.numbers = label("", "muted")
        if self.slider is not None:
            layout.addWidget(self.slider, 1)
            field = self.numbers if pair else self.editor
            field.setFixedWidth(PAIR_WIDTH if pair else FIELD_WIDTH)
            layout.addWidget(field)
        else:
            layout.addWidget(self.editor, 1)
        layout.addWidget(self.mark)
        self.editor.edited.connect(self.edited)
        self.editor.finished.connect(self.finished)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)

    def _make_slider(self) -> NumberSlider | Pad | None:
        if self.attr.kind not in ("int", "float") or self.attr.name == "seed":
            return None
        slider = NumberSlider(self.attr)
        slider.setAccessibleDescription(self.attr.doc)
        return self._connected(slider)

    def _make_pad(self, theme: Theme) -> NumberSlider | Pad | None:
        return self._connected(Pad(theme))

    def _connected(self, slider: NumberSlider | Pad) -> NumberSlider | Pad:
        slider.setAccessibleName(self.name)
        slider.moved.connect(self._on_moved)
        slider.sliderReleased.connect(self.finished)
        return slider

    def show_value(self, value: Any, begins_anew: bool) -> None:
        """Show the current value.

        Args:
            begins_anew: whether a change restarts the training.
        """
        self.editor.set_value(value)
        if isinstance(self.slider, Pad) and is_pair(value):
            self.numbers.setText(self.slider.numbers(value))
        if self.slider is not None and not self.slider.isSliderDown():
            self.slider.set_value(value)
        self.mark.setText(RESTARTS if begins_anew else "")
        self.mark.setAccessibleName("Begins the training afresh" if begins_anew else "")
        for widget in (self.mark, self.slider or self.editor):
            widget.setToolTip(RESTARTS_TIP if begins_anew else LIVE_TIP)

    @Slot(object)
    def _on_moved(self, value: object) -> None:
        self.edited.emit(value)
        if self.slider is not None and not self.slider.isSliderDown():
            self.finished.emit()

    @Slot(QPoint)
    def _open_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(OFF_STAGE, self.dropped.emit)
        menu.popup(self.mapToGlobal(at))
