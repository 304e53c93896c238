"""Single ops that matter in no case of engine.py: the computation of each library, and its arrays.

Plain numpy, so that a peer's process needs nothing of nodeflow.
"""

from __future__ import annotations

from functools import cache

import numpy as np

UNARY = {
    "acosh": "above", "acos": "inside", "asin": "inside", "asinh": "numbers", "atan": "numbers",
    "atanh": "inside", "cosh": "numbers", "exp2": "numbers", "log2": "positive",
    "log10": "positive", "sinh": "numbers", "tan": "numbers",
}  # fmt: skip
"""Functions with the same name in both libraries, and the arrays that they are computed for."""
OTHERS: dict[str, tuple[str, ...]] = {
    "atan2": ("numbers", "others"),
    "power": ("positive", "numbers"),
    "power_2": ("numbers",),
    "power_3": ("numbers",),
    "power_half": ("positive",),
    "floor_divide": ("numbers", "positive"),
    "modulo": ("numbers", "positive"),
    "sort_int32": ("integers",),
    "sort_uint8": ("bytes",),
    "roll": ("matrix",),
    "reverse": ("matrix",),
    "transpose": ("matrix",),
    "concat": ("matrix", "matrix"),
    "gather_columns": ("matrix", "columns"),
    "take_along": ("matrix", "places"),
    "embedding": ("table", "rows"),
    "segment_sum": ("wide", "segments"),
    "bincount": ("places",),
    "searchsorted": ("ordered", "queries"),
    "short_sums": ("classes",),
    "short_maxima": ("classes",),
    "short_places": ("classes",),
    "short_products": ("classes",),
    "norm": ("numbers",),
    "squared_error": ("numbers", "others"),
    "largest_difference": ("numbers", "others"),
    "product": ("matrix",),
    "cumprod": ("matrix",),
    "group_normalization": ("pictures",),
    "group_normalization_gradient": ("pictures", "flowing"),
    "depthwise": ("pictures", "filters"),
    "max_pool_3": ("pictures",),
    "max_pool_volumes": ("volumes",),
    "fft": ("signals",),
    "cholesky": ("square",),
}
"""The arrays of each other case."""
CASES = tuple(f"op_{name}" for name in (*UNARY, *OTHERS))
GROUPS, TURN = 8, 7
"""Groups of a group normalization, and the distance of ``roll``."""


def arrays_of(case: str) -> list[np.ndarray]:
    name = case.removeprefix("op_")
    return [array(which) for which in ((UNARY[name],) if name in UNARY else OTHERS[name])]


@cache
def array(which: str) -> np.ndarray:
    """Return 4 million float32 numbers, or the array that the name describes."""
    random = np.random.default_rng(15)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype("float32")

    n = 1 << 22
    if which == "square":
        root = normal(256, 256)
        return root @ root.T / 256 + np.eye(256, dtype="float32")
    if which == "segments":
        return np.sort(random.integers(0, 512, 8192)).astype("int32")
    return {
        "numbers": lambda: normal(n),
        "others": lambda: normal(2, n)[1],
        "positive": lambda: np.abs(normal(n)) + np.float32(0.1),
        "above": lambda: np.abs(normal(n)) + np.float32(1),
        "inside": lambda: random.uniform(-0.99, 0.99, n).astype("float32"),
        "integers": lambda: random.integers(-(1 << 30), 1 << 30, n).astype("int32"),
        "bytes": lambda: random.integers(0, 256, n).astype("uint8"),
        "matrix": lambda: normal(4096, 1024),
        "classes": lambda: normal(n // 10, 10),
        "columns": lambda: random.integers(0, 1024, 512).astype("int32"),
        "places": lambda: random.integers(0, 1024, (4096, 64)).astype("int32"),
        "table": lambda: normal(50_000, 128),
        "rows": lambda: random.integers(0, 50_000, 8192).astype("int32"),
        "wide": lambda: normal(8192, 256),
        "ordered": lambda: np.sort(normal(1 << 16)),
        "queries": lambda: normal(1 << 18),
        "pictures": lambda: normal(16, 64, 64, 32),
        "volumes": lambda: normal(4, 32, 32, 32, 32),
        "flowing": lambda: normal(2, 16, 64, 64, 32)[1],
        "filters": lambda: normal(3, 3, 32, 1) / 3,
        "signals": lambda: (normal(256, 4096) + 1j * normal(256, 4096)).astype("complex64"),
    }[which]()
