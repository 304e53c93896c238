"""What nodes show beyond the document: values, run states, order, dimming, selection.

Part of the canvas (``CanvasView`` inherits it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.document.edit import commands

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView


class Showing:
    """States of nodes by id; ``self`` is a CanvasView."""

    def set_values(self: CanvasView, values: Mapping[str, Any]) -> None:
        """Show previews by tensor name: ``add`` or, for a further output, ``split:1``."""
        by_id = {}
        for name, preview in values.items():
            record = self.document.node_named(name)
            if record is not None:
                by_id[record.id] = preview
        changed = self.scene.builder.set_values(by_id)
        stale = [i for i in by_id if self.scene.builder.status.get(i) == "stale"]
        for node_id in stale:
            del self.scene.builder.status[node_id]
        self.scene.refresh_faces(set(changed) | set(stale))

    def clear_values(self: CanvasView, node_ids: Iterable[str] | None = None) -> None:
        """Forget previews, of all nodes or of some."""
        wanted = list(self.scene.nodes) if node_ids is None else list(node_ids)
        self.scene.refresh_faces(self.scene.builder.forget_values(wanted))

    def value_of(self: CanvasView, node_id: str) -> Any | None:
        """The preview a node shows, or None."""
        return self.scene.builder.values.get(node_id)

    def set_status(self: CanvasView, states: Mapping[str, str]) -> None:
        """States by id: running, done, stale, hit (a breakpoint); an empty text for none."""
        known = self.scene.builder.status
        changed = [i for i, state in states.items() if known.get(i, "") != state]
        for node_id in changed:
            known[node_id] = states[node_id]
            if not states[node_id]:
                del known[node_id]
        self.scene.refresh_faces(changed)

    def statuses(self: CanvasView) -> dict[str, str]:
        """The states that `set_status` gave, by id."""
        return dict(self.scene.builder.status)

    def set_dimmed(self: CanvasView, node_ids: Iterable[str] | None) -> None:
        """Fade these nodes and their wires; None fades nothing."""
        self.scene.set_array(self.scene.dimmed, dict.fromkeys(node_ids or (), True), False)
        self.repaint_all()

    def set_order(self: CanvasView, levels: Mapping[str, int] | None) -> None:
        """Number nodes by the level in which they run; None removes the numbers."""
        self.scene.set_array(self.scene.order, levels or {}, 0)
        self.repaint_all()

    # ---- selection --------------------------------------------------------------------------

    selected_frame = ""
    _taken_along: frozenset[str] = frozenset()

    @property
    def frames_along(self: CanvasView) -> list[str]:
        """Frames that a box or Select all took along with nodes: they move, copy and go with
        them."""
        return [i for i in self.document.frames if i in self._taken_along]

    def selected_ids(self: CanvasView) -> list[str]:
        """Ids of the selected nodes, or of the selected frame."""
        if self.selected_frame in self.document.frames:
            return [self.selected_frame]
        return self.selected_nodes()

    def selected_nodes(self: CanvasView) -> list[str]:
        return [self.scene.nodes.key(s) for s in np.flatnonzero(self.scene.selected).tolist()]

    def selected_things(self: CanvasView) -> list[str]:
        """The selected nodes and frames, or the one selected frame with all that it holds."""
        if self.selected_frame not in self.document.frames:
            return [*self.selected_nodes(), *self.frames_along]
        nodes, frames = commands.held_by(self.document, self.selected_frame)
        return [*nodes, self.selected_frame, *frames]

    def select(self: CanvasView, node_ids: Iterable[str]) -> None:
        """Select exactly these nodes, or one frame; unknown ids are ignored."""
        ids = list(node_ids)
        frame = next((i for i in ids if i in self.document.frames), "")
        wanted = np.zeros_like(self.scene.selected)
        if not frame:
            wanted[[s for s in map(self.scene.nodes.get, ids) if s is not None]] = True
        self.set_selected(wanted, frame)

    def describe(self: CanvasView) -> None:
        """Say what is shown and selected to screen readers."""
        names = [self.document.nodes[i].name for i in self.selected_nodes()[:5]]
        if self.selected_frame in self.document.frames:
            names = [f"frame {self.document.frames[self.selected_frame].title}".rstrip()]
        chosen = f"; selected: {', '.join(names)}" if names else ""
        self.setAccessibleDescription(f"{len(self.scene.nodes)} nodes{chosen}")

    def set_selected(
        self: CanvasView, wanted: np.ndarray, frame: str = "", along: Iterable[str] = ()
    ) -> None:
        """Select the nodes of a mask over slots and frames along with them, or one frame."""
        changed, taken = np.flatnonzero(self.scene.selected != wanted), frozenset(along)
        if len(taken) == 1 and not frame and not wanted.any():
            (frame,), taken = taken, frozenset()
        if not len(changed) and frame == self.selected_frame and taken == self._taken_along:
            return
        self.scene.selected[:] = wanted
        self.selected_frame, self._taken_along = frame, taken
        if len(changed) > 200:
            self.repaint_all()
        for slot in changed[:200].tolist():
            self._damage_node(slot)
        self.update()
        self._last_selection = self.selected_ids()
        self.describe()
        self.selection_changed.emit(self._last_selection)
