"""Attention, and encodings of positions."""

from nodeflow.ops.attention import dot_product, linear, positions, tiled

__all__ = ["dot_product", "linear", "positions", "tiled"]
