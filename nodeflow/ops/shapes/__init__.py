"""Ops that change a shape and keep, repeat or frame the elements."""

from nodeflow.ops.shapes import padding, repeating, reshaping

__all__ = ["padding", "repeating", "reshaping"]
