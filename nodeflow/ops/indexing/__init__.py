"""Arrangement of elements; search, gather and scatter by indices."""

from nodeflow.ops.indexing import (
    adjoints,
    arranging,
    counting,
    diagonals,
    embedding_lookup,
    groups,
    largest,
    nd,
    slicing,
    sorting,
    triangles,
)

__all__ = [
    "adjoints",
    "arranging",
    "counting",
    "diagonals",
    "embedding_lookup",
    "groups",
    "largest",
    "nd",
    "slicing",
    "sorting",
    "triangles",
]
