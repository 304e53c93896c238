"""Summaries: what TensorBoard shows of a run. `ops` declares them, the rest encodes them."""

from nodeflow.ops.summaries import ops

__all__ = ["ops"]
