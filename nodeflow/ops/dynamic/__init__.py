"""Ops on sizes known only in a run: shapes as tensors, and results whose size depends on data."""

from nodeflow.ops.dynamic import counting, masks, sizes

__all__ = ["counting", "masks", "sizes"]
