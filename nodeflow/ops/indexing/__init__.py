"""Arranging elements, and finding and placing them by indices."""

from nodeflow.ops.indexing import arranging, counting, diagonals, groups, nd, triangles

__all__ = ["arranging", "counting", "diagonals", "groups", "nd", "triangles"]
