"""The Edit and View menus: mostly the canvas's own functions, with the reasons they may refuse."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QGuiApplication

from nodeflow.document.edit import commands
from nodeflow.document.edit.arrange import arrange
from nodeflow.ui.actions.action_set import Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.view.clipboard_edits import MIME
from nodeflow.ui.core.workspace import Workspace
from nodeflow.ui.inspector.formula import FORMS

FRAME_PAD, FRAME_HEAD = 24, 48
NOTE_SIZE = (320, 160)
STEP = 32
NOTHING = Blocked("Nothing is selected.")


class EditMenu:
    """Functions ``do_ID`` and ``when_ID`` of the actions that edit and look around."""

    def __init__(self, workspace: Workspace, canvas: CanvasView) -> None:
        self._workspace, self._canvas = workspace, canvas
        self.looked_at = canvas
        """The canvas that is visible: zoom and fit are about it."""

    def when_undo(self) -> Blocked | None:
        return None if self._workspace.document.can_undo else Blocked("Nothing to undo.")

    def do_undo(self) -> None:
        self._canvas.cancel_gesture()
        self._workspace.document.undo()

    def when_redo(self) -> Blocked | None:
        return None if self._workspace.document.can_redo else Blocked("Nothing to redo.")

    def do_redo(self) -> None:
        self._canvas.cancel_gesture()
        self._workspace.document.redo()

    def _locked(self) -> Blocked | None:
        """Why nothing can be edited in what is visible, if that is so."""
        why = self.looked_at.document.locked
        return Blocked(f"These nodes are {why}.") if why else None

    def _when_editable(self) -> Blocked | None:
        return self._locked() or (None if self._workspace.raw_selection else NOTHING)

    when_cut = when_duplicate = when_duplicate_wired = _when_editable

    def when_frame(self) -> Blocked | None:
        return self._locked() or (None if self._workspace.selection else NOTHING)

    when_search = _locked

    def _when_selected(self) -> Blocked | None:
        return None if self.looked_at.selected_ids() else NOTHING

    when_copy = when_fit_selection = _when_selected

    def do_cut(self) -> None:
        self._canvas.cut()

    def do_copy(self) -> None:
        self.looked_at.copy()

    def when_copy_formula(self) -> Blocked | None:
        one = len(self.looked_at.selected_nodes()) == 1
        return None if one else Blocked("Select one node.")

    when_copy_latex = when_copy_python = when_copy_formula

    def do_copy_formula(self) -> None:
        self._copy_as("text")

    def do_copy_latex(self) -> None:
        self._copy_as("LaTeX")

    def do_copy_python(self) -> None:
        self._copy_as("Python")

    def _copy_as(self, form: str) -> None:
        canvas = self.looked_at
        node = canvas.selected_nodes()[0]
        QGuiApplication.clipboard().setText(FORMS[form](canvas.document, node))
        self._canvas.say(f"Copied {canvas.document.nodes[node].name} as {form}.")

    def when_paste(self) -> Blocked | None:
        if self._locked():
            return self._locked()
        data = QGuiApplication.clipboard().mimeData()
        if data is not None and (data.hasFormat(MIME) or data.hasText()):
            return None
        return Blocked("The clipboard holds no nodes.")

    when_paste_wired = when_paste

    def do_paste(self) -> None:
        self._canvas.paste(self._menu_place())

    def do_paste_wired(self) -> None:
        self._canvas.paste(self._menu_place(), wired=True)

    def _menu_place(self) -> QPointF | None:
        """Where the menu is about, in scene units, if this comes from one."""
        at = self._canvas.menu_open_at
        return None if at is None else self._canvas.view_to_scene(QPointF(at))

    def do_duplicate(self) -> None:
        self._canvas.duplicate()

    def do_duplicate_wired(self) -> None:
        self._canvas.duplicate(wired=True)

    def when_delete(self) -> Blocked | None:
        something = self._workspace.raw_selection or self._canvas.selected_wire
        return self._locked() or (None if something else NOTHING)

    def do_delete(self) -> None:
        self._canvas.delete_selection()

    def do_select_all(self) -> None:
        self.looked_at.select_all()

    def when_rename(self) -> Blocked | None:
        one = len(self._workspace.raw_selection) == 1
        nothing = None if one else Blocked("Select one node or frame to rename it.")
        return self._locked() or nothing

    def when_edit_selected(self) -> Blocked | None:
        one = len(self.looked_at.selected_nodes()) == 1 or self.looked_at.selected_frame
        return None if one else Blocked("Select one node or frame to edit it.")

    def do_rename(self) -> None:
        chosen = self._workspace.raw_selection[0]
        if chosen in self._workspace.document.frames:
            self._canvas.rename_frame(chosen)
        else:
            self._canvas.rename_node(chosen)

    def do_search(self) -> None:
        canvas = self._canvas
        canvas.setFocus()
        at = canvas.menu_open_at
        canvas.ask_search(canvas.pointer_place() if at is None else QPointF(at), None)

    def do_frame(self) -> None:
        """Put a frame around the selected nodes."""
        area = QRectF()
        for node_id in self._workspace.selection:
            corner = self._canvas.view_to_scene(self._canvas.node_rect(node_id).topLeft())
            size = self._canvas.node_rect(node_id).size() / self._canvas.camera.scale
            area = area.united(QRectF(corner, size))
        area.adjust(-FRAME_PAD, -FRAME_PAD - FRAME_HEAD, FRAME_PAD, FRAME_PAD)
        rect = (area.x(), area.y(), area.width(), area.height())
        commands.add_frame(self._workspace.document, rect, "Frame")

    def _when_frame_selected(self) -> Blocked | None:
        one = self.looked_at.selected_frame in self.looked_at.document.frames
        return self._locked() or (None if one else Blocked("Select a frame."))

    when_frame_left = when_frame_right = when_frame_up = when_frame_down = _when_frame_selected

    def when_note(self) -> Blocked | None:
        return self._locked()

    def do_note(self) -> None:
        """Put a note at the pointer, and let the user write it."""
        canvas = self._canvas
        place = self._menu_place() or canvas.view_to_scene(canvas.pointer_place())
        x, y = round(place.x() / 8) * 8, round(place.y() / 8) * 8
        note = commands.add_frame(self._workspace.document, (x, y, *NOTE_SIZE), "Note")
        canvas.select([note])
        canvas.edit_wanted.emit(note)

    def when_arrange(self) -> Blocked | None:
        empty = None if self._workspace.document.nodes else Blocked("The graph is empty.")
        return self._locked() or empty

    def do_arrange(self) -> None:
        """Lay out the selected nodes; everything, if there are none or one."""
        self._canvas.cancel_gesture()
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
            self._canvas.fit_all()
        self._canvas.glide.start_from(before)

    def do_fit(self) -> None:
        self.looked_at.fit_all()

    def do_fit_selection(self) -> None:
        self.looked_at.fit_selection()

    def do_zoom_in(self) -> None:
        self.looked_at.zoom_in()

    def do_zoom_out(self) -> None:
        self.looked_at.zoom_out()

    def do_zoom_reset(self) -> None:
        self.looked_at.zoom_reset()

    def free_place(self, at: QPointF) -> QPointF:
        """A place near a scene point where no node's corner lies, so that none hides another."""
        taken = {(round(x), round(y)) for x, y in (n.pos for n in self._nodes())}
        x, y = round(at.x() / 8) * 8, round(at.y() / 8) * 8
        while (x, y) in taken:
            x, y = x + STEP, y + STEP
        return QPointF(x, y)

    def optimizer_ids(self) -> list[str]:
        return self._workspace.optimizers

    def _nodes(self) -> list:
        return list(self._workspace.document.nodes.values())
