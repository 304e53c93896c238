"""The panel of a guided tour, which checks the window whenever it changes.

It shows one step at a time, and continues once the step is done, in any way and order. Every
step can be done with the mouse or with the keyboard.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QToolButton, QVBoxLayout

from nodeflow.train.events import Done, Event
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import button, label
from nodeflow.ui.popups.tours import TOURS
from nodeflow.ui.popups.tours.tour import Progress, Tour

WIDTH = 320


class Tutorial(QFrame):
    """The panel of a tour over the canvas.

    Signals:
        pointed(op id): show this op in the palette, because the step uses it; "" for none.
        started(): the first step is shown.
        finished(text): every step is done.
        over: every step is done, or the user ended the tour.
        next_requested(tour id): the user wants the following tour.
    """

    started = Signal()
    pointed = Signal(str)
    finished = Signal(str)
    over = Signal()
    next_requested = Signal(str)

    def __init__(self, workspace: Workspace, canvas: CanvasView, themes: ThemeManager) -> None:
        super().__init__(canvas)
        self.setObjectName("tutorial")
        self.setFixedWidth(WIDTH)
        self._workspace, self._canvas = workspace, canvas
        self.tour = TOURS["tutorial"]
        self.step = 0
        self._progress = Progress(workspace.document)
        self._count = label("", "caption")
        self._title = label("", "strong", wrap=True)
        self._how = label("", "muted", wrap=True)
        self._bar = QProgressBar()
        self._bar.setAccessibleName("Progress of the tour")
        self._bar.setTextVisible(False)
        self._cross = QToolButton()
        self._cross.setToolTip("End the tour")
        self._cross.setAccessibleName("End the tour")
        self._cross.clicked.connect(self.end)
        head = QHBoxLayout()
        head.addWidget(self._count)
        head.addStretch(1)
        head.addWidget(self._cross)
        self._layout = layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[2], SPACE[4], SPACE[4])
        layout.setSpacing(SPACE[2])
        layout.addLayout(head)
        self.next_button = button("", "", self._on_next)
        for widget in (self._title, self._how, self._bar, self.next_button):
            layout.addWidget(widget)
        workspace.changed.connect(self._on_changed)
        workspace.selected.connect(self._on_selected)
        themes.follow(self.set_theme)
        self.hide()

    @property
    def title(self) -> str:
        """The title of the current step."""
        return self._title.text()

    def begin(self, tour: Tour) -> None:
        """Begin a tour: show its first step that is not done yet."""
        self.tour, self.step = tour, 0
        self._progress = Progress(self._workspace.document)
        self._bar.setRange(0, len(tour.steps))
        self.started.emit()
        self.show()
        self.raise_()
        self._advance()

    def end(self) -> None:
        if not self.isHidden():
            self.hide()
            self.pointed.emit("")
            self.over.emit()

    def place(self) -> None:
        """Place the panel in the lower left corner of the canvas."""
        self.resize(WIDTH, self._layout.totalHeightForWidth(WIDTH))
        bottom = self._canvas.height() - self.height() - SPACE[4]
        self.move(QPoint(SPACE[4], max(SPACE[4], bottom)))

    def set_theme(self, theme: Theme) -> None:
        self._cross.setIcon(icon("x", theme, "ink_faint", 14))

    # ---- events -----------------------------------------------------------------------------

    @Slot(object)
    def on_training(self, event: Event) -> None:
        """Count the trainings that have ended."""
        if isinstance(event, Done):
            self._progress.trainings += 1
            self._on_changed(None)

    @Slot(bool)
    def on_sketched(self, by_hand: bool) -> None:
        """Note that the nodes have shown a drawing, if ``by_hand``."""
        self._progress.sketched |= by_hand
        self._on_changed(None)

    def _on_selected(self, _: object) -> None:
        nodes = self._workspace.document.nodes
        names = frozenset(nodes[i].name for i in self._workspace.selection if i in nodes)
        self._progress.selected = names
        self._progress.seen |= names
        self._on_changed(None)

    def _on_next(self) -> None:
        self.next_requested.emit(self.tour.next)

    def _on_changed(self, _: object) -> None:
        if not self.isHidden():
            self._advance()

    def _advance(self) -> None:
        """Show the first step that is not done."""
        before, steps = self.step, self.tour.steps
        self._progress.document = self._workspace.document
        while self.step < len(steps) and steps[self.step].is_done(self._progress):
            self.step += 1
        last = self.step == len(steps)
        shown = self.tour.done if last else steps[self.step]
        self._count.setText("Done" if last else f"Step {self.step + 1} of {len(steps)}")
        self._title.setText(shown.title)
        self._how.setText(shown.how)
        self._bar.setValue(self.step)
        following = TOURS.get(self.tour.next) if last else None
        self.next_button.setText(f"Next: {following.title}" if following else "")
        self.next_button.setVisible(following is not None)
        self.place()
        self.pointed.emit(shown.op)
        if last and before < self.step:
            self.finished.emit(self.tour.finished)
            self.over.emit()
