"""Removing the remaining crossings of a layered drawing by moving single nodes.

The order of columns (`barycentre_sweeps`) is chosen as if wires bent around the cards that they
pass. The canvas draws each wire as one curve, so this module counts the crossings of those curves.
It moves nodes one by one, up, down or to another column, to the position with the fewest crossings
and wires behind cards. In a local minimum it moves a few nodes at random and continues (iterated
local search; Lourenco, Martin and Stuetzle, "Iterated local search", 2003).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nodeflow.document.layout.card_size import Size

Position = tuple[float, float]
Wires = Sequence[tuple[str, float, str, float]]
"""Each wire as (source, distance below its top, target, distance below its top)."""

STEP = 18.0
"""Horizontal distance of the samples for comparing the heights of wires."""
MOST_NODES, MOST_SAMPLES = 200, 600
EFFORT, PATIENCE = 2_500, 6
"""Approximate limits: moves evaluated in all, and kicks without improvement."""
KICK = 5
"""Number of nodes moved at random in a local minimum."""
HIDDEN, LENGTH, HEIGHT = 0.5, 1 / 2000, 1 / 400
"""Costs relative to a crossing: a wire behind a card, a unit of wire, a unit of total height."""


def remove_crossings(
    columns: Sequence[Sequence[str]],
    places: dict[str, Position],
    boxes: Mapping[str, Size],
    wires: Wires,
    gap: float,
    effort: int = EFFORT,
) -> None:
    """Move nodes in ``places`` (top left corners) if that removes crossings.

    Args:
        columns: the nodes by column, from left to right; wires run to the right.
        boxes: width and height of the nodes.
        gap: the minimum distance of two nodes in a column.
        effort: about how many moves are evaluated in all.

    Do nothing for graphs of more than `MOST_NODES`, where it would take seconds.
    """
    if not wires or sum(map(len, columns)) > MOST_NODES:
        return
    cards = {node: places[node] for column in columns for node in column}
    drawing = _Drawing(cards, boxes, wires)
    search = _Search(drawing, [list(column) for column in columns], boxes, gap, effort)
    search.run()
    places.update(search.best)


class _Search:
    """A search that moves nodes of a `_Drawing`; ``best`` are the positions of least cost."""

    def __init__(
        self,
        drawing: _Drawing,
        columns: list[list[str]],
        boxes: Mapping[str, Size],
        gap: float,
        effort: int,
    ) -> None:
        self.effort = effort
        self.drawing, self.columns, self.boxes, self.gap = drawing, columns, boxes, gap
        self.column_of = {n: i for i, column in enumerate(columns) for n in column}
        self.left = [min(drawing.place[n][0] for n in column) for column in columns]
        self.width = [max(boxes[n][0] for n in column) for column in columns]
        self.random = random.Random(1)
        self.best, self.least = dict(drawing.place), drawing.cost

    def run(self) -> None:
        """Move nodes until no wires cross, no move helps, or the limit is reached."""
        idle = 0
        drawing, effort = self.drawing, self.effort
        while drawing.has_crossings and idle < PATIENCE and drawing.weighed < effort:
            while self._sweep() and drawing.weighed < effort:
                pass
            idle += 1
            if self.drawing.cost < self.least - 1e-6:
                self.best, self.least, idle = dict(self.drawing.place), self.drawing.cost, 0
            if drawing.weighed < effort:
                self._kick()

    def _sweep(self) -> bool:
        moved = [self._improve(node) for node in self.column_of]
        for column in self.columns:
            order = sorted(column, key=lambda n: self.drawing.place[n][1])
            moved += [self._swap(*pair) for pair in pairwise(order)]
        return any(moved)

    def _improve(self, node: str) -> bool:
        """Move a node to its best free position."""
        if not self.drawing.is_crossed(node):
            return False
        return self._take(self.drawing.best_of([{node: p} for p in self._free(node)]))

    def _swap(self, upper: str, lower: str) -> bool:
        """Swap two neighbours in a column if that is better."""
        if not (self.drawing.is_crossed(upper) or self.drawing.is_crossed(lower)):
            return False
        (x, top), (other_x, low) = self.drawing.place[upper], self.drawing.place[lower]
        bottom = low + self.boxes[lower][1]
        choice = {lower: (other_x, top), upper: (x, bottom - self.boxes[upper][1])}
        return self._take(self.drawing.best_of([choice]))

    def _kick(self) -> None:
        """Return to the best positions, then move a few nodes with crossings to random free
        positions.
        """
        self._take(self.best)
        crossed = [n for n in self.column_of if self.drawing.is_crossed(n)]
        for node in self.random.sample(crossed, min(KICK, len(crossed))):
            self._take({node: self.random.choice(list(self._free(node)))})

    def _take(self, choice: Mapping[str, Position] | None) -> bool:
        if choice is None:
            return False
        self.drawing.move(choice)
        for node, (x, _) in choice.items():
            column = self.left.index(x)
            if column != self.column_of[node]:
                self.columns[self.column_of[node]].remove(node)
                self.columns[column].append(node)
                self.column_of[node] = column
        return True

    def _free(self, node: str) -> Iterator[Position]:
        """Yield the free position in each gap of the columns that is nearest to the preferred
        position.
        """
        preferred_top, (width, height) = self.drawing.preferred_top(node), self.boxes[node]
        first, last = self.drawing.between(node, self.column_of, len(self.columns))
        for column in range(first, last + 1):
            if width > self.width[column]:
                continue
            others = [n for n in self.columns[column] if n != node]
            tops = ((self.drawing.place[n][1], self.boxes[n][1]) for n in others)
            taken = sorted((top - self.gap, top + h + self.gap) for top, h in tops)
            starts = [float("-inf"), *(end for _, end in taken)]
            ends = [*(start for start, _ in taken), float("inf")]
            for start, end in zip(starts, ends, strict=True):
                if end - start >= height:
                    yield self.left[column], min(max(preferred_top, start), end - height)


@dataclass
class _Curves:
    """Wires as heights over a grid: (n, samples), NaN outside their extent; ends and lengths."""

    left: np.ndarray
    right: np.ndarray
    heights: np.ndarray
    length: np.ndarray


class _Drawing:
    """The wires, their curves, their crossings, and the cards that hide parts of them.

    Attributes:
        place: the top left corner of each node.
        cost: the weighted sum of crossings, hidden parts, length and height.
        weighed: the number of moves evaluated so far.
    """

    def __init__(
        self, places: Mapping[str, Position], boxes: Mapping[str, Size], wires: Wires
    ) -> None:
        self.place = dict(places)
        self.boxes, self.wires = boxes, wires
        self.weighed = 0
        self.index = {node: i for i, node in enumerate(places)}
        self.cards = np.array([[x, y, *boxes[n]] for n, (x, y) in places.items()])
        self.of: dict[str, list[int]] = {node: [] for node in places}
        for index, (source, _, target, _) in enumerate(wires):
            self.of[source].append(index)
            self.of[target].append(index)
        low = min(x for x, _ in places.values())
        high = max(x for x, _ in places.values())
        self.grid = np.linspace(low, high, min(int((high - low) / STEP) + 2, MOST_SAMPLES))
        starts = [(source, depth) for source, depth, _, _ in wires]
        ends = [(target, depth) for _, _, target, depth in wires]
        same_start = np.array([[a == b for b in starts] for a in starts])
        same_end = np.array([[a == b for b in ends] for a in ends])
        self.apart = ~(same_start | same_end)
        everyone = np.arange(len(wires))
        self.all = self._curves(everyone, {})
        self.crossed = self._crossed(everyone, self.all)
        self.hidden = self._hidden(self.all, self.cards)
        """Which wire passes behind which card: (wires, cards)."""

    @property
    def has_crossings(self) -> bool:
        return bool(self.crossed.any() or self.hidden.any())

    @property
    def cost(self) -> float:
        pairs, hidden = int(self.crossed.sum()) // 2, int(self.hidden.sum())
        return pairs + HIDDEN * hidden + LENGTH * float(self.all.length.sum()) + self._height()

    def is_crossed(self, node: str) -> bool:
        """Return whether the node takes part in a crossing.

        Its wires cross others or pass behind cards, or other wires pass behind its card.
        """
        which = self.of[node]
        mine = self.crossed[which].any() or self.hidden[which].any()
        return bool(mine or self.hidden[:, self.index[node]].any())

    def between(self, node: str, column_of: Mapping[str, int], count: int) -> tuple[int, int]:
        """Return the first and last column for a node in which all its wires still lead to the
        right.
        """
        sources = [column_of[self.wires[i][0]] for i in self.of[node] if self.wires[i][2] == node]
        targets = [column_of[self.wires[i][2]] for i in self.of[node] if self.wires[i][0] == node]
        return max(sources, default=-1) + 1, min(targets, default=count) - 1

    def preferred_top(self, node: str) -> float:
        """Return the top at which the node's wires are horizontal on average."""
        tops = []
        for index in self.of[node]:
            source, there, target, here = self.wires[index]
            if node == target:
                tops.append(self.place[source][1] + there - here)
            else:
                tops.append(self.place[target][1] + here - there)
        return sum(tops) / len(tops) if tops else self.place[node][1]

    def best_of(self, choices: Sequence[Mapping[str, Position]]) -> Mapping[str, Position] | None:
        """Return the move (node -> position) with the least cost, or None if none reduces the
        cost."""
        if not choices:
            return None
        best, least = None, self._weigh({n: self.place[n] for n in choices[0]}) - 1e-6
        for choice in choices:
            cost = self._weigh(choice)
            if cost < least:
                best, least = choice, cost
        self.weighed += len(choices)
        return best

    def move(self, choice: Mapping[str, Position]) -> None:
        """Apply a move: node -> new position."""
        self.place.update(choice)
        for node, (x, y) in choice.items():
            self.cards[self.index[node], :2] = x, y
        which = self._touched(choice)
        curves = self._curves(which, {})
        for name in ("left", "right", "heights", "length"):
            getattr(self.all, name)[which] = getattr(curves, name)
        crossed = self._crossed(which, curves)
        self.crossed[which] = crossed
        self.crossed[:, which] = crossed.T
        self.hidden[which] = self._hidden(curves, self.cards)
        moved = [self.index[node] for node in choice]
        self.hidden[:, moved] = self._hidden(self.all, self.cards[moved])

    def _touched(self, choice: Mapping[str, Position]) -> np.ndarray:
        return np.array(sorted({i for n in choice for i in self.of[n]}), int)

    def _weigh(self, choice: Mapping[str, Position]) -> float:
        """Return the cost of the drawing after a tentative move of nodes; move nothing.

        The cost adds the crossings of the wires that the move affects, the wires hidden behind
        cards, the lengths of the wires, and the height of the drawing.
        """
        which = self._touched(choice)
        curves = self._curves(which, choice)
        crossed = self._crossed(which, curves)
        pairs = int(crossed.sum()) - int(crossed[:, which].sum()) // 2
        moved = [self.index[node] for node in choice]
        old = self.cards[moved, :2].copy()
        self.cards[moved, :2] = list(choice.values())
        hidden = self._hidden(curves, self.cards).sum()
        others = np.ones(len(self.wires), bool)
        others[which] = False
        hidden += self._hidden(self.all, self.cards[moved])[others].sum()
        height = self._height()
        self.cards[moved, :2] = old
        return pairs + HIDDEN * int(hidden) + LENGTH * float(curves.length.sum()) + height

    def _height(self) -> float:
        top, height = self.cards[:, 1], self.cards[:, 3]
        return HEIGHT * float((top + height).max() - top.min())

    def _hidden(self, curves: _Curves, cards: np.ndarray) -> np.ndarray:
        """Return whether each wire passes behind each card, bool (wires, cards).

        Only every second sample of a curve is tested.
        """
        hidden = np.zeros((len(curves.left), len(cards)), bool)
        left, right = cards[:, 0], cards[:, 0] + cards[:, 2]
        first, last = curves.left.min(initial=np.inf), curves.right.max(initial=-np.inf)
        near = np.flatnonzero((left < last) & (right > first))
        if not len(near):
            return hidden
        low = int(np.searchsorted(self.grid, max(first, left[near].min()))) & ~1
        high = int(np.searchsorted(self.grid, min(last, right[near].max()), "right"))
        places, heights = self.grid[low:high:2], curves.heights[:, None, low:high:2]
        _, top, _, height = cards[near, :, None].swapaxes(0, 1).astype(np.float32)
        inside = (places > left[near, None]) & (places < right[near, None])
        with np.errstate(invalid="ignore"):
            hidden[:, near] = ((heights > top) & (heights < top + height) & inside).any(axis=-1)
        return hidden

    def _curves(self, which: np.ndarray, choice: Mapping[str, Position]) -> _Curves:
        """Return the curves of these wires with nodes at the positions of ``choice``."""
        ends = np.zeros((len(which), 4))
        for row, index in enumerate(which):
            source, there, target, here = self.wires[index]
            x, y = choice.get(source) or self.place[source]
            right, end = choice.get(target) or self.place[target]
            ends[row] = x + self.boxes[source][0], y + there, right, end + here
        left, start, right, end = ends.T
        share = _eased((self.grid - left[:, None]) / (right - left)[:, None])
        heights = start[:, None] + (end - start)[:, None] * share
        length = np.abs(end - start) + (right - left)
        return _Curves(left, right, heights.astype(np.float32), length)

    def _crossed(self, which: np.ndarray, curves: _Curves) -> np.ndarray:
        """Return which wires cross, bool (len(which), wires).

        Wires in ``which`` have the given ``curves``; all others have their present curves.
        """
        crossed = np.zeros((len(which), len(self.wires)), bool)
        if not len(which):
            return crossed
        old = self.all.heights[which]
        self.all.heights[which] = curves.heights
        first, last = curves.left.min(), curves.right.max()
        close = (self.all.left < last) & (self.all.right > first)
        close[which] = True
        near = np.flatnonzero(close)
        low = int(np.searchsorted(self.grid, first))
        high = int(np.searchsorted(self.grid, last, "right"))
        gaps = curves.heights[:, None, low:high] - self.all.heights[near, low:high]
        self.all.heights[which] = old
        with np.errstate(invalid="ignore"):  # NaN outside the extent of either wire
            turned = (gaps[..., 1:] * gaps[..., :-1] < 0).any(axis=-1)
        crossed[:, near] = turned
        return crossed & self.apart[which]


_U = np.linspace(0, 1, 129)
_ACROSS, _RISEN = 1.5 * _U - 1.5 * _U**2 + _U**3, 3 * _U**2 - 2 * _U**3


def _eased(across: np.ndarray) -> np.ndarray:
    """Return the height of a wire's curve, 0 to 1, at a fraction of its width; NaN outside the
    width.

    The curve is a cubic with horizontal tangents and control points at half of its width.
    """
    return np.interp(across, _ACROSS, _RISEN, left=np.nan, right=np.nan)
