"""The history of views, for back and forward, and numbered bookmarks.

Views belong to the user, not to the document: the settings store them under the file's path. A
view belongs to one graph, the file's own or one inside a subgraph. Going to a view enters its
graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, QPointF, QTimer, Signal

from nodeflow.document.model.events import Change
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace, renamed

REST_MS = 700
"""Milliseconds after which an unchanged view is added to the history."""
MOST = 100
NEAR = 48.0
NUMBERS = range(1, 10)


@dataclass(frozen=True)
class View:
    """The part of a graph that the canvas shows.

    Attributes:
        x, y: scene coordinates of the middle of the canvas.
        step: the zoom step; eight steps double the scale.
        path: the path to the graph through subgraphs (see `Workspace.path`).
    """

    x: float
    y: float
    step: int
    path: tuple[str, ...] = ()

    def is_near(self, other: View) -> bool:
        """Return whether another view shows nearly the same part of the same graph, at a
        similar zoom.
        """
        if self.path != other.path:
            return False
        gap = max(abs(self.x - other.x), abs(self.y - other.y)) * 2.0 ** (self.step / 8)
        return self.step == other.step and gap < NEAR


class ViewHistory(QObject):
    """The history of views and the bookmarks of the canvas's document.

    ``changed`` is emitted when the history, the bookmarks or the shown graph change.
    """

    changed = Signal()

    def __init__(self, canvas: CanvasView, workspace: Workspace, settings: Settings) -> None:
        super().__init__(canvas)
        self._canvas, self._workspace, self._settings = canvas, workspace, settings
        self._past: list[View] = []
        self._next: list[View] = []
        self._path: tuple[str, ...] = ()
        self._seen: dict[tuple[str, ...], View] = {}
        self._moving = False
        self._bookmarks: dict[int, View] = {}
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.note)
        canvas.viewport.changed.connect(self._on_view)
        workspace.saved.connect(self._store)
        workspace.edited.connect(self._on_edited)

    def reset(self) -> None:
        """Clear the history and load the bookmarks for another document."""
        self._path, self._seen = self._workspace.path, {}
        self._past, self._next = [self.current()], []
        stored = self._settings.bookmarks(self._key()) if self._key() else {}
        self._bookmarks = {n: View(*v) for n, v in stored.items() if n in NUMBERS}
        self.changed.emit()

    def current(self) -> View:
        """Return the part of the graph that the canvas shows, as a `View`."""
        canvas = self._canvas
        middle = canvas.viewport.camera.to_scene(QPointF(canvas.width() / 2, canvas.height() / 2))
        return View(middle.x(), middle.y(), canvas.viewport.camera.step, self._path)

    @contextmanager
    def entering(self) -> Iterator[None]:
        """Return a context manager to use around a change of the canvas to another graph.

        On entry, it stores the view of the current graph. On exit, it restores the last view of
        the graph that the canvas then shows, if there is one.
        """
        self._seen[self._path] = self.current()
        if not self._moving:
            self.note()
        yield
        self._path = self._workspace.path
        before = self._seen.get(self._path)
        if before is not None:
            self._canvas.viewport.look_at(QPointF(before.x, before.y), before.step)
        self.changed.emit()

    # ---- history ----------------------------------------------------------------------------

    def note(self) -> None:
        """Add the current view to the history. If it is near the last view, replace that."""
        self._rest.stop()
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
        """Go to the previous view. Return False if there is none.

        Views of deleted subgraphs are skipped.
        """
        self._rest.stop()
        if self._is_elsewhere():
            self.note()
        return self._step(self._past, self._next)

    def forward(self) -> bool:
        """Return to the view that `back` has left. Return False if there is none."""
        return self._step(self._next, self._past)

    def _step(self, source: list[View], target: list[View]) -> bool:
        """Move views from one list to the other until one can be shown. Return False if none can.

        The last view in ``_past`` is the current one.
        """
        least = 1 if source is self._past else 0
        while len(source) > least:
            target.append(source.pop())
            if self._go(self._past[-1]):
                self._past[-1] = self.current()
                return True
        return False

    def _is_elsewhere(self) -> bool:
        return bool(self._past) and not self._past[-1].is_near(self.current())

    # ---- bookmarks --------------------------------------------------------------------------

    def set_bookmark(self, number: int) -> None:
        """Store the current view as the bookmark with a number from 1 to 9."""
        self._bookmarks[number] = self.current()
        self._store()
        self.changed.emit()

    def has_bookmark(self, number: int) -> bool:
        return number in self._bookmarks

    def is_lost(self, number: int) -> bool:
        """Return whether a bookmark is inside a subgraph that no longer exists."""
        return not self._workspace.has(self._bookmarks[number].path)

    def place_of(self, number: int) -> str:
        """Return the path of names to the graph that a bookmark shows, such as ``a/b``.

        Return "" for the file's own graph, and if there is no such bookmark.
        """
        view = self._bookmarks.get(number)
        return "" if view is None else "/".join(self._workspace.names_of(view.path))

    def go_to_bookmark(self, number: int) -> None:
        """Go to a bookmark. Store the previous view in the history."""
        self.note()
        if self._go(self._bookmarks[number]):
            self.note()

    # ---- internals --------------------------------------------------------------------------

    def _key(self) -> str:
        path = self._workspace.root.path
        return str(path.resolve()) if path else ""

    def _store(self) -> None:
        """Store the bookmarks in the settings under the file's path.

        A graph without a file keeps them in memory until it is saved.
        """
        if self._key() and self._bookmarks:
            stored = {n: (v.x, v.y, v.step, v.path) for n, v in self._bookmarks.items()}
            self._settings.set_bookmarks(self._key(), stored)

    def _go(self, view: View) -> bool:
        """Show a view in its graph. Return False if the graph no longer exists."""
        self._moving = True
        try:
            if view.path != self._workspace.path and not self._workspace.go_to(view.path):
                return False
            self._canvas.viewport.look_at(QPointF(view.x, view.y), view.step)
        finally:
            self._moving = False
        self.changed.emit()
        return True

    def _on_edited(self, change: Change) -> None:
        """Update the paths of all views after definitions of subgraphs were renamed.

        The bookmarks in the settings are updated only when the file is saved, because the file
        has the old names until then.
        """
        if not any(change.of("subgraph")):
            return

        def moved(view: View) -> View:
            return replace(view, path=renamed(view.path, change))

        self._path = renamed(self._path, change)
        self._past, self._next = list(map(moved, self._past)), list(map(moved, self._next))
        self._seen = {renamed(path, change): moved(view) for path, view in self._seen.items()}
        self._bookmarks = {number: moved(view) for number, view in self._bookmarks.items()}

    def _on_view(self) -> None:
        if not self._moving:
            self._rest.start()
