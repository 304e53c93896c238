"""Editing by command: delete, clipboard, duplicate, rename, nudge, add.

Part of the canvas (``CanvasView`` inherits it). Each function ends in commands on the document;
what a command refuses is said in the status bar, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QMimeData, QPointF, QRectF
from PySide6.QtGui import QGuiApplication

from nodeflow.document.analysis.wire_check import check_wire
from nodeflow.document.edit import commands, insertables
from nodeflow.document.model.records import Wire
from nodeflow.errors import NodeflowError
from nodeflow.ui.canvas.gestures.base import SMALLEST_FRAME
from nodeflow.ui.canvas.view.inline_editor import InlineEditor

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

MIME = "application/x-nodeflow+json"
MAX_PASTE = 16_000_000
"""Characters; larger clipboard texts are no nodes of ours."""
NUDGE = 8.0


class Editing:
    """Edits of the canvas; ``self`` is a CanvasView."""

    selected_wire: tuple[str, str] | None = None
    _paste_count = 0

    # ---- commands ---------------------------------------------------------------------------

    @contextmanager
    def reporting(self: CanvasView) -> Iterator[None]:
        """Say in the status bar what the document refuses."""
        try:
            yield
        except NodeflowError as error:
            self.say(str(error))

    def add_node(self: CanvasView, op_id: str, at: QPointF, attrs: Any = None) -> str | None:
        """Add a node with its corner near a scene point, on the grid, and select it."""
        place = (round(at.x() / NUDGE) * NUDGE, round(at.y() / NUDGE) * NUDGE)
        with self.reporting():
            new = insertables.add(self.document, op_id, place, attrs)
            self.select(new)
            self.setFocus()
            return new[0] if new else None
        return None

    def delete_selection(self: CanvasView) -> None:
        """Delete the selected nodes, frame or wire; what a frame holds stays."""
        wire, chosen = self.selected_wire, self.selected_nodes()
        self.selected_wire = None
        with self.reporting():
            if self.selected_frame in self.document.frames:
                commands.remove_frame(self.document, self.selected_frame)
            elif self.frames_along:
                self._remove(self.selected_things(), "Delete")
            elif chosen:
                commands.remove(self.document, chosen)
            elif wire is not None:
                commands.disconnect(self.document, wire)
        self.update()

    def copy(self: CanvasView) -> bool:
        """Put what is selected on the clipboard; False if nothing is."""
        chosen = self.selected_things()
        if not chosen:
            return False
        content = commands.copy_json(self.document, chosen)
        data = QMimeData()
        data.setData(MIME, content.encode())
        data.setText(content)
        QGuiApplication.clipboard().setMimeData(data)
        self._paste_count = 0
        return True

    def cut(self: CanvasView) -> None:
        """Copy and delete; of a frame, also what it holds."""
        gone = self.selected_things()
        if not self.copy():
            return
        if all(i in self.document.nodes for i in gone):
            self.delete_selection()
            return
        with self.reporting():
            self._remove(gone, "Cut")

    def _remove(self: CanvasView, ids: list[str], verb: str) -> None:
        """Remove nodes and frames as one step."""
        frames = [i for i in ids if i in self.document.frames]
        what = f"{len(frames)} frame{'' if len(frames) == 1 else 's'}"
        with self.document.transaction(f"{verb} {what} with nodes"):
            commands.remove(self.document, [i for i in ids if i in self.document.nodes])
            for frame in frames:
                commands.remove_frame(self.document, frame)

    def paste(self: CanvasView, at: QPointF | None = None, *, wired: bool = False) -> list[str]:
        """Paste nodes from the clipboard at a scene point, by default in the middle.

        The clipboard is not trusted: what is no piece of a document is refused with a message.

        Args:
            wired: draw the wires that came into them from outside again, where they fit.
        """
        data = QGuiApplication.clipboard().mimeData()
        content = bytes(data.data(MIME)).decode(errors="replace") or data.text()
        if not content or len(content) > MAX_PASTE:
            self.say("The clipboard holds no nodes.")
            return []
        middle = QPointF(self.width() * 0.4, self.height() * 0.35)
        place = at or self.view_to_scene(middle) + QPointF(32, 32) * self._paste_count
        place = (round(place.x() / NUDGE) * NUDGE, round(place.y() / NUDGE) * NUDGE)
        with self.reporting():
            new = commands.paste(self.document, content, place, self._fits if wired else None)
            self._paste_count += 1
            self.select(new)
            return new
        return []

    def _fits(self: CanvasView, wire: Wire) -> bool:
        return check_wire(self.document, self.analysis, *wire).ok

    def duplicate(self: CanvasView, *, wired: bool = False) -> list[str]:
        """Copy what is selected beside itself; ``wired``: to the same sources, too."""
        chosen = self.selected_things()
        if not chosen:
            return []
        with self.reporting():
            admits = self._fits if wired else None
            new = commands.duplicate(self.document, chosen, admits=admits)
            self.select(new)
            return new
        return []

    def select_all(self: CanvasView) -> None:
        wanted = np.zeros_like(self.scene.selected)
        wanted[self.scene.nodes.used()] = True
        self.set_selected(wanted, along=self.document.frames)

    def nudge(self: CanvasView, dx: float, dy: float) -> None:
        """Move the selected nodes, or the frame; repeated nudges are one undo step."""
        frame = self.document.frames.get(self.selected_frame)
        if frame is not None:
            corner = (frame.rect[0] + dx, frame.rect[1] + dy)
            with self.reporting():
                commands.move_frame(self.document, frame.id, corner, merge=("nudge", frame.id))
            return
        chosen = self.selected_nodes()
        places = {}
        for node_id in chosen:
            x, y = self.document.nodes[node_id].pos
            places[node_id] = (x + dx, y + dy)
        if places:
            with self.reporting():
                commands.move_along(
                    self.document, places, self.frames_along, (dx, dy), ("nudge", tuple(chosen))
                )

    def move_step(self: CanvasView, dx: int, dy: int, *, far: bool = False) -> None:
        """Move what is selected by one step of the grid; with nothing selected, to the left and
        right is back and forward through views."""
        if self.selected_ids():
            step = NUDGE * (5 if far else 1)
            self.nudge(dx * step, dy * step)
            self.show_whole(*self.selected_nodes()[:1])
        elif dx:
            self.history_wanted.emit(dx)

    def resize_step(self: CanvasView, dx: int, dy: int) -> None:
        """Move the lower right corner of the selected frame by one step of the grid; repeated
        steps are one undo step."""
        frame = self.document.frames.get(self.selected_frame)
        if frame is None:
            self.say("Select a frame to resize it.")
            return
        x, y, width, height = frame.rect
        width = max(width + dx * NUDGE, min(width, SMALLEST_FRAME[0]))
        height = max(height + dy * NUDGE, min(height, SMALLEST_FRAME[1]))
        if (width, height) == frame.rect[2:]:
            self.say("The frame cannot be smaller.")
            return
        with self.reporting():
            rect = (x, y, width, height)
            commands.set_frame(self.document, frame.id, ("resize", frame.id), rect=rect)
        self.bring_into_sight(QRectF(x + width - NUDGE, y + height - NUDGE, NUDGE, NUDGE))

    def rename_node(self: CanvasView, node_id: str) -> None:
        """Edit a node's name on its card."""
        record = self.document.nodes.get(node_id)
        if record is None or self._refuses():
            return

        def accept(name: str) -> None:
            with self.reporting():
                commands.rename(self.document, node_id, name)

        self.editor = InlineEditor(self, self.header_rect(node_id), record.name, accept)

    def rename_frame(self: CanvasView, frame_id: str) -> None:
        """Edit a frame's title in place."""
        if self._refuses():
            return
        frame = self.document.frames[frame_id]
        x, y, width, _ = frame.rect
        corner = self.scene_to_view(QPointF(x + 12, y + 6))
        rect = self.kept_inside(self.camera.rect_to_view(QRectF(x, y, width - 24, 30)))
        rect.moveTo(corner)

        def accept(title: str) -> None:
            with self.reporting():
                commands.set_frame(self.document, frame_id, title=title)

        self.editor = InlineEditor(self, rect, frame.title, accept)

    def _refuses(self: CanvasView) -> bool:
        """Say so where the document is only looked at."""
        if self.document.locked:
            self.say(self.document.locked)
        return bool(self.document.locked)
