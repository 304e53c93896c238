"""The viewport: the visible part of the scene, and positions in view coordinates.

It moves the camera and reports each move, so that the painter can shift the kept picture after
a pan instead of painting a new one. It knows the size of the widget, but paints nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from PySide6.QtCore import QObject, QPointF, QRectF, QSize, Signal

from nodeflow.document.analysis.subgraphs.loops_and_branches import is_loop
from nodeflow.drawing.cards import card_data
from nodeflow.drawing.wires import wire_shape
from nodeflow.drawing.wires.wire_places import port_place
from nodeflow.ui.canvas.scene.camera import STEPS_PER_OCTAVE, Camera
from nodeflow.ui.canvas.scene.detail import FULL_SCALE
from nodeflow.ui.canvas.scene.hit_test import Hit, hit_test
from nodeflow.ui.canvas.scene.override_badge import badge_rect
from nodeflow.ui.canvas.scene.scene_model import SceneModel

VISIBLE_MARGIN = 40.0
"""Distance between the edge of the view and nodes that are scrolled into it, in pixels."""
PAN_STEP = 48.0
"""Distance of one pan by keyboard, in pixels."""
COVER_MARGIN = 12.0
"""Distance between the minimap and a graph that is fitted beside it, in pixels."""
LEFT_MARGIN = 48.0
"""Space left of the beginning of a graph, in scene units."""
START_MARGIN = 32.0
"""Space left of and above a graph that is shown from its beginning, in pixels."""
READABLE_STEP = -2 * STEPS_PER_OCTAVE
"""The smallest zoom step at which names are readable for any number of nodes."""
SMALL_STEP, HALF_STEP = READABLE_STEP - 2, READABLE_STEP - STEPS_PER_OCTAVE
"""Zoom steps. Below the first, names are hard to read or not drawn. If fitting needs a step
below the second, too little of the graph would be visible at a readable zoom.
"""
FEW_WIRES = 20
"""Maximum number of wires drawn with fine curves. With more at once, curves have fewer segments."""
SLIDER_HEIGHT = 18.0
"""Height of the strip with the slider over a loop's iterations, in scene units."""


