"""Walking the graph by arrow keys: along wires to sources and consumers, and between siblings.

Part of the canvas (``CanvasView`` inherits it). Plain functions say where a step leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.document.analysis.port_names import port_order
from nodeflow.document.analysis.ports import in_ports, out_ports
from nodeflow.document.model.document import Document

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView


def sources(document: Document, node: str) -> list[str]:
    """The nodes that a node takes its inputs from, in the order of its ports."""
    names = [port.name for port in in_ports(document, document.nodes[node])]
    wires = {wire.target_port: wire.source for wire in document.wires_into(node)}
    return list(dict.fromkeys(wires[name] for name in names if name in wires))


def consumers(document: Document, node: str) -> list[str]:
    """The nodes that use a node, in the order of its outputs, then from top to bottom."""
    names = [port.name for port in out_ports(document, document.nodes[node])]

    def key(wire) -> tuple:
        port = names.index(wire.source_port) if wire.source_port in names else len(names)
        return port, document.nodes[wire.target].pos[1], port_order(wire.target_port)

    wires = sorted(document.wires_out_of(node), key=key)
    return list(dict.fromkeys(wire.target for wire in wires))


class Walking:
    """Steps from the focused node; ``self`` is a CanvasView."""

    _came_from: tuple[str, str] = ("", "")
    """The node reached by the last step along a wire, and the one it started from."""

    _walker = ""
    """The node reached last."""

    def walk(self: CanvasView, dx: int, dy: int, *, extend: bool = False) -> None:
        """Select the node one step away and bring it into sight; from a selected wire, its ends.

        Without nodes it pans.

        Args:
            extend: keep what is selected, too.
        """
        if not len(self.scene.nodes):
            self.pan_step(dx, dy)
            return
        chosen = self.selected_nodes()
        wire = self.document.wires.get(self.selected_wire) if self.selected_wire else None
        if wire is not None and dx:
            self.selected_wire = None
            self.step_to(wire.target if dx > 0 else wire.source)
            return
        if not chosen:
            start = self._node_in_the_middle()
            if start:
                self.step_to(start)
            return
        node = self._walker if self._walker in chosen else chosen[0]
        target = self._along(node, dx) if dx else self._beside(node, dy)
        if target is None:
            self.say(self._no_way(node, dx, dy))
            return
        if dx:
            self._came_from = (target, node)
        self.step_to(target, (*(i for i in chosen if i != target), target) if extend else ())

    def step_to(self: CanvasView, node: str, among: Sequence[str] = ()) -> None:
        """Make a node the focused one, of several if so wished."""
        self._walker = node
        self.select(among or [node])
        self.show_whole(node)

    def _along(self: CanvasView, node: str, dx: int) -> str | None:
        """A source (-1) or a consumer (1); going back leads where one came from."""
        others = sources(self.document, node) if dx < 0 else consumers(self.document, node)
        at, back = self._came_from
        if at == node and back in others:
            return back
        return others[0] if others else None

    def _beside(self: CanvasView, node: str, dy: int) -> str | None:
        """The nearest node above or below, siblings on the same wires first."""
        document = self.document
        siblings = {
            *(s for c in consumers(document, node) for s in sources(document, c)),
            *(c for s in sources(document, node) for c in consumers(document, s)),
        }
        slot = self.scene.nodes.get(node)
        assert slot is not None
        used = self.scene.nodes.used()
        gap = self.scene.positions[used] - self.scene.positions[slot]
        ahead = (gap[:, 1] * dy > 0) | ((gap[:, 1] == 0) & (used * dy > slot * dy))
        ahead &= used != slot
        column = np.abs(gap[:, 0]) < self.scene.sizes[slot, 0]
        known = np.isin(used, [self.scene.nodes.get(i) for i in siblings])
        candidates = ahead & (column | known)
        if not candidates.any():
            return None
        far = np.abs(gap[:, 1]) + np.abs(gap[:, 0]) * np.where(known, 0.25, 1.0)
        far[~candidates] = np.inf
        return self.scene.nodes.key(int(used[far.argmin()]))

    def _node_in_the_middle(self: CanvasView) -> str:
        used = self.scene.nodes.used()
        if not len(used):
            return ""
        middle = self.camera.to_scene(self.rect().center().toPointF())
        centers = self.scene.positions[used] + self.scene.sizes[used] / 2
        gaps = np.hypot(centers[:, 0] - middle.x(), centers[:, 1] - middle.y())
        return self.scene.nodes.key(int(used[gaps.argmin()]))

    def _no_way(self: CanvasView, node: str, dx: int, dy: int) -> str:
        name = self.document.nodes[node].name
        if dx:
            return f"{name} has no inputs." if dx < 0 else f"Nothing uses {name} yet."
        return f"Nothing stands {'above' if dy < 0 else 'below'} {name}."
