"""Recurrent networks of cells, as TensorFlow 1 has them: cells, wrappers, and loops over time."""

from nodeflow.ops.rnn import recurrent_loop

__all__ = ["recurrent_loop"]
