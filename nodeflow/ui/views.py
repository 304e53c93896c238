"""Where the user has looked: back and forward through views, and numbered bookmarks.

Views are the user's, not the document's: they are kept in the settings, by the file's path.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QPointF, QTimer, Signal

from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.settings import Settings
from nodeflow.ui.workspace import Workspace

REST_MS = 700
"""A view that is kept for so long is one to come back to."""
MOST = 100
NEAR = 48.0
NUMBERS = range(1, 10)


@dataclass(frozen=True)
class View:
    """A scene point in the middle of the canvas, and the step of the zoom ladder."""

    x: float
    y: float
    step: int

    def is_near(self, other: View) -> bool:
        """Whether somebody would call both the same view."""
        gap = max(abs(self.x - other.x), abs(self.y - other.y)) * 2.0 ** (self.step / 8)
        return self.step == other.step and gap < NEAR


class Views(QObject):
    """The history and the bookmarks of the canvas's document; `changed` after each step."""

    changed = Signal()

    def __init__(self, canvas: CanvasView, workspace: Workspace, settings: Settings) -> None:
        super().__init__(canvas)
        self._canvas, self._workspace, self._settings = canvas, workspace, settings
        self._past: list[View] = []
        self._next: list[View] = []
        self._moving = False
        self._bookmarks: dict[int, View] = {}
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.note)
        canvas.view_changed.connect(self._on_view)
        workspace.replaced.connect(self.reset)

    def reset(self) -> None:
        """Another document: no history, and that file's bookmarks."""
        self._past, self._next = [self.current()], []
        stored = self._settings.bookmarks(self._key())
        self._bookmarks = {n: View(*v) for n, v in stored.items() if n in NUMBERS}
        self.changed.emit()

    def current(self) -> View:
        """What the canvas shows now."""
        canvas = self._canvas
        middle = canvas.view_to_scene(QPointF(canvas.width() / 2, canvas.height() / 2))
        return View(middle.x(), middle.y(), canvas.camera.step)

    # ---- history ----------------------------------------------------------------------------

    def note(self) -> None:
        """Remember the view as it is, if it is another one."""
        now = self.current()
        if self._past and self._past[-1].is_near(now):
            self._past[-1] = now
            return
        self._past = [*self._past[-MOST:], now]
        self._next.clear()
        self.changed.emit()

    @property
    def can_go_back(self) -> bool:
        return len(self._past) > 1 or self._is_elsewhere()

    @property
    def can_go_forward(self) -> bool:
        return bool(self._next)

    def back(self) -> bool:
        """Look where one looked before; False if there is no such view."""
        self._rest.stop()
        if self._is_elsewhere():
            self.note()
        if len(self._past) < 2:
            return False
        self._next.append(self._past.pop())
        self._go(self._past[-1])
        return True

    def forward(self) -> bool:
        """Undo a step back."""
        if not self._next:
            return False
        self._past.append(self._next.pop())
        self._go(self._past[-1])
        return True

    def _is_elsewhere(self) -> bool:
        return bool(self._past) and not self._past[-1].is_near(self.current())

    # ---- bookmarks --------------------------------------------------------------------------

    def set_bookmark(self, number: int) -> None:
        """Remember this view under a number (1 to 9)."""
        self._bookmarks[number] = self.current()
        stored = {n: (v.x, v.y, v.step) for n, v in self._bookmarks.items()}
        self._settings.set_bookmarks(self._key(), stored)
        self.changed.emit()

    def has_bookmark(self, number: int) -> bool:
        return number in self._bookmarks

    def go_to_bookmark(self, number: int) -> None:
        """Look at a bookmark; the view before it is remembered."""
        self.note()
        self._go(self._bookmarks[number])
        self.note()

    # ---- the inside -------------------------------------------------------------------------

    def _key(self) -> str:
        path = self._workspace.root.path
        return str(path.resolve()) if path else ""

    def _go(self, view: View) -> None:
        self._moving = True
        self._canvas.look_at(QPointF(view.x, view.y), view.step)
        self._moving = False
        self.changed.emit()

    def _on_view(self) -> None:
        if not self._moving:
            self._rest.start()
