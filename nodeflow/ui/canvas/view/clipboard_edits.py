"""Copy, cut, paste and duplicate the selection."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QPointF
from PySide6.QtGui import QGuiApplication

from nodeflow.document.analysis.datasets.dataset_node import document_folder
from nodeflow.document.analysis.folded_values import folded_into
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit.inserting import clipboard
from nodeflow.document.model.records import Wire
from nodeflow.ui.canvas.gestures.base import SNAP
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.canvas.signals import CanvasSignals
from nodeflow.ui.canvas.view.graph_edits import GraphEdits

MIME = "application/x-nodeflow+json"
MAX_PASTE = 16_000_000
"""Maximum number of characters of a clipboard text. A longer text cannot be a copy of nodes."""


class ClipboardEdits:
    """The commands Copy, Cut, Paste and Duplicate for the selected nodes."""

    def __init__(
        self,
        scene: SceneModel,
        viewport: Viewport,
        selection: Selection,
        signals: CanvasSignals,
        edits: GraphEdits,
    ) -> None:
        self._scene, self._viewport, self._selection = scene, viewport, selection
        self._signals, self._edits = signals, edits
        self._paste_count = 0
        self._copied = ""
        self._readable: list[str] = []
        """Data paths in the copied text that the source document may read."""

    def copy(self) -> bool:
        """Copy the selection to the clipboard. Return False if nothing is selected."""
        chosen = self._selection.with_contents()
        if not chosen:
            return False
        document = self._scene.document
        chosen += folded_into(document, [i for i in chosen if i in document.nodes])
        content = clipboard.copy_json(document, chosen)
        folder = document_folder(document.root)
        places = clipboard.places_of(content)
        self._copied, self._readable = content, [p for p in places if folder.may_read(p)]
        data = QMimeData()
        data.setData(MIME, content.encode())
        data.setText(content)
        QGuiApplication.clipboard().setMimeData(data)
        self._paste_count = 0
        return True

    def cut(self) -> None:
        """Copy and delete the selection. A frame is cut with its contents."""
        gone = self._selection.with_contents()
        if not self.copy():
            return
        if all(i in self._scene.document.nodes for i in gone):
            self._edits.delete()
        else:
            self._edits.remove(gone, "Cut")

    def paste(self, at: QPointF | None = None, *, wired: bool = False) -> list[str]:
        """Paste nodes from the clipboard at a scene point, by default near the middle.

        The clipboard is not trusted: if its content is not part of a document, a message
        refuses it.

        Args:
            wired: restore the wires that entered the copied nodes from other nodes, where they fit.
        """
        data = QGuiApplication.clipboard().mimeData()
        content = bytes(data.data(MIME).data()).decode(errors="replace") or data.text()
        if not content or len(content) > MAX_PASTE:
            self._signals.message.emit("The clipboard holds no nodes.")
            return []
        middle = QPointF(self._viewport.width * 0.4, self._viewport.height * 0.35)
        default = self._viewport.camera.to_scene(middle) + QPointF(32, 32) * self._paste_count
        corner = at or default
        place = (round(corner.x() / SNAP) * SNAP, round(corner.y() / SNAP) * SNAP)
        with self._signals.reporting():
            admits = self._fits if wired else None
            if content == self._copied:  # the user's own copy, whose data were read before
                folder = document_folder(self._scene.document.root)
                self._scene.document.root.allow(
                    *(path for path in self._readable if not folder.may_read(path))
                )
            new = clipboard.paste(self._scene.document, content, place, admits)
            self._paste_count += 1
            self._selection.select(new)
            return new
        return []

    def duplicate(self, *, wired: bool = False) -> list[str]:
        """Copy the selection beside itself.

        Args:
            wired: connect the copies to the same sources.
        """
        chosen = self._selection.with_contents()
        if not chosen:
            return []
        with self._signals.reporting():
            admits = self._fits if wired else None
            new = clipboard.duplicate(self._scene.document, chosen, admits=admits)
            self._selection.select(new)
            return new
        return []

    def _fits(self, wire: Wire) -> bool:
        return check_wire(self._scene.document, self._scene.analysis, *wire).ok
