"""Ops on sizes that only a run knows: shapes as tensors, and results whose size depends on data."""

from nodeflow.ops.dynamic import counting, masks, sizes

__all__ = ["counting", "masks", "sizes"]
