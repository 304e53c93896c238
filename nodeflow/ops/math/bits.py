"""Operations on the bits of integers."""

from __future__ import annotations

import numpy as np

from nodeflow.graph.types import INTEGERS
from nodeflow.ops.elementwise import define

_WORDS = "\n\nShapes broadcast as in numpy. Negative numbers are in two's complement."

for _id, _formula, _text, _reference, _keywords in (
    ("bitwise_and", "bit_and", "The bits that are set in both x and y.", np.bitwise_and, ("&",)),
    ("bitwise_or", "bit_or", "The bits that are set in x or y.", np.bitwise_or, ("|",)),
    ("bitwise_xor", "bit_xor", "The bits in which x and y differ.", np.bitwise_xor, ("^", "xor")),
):
    define(
        _id,
        _text + _WORDS,
        _reference,
        f"{_formula}(x, y)",
        names="x y",
        dtypes=INTEGERS,
        keywords=(*_keywords, "bits", "mask"),
        everyday=False,
    )
define(
    "bitwise_not",
    "x with all bits inverted: -1 - x, and 255 - x for uint8.",
    np.bitwise_not,
    "bit_not(x)",
    dtypes=INTEGERS,
    keywords=("~", "invert", "complement", "bits"),
    everyday=False,
)
define(
    "left_shift",
    "x with its bits shifted up by y places: x * 2^y, wrapping.\n\nShapes broadcast as in numpy. "
    "The result is 0 if y is negative, or at least the number of bits of x.",
    np.left_shift,
    "left_shift(x, y)",
    names="x y",
    dtypes=INTEGERS,
    keywords=("<<", "bit shift", "bitshift"),
    domain={"y": (0, 5)},
    everyday=False,
)
define(
    "right_shift",
    "x with its bits shifted down by y places: x / 2^y, rounded down.\n\nShapes broadcast as in "
    "numpy. If y is negative, or at least the number of bits of x, the result is 0, or -1 for "
    "negative x.",
    np.right_shift,
    "right_shift(x, y)",
    names="x y",
    dtypes=INTEGERS,
    keywords=(">>", "bit shift", "bitshift"),
    domain={"y": (0, 5)},
    everyday=False,
)
