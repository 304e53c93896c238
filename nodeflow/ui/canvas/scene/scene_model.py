"""The scene: the document as arrays for painting. It follows the document and owns none of its
data.

Positions, sizes and states of nodes are numpy rows addressed by slot. The content of a card is
built on its first use after a change. Everything here can be rebuilt from the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF

from nodeflow.document.analysis.folded_values import FOLDED, is_folded
from nodeflow.document.analysis.frozen_weights import TRAINABLE
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import hidden_ports
from nodeflow.document.analysis.subgraphs.instance_paths import instances_in
from nodeflow.document.diff.comparison_view import Marks
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change, Edit, Wire, kind_of
from nodeflow.document.model.snapshots import Snapshots
from nodeflow.drawing.cards import card_data
from nodeflow.drawing.cards.card_builder import CardBuilder
from nodeflow.drawing.cards.card_data import CardData
from nodeflow.drawing.wires import free_lanes, share_arcs, wire_places, wire_shape
from nodeflow.drawing.wires.wire_places import port_place, wire_offsets
from nodeflow.graph.types import DTYPES
from nodeflow.ui.canvas.scene import wire_table
from nodeflow.ui.canvas.scene.badges import Badge
from nodeflow.ui.canvas.scene.drawn_marks import CODES, DrawnMarks
from nodeflow.ui.canvas.scene.slot_map import SlotMap
from nodeflow.ui.canvas.scene.spatial_grid import SpatialGrid

DTYPE_CODES = ("", *DTYPES)
_CODE = {name: code for code, name in enumerate(DTYPE_CODES)}
FEED_STYLE = 100
"""Added to the dtype code of a wire that feeds data and carries no tensor."""

SEVERITY_ROLES = ("", "warning", "error", "ink_faint")
"""Theme colours of nodes by their number in `SceneModel.severity`."""
_SEVERITY = {"warning": 1, "error": 2, "incomplete": 3}

SLICE = 100
"""Number of cards, or of nodes whose wires are built, in one step of a few milliseconds."""

_COLUMNS = (
    *("positions", "_sizes", "selected", "dimmed", "off", "stops", "plotted", "bounded"),
    *("frozen", "overridden", "order", "category", "severity"),
)
"""The arrays of `SceneModel` with a row for each node."""
_OF_USER = ("selected", "dimmed", "order", "overridden")
"""The arrays of `_COLUMNS` whose content does not come from the document."""

Listener = Callable[[set[int], bool], None]


@dataclass
class _Snapshot:
    """The rows of the scene for one state of the document and its analysis.

    ``revalued``: nodes whose values or states changed since then.
    """

    stamp: object
    nodes: SlotMap[str]
    columns: dict[str, np.ndarray]
    cards: list[CardData | None]
    wires: wire_table.WireTable
    stale: set[int]
    revalued: set[str] = field(default_factory=set)


class SceneModel:
    """Nodes and wires of a document as arrays, kept up to date by its change events.

    ``listener(slots, structure)`` receives the nodes whose look changed, and whether anything
    was added, removed, moved or rewired.
    """

    def __init__(self, document: Document, analysis: Analysis, listener: Listener) -> None:
        self._listener = listener
        self._subscribe(document, analysis)

    def set_document(
        self, document: Document, analysis: Analysis, made: SceneModel | None = None
    ) -> None:
        """Show another document: subscribe to its changes, and replace the arrays of nodes and
        wires.

        Args:
            analysis: must be updated before this model receives a change.
            made: a model of the same document, whose arrays are taken over; None to build new ones.
        """
        self.close()
        if made is None:
            self._subscribe(document, analysis)
            return
        made.close()
        own = ("_listener", "_unsubscribe")
        vars(self).update({name: value for name, value in vars(made).items() if name not in own})
        self._unsubscribe = document.subscribe(self._on_change)

    def make_in_slices(self) -> Iterator[float]:
        """Build all cards and wires in short steps. Yield the finished fraction after each step.

        The document must not change meanwhile.
        """
        slots = sorted(self._stale)
        parts = [slots[at : at + SLICE] for at in range(0, len(slots), SLICE)]
        for count, part in enumerate(parts):
            self._make_cards(part)
            yield count / len(parts) / 2
        self._stale.clear()
        for count, part in enumerate(parts):
            ids = map(self.nodes.key, part)
            self._wires.put(self._wire_rows(w for i in ids for w in self.document.incoming.at(i)))
            yield 0.5 + count / len(parts) / 2

    def close(self) -> None:
        """Stop listening to the document."""
        self._unsubscribe()

    def _subscribe(self, document: Document, analysis: Analysis) -> None:
        self.document = document
        self.marks: DrawnMarks | None = None
        """The marks of a comparison, or None without one."""
        self.builder = CardBuilder(document, analysis)
        self.nodes: SlotMap[str] = SlotMap()
        self.positions = np.zeros((0, 2))
        self._sizes = np.zeros((0, 2))
        self.selected = np.zeros(0, bool)
        self.dimmed = np.zeros(0, bool)
        self.off = np.zeros(0, bool)
        """Whether each node is muted or inactive and so has no outputs."""
        self.stops = np.zeros(0, bool)
        """Whether each node has a breakpoint."""
        self.plotted = np.zeros(0, bool)
        """Whether a training plots each node's values."""
        self.bounded = np.zeros(0, bool)
        """Whether each node's values have bounds."""
        self.frozen = np.zeros(0, bool)
        """Whether each node has weights that optimizers do not change."""
        self.overridden = np.zeros(0, bool)
        """Whether each node's value is overridden."""
        self.badges: dict[str, Badge] = {}
        """The badges by node id."""
        self.order = np.zeros(0, np.int32)
        self.category = np.zeros(0, np.int16)
        self.severity = np.zeros(0, np.int8)
        self.categories: list[str] = []
        self._wires = wire_table.WireTable()
        self._stale: set[int] = set()
        """Slots whose card and wires must be rebuilt before anything is read."""
        self._cards: list[CardData | None] = []
        self._grid = SpatialGrid()
        self._grid_stale = True
        self._wires_kept: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._sharing: np.ndarray | None = None
        self._title_shifts: dict[str, float] = {}
        self._before: dict[int, QRectF] = {}
        self._snapshots: Snapshots[_Snapshot] = Snapshots(document.state)
        self._stamp = self._known
        self._unsubscribe = document.subscribe(self._on_change)
        self._add_nodes(document.nodes)

    @property
    def analysis(self) -> Analysis:
        """The analysis of the document: types and problems."""
        return self.builder.analysis

    @property
    def _known(self) -> object:
        """A value that differs whenever the analysis has changed, see `Analysis.stamp`."""
        return self.analysis.stamp

    # ---- reading ----------------------------------------------------------------------------

    @property
    def sizes(self) -> np.ndarray:
        """The width and height of all cards, shape (slots, 2)."""
        self._remake()
        return self._sizes

    def card_sizes(self) -> dict[str, tuple[float, float]]:
        """Return the drawn width and height of every card, by node id."""
        used = self.nodes.used().tolist()
        return {self.nodes.key(slot): tuple(self.sizes[slot].tolist()) for slot in used}

    @property
    def wires(self) -> wire_table.WireTable:
        self._remake()
        return self._wires

    def card(self, slot: int) -> CardData:
        """Return the content of a node's card."""
        self._remake()
        card = self._cards[slot]
        return card if card is not None else self._make_cards([slot])[0]

    def rect(self, slot: int) -> QRectF:
        x, y = self.positions[slot]
        width, height = self.sizes[slot]
        return QRectF(x, y, width, height)

    def bounds(self, slots: np.ndarray | None = None) -> QRectF:
        """Return the rectangle around the given nodes, or around everything, including frames."""
        which = self.nodes.used() if slots is None else slots
        total = QRectF()
        if len(which):
            low = self.positions[which].min(axis=0)
            high = (self.positions[which] + self.sizes[which]).max(axis=0)
            total = QRectF(low[0], low[1], high[0] - low[0], high[1] - low[1])
        if slots is None:
            for frame in self.document.frames.values():
                total = total.united(QRectF(*frame.rect))
        return total

    def wire_bounds(self) -> QRectF:
        """Return the rectangle around all drawn wires and arcs, including their detours around
        cards.
        """
        used, ends, _ = self._wire_places()
        shown = ~self.wires.hidden[used]
        total = QRectF()
        if shown.any():
            box = wire_shape.drawn_box(ends[shown], self.wires.lane[used[shown]])
            total = QRectF(box[0], box[1], box[2] - box[0], box[3] - box[1])
        if len(self.sharing):
            boxes = share_arcs.bounds(self.arcs(self.sharing, self.positions))
            low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
            total |= QRectF(QPointF(*low), QPointF(*high))
        return total

    @property
    def sharing(self) -> np.ndarray:
        """Pairs of array indices, shape (n, 2): a node that shares weights, and the node that owns
        them.
        """
        if self._sharing is None:
            found = share_arcs.sharing_pairs(self.document)
            slots = [[self.nodes.get(i) for i in pair] for pair in found]
            self._sharing = np.array(slots, np.int64).reshape(-1, 2)
        return self._sharing

    def arcs(self, pairs: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Return a curve for each node that shares its weights, from the node to the owner of the
        weights, as the control points of cubic curves (n, 4, 2).

        Args:
            pairs: rows of `sharing`, each with the array indices of a node and of the owner.
            positions: where all nodes are drawn.
        """
        return share_arcs.arcs(positions[pairs], self.sizes[pairs, 0])

    def nodes_in(self, area: QRectF) -> np.ndarray:
        """Return the array indices (slots) of the nodes that touch a scene rectangle, in ascending
        order.
        """
        self._remake()
        if self._grid_stale:
            self._grid.build(self.nodes.used(), self.positions, self.sizes)
            self._grid_stale = False
        edges = (area.left(), area.top(), area.right(), area.bottom())
        return self._grid.query(*edges, self.positions, self.sizes)

    def wires_in(self, area: QRectF) -> tuple[np.ndarray, np.ndarray]:
        """Return the wires that may touch a scene rectangle: their array indices (slots) and end
        points (n, 4).
        """
        used, ends, box = self._wire_places()
        touching = np.flatnonzero(
            (box[:, 0] <= area.right())
            & (box[:, 2] >= area.left())
            & (box[:, 1] <= area.bottom())
            & (box[:, 3] >= area.top())
        )
        return used[touching], ends[touching]

    def _wire_places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the array indices (slots) of all wires, their end points, and their bounding
        boxes. The result is cached until something moves.
        """
        self._remake()
        if self._wires_kept is None:
            used = self.wires.slots.used()
            ends = self.wires.ends(used, self.positions)
            self._find_lanes(used, ends)
            bounds = wire_shape.bounds(ends, self.wires.lane[used])
            # Column-major, because each painting compares all wires with each edge of the view.
            self._wires_kept = (used, ends, np.asfortranarray(bounds))
        return self._wires_kept

    def _find_lanes(self, used: np.ndarray, ends: np.ndarray) -> None:
        """Route wires between cards, unless there are too many."""
        nodes = self.nodes.used()
        nodes = nodes[self.sizes[nodes, 0] > card_data.DOT]  # wires end in the middle of dots
        if len(used) * len(nodes) > free_lanes.MOST:
            self.wires.lane[used], self._title_shifts = np.nan, {}
            return
        corners = self.positions[nodes]
        cards = np.concatenate([corners, corners + self.sizes[nodes]], axis=1)
        grown = [self.card(slot).tallest for slot in nodes.tolist()]
        cards[:, 3] = corners[:, 1] + grown
        sources, hidden = self.wires.source[used], self.wires.hidden[used]
        frames = self.document.frames.values()
        lanes, self._title_shifts = wire_places.route(ends, sources, hidden, cards, frames)
        self.wires.lane[used] = lanes

    def title_shift(self, frame: str) -> float:
        """Return how far a frame's title is moved to the right, to avoid wires."""
        self._wire_places()
        return self._title_shifts.get(frame, 0.0)

    def wires_of(self, slots: Iterable[int]) -> np.ndarray:
        """Return the array indices (slots) of the wires that begin or end at any of the given
        nodes.
        """
        mark = np.zeros(len(self.positions) or 1, bool)
        mark[list(slots)] = True
        used = self.wires.slots.used()
        return used[mark[self.wires.source[used]] | mark[self.wires.target[used]]]

    # ---- changing the view ------------------------------------------------------------------

    def refresh(self, node_ids: Iterable[str]) -> None:
        """Update the cards of these nodes, whose types or problems may have changed."""
        if self._stamp is self._known:
            return
        self._stamp = self._known
        wanted = {i for i in node_ids if i in self.nodes}
        outgoing = self.document.outgoing
        followers = {w.target for i in wanted for w in outgoing.at(i)}
        slots = {s for s in map(self.nodes.get, wanted | followers) if s is not None}
        if not slots:
            return
        if not self._stale:  # else everything is painted anyway
            self._before = {slot: self.rect(slot) for slot in slots}
        self._stale |= slots
        self._listener(slots, False)
        self._before.clear()

    def peek(self, node_id: str) -> None:
        """Show all ports of one node while a wire is dragged near it; empty for no node."""
        before, self.builder.peeked = self.builder.peeked, node_id
        if before != node_id:
            self.rebuild((before, node_id))

    def rebuild(self, node_ids: Iterable[str]) -> None:
        """Rebuild the cards of these nodes, because their content changed."""
        slots = {s for s in map(self.nodes.get, node_ids) if s is not None}
        if not slots:
            return
        self._remake()
        self._before = {slot: self.rect(slot) for slot in slots}
        self._stale |= slots
        self._grid_stale = True
        self._wires_kept = None
        self._listener(slots, False)
        self._before.clear()

    def refresh_cards(self, node_ids: Iterable[str]) -> None:
        """Rebuild the cards of these nodes, but not their wires, because only values or states
        changed.
        """
        node_ids = list(node_ids)
        if not node_ids:
            return
        self._remake()
        for kept in self._snapshots:
            kept.revalued.update(node_ids)
        slots = {s for s in map(self.nodes.get, node_ids) if s is not None}
        for slot in slots:
            self._before[slot] = self.rect(slot)
        self._revalue(slots)
        if slots:
            self._grid_stale = True
            self._listener(slots, False)
            self._before.clear()

    def _revalue(self, slots: Iterable[int | None]) -> None:
        """Update values and states of the existing cards."""
        resized: dict[int, tuple[float, float]] = {}
        for slot in slots:
            was = None if slot is None else self._cards[slot]
            if slot is None or was is None:
                continue
            card = self._cards[slot] = self.builder.revalue(was, self.nodes.key(slot))
            if card.value is not was.value:  # a state does not change the size
                resized[slot] = (card.width, card.height)
        if resized:
            self._sizes[list(resized)] = list(resized.values())

    def restyle(self, slots: set[int]) -> None:
        """Report that nodes must be painted again although their cards are unchanged, for example
        because they were selected.
        """
        self._listener(slots, False)

    def painted_rect(self, slot: int) -> QRectF:
        """Return the rectangle that a node had before the change that is being reported."""
        return self._before.get(slot) or self.rect(slot)

    def set_marks(self, marks: Marks | None) -> None:
        """Mark the differences from another document: added, changed and removed nodes, wires and
        frames. The shown document must not be edited meanwhile.

        Args:
            marks: the differences; None to show none.
        """
        if marks is None:
            self.marks = None
            return
        wires = np.zeros(len(self.wires.source), np.int8)
        for key, kind in marks.wires.items():
            slot = self.wires.slots.get(key)
            if slot is not None:
                wires[slot] = CODES[kind]
        nodes = np.zeros(len(self.positions), np.int8)
        self.set_array(nodes, {i: CODES[kind] for i, kind in marks.nodes.items()}, 0)
        ends = [
            (
                *self._port(w.source, "out", w.source_port),
                *self._port(w.target, "in", w.target_port),
            )
            for w in marks.gone
        ]
        frames = {i: CODES[kind] for i, kind in marks.frames.items()}
        self.marks = DrawnMarks(
            nodes, wires, list(marks.gone), np.array(ends, np.float64).reshape(-1, 4), frames
        )

    def _port(self, node_id: str, side: str, port: str) -> tuple[float, float]:
        """Return the position of a port in scene coordinates."""
        slot = self.nodes.get(node_id)
        if slot is None:
            return 0.0, 0.0
        card = self.card(slot)
        x, y = self.positions[slot]
        return x + (card.width if side == "out" else 0.0), y + port_place(card, side, port)[0]

    def set_array(self, array: np.ndarray, wanted: Mapping[str, Any], default: Any) -> None:
        """Set an array that has one element per node.

        Args:
            wanted: the values by node id.
            default: the value of all other nodes.
        """
        array[:] = default
        for node_id, value in wanted.items():
            slot = self.nodes.get(node_id)
            if slot is not None:
                array[slot] = value

    def place(self, slots: np.ndarray, positions: np.ndarray) -> None:
        """Show nodes at positions that differ from the document, during an animation."""
        self.positions[slots] = positions
        self._grid_stale = True
        self._wires_kept = None

    def follow_positions(self) -> None:
        """Show all nodes at their positions in the document."""
        self._follow_positions(self.nodes.used().tolist())
        self._grid_stale = True
        self._wires_kept = None

    # ---- following the document -------------------------------------------------------------

    def _on_change(self, change: Change) -> None:
        kept = self._snapshots.follow(change, self._take_snapshot)
        rested = self.builder.inactive.follow(change)
        if kept is not None and kept.stamp is self._known:
            self._restore(kept)
            touched: set[int] = set()
        else:
            touched = self._change_rows(change)
            touched |= {slot for slot in map(self.nodes.get, rested) if slot is not None}
        self._stale |= touched
        self._sharing = None
        self._grid_stale = True
        self._wires_kept = None
        self._listener(touched, True)

    def _take_snapshot(self) -> _Snapshot:
        columns = {name: getattr(self, name).copy() for name in _COLUMNS}
        rows = (self.nodes.copy(), columns, list(self._cards), self._wires.copy())
        return _Snapshot(self._stamp, *rows, set(self._stale))

    def _restore(self, kept: _Snapshot) -> None:
        """Restore the arrays of nodes and wires from an earlier state, because the document has
        returned to that state. The selection and similar states of the window stay.
        """
        now, of_user = self.nodes, {name: getattr(self, name) for name in _OF_USER}
        size = len(self.positions)
        self._stamp, self.nodes, self._wires = kept.stamp, kept.nodes, kept.wires
        self._cards, self._stale = kept.cards, kept.stale
        for name, column in kept.columns.items():
            setattr(self, name, column)
        self._grow(size)
        for name, column in of_user.items():
            wanted = {now.key(slot): column[slot] for slot in np.flatnonzero(column).tolist()}
            self.set_array(getattr(self, name), wanted, 0)
        self._revalue(map(self.nodes.get, kept.revalued))
        self.follow_positions()

    def _change_rows(self, change: Change) -> set[int]:
        """Update the arrays of nodes and wires after a change of the document. Return the array
        indices (slots) of the cards that must be rebuilt.
        """
        touched: set[int] = set()
        for edit in change.of("wire"):
            if edit.before is not None:
                self._wires.drop(edit.key)
        gone = [self.nodes.release(record.id) for record in change.nodes_removed]
        freed = [slot for slot in gone if slot is not None]
        for slot in freed:
            self._cards[slot] = None
        for name in _OF_USER:
            getattr(self, name)[freed] = 0
        self._stale.difference_update(freed)
        self._add_nodes([r.id for r in change.nodes_added])
        self._follow_folding(change)
        for before, after in change.nodes_changed:
            slot = self.nodes.get(after.id)
            if slot is not None:
                self.positions[slot] = after.pos
                if (
                    before.op != after.op
                    or before.name != after.name
                    or before.attrs != after.attrs
                    or before.extra != after.extra
                ):
                    touched.add(slot)
        if self.document.sharers and (change.nodes_changed or change.nodes_removed):
            sharing = (self.nodes.get(i) for i in self.document.sharers)  # they show the owner
            touched |= {slot for slot in sharing if slot is not None}
        if any(map(_freezes_inside, change.edits)):
            instances = (self.nodes.get(record.id) for record in instances_in(self.document))
            touched |= {slot for slot in instances if slot is not None}
        return touched | self._touched_by_wires(change)

    def _follow_folding(self, change: Change) -> None:
        """Update the table of nodes after values were folded into the cards of their consumers, or
        shown as separate nodes again. Folded values have no row in it.
        """
        changed = {after.id for _, after in change.nodes_changed}
        ends = {w.source for e in change.of("wire") for w in (e.before, e.after) if w is not None}
        for node_id in changed | ends:
            record = self.document.nodes.get(node_id)
            if record is None or (FOLDED not in record.extra and node_id in self.nodes):
                continue
            if not is_folded(self.document, record):
                self._add_nodes([node_id] if node_id not in self.nodes else [])
                continue
            slot = self.nodes.release(node_id)
            if slot is None:
                continue
            for wire in self.document.wires_out_of(node_id):
                self._wires.drop(wire.key)
                self._stale.update(s for s in [self.nodes.get(wire.target)] if s is not None)
            self._cards[slot] = None
            for name in _OF_USER:
                getattr(self, name)[slot] = 0
            self._stale.discard(slot)

    def _touched_by_wires(self, change: Change) -> set[int]:
        ends: set[str] = set()
        for edit in change.of("wire"):
            for wire in (edit.before, edit.after):
                if wire is not None:
                    ends |= {wire.source, wire.target}
        return {s for s in map(self.nodes.get, ends) if s is not None}

    def _add_nodes(self, node_ids: Iterable[str]) -> None:
        nodes = self.document.nodes
        shown = [i for i in node_ids if not is_folded(self.document, nodes[i])]
        slots = [self.nodes.take(node_id) for node_id in shown]
        if not slots:
            return
        self._grow(max(slots) + 1)
        self._follow_positions(slots)
        self._stale.update(slots)

    def _follow_positions(self, slots: list[int]) -> None:
        if slots:
            nodes, key = self.document.nodes, self.nodes.key
            self.positions[slots] = [nodes[key(slot)].pos for slot in slots]

    def _remake(self) -> None:
        """Rebuild each outdated card once, and then the wires at its ports."""
        if not self._stale:
            return
        slots, self._stale = sorted(self._stale), set()
        self._make_cards(slots)
        self._wires.put(self._wire_rows(self._wires_at(slots)))
        self._grid_stale = True
        self._wires_kept = None

    def _wires_at(self, slots: list[int]) -> Iterator[Wire]:
        """Yield the wires that touch any of the nodes, each once."""
        ids = dict.fromkeys(map(self.nodes.key, slots))
        for node_id in ids:
            yield from self.document.incoming.at(node_id)
            for wire in self.document.outgoing.at(node_id):
                if wire.target not in ids:
                    yield wire

    def _make_cards(self, slots: list[int]) -> list[CardData]:
        nodes, key, build = self.document.nodes, self.nodes.key, self.builder.build
        found = [build(nodes[key(slot)]) for slot in slots]
        for slot, card in zip(slots, found, strict=True):
            self._cards[slot] = card
        for category in {card.category for card in found}.difference(self.categories):
            self.categories.append(category)
        places = {category: index for index, category in enumerate(self.categories)}
        self._sizes[slots] = [(card.width, card.height) for card in found]
        self.stops[slots] = [card.stops for card in found]
        self.plotted[slots] = [card.is_plotted for card in found]
        self.bounded[slots] = [bool(card.bounds) for card in found]
        self.frozen[slots] = [card.is_frozen for card in found]
        self.off[slots] = [card.status in ("muted", "inactive") for card in found]
        self.severity[slots] = [_SEVERITY.get(card.severity, 0) for card in found]
        self.category[slots] = [places[card.category] for card in found]
        return found

    def _wire_rows(self, found: Iterable[Wire]) -> list[wire_table.WireRow]:
        """Return the table entry of each wire: its nodes, end points and style. Leave out wires
        whose nodes are not in the scene yet.
        """
        rows, slot_of, nodes = [], self.nodes.get, self.document.nodes
        for wire in found:
            source, target = slot_of(wire.source), slot_of(wire.target)
            if source is None or target is None:
                continue
            left = self._cards[source] or self.card(source)
            right = self._cards[target] or self.card(target)
            offsets, dtype = wire_offsets(wire, left, right)
            style = _CODE.get(dtype, 0)
            if wire.target_port == "feed":
                style += FEED_STYLE
            record = nodes[wire.target]
            hidden = bool(record.extra) and wire.target_port in hidden_ports(record)
            rows.append(wire_table.WireRow(wire.key, source, target, offsets, style, hidden))
        return rows

    def _grow(self, size: int) -> None:
        if size <= len(self.positions):
            return
        more = max(size, 2 * len(self.positions), 64)
        for name in _COLUMNS:
            old = getattr(self, name)
            new = np.zeros((more, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)
        self._cards += [None] * (more - len(self._cards))


def _freezes_inside(edit: Edit) -> bool:
    """Return whether an edit in another graph of the file may freeze or thaw an instance here."""
    if edit.table == "node" or kind_of(edit.table) != "node":
        return False
    if edit.before is None or edit.after is None:
        return True
    return edit.before.attrs.get(TRAINABLE) != edit.after.attrs.get(TRAINABLE)
