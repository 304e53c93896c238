"""Back and forward through views, numbered bookmarks, and the minimap."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.view.minimap import Minimap
from nodeflow.ui.controllers.viewing.view_history import NUMBERS, ViewHistory
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.pages.page_stack import PageStack


class ViewActions(QObject):
    """The actions that move the canvas's view."""

    def __init__(
        self,
        canvas: CanvasView,
        pages: PageStack,
        views: ViewHistory,
        settings: Settings,
        themes: ThemeManager,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(canvas)
        self._canvas, self._pages, self._views = canvas, pages, views
        self._settings, self._messages, self._actions = settings, messages, actions
        self.minimap = Minimap(
            canvas, canvas.scene, canvas.viewport, canvas.selection, canvas.renderer
        )
        self.minimap.setVisible(settings.minimap)
        themes.changed.connect(self.minimap.update)
        actions.bind(self._bindings())
        actions.refreshing.connect(self._show_state)
        views.changed.connect(actions.refresh_soon)
        canvas.signals.history_requested.connect(self._on_history)

    def _bindings(self) -> dict[str, Binding]:
        go_to = {
            f"bookmark_{n}": Binding(
                partial(self._go_to_bookmark, n), partial(self._bookmark_blocked, n)
            )
            for n in NUMBERS
        }
        return {
            "view_back": Binding(self._back, self._back_blocked),
            "view_forward": Binding(self._forward, self._forward_blocked),
            "minimap": Binding(self._toggle_minimap),
            **go_to,
            **{f"bookmark_set_{n}": Binding(partial(self._set_bookmark, n)) for n in NUMBERS},
        }

    def _back(self) -> None:
        if self._covers_canvas():  # the previous view is the canvas itself
            self._pages.show_canvas()
        else:
            self._views.back()

    def _back_blocked(self) -> Blocked | None:
        some = self._views.can_go_back or self._covers_canvas()
        return None if some else Blocked("This is the first view.")

    def _covers_canvas(self) -> bool:
        return self._pages.shows_expansion or self._pages.shows_comparison

    def _forward(self) -> None:
        self._pages.show_canvas()
        self._views.forward()

    def _forward_blocked(self) -> Blocked | None:
        return None if self._views.can_go_forward else Blocked("This is the last view.")

    def _on_history(self, step: int) -> None:
        if step < 0:
            self._views.back()
        else:
            self._views.forward()

    def _set_bookmark(self, number: int) -> None:
        self._views.set_bookmark(number)
        self._messages.show_status(f"Set bookmark {number} to this view")

    def _go_to_bookmark(self, number: int) -> None:
        self._pages.show_canvas()
        self._views.go_to_bookmark(number)

    def _bookmark_blocked(self, number: int) -> Blocked | None:
        fix = f"bookmark_set_{number}"
        if not self._views.has_bookmark(number):
            return Blocked(f"There is no bookmark {number} yet.", fix)
        if self._views.is_lost(number):
            text = f"The subgraph of bookmark {number} no longer exists."
            return Blocked(text, fix)
        return None

    def _toggle_minimap(self) -> None:
        shown = not self.minimap.isVisibleTo(self._canvas)
        self._settings.minimap = shown
        self.minimap.setVisible(shown)
        self._actions["minimap"].setChecked(shown)

    def _show_state(self) -> None:
        """Update the menu: the graph of each bookmark, and whether the minimap is shown."""
        for number in NUMBERS:
            place = self._views.place_of(number)
            text = f"Go to bookmark {number}" + (f" (in {place})" if place else "")
            self._actions.set_text(f"bookmark_{number}", text)
        self._actions["minimap"].setChecked(self._settings.minimap)
