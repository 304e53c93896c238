"""Dragging a wire from either end, or off its in-port.

A label tells whether the port accepts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.document.analysis.wiring.wire_check import Verdict, check_wire
from nodeflow.document.edit import commands
from nodeflow.document.edit.offers.conversions import Offer, advised, offers
from nodeflow.document.model.records import Wire
from nodeflow.drawing.cards import card_data
from nodeflow.drawing.cards.card_data import PortData
from nodeflow.drawing.message_text import plain
from nodeflow.drawing.wires import wire_shape
from nodeflow.ui.canvas.gestures.base import Gesture, Modifiers
from nodeflow.ui.canvas.paint.card_painter import CardPainter
from nodeflow.ui.canvas.paint.renderer import Renderer
from nodeflow.ui.canvas.scene.hit_test import Hit
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.painting import array_painting, text_metrics
from nodeflow.ui.core.theming.theme import Theme, draw_icon
from nodeflow.ui.core.user_messages import in_window

MOST_HALOS = 60
"""Maximum number of visible nodes. With more, ports that accept the wire get no halos."""


NEAR = 24.0
"""Distance from a card within which a dragged wire unfolds the card's ports, in view pixels."""


@dataclass(frozen=True)
class WireContext:
    """The open end of a wire dropped on empty canvas, to connect to a new node.

    ``side`` is ``out`` if the wire comes from an output, so that the new node takes it as input.
    """

    node: str
    port: str
    side: str
    type: Any = None


@dataclass(frozen=True)
class WireRequests:
    """The functions that a dragged wire calls when it does not simply connect two ports.

    Attributes:
        show_message: shows a text to the user.
        search: opens the search for an op, at a point of the viewport; its new node is connected.
        offer: offers conversions that make a refused wire fit, or useful changes for an
            accepted wire.
    """

    show_message: Callable[[str], object]
    search: Callable[[QPointF, WireContext], object]
    offer: Callable[[Wire, Sequence[Offer], QPointF, tuple[str, str] | None], object]


