"""The width of text without Qt: advances of the bundled fonts, in 1/1000 em.

A layout computed without a window needs the same sizes as in the window. A test compares this table
with the fonts. The advances of characters that the table lacks come from the font's file. Kerning
is ignored; it only moves letters slightly closer.
"""

from __future__ import annotations

from functools import lru_cache

from nodeflow.document.layout.font_file import advances

MONO = 600
"""The advance of every glyph of JetBrains Mono."""

_CHARACTERS = "".join(map(chr, range(32, 127))) + "×…"
# fmt: off
_REGULAR = (
    269, 288, 466, 633, 642, 982, 644, 300, 391, 391, 648, 648, 269, 648, 269, 360, 648, 648, 648,
    648, 648, 648, 648, 648, 648, 648, 269, 269, 648, 648, 648, 511, 966, 690, 654, 730, 722, 601,
    590, 746, 743, 269, 571, 672, 565, 903, 753, 765, 639, 765, 644, 642, 646, 744, 690, 985, 682,
    679, 629, 391, 360, 391, 471, 456, 323, 562, 612, 571, 612, 583, 370, 613, 591, 242, 242, 549,
    242, 876, 591, 600, 612, 612, 376, 528, 327, 591, 562, 818, 546, 562, 552, 391, 333, 391, 648,
    648, 864,
)
_SEMIBOLD = (
    269, 321, 523, 644, 650, 1004, 663, 326, 391, 391, 647, 647, 269, 647, 269, 379, 647, 647, 647,
    647, 647, 647, 647, 647, 647, 647, 269, 269, 647, 647, 647, 543, 999, 728, 659, 737, 722, 605,
    588, 749, 746, 277, 580, 703, 565, 922, 759, 769, 645, 773, 652, 650, 660, 736, 728, 1020, 720,
    713, 652, 391, 379, 391, 481, 469, 351, 574, 624, 583, 624, 591, 389, 625, 612, 262, 262, 569,
    262, 900, 612, 609, 624, 624, 397, 549, 353, 612, 587, 839, 569, 588, 566, 391, 359, 391, 647,
    647, 956,
)
# fmt: on
_ADVANCES = {
    400: dict(zip(_CHARACTERS, _REGULAR, strict=True)),
    600: dict(zip(_CHARACTERS, _SEMIBOLD, strict=True)),
}
_WIDEST = 1000  # characters that the font lacks are assumed to be a full em wide
_DIGIT = 648  # tabular figures, which the window uses


@lru_cache(maxsize=65536)
def text_width(text: str, size: float, weight: int = 400, mono: bool = False) -> float:
    """Return the width of one line of text of `size` pixels; weight 400, 500 or 600."""
    if mono:
        return len(text) * size * MONO / 1000
    known = _ADVANCES.get(weight, _DIGITS)
    return sum(known.get(letter) or _other(letter, weight) for letter in text) * size / 1000


_DIGITS = dict.fromkeys("0123456789", _DIGIT)


def _other(letter: str, weight: int) -> float:
    """Return the advance of a character that the table lacks."""
    return advances(weight).get(ord(letter), _WIDEST)
