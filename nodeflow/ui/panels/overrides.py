"""The overrides panel: all overridden values, with buttons to remove them."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from nodeflow.number_text import number
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.override_values import Given, Overrides
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, clear, column, label, row
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.value_views.override_tools import APPLY_TIP

NOTHING = (
    "Nothing is overridden. To see the effect of another value, double-click a number in the "
    "Viewer's table, drag its slider, draw on the sketch pad, or choose Override value… in a "
    "node's menu. Dependents show the effect; trainings, runs and files are not affected."
)


class OverridesPanel(QWidget):
    """The panel with a line for each override, in the order of creation.

    Signals:
        node_requested(name): show the node of this tensor.
    """

    node_requested = Signal(str)

    def __init__(
        self, overrides: Overrides, link: EngineLink, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._overrides, self._link = overrides, link
        self.apply_buttons: dict[str, QPushButton] = {}
        self.node_buttons: dict[str, QPushButton] = {}
        self.back_buttons: dict[str, QPushButton] = {}
        self.count = label("", "caption")
        self.all_back = button("Remove all", "", overrides.take_back_all)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(SPACE[1])
        inner = QWidget()
        holder = column(self._rows)
        holder.addStretch(1)
        inner.setLayout(holder)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        filled = QWidget()
        layout = column(row(self.count, None, self.all_back), scroll)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[2])
        filled.setLayout(layout)
        nothing = label(NOTHING, "muted", wrap=True)
        nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        nothing.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[2])
        self._pages = QStackedLayout(self)
        self._pages.addWidget(nothing)
        self._pages.addWidget(filled)
        overrides.changed.connect(self.refresh)
        link.state_changed.connect(self._show_apply)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Show the list of current overrides."""
        found = self._overrides.by_name
        self._pages.setCurrentIndex(1 if found else 0)
        if found.keys() != self.back_buttons.keys():
            clear(self._rows)
            self.node_buttons.clear()
            self.back_buttons.clear()
            self.apply_buttons.clear()
            self._texts = {name: ElidedLabel("", "caption") for name in found}
            for name in found:
                self._rows.addWidget(self._line(name))
        for name, given in found.items():
            self._texts[name].setText(value_text(given))
        self.count.setText("Display only: trainings, runs and files are not affected.")
        self._show_apply()

    @Slot()
    def _show_apply(self, *_: object) -> None:
        """Show the buttons that apply overrides of variables to a training, while there is one."""
        for name, apply in self.apply_buttons.items():
            apply.setVisible(self._link.is_training and self._overrides.may_be_variable(name))

    def _line(self, name: str) -> QWidget:
        shown = button(name, "link", partial(self.node_requested.emit, name))
        shown.setToolTip("Show the node")
        back = button("Remove", "", partial(self._overrides.take_back, name))
        back.setAccessibleName(f"Remove the override of {name}")
        apply = button("Apply to training", "", partial(self._overrides.apply_requested.emit, name))
        apply.setToolTip(APPLY_TIP)
        apply.setAccessibleName(f"Apply {name} to the training")
        self.node_buttons[name], self.back_buttons[name] = shown, back
        self.apply_buttons[name] = apply
        line = row(shown, self._texts[name], apply, back, gap=2)
        line.setStretch(1, 1)
        result = QFrame()
        result.setObjectName("notice")
        line.setContentsMargins(SPACE[2], SPACE[1], SPACE[2], SPACE[1])
        result.setLayout(line)
        return result


def value_text(given: Given) -> str:
    """Return an overriding value as text: ``0.5 (typed)``, ``float32 784 × 300 (W1.npy)``."""
    array = given.array
    if array.size == 1:
        return f"{number(array.reshape(-1)[0])} ({given.how})"
    sizes = " × ".join(map(str, array.shape))
    return f"{array.dtype} {sizes} ({given.how})"


def _make(context: PanelContext) -> OverridesPanel:
    panel = OverridesPanel(context.chosen.overrides, context.engine.link)
    panel.node_requested.connect(lambda name: context.middle.navigator.show_named([name]))
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.actions.bind({SHOW.id: Binding(panel.show)})
    context.chosen.overrides.changed.connect(context.window.actions.refresh_soon)
    context.middle.pages.override_bar.list_requested.connect(panel.show)


def _needed(context: PanelContext, panel: LatePanel) -> bool:
    return bool(context.chosen.overrides.hypothetical)


SHOW = ActionSpec(
    "show_overrides",
    "Overrides",
    (),
    "circle-help",
    "All overridden values",
)
PANEL = PanelSpec("overrides", "Overrides", Place.BOTTOM, 35, _make, _wire, (SHOW,), _needed)