class DragWire(Gesture):
    """The drag of a wire between two ports.

    Args:
        picked: the existing wire, if the drag took one off its in-port.
    """

    cursor = Qt.CursorShape.CrossCursor

    def __init__(
        self,
        scene: SceneModel,
        viewport: Viewport,
        renderer: Renderer,
        requests: WireRequests,
        node: str,
        port: str,
        side: str,
        picked: tuple[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._scene, self._viewport, self._renderer = scene, viewport, renderer
        self._requests = requests
        self.node, self.port, self.side, self.picked = node, port, side, picked
        self.target: Hit | None = None
        self.verdict: Verdict | None = None
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self._advice: dict[tuple[str, str, str, str], Verdict] = {}
        self._free: list[Hit] | None = None

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        super().start(at, modifiers)
        if self.picked is not None:
            self._renderer.hide_wire(self.picked)

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        super().move(at, modifiers)
        if self.side == "out":
            self._peek(at)
        self.target = self._port_under(at)
        self.verdict = self._advise(self.target) if self.target else None
        if self.verdict is not None and not self.verdict.ok:
            self._requests.show_message(_sentence(self.verdict))

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        self.move(at, modifiers)
        self._scene.peek("")
        self._renderer.hide_wire(None)
        if self.target is not None and self.target.port is not None:
            self._drop_on_port(self.target)
        elif self.picked is not None:
            if self.is_drag:
                commands.disconnect(self._scene.document, self.picked)
        elif self.is_drag:
            context = WireContext(self.node, self.port, self.side, self._type())
            self._requests.search(at, context)

    def cancel(self) -> None:
        self._scene.peek("")
        self._renderer.hide_wire(None)

    def _drop_on_port(self, target: Hit) -> None:
        source, source_port, into, into_port = self._ends(target)
        if self.picked == (into, into_port):
            return
        if self.verdict is None or not self.verdict.ok:
            reason = _sentence(self.verdict) if self.verdict else "no wire fits here"
            self._requests.show_message(reason)
            self._offer(Wire(source, source_port, into, into_port))
            return
        document = self._scene.document
        label = f"Connect {document.node(source).name} to {document.node(into).name}"
        with document.transaction(label):
            if self.picked is not None:
                commands.disconnect(document, self.picked)
            commands.connect(document, source, source_port, into, into_port)
        self.picked = None
        self._offer(Wire(source, source_port, into, into_port))

    def _offer(self, wire: Wire) -> None:
        """Offer conversions for a refused wire, or a shape for a scalar variable."""
        found = offers(self._scene.document, self._scene.analysis, wire)
        if found:
            at = self._viewport.port_position(wire.target, wire.target_port, "in")
            self._requests.offer(wire, found, at, self.picked)

    def _peek(self, at: QPointF) -> None:
        """While a wire is dragged near a card with hidden ports, show these ports.

        Args:
            at: the view point of the pointer.
        """
        point, near = self._viewport.camera.to_scene(at), NEAR / self._viewport.camera.scale
        area = QRectF(point.x() - near, point.y() - near, 2 * near, 2 * near)
        scene, found = self._scene, self._scene.nodes_in(area).tolist()
        under = [slot for slot in found if scene.rect(slot).contains(point)]
        names = [scene.nodes.key(slot) for slot in (under[-1:] or found)]
        names = [name for name in names if name != self.node]
        peeked = scene.builder.peeked
        self._scene.peek(peeked if peeked in names else names[-1] if names else "")

    # ---- under the pointer ------------------------------------------------------------------

    def _port_under(self, at: QPointF) -> Hit | None:
        """Return the port at which a dragged wire would end: the port under the pointer, or else
        the best free port of the node there. Return None if there is none.
        """
        hit = self._viewport.hit_test(at)
        wanted = "in" if self.side == "out" else "out"
        if hit.kind == "port" and hit.node != self.node and hit.side == wanted:
            return hit
        if hit.kind in ("title", "body", "port") and hit.node != self.node:
            return self._best_port(hit.node, wanted)
        return None

    def _best_port(self, node: str, side: str) -> Hit | None:
        """Return the best port of a node for the dragged wire: preferably one that accepts the wire
        and is free, else one that accepts it, else any.
        """
        card = self._scene.card(self._scene.nodes[node])
        ports = card.inputs if side == "in" else card.outputs
        ranked = []
        for index, port in enumerate(ports):
            hit = Hit("port", node, port, side)
            taken = side == "in" and port.connected and (node, port.name) != self.picked
            ranked.append((not self._judge(hit).ok, taken, index, hit))
        return min(ranked)[-1] if ranked else None

    def _ends(self, target: Hit) -> tuple[str, str, str, str]:
        assert target.port is not None
        if self.side == "out":
            return self.node, self.port, target.node, target.port.name
        return target.node, target.port.name, self.node, self.port

    def _judge(self, target: Hit) -> Verdict:
        assert target.port is not None
        key = (target.node, target.port.name)
        if key not in self._verdicts:
            ends = self._ends(target)
            self._verdicts[key] = check_wire(self._scene.document, self._scene.analysis, *ends)
        return self._verdicts[key]

    def _advise(self, target: Hit) -> Verdict:
        """Return whether the port at the pointer accepts the wire, with advice if it does not."""
        verdict, ends = self._judge(target), self._ends(target)
        if ends not in self._advice:
            document, analysis = self._scene.document, self._scene.analysis
            self._advice[ends] = advised(document, analysis, Wire(*ends), verdict)
        return self._advice[ends]

    def _type(self) -> Any:
        return self._scene.analysis.type_of(self.node, self.port)

    # ---- painting ---------------------------------------------------------------------------

    def paint(self, painter: QPainter, theme: Theme) -> None:
        viewport = self._viewport
        start = viewport.port_position(self.node, self.port, self.side)
        end = self.at
        if self.target is not None and self.target.port is not None:
            end = viewport.port_position(self.target.node, self.target.port.name, self.target.side)
        a, b = (start, end) if self.side == "out" else (end, start)
        kind = self._type()
        refused = self.verdict is not None and not self.verdict.ok
        color = theme.color("error") if refused else theme.dtype(kind and kind.dtype)
        ends = np.array([[a.x(), a.y(), b.x(), b.y()]])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_fitting(painter, theme)
        painter.setPen(QPen(color, 2.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        dash = (6.0, 5.0) if refused else None
        array_painting.draw_lines(painter, wire_shape.smooth(ends, dash, viewport.camera.scale))
        painter.setPen(QPen(theme.color("canvas"), 2))
        painter.setBrush(color)
        painter.drawEllipse(end, 6, 6)
        self._paint_own_port(painter, theme, start)
        if self.target is not None:
            self._paint_verdict(painter, theme, end)

    def _paint_fitting(self, painter: QPainter, theme: Theme) -> None:
        """Paint halos around the visible free ports that accept the wire."""
        color = theme.dtype(getattr(self._type(), "dtype", None))
        color.setAlphaF(0.28)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        radius = 12 * max(self._viewport.camera.scale, 0.5)
        for hit in self._fitting():
            assert hit.port is not None
            painter.drawEllipse(
                self._viewport.port_position(hit.node, hit.port.name, hit.side), radius, radius
            )

    def _fitting(self) -> list[Hit]:
        """Return the free ports that accept the wire, of at most `MOST_HALOS` visible nodes;
        cached.
        """
        if self._free is None:
            side = "in" if self.side == "out" else "out"
            nodes = [i for i in self._viewport.visible_ids() if i != self.node]
            self._free = []
            for node in nodes if len(nodes) <= MOST_HALOS else ():
                card = self._scene.card(self._scene.nodes[node])
                ports = card.inputs if side == "in" else card.outputs
                hits = [
                    Hit("port", node, p, side) for p in ports if side == "out" or not p.connected
                ]
                self._free += [hit for hit in hits if self._judge(hit).ok]
        return self._free

    def _paint_own_port(self, painter: QPainter, theme: Theme, at: QPointF) -> None:
        port = PortData(self.port, "", connected=True, dtype=getattr(self._type(), "dtype", ""))
        CardPainter(theme).port(painter, at, port, 6)

    def _paint_verdict(self, painter: QPainter, theme: Theme, at: QPointF) -> None:
        """Paint a label at the port: the type of the wire, or the reason why the port refuses
        it.
        """
        verdict = self.verdict
        assert verdict is not None
        role = "ok" if verdict.ok else "error"
        lines = [plain(verdict.reason) or card_data.type_text(self._type()) or "connects"]
        if not verdict.ok and verdict.hint:
            lines.append(in_window(verdict.hint))
        shown = [
            part for line in lines for part in text_metrics.wrap(line, text_metrics.HINT, 320.0, 3)
        ]
        width = max(text_metrics.width(line, text_metrics.HINT) for line in shown) + 44
        height = 14 + 20 * len(shown)
        left = at.x() - width - 16 if self.side == "out" else at.x() + 16
        box = self._viewport.kept_inside(QRectF(left, at.y() - height - 10, width, height))
        painter.setPen(QPen(theme.color(role), 1.25))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(box, 8, 8)
        name = "circle-check" if verdict.ok else "circle-x"
        sign = QRectF(box.left() + 10, box.top() + 9, 16, 16)
        draw_icon(painter, name, sign, theme.color(role))
        y = box.top() + 22
        for index, line in enumerate(shown):
            ink = theme.color("ink" if index == 0 or verdict.ok else "ink_muted")
            text_metrics.draw(painter, box.left() + 34, y, line, text_metrics.HINT, ink)
            y += 20


def _sentence(verdict: Verdict) -> str:
    reason = verdict.reason[:1].upper() + verdict.reason[1:]
    return plain(f"{reason.rstrip('.')}. {in_window(verdict.hint)}" if verdict.hint else reason)
