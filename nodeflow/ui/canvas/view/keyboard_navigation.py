"""Keyboard navigation in the graph. Arrow keys step along wires, and between nodes of a column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nodeflow.document.analysis.port_names import port_order
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport


def sources(document: Document, node: str) -> list[str]:
    """Return the nodes that feed a node, in the order of its ports."""
    names = [port.name for port in in_ports(document, document.nodes[node])]
    wires = {wire.target_port: wire.source for wire in document.wires_into(node)}
    return list(dict.fromkeys(wires[name] for name in names if name in wires))


def consumers(document: Document, node: str) -> list[str]:
    """Return the nodes that read a node's outputs, in the order of its outputs, then from top
    to bottom.
    """
    names = [port.name for port in out_ports(document, document.nodes[node])]

    def key(wire: Wire) -> tuple:
        port = names.index(wire.source_port) if wire.source_port in names else len(names)
        return port, document.nodes[wire.target].pos[1], port_order(wire.target_port)

    wires = sorted(document.wires_out_of(node), key=key)
    return list(dict.fromkeys(wire.target for wire in wires))


class KeyboardNavigation:
    """Moves the selection from the current node to one of its neighbours."""

    def __init__(
        self,
        scene: SceneModel,
        viewport: Viewport,
        selection: Selection,
        show_message: Callable[[str], object],
    ) -> None:
        self._scene, self._viewport, self._selection = scene, viewport, selection
        self._show_message = show_message
        self._current = ""
        """The node reached last."""
        self._back: tuple[str, str] = ("", "")
        """The node reached by the last step along a wire, and the node where that step began."""

    def walk(self, dx: int, dy: int, *, extend: bool = False) -> None:
        """Select the node one step away and make it visible. From a selected wire, step to one of
        its ends.

        In a document without nodes, pan.

        Args:
            extend: add the node to the selection.
        """
        if not len(self._scene.nodes):
            self._viewport.pan_step(dx, dy)
            return
        chosen = self._selection.nodes()
        wire = self._selection.wire_record
        if wire is not None and dx:
            self._selection.wire = None
            self.go_to(wire.target if dx > 0 else wire.source)
            return
        if not chosen:
            start = self._node_in_the_middle()
            if start:
                self.go_to(start)
            return
        node = self._current if self._current in chosen else chosen[0]
        target = self._along(node, dx) if dx else self._beside(node, dy)
        if target is None:
            self._show_message(self._no_neighbour(node, dx, dy))
            return
        if dx:
            self._back = (target, node)
        self.go_to(target, (*(i for i in chosen if i != target), target) if extend else ())

    def go_to(self, node: str, among: Sequence[str] = ()) -> None:
        """Make a node the current one, and select it.

        Args:
            among: nodes to select together with it.
        """
        self._current = node
        self._selection.select(among or [node])
        self._viewport.ensure_visible(node)

    def _along(self, node: str, dx: int) -> str | None:
        """Return a source (dx -1) or a consumer (1) of a node.

        A step back returns to where the last step began.
        """
        document = self._scene.document
        others = sources(document, node) if dx < 0 else consumers(document, node)
        at, back = self._back
        if at == node and back in others:
            return back
        return others[0] if others else None

    def _beside(self, node: str, dy: int) -> str | None:
        """Return the nearest node above or below. Nodes on the same wires come first."""
        document, scene = self._scene.document, self._scene
        siblings = {
            *(s for c in consumers(document, node) for s in sources(document, c)),
            *(c for s in sources(document, node) for c in consumers(document, s)),
        }
        if node not in scene.nodes:
            return None
        slot, used = scene.nodes[node], scene.nodes.used()
        gap = scene.positions[used] - scene.positions[slot]
        ahead = (gap[:, 1] * dy > 0) | ((gap[:, 1] == 0) & (used * dy > slot * dy))
        ahead &= used != slot
        column = np.abs(gap[:, 0]) < scene.sizes[slot, 0]
        known = np.isin(used, [scene.nodes[i] for i in siblings if i in scene.nodes])
        candidates = ahead & (column | known)
        if not candidates.any():
            return None
        far = np.abs(gap[:, 1]) + np.abs(gap[:, 0]) * np.where(known, 0.25, 1.0)
        far[~candidates] = np.inf
        return scene.nodes.key(int(used[far.argmin()]))

    def _node_in_the_middle(self) -> str:
        used = self._scene.nodes.used()
        if not len(used):
            return ""
        middle = self._viewport.camera.to_scene(self._viewport.center)
        centers = self._scene.positions[used] + self._scene.sizes[used] / 2
        gaps = np.hypot(centers[:, 0] - middle.x(), centers[:, 1] - middle.y())
        return self._scene.nodes.key(int(used[gaps.argmin()]))

    def _no_neighbour(self, node: str, dx: int, dy: int) -> str:
        name = self._scene.document.nodes[node].name
        if dx:
            return f"{name} has no inputs." if dx < 0 else f"Nothing uses {name} yet."
        return f"Nothing stands {'above' if dy < 0 else 'below'} {name}."
