"""Recurrent networks: one-node layers, and TensorFlow 1's cells, wrappers and loops over time."""

from nodeflow.ops.rnn import kinds, recurrent_loop

__all__ = ["kinds", "recurrent_loop"]
