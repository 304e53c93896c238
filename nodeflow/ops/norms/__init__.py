"""Moments, norms, and normalization."""

from nodeflow.ops.norms import batch_and_layer, known_statistics, layers, local, moments, sizes

__all__ = ["batch_and_layer", "known_statistics", "layers", "local", "moments", "sizes"]
