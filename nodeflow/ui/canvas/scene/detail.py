"""Levels of detail of cards, chosen by the size of their text on the screen.

No text is smaller than `texts.LEAST` pixels. When the view zooms out, text first keeps this
size while the cards shrink. When the text no longer fits into its lines, cards show only names
and values, and then only names, as large as there is room. Below the scale at which only a few
letters fit, cards have no names. Then frames have labels that describe the blocks.
"""

from __future__ import annotations

from typing import NamedTuple

from nodeflow.drawing import text_layout as texts

FULL, FAR, BLOCK = "full", "far", "block"

LINE_HOLDS = 14.0
"""The largest text size that fits into the lines of a card, which are 16 units apart."""
FULL_SCALE = texts.LEAST / LINE_HOLDS
"""The scale below which legible text does not fit into the lines of a card."""
FAR_SCALE = 0.24
"""The smallest scale with names on cards, for any number of visible nodes. On a card of the
smallest width, a legible name then has seven letters per line.
"""
TINY_SCALE = 0.15
"""The scale down to which cards have names and pictures, if few nodes are visible."""
FEW = 400
"""Maximum number of visible nodes. With more, names end at `FAR_SCALE` and not at `TINY_SCALE`."""
LABEL_SCALE = 0.28
"""The scale below which a legible title does not fit into the strip of its frame."""
NAME_PIXELS = 13.0
"""The size of a name on the screen in pixels, if its card has room for it."""
LARGEST_BADGE = 2.0
"""The largest growth factor of a badge on a card. A badge whose text would need more is not
drawn.
"""


class Detail(NamedTuple):
    """The level of detail of a card, and the number of screen pixels per scene unit."""

    level: str = FULL
    scale: float = 1.0

    @staticmethod
    def at(scale: float, far_scale: float = FAR_SCALE) -> Detail:
        """Return the level of detail for drawing cards at a scale of the view: everything, only
        names, or plain rectangles.

        Args:
            far_scale: the scale below which cards have no names.
        """
        if scale >= FULL_SCALE:
            return Detail(FULL, scale)
        return Detail(FAR if scale >= far_scale else BLOCK, scale)

    def legible(self, style: texts.Style) -> texts.Style:
        """Return a style, enlarged if its text would otherwise be too small to read."""
        return texts.legible(style, self.scale)

    def badge(self, style: texts.Style) -> float:
        """Return how much to enlarge a badge on a card, as a factor, so that its text in this style
        is legible. Return 0 if the card has no room for it.
        """
        grown = self.legible(style)[0] / style[0]
        return grown if grown <= LARGEST_BADGE else 0.0


WHOLE = Detail()
"""All details, at scale 1."""
