"""Moments, norms, and layers that normalize by them."""

from nodeflow.ops.norms import layers, local, moments, sizes

__all__ = ["layers", "local", "moments", "sizes"]