class Viewport(QObject):
    """Camera and size of a view of a scene.

    Signals:
        panned(dx, dy): the camera moved by whole pixels, at the same scale.
        zoomed(step, offset): the camera zoomed; the arguments are its previous step and offset.
        jumped(): the camera moved to another place or scale.
        changed(): the camera moved; emitted after each of the other signals.
    """

    panned = Signal(float, float)
    zoomed = Signal(int, QPointF)
    jumped = Signal()
    changed = Signal()

    def __init__(
        self, scene: SceneModel, size: Callable[[], QSize], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._scene, self._size = scene, size
        self.camera = Camera()
        self.cover: Callable[[], QRectF] = QRectF
        """Returns the part of the view that a child widget (the minimap) covers; empty for none."""
        self.panel: Callable[[], QRectF] = QRectF
        """Returns the part in the lower left corner that a panel covers; empty for none."""
        self._middle: QPointF | None = None
        """The scene point in the middle of the view when the camera was last set."""
        self.is_fitted = True
        """Whether a resized view shows the whole graph again. Moving the view or editing sets
        it to False.
        """
        self._keeps_names = False
        """Whether such a fit prefers readable names to showing the whole graph."""

    # ---- view coordinates -------------------------------------------------------------------

    @property
    def width(self) -> int:
        return self._size().width()

    @property
    def height(self) -> int:
        return self._size().height()

    @property
    def rect(self) -> QRectF:
        """The whole view, in view coordinates."""
        return QRectF(0, 0, self.width, self.height)

    @property
    def center(self) -> QPointF:
        """The middle of the view, in view coordinates."""
        return QPointF(self.width / 2, self.height / 2)

    @property
    def visible_area(self) -> QRectF:
        """The visible part of the scene, in scene coordinates."""
        return self.camera.rect_to_scene(self.rect)

    def visible_ids(self) -> list[str]:
        """Return ids of the visible nodes."""
        scene = self._scene
        return [scene.nodes.key(slot) for slot in scene.nodes_in(self.visible_area).tolist()]

    def hit_test(self, at: QPointF) -> Hit:
        """Return the thing at a point of the view."""
        return hit_test(self._scene, self.camera.to_scene(at), self.camera.scale)

    def port_position(self, node_id: str, port: str, side: str) -> QPointF:
        """Return the position of a port in view coordinates; ``side`` is ``in`` or ``out``."""
        slot = self._scene.nodes.get(node_id)
        if slot is None:
            return QPointF()
        card = self._scene.card(slot)
        x, y = self._scene.positions[slot]
        down, _ = port_place(card, side, port)
        return self.camera.to_view(QPointF(x + (card.width if side == "out" else 0), y + down))

    def node_rect(self, node_id: str) -> QRectF:
        """Return a node's card in view coordinates; empty if there is no such node."""
        slot = self._scene.nodes.get(node_id)
        return QRectF() if slot is None else self.camera.rect_to_view(self._scene.rect(slot))

    def header_rect(self, node_id: str) -> QRectF:
        """Return the title line of a node's card in view coordinates."""
        rect = self.node_rect(node_id)
        scale = self.camera.scale
        left = card_data.ICON_ROOM * scale
        return QRectF(rect.x() + left - 6, rect.y() + 4 * scale, rect.width() - left, 24 * scale)

    def value_rect(self, node_id: str) -> QRectF:
        """Return the value area of a node in view coordinates; empty if it shows no value."""
        slot = self._scene.nodes.get(node_id)
        if slot is None or self.camera.scale < FULL_SCALE:
            return QRectF()
        card, corner = self._scene.card(slot), self._scene.rect(slot).topLeft()
        area = QRectF(corner.x(), corner.y() + card.value_top, card.width, card.value_height)
        return self.camera.rect_to_view(area) if card.value_height else QRectF()

    def iteration_rect(self, node_id: str) -> QRectF:
        """Return the strip with the slider over a loop's iterations, in view coordinates; empty
        if the card has none.
        """
        area, slot = self.value_rect(node_id), self._scene.nodes.get(node_id)
        if slot is None or area.isEmpty() or self._scene.card(slot).slider is None:
            return QRectF()
        if not is_loop(self._scene.document.nodes[node_id]):
            return QRectF()
        return area.adjusted(0, area.height() - SLIDER_HEIGHT * self.camera.scale, 0, 0)

    def overridden_at(self, at: QPointF) -> str:
        """Return the node whose override badge lies at a point of the view; empty for none."""
        scene, scale = self._scene, self.camera.scale
        for node_id in scene.builder.overridden:
            slot = scene.nodes.get(node_id)
            if slot is not None:
                badge = badge_rect(scene.rect(slot), scale)
                if self.camera.rect_to_view(badge).contains(at):
                    return node_id
        return ""

    def fold_rect(self, node_id: str) -> QRectF:
        """Return the clickable area around a card's fold arrow, in view coordinates; empty if
        there is none.
        """
        slot = self._scene.nodes.get(node_id)
        if slot is None or self.camera.scale < FULL_SCALE:
            return QRectF()
        card, corner = self._scene.card(slot), self._scene.rect(slot).topLeft()
        if not card.fold or card.form != card_data.CARD_FORM:
            return QRectF()
        left = corner.x() + (card.width - card_data.FOLD_WIDTH) / 2
        place = QRectF(left, corner.y() + card.fold_top, card_data.FOLD_WIDTH, card_data.FOLD)
        return self.camera.rect_to_view(place)

    def wire_lines(self, keys: Iterable[tuple[str, str]]) -> np.ndarray:
        """Return the line segments that draw the given wires, (m, 4) in view coordinates."""
        wires = self._scene.wires
        slots = [s for s in map(wires.slots.get, keys) if s is not None]
        if not slots:
            return np.zeros((0, 4))
        scale, x, y = self.camera.scale, self.camera.x, self.camera.y
        ends = wires.ends(np.array(slots), self._scene.positions) * scale + [x, y, x, y]
        lane = wires.lane[slots] * scale + y
        if len(slots) > FEW_WIRES:
            return wire_shape.segments(ends, 16, None, scale, lane)
        return wire_shape.smooth(ends, None, scale, lane)

    def kept_inside(self, rect: QRectF) -> QRectF:
        """Move a rectangle (view coordinates) into the view as far as it fits."""
        x = max(8.0, min(rect.x(), self.width - rect.width() - 8))
        y = max(8.0, min(rect.y(), self.height - rect.height() - 8))
        return QRectF(x, y, rect.width(), rect.height())

    # ---- pan and zoom -----------------------------------------------------------------------

    def pan(self, dx: float, dy: float) -> None:
        """Move the scene by view pixels."""
        x, y = self.camera.x, self.camera.y
        self.camera.pan(dx, dy)
        self.panned.emit(self.camera.x - x, self.camera.y - y)
        self._report()

    def pan_step(self, dx: int, dy: int) -> None:
        """Move the view by one step to the left (-1) or right, up or down."""
        self.pan(-PAN_STEP * dx, -PAN_STEP * dy)

    def zoom(self, steps: int, anchor: QPointF | None = None) -> None:
        """Zoom by steps of an eighth of an octave around a view point (default: the middle)."""
        step, offset = self.camera.step, QPointF(self.camera.x, self.camera.y)
        if self.camera.zoom_to(step + steps, anchor or self.center):
            self.zoomed.emit(step, offset)
            self._report()

    def zoom_in(self) -> None:
        self.zoom(STEPS_PER_OCTAVE // 4)

    def zoom_out(self) -> None:
        self.zoom(-STEPS_PER_OCTAVE // 4)

    def zoom_reset(self) -> None:
        self.zoom(-self.camera.step)

    def on_resize(self) -> None:
        """Keep the middle of a resized view, or the whole graph visible if it was fitted.

        The middle is remembered, so that a view shows the same part again when it gets its old
        size back.
        """
        if self.is_fitted or self._middle is None:
            self.fit_all(self._keeps_names)
            return
        self.camera.look_at(self._middle, self.width, self.height)
        self.jumped.emit()

    # ---- fit and center ---------------------------------------------------------------------

    def fit_all(self, keeps_names: bool = False) -> None:
        """Show everything, at most at scale 1. An empty document shows the origin.

        Args:
            keeps_names: if names would be too small to read, keep them readable and leave out
                up to half of the graph along each axis, unless there is a minimap. The choice
                also applies to later resizes.
        """
        frames = self._scene.document.frames.values()
        notes = [QRectF(*frame.rect) for frame in frames if frame.note]
        bounds = self._scene.bounds()
        self._fit(bounds, self._scene.nodes.used(), notes)
        step = self.camera.step
        if keeps_names and HALF_STEP <= step < SMALL_STEP and self._covered().isEmpty():
            self._show_start(bounds)
        self.is_fitted, self._keeps_names = True, keeps_names

    def fitting_scale(self) -> float:
        """Return the scale at which everything is visible."""
        step = self.camera.fitting_step(self._scene.bounds(), self.width, self.height)
        return 2.0 ** (step / STEPS_PER_OCTAVE)

    def keep_fitted(self) -> None:
        """Fit the graph again, because the minimap appeared or disappeared, unless the user
        moved the view.
        """
        if self.is_fitted:
            self.fit_all(self._keeps_names)

    def fit(self, ids: Sequence[str]) -> None:
        """Show these nodes, or this frame; if there are none, show everything."""
        frames = [f for f in map(self._scene.document.frames.get, ids) if f is not None]
        slots = self._slots(ids)
        if frames:
            area = QRectF(*frames[0].rect)
            self._fit(area, slots[:0], [area])
        elif len(slots):
            self._fit(self._scene.bounds(slots), slots)
        else:
            self.fit_all()

    def show_beginning(self, scale: float) -> None:
        """Show the left end of the graph at a scale, with the leftmost node in the vertical
        middle.
        """
        scene, used = self._scene, self._scene.nodes.used()
        if not len(used):
            return
        first = scene.rect(int(used[scene.positions[used, 0].argmin()]))
        self.camera.step = round(math.log2(scale) * STEPS_PER_OCTAVE)
        across = self.width / 2 / self.camera.scale - LEFT_MARGIN
        self._jump(QPointF(scene.bounds().left() + across, first.center().y()))

    def center_on(self, node_id: str) -> None:
        """Show a node in the middle of the view, at a readable size. For a value that is folded
        into its consumer's card, show the consumer.
        """
        slot = self._slot_of(node_id)
        if slot is not None:
            self.camera.step = max(self.camera.step, -STEPS_PER_OCTAVE // 2)
            self._jump(self._scene.rect(slot).center())

    def _slot_of(self, node_id: str) -> int | None:
        """Return the array index (slot) of a node. For a value that is folded into its consumer's
        card, return the index of the first consumer. Return None if there is none.
        """
        ids = (node_id, *(wire.target for wire in self._scene.document.wires_out_of(node_id)))
        return next((self._scene.nodes[i] for i in ids if i in self._scene.nodes), None)

    def look_at(self, center: QPointF, step: int) -> None:
        """Show a scene point in the middle of the view, at a zoom step."""
        if step == self.camera.step:
            gap = (self.camera.to_scene(self.center) - center) * self.camera.scale
            self.pan(gap.x(), gap.y())
            return
        self.camera.step = step
        self._jump(center)

    def ensure_visible(self, *node_ids: str) -> None:
        """Move the view just enough to make these nodes visible.

        Zoom out if they need more room.
        """
        slots = self._slots(node_ids)
        if len(slots):
            self.ensure_area_visible(self._scene.bounds(slots))

    def ensure_area_visible(self, area: QRectF) -> None:
        """Move the view just enough to show a scene rectangle. Zoom out if it needs more room."""
        seen, margin = self.camera.rect_to_view(area), VISIBLE_MARGIN
        room = self.rect.adjusted(margin, margin, -margin, -margin)
        if seen.width() > room.width() or seen.height() > room.height():
            self._fit(area, np.zeros(0, np.int64), [area])
            return
        dx = max(room.left() - seen.left(), 0) + min(room.right() - seen.right(), 0)
        dy = max(room.top() - seen.top(), 0) + min(room.bottom() - seen.bottom(), 0)
        covered = self._covered()
        hidden = seen.translated(dx, dy) & covered
        if not hidden.isEmpty():
            dy -= hidden.bottom() - covered.top()
        panel = self.panel()
        hidden = seen.translated(dx, dy) & panel
        if not hidden.isEmpty():
            dx += min(panel.right() + margin / 2 - hidden.left(), room.right() - seen.right() - dx)
        if dx or dy:
            self.pan(dx, dy)

    def _slots(self, node_ids: Iterable[str]) -> np.ndarray:
        slots = map(self._scene.nodes.get, node_ids)
        return np.array([slot for slot in slots if slot is not None], np.int64)

    def _covered(self) -> QRectF:
        """Return the part of the view that the minimap covers, with a margin; empty for none."""
        cover = self.cover()
        return cover if cover.isEmpty() else cover.adjusted(-COVER_MARGIN, -COVER_MARGIN, 0, 0)

    def _fit(self, rect: QRectF, slots: np.ndarray, areas: Sequence[QRectF] = ()) -> None:
        """Show a whole scene rectangle, with no card or area under the minimap or a panel."""
        cover, panel = self._covered(), self.panel()
        if not panel.isEmpty():
            self._fit_beside_panel(rect, panel)
        else:
            self.camera.fit(rect, self.width, self.height)
            if not cover.isEmpty():
                self._fit_beside(rect, cover, slots, areas)
        self.jumped.emit()
        self._report()

    def _fit_beside_panel(self, rect: QRectF, panel: QRectF) -> None:
        """Show a scene rectangle right of a panel or above it, where it becomes larger. Right of
        it, begin at the panel, because graphs grow to the right.
        """
        width, height, camera = self.width, self.height, self.camera
        beside = camera.fitting_step(rect, width - panel.right(), height)
        if camera.fitting_step(rect, width, panel.top()) > beside:
            camera.fit(rect, width, panel.top())
            return
        camera.step = beside
        across = (width / 2 - panel.right() - START_MARGIN) / camera.scale
        camera.look_at(QPointF(rect.left() + across, rect.center().y()), width, height)

    def _show_start(self, rect: QRectF) -> None:
        """Show a scene rectangle with readable names.

        If it does not fit, show its left or top part; otherwise centre it.
        """
        self.camera.step = READABLE_STEP
        scale = self.camera.scale
        half = QPointF(self.width, self.height) / (2 * scale)
        margin = START_MARGIN / scale
        across = min(rect.width() / 2, half.x() - margin)
        down = min(rect.height() / 2, half.y() - margin)
        self._jump(rect.topLeft() + QPointF(across, down))

    def _fit_beside(
        self, rect: QRectF, cover: QRectF, slots: np.ndarray, areas: Sequence[QRectF]
    ) -> None:
        """Fit a scene rectangle into the view so that no card lies under the covered part. Use the
        middle of the view if possible, else the larger room above or left of the covered part.
        """
        scene = self._scene
        corners, sizes = scene.positions[slots], scene.sizes[slots]

        def is_free() -> bool:
            under = self.camera.rect_to_scene(cover)
            low, high = [under.left(), under.top()], [under.right(), under.bottom()]
            cards = ((corners < high) & (corners + sizes > low)).all(axis=1)
            return not cards.any() and not any(under.intersects(area) for area in areas)

        width, height = self.width, self.height
        rooms = ((width, cover.top()), (cover.left(), height))
        best = max(rooms, key=lambda room: self.camera.fitting_step(rect, *room))
        step = self.camera.fitting_step(rect, *best)
        while not is_free():
            if self.camera.step <= step:
                self.camera.fit(rect, *best)
                return
            self.camera.step -= 1
            self.camera.look_at(rect.center(), width, height)

    def _jump(self, center: QPointF) -> None:
        self.camera.look_at(center, self.width, self.height)
        self.jumped.emit()
        self._report()

    def _report(self) -> None:
        self.is_fitted = False
        self._middle = self.camera.to_scene(self.center)
        self.changed.emit()
