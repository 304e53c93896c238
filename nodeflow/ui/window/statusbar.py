"""The status bar: last message, problems, state of the engine, and zoom."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal, SignalInstance, Slot
from PySide6.QtWidgets import QStatusBar, QToolButton, QWidget

from nodeflow.drawing.message_text import plain
from nodeflow.host.protocol import EditState
from nodeflow.number_text import counted
from nodeflow.ui.core.theming.theme import Theme, dot, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import in_window, listed
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel
from nodeflow.ui.core.widgets.plain_tips import plain_tip

MESSAGE_MS = 8000
ENGINE = {
    "off": ("Engine off", "ink_faint"),
    "starting": ("Engine starting", "ink_faint"),
    "idle": ("Ready", "ok"),
    "running": ("Running", "accent"),
    "preparing": ("Preparing", "accent"),
    "training": ("Training", "accent"),
    "paused": ("Paused", "warning"),
    "silent": ("Not answering", "warning"),
}


EDITS = {
    "": "",
    "preparing": "preparing an edit",
    "waits": "an edit waits for the next epoch",
    "invalid": "without your edits",
}
"""Texts beside the training state about edits on their way to the training, by their state."""


class StatusBar(QStatusBar):
    """The status bar of the window.

    Signals:
        attach_clicked, notice_clicked, breakpoints_clicked, problems_clicked, engine_clicked,
            zoom_clicked: a button was clicked.
    """

    attach_clicked = Signal()
    notice_clicked = Signal()
    breakpoints_clicked = Signal()
    problems_clicked = Signal()
    engine_clicked = Signal()
    zoom_clicked = Signal()

    def __init__(self, themes: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = themes.theme
        self._state, self._detail, self._edits = "off", "", ""
        self._problems = (0, 0, 0)
        self.setSizeGripEnabled(False)
        self.text = ElidedLabel()
        self.text.setContentsMargins(8, 0, 8, 0)
        self.waiting = self._button("", self.attach_clicked)
        self.waiting.hide()
        self.notice = self._button("", self.notice_clicked)
        self.notice.hide()
        self.breakpoints = self._button("", self.breakpoints_clicked)
        self.breakpoints.hide()
        self.problems = self._button("Problems", self.problems_clicked)
        self.engine = self._button("Engine: click for the log", self.engine_clicked)
        self.zoom = self._button("Zoom: click to fit everything", self.zoom_clicked)
        self.addWidget(self.text, 1)
        for widget in (
            *(self.waiting, self.notice, self.breakpoints, self.problems),
            *(self.engine, self.zoom),
        ):
            self.addPermanentWidget(widget)
        self._timer = QTimer(self, singleShot=True, interval=MESSAGE_MS)
        self._timer.timeout.connect(self.text.clear)
        themes.follow(self.set_theme)

    def show_text(self, text: str) -> None:
        """Show a message for `MESSAGE_MS`."""
        self.text.setText(plain(text))
        self._timer.start()

    def drop_tip(self, text: str) -> None:
        """Clear the status tip of an action if it is shown, because it is no longer true."""
        if self.currentMessage() == text:
            self.clearMessage()

    def show_engine(self, state: str, detail: str = "") -> None:
        self._state, self._detail = state, detail
        text, role = ENGINE[state]
        if state in ("training", "paused"):
            detail = EDITS[self._edits]
            role = "warning" if self._edits == "invalid" else role
        self.engine.setText(f" {text}{f'  ·  {detail}' if detail else ''}")
        self.engine.setIcon(icon("circle", self._theme, role, 10))

    @Slot(object)
    def show_edits(self, state: EditState) -> None:
        """Show the progress of edits on their way to the running training."""
        self._edits = state.state
        self.show_engine(self._state, self._detail)

    def show_problems(self, errors: int, warnings: int, incomplete: int) -> None:
        """Show the numbers of errors, warnings and unconnected ports.

        Show nothing if there are none.
        """
        self._problems = (errors, warnings, incomplete)
        parts = []
        if errors:
            parts.append(counted(errors, "error"))
        if warnings:
            parts.append(counted(warnings, "warning"))
        if incomplete:
            parts.append(f"{incomplete} incomplete")
        self.problems.setText(" " + ", ".join(parts))
        looks = ("circle-check", "ok")
        for count, *look in (
            (incomplete, "plug", "ink_muted"),
            (warnings, "triangle-alert", "warning"),
            (errors, "circle-alert", "error"),
        ):
            looks = look if count else looks
        self.problems.setVisible(bool(parts))
        name, role = looks
        self.problems.setIcon(icon(name, self._theme, role, 14))

    def show_breakpoints(self, names: list[str]) -> None:
        """Show the number of breakpoints. Each click on it selects the next one."""
        self.breakpoints.setText(f" {counted(len(names), 'breakpoint')}")
        tip = f"Training pauses at {listed(names)}. Click to show the next."
        self.breakpoints.setToolTip(plain_tip(tip))
        self.breakpoints.setVisible(bool(names))

    def show_waiting(self, names: tuple[str, ...]) -> None:
        """Show the placeholders that still need data before live values can be computed."""
        shown = listed(names)
        self.waiting.setText(f"{shown} {'has' if len(names) == 1 else 'have'} no data yet")
        tip = "Attach data: connect a dataset, or set a sample value"
        self.waiting.setToolTip(tip)
        self.waiting.setVisible(bool(names))

    def show_notices(self, notices: tuple[str, ...]) -> None:
        """Show the number of notices about the data. A click shows their full texts."""
        self.notice.setText(f" {counted(len(notices), 'data notice')}" if notices else "")
        self.notice.setToolTip(plain_tip("\n".join(map(in_window, notices))))
        self.notice.setVisible(bool(notices))

    def show_zoom(self, scale: float) -> None:
        self.zoom.setText(f"{round(scale * 100)} %")

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.show_engine(self._state, self._detail)
        self.show_problems(*self._problems)
        self.notice.setIcon(icon("database", theme, "warning", 14))
        self.breakpoints.setIcon(dot(theme.color("error"), 12))

    def _button(self, tip: str, signal: SignalInstance) -> QToolButton:
        button = QToolButton()
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setToolTip(tip)
        button.setAutoRaise(True)
        button.clicked.connect(signal)
        return button
