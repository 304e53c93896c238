"""The doctor panel: problems of a training, each with evidence and a fix that can be applied."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from nodeflow.document.edit.offers.apply_hint import apply_edits, can_apply
from nodeflow.drawing.message_text import plain
from nodeflow.errors import NodeflowError
from nodeflow.number_text import count
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.events import Event, Hints, Started
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import sentence
from nodeflow.ui.core.widgets.common_widgets import button, clear, label
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext

TITLE = "Doctor"
_SEVERE = ("diverging", "labels", "missing_values", "untrained", "equal_weights")


class DoctorPanel(QWidget):
    """The panel with the hints about the last training, one card each.

    Signals:
        node_requested(path): show this node.
        step_requested(number): show this step of the training.
        branch_requested(number): train with the fix from the state before this step.
        failed(text): a fix could not be applied.
        applied(text): a fix was applied.
        hints_changed: other hints are shown.
    """

    node_requested = Signal(str)
    step_requested = Signal(int)
    branch_requested = Signal(int)
    failed = Signal(str)
    applied = Signal(str)
    hints_changed = Signal()

    def __init__(
        self, workspace: Workspace, themes: ThemeManager, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workspace, self._theme = workspace, themes.theme
        self.hints: tuple[Hint, ...] = ()
        self.fix_buttons: list[QPushButton] = []
        self.node_buttons: list[QPushButton] = []
        self.step_buttons: list[QPushButton] = []
        self.branch_buttons: list[QPushButton] = []
        self.reaches_training: Callable[[], bool] = lambda: True
        """Returns whether edits take effect in the running training."""
        self._trains = False
        self._rows = QVBoxLayout()
        self._rows.setContentsMargins(SPACE[2], SPACE[2], SPACE[2], SPACE[2])
        self._rows.setSpacing(SPACE[2])
        inner = QWidget()
        holder = QVBoxLayout(inner)
        holder.setContentsMargins(0, 0, 0, 0)
        holder.addLayout(self._rows)
        holder.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._nothing = label("", "muted", wrap=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._nothing)
        self._pages.addWidget(scroll)
        themes.follow(self.set_theme)
        self.forget()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._draw()

    @Slot(object)
    def on_event(self, event: Event) -> None:
        """Update the hints from an event of a training."""
        if isinstance(event, Started):
            self._show(())
            self._nothing.setText("No problems so far.")
        elif isinstance(event, Hints):
            self._show(event.hints)

    @Slot(str)
    def show_state(self, state: str) -> None:
        """Enable buttons that start a branch of the training only while no training runs.

        Args:
            state: the state of the engine.
        """
        trains = state in ("preparing", "training", "paused")
        if trains != self._trains:
            self._trains = trains
            self._draw()

    @Slot()
    def forget(self) -> None:
        """Show no hints, because another document is open."""
        self._show(())
        self._nothing.setText(
            "While a graph trains, this panel reports problems: inputs that are not scaled, "
            "an unsuitable learning rate, units that never fire, overfitting, and more."
        )

    def _show(self, hints: tuple[Hint, ...]) -> None:
        if hints != self.hints or not hints:
            self.hints = hints
            self._draw()
            self.hints_changed.emit()

    def _draw(self) -> None:
        clear(self._rows)
        self.fix_buttons, self.node_buttons, self.step_buttons = [], [], []
        self.branch_buttons = []
        for index, hint in enumerate(self.hints):
            self._rows.addWidget(self._card(index, hint))
        self._pages.setCurrentIndex(1 if self.hints else 0)
        dock = self.parent()
        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parent()
        if dock is not None:
            dock.setWindowTitle(f"{TITLE} ({len(self.hints)})" if self.hints else TITLE)

    def _card(self, index: int, hint: Hint) -> QFrame:
        severe = hint.kind in _SEVERE
        frame = QFrame()
        frame.setObjectName("problem")
        frame.setProperty("level", "error" if severe else "warning")
        sign = QLabel()
        looks = ("circle-alert", "error") if severe else ("triangle-alert", "warning")
        sign.setPixmap(icon(looks[0], self._theme, looks[1]).pixmap(16, 16))
        texts = QVBoxLayout()
        texts.setSpacing(SPACE[1])
        texts.addWidget(label(plain(hint.title), "strong", wrap=True))
        texts.addWidget(label(plain(hint.evidence), wrap=True))
        if hint.advice:
            texts.addWidget(label(plain(hint.advice), "caption", wrap=True))
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE[2])
        if hint.fix and can_apply(self._workspace.root, hint.edits):
            fix = button(hint.fix, slot=self._on_fix)
            fix.setProperty("hint", index)
            self.fix_buttons.append(fix)
            buttons.addWidget(fix)
            if hint.step and not self._trains:
                branch = button(f"Train fixed from step {count(hint.step)}", slot=self._on_branch)
                branch.setToolTip(plain_tip(f"{hint.fix}, and train again from before that step"))
                branch.setProperty("hint", index)
                self.branch_buttons.append(branch)
                buttons.addWidget(branch)
        if hint.node and self._workspace.find(hint.node):
            show = button("Show the node", "link", self._on_node)
            show.setProperty("hint", index)
            self.node_buttons.append(show)
            buttons.addWidget(show)
        if hint.step:
            visit = button(f"Show step {count(hint.step)}", "link", self._on_step)
            visit.setToolTip("The step at which this was first detected")
            visit.setProperty("hint", index)
            self.step_buttons.append(visit)
            buttons.addWidget(visit)
        if buttons.count():
            buttons.addStretch(1)
            texts.addLayout(buttons)
        layout = QHBoxLayout(frame)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[2])
        layout.setSpacing(SPACE[2])
        layout.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(texts, 1)
        return frame

    def _on_fix(self) -> None:
        hint = self.hints[self.sender().property("hint")]
        if self._apply(hint):
            live = self._trains and self.reaches_training()
            when = "It applies from the next step on." if live else "Train again to see its effect."
            self.applied.emit(f"{hint.fix}: done. {when}")

    def _on_branch(self) -> None:
        hint = self.hints[self.sender().property("hint")]
        if self._apply(hint):
            self.branch_requested.emit(hint.step)

    def _apply(self, hint: Hint) -> bool:
        """Apply the fix of a hint and remove its card. Return whether it succeeded."""
        try:
            apply_edits(self._workspace.root, hint.edits, hint.fix)
        except NodeflowError as error:
            self.failed.emit(sentence(error))
            return False
        self._show(tuple(each for each in self.hints if each.key != hint.key))
        return True

    def _on_step(self) -> None:
        self.step_requested.emit(self.hints[self.sender().property("hint")].step)

    def _on_node(self) -> None:
        path = self._workspace.find(self.hints[self.sender().property("hint")].node)
        if path:
            self.node_requested.emit(path)


def _make(context: PanelContext) -> DoctorPanel:
    panel = DoctorPanel(context.document.workspace, context.look.themes)
    context.document.workspace.replaced.connect(panel.forget)
    panel.node_requested.connect(context.middle.navigator.show_path)
    panel.step_requested.connect(context.engine.link.past.show)
    panel.branch_requested.connect(context.trainings.run.branch)
    panel.reaches_training = lambda: context.look.settings.edits_reach_training
    context.engine.link.state_changed.connect(panel.show_state)
    panel.show_state(context.engine.link.state)
    panel.failed.connect(context.window.messages.show_status)
    panel.hints_changed.connect(context.window.actions.refresh_soon)
    panel.applied.connect(context.window.messages.show_status)
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.actions.bind({SHOW.id: Binding(panel.show)})
    panel.hear(context.engine.link.training, DoctorPanel.on_event)


def _needed(context: PanelContext, panel: LatePanel) -> bool:
    return panel.made is not None and bool(panel.made.hints)


SHOW = ActionSpec("show_doctor", "Show the training doctor", icon="activity")
PANEL = PanelSpec("doctor", TITLE, Place.BOTTOM, 25, _make, _wire, (SHOW,), _needed)
