"""Summaries of a run for TensorBoard. `ops` declares them, the other modules encode them."""

from nodeflow.ops.summaries import ops

__all__ = ["ops"]
