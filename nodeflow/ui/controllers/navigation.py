"""Finding one's way: commands, find, views, bookmarks, panes, the minimap, keys, formulas.

Functions ``do_ID`` and ``when_ID`` of the actions; the parts they open stand in their own files.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QWidget

from nodeflow.ui.actions.action_set import Blocked
from nodeflow.ui.actions.keymap import Keymap
from nodeflow.ui.canvas.view.minimap import Minimap
from nodeflow.ui.controllers.view_history import NUMBERS, Views
from nodeflow.ui.popups.command_palette import CommandPalette
from nodeflow.ui.popups.expression_bar import ExpressionBar
from nodeflow.ui.popups.find_in_graph import FindInGraph
from nodeflow.ui.popups.keyboard_wiring import WireByKeys
from nodeflow.ui.popups.quick_pick import PickList
from nodeflow.ui.popups.shortcut_editor import ShortcutEditor

if TYPE_CHECKING:
    from nodeflow.ui.core.workspace import Workspace
    from nodeflow.ui.window.main_window import MainWindow


def _place(workspace: Workspace, name: str) -> str | None:
    """The path of the node with a name, or of the one that it was derived from."""
    parts = name.split("/")
    if parts[0] == "gradients":
        ends = [i for i, part in enumerate(parts) if part.endswith("_grad")]
        parts = [*parts[1 : ends[0]], parts[ends[0]].removesuffix("_grad")] if ends else []
    for count in range(len(parts), 0, -1):
        found = workspace.find("/".join(parts[:count]))
        if found is not None:
            return found
    return None


class Navigation:
    """Made by the window before its actions; ``start`` afterwards, when they exist."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        canvas, workspace, themes = window.canvas, window.workspace, window.themes
        self.popup = PickList(window.pages, themes.theme)
        themes.changed.connect(self.popup.set_theme)
        self.views = Views(canvas, workspace, window.settings)
        self.minimap = Minimap(canvas)
        self.minimap.setVisible(window.settings.minimap)
        themes.changed.connect(self.minimap.update)
        self.keymap = Keymap(window.settings)
        self.find = FindInGraph(self.popup, workspace, canvas, window.show_path)
        self.wires = WireByKeys(self.popup, canvas)
        self.formula = ExpressionBar(canvas, workspace, themes.theme, window.settings)
        themes.changed.connect(self.formula.set_theme)
        canvas.set_pointer(window.settings.pointer)
        canvas.history_wanted.connect(self._on_history)
        canvas.edit_wanted.connect(self._on_edit)
        canvas.wire_wanted.connect(self.wires.begin_at)
        window.inspector.leave_requested.connect(canvas.setFocus)
        for number in NUMBERS:
            setattr(self, f"do_bookmark_set_{number}", partial(self._set_bookmark, number))
            setattr(self, f"do_bookmark_{number}", partial(self._go_to_bookmark, number))
            setattr(self, f"when_bookmark_{number}", partial(self._when_bookmark, number))

    def show_named(self, names: tuple[str, ...]) -> None:
        """Select the nodes that the engine calls so; what was derived, by what it comes from."""
        window = self._window
        places = [_place(window.workspace, name) for name in names]
        paths = list(dict.fromkeys(place for place in places if place))
        if not paths:
            window.status.say("These ops have no node of their own")
            return
        window.show_path(paths[0])
        steps = paths[0].split("/")[:-1]
        window.canvas.select([p.split("/")[-1] for p in paths if p.split("/")[:-1] == steps])

    def start(self) -> None:
        """The window's actions exist: give them the user's keys."""
        window = self._window
        self.palette = CommandPalette(self.popup, window.actions_)
        window.actions_.apply_keymap(self.keymap.keys)
        window.actions_["minimap"].setChecked(window.settings.minimap)
        self.views.changed.connect(window.refresh_soon)
        self.views.reset()

    # ---- asking -----------------------------------------------------------------------------

    def do_command_palette(self) -> None:
        self.palette.open()

    def do_find(self) -> None:
        self._window.show_canvas()
        self.find.open()

    def when_find(self) -> Blocked | None:
        return None if self._window.workspace.document.nodes else EMPTY

    def do_formula(self) -> None:
        self._window.show_canvas()
        self.formula.open()

    def when_formula(self) -> Blocked | None:
        locked = self._window.workspace.document.locked
        return Blocked(locked) if locked else None

    def do_start_wire(self) -> None:
        self.wires.begin()

    def when_start_wire(self) -> Blocked | None:
        one = len(self._window.workspace.selection) == 1
        return None if one else Blocked("Select the node that the wire leaves.", "find")

    def do_pick_wire(self) -> None:
        self.wires.pick()

    def when_pick_wire(self) -> Blocked | None:
        chosen = self._window.workspace.selection
        if len(chosen) != 1:
            return Blocked("Select the node whose wire it is.")
        some = self._window.workspace.document.has_wires(chosen[0])
        return None if some else Blocked("It has no wires.")

    def do_end_wire(self) -> None:
        self.wires.begin("in")

    def when_end_wire(self) -> Blocked | None:
        one = len(self._window.workspace.selection) == 1
        return None if one else Blocked("Select the node that the wire goes into.", "find")

    def do_context_menu(self) -> None:
        """Ask what has the keyboard for its menu, as a key of its own would."""
        widget = self._window.focusWidget()
        if widget is not None:
            middle = widget.rect().center()
            reason = QContextMenuEvent.Reason.Keyboard
            event = QContextMenuEvent(reason, middle, widget.mapToGlobal(middle))
            QApplication.sendEvent(widget, event)

    def do_keymap(self) -> None:
        window = self._window
        dialog = ShortcutEditor(window, window.actions_, self.keymap)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        index = dialog.pointer.findData(window.settings.pointer)
        dialog.pointer.setCurrentIndex(max(index, 0))
        dialog.pointer.currentIndexChanged.connect(
            lambda _: self._set_pointer(dialog.pointer.currentData())
        )
        dialog.open()

    def _set_pointer(self, name: str) -> None:
        self._window.settings.pointer = name
        self._window.canvas.set_pointer(name)

    # ---- views ------------------------------------------------------------------------------

    def do_view_back(self) -> None:
        if self._window.is_inside:  # before the derived nodes, one looked at the canvas
            self._window.show_canvas()
        else:
            self.views.back()

    def when_view_back(self) -> Blocked | None:
        some = self.views.can_go_back or self._window.is_inside
        return None if some else Blocked("This is the first view.")

    def do_view_forward(self) -> None:
        self._window.show_canvas()
        self.views.forward()

    def when_view_forward(self) -> Blocked | None:
        return None if self.views.can_go_forward else Blocked("This is the last view.")

    def _on_history(self, step: int) -> None:
        if step < 0:
            self.views.back()
        else:
            self.views.forward()

    def _set_bookmark(self, number: int) -> None:
        self.views.set_bookmark(number)
        self._window.status.say(f"This view is bookmark {number}.")

    def _go_to_bookmark(self, number: int) -> None:
        self._window.show_canvas()
        self.views.go_to_bookmark(number)

    def _when_bookmark(self, number: int) -> Blocked | None:
        fix = f"bookmark_set_{number}"
        if not self.views.has_bookmark(number):
            return Blocked(f"There is no bookmark {number} yet.", fix)
        if self.views.is_lost(number):
            text = f"The subgraph that bookmark {number} was set in is not there any more."
            return Blocked(text, fix)
        return None

    def name_bookmarks(self) -> None:
        """Say in the menu which graph each bookmark is of."""
        for number in NUMBERS:
            place = self.views.place_of(number)
            text = f"Go to bookmark {number}" + (f" (in {place})" if place else "")
            self._window.actions_.set_text(f"bookmark_{number}", text)

    def do_minimap(self) -> None:
        shown = not self.minimap.isVisibleTo(self._window.canvas)
        self._window.settings.minimap = shown
        self.minimap.setVisible(shown)
        self._window.actions_["minimap"].setChecked(shown)

    def do_outline(self) -> None:
        """Give the keyboard to the list of nodes."""
        self._window.show_canvas()
        self._window.show_panel("outline")
        self._window.outline.view.setFocus()

    def _on_edit(self, _: str) -> None:
        self._window.docks["inspector"].show()
        self._window.inspector.focus_first()

    # ---- panes ------------------------------------------------------------------------------

    def do_next_pane(self) -> None:
        self._step_pane(1)

    def do_previous_pane(self) -> None:
        self._step_pane(-1)

    def _step_pane(self, step: int) -> None:
        """Give the keyboard to the next pane in sight: canvas, panels, toolbar."""
        panes = self._panes()
        focus = self._window.focusWidget()
        inside = [i for i, p in enumerate(panes) if focus and (p is focus or p.isAncestorOf(focus))]
        at = inside[0] if inside else 0
        for offset in range(1, len(panes) + 1):
            target = _first_stop(panes[(at + step * offset) % len(panes)])
            if target is not None:
                target.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    def _panes(self) -> list[QWidget]:
        window = self._window
        docks = [d for d in window.docks.values() if not d.visibleRegion().isEmpty()]
        panels = [d.widget() for d in docks if d.isVisible()]
        page = window.pages.currentWidget()
        page = window.canvas if page is window.canvas_page else page
        return [p for p in (page, *panels) if p is not None]


EMPTY = Blocked("The graph is empty.", "search")


def _first_stop(pane: QWidget) -> QWidget | None:
    """The first widget of a pane that takes the keyboard."""
    for widget in (pane, *pane.findChildren(QWidget)):
        takes = bool(widget.focusPolicy().value & Qt.FocusPolicy.TabFocus.value)
        if takes and widget.isVisible() and widget.isEnabled():
            return widget
    return None
