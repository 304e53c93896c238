"""Predicates of floats, and the exclusive or."""

from __future__ import annotations

import numpy as np

from nodeflow.graph.types import BOOL, FLOATS, NUMBERS
from nodeflow.ops.elementwise import define

define(
    "is_nan",
    "True where x is not a number (NaN).",
    np.isnan,
    "x != x",
    dtypes=FLOATS,
    result="bool",
    category="Comparison",
    keywords=("isnan", "missing", "not a number", "invalid"),
)
define(
    "is_inf",
    "True where x is infinity or -infinity.",
    np.isinf,
    "x == x and x - x != 0",  # infinity minus infinity is NaN
    dtypes=FLOATS,
    result="bool",
    category="Comparison",
    keywords=("isinf", "infinity", "overflow"),
    everyday=False,
)
define(
    "is_finite",
    "True where x is neither infinite nor NaN.",
    np.isfinite,
    "x - x == 0",
    dtypes=FLOATS,
    result="bool",
    category="Comparison",
    keywords=("isfinite", "valid", "infinity", "nan"),
    everyday=False,
)
define(
    "sign_bit",
    "True where the sign bit of x is set, also for -0 and NaN.",
    lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0,
    "sign_bit(x)",
    dtypes=NUMBERS,
    result="bool",
    category="Comparison",
    keywords=("signbit", "negative", "minus"),
    everyday=False,
)
define(
    "logical_xor",
    "True where exactly one of x and y is true.",
    np.logical_xor,
    "x != y",
    names="x y",
    dtypes=BOOL,
    category="Comparison",
    keywords=("^", "xor", "exclusive or", "either"),
    everyday=False,
)
