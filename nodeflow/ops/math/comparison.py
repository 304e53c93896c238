"""Comparisons, logic, and selection by a condition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Port
from nodeflow.graph.types import BOOL, DTYPES, NUMBERS
from nodeflow.ops import functions as F
from nodeflow.ops.elementwise import define


def _compare(
    op_id: str, sign: str, words: str, reference: Callable[..., Any], dtypes: tuple[str, ...]
) -> None:
    define(
        op_id,
        f"True where x is {words} y.\n\nShapes broadcast as in numpy; the result is bool. "
        f"{'NaN differs from everything, itself included.' if dtypes is DTYPES else ''}"
        f"{'Comparing with NaN is false.' if dtypes is NUMBERS else ''} No gradient flows.",
        reference,
        f"x {sign} y",
        names="x y",
        dtypes=dtypes,
        result="bool",
        category="Comparison",
        keywords=(sign, "compare"),
    )


_compare("equal", "==", "equal to", np.equal, DTYPES)
_compare("not_equal", "!=", "different from", np.not_equal, DTYPES)
_compare("less", "<", "less than", np.less, NUMBERS)
_compare("less_equal", "<=", "less than or equal to", np.less_equal, NUMBERS)
_compare("greater", ">", "greater than", np.greater, NUMBERS)
_compare("greater_equal", ">=", "greater than or equal to", np.greater_equal, NUMBERS)

define(
    "logical_and",
    "True where both x and y are true.",
    np.logical_and,
    "x and y",
    names="x y",
    dtypes=BOOL,
    category="Comparison",
    keywords=("&", "both"),
)
define(
    "logical_or",
    "True where x or y or both are true.",
    np.logical_or,
    "x or y",
    names="x y",
    dtypes=BOOL,
    category="Comparison",
    keywords=("|", "either"),
)
define(
    "logical_not",
    "True where x is false.",
    np.logical_not,
    "not x",
    dtypes=BOOL,
    category="Comparison",
    keywords=("~", "invert", "negate"),
)
define(
    "where",
    "x where the condition is true, else y.\n\nThe three shapes broadcast as in numpy. Gradient: "
    "to the element that was taken.",
    np.where,
    "where(condition, x, y)",
    ports=(
        Port("condition", "True where x is taken, false where y is.", BOOL, accepts_bool=False),
        Port("x", "Taken where the condition is true.", group="T"),
        Port("y", "Taken where the condition is false.", group="T"),
    ),
    gradient=lambda g, condition, x, y, out: (
        None,
        F.where(condition, g, 0),
        F.where(condition, 0, g),
    ),
    category="Comparison",
    keywords=("if", "select", "choose", "condition"),
)
