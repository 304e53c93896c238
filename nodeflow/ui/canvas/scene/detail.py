"""Levels of detail of cards by the size of their text on the screen.

No text has less than `texts.LEAST` pixels. As the view zooms out, text first keeps this size on
smaller cards. When it no longer fits into its lines, cards show only names and values, then only
names, as large as their room allows. Names end when only few letters fit. Then the labels of frames
say what the blocks are.
"""

from __future__ import annotations

from typing import NamedTuple

from nodeflow.drawing import text_layout as texts

FULL, FAR, BLOCK = "full", "far", "block"

LINE_HOLDS = 14.0
"""The largest size of text in the lines of a card, which are 16 units apart."""
FULL_SCALE = texts.LEAST / LINE_HOLDS
"""Below this scale, legible text does not fit into the lines of a card."""
FAR_SCALE = 0.24
"""From this scale on, names are drawn for any number of visible nodes. A legible name on a card of
the smallest width then has seven letters per line."""
TINY_SCALE = 0.15
"""With few visible nodes, cards with names and pictures are drawn down to this scale."""
FEW = 400
"""Visible nodes. With more, names end at `FAR_SCALE`."""
LABEL_SCALE = 0.28
"""Below this scale a legible title does not fit into the strip of its frame."""
NAME_PIXELS = 13.0
"""The size of a name on the screen if its card has room for it."""
LARGEST_BADGE = 2.0
"""The largest growth of a badge on a card. If this is not enough for its text, it is absent."""


class Detail(NamedTuple):
    """How much of a card is drawn, and the pixels of the screen per scene unit."""

    level: str = FULL
    scale: float = 1.0

    @staticmethod
    def at(scale: float, far_scale: float = FAR_SCALE) -> Detail:
        """Return the detail of cards at a scale; ``far_scale``: where names end."""
        if scale >= FULL_SCALE:
            return Detail(FULL, scale)
        return Detail(FAR if scale >= far_scale else BLOCK, scale)

    def legible(self, style: texts.Style) -> texts.Style:
        """Return a style, enlarged if its text would be too small to read."""
        return texts.legible(style, self.scale)

    def badge(self, style: texts.Style) -> float:
        """Return the growth factor of a badge with text of this style; 0 if there is no badge."""
        grown = self.legible(style)[0] / style[0]
        return grown if grown <= LARGEST_BADGE else 0.0


WHOLE = Detail()
"""All details at life size."""
