"""The content of a node's card as immutable data, and its geometry.

This module does not paint. A card's key is its content, so that equal cards are painted once. Sizes
and port positions depend only on the content, so that layout, hit testing and export agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nodeflow.document.layout import card_size
from nodeflow.document.layout.card_size import (
    DOT,
    FOLD,
    FOOT,
    HEADER,
    ICON_ROOM,
    MAX_WIDTH,
    MIN_WIDTH,
    PORT_INSET,
    ROW,
    TENSOR,
    type_text,
)
from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.cards import value_preview

PROBLEM_PAD = 8.0
FOLD_WIDTH = 56.0
"""Width of the clickable place around the fold arrow; beside it a click selects the card."""
FOLDED, UNFOLDED = "folded", "unfolded"
CARD_FORM, TITLE_FORM, DOT_FORM = "card", "title", "dot"
_SERIAL = 8
"""Index of the value's serial number in a card's key."""


@dataclass(frozen=True)
class PortData:
    """One port as drawn. ``type_text`` is empty while the type is unknown;
    ``fault`` is the level of a problem at the port."""

    name: str
    label: str
    type_text: str = ""
    dtype: str = ""
    kind: str = "tensor"
    optional: bool = False
    connected: bool = False
    fault: str = ""


@dataclass(frozen=True)
class CardData:
    """The whole content of a card. Equal cards look equal at the same zoom in the same theme.

    ``stops``: it has a breakpoint; ``is_plotted``: a training plots it; ``bounds``: the bounds of
    its values as text; ``is_overridden``: its value is overridden. The window paints the signs of
    these four over the card. ``form`` is card, title (collapsed) or dot (on a wire). ``passes`` are
    pairs of an input and an output that a bypassed node connects.
    """

    title: str
    subtitle: str
    op: str
    category: str
    inputs: tuple[PortData, ...]
    outputs: tuple[PortData, ...]
    problem: str = ""
    severity: str = ""
    status: str = ""
    stops: bool = False
    is_plotted: bool = False
    bounds: str = ""
    is_overridden: bool = False
    shows_value: bool = True
    value: Any = None
    value_serial: int = 0
    width: float = MIN_WIDTH
    form: str = CARD_FORM
    passes: tuple[tuple[int, int], ...] = ()
    slider: float | None = None
    """Position of its slider, from 0 to 1; None without one."""
    fold: str = ""
    """Whether ports that only override settings are folded away; empty without such ports."""
    is_frozen: bool = False
    """Whether it has weights that optimizers do not change."""
    device: str = ""
    """The device it is to be computed on, shown as a coloured strip on its left edge."""

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CardData) and self.key == other.key

    @cached_property
    def key(self) -> tuple:
        """Everything that a card shows, to compare cards. The value, which may be large, is
        represented by a serial number.
        """
        return (
            self.title,
            self.subtitle,
            self.op,
            self.inputs,
            self.outputs,
            self.problem,
            self.severity,
            self.status,
            self.value_serial,
            self.width,
            self.form,
            self.passes,
            self.slider,
            self.fold,
            self.is_frozen,
            self.device,
        )

    def differs_in_value(self, other: CardData) -> bool:
        """Return whether two cards differ at most in a value, of the same kind and height."""
        if getattr(self.value, "kind", None) != getattr(other.value, "kind", None):
            return False
        mine, theirs = self.key, other.key
        rest = mine[:_SERIAL] == theirs[:_SERIAL] and mine[_SERIAL + 1 :] == theirs[_SERIAL + 1 :]
        return rest and self.value_height == other.value_height

    def showing(self, value: Any, serial: int, status: str) -> CardData:
        """Return a copy of the card's data with another value and status.

        It avoids the constructor, because thousands of cards may change at once.
        """
        other = object.__new__(CardData)
        other.__dict__.update(self.__dict__, value=value, value_serial=serial, status=status)
        for made in ("key", "_hash"):
            other.__dict__.pop(made, None)
        return other

    # ---- geometry, relative to the card's top left corner -----------------------------------

    @property
    def rows(self) -> int:
        return max(len(self.inputs), len(self.outputs))

    @property
    def value_top(self) -> float:
        foot = FOLD if self.fold else FOOT if self.rows else 0
        return HEADER + ROW * self.rows + foot

    @property
    def fold_top(self) -> float:
        """The y coordinate at which the strip begins that folds and unfolds a card's ports, below
        the rows of ports.
        """
        return HEADER + ROW * self.rows

    @property
    def value_height(self) -> float:
        if self.form != CARD_FORM:
            return 0.0
        empty = self.shows_value and any(p.kind != "control" for p in self.outputs)
        shows = self.value is not None or empty
        return value_preview.height_of(self.value, self.width) if shows else 0.0

    @property
    def problem_lines(self) -> tuple[str, ...]:
        if not self.problem or self.form != CARD_FORM:
            return ()
        return texts.wrap(self.problem, texts.CAPTION, self.width - 42, 3)

    def legible_problem(self, style: texts.Style) -> tuple[str, ...]:
        """Return the card's problem as lines of text in a style that may be larger than usual, as
        many lines as the card has space for.
        """
        lines = self.problem_lines
        return texts.wrap(self.problem, style, self.width - 42, len(lines)) if lines else ()

    @property
    def problem_height(self) -> float:
        lines = len(self.problem_lines)
        return 2 * PROBLEM_PAD + value_preview.LINE * lines - 2 if lines else 0.0

    @property
    def height(self) -> float:
        if self.form != CARD_FORM:
            return DOT if self.form == DOT_FORM else HEADER
        return self.value_top + self.value_height + self.problem_height

    @property
    def tallest(self) -> float:
        """The card's height if its value is shown as high as possible."""
        room = max(self.value_height, TENSOR if self.value is None else 0.0)
        return self.height - self.value_height + (room if self.value_height else 0.0)

    def port_y(self, index: int, side: str) -> float:
        """Return the distance of a port from the card's top; the side is ``in`` or ``out``."""
        if self.form == CARD_FORM:
            return row_y(index)
        count = len(self.inputs if side == "in" else self.outputs)
        return self.height * (index + 1) / (count + 1)


def row_y(index: int) -> float:
    """Return the y coordinate, from the card's top, of the port number ``index`` on the card's left
    or right side.
    """
    return HEADER + ROW * index + ROW / 2


def label_width(port: PortData) -> float:
    return card_size.label_width((port.label, port.type_text))


__all__ = [
    "CARD_FORM",
    "DOT",
    "DOT_FORM",
    "FOLD",
    "FOLDED",
    "FOLD_WIDTH",
    "FOOT",
    "HEADER",
    "ICON_ROOM",
    "MAX_WIDTH",
    "MIN_WIDTH",
    "PORT_INSET",
    "ROW",
    "TITLE_FORM",
    "UNFOLDED",
    "CardData",
    "PortData",
    "label_width",
    "row_y",
    "type_text",
]
