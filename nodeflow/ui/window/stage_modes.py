"""The content of the middle of the window: the canvas, the stage, or both side by side."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QMainWindow

from nodeflow.document.edit.stage import is_staged
from nodeflow.document.model.records import Change
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core.widgets.common_widgets import InfoBar
from nodeflow.ui.panels.panel import Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.stage.stage import Stage
from nodeflow.ui.window.docking import Docking

CANVAS, BESIDE, STAGE = "canvas", "beside", "stage"
NARROW = 1600
"""Window width in pixels below which the left panel is hidden while graph and stage are shown."""
MODES = (CANVAS, BESIDE, STAGE)


class StageModes(QObject):
    """The action that switches between canvas, stage and both, and the user's choice for each file.

    A file with pins opens beside its stage, unless its user chose otherwise.

    Attributes:
        mode: `CANVAS`, `BESIDE` or `STAGE`.
        stage: the stage; None until it is first shown.
    """

    def __init__(
        self, window: QMainWindow, context: PanelContext, docking: Docking, info: InfoBar
    ) -> None:
        super().__init__(window)
        self._window, self._context = window, context
        self._docking, self._info = docking, info
        self._workspace, self._settings = context.document.workspace, context.look.settings
        self._pages, self._canvas = context.middle.pages, context.middle.canvas
        self.mode = CANVAS
        self.stage: Stage | None = None
        context.window.actions.bind({"stage": Binding(self._cycle, self._blocked)})
        self._workspace.replaced.connect(self._on_replaced)
        self._workspace.changed.connect(self._on_changed)
        context.document.files.opened.connect(self._on_opened)
        self._was_narrow = False
        docking.sizes.settled.connect(self._on_resized)

    def _blocked(self) -> Blocked | None:
        if self._pages.shows_welcome:
            return Blocked("Open a graph first.", "open")
        return None

    def _cycle(self) -> None:
        mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]
        path = self._workspace.root.path
        if path is not None:
            self._settings.set_stage_mode(str(path), mode)
        self.show(mode)
        self._context.window.messages.show_status(TEXTS[mode])

    def show(self, mode: str) -> None:
        """Show the canvas, the stage, or both. Hide the panels whose places the stage needs."""
        if self.stage is None:
            if mode == CANVAS:
                return
            self.stage = Stage(self._context)
            self._pages.add_stage(self.stage)
        view = self._canvas.viewport
        was_whole = view.camera.scale == view.fitting_scale()
        self.mode = mode
        self._was_narrow = self._window.width() < NARROW
        self._docking.leave_to_stage(self._taken(mode))
        self._pages.divide(canvas=mode != STAGE, stage=mode != CANVAS)
        self._info.move_to(self.stage if mode == STAGE else self._canvas)
        if was_whole and mode != STAGE:
            QTimer.singleShot(0, self._window, view.fit_all)  # after the layout
        if not self._pages.shows_welcome:
            self._pages.show_canvas()
            self._pages.focus_area.setFocus()

    def _taken(self, mode: str) -> tuple[Place, ...]:
        """Return the places of panels that the stage needs. In a narrow window it needs more."""
        if mode == CANVAS:
            return ()
        if mode == STAGE or self._window.width() < NARROW:
            return (Place.BOTTOM, Place.LEFT) if mode == BESIDE else tuple(Place)
        return (Place.BOTTOM,)

    @Slot()
    def _on_resized(self) -> None:
        """Take or give back the left panel's place if the window became narrow or wide."""
        is_narrow = self._window.width() < NARROW
        if is_narrow != self._was_narrow and self.mode == BESIDE:
            self._docking.leave_to_stage(self._taken(BESIDE))
        self._was_narrow = is_narrow

    @Slot()
    def _on_replaced(self) -> None:
        """Show the canvas of another document, until it is opened."""
        self.show(CANVAS)

    @Slot()
    def _on_opened(self) -> None:
        root = self._workspace.root
        chosen = self._settings.stage_mode(str(root.path)) if root.path else ""
        self.show(chosen if chosen in MODES else BESIDE if is_staged(root) else CANVAS)
        if self.mode == BESIDE:
            QTimer.singleShot(0, self._window, self._canvas.viewport.fit_all)

    @Slot(object)
    def _on_changed(self, change: Change) -> None:
        """Show the stage when the user pins the first view or control to it."""
        first = any(not edit.before and edit.after for edit in change.of("stage"))
        if first and self.mode == CANVAS:
            self.show(BESIDE)


TEXTS = {
    CANVAS: "The graph",
    BESIDE: "The graph beside its stage",
    STAGE: "The stage: the result in large",
}
"""Texts for the status bar, by mode."""
