"""The Edit and View menus.

Most actions call a method of the canvas; each has a check that may block it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QPointF, QRectF
from PySide6.QtGui import QGuiApplication

from nodeflow.document.edit import commands
from nodeflow.document.edit.arrange import arrange
from nodeflow.document.edit.node_value import value_of
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked, always
from nodeflow.ui.actions.specs import DIRECTIONS
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.view.clipboard_edits import MIME
from nodeflow.ui.canvas.view.keyboard import COMMANDS
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.inspector.sections.formula_section import FORMS
from nodeflow.ui.pages.page_stack import PageStack
from nodeflow.ui.popups.dialogs.heirs_dialog import ask_heirs

FRAME_PAD, FRAME_HEAD = 24, 48
NOTE_SIZE = (320, 160)
NOTHING = Blocked("Nothing is selected.")


class EditActions(QObject):
    """The editing and navigation actions.

    Editing acts on the document's canvas, navigation on the visible one.
    """

    def __init__(
        self, workspace: Workspace, canvas: CanvasView, pages: PageStack, actions: ActionSet
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._canvas = workspace, canvas
        self._pages, self._actions = pages, actions
        canvas.edits.ask_heirs = partial(ask_heirs, canvas)
        actions.bind(self._bindings())
        actions.refreshing.connect(self._name_undo)

    def _bindings(self) -> dict[str, Binding]:
        canvas = self._canvas
        own = {
            "undo": Binding(self.undo, self._undo_blocked),
            "redo": Binding(self.redo, self._redo_blocked),
            "cut": Binding(canvas.clipboard.cut, self._edit_blocked),
            "copy": Binding(
                self._shown(lambda canvas: canvas.clipboard.copy()), self._nothing_selected
            ),
            "copy_formula": Binding(partial(self._copy_as, "text"), self._not_one_node),
            "copy_latex": Binding(partial(self._copy_as, "LaTeX"), self._not_one_node),
            "copy_python": Binding(partial(self._copy_as, "Python"), self._not_one_node),
            "paste": Binding(self._paste, self._paste_blocked),
            "paste_wired": Binding(partial(self._paste, wired=True), self._paste_blocked),
            "duplicate": Binding(canvas.clipboard.duplicate, self._edit_blocked),
            "duplicate_wired": Binding(
                partial(canvas.clipboard.duplicate, wired=True), self._edit_blocked
            ),
            "delete": Binding(canvas.edits.delete, self._delete_blocked),
            "select_all": Binding(self._shown(lambda canvas: canvas.selection.select_all())),
            "rename": Binding(self._rename, self._rename_blocked),
            "slider": Binding(self._slider, self._slider_blocked),
            "search": Binding(self._search, self._locked),
            "frame": Binding(self._frame, self._frame_blocked),
            "note": Binding(self._note, self._locked),
            "arrange": Binding(self._arrange, self._arrange_blocked),
            "fit": Binding(self._shown(lambda canvas: canvas.viewport.fit_all())),
            "fit_selection": Binding(self._shown(_fit_selection), self._nothing_selected),
            "zoom_in": Binding(self._shown(lambda canvas: canvas.viewport.zoom_in())),
            "zoom_out": Binding(self._shown(lambda canvas: canvas.viewport.zoom_out())),
            "zoom_reset": Binding(self._shown(lambda canvas: canvas.viewport.zoom_reset())),
        }
        blocked = {
            "edit_selected": self._inspect_blocked,
            **{f"frame_{side}": self._resize_blocked for side in DIRECTIONS},
        }
        by_canvas = {
            action: Binding(partial(self._run, action), blocked.get(action, always))
            for action in COMMANDS
            if action not in own
        }
        return own | by_canvas

    def _shown(self, action: Callable[[CanvasView], object]) -> Callable[[], object]:
        """Return a function that applies an action to the visible canvas."""
        return lambda: action(self._pages.shown_canvas)

    def _run(self, action: str) -> None:
        self._pages.shown_canvas.keyboard.run(action)

    def _name_undo(self) -> None:
        """Show in the menu which edits Undo and Redo would affect."""
        document = self._workspace.document
        undo, redo = document.undo_label, document.redo_label
        self._actions.set_text("undo", f"Undo {_lower(undo)}" if undo else "Undo")
        self._actions.set_text("redo", f"Redo {_lower(redo)}" if redo else "Redo")

    def _undo_blocked(self) -> Blocked | None:
        return None if self._workspace.document.can_undo else Blocked("Nothing to undo.")

    def undo(self) -> None:
        self._canvas.mouse.cancel_gesture()
        self._workspace.document.undo()

    def _redo_blocked(self) -> Blocked | None:
        return None if self._workspace.document.can_redo else Blocked("Nothing to redo.")

    def redo(self) -> None:
        self._canvas.mouse.cancel_gesture()
        self._workspace.document.redo()

    def _locked(self) -> Blocked | None:
        """Return why the visible graph cannot be edited, or None."""
        why = self._pages.shown_canvas.document.locked
        return Blocked(f"These nodes are {why}.") if why else None

    def _edit_blocked(self) -> Blocked | None:
        return self._locked() or (None if self._workspace.raw_selection else NOTHING)

    def _frame_blocked(self) -> Blocked | None:
        return self._locked() or (None if self._workspace.selection else NOTHING)

    def _nothing_selected(self) -> Blocked | None:
        return None if self._pages.shown_canvas.selection.ids() else NOTHING

    def _not_one_node(self) -> Blocked | None:
        one = len(self._pages.shown_canvas.selection.nodes()) == 1
        return None if one else Blocked("Select one node.")

    def _copy_as(self, form: str) -> None:
        canvas = self._pages.shown_canvas
        node = canvas.selection.nodes()[0]
        QGuiApplication.clipboard().setText(FORMS[form](canvas.document, node))
        self._canvas.signals.message.emit(f"Copied {canvas.document.nodes[node].name} as {form}.")

    def _paste_blocked(self) -> Blocked | None:
        if self._locked():
            return self._locked()
        data = QGuiApplication.clipboard().mimeData()
        if data is not None and (data.hasFormat(MIME) or data.hasText()):
            return None
        return Blocked("The clipboard holds no nodes.")

    def _paste(self, wired: bool = False) -> None:
        self._canvas.clipboard.paste(self._menu_place(), wired=wired)

    def _menu_place(self) -> QPointF | None:
        """Return the position of the open menu in scene units, or None without a menu."""
        at = self._canvas.mouse.menu_open_at
        return None if at is None else self._canvas.viewport.camera.to_scene(QPointF(at))

    def _delete_blocked(self) -> Blocked | None:
        something = self._workspace.raw_selection or self._canvas.selection.wire
        return self._locked() or (None if something else NOTHING)

    def _slider_blocked(self) -> Blocked | None:
        chosen = self._canvas.selection.nodes()
        if len(chosen) == 1 and value_of(self._canvas.document, chosen[0]) is not None:
            return None
        return Blocked("Select a constant, variable or sample that is a single number.")

    def _slider(self) -> None:
        self._canvas.rename.slider(self._canvas.selection.nodes()[0])

    def _rename_blocked(self) -> Blocked | None:
        one = len(self._workspace.raw_selection) == 1
        nothing = None if one else Blocked("Select one node or frame to rename it.")
        return self._locked() or nothing

    def _inspect_blocked(self) -> Blocked | None:
        canvas = self._pages.shown_canvas
        one = len(canvas.selection.nodes()) == 1 or canvas.selection.frame
        return None if one else Blocked("Select one node or frame to edit it.")

    def _rename(self) -> None:
        chosen = self._workspace.raw_selection[0]
        if chosen in self._workspace.document.frames:
            self._canvas.rename.frame(chosen)
        else:
            self._canvas.rename.node(chosen)

    def _search(self) -> None:
        canvas = self._canvas
        canvas.setFocus()
        at = canvas.mouse.menu_open_at
        canvas.edits.search(canvas.mouse.position() if at is None else QPointF(at), None)

    def _frame(self) -> None:
        """Make a frame around the selected nodes."""
        area = QRectF()
        for node_id in self._workspace.selection:
            viewport = self._canvas.viewport
            area |= viewport.camera.rect_to_scene(viewport.node_rect(node_id))
        area.adjust(-FRAME_PAD, -FRAME_PAD - FRAME_HEAD, FRAME_PAD, FRAME_PAD)
        rect = (area.x(), area.y(), area.width(), area.height())
        commands.add_frame(self._workspace.document, rect, "Frame")

    def _resize_blocked(self) -> Blocked | None:
        canvas = self._pages.shown_canvas
        one = canvas.selection.frame in canvas.document.frames
        return self._locked() or (None if one else Blocked("Select a frame."))

    def _note(self) -> None:
        """Put a note at the pointer and start to edit it."""
        canvas = self._canvas
        place = self._menu_place() or canvas.viewport.camera.to_scene(canvas.mouse.position())
        x, y = round(place.x() / 8) * 8, round(place.y() / 8) * 8
        note = commands.add_frame(self._workspace.document, (x, y, *NOTE_SIZE), "Note")
        canvas.selection.select([note])
        canvas.signals.edit_requested.emit(note)

    def _arrange_blocked(self) -> Blocked | None:
        empty = None if self._workspace.document.nodes else Blocked("The graph is empty.")
        return self._locked() or empty

    def _arrange(self) -> None:
        """Lay out the selected nodes, or all nodes if fewer than two are selected."""
        self._canvas.mouse.cancel_gesture()
        scene, chosen = self._canvas.scene, self._workspace.selection
        sizes = {i: tuple(scene.sizes[scene.nodes.get(i)].tolist()) for i in scene.nodes}
        before = {i: record.pos for i, record in self._workspace.document.nodes.items()}
        arrange(
            self._workspace.document,
            chosen if len(chosen) > 1 else (),
            self._workspace.analysis,
            sizes,
        )
        if len(chosen) < 2:
            self._canvas.viewport.fit_all()
        self._canvas.animation.start_from(before)


def _fit_selection(canvas: CanvasView) -> None:
    canvas.viewport.fit(canvas.selection.ids())


def _lower(label: str) -> str:
    """Return an undo label for the middle of a sentence, with a lowercase first letter."""
    return label[:1].lower() + label[1:]
