"""Attention, and the positions that it is given."""

from nodeflow.ops.attention import dot_product, linear, positions, tiled

__all__ = ["dot_product", "linear", "positions", "tiled"]
