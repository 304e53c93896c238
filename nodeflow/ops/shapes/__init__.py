"""Ops that change shapes: reshape, repeat and pad."""

from nodeflow.ops.shapes import padding, repeating, reshaping

__all__ = ["padding", "repeating", "reshaping"]
