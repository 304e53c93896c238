"""The selection: nodes, folded values, a frame, or a wire.

Selected nodes are a mask over the slots of the scene, which the painter reads directly. A
rubber band may select frames along with nodes. A frame that is selected by itself is ``frame``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PySide6.QtCore import QObject, Signal

from nodeflow.document.edit import commands
from nodeflow.document.model.records import Wire
from nodeflow.ui.canvas.scene.scene_model import SceneModel


class Selection(QObject):
    """The selection in a scene.

    Signals:
        changed(list of ids): the selected nodes, or the one selected frame.
        wire_selected(): a wire is selected, and nothing else.
    """

    changed = Signal(list)
    wire_selected = Signal()

    def __init__(self, scene: SceneModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scene = scene
        self.frame = ""
        """The frame that is selected by itself. It may have been deleted since."""
        self._folded: tuple[str, ...] = ()
        """The selected folded values. They may have got cards, or been deleted, since."""
        self.wire: tuple[str, str] | None = None
        """Key of the selected wire. It may have been deleted since."""
        self.open_port: tuple[str, str, str] | None = None
        """Node, side and port where a wire drawn by keyboard starts; None if there is none."""
        self._frames: frozenset[str] = frozenset()
        self._last: list[str] = []

    # ---- reading ----------------------------------------------------------------------------

    @property
    def is_frame(self) -> bool:
        """Whether one frame is selected by itself."""
        return self.frame in self._scene.document.frames

    @property
    def wire_record(self) -> Wire | None:
        """The selected wire; None if there is none or it was deleted."""
        return self._scene.document.wires.get(self.wire) if self.wire else None

    @property
    def frames(self) -> list[str]:
        """The frames that a rubber band or Select all selected along with nodes.

        They are moved, copied and deleted with the nodes.
        """
        return [i for i in self._scene.document.frames if i in self._frames]

    def nodes(self) -> list[str]:
        """Return the ids of the selected nodes. Selected values that are folded into the cards of
        their consumers come last.
        """
        cards = [self._scene.nodes.key(s) for s in np.flatnonzero(self._scene.selected).tolist()]
        return [*cards, *filter(self._is_folded, self._folded)]

    def _is_folded(self, node_id: str) -> bool:
        return node_id in self._scene.document.nodes and node_id not in self._scene.nodes

    def ids(self) -> list[str]:
        """Return ids of the selected nodes, or of the one selected frame."""
        return [self.frame] if self.is_frame else self.nodes()

    def with_contents(self) -> list[str]:
        """Return the selected nodes and frames, or the one selected frame with its contents."""
        if not self.is_frame:
            return [*self.nodes(), *self.frames]
        nodes, frames = commands.held_by(self._scene.document, self.frame)
        return [*nodes, self.frame, *frames]

    def targets(self) -> list[str]:
        """Return the selected nodes.

        If a frame is selected, return the nodes whose corner lies in it.
        """
        frame = self._scene.document.frames.get(self.frame)
        if frame is None:
            return self.nodes()
        x, y, width, height = frame.rect
        return [
            node.id
            for node in self._scene.document.nodes.values()
            if x <= node.pos[0] < x + width and y <= node.pos[1] < y + height
        ]

    # ---- changing ---------------------------------------------------------------------------

    def select(self, ids: Iterable[str]) -> None:
        """Select exactly these nodes, or one frame; unknown ids are ignored."""
        ids, scene = list(ids), self._scene
        frame = next((i for i in ids if i in scene.document.frames), "")
        wanted = np.zeros_like(scene.selected)
        if not frame:
            wanted[[s for s in map(scene.nodes.get, ids) if s is not None]] = True
        self.select_mask(wanted, frame, folded=() if frame else filter(self._is_folded, ids))

    def select_all(self) -> None:
        """Select every node and frame."""
        wanted = np.zeros_like(self._scene.selected)
        wanted[self._scene.nodes.used()] = True
        document = self._scene.document
        folded = filter(self._is_folded, document.nodes)
        self.select_mask(wanted, frames=document.frames, folded=folded)

    def select_wire(self, key: tuple[str, str]) -> None:
        """Select a wire, and nothing else."""
        self.select([])
        self.wire = key
        self.wire_selected.emit()

    def select_mask(
        self,
        wanted: np.ndarray,
        frame: str = "",
        frames: Iterable[str] = (),
        folded: Iterable[str] = (),
    ) -> None:
        """Select nodes and frames, in place of the current selection.

        Args:
            wanted: a bool for each array index (slot) of a node.
            frame: a frame selected by itself; empty for none.
            frames: frames selected along with the nodes.
            folded: folded values selected along with the nodes.
        """
        changed, along = np.flatnonzero(self._scene.selected != wanted), frozenset(frames)
        inside = tuple(dict.fromkeys(folded))
        if len(along) == 1 and not frame and not wanted.any():
            (frame,), along = along, frozenset()
        same = (frame, along, inside) == (self.frame, self._frames, self._folded)
        if not len(changed) and same:
            return
        self._scene.selected[:] = wanted
        self.frame, self._frames, self._folded = frame, along, inside
        self._scene.restyle(set(changed.tolist()))
        self._last = self.ids()
        self.changed.emit(self._last)

    def clear(self) -> None:
        """Clear the selection, because the scene shows another document."""
        self.frame, self._frames, self._folded, self.wire = "", frozenset(), (), None
        self._last = []
        self.changed.emit([])

    def drop_deleted(self) -> None:
        """Emit `changed` if the selection is different now, because selected nodes or the selected
        frame were deleted or restored.
        """
        now = self.ids()
        if now != self._last:
            self._last = now
            self.changed.emit(now)
