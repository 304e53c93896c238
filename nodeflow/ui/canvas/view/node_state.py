"""The state of cards that is not in the document: values, run states, execution order, dimming."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nodeflow.host.protocol import ViewValue
from nodeflow.ui.canvas.paint.renderer import Renderer
from nodeflow.ui.canvas.scene.badges import Badge
from nodeflow.ui.canvas.scene.scene_model import SceneModel

FOUND = "found"
"""The badges that show findings of a check."""


class NodeState:
    """Values and states of the nodes of a scene."""

    def __init__(self, scene: SceneModel, renderer: Renderer) -> None:
        self._scene, self._renderer = scene, renderer
        self._badges: dict[str, Mapping[str, Badge]] = {}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show previews by tensor name: ``add`` or, for a second output, ``split:1``."""
        by_id = {}
        for name, preview in values.items():
            record = self._scene.document.node_named(name)
            if record is not None:
                by_id[record.id] = preview
        changed = self._scene.builder.set_values(by_id)
        stale = [i for i in by_id if self._scene.builder.status.get(i) == "stale"]
        for node_id in stale:
            del self._scene.builder.status[node_id]
        self._scene.refresh_cards(set(changed) | set(stale))

    def set_iterations(self, shown: Mapping[str, tuple[int, int]]) -> None:
        """Show the iterations of loops, by node id: shown iteration and number of iterations."""
        builder = self._scene.builder
        changed = [i for i in {*builder.iterations, *shown}
                   if builder.iterations.get(i) != shown.get(i)]  # fmt: skip
        builder.iterations = dict(shown)
        self._scene.rebuild(changed)

    def set_overridden(self, node_ids: Iterable[str]) -> None:
        """Mark exactly these nodes as overridden."""
        now, before = frozenset(node_ids), self._scene.builder.overridden
        if now != before:
            self._scene.builder.overridden = now
            self._scene.refresh_cards(now ^ before)
        self._scene.set_array(self._scene.overridden, dict.fromkeys(now, True), False)
        if now or before:
            self._renderer.repaint_all()

    def set_views(self, values: Mapping[str, ViewValue]) -> None:
        """Show the contents of views, by the ids of their nodes."""
        self._scene.builder.set_views(values)
        self._scene.refresh_cards(values)

    def views(self) -> dict[str, ViewValue]:
        """Return the contents of the views on nodes, by node id."""
        return dict(self._scene.builder.views)

    def clear_values(self, node_ids: Iterable[str] | None = None) -> None:
        """Remove the previews of some nodes, or of all."""
        wanted = list(self._scene.nodes) if node_ids is None else list(node_ids)
        self._scene.refresh_cards(self._scene.builder.forget_values(wanted))

    def value_of(self, node_id: str) -> Any | None:
        """Return the preview (a drawable summary of the value) that a node shows, or None."""
        return self._scene.builder.values.get(node_id)

    def set_status(self, states: Mapping[str, str]) -> None:
        """Set the run states of nodes by id: running, done, stale, hit (a breakpoint); empty
        for none.
        """
        known = self._scene.builder.status
        changed = [i for i, state in states.items() if known.get(i, "") != state]
        for node_id in changed:
            known[node_id] = states[node_id]
            if not states[node_id]:
                del known[node_id]
        self._scene.refresh_cards(changed)

    def statuses(self) -> dict[str, str]:
        """Return the run states that `set_status` set, by id."""
        return dict(self._scene.builder.status)

    def set_dimmed(self, node_ids: Iterable[str] | None) -> None:
        """Fade these nodes and their wires. None fades nothing."""
        dimmed = dict.fromkeys(node_ids or (), True)
        self._scene.set_array(self._scene.dimmed, dimmed, False)
        self._renderer.repaint_all()

    def set_badges(self, badges: Mapping[str, Badge], kind: str = FOUND) -> None:
        """Replace the badges of a kind on the corners of nodes, by id. A finding covers others."""
        self._badges[kind] = badges
        now = {}
        for one in sorted(self._badges, key=FOUND.__eq__):
            now.update(self._badges[one])
        if now != self._scene.badges:
            self._scene.badges = now
            self._renderer.repaint_all()

    def set_order(self, levels: Mapping[str, int] | None) -> None:
        """Show on each node the number of its level of execution. None removes the numbers."""
        self._scene.set_array(self._scene.order, levels or {}, 0)
        self._renderer.repaint_all()
