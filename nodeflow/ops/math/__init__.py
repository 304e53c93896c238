"""Functions of numbers, comparisons, reductions and running results."""

from nodeflow.ops.math import (
    arithmetic,
    bits,
    clip,
    comparison,
    complex_numbers,
    cumsum,
    inverse,
    logic,
    predicates,
    products,
    reduction,
    running,
    safe,
    special,
    sums,
)

__all__ = [
    "arithmetic",
    "bits",
    "clip",
    "comparison",
    "complex_numbers",
    "cumsum",
    "inverse",
    "logic",
    "predicates",
    "products",
    "reduction",
    "running",
    "safe",
    "special",
    "sums",
]
